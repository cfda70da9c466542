//! Names with values in texts of any shape: JSON with what it nests, logfmt, `name=value` and `name: value` in prose.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Deepest object that is looked into.
const DEPTH: usize = 4;
/// Elements of a list that are looked at.
const ELEMENTS: usize = 16;

/// Calls `offer` with each name and value. Names of nested objects are joined with a dot.
pub(super) fn each(text: &str, offer: &mut dyn FnMut(&str, &str)) {
    let text = text.trim_start();
    if text.starts_with('{') && json(text, offer) {
        return;
    }
    prose(text, offer);
}

/// Says whether the text was JSON.
pub(super) fn json(text: &str, offer: &mut dyn FnMut(&str, &str)) -> bool {
    // A text that is cut in its middle has its first half told as prose, so nothing is offered before all was read.
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return false;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    Walk { path: &mut String::new(), depth: 0, offer }.deserialize(&mut reader).is_ok()
}

struct Walk<'a> {
    path: &'a mut String,
    depth: usize,
    offer: &'a mut dyn FnMut(&str, &str),
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        (self.offer)(self.path, text);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        (self.offer)(self.path, &number.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.path.len();
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if self.depth >= DEPTH {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            map.next_value_seed(Walk { path: self.path, depth: self.depth + 1, offer: self.offer })?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for _ in 0..ELEMENTS {
            let walk = Walk { path: self.path, depth: self.depth + 1, offer: self.offer };
            if seq.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Longest name in prose, in bytes.
const LONGEST: usize = 64;

fn prose(text: &str, offer: &mut dyn FnMut(&str, &str)) {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/');
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'=' | b':') {
            continue;
        }
        // `"name": value` of JSON that was cut, `name = value` of Java.
        let mut end = at;
        while end > 0 && matches!(bytes[end - 1], b'"' | b'\'' | b' ') && at - end < 2 {
            end -= 1;
        }
        let length = bytes[..end].iter().rev().take(LONGEST).take_while(|byte| is_name(**byte)).count();
        if length == 0 {
            continue;
        }
        let name = &text[end - length..end];
        let rest = text[at + 1..].trim_start_matches([' ', '[']);
        let value = match rest.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split(['"', '\'']).next(),
            None => rest.split(|c: char| c.is_whitespace() || ",;)]}\"'".contains(c)).next(),
        };
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            offer(name, value);
        }
    }
}
