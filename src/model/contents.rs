//! What the bytes of a record's key and value are, as far as the bytes and headers say.

use super::text::SafeText;
use std::ops::Range;

/// Key and value of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The key.
    pub key: Content,
    /// The value.
    pub value: Content,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What the payload is.
    pub form: Form,
    /// The schema that the bytes or a header name.
    pub schema: Option<SafeText>,
    /// Where the payload stands in the bytes; what is before it is the prefix that names the schema.
    pub payload: Range<usize>,
}

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Null: of a value, a tombstone.
    Null,
    /// No bytes.
    Empty,
    /// An object or a list in JSON.
    Json,
    /// UTF-8 without controls.
    Text,
    /// Anything else.
    Bytes,
}

impl Content {
    /// Returns the words for it, the schema included.
    pub fn words(&self) -> String {
        let schema = self.schema.as_ref().map(SafeText::as_str);
        match (self.form, schema) {
            (Form::Null, _) => "null".to_owned(),
            (Form::Empty, _) => "no bytes".to_owned(),
            (Form::Json, None) => "JSON".to_owned(),
            (Form::Json, Some(schema)) => format!("JSON by {schema}"),
            (Form::Text, None) => "text".to_owned(),
            (Form::Text, Some(schema)) => format!("text by {schema}"),
            (Form::Bytes, None) => "bytes".to_owned(),
            // Neither prefix nor header says which; both look alike.
            (Form::Bytes, Some(schema)) => format!("Avro or Protobuf by {schema}, which is not read: its bytes"),
        }
    }
}
