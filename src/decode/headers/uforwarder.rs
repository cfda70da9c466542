//! Uber's `uForwarder`: metadata of retries and dead letters as a protobuf message in the key of the record
//! (`dlq_metadata.proto`): 1 retries, 2 topic, 3 partition, 4 offset, 5 timestamp in ns, 6 data, 7 timeouts. Zeros are not
//! written. Any bytes may be a key, so all of them must be read, and the topic and a plausible time must be there.

use super::read::{Headers, Newest, coordinate, count, millis};
use super::{Family, Trail};
use smol_str::SmolStr;

pub(super) const FAMILY: Family = Family { name: "uforwarder", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    headers.record.key.as_deref().and_then(metadata).unwrap_or_default()
}

fn metadata(mut rest: &[u8]) -> Option<Trail> {
    let mut numbers = [0i64; 8];
    let mut topic: Option<SmolStr> = None;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (field @ (1 | 3 | 4 | 5 | 7), 0) => numbers[field as usize] = varint(&mut rest)? as i64,
            (field @ (2 | 6), 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, behind) = rest.split_at_checked(length)?;
                if field == 2 {
                    topic = Some(std::str::from_utf8(bytes).ok()?.into());
                }
                rest = behind;
            }
            _ => return None,
        }
    }
    let [_, retries, _, partition, offset, nanoseconds, _, _] = numbers;
    Some(Trail {
        origin: Some(coordinate(topic, Some(partition), Some(offset))?),
        attempt: count(Some(retries.saturating_add(1))),
        first_seen: Some(millis(nanoseconds / 1_000_000)?),
        ..Trail::default()
    })
}

/// Seven bits a byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
