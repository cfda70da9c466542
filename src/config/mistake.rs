//! What is wrong with the person's input: where, why and what to do.

use crate::model::SafeText;
use std::fmt;

/// One mistake in a file, the environment or a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `file:line:column`, `environment NAME` or the flag.
    pub place: SafeText,
    /// What is wrong.
    pub what: SafeText,
    /// What to do.
    pub fix: SafeText,
}

impl Mistake {
    /// Returns a mistake; all three texts may hold anything.
    pub fn new(place: &str, what: &str, fix: &str) -> Self {
        Self { place: SafeText::new(place), what: SafeText::new(what), fix: SafeText::new(fix) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place.as_str(), self.what.as_str(), self.fix.as_str())
    }
}

impl std::error::Error for Mistake {}
