//! A log line by itself, before any story is known.

use super::reads;
use crate::decode::logline::Level;
use crate::model::SafeText;
use crate::model::journey::Mark;
use crate::model::lines::LineView;
use crate::model::tail::TailLine;

/// Reads a line for a tail.
pub fn line(line: LineView<'_>, number: u64) -> TailLine {
    let said = reads::said(line);
    let mark = match said.level {
        Level::Error => Mark::Error,
        Level::Warn => Mark::Warn,
        Level::Info | Level::Debug | Level::Unsaid => Mark::Plain,
    };
    let text = match &said.error {
        Some(error) if !said.message.contains(&**error) => format!("{}: {error}", said.message).into(),
        Some(_) | None => said.message,
    };
    TailLine {
        number,
        at: line.at(),
        service: SafeText::new(line.service().unwrap_or_default()),
        text: SafeText::new(&text),
        mark,
        follow: reads::line_trace(line).map(|(trace, _)| SafeText::new(&trace.to_string())),
    }
}
