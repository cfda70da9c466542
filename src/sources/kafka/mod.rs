//! Kafka over its own protocol: records by coordinate, bounded scans, topics, groups, offsets and lag. Reads only.
//!
//! Owns connections, versions, routing to leaders and coordinators, and the words for Kafka's errors. The codec is
//! `kafka-protocol`; what can be sent is bound by the private trait `wire::ReadOnly`, implemented for reads and the login
//! alone, so no code here could produce, join, commit or create. It must not know what records mean: bytes go to `decode`.
//!
//! One broker that fails takes nothing from the others: what it leads or coordinates is named as missing.

mod client;
mod commits;
mod doctor;
mod door;
mod groups;
mod line;
mod offsets;
mod question;
mod queues;
mod records;
mod repeat;
mod sasl;
mod settled;
mod shape;
mod since;
mod topics;
mod transactions;
mod way;
mod wire;
mod words;

pub use client::Kafka;

/// Reads an answer's bytes from the correlation id on as a connection does, and says what is wrong with them. For tests on
/// bytes from anywhere.
#[doc(hidden)]
pub fn judge_answer(key: i16, version: i16, body: bytes::Bytes) -> Result<(), String> {
    wire::judge(key, version, body)
}

/// Hears lines as a server's words in a SCRAM login whose client chose the nonce `nonce`, and says whether that
/// completes it. For tests on words from anywhere.
#[doc(hidden)]
pub fn judge_scram(words: &[u8]) -> Result<bool, String> {
    sasl::judge(words)
}
