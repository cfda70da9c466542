//! The formats there are.

use super::present::NowReport;
use super::report::Report;
use super::{json, text};
use crate::model::{Case, Now};
use jiff::tz::TimeZone;
use std::io::{self, Write};

/// How text is laid out.
#[derive(Clone, Debug)]
pub struct Look {
    /// Cells per line.
    pub width: usize,
    /// Zone of shown times.
    pub zone: TimeZone,
    /// Each row with the path that led to it.
    pub why: bool,
}

/// One format: its name in `-o`, and how it writes a story and the present.
pub struct Format {
    /// Name, as `-o` takes it.
    pub name: &'static str,
    /// Writes a story row by row. The number is the exit code, which some formats hold.
    pub story: fn(&Case, &Look, u8, &mut dyn Write) -> io::Result<()>,
    /// Writes the present.
    pub now: fn(&Now, &Look, u8) -> String,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format {
        name: "text",
        story: |case, look, _, out| text::story(case, look, out),
        now: |now, look, _| text::now(now, look),
    },
    Format {
        name: "json",
        story: |case, look, exit, out| json::write_to(&Report::of(case, exit, look.why), out),
        now: |now, _, exit| json::write(&NowReport::of(now, exit)),
    },
];

/// Returns the format of a name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
