//! Text for people: no escapes, one row a line, cut to the width.

use super::format::Look;
use super::present::light_word;
use super::report::findings;
use super::why;
use crate::model::case::Progress;
use crate::model::journey::{Row, RowKind};
use crate::model::now::Light;
use crate::model::queue::GroupKind;
use crate::model::{
    Case, Nanos, Now, Reach, Record, SafeText, Signal, SourceCoverage, Spent, Timestamp, Verdict, text,
};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Lines of a record's value that are shown.
const VALUE_LINES: usize = 40;

/// Lines that never hold anything but safe text, cut to the width.
struct Page<'a> {
    out: &'a mut dyn Write,
    /// What went wrong first; nothing is written after it.
    state: io::Result<()>,
    look: &'a Look,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        let safe = SafeText::new(text);
        self.put(safe.cut(self.look.width.max(20)).as_str().trim_end());
    }

    /// Breaks at spaces; following lines are indented.
    fn wrapped(&mut self, indent: usize, text: &str) {
        let width = self.look.width.max(20);
        let safe = SafeText::new(text);
        let words = safe.as_str().trim_start_matches(' ');
        let mut line = " ".repeat(safe.as_str().len() - words.len());
        let mut begun = false;
        for word in words.split(' ') {
            if begun && SafeText::new(&line).width() + SafeText::new(word).width() + 1 > width {
                self.line(&line);
                line = " ".repeat(indent);
            } else if begun {
                line.push(' ');
            }
            line.push_str(word);
            begun = true;
        }
        self.line(&line);
    }

    fn head(&mut self, title: &str) {
        self.put("");
        self.line(title);
    }

    fn put(&mut self, line: &str) {
        if self.state.is_ok() {
            self.state = self.out.write_all(line.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        }
    }
}

/// Writes a story.
pub fn story(case: &Case, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { out, state: Ok(()), look };
    let zone = &look.zone;
    page.line(&format!("{}  (taken for a {})", case.anchor.identity, case.anchor.kind));
    if let Some(also) = case.anchor.also {
        page.line(&format!("  it might also be a {also}: --as business"));
    }
    let (from, until) = (case.window.from.date_clock(zone), case.window.until.date_clock(zone));
    page.line(&format!("searched {from} to {until}"));
    if case.is_found() {
        page.head(&format!("outcome: {}", case.journey.outcome.words()));
        if !case.journey.summary.is_empty() {
            page.wrapped(2, case.journey.summary.as_str());
        }
    } else if case.is_unanswered() {
        let is_asked = !case.exchanges.is_empty();
        page.head(if is_asked {
            "no answer: no source that was asked answered"
        } else {
            "no answer: no source could be asked"
        });
    } else {
        page.head(if case.is_complete() { "nothing found" } else { "nothing found, but not everything was seen" });
    }
    match &case.progress {
        Progress::Stopped { reason } => {
            page.wrapped(4, &format!("  stopped: {}; what follows is what is known so far", reason.as_str()));
        }
        Progress::Complete if case.is_complete() => page.line("  complete within the searched sources and window"),
        Progress::Complete if case.is_unanswered() => {}
        Progress::Complete => {
            page.line("  nothing is left to ask, but sources were missing or cut off: see `searched`");
        }
        Progress::Running { .. } => {}
    }
    write_findings(&mut page, case);
    write_rows(&mut page, case);
    if !case.records.is_empty() {
        page.head("records");
        for record in case.records.iter() {
            write_record(&mut page, record);
        }
    }
    if !case.journey.clocks.is_empty() {
        page.head("clocks (times are shown as they came)");
        for doubt in &case.journey.clocks {
            page.wrapped(4, &format!("  {}", doubt.words()));
        }
    }
    if !case.journey.gaps.is_empty() {
        page.head("not there");
        for gap in &case.journey.gaps {
            page.wrapped(4, &format!("  {}: {}; {}", gap.what.as_str(), gap.reason.words(), gap.detail.as_str()));
        }
    }
    write_searched(&mut page, case);
    page.state
}

fn write_findings(page: &mut Page<'_>, case: &Case) {
    let found = findings(case);
    if !found.is_empty() {
        page.head("findings");
    }
    for finding in found {
        let sure = match finding.confidence {
            crate::model::verdict::Confidence::Confirmed => "",
            crate::model::verdict::Confidence::Likely => " (likely)",
            crate::model::verdict::Confidence::Possible => " (possible)",
        };
        page.wrapped(
            5,
            &format!(" {:>2} {} {}{sure}", finding.severity.mark(), finding.name, finding.sentence.as_str()),
        );
        if !finding.next.is_empty() {
            page.wrapped(11, &format!("     next: {}", finding.next.as_str()));
        }
    }
    let unknown = case.verdicts.iter().filter_map(|(rule, verdict)| match verdict {
        Verdict::Unknown(why) => Some(format!("  ? {rule} cannot tell: {}", why.as_str())),
        Verdict::Findings(_) | Verdict::Clear | Verdict::NotApplicable => None,
    });
    let unknown: Vec<String> = unknown.collect();
    // When nothing was found, every rule is without an answer for the same reason, which stands above already.
    if case.is_found() {
        for line in unknown {
            page.wrapped(4, &line);
        }
    }
}

fn write_rows(page: &mut Page<'_>, case: &Case) {
    if case.journey.rows.is_empty() {
        return;
    }
    page.head("story   (= exact, ~ scoped, ? inferred; E error, W warning, . wait, + done)");
    let lane = case.rows().lanes().iter().map(SafeText::width).max().unwrap_or(0).clamp(4, 16);
    let mut told = String::new();
    // What is missing has a section of its own below.
    for row in case.rows().iter().filter(|row| row.kind != RowKind::Gap) {
        told.clear();
        if row.at == Timestamp(0) {
            told.push_str("            ");
        } else {
            told.push_str(&row.at.clock(&page.look.zone));
        }
        let [head, tail] = row.parts();
        let (tier, mark, shown) = (row.tier.mark(), row.mark.sign(), padded(&SafeText::new(row.lane()), lane));
        let indent = usize::from(row.depth.min(10)) * 2;
        write!(told, " {tier}{mark} {shown} {:indent$}{head}{tail}", "").expect("a string takes any text");
        if let Some(duration) = row.duration.filter(|duration| *duration != Nanos(0)) {
            write!(told, "  {}", duration.human()).expect("a string takes any text");
        }
        page.line(&told);
        if page.look.why {
            write_path(page, case, &row);
        }
    }
}

/// Writes the path of a row, and the requests that show it again.
fn write_path(page: &mut Page<'_>, case: &Case, row: &Row<'_>) {
    let Some(path) = why::of_row(case, row) else {
        page.line(&format!("               {}", row.why().as_str()));
        return;
    };
    for sentence in path.sentences() {
        page.wrapped(17, &format!("               {sentence}"));
    }
    for request in path.requests() {
        page.wrapped(19, &format!("               $ {}", request.as_str()));
    }
}

fn padded(text: &SafeText, width: usize) -> String {
    let cut = text.cut(width);
    format!("{}{}", cut.as_str(), " ".repeat(width.saturating_sub(cut.width())))
}

fn write_record(page: &mut Page<'_>, record: &Record) {
    page.line(&format!("  {}  {}", record.coordinate, record.timestamp.date_clock(&page.look.zone)));
    let shown =
        |bytes: Option<&bytes::Bytes>| bytes.map_or_else(|| "(null)".into(), |bytes| SafeText::from_bytes(bytes));
    page.line(&format!("    key    {}", shown(record.key.as_ref()).as_str()));
    for header in &record.headers {
        let key = SafeText::from_bytes(&header.key);
        page.line(&format!("    header {} = {}", key.as_str(), header.shown().as_str()));
    }
    match record.value.as_ref().map(|value| (value, std::str::from_utf8(value))) {
        None => page.line("    value  (null: a tombstone)"),
        Some((value, Err(_))) => {
            page.line(&format!("    value  {} bytes: {}", value.len(), SafeText::from_bytes(value).as_str()));
        }
        Some((_, Ok(value))) => {
            for (at, line) in text::lines(value).take(VALUE_LINES).enumerate() {
                page.line(&format!("    {} {}", if at == 0 { "value " } else { "      " }, line.as_str()));
            }
            let count = value.lines().count();
            if count > VALUE_LINES {
                page.line(&format!("           ({} more lines; -o json shows all)", count - VALUE_LINES));
            }
        }
    }
}

fn write_searched(page: &mut Page<'_>, case: &Case) {
    page.head("searched");
    for coverage in &case.coverage {
        write_coverage(page, case, coverage);
    }
    if !case.ledger.is_empty() {
        page.head("seen and not followed");
    }
    for entry in &case.ledger {
        let reason = entry.reason.words();
        page.wrapped(4, &format!("  {}: {reason}; {}", entry.id.as_str(), entry.detail.as_str()));
    }
}

fn write_coverage(page: &mut Page<'_>, case: &Case, coverage: &SourceCoverage) {
    let counts = match coverage.reach {
        Reach::NotAsked | Reach::NotConfigured => String::new(),
        Reach::Full | Reach::Partial | Reach::None => {
            format!(", {} of {} questions", coverage.answered, coverage.asked)
        }
    };
    page.line(&format!("  {:<6} {}{counts}", coverage.source.name(), coverage.reach.word()));
    write_spent(page, &coverage.spent);
    if let Some(trouble) = coverage.breaker.trouble(|at| at.clock(&page.look.zone)) {
        page.line(&format!("         {trouble}"));
    }
    for fault in &coverage.faults {
        let said = format!("{}: {} ({})", fault.kind.word(), fault.came.as_str(), fault.asked.as_str());
        page.wrapped(11, &format!("         {said}"));
        page.wrapped(11, &format!("         {}", fault.hint.as_str()));
    }
    for note in &coverage.notes {
        page.wrapped(11, &format!("         note: {}", note.text.as_str()));
    }
    for query in case.queries.iter().filter(|query| query.source == coverage.source) {
        let rows = query.rows.map_or_else(|| "no answer".to_owned(), |rows| format!("{rows} found"));
        page.wrapped(11, &format!("         {}: {rows} ({})", query.what.as_str(), query.why.as_str()));
    }
}

/// Says that a part of a budget is spent, where that explains an answer; JSON has the numbers always.
fn write_spent(page: &mut Page<'_>, spent: &Spent) {
    if let Some(part) = spent.spent().filter(|_| spent.requests.limit > 0) {
        page.line(&format!("         budget of {part} spent: {}", spent.words()));
    }
}

/// Writes the present.
pub fn now(now: &Now, look: &Look) -> String {
    let mut out = Vec::new();
    let mut page = Page { out: &mut out, state: Ok(()), look };
    page.line(&format!("now {}   the last {}", now.at.date_clock(&look.zone), now.window.length().human()));
    page.head("sources");
    for lamp in &now.lamps {
        let address = if lamp.address.is_empty() { String::new() } else { format!("  {}", lamp.address.as_str()) };
        let trouble = lamp.breaker.trouble(|at| at.clock(&look.zone));
        let trouble = trouble.map(|words| format!(", {words}")).unwrap_or_default();
        let detail = if lamp.detail.as_str() == light_word(lamp.light) { "" } else { lamp.detail.as_str() };
        page.wrapped(
            11,
            &format!(
                "  {} {:<6} {}{trouble}{address}  {detail}",
                lamp.light.letter(),
                lamp.source.name(),
                light_word(lamp.light)
            ),
        );
        write_spent(&mut page, &lamp.spent);
        for fault in &lamp.faults {
            page.wrapped(
                11,
                &format!("           {}: {}; {}", fault.kind.word(), fault.came.as_str(), fault.hint.as_str()),
            );
        }
        for note in &lamp.notes {
            page.wrapped(11, &format!("           note: {}", note.text.as_str()));
        }
    }
    page.head("consumer groups, worst first");
    if now.queues.is_none() {
        page.line("  cannot tell: Kafka did not answer or is not configured");
    } else if now.groups.is_empty() {
        page.line("  none is visible to this user");
    }
    for row in &now.groups {
        let unknown = if row.unknown > 0 { format!(", {} partitions unknown", row.unknown) } else { String::new() };
        let lost = if row.lost > 0 { format!(", {} lost to retention", row.lost) } else { String::new() };
        let held = if row.behind_transaction > 0 {
            format!(", {} in a transaction", row.behind_transaction)
        } else {
            String::new()
        };
        let (kind, most) = match row.kind {
            GroupKind::Classic => (String::new(), ""),
            GroupKind::Share => (" share".to_owned(), "at most "),
            kind => (format!(" {}", kind.word()), ""),
        };
        page.line(&format!(
            "  {}  {}{kind}, {} members, lag {most}{}{unknown}{lost}{held}",
            row.group.as_str(),
            row.state.as_str(),
            row.members,
            row.lag
        ));
        if let (Some((topic, partition, lag)), Some(next)) = (&row.worst, &row.next) {
            page.line(&format!(
                "      worst {}-{partition}, lag {lag}; next record: hopscope follow {}",
                topic.as_str(),
                next.as_str()
            ));
        }
        if let Some(fault) = &row.fault {
            page.line(&format!("      {}", fault.as_str()));
        }
    }
    page.head("traces with errors, the newest of each service");
    if now.errors.is_empty() {
        page.line(&match now.worst(Signal::Traces).map(|lamp| (lamp.light, lamp.source.title())) {
            Some((Light::Ok | Light::Partial, _)) => "  none seen".to_owned(),
            Some((Light::Down | Light::Waiting | Light::Off, title)) => {
                format!("  cannot tell: {title} did not answer or is not configured")
            }
            None => "  cannot tell: no source of traces is configured".to_owned(),
        });
    }
    for row in &now.errors {
        page.line(&format!(
            "  {} {}  {}  {}",
            row.start.clock(&look.zone),
            row.trace,
            row.duration.human(),
            row.root.as_str()
        ));
        page.line(&format!("      {} of {} spans failed; {}", row.errors, row.spans, row.error.as_str()));
    }
    String::from_utf8(out).expect("lines are text")
}
