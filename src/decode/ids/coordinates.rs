//! Coordinates of records in texts, as clients and frameworks of Kafka write them.

use crate::model::Coordinate;
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

/// Coordinates that are taken out of one text.
const MOST: usize = 32;

/// Returns the coordinates that a text names, in its order, each once: `topic-partition@offset` (Spring, Java),
/// `partition topic-P at offset O`, `offset O for partition topic-P` (Java client), `topic = T, partition = P, offset = O`
/// (Spring), `topic [P] @ O` and `topic [P] at offset O` (librdkafka).
pub fn coordinates(text: &str) -> Vec<Coordinate> {
    let mut found: Vec<Coordinate> = Vec::new();
    let mut parts = Parts::default();
    let mut words = words(text).peekable();
    let mut before = "";
    while let Some(word) = words.next() {
        if found.len() >= MOST {
            break;
        }
        let mut next_value = || {
            while words.next_if(|word| matches!(*word, "=" | ":" | "is")).is_some() {}
            words.peek().copied()
        };
        match word {
            "topic" | "Topic" => parts.topic(next_value()),
            "partition" | "Partition" => parts.partition(next_value()),
            "offset" | "@" => parts.offset(next_value()),
            _ => {
                if let Some(at) = Coordinate::parse(word.trim_matches(['.', '-'])) {
                    keep(&mut found, at);
                } else if let Some(number) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    parts.bracketed(before, number);
                }
            }
        }
        before = word;
        if let Some(at) = parts.whole() {
            keep(&mut found, at);
            parts = Parts::default();
        }
    }
    found
}

/// Returns the texts under which lines name a record, as [`coordinates`] reads them: what a search that knows no patterns
/// is asked for.
pub fn spellings(at: &Coordinate) -> Vec<SmolStr> {
    let Coordinate { topic, partition, offset } = at;
    vec![
        at.to_smolstr(),
        format_smolstr!("partition {topic}-{partition} at offset {offset}"),
        format_smolstr!("offset {offset} for partition {topic}-{partition}"),
        format_smolstr!("topic = {topic}, partition = {partition}, offset = {offset}"),
        format_smolstr!("topic={topic} partition={partition} offset={offset}"),
        format_smolstr!("topic={topic}, partition={partition}, offset={offset}"),
        format_smolstr!("topic: {topic} partition: {partition} offset: {offset}"),
        format_smolstr!("topic: {topic}, partition: {partition}, offset: {offset}"),
        format_smolstr!("{topic} [{partition}] @ {offset}"),
        format_smolstr!("{topic} [{partition}] at offset {offset}"),
        format_smolstr!(r#""topic":"{topic}","partition":{partition},"offset":{offset}"#),
        format_smolstr!(r#""topic": "{topic}", "partition": {partition}, "offset": {offset}"#),
    ]
}

/// Says whether a text tells where a client goes on reading, in the words of Kafka's Java client: it names a position, and
/// whatever was worked on meanwhile is another record.
pub fn tells_position(text: &str) -> bool {
    const WORDS: &[&str] =
        &["Seeking to ", "Resetting offset ", "Setting offset ", "Fetch position ", "Resetting the last seen epoch "];
    WORDS.iter().any(|words| text.contains(words))
}

fn keep(found: &mut Vec<Coordinate>, at: Coordinate) {
    if !found.contains(&at) {
        found.push(at);
    }
}

/// Words and the signs `=`, `:` between them; brackets around a number stay.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = |c: char| c.is_whitespace() || ",;(){}\"'`<>|".contains(c);
    text.split(parts).filter(|word| !word.is_empty()).flat_map(|word| {
        let cut = word.find(['=', ':']).filter(|_| word.len() > 1);
        let (name, rest) = cut.map_or((word, ""), |at| word.split_at(at));
        let value = rest.trim_start_matches(['=', ':']);
        [name, value].into_iter().map(|word| word.trim_end_matches('.')).filter(|word| !word.is_empty())
    })
}

#[derive(Default)]
struct Parts<'a> {
    topic: Option<&'a str>,
    partition: Option<&'a str>,
    offset: Option<&'a str>,
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> Parts<'a> {
    fn topic(&mut self, value: Option<&'a str>) {
        if value.is_some_and(|value| !matches!(value, "=" | "partition" | "and" | "offset")) {
            self.topic = value;
        }
    }

    fn partition(&mut self, value: Option<&'a str>) {
        let Some(value) = value else { return };
        if is_number(value) {
            self.partition = Some(value);
        } else if let Some((topic, partition)) = value.rsplit_once('-').filter(|(_, number)| is_number(number)) {
            (self.topic, self.partition) = (Some(topic), Some(partition));
        }
    }

    fn offset(&mut self, value: Option<&'a str>) {
        if value.is_some_and(is_number) {
            self.offset = value;
        }
    }

    fn bracketed(&mut self, topic: &'a str, number: &'a str) {
        if is_number(number) {
            (self.topic, self.partition) = (Some(topic), Some(number));
        }
    }

    fn whole(&self) -> Option<Coordinate> {
        Coordinate::parse(&format!("{}-{}@{}", self.topic?, self.partition?, self.offset?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, want: &[&str]) {
        let found: Vec<String> = coordinates(text).iter().map(Coordinate::to_string).collect();
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn every_client_names_the_same_record() {
        let at = &["eu.orders-3@88213"];
        for text in [
            "failed at eu.orders-3@88213, giving up",
            "Backoff FixedBackOff{interval=0} exhausted for eu.orders-3@88213.",
            "[Consumer clientId=c-1, groupId=g] Seeking to offset 88213 for partition eu.orders-3",
            "Error deserializing key/value for partition eu.orders-3 at offset 88213. If needed, seek past the record",
            "Record: topic = eu.orders, partition = 3, offset = 88213, main topic = orders threw an error",
            "ConsumerRecord(topic = eu.orders, partition = 3, leaderEpoch = 0, offset = 88213, CreateTime = 1)",
            "Message consumed: eu.orders [3] @ 88213",
            "eu.orders [3] at offset 88213 failed",
            "topic=eu.orders partition=3 offset=88213 msg=\"handled\"",
            "could not handle topic: eu.orders partition: 3 offset: 88213",
            r#"{"topic":"eu.orders","partition":3,"offset":88213}"#,
        ] {
            check(text, at);
        }
        check("orders-1@5 became orders-dlt-1@6, orders-1@5", &["orders-1@5", "orders-dlt-1@6"]);
    }

    #[test]
    fn parts_of_a_coordinate_are_none() {
        for text in [
            "partition 3 at offset 88213",
            "Resetting offset for partition orders-3",
            "someone@example.org",
            "topic [x] @ 5",
            "offset of topic and partition",
            "Failing OffsetCommit request since the consumer is not part of an active group",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn positions_are_no_records_that_were_worked_on() {
        let of_client = "[Consumer clientId=c-1, groupId=g] Seeking to offset 88213 for partition eu.orders-3";
        assert!(tells_position(of_client) && tells_position("Resetting offset for partition orders-3 to position 5"));
        assert!(!tells_position("could not seek refunds for eu.orders-3@88213"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            coordinates(&text);
        }

        #[test]
        fn every_spelling_is_read_as_the_record(
            // A topic that is called like a word of the sentences around it is not told from that word.
            topic in "[a-z]{1,5}[.-][a-z.-]{0,6}[a-z]", partition in 0i32..99, offset in 0i64..1_000_000, next in "[ ,.)]",
        ) {
            let at = Coordinate { topic: topic.into(), partition, offset };
            for text in spellings(&at) {
                prop_assert_eq!(coordinates(&format!("failed: {text}{next} and more")), std::slice::from_ref(&at), "{}", text);
            }
        }

        #[test]
        fn any_text_of_its_words_is_survived(
            text in "((topic|partition|offset|@|=|:|\\[3\\]|orders-3|orders|17|at|for)[ ,:=]?){0,30}",
        ) {
            for at in coordinates(&text) {
                prop_assert_eq!(Coordinate::parse(&at.to_string()), Some(at));
            }
        }
    }
}
