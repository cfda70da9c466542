//! A log line by itself, before any story is known.

use super::reads;
use crate::model::SafeText;
use crate::model::lines::LineView;
use crate::model::tail::TailLine;

/// Reads a line for a tail.
pub fn line(line: LineView<'_>, number: u64) -> TailLine {
    let (mark, text) = reads::told(line);
    TailLine {
        number,
        at: line.at(),
        service: SafeText::new(line.service().unwrap_or_default()),
        text: SafeText::new(&text),
        mark,
        follow: reads::line_trace(line).map(|(trace, _)| SafeText::new(&trace.to_string())),
    }
}
