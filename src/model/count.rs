//! How many there were of something, when some of them may not be seen.

use serde::Serialize;
use std::fmt;

/// A number that was seen, and the bounds of the true one. The true number lies within them whatever was lost on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Seen.
    pub seen: u32,
    /// There were at least that many: seen, or claimed by one of them.
    pub at_least: u32,
    /// There were at most that many; `None` when nothing bounds them.
    pub at_most: Option<u32>,
}

impl Count {
    /// Says whether some of them are missing.
    pub fn is_short(self) -> bool {
        self.at_least > self.seen
    }

    /// Says whether the true number is known.
    pub fn is_exact(self) -> bool {
        self.at_most == Some(self.at_least)
    }
}

impl fmt::Display for Count {
    /// `4`, `3 to 4` or `at least 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_most {
            Some(most) if most == self.at_least => write!(f, "{most}"),
            Some(most) => write!(f, "{} to {most}", self.at_least),
            None => write!(f, "at least {}", self.at_least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_told_as_narrow_as_it_is_known() {
        let count = |seen, at_least, at_most| Count { seen, at_least, at_most };
        for (count, words) in
            [(count(2, 2, Some(2)), "2"), (count(2, 3, Some(5)), "3 to 5"), (count(2, 4, None), "at least 4")]
        {
            assert_eq!(count.to_string(), words);
        }
        assert!(count(2, 4, None).is_short() && !count(2, 2, None).is_short());
        assert!(count(2, 2, Some(2)).is_exact() && !count(2, 2, None).is_exact());
    }
}
