//! Two readings of the queues beside each other: whether a group's lag rises or falls in a partition, and what that means.

use super::queue::{Commit, Group, QueueState};
use super::time::Nanos;

/// What became of a group in one partition between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trend {
    /// Time between the readings.
    pub span: Nanos,
    /// Lag at the first of them, in records.
    pub before: i64,
    /// Lag at the second one.
    pub now: i64,
    /// Offsets by which the committed offset moved; below zero when it was set back.
    pub read: i64,
    /// Offsets that were written.
    pub written: i64,
}

/// Which way a lag goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// It grew.
    Rising,
    /// It shrank.
    Falling,
    /// It is what it was.
    Steady,
}

/// What two readings say of a group in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing waits.
    UpToDate,
    /// It reads, and more slowly than records come in.
    FallsBehind,
    /// It reads faster than records come in.
    CatchesUp,
    /// It reads as fast as records come in.
    KeepsUp,
    /// Records wait, and it committed nothing between the readings.
    NoCommit,
    /// Its committed offset was set back.
    SetBack,
}

/// Readings less than this apart say little about a group that commits now and then.
pub const SHORT: Nanos = Nanos::from_secs(60);

impl Trend {
    /// Compares a commit with the one before; `None` when one of the two readings does not know the lag.
    pub fn of(before: &QueueState, now: &QueueState, group: &Group, commit: &Commit) -> Option<Self> {
        let span = now.at.since(before.at);
        if span.0 <= 0 {
            return None;
        }
        let known = before.group(&group.id)?;
        let place = known.commits.binary_search_by(|other| {
            (other.topic.as_str(), other.partition).cmp(&(commit.topic.as_str(), commit.partition))
        });
        let earlier = &known.commits[place.ok()?];
        let end = |state: &QueueState| state.partition(&commit.topic, commit.partition)?.end;
        Some(Self {
            span,
            before: before.lag(earlier)?.records,
            now: now.lag(commit)?.records,
            read: commit.committed? - earlier.committed?,
            written: end(now)? - end(before)?,
        })
    }

    /// Returns which way the lag goes.
    pub fn way(&self) -> Way {
        match self.now.cmp(&self.before) {
            std::cmp::Ordering::Greater => Way::Rising,
            std::cmp::Ordering::Less => Way::Falling,
            std::cmp::Ordering::Equal => Way::Steady,
        }
    }

    /// Returns what the two readings say.
    pub fn standing(&self) -> Standing {
        match (self.read, self.now, self.way()) {
            (read, ..) if read < 0 => Standing::SetBack,
            (_, 0, _) => Standing::UpToDate,
            (0, ..) => Standing::NoCommit,
            (_, _, Way::Rising) => Standing::FallsBehind,
            (_, _, Way::Falling) => Standing::CatchesUp,
            (_, _, Way::Steady) => Standing::KeepsUp,
        }
    }

    /// Returns the numbers: `rising, 12 to 40 in 30s`.
    pub fn words(&self) -> String {
        let way = self.way().word();
        if self.before == self.now {
            format!("{way} at {} for {}", self.now, self.span.human())
        } else {
            format!("{way}, {} to {} in {}", self.before, self.now, self.span.human())
        }
    }

    /// Returns what the standing rests on, and what it cannot know.
    pub fn because(&self) -> String {
        let span = self.span.human();
        let (read, written) = (self.read, self.written);
        match self.standing() {
            Standing::UpToDate => format!("nothing waits; {written} came in within {span}"),
            Standing::SetBack => format!("its committed offset went back by {} within {span}", -read),
            Standing::NoCommit if self.span < SHORT => format!(
                "no commit within {span} while {written} came in; a group that commits more rarely looks the same: read again later"
            ),
            Standing::NoCommit => format!("no commit within {span} while {written} came in"),
            Standing::FallsBehind => format!("{read} read and {written} came in within {span}"),
            Standing::KeepsUp => format!("{read} read and {written} came in within {span}, and {} wait", self.now),
            Standing::CatchesUp => match self.left() {
                Some(left) => {
                    format!("{read} read and {written} came in within {span}; at this pace done in {}", left.human())
                }
                None => format!("{read} read and {written} came in within {span}"),
            },
        }
    }

    /// Returns after how long nothing waits any more, if it goes on like this; `None` when the lag does not shrink.
    pub fn left(&self) -> Option<Nanos> {
        let gained = self.before - self.now;
        let left = (gained > 0).then(|| i128::from(self.now) * i128::from(self.span.0) / i128::from(gained))?;
        i64::try_from(left).ok().map(Nanos)
    }
}

impl Way {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Steady => "steady",
        }
    }
}

impl Standing {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::FallsBehind => "falls behind",
            Self::CatchesUp => "catches up",
            Self::KeepsUp => "keeps up",
            Self::NoCommit => "no commit",
            Self::SetBack => "set back",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::{Partition, Topic};
    use super::super::time::Timestamp;
    use super::*;
    use proptest::prelude::*;

    fn state(at_s: i64, committed: i64, end: i64) -> QueueState {
        let commit = Commit { topic: "orders".into(), committed: Some(committed), ..Commit::default() };
        let partition = Partition { start: Some(0), end: Some(end), ..Partition::default() };
        QueueState {
            at: Timestamp(at_s * 1_000_000_000),
            topics: vec![Topic { name: "orders".into(), partitions: vec![partition], settings: None }],
            groups: vec![Group { id: "g".into(), commits: vec![commit], ..Group::default() }],
            ..QueueState::default()
        }
    }

    fn trend(before: (i64, i64, i64), now: (i64, i64, i64)) -> Option<Trend> {
        let (before, now) = (state(before.0, before.1, before.2), state(now.0, now.1, now.2));
        Trend::of(&before, &now, &now.groups[0], &now.groups[0].commits[0])
    }

    #[test]
    fn two_readings_say_what_they_can() {
        let told = |before, now| trend(before, now).map(|trend| (trend.way(), trend.standing()));
        assert_eq!(told((0, 10, 20), (30, 12, 40)), Some((Way::Rising, Standing::FallsBehind)));
        assert_eq!(told((0, 10, 20), (30, 18, 20)), Some((Way::Falling, Standing::CatchesUp)));
        assert_eq!(told((0, 10, 20), (30, 15, 25)), Some((Way::Steady, Standing::KeepsUp)));
        assert_eq!(told((0, 10, 20), (30, 10, 25)), Some((Way::Rising, Standing::NoCommit)));
        assert_eq!(told((0, 10, 20), (30, 10, 20)), Some((Way::Steady, Standing::NoCommit)));
        assert_eq!(told((0, 20, 20), (30, 30, 30)), Some((Way::Steady, Standing::UpToDate)));
        assert_eq!(told((0, 15, 20), (30, 5, 20)), Some((Way::Rising, Standing::SetBack)));
        assert_eq!(told((30, 10, 20), (30, 12, 40)), None, "one reading is no trend");
        let short = trend((0, 10, 20), (30, 10, 25)).expect("two readings");
        assert!(short.because().contains("looks the same"), "{}", short.because());
        let long = trend((0, 10, 20), (90, 10, 25)).expect("two readings");
        assert!(!long.because().contains("looks the same"), "{}", long.because());
        let left = trend((0, 0, 100), (10, 50, 100)).and_then(|trend| trend.left());
        assert_eq!(left, Some(Nanos::from_secs(10)));
    }

    proptest! {
        #[test]
        fn lag_grows_by_what_came_in_and_was_not_read(
            committed in 0i64..1_000_000, waits in 0i64..1_000, read in 0i64..1_000, written in 0i64..1_000,
        ) {
            prop_assume!(read <= waits + written);
            let end = committed + waits;
            let trend = trend((0, committed, end), (30, committed + read, end + written)).expect("two readings");
            prop_assert_eq!(trend.now - trend.before, trend.written - trend.read);
            prop_assert_eq!(trend.left().is_some(), trend.now < trend.before);
        }
    }
}
