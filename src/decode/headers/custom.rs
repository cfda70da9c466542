//! Headers that the profile names: what an installation's own programs write. They win over every family, since a person
//! has said what they mean.

use super::Trail;
use super::read::{Headers, coordinate, count};
use crate::model::record::{Encoding, HeaderMap};
use smol_str::SmolStr;

/// Name of this family.
pub(super) const NAME: &str = "profile";

pub(super) fn read<'a>(headers: &Headers<'a>, map: &'a HeaderMap) -> Trail {
    let text = |name: &'a Option<SmolStr>| name.as_ref().and_then(|name| headers.text(name));
    let number = |header: &'a Option<(SmolStr, Encoding)>| {
        let (name, encoding) = header.as_ref()?;
        match encoding {
            Encoding::Utf8 => headers.decimal(name),
            Encoding::Int32 => headers.int(name),
            Encoding::Int64 => headers.long(name),
            Encoding::Minimal => headers.shortest(name),
        }
    };
    Trail {
        origin: coordinate(text(&map.topic), number(&map.partition), number(&map.offset)),
        topic: text(&map.topic),
        group: text(&map.group),
        attempt: count(number(&map.attempt)),
        message: text(&map.message).map(|id| super::MessageName { source: SmolStr::default(), id }),
        correlation: text(&map.correlation),
        ..Trail::default()
    }
}
