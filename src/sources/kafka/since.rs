//! Offsets at an instant. The scans of one round begin at the same instant in many partitions, and a leader is asked once for
//! all of its partitions that are wanted by then.

use super::client::Layout;
use super::offsets::Isolation;
use super::question::Question;
use crate::model::Fault;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::{Duration, Instant};

/// How long the offset of an instant is taken for granted: a wider scan asks for the instants of the one before again.
const KEPT: Duration = Duration::from_secs(10);
/// `LEADER_NOT_AVAILABLE`: nobody leads the partition.
const NO_LEADER: i16 = 5;
/// `UNKNOWN_TOPIC_OR_PARTITION`: the answer leaves it out.
const UNKNOWN: i16 = 3;

/// A time in milliseconds, a topic, a partition.
type Key = (i64, SmolStr, i32);

/// The first offset since then, if any, or the leader's error.
type Found = Result<Option<i64>, i16>;

/// What is wanted of one leader and what it said.
#[derive(Debug, Default)]
pub(super) struct Instants {
    wanted: Mutex<BTreeSet<Key>>,
    told: tokio::sync::Mutex<HashMap<Key, (Instant, Found)>>,
}

/// A wish that ends with whoever had it.
struct Wish<'a>(&'a Instants, Key);

impl<'a> Wish<'a> {
    fn new(of: &'a Instants, key: Key) -> Self {
        of.wanted.lock().expect("no holder panics").insert(key.clone());
        Self(of, key)
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.0.wanted.lock().expect("no holder panics").remove(&self.1);
    }
}

impl Question<'_> {
    /// Returns the offset of the first record at or after `time` (ms since 1970).
    pub(super) async fn since(
        &self,
        layout: &Layout,
        (topic, partition): (&str, i32),
        time: i64,
    ) -> Result<Found, Fault> {
        let Some(address) = layout.leader(topic, partition) else { return Ok(Err(NO_LEADER)) };
        let leader = self.kafka.instants(&address);
        let wish = Wish::new(&leader, (time, topic.into(), partition));
        // Whoever asks in the same breath says what it wants before the first one asks for all.
        yield_now().await;
        let mut told = leader.told.lock().await;
        if let Some(found) = take(&mut told, &wish.1) {
            return Ok(found);
        }
        let wanted: Vec<Key> = {
            let wanted = leader.wanted.lock().expect("no holder panics");
            wanted.iter().filter(|(at, ..)| *at == time).cloned().collect()
        };
        let mut asked: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (_, topic, partition) in &wanted {
            asked.entry(topic).or_default().push(*partition);
        }
        let now = Instant::now();
        for (topic, partition, found) in self.list_offsets(&address, &asked, (time, Isolation::Uncommitted)).await? {
            // An offset of -1 is an answer: no record that new.
            let found = found.map(|found| Some(found.offset).filter(|offset| *offset >= 0));
            told.insert((time, topic, partition), (now, found));
        }
        Ok(take(&mut told, &wish.1).unwrap_or(Err(UNKNOWN)))
    }
}

/// Returns what was told. Where a log begins at an instant stays so; that nothing is there yet, or an error, may pass.
fn take(told: &mut HashMap<Key, (Instant, Found)>, key: &Key) -> Option<Found> {
    told.retain(|_, (at, _)| at.elapsed() < KEPT);
    let (_, found) = told.get(key)?;
    let found = *found;
    if !matches!(found, Ok(Some(_))) {
        told.remove(key);
    }
    Some(found)
}
