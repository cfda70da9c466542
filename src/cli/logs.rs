//! `hopscope logs`: the lines of a query or of an id, and new ones as they come.

use super::args::{Arguments, LogsVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::signals::Caught;
use super::{settings, signals, verbs};
use crate::correlate::METADATA;
use crate::export::json;
use crate::investigate::SourceSet;
use crate::model::ask::NoteKind;
use crate::model::lines::LineView;
use crate::model::{Ask, Identity, LineStore, Nanos, Note, Rows, SafeText, SourceKind, Timestamp, Window};
use crate::sources::loki::query::LogQuery;
use crate::sources::loki::tail::Cursor;
use jiff::tz::TimeZone;
use serde::Serialize;
use smol_str::SmolStr;
use std::cell::Cell;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// What is searched without `--since`.
const SINCE: Nanos = Nanos::from_secs(60 * 60);
/// Lines that one read of a tail may bring.
const POLL: u32 = 50_000;

/// What lines are wanted.
enum Wanted {
    Query(SmolStr),
    Id(Vec<SmolStr>),
}

/// How lines are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Lines,
    Document,
}

/// One line in JSON.
#[derive(Serialize)]
struct Row {
    at: i64,
    time: String,
    service: Option<SafeText>,
    line: SafeText,
    labels: BTreeMap<SafeText, SafeText>,
    metadata: BTreeMap<SafeText, SafeText>,
}

#[derive(Serialize)]
struct LinesReport {
    schema: &'static str,
    complete: bool,
    rows: Vec<Row>,
    notes: Vec<Note>,
    exit: u8,
}

/// Runs one of the verbs.
pub fn run(arguments: &Arguments, verb: &LogsVerb, out: &Out) -> Result<Exit, Failure> {
    let form = match arguments.form() {
        "jsonl" => Form::Lines,
        "json" => Form::Document,
        _ => Form::Text,
    };
    let (wanted, is_tail) = match verb {
        LogsVerb::Query { query, .. } => (query_of(query)?, false),
        LogsVerb::For { id, .. } => (id_of(id)?, false),
        LogsVerb::Tail { what, .. } if what.trim_start().starts_with('{') => (query_of(what)?, true),
        LogsVerb::Tail { what, .. } => (id_of(what)?, true),
    };
    if is_tail && form == Form::Document {
        let fix = "use -o jsonl: one document per line";
        return Err(Failure::mistake("--output", "a tail has no end, so it is no one document", fix));
    }
    let (look, asked) = (settings::look(arguments)?, settings::asked(arguments, SINCE)?);
    let profile = settings::loaded(arguments)?.profile;
    let runtime = verbs::runtime()?;
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, &profile)?.only(&[SourceKind::Loki]);
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let desk = Desk { sources, cancel, caught, out: *out, form, zone: look.zone, told: Cell::new(0) };
    match verb {
        LogsVerb::Query { limit, .. } | LogsVerb::For { limit, .. } => {
            runtime.block_on(desk.read(&wanted, settings::window(asked), *limit))
        }
        LogsVerb::Tail { limit, .. } => {
            let begin = asked.window.map_or(asked.at, |window| window.from);
            runtime.block_on(desk.tail(&wanted, begin, limit.unwrap_or(u32::MAX)))
        }
    }
}

fn query_of(text: &str) -> Result<Wanted, Failure> {
    let query = LogQuery::parse(text)
        .map_err(|why| Failure::mistake("QUERY", why, "write it as '{app=\"orders\"} |= \"text\"'"))?;
    Ok(Wanted::Query(query.text().into()))
}

fn id_of(text: &str) -> Result<Wanted, Failure> {
    Ok(Wanted::Id(match verbs::anchor(text, None)?.identity {
        Identity::Trace(trace) | Identity::Span(trace, _) => trace.spellings(),
        Identity::Record(at) => vec![at.to_string().into()],
        Identity::Business(id) => vec![id],
    }))
}

impl Wanted {
    fn ask(&self, window: Window, limit: u32) -> Ask {
        match self {
            Self::Query(query) => Ask::QueryLines { query: query.clone(), window, limit },
            Self::Id(needles) => Ask::FindLines {
                needles: needles.clone(),
                metadata: METADATA.iter().map(|name| SmolStr::new_static(name)).collect(),
                services: Vec::new(),
                window,
                limit,
            },
        }
    }
}

/// What both verbs work with.
struct Desk {
    sources: SourceSet,
    cancel: CancellationToken,
    caught: Caught,
    out: Out,
    form: Form,
    zone: TimeZone,
    /// Requests that were told on stderr.
    told: Cell<u64>,
}

impl Desk {
    /// Asks once, under a budget of its own.
    async fn ask(&self, ask: &Ask) -> Result<(LineStore, Vec<Note>), Failure> {
        let budgets = self.sources.budgets(&self.cancel);
        let reply = self.sources.ask(ask, &budgets).await;
        self.told.set(self.out.requests(&self.sources, self.told.get()));
        let answer = reply.outcome.map_err(|fault| {
            let exit = self.caught.or(Exit::of_faults(std::iter::once(&fault)));
            Failure::faults(&[fault], exit)
        })?;
        let Rows::Lines(lines) = answer.rows else {
            unreachable!("a question about lines is answered with lines");
        };
        Ok((*lines, answer.notes))
    }

    /// The lines of a window, the newest `limit` of them, oldest first.
    async fn read(&self, wanted: &Wanted, window: Window, limit: u32) -> Result<Exit, Failure> {
        let (lines, notes) = self.ask(&wanted.ask(window, limit)).await?;
        let mut rows: Vec<LineView<'_>> = lines.iter().collect();
        rows.sort_by_key(|line| line.at());
        let rows = &rows[rows.len().saturating_sub(limit as usize)..];
        for note in &notes {
            self.out.remark(note.text.as_str());
        }
        let complete = !notes.iter().any(weakens);
        let exit = self.caught.or(match (complete, rows.is_empty()) {
            (false, _) => Exit::Partial,
            (true, true) => Exit::Nothing,
            (true, false) => Exit::Answered,
        });
        if self.form == Form::Document {
            let rows = rows.iter().map(|line| row(*line)).collect();
            let report = LinesReport { schema: "hopscope/lines/1", complete, rows, notes, exit: exit.code() };
            return Ok(self.out.data(&json::write(&report), exit));
        }
        let text: String = rows.iter().map(|line| self.written(*line)).collect();
        Ok(self.out.data(&text, exit))
    }

    /// New lines until `limit` of them were shown, the person ends it or nobody reads any more.
    async fn tail(&self, wanted: &Wanted, begin: Timestamp, limit: u32) -> Result<Exit, Failure> {
        let (mut cursor, mut left) = (Cursor::new(begin), limit as usize);
        let (mut said, mut has_read): (Vec<SafeText>, bool) = (Vec::new(), false);
        loop {
            let window = cursor.window(settings::now());
            match self.ask(&wanted.ask(window, POLL)).await {
                Ok((lines, notes)) => {
                    has_read = true;
                    for note in notes {
                        if !said.contains(&note.text) {
                            self.out.remark(note.text.as_str());
                            said.push(note.text);
                        }
                    }
                    let fresh = cursor.take(&lines, &window);
                    let shown = &fresh[..fresh.len().min(left)];
                    left -= shown.len();
                    let text: String = shown.iter().map(|row| self.written(lines.line(*row))).collect();
                    if !self.out.stream(&text) || left == 0 {
                        return Ok(self.caught.or(Exit::Answered));
                    }
                }
                // A source that never answered is a mistake to be told; one that fails later may come back.
                Err(failure) if !has_read => return Err(failure),
                Err(_) if self.cancel.is_cancelled() => {}
                Err(failure) => {
                    cursor.fail();
                    let what = failure.summary();
                    if !said.contains(&what) {
                        self.out.remark(&format!("{} (asked again)", what.as_str()));
                        said.push(what);
                    }
                }
            }
            tokio::select! {
                () = self.cancel.cancelled() => return Ok(self.caught.or(Exit::Interrupted)),
                () = tokio::time::sleep(cursor.wait()) => {}
            }
        }
    }

    fn written(&self, line: LineView<'_>) -> String {
        if self.form == Form::Lines {
            let row = serde_json::to_string(&row(line)).expect("rows have text keys and no failing parts");
            return format!("{row}\n");
        }
        let service = SafeText::new(line.service().unwrap_or("-"));
        format!("{}  {}  {}\n", self.time(line.at()), service.as_str(), SafeText::new(line.text()).as_str())
    }

    fn time(&self, at: Timestamp) -> String {
        let zoned = |instant: jiff::Timestamp| {
            instant.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string()
        };
        let instant = jiff::Timestamp::from_nanosecond(i128::from(at.0));
        instant.map_or_else(|_| at.0.to_string(), zoned).replace("+00:00", "Z")
    }
}

fn row(line: LineView<'_>) -> Row {
    let safe = |(name, value): (&str, &str)| (SafeText::new(name), SafeText::new(value));
    Row {
        at: line.at().0,
        time: line.at().rfc3339(),
        service: line.service().map(SafeText::new),
        line: SafeText::new(line.text()),
        labels: line.labels().map(safe).collect(),
        metadata: line.metadata().map(safe).collect(),
    }
}

/// Says whether lines of the window may be missing. What lies beyond the server's retention cannot be told, so an answer for
/// such a window is a part of one.
fn weakens(note: &Note) -> bool {
    match note.kind {
        NoteKind::Damaged
        | NoteKind::Truncated
        | NoteKind::PartMissing
        | NoteKind::NotPermitted
        | NoteKind::OutOfRetention => true,
        NoteKind::NotFound | NoteKind::Remark => false,
    }
}
