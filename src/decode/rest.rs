//! Answers of the Confluent REST Proxy, version 3: lists of clusters, groups, lags, topics and partitions, page by page.
//!
//! Shapes as in the proxy's own `openapi.yaml`. Only names are required; what a release leaves out is absent. A row that
//! cannot be read is left out and named by its place.

use crate::model::ask::NoteKind;
use crate::model::queue::GroupKind;
use crate::model::{Note, SafeText};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use smol_str::SmolStr;

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Its rows, in order.
    pub rows: Vec<T>,
    /// Where the server says that the list goes on.
    pub next: Option<String>,
    /// What could not be read.
    pub notes: Vec<Note>,
    /// Whether the body is a list at all.
    pub is_list: bool,
}

/// `/clusters`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cluster {
    /// Id, as Kafka itself tells it.
    #[serde(rename = "cluster_id")]
    pub id: SmolStr,
}

/// `/consumer-groups`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Group {
    /// Group id.
    #[serde(rename = "consumer_group_id")]
    pub id: SmolStr,
    /// `STABLE`, `PREPARING_REBALANCE`, ... here in Kafka's own spelling (`PreparingRebalance`).
    #[serde(default, deserialize_with = "state")]
    pub state: SmolStr,
    /// Protocol family; releases before KIP-848 do not tell it.
    #[serde(default, rename = "type", deserialize_with = "family")]
    pub kind: GroupKind,
}

/// `/consumer-groups/{id}/lags`: one partition of one group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Lag {
    /// Topic.
    #[serde(rename = "topic_name")]
    pub topic: SmolStr,
    /// Partition.
    #[serde(rename = "partition_id")]
    pub partition: i32,
    /// Member that owns it; empty when nobody does.
    #[serde(default, rename = "consumer_id", deserialize_with = "or_empty")]
    pub member: SmolStr,
    /// Client id of that member.
    #[serde(default, rename = "client_id", deserialize_with = "or_empty")]
    pub client: SmolStr,
    /// Committed offset.
    #[serde(default)]
    pub current_offset: Option<i64>,
    /// Offset after the last record.
    #[serde(default)]
    pub log_end_offset: Option<i64>,
}

/// `/topics`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Topic {
    /// Name.
    #[serde(rename = "topic_name")]
    pub name: SmolStr,
}

/// `/topics/{name}/partitions`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Partition {
    /// Index.
    #[serde(rename = "partition_id")]
    pub index: i32,
    /// Node id of the leader, which stands at the end of a link.
    #[serde(default, deserialize_with = "leader")]
    pub leader: Option<i32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row<T> {
    Good(T),
    Bad(IgnoredAny),
}

#[derive(Deserialize)]
struct Body<T> {
    #[serde(default)]
    metadata: Metadata,
    data: Vec<Row<T>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    next: Option<String>,
}

/// Reads one page.
pub fn page<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Page<T> {
    let mut page = Page { rows: Vec::new(), next: None, notes: Vec::new(), is_list: true };
    let read: Result<Body<T>, _> = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body));
    match read {
        Ok(found) => {
            page.next = found.metadata.next.filter(|next| !next.is_empty());
            for (place, row) in found.data.into_iter().enumerate() {
                match row {
                    Row::Good(row) => page.rows.push(row),
                    Row::Bad(_) => page.notes.push(damaged(format!("data[{place}] lacks a name or has another shape"))),
                }
            }
        }
        Err(error) => {
            page.is_list = false;
            page.notes.push(damaged(format!("{}: {}", error.path(), error.inner())));
        }
    }
    page
}

fn damaged(text: String) -> Note {
    Note { kind: NoteKind::Damaged, text: text.into() }
}

/// Reads the proxy's own words for a refusal: `{"error_code":40403,"message":"..."}`.
pub fn refusal(body: &str) -> Option<SafeText> {
    #[derive(Deserialize)]
    struct Refusal {
        error_code: i64,
        #[serde(default)]
        message: String,
    }
    let told: Refusal = serde_json::from_str(body).ok()?;
    Some(format!("{} (error {})", told.message, told.error_code).into())
}

fn or_empty<'de, D: Deserializer<'de>>(from: D) -> Result<SmolStr, D::Error> {
    Ok(Option::<SmolStr>::deserialize(from)?.unwrap_or_default())
}

fn state<'de, D: Deserializer<'de>>(from: D) -> Result<SmolStr, D::Error> {
    let told = or_empty(from)?;
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
    };
    // A release that spells states as Kafka does has no underscore and small letters.
    let is_loud = !told.chars().any(|letter| letter.is_ascii_lowercase());
    Ok(if is_loud { told.split('_').map(word).collect::<String>().into() } else { told })
}

fn family<'de, D: Deserializer<'de>>(from: D) -> Result<GroupKind, D::Error> {
    Ok(match or_empty(from)?.to_ascii_lowercase().as_str() {
        "classic" | "" => GroupKind::Classic,
        "consumer" => GroupKind::Consumer,
        "share" => GroupKind::Share,
        _ => GroupKind::Other,
    })
}

fn leader<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    #[derive(Deserialize)]
    struct Link {
        #[serde(default)]
        related: Option<String>,
    }
    let link = Option::<Link>::deserialize(from)?.and_then(|link| link.related);
    Ok(link.and_then(|link| link.rsplit('/').next()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn states_are_spelled_as_kafka_spells_them() {
        for (told, kept) in [
            ("\"STABLE\"", "Stable"),
            ("\"PREPARING_REBALANCE\"", "PreparingRebalance"),
            ("\"Stable\"", "Stable"),
            ("\"\"", ""),
            ("null", ""),
        ] {
            let body = format!(r#"{{"data":[{{"consumer_group_id":"g","state":{told}}}]}}"#);
            assert_eq!(page::<Group>(body.as_bytes()).rows[0].state, kept, "{told}");
        }
    }

    #[test]
    fn a_row_of_another_shape_is_left_out_and_named() {
        let body = br#"{"metadata":{"next":null},"data":[{"topic_name":"a"},{"name":"b"},7,{"topic_name":"c"}]}"#;
        let found = page::<Topic>(body);
        let names: Vec<&str> = found.rows.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!((names, found.is_list, found.notes.len()), (vec!["a", "c"], true, 2));
        assert!(found.notes[0].text.as_str().starts_with("data[1]"));
    }

    #[test]
    fn the_leader_stands_at_the_end_of_its_link() {
        let row = |leader: &str| {
            let body = format!(r#"{{"data":[{{"partition_id":3,"leader":{leader}}}]}}"#);
            page::<Partition>(body.as_bytes()).rows[0].leader
        };
        let link = "http://h/v3/clusters/c/topics/t/partitions/3/replicas/12";
        assert_eq!(row(&format!(r#"{{"related":"{link}"}}"#)), Some(12));
        assert_eq!((row("null"), row(r#"{"related":"http://h/"}"#)), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_a_note(body: Vec<u8>) {
            let found = page::<Lag>(&body);
            prop_assert!(found.is_list || !found.notes.is_empty());
        }

        #[test]
        fn a_cut_list_is_never_taken_for_a_whole_one(cut in 1_usize..150) {
            let body = br#"{"metadata":{"self":"s","next":null},"data":[{"topic_name":"orders","partition_id":1,"current_offset":5,"log_end_offset":9},{"topic_name":"x","partition_id":0}]}"#;
            let found = page::<Lag>(&body[..body.len() - cut.min(body.len())]);
            prop_assert!(!found.is_list && !found.notes.is_empty());
        }
    }
}
