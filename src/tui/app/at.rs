//! The record of a partition at an offset or a time.

use super::{App, looks};
use crate::config::keys;
use crate::model::record::RecordWanted;
use crate::model::{Coordinate, Nanos, Record, Timestamp};
use crate::tui::engine::Engine;
use crate::tui::screens::Subject;
use smol_str::SmolStr;

/// A day, which a time before the reading is looked for in.
const DAY: Nanos = Nanos::from_secs(86_400);

impl<E: Engine> App<E> {
    /// Returns the topic and the partition under the cursor of Queues.
    pub(super) fn partition(&self) -> Option<(SmolStr, i32)> {
        let Subject::Commit(group, at) = self.views[self.screen].item()?.subject else { return None };
        let queues = self.facts.now.as_ref()?.queues.as_ref()?;
        let commit = queues.groups.get(group)?.commits.get(at)?;
        Some((commit.topic.clone(), commit.partition))
    }

    /// Returns the record that is shown for the row under the cursor of Queues.
    pub(super) fn record_shown(&self) -> Option<&Record> {
        let (topic, partition) = self.partition().filter(|_| self.detail.is_some())?;
        let record = self.facts.record.as_ref()?.record.as_ref()?;
        let at = &record.coordinate;
        (at.topic == topic && at.partition == partition).then_some(record)
    }

    /// Reads the record that the group reads next, unless one of this partition was read already.
    pub(super) fn read_next(&mut self) {
        let Some((topic, partition)) = self.partition() else { return };
        let known = self.facts.record.as_ref().map(|read| read.wanted.partition());
        if known == Some((topic.as_str(), partition)) {
            return;
        }
        let next = self.views[self.screen].item().and_then(|item| Coordinate::parse(item.follow.as_ref()?.as_str()));
        if let Some(next) = next {
            self.read_record(RecordWanted::At(next));
        }
    }

    fn read_record(&mut self, wanted: RecordWanted) {
        if self.is_frozen {
            self.tell("the screen is frozen: {freeze} goes on");
            return;
        }
        self.engine.read_record(wanted);
        self.is_stale = true;
        self.catch_up();
    }

    /// Reads the record at what was typed: an offset, a step from the record that is shown, or a time.
    pub(super) fn go_to_record(&mut self, typed: &str) {
        let Some((topic, partition)) = self.partition() else { return };
        let now = self.facts.now.as_ref().map_or(Timestamp(0), |now| now.at);
        let shown = self.record_shown().map(|record| (record.coordinate.offset, record.timestamp));
        let next = self.views[self.screen].item().and_then(|item| Coordinate::parse(item.follow.as_ref()?.as_str()));
        let held = self.facts.now.as_ref().and_then(|now| now.queues.as_ref()?.partition(&topic, partition)?.end);
        let offset = shown.map(|(offset, _)| offset).or(next.map(|next| next.offset)).or(held).unwrap_or(0);
        let under = shown.map_or(now, |(_, time)| time);
        match place(typed.trim(), (offset, under), now, &self.facts.zone) {
            Some(Place::Offset(offset)) => {
                self.read_record(RecordWanted::At(Coordinate { topic, partition, offset }));
            }
            Some(Place::Time(time)) => self.read_record(RecordWanted::Since { topic, partition, time }),
            None => {
                self.say(format!("`{typed}` is no place: write 88213, +1, -1, 15m, 03:07 or 2026-05-04T13:00:00Z"));
                return;
            }
        }
        self.detail = Some(super::Detail { top: 0, form: super::Form::Described });
    }
}

/// Where a record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Offset(i64),
    Time(Timestamp),
}

/// Reads an offset, a step from the one that is shown, so long ago, or a time: without a date the last one before `now`.
fn place(typed: &str, (offset, time): (i64, Timestamp), now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Place> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(typed) {
        return typed.parse().ok().map(Place::Offset);
    }
    if let Some(step) = typed.strip_prefix('+').filter(|step| digits(step)) {
        return Some(Place::Offset(offset.saturating_add(step.parse().ok()?)));
    }
    if let Some(step) = typed.strip_prefix('-').filter(|step| digits(step)) {
        return Some(Place::Offset(offset.saturating_sub(step.parse().ok()?).max(0)));
    }
    if let Some(ago) = keys::duration(typed) {
        return Some(Place::Time(now.plus(Nanos(-i64::try_from(ago.as_nanos()).ok()?))));
    }
    let begin = now.plus(Nanos(-DAY.0));
    let found = looks::read(typed, begin, time, zone)?;
    // A time of day is the one of the day before, or of this one when it has passed already.
    let is_time_of_day = typed.parse::<jiff::civil::Time>().is_ok();
    Some(Place::Time(match found {
        found if is_time_of_day && found < begin => found.plus(DAY),
        found if is_time_of_day && found > now => found.plus(Nanos(-DAY.0)),
        found => found,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn places_are_read_as_people_write_them() {
        let instant =
            |text: &str| Timestamp(text.parse::<jiff::Timestamp>().expect("an instant").as_nanosecond() as i64);
        let (now, under) = (instant("2026-01-02T00:10:00Z"), instant("2026-01-01T23:55:00Z"));
        let told = |typed: &str| place(typed, (402, under), now, &TimeZone::UTC);
        assert_eq!(told("88213"), Some(Place::Offset(88_213)));
        assert_eq!(
            (told("+1"), told("-2"), told("-999")),
            (Some(Place::Offset(403)), Some(Place::Offset(400)), Some(Place::Offset(0)),)
        );
        assert_eq!(told("15m"), Some(Place::Time(instant("2026-01-01T23:55:00Z"))));
        assert_eq!(told("00:03"), Some(Place::Time(instant("2026-01-02T00:03:00Z"))), "today");
        assert_eq!(told("23:30"), Some(Place::Time(instant("2026-01-01T23:30:00Z"))), "yesterday");
        assert_eq!(told("00:20"), Some(Place::Time(instant("2026-01-01T00:20:00Z"))), "not in the future");
        assert_eq!(told("-5m"), Some(Place::Time(instant("2026-01-01T23:50:00Z"))), "before what is shown");
        assert_eq!(told("2026-01-01T12:00:00Z"), Some(Place::Time(instant("2026-01-01T12:00:00Z"))));
        for wrong in ["", "noon", "25:00", "+", "99999999999999999999", "orders-1@2"] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
