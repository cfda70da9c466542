//! Which schema the bytes of a record were written with.
//!
//! Confluent's wire format: `00` and a number of four bytes; since 8.0 a GUID of 16 bytes behind `01` in the header
//! `__key_schema_id` or `__value_schema_id`. Spring names a class in `__TypeId__`.

use crate::model::Record;
use smol_str::SmolStr;

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Number in a registry.
    Number(u32),
    /// Id in a registry.
    Guid(uuid::Uuid),
    /// Name of a class.
    Class(SmolStr),
}

/// Returns the schema of the key, if it says.
pub fn of_key(record: &Record) -> Option<Schema> {
    guid(record, "__key_schema_id")
        .or_else(|| number(record.key.as_deref()?))
        .or_else(|| class(record, "__Key_TypeId__"))
}

/// Returns the schema of the value, if it says.
pub fn of_value(record: &Record) -> Option<Schema> {
    guid(record, "__value_schema_id")
        .or_else(|| number(record.value.as_deref()?))
        .or_else(|| class(record, "__TypeId__"))
}

fn last<'a>(record: &'a Record, name: &'a str) -> Option<&'a [u8]> {
    record.headers_named(name).next_back().flatten().map(|bytes| &bytes[..])
}

fn guid(record: &Record, name: &str) -> Option<Schema> {
    match last(record, name)?.split_first()? {
        (1, guid) => Some(Schema::Guid(uuid::Uuid::from_slice(guid).ok()?)),
        (0, number) => Some(Schema::Number(u32::from_be_bytes(number.try_into().ok()?))),
        _ => None,
    }
}

/// Numbers are given out from 1 on, so zero is no schema.
fn number(bytes: &[u8]) -> Option<Schema> {
    let (0, rest) = bytes.split_first()? else { return None };
    let (number, data) = rest.split_first_chunk::<4>()?;
    let number = u32::from_be_bytes(*number);
    (number != 0 && !data.is_empty()).then_some(Schema::Number(number))
}

fn class(record: &Record, name: &str) -> Option<Schema> {
    let text = std::str::from_utf8(last(record, name)?).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| Schema::Class(text.into()))
}
