//! Camel: the headers of its exchange, where a route lets them through; texts, an int and a long, as its serialiser of
//! headers writes them.

use super::read::{Headers, Newest, coordinate};
use super::{Family, Trail};

pub(super) const FAMILY: Family = Family { name: "camel", newest: Newest::Last, read };

fn read(headers: &Headers<'_>) -> Trail {
    let (topic, partition) = (headers.text("kafka.TOPIC"), headers.int("kafka.PARTITION"));
    Trail { origin: coordinate(topic, partition, headers.long("kafka.OFFSET")), ..Trail::default() }
}
