//! Everything known about one row, as lines to be wrapped.

use super::story::{finding_of, severity_role};
use super::{Subject, record, role_of};
use crate::export::present::light_word;
use crate::export::waterfall::{Bar, BarKind, Tree};
use crate::export::why::{self, Why};
use crate::model::journey::{Fact, Row};
use crate::model::lines::LineRow;
use crate::model::queue::{OpenTransaction, QueueState};
use crate::model::trend::Trend;
use crate::model::verdict::{Finding, Severity};
use crate::model::{Case, Fault, Nanos, Node, Note, Now, SafeText, SpanRow, Verdict, text};
use crate::tui::command::Command;
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// Lines of a value, partitions of a group and attributes of a span that are shown at most; the rest is counted.
pub(super) const MOST: usize = 400;
/// Cells for the names of fields.
const NAME: usize = 11;

pub(super) fn field(name: &str, value: impl Into<SafeText>) -> Stripe {
    Stripe::default().cell(&name.into(), NAME, Align::Left, Role::Dim).and(" ", Role::Dim).and(value, Role::Text)
}

pub(super) fn title(value: impl Into<SafeText>) -> Stripe {
    Stripe::of(value, Role::Title)
}

/// Describes something of the present.
pub fn present(facts: &Facts, subject: Subject) -> Vec<Stripe> {
    let Some(now) = &facts.now else { return Vec::new() };
    match subject {
        Subject::Lamp(at) => lamp(facts, now, at),
        Subject::Group(at) => group(facts, now, at),
        Subject::Trace(at) => {
            let Some(row) = now.errors.get(at) else { return Vec::new() };
            vec![
                title(row.trace.to_string()),
                field("began", row.start.date_clock(&facts.zone)),
                field("took", row.duration.human()),
                field("root", row.root.clone()),
                field("spans", format!("{} of {} failed", row.errors, row.spans)),
                field("error", row.error.clone()),
                field("follow", format!("hopscope follow {}", row.trace)),
            ]
        }
        Subject::Remark(text) => vec![Stripe::of(text, Role::Text)],
        _ => Vec::new(),
    }
}

fn lamp(facts: &Facts, now: &Now, at: usize) -> Vec<Stripe> {
    let Some(lamp) = now.lamps.get(at) else { return Vec::new() };
    let mut lines = vec![title(lamp.source.name()), field("state", light_word(lamp.light))];
    if !lamp.address.is_empty() {
        lines.push(field("address", lamp.address.clone()));
    }
    lines.push(field("is", lamp.detail.clone()));
    if let Some(slowest) = lamp.slowest {
        lines.push(field("slowest", slowest.human()));
    }
    if let Some(trouble) = lamp.breaker.trouble(|at| at.clock(&facts.zone)) {
        lines.push(field("breaker", trouble));
    }
    lines.extend(lamp.faults.iter().flat_map(fault));
    lines.extend(lamp.notes.iter().map(note));
    lines
}

pub(super) fn fault(fault: &Fault) -> [Stripe; 3] {
    [
        Stripe::default()
            .cell(&"fault".into(), NAME + 1, Align::Left, Role::Dim)
            .and(format!("{}: {}", fault.kind.word(), fault.came.as_str()), Role::Error),
        field("asked", fault.asked.clone()),
        field("to do", fault.hint.clone()),
    ]
}

pub(super) fn note(note: &Note) -> Stripe {
    Stripe::default().cell(&"note".into(), NAME + 1, Align::Left, Role::Dim).and(note.text.clone(), Role::Warn)
}

fn group(facts: &Facts, now: &Now, at: usize) -> Vec<Stripe> {
    let Some(row) = now.groups.get(at) else { return Vec::new() };
    let mut lines = vec![
        title(row.group.clone()),
        field("state", format!("{}, {} members", row.state.as_str(), row.members)),
        field("lag", format!("{} records, {} partitions unknown", row.lag, row.unknown)),
    ];
    if row.lost > 0 {
        lines.push(field("lost", format!("{} records deleted by retention before they were read", row.lost)));
    }
    if let Some(fault) = &row.fault {
        lines.push(field("fault", fault.clone()));
    }
    if let Some(next) = &row.next {
        lines.push(field("next record", format!("{} ({} follows it)", next.as_str(), facts.key(Command::Follow))));
    }
    let Some(queues) = &now.queues else { return lines };
    let Some(group) = queues.groups.iter().find(|group| SafeText::new(&group.id) == row.group) else { return lines };
    lines.push(Stripe::default());
    lines.push(Stripe::of("    committed          end        lag  partition", Role::Dim));
    let number = |value: Option<i64>| SafeText::new(&value.map_or_else(|| "?".to_owned(), |value| value.to_string()));
    for commit in group.commits.iter().take(MOST) {
        let end = queues.partition(&commit.topic, commit.partition).and_then(|partition| partition.end);
        let lag = queues.lag(commit).map(|lag| lag.records);
        let role = if lag.is_some_and(|lag| lag > 0) { Role::Warn } else { Role::Text };
        lines.push(
            Stripe::default()
                .cell(&number(commit.committed), 13, Align::Right, Role::Text)
                .cell(&number(end), 13, Align::Right, Role::Text)
                .cell(&number(lag), 11, Align::Right, role)
                .and(format!("  {}-{}", commit.topic, commit.partition), Role::Text),
        );
    }
    if group.commits.len() > MOST {
        lines.push(Stripe::of(
            format!("and {} more; hopscope queue lag shows all", group.commits.len() - MOST),
            Role::Dim,
        ));
    }
    for member in group.members.iter().take(MOST) {
        let parts = member.assigned.len();
        lines.push(field("member", format!("{} at {}, {parts} partitions", member.client, member.host)));
    }
    lines
}

/// Describes something of the story.
pub fn story(facts: &Facts, subject: Subject) -> Vec<Stripe> {
    let Some(case) = &facts.story else { return Vec::new() };
    match subject {
        Subject::Row(at) => case.rows().get(at).map_or_else(Vec::new, |told| row(case, &told, facts)),
        Subject::Finding(verdict, at) => {
            finding_of(case, verdict, at).map_or_else(Vec::new, |found| finding(case, found, facts))
        }
        Subject::Cannot(at) => match case.verdicts.get(at) {
            Some((rule, Verdict::Unknown(why))) => {
                vec![title(format!("{rule} cannot tell")), field("because", why.clone())]
            }
            Some(_) | None => Vec::new(),
        },
        Subject::Repeats(first, count, _) => {
            let rows = case.rows().iter().skip(first).take(count);
            repeats(rows, facts)
        }
        Subject::Ledger(at) => case.ledger.get(at).map_or_else(Vec::new, |entry| {
            vec![
                title(entry.id.clone()),
                field("not followed", entry.reason.words()),
                field("because", entry.detail.clone()),
            ]
        }),
        Subject::Query(at) => case.queries.get(at).map_or_else(Vec::new, |query| {
            let rows = query.rows.map_or_else(|| "no answer".to_owned(), |rows| format!("{rows} found"));
            let mut lines = vec![
                title(query.what.clone()),
                field("source", query.source.name()),
                field("why", query.why.clone()),
                field("brought", rows),
            ];
            if let Some(coverage) = case.coverage_of(query.source) {
                lines.extend(coverage.faults.iter().flat_map(fault));
                lines.extend(coverage.notes.iter().map(note));
            }
            lines
        }),
        _ => Vec::new(),
    }
}

fn finding(case: &Case, finding: &Finding, facts: &Facts) -> Vec<Stripe> {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::Warn => "warning",
        Severity::Info => "worth knowing",
    };
    let mut lines = vec![
        Stripe::of(format!("{} {}", finding.code, finding.name), severity_role(finding.severity)),
        Stripe::of(finding.sentence.clone(), Role::Text),
        field("severity", severity),
        field("refuted by", finding.refuted_by.clone()),
        field("look next", finding.next.clone()),
    ];
    if !finding.evidence.is_empty() {
        lines.push(Stripe::default());
        lines.push(title("evidence"));
    }
    for fact in finding.evidence.iter().take(MOST) {
        let row = case.rows().iter().find(|row| row.fact == Some(*fact));
        lines.push(match row {
            Some(row) => Stripe::of(row.at.clock(&facts.zone), Role::Dim)
                .and(format!(" {} ", row.mark.sign()), role_of(row.mark))
                .and(format!("{} ", row.lane()), Role::Info)
                .and(row.text(), Role::Text),
            None => Stripe::of(name_of(case, *fact), Role::Text),
        });
    }
    lines
}

fn name_of(case: &Case, fact: Fact) -> SafeText {
    match fact {
        Fact::Span(row) => {
            let span = case.spans.span(row);
            SafeText::new(&format!("span {} {} {}", span.id(), span.service(), span.name()))
        }
        Fact::Line(row) => SafeText::new(case.lines.line(row).text()),
        Fact::Record(at) => case
            .records
            .get(at as usize)
            .map_or_else(SafeText::default, |record| SafeText::new(&format!("record {}", record.coordinate))),
        Fact::Queue => SafeText::own("the state of the queues"),
    }
}

fn row(case: &Case, row: &Row<'_>, facts: &Facts) -> Vec<Stripe> {
    let mut lines = vec![
        Stripe::of(row.text(), role_of(row.mark)),
        field("at", format!("{}  ({})", row.at.clock(&facts.zone), row.at.date_clock(&facts.zone))),
    ];
    if let Some(took) = row.duration.filter(|took| *took != Nanos(0)) {
        lines.push(field("took", took.human()));
    }
    if !row.lane().is_empty() {
        lines.push(field("where", row.lane()));
    }
    lines.push(field("joined", format!("{} ({})", row.why().as_str(), row.tier.word())));
    let found = why::of_row(case, row);
    path(found.as_ref(), &mut lines);
    if let Some(follow) = row.follow() {
        lines.push(field("follow", follow));
    }
    lines.push(Stripe::default());
    match row.fact {
        Some(Fact::Span(at)) => span(case, at, facts, &mut lines),
        Some(Fact::Line(at)) => line(case, at, facts, &mut lines),
        Some(Fact::Record(at)) => {
            if let Some(found) = case.records.get(at as usize) {
                record::record(found, facts, &mut lines);
            }
        }
        Some(Fact::Queue) | None => {}
    }
    again(found.as_ref(), &mut lines);
    lines
}

/// Why it is here, edge by edge to what was asked about.
fn path(found: Option<&Why<'_>>, lines: &mut Vec<Stripe>) {
    let sentences = found.into_iter().flat_map(Why::sentences);
    lines.extend(sentences.take(MOST).enumerate().map(|(at, text)| field(if at == 0 { "why" } else { "" }, text)));
}

/// The requests that show a path again.
fn again(found: Option<&Why<'_>>, lines: &mut Vec<Stripe>) {
    let requests = found.map(Why::requests).unwrap_or_default();
    if !requests.is_empty() {
        lines.push(Stripe::default());
        lines.push(title("to see the path again"));
    }
    lines.extend(requests.into_iter().map(|request| Stripe::of(request.clone(), Role::Text)));
}

fn span(case: &Case, at: SpanRow, facts: &Facts, lines: &mut Vec<Stripe>) {
    let span = case.spans.span(at);
    lines.push(title("span"));
    lines.push(field("service", span.service()));
    lines.push(field("name", span.name()));
    lines.push(field("kind", format!("{:?}, status {:?}", span.kind(), span.status())));
    lines.push(field("trace", span.trace().to_string()));
    let parent = span.parent().map_or_else(|| "none".to_owned(), |parent| parent.to_string());
    lines.push(field("span", format!("{}, parent {parent}", span.id())));
    for (trace, linked) in span.links().take(MOST) {
        lines.push(field("link", format!("{trace} {linked}")));
    }
    for (name, value) in span.attributes().take(MOST) {
        pair(facts, name, &value.text(), lines);
    }
    for event in span.events().take(MOST) {
        let after = event.at.since(span.start()).human();
        lines.push(field("event", format!("{} after {after}", event.name)));
        for (name, value) in event.attributes().take(MOST) {
            pair(facts, name, &value.text(), lines);
        }
    }
    lines.push(title("resource"));
    for (name, value) in span.resource().take(MOST) {
        pair(facts, name, &value.text(), lines);
    }
    lines.push(field("began", span.start().date_clock(&facts.zone)));
}

/// A name and a value that may hold several lines.
pub(super) fn pair(facts: &Facts, name: &str, value: &str, lines: &mut Vec<Stripe>) {
    for (at, part) in text::lines(value).take(MOST).enumerate() {
        let mut stripe = Stripe::of("  ", Role::Dim);
        if at == 0 {
            stripe.push(name, Role::Info);
            stripe.push(" = ", Role::Dim);
        } else {
            stripe.push("    ", Role::Dim);
        }
        stripe.push(facts.value(part), Role::Text);
        lines.push(stripe);
    }
}

fn line(case: &Case, at: LineRow, facts: &Facts, lines: &mut Vec<Stripe>) {
    let line = case.lines.line(at);
    lines.push(title("log line"));
    lines.extend(text::lines(line.text()).take(MOST).map(|part| Stripe::of(facts.value(part), Role::Text)));
    for (heading, fields) in [("labels", line.labels().collect::<Vec<_>>()), ("metadata", line.metadata().collect())] {
        if !fields.is_empty() {
            lines.push(title(heading));
        }
        for (name, value) in fields {
            pair(facts, name, value, lines);
        }
    }
}

/// Lists rows that repeat.
pub fn repeats<'a>(rows: impl Iterator<Item = Row<'a>>, facts: &Facts) -> Vec<Stripe> {
    let line = |row: Row<'_>| {
        Stripe::of(row.at.clock(&facts.zone), Role::Dim)
            .and(format!(" {} ", row.mark.sign()), role_of(row.mark))
            .and(row.text(), Role::Text)
    };
    let mut lines: Vec<Stripe> = rows.take(MOST).map(line).collect();
    lines.insert(0, title(facts.told("these repeat the ones above; {fold} shows them in the list")));
    lines
}

/// Describes where a group stands in a partition, and which record of the story stands there too.
pub fn commit(queues: &QueueState, facts: &Facts, group: usize, at: usize) -> Vec<Stripe> {
    let Some(group) = queues.groups.get(group) else { return Vec::new() };
    let Some(commit) = group.commits.get(at) else { return Vec::new() };
    let number = |value: Option<i64>| value.map_or_else(|| "not known".to_owned(), |value| value.to_string());
    let held = queues.partition(&commit.topic, commit.partition);
    let mut lines = vec![
        title(format!("{} in {}-{}", group.id, commit.topic, commit.partition)),
        field("group", format!("{} ({} protocol)", group.state, group.kind.word())),
        field("epoch", group.epoch.map_or_else(|| "none in this protocol".to_owned(), |epoch| epoch.to_string())),
        field(if group.is_lag_at_most() { "start" } else { "committed" }, number(commit.committed)),
        field("end", number(held.and_then(|held| held.end))),
        field("stable end", number(held.and_then(|held| held.stable))),
        field("log start", number(held.and_then(|held| held.start))),
        field("leader", number(held.and_then(|held| held.leader).map(i64::from))),
    ];
    match queues.lag(commit) {
        Some(lag) => {
            lines.push(field(
                "lag",
                format!("{}{} records", if group.is_lag_at_most() { "at most " } else { "" }, lag.records),
            ));
            lines.push(field("lost", format!("{} deleted by retention before they were read", lag.lost)));
            lines.push(field("waiting", format!("{} behind an open transaction", lag.behind_transaction)));
        }
        None => lines.push(field("lag", "cannot tell: an offset is not known")),
    }
    let earlier = facts.earlier.as_deref();
    match earlier.and_then(|before| Trend::of(before, queues, group, commit)) {
        Some(trend) => {
            lines.push(field("trend", trend.words()));
            lines.push(field("verdict", format!("{}: {}", trend.standing().words(), trend.because())));
        }
        None => lines.push(field("trend", facts.told("cannot tell from one reading; {refresh} takes another one"))),
    }
    let held_back = |found: &&OpenTransaction| found.topic == commit.topic && found.partition == commit.partition;
    for found in queues.transactions.iter().filter(held_back) {
        let id = found.transactional_id.as_deref().unwrap_or("not visible to this user");
        let state = found.state.as_deref().unwrap_or("open");
        let text = format!("{id}: {state} from offset {} on, producer {}", found.first_offset, found.producer_id);
        lines.push(field("transaction", text));
    }
    match commit.owner.and_then(|owner| group.members.get(owner)) {
        Some(member) => lines.push(field("owner", format!("{} {} at {}", member.client, member.id, member.host))),
        None => lines.push(field("owner", "nobody")),
    }
    for fault in group.fault.iter().chain(held.and_then(|held| held.fault.as_ref())) {
        lines.push(Stripe::of(fault.as_str(), Role::Error));
    }
    let story = facts.story.as_deref();
    if let Some((record, found)) = story.and_then(|case| why::of_partition(case, &commit.topic, commit.partition)) {
        lines.push(field("holds", format!("record {record} of this story")));
        path(Some(&found), &mut lines);
        again(Some(&found), &mut lines);
    }
    lines
}

/// Describes a bar of the waterfall.
pub fn bar(case: &Case, tree: &Tree, bar: &Bar, facts: &Facts) -> Vec<Stripe> {
    let mut lines = vec![field("took", bar.length.human()), field("began", bar.start.date_clock(&facts.zone))];
    let after = bar.start.since(tree.window.from);
    lines.push(if after.0 < 0 {
        // A record lay in the queue before the trace that handled it began.
        field("before", format!("{} before the begin of the trace", Nanos(-after.0).human()))
    } else {
        field("after", format!("{} from the begin of the trace", after.human()))
    });
    if bar.critical {
        lines.push(field("critical", "the trace's end waited for it"));
    }
    if bar.orphan {
        lines.push(field("parent", "named, but not there: lost, not sampled or not arrived yet"));
    }
    match bar.kind {
        BarKind::Trace => {
            lines.insert(0, title(format!("trace {}", tree.trace)));
            lines.push(field(
                "spans",
                format!("{}, {} failed, {} without parent", tree.spans, tree.errors, tree.orphans),
            ));
        }
        BarKind::Span(row) => {
            let found = why::why(case, Node::Span(row));
            path(found.as_ref(), &mut lines);
            span(case, row, facts, &mut lines);
            again(found.as_ref(), &mut lines);
        }
        BarKind::Fold(row, count) => {
            lines.insert(0, title(format!("{count} equal spans, together; the first of them:")));
            path(why::why(case, Node::Span(row)).as_ref(), &mut lines);
            span(case, row, facts, &mut lines);
        }
        BarKind::Wait(row) => {
            lines.insert(0, title("waiting in the queue"));
            lines.push(Stripe::of(
                "from the producer's end, else the record's time, to this consumer's begin:",
                Role::Text,
            ));
            span(case, row, facts, &mut lines);
        }
    }
    lines
}
