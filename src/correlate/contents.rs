//! What the bytes of a record are: JSON, text or bytes, and the schema that they name.

use crate::decode::headers::schema::{self, Schema};
use crate::model::contents::{Content, Contents, Form};
use crate::model::{Record, SafeText};
use bytes::Bytes;
use serde::de::IgnoredAny;

/// Bytes of the prefix with the number of a schema: a zero and four bytes.
const PREFIX: usize = 5;

/// Returns what the key and the value of a record are.
pub fn contents(record: &Record) -> Contents {
    Contents {
        key: content(record.key.as_ref(), schema::of_key(record)),
        value: content(record.value.as_ref(), schema::of_value(record)),
    }
}

fn content(bytes: Option<&Bytes>, schema: Option<Schema>) -> Content {
    let Some(bytes) = bytes else { return Content { form: Form::Null, schema: None, payload: 0..0 } };
    let from = if matches!(schema, Some(Schema::Number(_))) { PREFIX } else { 0 };
    let payload = bytes.get(from..).unwrap_or_default();
    let form = match form(payload) {
        // Behind a schema's number only JSON is what it looks like: short Avro is often printable.
        Form::Text if from > 0 => Form::Bytes,
        form => form,
    };
    let schema = schema.map(|schema| match schema {
        Schema::Number(number) => SafeText::from(format!("schema id {number}")),
        Schema::Guid(guid) => SafeText::from(format!("schema {guid}")),
        Schema::Class(class) => SafeText::from(format!("class {class}")),
    });
    Content { form, schema, payload: from..from + payload.len() }
}

fn form(payload: &[u8]) -> Form {
    let Ok(text) = std::str::from_utf8(payload) else { return Form::Bytes };
    let trimmed = text.trim();
    if text.is_empty() {
        Form::Empty
    } else if trimmed.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(trimmed).is_ok() {
        Form::Json
    } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Form::Bytes
    } else {
        Form::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_by_what_they_are_not_by_what_they_may_be() {
        let told = |bytes: &'static [u8], schema: Option<Schema>| {
            let content = content(Some(&Bytes::from_static(bytes)), schema);
            (content.form, content.payload.clone(), content.words())
        };
        assert_eq!(told(b"{\"a\": 1}", None), (Form::Json, 0..8, "JSON".into()));
        assert_eq!(told(b"17", None).0, Form::Text, "a number is no document");
        assert_eq!(told(b"{\"a\": ", None).0, Form::Text, "cut off");
        assert_eq!(told(b"a\nb", None).0, Form::Text);
        assert_eq!(told(b"a\x1b[2J", None).0, Form::Bytes);
        assert_eq!(told(b"\xff\xfe", None).0, Form::Bytes);
        assert_eq!(told(b"", None).0, Form::Empty);
        let number = || Some(Schema::Number(7));
        assert_eq!(told(b"\0\0\0\0\x07{\"a\": 1}", number()), (Form::Json, 5..13, "JSON by schema id 7".into()));
        let avro = told(b"\0\0\0\0\x07\x0aord-1", number());
        assert_eq!(avro.1, 5..11);
        assert!(avro.2.contains("schema id 7, which is not read"), "{}", avro.2);
        assert_eq!(told(b"\0\0\0\0\x07ord-1", number()).0, Form::Bytes, "printable Avro");
        assert_eq!(told(b"{}", Some(Schema::Class("com.shop.Order".into()))).2, "JSON by class com.shop.Order");
        assert_eq!(content(None, None).words(), "null");
    }
}
