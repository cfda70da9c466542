//! The screens, one file and one line each.
//!
//! A screen turns facts into a head of a few stripes and a list of items; it draws the items that are asked for, and
//! describes one in full. It holds no state: cursor, filter and history are the app's. Nothing here waits or changes
//! anything. Five states are told apart in every head: empty, waiting, partial, full, failed.
//! Must not know: sources, keys beyond their help, the terminal. Copy `sources.rs` when adding a screen.

pub mod compare;
pub mod dead;
pub mod describe;
pub mod evidence;
pub mod fold;
pub mod help;
pub mod logs;
pub mod now;
pub mod queues;
pub mod raw;
pub mod record;
pub mod sources;
pub mod story;
pub mod tail;
pub mod trace;

use super::facts::Facts;
use super::look::{Role, Stripe};
use crate::model::journey::{Fact, Mark};
use crate::model::{Nanos, SafeText, Timestamp};
use std::fmt;

/// All screens, in the order of the bar.
pub const SCREENS: &[&dyn Screen] = &[
    &now::Now,
    &story::Story,
    &trace::Trace,
    &logs::Logs,
    &queues::Queues,
    &dead::Dead,
    &compare::Compare,
    &evidence::Evidence,
    &sources::Sources,
    &help::Help,
];

/// One screen.
pub trait Screen: Sync {
    /// Returns the digit that leads to it.
    fn digit(&self) -> char;

    /// Returns its name.
    fn name(&self) -> &'static str;

    /// Returns the lines above the list: what is shown, and in which of the five states it is.
    fn head(&self, facts: &Facts) -> Vec<Stripe>;

    /// Returns the rows of the list.
    fn items(&self, facts: &Facts) -> Vec<Item>;

    /// Returns the list's line of one item.
    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe;

    /// Returns everything known about one item.
    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe>;

    /// Returns what the source sent for one item, where one answer stands behind it.
    fn raw(&self, facts: &Facts, item: &Item) -> Option<Vec<Stripe>> {
        raw::of(facts.story.as_ref()?, self.fact_of(facts, item)?)
    }

    /// Returns the names of the orders that its rows can be shown in, the usual one first.
    fn orders(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the place in `shown` where the cursor stands until the person moves it.
    fn first(&self, _items: &[Item], _shown: &[u32]) -> Option<usize> {
        None
    }

    /// Returns the span, line or record that an item is about, so that another screen can show the same one.
    fn fact_of(&self, _facts: &Facts, _item: &Item) -> Option<Fact> {
        None
    }

    /// Returns the key of the item that is about a span, line or record, if there is one.
    fn place_of(&self, _facts: &Facts, _fact: Fact) -> Option<u64> {
        None
    }

    /// Returns what is said when there are no items; `{go}` stands for the key of that command.
    fn blank(&self, facts: &Facts) -> &'static str;
}

impl fmt::Debug for dyn Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a row of a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A heading; the cursor passes over it.
    Heading(&'static str),
    /// A plain remark.
    Remark(&'static str),
    /// A lamp of the present.
    Lamp(usize),
    /// A consumer group of the present.
    Group(usize),
    /// A trace with errors of the present.
    Trace(usize),
    /// A finding: verdict and place in it.
    Finding(usize, usize),
    /// A verdict that cannot tell.
    Cannot(usize),
    /// A row of the story.
    Row(usize),
    /// Rows of the story that repeat the one above: the first of them, how many, and how many of these are attempts.
    Repeats(usize, usize, usize),
    /// Lines of the story that repeat the ones above: the first and the last row, and how many lines.
    Lines(usize, usize, usize),
    /// A line of the tail.
    TailLine(usize),
    /// Lines of the tail that repeat the ones above: the first and the last.
    TailLines(usize, usize),
    /// A partition of a group: the group's place in the queue state, and the place in its commits.
    Commit(usize, usize),
    /// Letters with one cause.
    Cohort(usize),
    /// A letter.
    Letter(usize),
    /// Letters of a cohort that are folded: the cohort, and how many of it are shown.
    MoreLetters(usize, usize),
    /// A topic that holds letters.
    LetterTopic(usize),
    /// A fault of a reading.
    Fault(usize),
    /// A note of a reading.
    Note(usize),
    /// A bar of the waterfall.
    Bar(usize),
    /// A question that was asked for the story.
    Query(usize),
    /// Something seen and not followed.
    Ledger(usize),
    /// What the newest question has cost at a source.
    Spent(usize),
    /// A step of an examination: the source's place, and the step's.
    Check(usize, usize),
    /// A request: its place in the log.
    Request(usize),
    /// A command.
    Key(usize),
    /// Something that two stories are compared by.
    Pair(usize),
    /// An attribute that failing traces have and healthy ones do not, or the other way round.
    Attribute(usize),
    /// A hypothesis.
    Hypothesis(usize),
    /// A pinned row.
    Pinned(usize),
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is about.
    pub subject: Subject,
    /// How it is marked.
    pub mark: Mark,
    /// Whether it is an attempt or a delivery.
    pub is_attempt: bool,
    /// What `f` follows from here.
    pub follow: Option<SafeText>,
    /// When it happened; zero when it has no time.
    pub at: Timestamp,
    /// How long it took.
    pub length: Nanos,
    /// Equal for the same thing in the next state of the facts, so that the cursor stays on it.
    pub key: u64,
}

/// The room for one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Cells across.
    pub width: usize,
    /// Whether lanes are drawn.
    pub lanes: bool,
    /// Sign of a point on a lane, and of an empty lane.
    pub signs: (&'static str, &'static str),
}

impl Item {
    /// Returns a plain item.
    pub fn of(subject: Subject, key: u64) -> Self {
        Self { subject, mark: Mark::Plain, is_attempt: false, follow: None, at: Timestamp(0), length: Nanos(0), key }
    }

    /// Returns a heading.
    pub fn heading(text: &'static str) -> Self {
        Self::of(Subject::Heading(text), hash(&text))
    }

    /// Says whether the cursor passes over it.
    pub fn is_heading(&self) -> bool {
        matches!(self.subject, Subject::Heading(_))
    }
}

/// Returns the number of anything that can be hashed.
pub fn hash(what: &impl std::hash::Hash) -> u64 {
    use std::hash::BuildHasher;
    foldhash::fast::FixedState::default().hash_one(what)
}

/// Says that a budget ended a question early, and how it goes on.
pub(super) fn spent(facts: &Facts, next: &str) -> Stripe {
    Stripe::of(facts.told(&format!("budget spent, this is a part: {{budget}} raises it, {next}")), Role::Warn)
}

/// Returns the role of a mark.
pub const fn role_of(mark: Mark) -> Role {
    match mark {
        Mark::Plain => Role::Text,
        Mark::Ok => Role::Ok,
        Mark::Wait => Role::Dim,
        Mark::Warn => Role::Warn,
        Mark::Error => Role::Error,
        Mark::Unknown => Role::Unknown,
    }
}
