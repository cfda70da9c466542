//! A record for people: JSON laid out as it stands, text line by line, anything else as bytes.

use super::raw;
use crate::model::contents::{Content, Form};
use crate::model::{SafeText, text};

/// Lines of a listing of bytes.
const HEX: usize = 64;
/// Bytes of JSON that are laid out anew; longer ones are shown as they stand.
const LAID_OUT: usize = 256 << 10;

/// Lays JSON out, two blanks a level. Nothing but blanks between its signs changes: numbers, escapes, order and repeats stay.
pub fn laid_out(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_quoted, mut is_escaped) = (0usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = json.trim().chars().peekable();
    while let Some(sign) = rest.next() {
        if is_quoted {
            out.push(sign);
            is_quoted = sign != '"' || is_escaped;
            is_escaped = sign == '\\' && !is_escaped;
            continue;
        }
        match sign {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(sign);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(sign);
            }
            ',' => {
                out.push(sign);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                is_quoted = true;
                out.push(sign);
            }
            sign => out.push(sign),
        }
    }
    out
}

/// Returns bytes as lines, as what they are.
pub fn lines(bytes: Option<&[u8]>, content: &Content) -> Vec<SafeText> {
    let Some(bytes) = bytes else { return Vec::new() };
    let payload = bytes.get(content.payload.clone()).unwrap_or(bytes);
    match (content.form, std::str::from_utf8(payload)) {
        (Form::Json, Ok(json)) if json.len() <= LAID_OUT => text::lines(&laid_out(json)).collect(),
        (Form::Json | Form::Text, Ok(plain)) => text::lines(plain).collect(),
        (Form::Null | Form::Empty, _) => Vec::new(),
        _ => {
            let mut lines: Vec<SafeText> = raw::hex(payload, HEX).iter().map(|line| SafeText::new(line)).collect();
            let shown = HEX * 16;
            if payload.len() > shown {
                lines.push(format!("and {} more bytes", payload.len() - shown).into());
            }
            lines
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_is_laid_out_and_keeps_what_it_says() {
        let told = laid_out(r#"{"a":[1,{}],"a" : 12345678901234567890.50, "b":"x,\"{y\\"}"#);
        let wanted =
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"a\": 12345678901234567890.50,\n  \"b\": \"x,\\\"{y\\\\\"\n}";
        assert_eq!(told, wanted);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                proptest::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn laying_out_changes_no_document(value in any_json()) {
            for written in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
                let told = laid_out(&written);
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap(), value.clone());
                prop_assert_eq!(laid_out(&told), told);
            }
        }

        #[test]
        fn any_text_can_be_laid_out(text in any::<String>()) {
            laid_out(&text);
        }
    }
}
