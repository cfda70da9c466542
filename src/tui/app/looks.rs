//! How things are looked at: zoom, time, order, panes, mask, frozen or not, and the way back from a change of these.

use super::App;
use crate::model::{Nanos, Timestamp, Window};
use crate::tui::command::Command;
use crate::tui::engine::Engine;
use crate::tui::facts::Folding;
use crate::tui::filter::Filter;

/// Changes that can be taken back.
const KEPT: usize = 50;
/// The narrowest window of a zoom.
const NARROW: Nanos = Nanos::from_millis(1);
/// Widths of the list in sixths of the screen, from the narrowest on; six leaves no pane.
pub(super) const PARTS: [u16; 4] = [2, 3, 4, 6];
/// The place in [`PARTS`] at the start: the story reads best when its list has the larger part.
pub(super) const USUAL: usize = 2;

/// Everything that is a matter of looking, to be taken back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Looks {
    screen: usize,
    filter: Filter,
    typed: String,
    faults: bool,
    order: usize,
    folding: Folding,
    zoom: Option<Window>,
    part: usize,
    is_veiled: bool,
}

impl<E: Engine> App<E> {
    /// Returns how the screen is looked at.
    pub(super) fn looks(&self) -> Looks {
        let view = &self.views[self.screen];
        Looks {
            screen: self.screen,
            filter: view.filter.clone(),
            typed: self.drafts.filter.clone(),
            faults: view.faults,
            order: view.order,
            folding: self.facts.folding(),
            zoom: self.facts.zoom,
            part: self.part,
            is_veiled: self.facts.is_veiled,
        }
    }

    /// Keeps what was, if something about it has changed since on the same screen.
    pub(super) fn keep(&mut self, before: Looks) {
        let now = self.looks();
        let same = Looks { typed: now.typed.clone(), ..before.clone() } == now;
        if !same && before.screen == now.screen {
            self.undo.push(before);
            if self.undo.len() > KEPT {
                self.undo.remove(0);
            }
        }
    }

    /// Takes the newest change back.
    pub(super) fn take_back(&mut self) {
        let Some(before) = self.undo.pop() else { return };
        self.go(before.screen);
        let view = &mut self.views[self.screen];
        (view.filter, view.faults, view.order) = (before.filter, before.faults, before.order);
        (self.drafts.filter, self.part) = (before.typed, before.part);
        (self.facts.zoom, self.facts.is_veiled) = (before.zoom, before.is_veiled);
        if self.facts.folding() != before.folding {
            self.facts.fold();
        }
        self.renew();
        self.say("taken back");
    }

    /// Halves or doubles the time that is shown, around the row under the cursor.
    pub(super) fn zoom(&mut self, command: Command) {
        let times = self.views[self.screen].items().iter().filter(|item| item.at != Timestamp(0));
        let whole = times.fold(None, |whole: Option<Window>, item| {
            let own = Window { from: item.at, until: item.at.plus(Nanos(item.length.0.max(1))) };
            Some(whole.map_or(own, |whole| whole.union(&own)))
        });
        let Some(whole) = whole else { return };
        let now = self.facts.zoom.unwrap_or(whole);
        let length = now.length().0;
        let wanted = if command == Command::ZoomIn { (length / 2).max(NARROW.0) } else { length.saturating_mul(2) };
        if wanted >= whole.length().0 {
            self.facts.zoom = None;
        } else {
            let under = self.views[self.screen].item().map(|item| item.at).filter(|at| *at != Timestamp(0));
            let middle = under.unwrap_or_else(|| now.from.plus(Nanos(length / 2)));
            // Nothing is shown beyond the ends.
            let latest = whole.until.plus(Nanos(-wanted)).0;
            let from = Timestamp((middle.0 - wanted / 2).clamp(whole.from.0, latest));
            self.facts.zoom = Some(Window { from, until: from.plus(Nanos(wanted)) });
        }
        self.sift();
    }

    /// Puts the cursor on the first row at or after a time, as it was typed.
    pub(super) fn go_to_time(&mut self, typed: &str) {
        let view = &self.views[self.screen];
        let times = || view.items().iter().map(|item| item.at).filter(|at| *at != Timestamp(0));
        let Some(first) = times().min() else { return };
        let under = view.item().map(|item| item.at).filter(|at| *at != Timestamp(0)).unwrap_or(first);
        let Some(time) = read(typed.trim(), first, under, &self.facts.zone) else {
            self.say(format!("`{typed}` is no time: write 03:07, 03:07:02.5, +30s, -5m or 2026-05-04T13:00:00Z"));
            return;
        };
        // A time outside of what is zoomed in on ends the zoom.
        if self.facts.zoom.is_some_and(|zoom| !zoom.contains(time)) {
            self.facts.zoom = None;
            self.sift();
        }
        if !self.views[self.screen].seek_time(time) {
            self.say(format!("no row here is as late as {}", time.date_clock(&self.facts.zone)));
        }
    }

    /// Shows the rows in the next order.
    pub(super) fn sort(&mut self) {
        let orders = self.shown().orders();
        let view = &mut self.views[self.screen];
        view.order = (view.order + 1) % orders.len().max(1);
        let name = orders.get(view.order).copied().unwrap_or_default();
        self.renew();
        self.say(format!("order: {name}"));
    }

    /// Makes the pane beside the list larger or smaller.
    pub(super) fn resize(&mut self, command: Command) {
        self.part = match command {
            Command::Larger => self.part.saturating_sub(1),
            _ => (self.part + 1).min(PARTS.len() - 1),
        };
        self.renew();
    }

    /// Hides values, or shows them again.
    pub(super) fn veil(&mut self) {
        self.facts.is_veiled = !self.facts.is_veiled;
        self.tell(if self.facts.is_veiled {
            "values are hidden; equal ones look equal; {privacy} shows them, {copy} copies them as they are"
        } else {
            "values are shown"
        });
        self.renew();
    }

    /// Keeps the screen as it is, whatever comes in, or goes on.
    pub(super) fn freeze(&mut self) {
        self.is_frozen = !self.is_frozen;
        self.is_stale = true;
        self.catch_up();
    }
}

/// Reads a time of the day of `first`, an instant, or a distance from `under`.
pub(super) fn read(typed: &str, first: Timestamp, under: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Timestamp> {
    if let Some((sign, rest)) =
        typed.strip_prefix('+').map(|rest| (1, rest)).or(typed.strip_prefix('-').map(|rest| (-1, rest)))
    {
        let by = i64::try_from(crate::config::keys::duration(rest)?.as_nanos()).ok()?;
        return Some(under.plus(Nanos(sign * by)));
    }
    let nanos = |instant: jiff::Timestamp| i64::try_from(instant.as_nanosecond()).ok().map(Timestamp);
    if let Ok(instant) = typed.parse::<jiff::Timestamp>() {
        return nanos(instant);
    }
    let time = typed.parse::<jiff::civil::Time>().ok()?;
    let day = jiff::Timestamp::from_nanosecond(i128::from(first.0)).ok()?.to_zoned_datetime(zone.clone()).date();
    let on = |day: jiff::civil::Date| nanos(day.to_datetime(time).to_zoned_datetime(zone.clone()).ok()?.timestamp());
    // A time before the first row is meant on the day after, where rows go over midnight.
    let found = on(day)?;
    if found < first {
        day.tomorrow()
            .ok()
            .and_then(on)
            .filter(|next| next.since(first) <= Nanos::from_secs(12 * 3_600))
            .or(Some(found))
    } else {
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn times_are_read_as_people_write_them() {
        let instant =
            |text: &str| Timestamp(text.parse::<jiff::Timestamp>().expect("an instant").as_nanosecond() as i64);
        let first = instant("2026-01-01T23:50:00Z");
        let under = instant("2026-01-01T23:55:00Z");
        let told = |typed: &str| read(typed, first, under, &TimeZone::UTC);
        assert_eq!(told("23:51"), Some(instant("2026-01-01T23:51:00Z")));
        assert_eq!(told("23:51:02.5"), Some(instant("2026-01-01T23:51:02.5Z")));
        assert_eq!(told("00:03"), Some(instant("2026-01-02T00:03:00Z")), "rows go over midnight");
        assert_eq!(told("+30s"), Some(instant("2026-01-01T23:55:30Z")));
        assert_eq!(told("-5m"), Some(instant("2026-01-01T23:50:00Z")));
        assert_eq!(told("2026-01-01T23:59:00Z"), Some(instant("2026-01-01T23:59:00Z")));
        for wrong in ["", "noon", "25:00", "+", "+5", "-5 parsecs"] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
