//! The hunt: a machine without IO that says what to ask, is told what came back, and can be read at any time.

use super::deliveries;
use super::index::Index;
use super::journey;
use super::plan::{self, Known, Want};
use super::scope::{self, Fan, Rows as Found, Scope};
use super::tally::Tally;
use crate::model::case::{Alias, AskedQuery, Progress};
use crate::model::id::Recognised;
use crate::model::journey::Fact;
use crate::model::why::{Node, Strength};
use crate::model::{
    Ask, Case, Coordinate, Exchange, Identity, LedgerEntry, LineStore, Nanos, NotFollowed, Query, QueueState, Record,
    Reply, Rows, SafeText, SourceKind, SpanStore, Timestamp, Window,
};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// Ids that are listed one by one in the ledger, per reason.
const LISTED: usize = 12;

/// Bounds of a hunt, in counts; each spent one is said in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Traces fetched by id.
    pub traces: u32,
    /// Searches for spans by attribute.
    pub searches: u32,
    /// Records read by coordinate.
    pub records: u32,
    /// Partitions of other topics scanned for a business id.
    pub scans: u32,
    /// Partitions of retry and dead-letter topics scanned for copies: kept apart, so that a topic of a thousand partitions, where
    /// the id may stand, does not cost those where copies stand.
    pub copies: u32,
    /// Records read per scanned partition.
    pub scan_records: u32,
    /// Searches for log lines.
    pub line_queries: u32,
    /// Rounds of questions.
    pub depth: u32,
    /// Lines per search.
    pub rows: u32,
    /// How much an id may name before it is no longer followed.
    pub fan: Fan,
}

/// What a hunt works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// "Now" of the investigation.
    pub now: Timestamp,
    /// Time to search, when the person said so; never widened.
    pub window: Option<Window>,
    /// How far back to search while nothing is known.
    pub since: Nanos,
    /// Sources that can be asked.
    pub configured: Vec<SourceKind>,
    /// Bounds.
    pub limits: Limits,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Put these questions, in any order or at once; call [`Hunt::next`] again when all are absorbed. Empty while
    /// replies of the round before are missing.
    Ask(Vec<Query>),
    /// Nothing is left to ask.
    Done,
}

/// An investigation as a machine.
#[derive(Debug)]
pub struct Hunt {
    anchor: Recognised,
    settings: Settings,
    window: Window,
    widened: u32,
    round: u32,
    stopped: bool,
    spans: Arc<SpanStore>,
    /// The tree of `spans`, until they change.
    index: OnceLock<Arc<Index>>,
    lines: Arc<LineStore>,
    records: BTreeMap<Coordinate, Record>,
    queues: Option<Arc<QueueState>>,
    services: Vec<SmolStr>,
    open: BTreeMap<u32, SourceKind>,
    buffered: BTreeMap<u32, Reply>,
    arriving: BTreeMap<u32, Arc<SpanStore>>,
    asked: BTreeSet<String>,
    spent: BTreeMap<&'static str, u32>,
    /// What was not asked, by what would have paid for it, the reason and the id it was about.
    left_out: BTreeMap<(&'static str, NotFollowed), BTreeMap<String, BTreeSet<String>>>,
    queries: Vec<AskedQuery>,
    exchanges: Vec<Exchange>,
    tally: Tally,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            traces: 50,
            searches: 160,
            records: 64,
            scans: 96,
            copies: 64,
            scan_records: 20_000,
            line_queries: 30,
            depth: 24,
            rows: 5_000,
            fan: Fan { few: 8, hub: 50 },
        }
    }
}

impl Settings {
    /// Returns the usual settings: the last hour, default bounds.
    pub fn new(now: Timestamp, configured: Vec<SourceKind>) -> Self {
        Self { now, window: None, since: Nanos::from_secs(3_600), configured, limits: Limits::default() }
    }
}

impl Hunt {
    /// Starts a hunt.
    pub fn new(anchor: Recognised, settings: Settings) -> Self {
        let margin = Nanos::from_secs(60);
        let window = settings.window.unwrap_or_else(|| Window::around(settings.now, settings.since, margin));
        let tally = Tally::new(&settings.configured);
        Self {
            anchor,
            settings,
            window,
            widened: 0,
            round: 0,
            stopped: false,
            spans: Arc::default(),
            index: OnceLock::new(),
            lines: Arc::default(),
            records: BTreeMap::new(),
            queues: None,
            services: Vec::new(),
            open: BTreeMap::new(),
            buffered: BTreeMap::new(),
            arriving: BTreeMap::new(),
            asked: BTreeSet::new(),
            spent: BTreeMap::new(),
            left_out: BTreeMap::new(),
            queries: Vec::new(),
            exchanges: Vec::new(),
            tally,
        }
    }

    /// Returns the next round of questions, or says that nothing is left to ask.
    #[expect(clippy::should_implement_trait, reason = "a step is no item: replies must come in between")]
    pub fn next(&mut self) -> Step {
        if !self.open.is_empty() {
            return Step::Ask(Vec::new());
        }
        loop {
            if self.round >= self.settings.limits.depth {
                let open: Vec<Want> = self.wants().into_iter().flatten().filter(|want| self.is_open(want)).collect();
                for want in open {
                    self.stopped = true;
                    self.leave_out("rounds of questions", NotFollowed::Depth, want);
                }
                return Step::Done;
            }
            let queries = self.round();
            if !queries.is_empty() {
                self.round += 1;
                return Step::Ask(queries);
            }
            let found = !self.spans.is_empty() || !self.lines.is_empty() || !self.records.is_empty();
            if found || self.settings.window.is_some() || self.widened == 2 {
                return Step::Done;
            }
            self.widened += 1;
            let length = Nanos(self.window.length().0.saturating_mul(plan::WIDER));
            self.window = Window { from: self.window.until.plus(Nanos(-length.0)), until: self.window.until };
        }
    }

    /// Takes the reply to a question. Replies are applied in the order of their numbers, whatever order they come in; one
    /// for an unknown or answered number is ignored.
    pub fn absorb(&mut self, number: u32, reply: Reply) {
        if !self.open.contains_key(&number) || self.buffered.contains_key(&number) {
            return;
        }
        self.buffered.insert(number, reply);
        while let Some((number, _)) = self.open.first_key_value()
            && let Some(reply) = self.buffered.remove(number)
        {
            let (number, source) = self.open.pop_first().expect("it was just seen");
            self.apply(number, source, reply);
        }
    }

    /// Takes the rows so far of an open question. They are shown until its reply comes, and decide nothing: what is asked
    /// next follows from whole replies only, so that a hunt goes the same way every time. Rows for a question that is not
    /// open are ignored.
    pub fn glimpse(&mut self, number: u32, rows: Rows) {
        if let Rows::Spans(mut spans) = rows
            && self.open.contains_key(&number)
            && !self.buffered.contains_key(&number)
        {
            // The request that brings them has not ended.
            spans.stamp(u32::MAX);
            self.arriving.insert(number, Arc::from(spans));
        }
    }

    /// Returns the spans of whole replies and of those still arriving, with their tree.
    fn in_sight(&self) -> (Arc<SpanStore>, Arc<Index>) {
        if self.arriving.is_empty() {
            return (Arc::clone(&self.spans), self.index());
        }
        let mut parts = self.arriving.values();
        let mut spans = Arc::clone(&self.spans);
        if spans.is_empty() {
            spans = parts.next().map(Arc::clone).unwrap_or_default();
        }
        for part in parts {
            Arc::make_mut(&mut spans).merge(SpanStore::clone(part));
        }
        let index = Arc::new(Index::new(&spans));
        (spans, index)
    }

    fn index(&self) -> Arc<Index> {
        Arc::clone(self.index.get_or_init(|| Arc::new(Index::new(&self.spans))))
    }

    /// Returns all that is known now. Verdicts are left to the rules.
    pub fn case(&self) -> Case {
        let (spans, index) = self.in_sight();
        let scope = self.scope(&spans, &index);
        let records = self.records_of(&scope);
        let material = journey::Material {
            now: self.settings.now,
            spans: &spans,
            lines: &self.lines,
            records: &records,
            queues: self.queues.as_deref(),
            coverage: self.tally.sources(),
            asked: &self.asked,
            index: &index,
            scope: &scope,
        };
        let mut journey = journey::build(&material);
        let aliases = self.aliases(&scope);
        let ledger = self.ledger(&scope);
        let paths = scope.paths;
        if !paths.are_exact() {
            journey.rows.weaken(|fact| {
                let node = match fact {
                    Fact::Span(row) => Node::Span(row),
                    Fact::Line(row) => Node::Line(row),
                    Fact::Record(at) => paths.record(&records.get(at as usize)?.coordinate)?,
                    Fact::Queue => return None,
                };
                paths.strength(node).map(Strength::tier)
            });
        }
        Case {
            anchor: self.anchor.clone(),
            at: self.settings.now,
            window: self
                .tally
                .sources()
                .iter()
                .filter_map(|coverage| coverage.window)
                .fold(self.window, |all, window| all.union(&window)),
            spans: Arc::clone(&spans),
            lines: Arc::clone(&self.lines),
            records: Arc::new(records),
            queues: self.queues.clone(),
            aliases,
            journey,
            paths,
            verdicts: Vec::new(),
            coverage: self.tally.sources().to_vec(),
            ledger,
            exchanges: self.exchanges.clone(),
            queries: self.queries.clone(),
            progress: self.progress(),
        }
    }

    fn scope(&self, spans: &SpanStore, index: &Index) -> Scope {
        scope::scope(Found {
            anchor: &self.anchor.identity,
            sampled: self.anchor.sampled,
            spans,
            lines: &self.lines,
            records: &self.records,
            index,
            fan: self.settings.limits.fan,
        })
    }

    /// Returns the stages of what may be asked.
    fn wants(&self) -> Vec<Vec<Want>> {
        let index = self.index();
        let scope = self.scope(&self.spans, &index);
        let readers = self.readers(&scope, &index);
        let known = Known {
            anchor: &self.anchor.identity,
            settings: &self.settings,
            scope: &scope,
            spans: &self.spans,
            records: &self.records,
            queues: self.queues.as_deref(),
            services: &self.services,
            window: self.window,
            readers,
            widened: self.widened,
            answered: self.queries.iter().filter(|one| one.rows.is_some()).map(|one| one.what.as_str()).collect(),
        };
        plan::stages(&known)
    }

    /// Says whether a question was not put, and a source could answer it.
    fn is_open(&self, want: &Want) -> bool {
        let can = |source: &SourceKind| want.ask.suits(*source) && !self.tally.is_down(*source);
        !self.asked.contains(&want.key) && self.settings.configured.iter().any(can)
    }

    fn round(&mut self) -> Vec<Query> {
        for stage in self.wants() {
            let mut queries = Vec::new();
            for want in stage {
                if self.asked.contains(&want.key) {
                    continue;
                }
                let signal = want.ask.signal();
                let of_signal = |kind: &&SourceKind| kind.signal() == signal;
                let sources: Vec<SourceKind> = self.settings.configured.iter().filter(of_signal).copied().collect();
                if sources.is_empty() {
                    self.leave_out(signal.usual().name(), NotFollowed::NotConfigured, want.clone());
                }
                for source in sources.into_iter().filter(|source| want.ask.suits(*source)) {
                    let (name, limit) = budget(source, &want.ask, &self.settings.limits);
                    if self.tally.is_down(source) {
                        self.leave_out(source.name(), NotFollowed::SourceDown, want.clone());
                    } else if self.spent.get(name).is_some_and(|spent| *spent >= limit) {
                        self.leave_out(name, NotFollowed::Budget, want.clone());
                    } else {
                        *self.spent.entry(name).or_default() += 1;
                        queries.push(self.put(source, &want));
                    }
                }
            }
            if !queries.is_empty() {
                return queries;
            }
        }
        Vec::new()
    }

    fn readers(&self, scope: &Scope, index: &Index) -> BTreeMap<Coordinate, BTreeSet<SafeText>> {
        let records = self.records_of(scope);
        let mut readers: BTreeMap<Coordinate, BTreeSet<SafeText>> = BTreeMap::new();
        for delivery in deliveries::deliveries(&self.spans, &records, index, scope) {
            readers.entry(delivery.coordinate.clone()).or_default().insert(delivery.reader().clone());
        }
        readers
    }

    /// What a search brought along without belonging is no part of the case.
    fn records_of(&self, scope: &Scope) -> Vec<Record> {
        let records = self.records.values();
        records.filter(|record| scope.coordinates.contains_key(&record.coordinate)).cloned().collect()
    }

    fn put(&mut self, source: SourceKind, want: &Want) -> Query {
        let number = self.queries.len() as u32;
        let why = SafeText::new(&want.why);
        self.tally.ask(source, &want.ask);
        self.queries.push(AskedQuery { number, source, what: SafeText::new(&want.key), why: why.clone(), rows: None });
        self.asked.insert(want.key.clone());
        self.open.insert(number, source);
        Query { number, source, ask: want.ask.clone(), why }
    }

    fn leave_out(&mut self, name: &'static str, reason: NotFollowed, want: Want) {
        self.left_out.entry((name, reason)).or_default().entry(want.about).or_default().insert(want.key);
    }

    fn apply(&mut self, number: u32, source: SourceKind, reply: Reply) {
        self.arriving.remove(&number);
        let exchange = self.exchanges.len() as u32;
        self.exchanges.extend(reply.exchanges);
        self.tally.absorb(source, &reply.outcome);
        let Ok(answer) = reply.outcome else { return };
        self.queries[number as usize].rows = Some(answer.rows.len() as u64);
        match answer.rows {
            Rows::Services(services) => {
                self.services.extend(services);
                self.services.sort_unstable();
                self.services.dedup();
            }
            Rows::Spans(mut spans) => {
                spans.stamp(exchange);
                // Searches that find nothing come by the dozen.
                if self.spans.is_empty() {
                    (self.spans, self.index) = (Arc::from(spans), OnceLock::new());
                } else if !spans.is_empty() && Arc::make_mut(&mut self.spans).merge(*spans) > 0 {
                    self.index = OnceLock::new();
                }
            }
            Rows::Lines(mut lines) => {
                lines.stamp(exchange);
                Arc::make_mut(&mut self.lines).merge(&lines);
            }
            Rows::Records(records) => {
                for record in records {
                    self.records.entry(record.coordinate.clone()).or_insert(Record { exchange, ..record });
                }
            }
            Rows::Queues(queues) => {
                // A reading with groups is worth more than the list of topics that came first.
                if self.queues.as_ref().is_none_or(|known| known.groups.len() <= queues.groups.len()) {
                    self.queues = Some(Arc::from(queues));
                }
            }
        }
    }

    fn aliases(&self, scope: &Scope) -> Vec<Alias> {
        let anchor = &self.anchor.identity;
        let traces = scope.traces.iter().map(|(trace, (why, _))| (Identity::Trace(*trace), why));
        let records = scope.coordinates.iter().map(|(at, why)| (Identity::Record(at.clone()), why));
        traces
            .chain(records)
            .filter(|(identity, _)| identity != anchor)
            .map(|(identity, why)| Alias { identity, seen: why.clone() })
            .collect()
    }

    fn ledger(&self, scope: &Scope) -> Vec<LedgerEntry> {
        let left_out = self.left_out.iter().flat_map(|((name, reason), ids)| {
            let why = match reason {
                NotFollowed::NotConfigured => format!("{name} is not configured"),
                NotFollowed::SourceDown => format!("{name} does not answer"),
                NotFollowed::Budget | NotFollowed::Depth | NotFollowed::Hub | NotFollowed::WiderScope => {
                    format!("the budget of {name} is spent")
                }
            };
            let one = |(id, keys): (&String, &BTreeSet<String>)| {
                let first = keys.first().map_or("", String::as_str);
                let detail =
                    format!("{why}: {} not asked, the first: {first}", journey::plural(keys.len(), "question"));
                LedgerEntry { id: SafeText::new(id), reason: *reason, detail: SafeText::new(&detail) }
            };
            let more = ids.len().saturating_sub(LISTED);
            let rest = (more > 0).then(|| LedgerEntry {
                id: SafeText::new(&format!("{more} more ids")),
                reason: *reason,
                detail: SafeText::new(&format!("{why}: nothing was asked about them")),
            });
            ids.iter().take(LISTED).map(one).chain(rest).collect::<Vec<_>>()
        });
        scope.ledger.iter().cloned().chain(left_out).collect()
    }

    fn progress(&self) -> Progress {
        if !self.open.is_empty() {
            return Progress::Running { open: self.open.len() as u32 };
        }
        let of_budget = |reason: &NotFollowed| matches!(reason, NotFollowed::Budget | NotFollowed::Depth);
        let spent: Vec<String> = self
            .left_out
            .iter()
            .filter(|((_, reason), _)| of_budget(reason))
            .map(|((name, _), ids)| format!("budget of {name}, {} not searched", journey::plural(ids.len(), "id")))
            .collect();
        if self.round == 0 {
            return Progress::Running { open: 0 };
        }
        if spent.is_empty() && !self.stopped {
            return Progress::Complete;
        }
        Progress::Stopped { reason: SafeText::new(&spent.join("; ")) }
    }
}

/// Returns the name of the budget a question is paid from, and its size.
fn budget(source: SourceKind, ask: &Ask, limits: &Limits) -> (&'static str, u32) {
    let is_tempo = source == SourceKind::Tempo;
    match ask {
        Ask::Trace(_) => (if is_tempo { "Tempo traces" } else { "Jaeger traces" }, limits.traces),
        Ask::FindSpans { .. } | Ask::FindAnywhere { .. } | Ask::FindErrors { .. } => {
            (if is_tempo { "Tempo searches" } else { "Jaeger searches" }, limits.searches)
        }
        Ask::FindLines { .. } | Ask::QueryLines { .. } => ("Loki queries", limits.line_queries),
        Ask::Record(_) => ("Kafka records", limits.records),
        Ask::ScanRecords { keep, .. } if !keep.origins.is_empty() => ("Kafka scans for copies", limits.copies),
        Ask::ScanRecords { .. } => ("Kafka scans", limits.scans),
        Ask::Services | Ask::Topics | Ask::TopicsInFull | Ask::Queues => ("lists", 8),
    }
}
