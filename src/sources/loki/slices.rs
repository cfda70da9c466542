//! A wide window in slices, the newest first: most questions end in the first one.
//!
//! Inner edges lie on full hours, where Loki splits and caches its own queries (3.7: `split_queries_by_interval` 1 h).

use crate::model::{Nanos, Timestamp, Window};

const HOUR: i64 = 3_600_000_000_000;
/// A window up to this long is read at once: slices would cost more requests than they save.
const NARROW: Nanos = Nanos(3 * HOUR);
/// Lengths of the slices, the newest first; the last one repeats.
const LENGTHS: [i64; 4] = [HOUR, 6 * HOUR, 24 * HOUR, 168 * HOUR];

/// Says whether a window is read in slices.
pub(super) fn is_wide(window: &Window) -> bool {
    window.length() > NARROW
}

/// Returns the slices of a window, the newest first; together they are the window.
pub(super) fn slices(window: &Window) -> Vec<Window> {
    if !is_wide(window) {
        return if window.from < window.until { vec![*window] } else { Vec::new() };
    }
    let (mut found, mut until) = (Vec::new(), window.until);
    let mut lengths = LENGTHS.into_iter().chain(std::iter::repeat(LENGTHS[LENGTHS.len() - 1]));
    while until > window.from {
        let length = lengths.next().expect("the last length repeats");
        let edge = until.0.saturating_sub(length).div_euclid(HOUR).saturating_mul(HOUR);
        let from = window.from.max(Timestamp(edge));
        found.push(Window { from, until });
        until = from;
    }
    found
}

/// Names stretches of time.
pub(super) fn named(windows: &[Window]) -> String {
    let one = |window: &Window| format!("{} to {}", window.from.rfc3339(), window.until.rfc3339());
    windows.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_window_is_one_slice() {
        let window = Window { from: Timestamp(5), until: Timestamp(3 * HOUR + 5) };
        assert_eq!((slices(&window), is_wide(&window)), (vec![window], false));
        assert!(slices(&Window { from: Timestamp(5), until: Timestamp(5) }).is_empty());
    }

    #[test]
    fn slices_grow_backwards_from_the_end() {
        let at = |hours: i64| Timestamp(1_000 * 24 * HOUR + hours * HOUR);
        let window = Window { from: at(0), until: Timestamp(at(40).0 + 7) };
        let lengths: Vec<_> = slices(&window).iter().map(|slice| (slice.from, slice.until)).collect();
        assert_eq!(lengths, [(at(39), window.until), (at(33), at(39)), (at(9), at(33)), (at(0), at(9))]);
    }

    proptest! {
        #[test]
        fn slices_are_the_window(from in 0..i64::MAX / 2, length in 1..2_000 * HOUR) {
            let window = Window { from: Timestamp(from), until: Timestamp(from + length) };
            let all = slices(&window);
            prop_assert_eq!((all[0].until, all[all.len() - 1].from), (window.until, window.from));
            prop_assert!(all.iter().all(|slice| slice.from < slice.until));
            prop_assert!(all.windows(2).all(|pair| pair[0].from == pair[1].until && pair[0].from.0 % HOUR == 0));
        }
    }
}
