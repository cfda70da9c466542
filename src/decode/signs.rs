//! Lines in which clients, frameworks, brokers and breakers say what is wrong: one line of the table per sign.
//!
//! The words are those of Apache Kafka (client and broker), librdkafka, Spring Kafka (4.0.6), resilience4j, Polly, opossum
//! and gobreaker. A sign is what the line says, with the fields it names; what follows from it is a rule's business.

use super::ids::coordinates;
use crate::model::Coordinate;
use smol_str::SmolStr;

/// What a line is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A consumer did not poll in time and leaves its group.
    PollTimeout,
    /// A consumer joins its group again; `reason` is its own.
    Rejoin,
    /// A broker begins a rebalance; `reason` is the broker's.
    Rebalance,
    /// Partitions were taken away from a consumer that had left its group.
    PartitionsLost,
    /// A commit was refused: another consumer may have the records already.
    CommitRefused,
    /// A consumer asked for an offset that is not there.
    OffsetOutOfRange,
    /// A consumer goes on somewhere else.
    OffsetReset,
    /// A record cannot be read.
    Undeserialisable,
    /// A framework gave a record up.
    RetriesExhausted,
    /// A framework hands a record over again, or it was not due: the line does not tell which.
    Retrying,
    /// A framework sends a record to the dead-letter topic `name`.
    DeadLettered,
    /// A breaker lets no call through.
    BreakerOpen,
    /// A bulkhead lets no further call through.
    BulkheadFull,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What it is a sign of.
    pub kind: Kind,
    /// Consumer group.
    pub group: Option<SmolStr>,
    /// Client id; may be shared by several groups.
    pub client: Option<SmolStr>,
    /// Name of the breaker, or of the dead-letter topic.
    pub name: Option<SmolStr>,
    /// The reason that is given.
    pub reason: Option<SmolStr>,
    /// The record, or the position in a partition.
    pub at: Option<Coordinate>,
}

/// A sign, words that only its lines hold, what stands before and behind its name, and what stands before its reason.
type Row = (Kind, &'static str, Option<(&'static str, &'static str)>, Option<&'static str>);

const TABLE: &[Row] = &[
    (Kind::PollTimeout, "consumer poll timeout has expired", None, None),
    (Kind::PollTimeout, "Application maximum poll interval (", None, None),
    (Kind::Rejoin, "Request joining group due to: ", None, Some("due to: ")),
    (Kind::Rebalance, "Preparing to rebalance group ", None, Some("(reason: ")),
    (Kind::PartitionsLost, ": partitions lost: [", None, None),
    (Kind::CommitRefused, "Offset commit cannot be completed since the consumer", None, None),
    (Kind::CommitRefused, "Failing OffsetCommit request since the consumer is not part of an active group", None, None),
    (Kind::OffsetOutOfRange, " is out of range for partition ", None, None),
    (Kind::OffsetReset, "Resetting offset for partition ", None, None),
    (Kind::Undeserialisable, "Error deserializing ", None, None),
    (Kind::RetriesExhausted, " exhausted for ", None, None),
    (Kind::DeadLettered, "won't be retried. Sending to DLT with name ", Some(("DLT with name ", "")), None),
    (Kind::Retrying, "Record in retry and not yet recovered", None, None),
    (Kind::Retrying, "Seek to current after exception", None, None),
    (Kind::BreakerOpen, " is OPEN and does not permit further calls", Some(("CircuitBreaker '", "'")), None),
    (Kind::BreakerOpen, "The circuit is now open and is not allowing calls", None, None),
    (Kind::BreakerOpen, "Breaker is open", None, None),
    (Kind::BreakerOpen, "circuit breaker is open", None, None),
    (Kind::BulkheadFull, " is full and does not permit further calls", Some(("Bulkhead '", "'")), None),
];

/// Returns what a line is a sign of; `None` for nearly all lines.
pub fn sign(text: &str) -> Option<Sign> {
    let (kind, _, name, reason) = TABLE.iter().find(|(_, words, _, _)| text.contains(words))?;
    let group = match kind {
        Kind::Rebalance => after(text, "rebalance group ", " "),
        // Spring names the group in front of the partitions.
        Kind::PartitionsLost => text.split(": partitions lost: [").next().and_then(|head| head.rsplit(' ').next()),
        _ => after(text, "groupId=", ""),
    };
    let at = coordinates(text).into_iter().next();
    // Pools and quotas are exhausted as well, but not for a record.
    if *kind == Kind::RetriesExhausted && at.is_none() {
        return None;
    }
    Some(Sign {
        kind: *kind,
        group: group.and_then(word),
        client: after(text, "clientId=", "").and_then(word),
        name: name.and_then(|(before, behind)| after(text, before, behind)).and_then(word),
        reason: reason.and_then(|before| after(text, before, "\n")).and_then(phrase),
        at,
    })
}

/// Returns what stands behind `before`, up to `behind`; up to the end of a word when that is empty.
fn after<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let rest = text.split_once(before)?.1;
    if behind.is_empty() {
        return rest.split([',', ']', ' ', ')', '\n']).next();
    }
    rest.split(behind).next()
}

/// Longest reason that is kept, in characters.
const LONGEST: usize = 200;

fn word(text: &str) -> Option<SmolStr> {
    let text = text.trim_end_matches(['.', ',', ':', ';']);
    (!text.is_empty() && text.len() <= 249 && !text.chars().any(char::is_control)).then(|| text.into())
}

fn phrase(text: &str) -> Option<SmolStr> {
    let text = text.trim();
    // The bracket that the broker's reason stands in.
    let is_open = text.matches('(').count() < text.matches(')').count();
    let text = if is_open { text.rsplit_once(')').map_or(text, |(inside, _)| inside) } else { text };
    let kept: SmolStr = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Kind, group, client, name, reason and coordinate of a line.
    type Told<'a> = (Kind, [Option<&'a str>; 5]);

    fn check(text: &str, want: Told<'_>) {
        let found = sign(text).unwrap_or_else(|| panic!("no sign: {text}"));
        let at = found.at.map(|at| at.to_string());
        let fields = [&found.group, &found.client, &found.name, &found.reason].map(Option::as_deref);
        assert_eq!((found.kind, fields, at.as_deref()), (want.0, want.1[..4].try_into().unwrap(), want.1[4]), "{text}");
    }

    #[test]
    fn every_line_of_the_table_is_read_with_its_fields() {
        let (group, client) = (Some("billing"), Some("c-1"));
        let of_client = |kind, reason, at| (kind, [group, client, None, reason, at]);
        let head = "[Consumer clientId=c-1, groupId=billing] ";
        let line = |text: &str, want| check(&format!("{head}{text}"), want);
        line("consumer poll timeout has expired. This means the time", of_client(Kind::PollTimeout, None, None));
        line(
            "Request joining group due to: group is already rebalancing",
            of_client(Kind::Rejoin, Some("group is already rebalancing"), None),
        );
        line(
            "Offset commit cannot be completed since the consumer is not part",
            of_client(Kind::CommitRefused, None, None),
        );
        line(
            "Failing OffsetCommit request since the consumer is not part of an active group",
            of_client(Kind::CommitRefused, None, None),
        );
        line(
            "Fetch position FetchPosition{offset=17, offsetEpoch=Optional.empty} is out of range for partition \
              orders-3, resetting offset",
            of_client(Kind::OffsetOutOfRange, None, Some("orders-3@17")),
        );
        line(
            "Resetting offset for partition orders-3 to position FetchPosition{offset=0, x",
            of_client(Kind::OffsetReset, None, Some("orders-3@0")),
        );
        let alone = |kind, at| (kind, [None, None, None, None, at]);
        check("Application maximum poll interval (300000ms) exceeded by 88ms", alone(Kind::PollTimeout, None));
        check(
            "[GroupCoordinator 1]: Preparing to rebalance group billing in state PreparingRebalance with old generation 7 \
             (__consumer_offsets-3) (reason: removing member c-1 on LeaveGroup; client reason: timeout (300 s))",
            (
                Kind::Rebalance,
                [group, None, None, Some("removing member c-1 on LeaveGroup; client reason: timeout (300 s)"), None],
            ),
        );
        check("billing: partitions lost: [orders-3]", (Kind::PartitionsLost, [group, None, None, None, None]));
        check(
            "Error deserializing VALUE for partition orders-3 at offset 17. If needed, please seek past the record",
            alone(Kind::Undeserialisable, Some("orders-3@17")),
        );
        check(
            "Backoff FixedBackOff{interval=0} exhausted for orders-3@17",
            alone(Kind::RetriesExhausted, Some("orders-3@17")),
        );
        check("Record in retry and not yet recovered", alone(Kind::Retrying, None));
        check("Seek to current after exception; nested exception is", alone(Kind::Retrying, None));
        check(
            "Record: topic = orders-retry-1, partition = 3, offset = 17, main topic = orders threw an error at topic \
             orders-retry-1 and won't be retried. Sending to DLT with name orders-dlt.",
            (Kind::DeadLettered, [None, None, Some("orders-dlt"), None, Some("orders-retry-1-3@17")]),
        );
        let named = |kind, name| (kind, [None, None, Some(name), None, None]);
        check("CircuitBreaker 'bank' is OPEN and does not permit further calls", named(Kind::BreakerOpen, "bank"));
        check("Bulkhead 'bank' is full and does not permit further calls", named(Kind::BulkheadFull, "bank"));
        check("The circuit is now open and is not allowing calls.", alone(Kind::BreakerOpen, None));
        check("Error: Breaker is open", alone(Kind::BreakerOpen, None));
        check("bank: circuit breaker is open", alone(Kind::BreakerOpen, None));
    }

    #[test]
    fn everyday_lines_are_no_signs() {
        for text in [
            "",
            "handled orders-3@17",
            "the breaker is fine",
            "pool exhausted for 3 s",
            "partitions assigned: [orders-3]",
            "retry later",
        ] {
            assert_eq!(sign(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_around_a_sign_is_survived(head in any::<String>(), row in 0..TABLE.len(), tail in any::<String>()) {
            let found = sign(&format!("{head}{}{tail}", TABLE[row].1));
            prop_assert!(found.is_some() || TABLE[row].0 == Kind::RetriesExhausted);
        }
    }
}
