//! Cases and readings of the embedded world at a standing clock, told by the real engine over real sockets, and
//! the engine that hands them to the console without any waiting.

use hopscope::cli::demo::profile;
use hopscope::config::Limits;
use hopscope::demo::{self, Clock, Options, Running};
use hopscope::investigate::dead::{Wanted, read_dead};
use hopscope::investigate::doctor::{Checkup, Finding, Step};
use hopscope::investigate::follow::{Asked, blank, follow};
use hopscope::investigate::{Requests, SourceSet, read_now, read_record};
use hopscope::model::id::Recognised;
use hopscope::model::record::{RecordRead, RecordWanted};
use hopscope::model::tail::{Tail, TailWanted};
use hopscope::model::{BreakerState, Case, Dead, Exchange, Nanos, Now, SafeText, SourceKind, Timestamp, Window};
use hopscope::sources::lease::Purse;
use hopscope::tui::engine::{Dealings, Engine};
use hopscope::tui::evidence::Evidence;
use hopscope::world::Scenario;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const NOW_NS: i64 = 1_767_258_000_000_000_000 + 2_400_000_000_000;

/// Which sources answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answers {
    /// All three.
    All,
    /// Loki refuses connections.
    NoLoki,
    /// Everything refuses connections.
    None,
    /// Nothing has answered yet.
    NotYet,
}

pub struct Library {
    runtime: Runtime,
    pub running: Running,
    told: Mutex<BTreeMap<(Answers, String), Arc<Case>>>,
    read: Mutex<BTreeMap<Answers, Arc<Now>>>,
    dead: Mutex<BTreeMap<Answers, Arc<Dead>>>,
}

/// The one library of this process.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options { clock: Clock::stopped_at(NOW_NS as u64), ..Options::default() };
        let running = runtime.block_on(demo::start(Scenario::checkout(), options)).unwrap();
        Library { runtime, running, told: Mutex::default(), read: Mutex::default(), dead: Mutex::default() }
    })
}

impl Library {
    /// The id of the example with this label.
    pub fn example(&self, label: &str) -> String {
        self.running.examples.iter().find(|example| example.label == label).unwrap().id.to_string()
    }

    fn sources(&self, answers: Answers) -> SourceSet {
        let mut profile = profile(&self.running);
        // A busy machine is no reason for another screen.
        (profile.limits.timeout, profile.limits.request_timeout) = (Duration::from_mins(10), Duration::from_mins(10));
        // Port 1 of loopback: nobody listens, so connections are refused at once.
        let nobody = "http://127.0.0.1:1".parse::<url::Url>().unwrap();
        if answers != Answers::All {
            profile.loki.as_mut().unwrap().url = nobody.clone();
        }
        if matches!(answers, Answers::None | Answers::NotYet) {
            profile.jaeger.as_mut().unwrap().url = nobody;
            profile.kafka.as_mut().unwrap().bootstrap = vec![("127.0.0.1".into(), 1)];
        }
        let _inside = self.runtime.enter();
        SourceSet::open(&profile)
    }

    pub fn case(&self, answers: Answers, anchor: &Recognised) -> Arc<Case> {
        let key = (answers, anchor.identity.to_string());
        let mut told = self.told.lock().unwrap();
        let tell = || {
            let (sources, cancel) = (self.sources(answers), CancellationToken::new());
            let first = Arc::new(blank(&sources, anchor.clone(), asked()));
            if answers == Answers::NotYet {
                return first;
            }
            let (publish, _) = watch::channel(first);
            let mut case = self.runtime.block_on(follow(&sources, anchor.clone(), asked(), &publish, &cancel));
            case.exchanges = still(&case.exchanges);
            Arc::new(case)
        };
        Arc::clone(told.entry(key).or_insert_with(tell))
    }

    pub fn dead(&self, answers: Answers) -> Arc<Dead> {
        let mut read = self.dead.lock().unwrap();
        let tell = || {
            let at = asked().at;
            if answers == Answers::NotYet {
                return Arc::new(Dead { at, ..Dead::default() });
            }
            let (sources, cancel) = (self.sources(answers), CancellationToken::new());
            let wanted = Wanted::default();
            let mut dead = self.runtime.block_on(read_dead(&sources, at, &wanted, &cancel, |_| ()));
            for fault in &mut dead.faults {
                (fault.asked, fault.came) = (portless(&fault.asked), portless(&fault.came));
            }
            Arc::new(dead)
        };
        Arc::clone(read.entry(answers).or_insert_with(tell))
    }

    pub fn record(&self, answers: Answers, wanted: RecordWanted) -> RecordRead {
        let (sources, cancel) = (self.sources(answers), CancellationToken::new());
        let mut read = self.runtime.block_on(read_record(&sources, wanted, &jiff::tz::TimeZone::UTC, &cancel));
        read.request = read.request.map(|request| portless(&request));
        for fault in &mut read.faults {
            (fault.asked, fault.came) = (portless(&fault.asked), portless(&fault.came));
        }
        read
    }

    pub fn now(&self, answers: Answers) -> Arc<Now> {
        let mut read = self.read.lock().unwrap();
        let tell = || {
            let (sources, cancel) = (self.sources(answers), CancellationToken::new());
            let window = Window { from: asked().at.plus(Nanos::from_secs(-1800)), until: asked().at };
            let mut first = None;
            let mut now = self.runtime.block_on(read_now(&sources, asked().at, window, &cancel, |now| {
                first.get_or_insert_with(|| now.clone());
            }));
            if answers == Answers::NotYet {
                now = first.unwrap();
            }
            now.exchanges = still(&now.exchanges);
            for lamp in &mut now.lamps {
                lamp.slowest = lamp.slowest.map(|_| Nanos::from_millis(3));
                lamp.address = portless(&lamp.address);
                lamp.detail = portless(&lamp.detail);
                for fault in &mut lamp.faults {
                    (fault.asked, fault.came) = (portless(&fault.asked), portless(&fault.came));
                }
            }
            Arc::new(now)
        };
        Arc::clone(read.entry(answers).or_insert_with(tell))
    }
}

fn asked() -> Asked {
    Asked { at: Timestamp(NOW_NS), window: None, since: Nanos::from_secs(3_600) }
}

fn portless(text: &SafeText) -> SafeText {
    let port = regex_lite::Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    SafeText::new(&port.replace_all(text.as_str(), "127.0.0.1:PORT"))
}

/// Requests without what differs from run to run: times, ports, how often one was made, and the order of those under way
/// together.
fn still(exchanges: &[Exchange]) -> Vec<Exchange> {
    let mut still: Vec<Exchange> = exchanges
        .iter()
        .map(|exchange| Exchange {
            at: asked().at,
            took: Nanos::from_millis(3),
            request: portless(&exchange.request),
            status: portless(&exchange.status),
            ..exchange.clone()
        })
        .collect();
    let place = |source| SourceKind::ALL.iter().position(|known| *known == source);
    still.sort_by(|a, b| (place(a.source), &a.request, a.bytes).cmp(&(place(b.source), &b.request, b.bytes)));
    // What is known for seconds is asked again where a story takes longer.
    still.dedup_by(|a, b| (a.source, &a.request) == (b.source, &b.request));
    still
}

/// What a reading half a minute later could be: seven more records in each partition, and one group that reads on.
fn later(now: &Now) -> Now {
    let mut now = now.clone();
    now.at = now.at.plus(Nanos::from_secs(30));
    if let Some(queues) = &mut now.queues {
        let queues = Arc::make_mut(queues);
        queues.at = queues.at.plus(Nanos::from_secs(30));
        for partition in queues.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.end = partition.end.map(|end| end + 7);
            partition.stable = partition.stable.map(|stable| stable + 7);
        }
        let groups = queues.groups.iter_mut().filter(|group| group.id == "billing-export");
        for commit in groups.flat_map(|group| &mut group.commits) {
            commit.committed = commit.committed.map(|committed| committed + 4);
        }
        now.groups = hopscope::investigate::now::groups(queues);
    }
    now
}

/// What a doctor could have found.
fn checkups() -> Vec<Checkup> {
    let steps = vec![
        Step {
            name: "connect",
            finding: Finding::Ok,
            seen: SafeText::own("kafka-a:9092 in 3ms"),
            to_do: SafeText::default(),
        },
        Step {
            name: "permissions",
            finding: Finding::Warn,
            seen: SafeText::own("12 topics and 3 groups are visible; topics with Describe: 12, Read: 9"),
            to_do: SafeText::own("grant Read on the topics whose records should be shown; lag needs Describe alone"),
        },
    ];
    vec![Checkup { source: SourceKind::Kafka, address: SafeText::own("kafka-a:9092"), steps, fault: None }]
}

/// Answers at once with what the library holds.
pub struct Shelf {
    pub answers: Answers,
    pub story: Option<Arc<Case>>,
    pub present: Option<Arc<Now>>,
    pub dead: Option<Arc<Dead>>,
    pub tail: Arc<Mutex<Option<Tail>>>,
    pub kept: Vec<Evidence>,
    pub record: Option<Arc<RecordRead>>,
    pub is_reading_record: bool,
    pub followed: Vec<String>,
    pub limits: Limits,
    pub checkups: Vec<Checkup>,
}

impl Shelf {
    pub fn of(answers: Answers) -> Self {
        Self {
            answers,
            story: None,
            present: None,
            dead: None,
            tail: Arc::default(),
            kept: Vec::new(),
            record: None,
            is_reading_record: false,
            followed: Vec::new(),
            limits: Limits::default(),
            checkups: checkups(),
        }
    }
}

impl Engine for Shelf {
    fn follow(&mut self, anchor: Recognised) {
        self.followed.push(anchor.identity.to_string());
        self.story = Some(library().case(self.answers, &anchor));
    }

    fn try_again(&mut self) {}

    fn read_now(&mut self) {
        let now = library().now(self.answers);
        self.present = Some(if self.present.is_some() { Arc::new(later(&now)) } else { now });
    }

    fn read_dead(&mut self) {
        self.dead = Some(library().dead(self.answers));
    }

    fn read_record(&mut self, wanted: RecordWanted) {
        self.is_reading_record = self.answers == Answers::NotYet;
        self.record = (!self.is_reading_record).then(|| Arc::new(library().record(self.answers, wanted)));
    }

    fn examine(&mut self) {}

    fn is_examining(&self) -> bool {
        false
    }

    fn adjust(&mut self, limits: &str) -> Result<(), (SafeText, SafeText)> {
        let fix = |(what, fix): (String, String)| (SafeText::from(what), SafeText::from(fix));
        self.limits.adjust(limits).map_err(fix)
    }

    /// The requests of what is shown, and a budget that they have taken from.
    fn dealings(&self) -> Dealings {
        let of_now = self.present.iter().flat_map(|now| &now.exchanges);
        let of_story = self.story.iter().flat_map(|story| &story.exchanges);
        let entries: Vec<Arc<Exchange>> = of_now.chain(of_story).map(|exchange| Arc::new(exchange.clone())).collect();
        let purse = Purse::new(&self.limits, SourceKind::ALL.to_vec());
        let each = [SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka].map(|source| {
            let until = Timestamp(NOW_NS + 5_000_000_000);
            let state = match (self.answers, source) {
                (Answers::NoLoki | Answers::None, SourceKind::Loki) => {
                    BreakerState::Open { until, wait: Nanos::from_secs(5) }
                }
                (Answers::None, SourceKind::Jaeger) => BreakerState::Counting { failures: 3 },
                (Answers::None, _) => BreakerState::Probing,
                _ => BreakerState::Closed,
            };
            (source, purse.of(source), state)
        });
        let (made, bytes) = (entries.len() as u64 + 3, entries.iter().map(|entry| entry.bytes).sum());
        let requests = Requests { entries, made, bytes };
        Dealings {
            all: Some(purse.all()),
            each: each.to_vec(),
            requests,
            checkups: Arc::new(self.checkups.clone()),
            is_examining: false,
        }
    }

    fn cancel(&mut self) {
        self.answers = Answers::None;
    }

    fn story(&self) -> Option<Arc<Case>> {
        self.story.clone()
    }

    fn present(&self) -> Option<Arc<Now>> {
        self.present.clone()
    }

    fn tail(&mut self, what: &str, _: TailWanted) {
        *self.tail.lock().unwrap() = Some(Tail::of(what, Timestamp(NOW_NS)));
    }

    fn end_tail(&mut self) {
        *self.tail.lock().unwrap() = None;
    }

    fn tailed(&self) -> Option<Arc<Tail>> {
        self.tail.lock().unwrap().clone().map(Arc::new)
    }

    fn keep(&mut self, evidence: &Evidence) -> Result<(), SafeText> {
        self.kept.push(evidence.clone());
        Ok(())
    }

    fn record(&self) -> Option<Arc<RecordRead>> {
        self.record.clone()
    }

    fn is_reading_record(&self) -> bool {
        self.is_reading_record
    }

    fn dead(&self) -> Option<Arc<Dead>> {
        self.dead.clone()
    }

    fn is_reading_dead(&self) -> bool {
        self.answers == Answers::NotYet && self.dead.is_some()
    }

    fn is_following(&self) -> bool {
        self.answers == Answers::NotYet && self.story.is_some()
    }

    fn is_reading(&self) -> bool {
        self.answers == Answers::NotYet
    }
}
