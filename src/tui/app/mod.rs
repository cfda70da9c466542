//! The console's state: what is shown, what was typed, where one was before.
//!
//! Owns the reaction to every key and the drawing of the whole screen. It asks the engine and reads what is published;
//! it waits for nothing, knows no clock and does no input or output, so a test drives it with keys and looks at cells.

mod around;
mod at;
mod draw;
mod looks;
pub mod menu;
pub mod prompt;
mod tail;
mod update;
pub mod view;

pub use around::quoted;

use super::command::Command;
use super::engine::Engine;
use super::evidence::Evidence;
use super::facts::Facts;
use super::keys::KeyMap;
use super::look::Pen;
use super::screens::{Item, Room, SCREENS, Screen, Subject};
use super::stage::{Input, Stage, Wish};
use super::veil::Veil;
use crate::model::id::Recognised;
use crate::model::journey::Fact;
use crate::model::{Case, SafeText, Timestamp};
use jiff::tz::TimeZone;
use prompt::Prompt;
use ratatui::Frame;
use std::sync::Arc;
use view::View;

/// Stories that stay at hand for history.
const KEPT: usize = 8;
/// Places that history remembers.
const VISITS: usize = 50;

/// The console.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any combination occurs")]
pub struct App<E> {
    engine: E,
    facts: Facts,
    pen: Pen,
    views: Vec<View>,
    /// Place in `SCREENS`.
    screen: usize,
    /// The screen shown before.
    last: usize,
    detail: Option<Detail>,
    prompt: Option<Prompt>,
    drafts: Drafts,
    visits: Vec<Visit>,
    visit: usize,
    stories: Vec<Arc<Case>>,
    message: Option<SafeText>,
    menu: Option<menu::Menu>,
    /// Changes of the view, the newest last.
    undo: Vec<looks::Looks>,
    /// How things were looked at when the filter's prompt was opened.
    before: Option<looks::Looks>,
    /// How wide the list is: a place in [`looks::PARTS`].
    part: usize,
    is_frozen: bool,
    /// What stands behind `hopscope VERB` so that a command asks the same sources.
    invocation: SafeText,
    size: (u16, u16),
    is_stale: bool,
    is_changed: bool,
    wish: Option<Wish>,
    asked_to_leave: bool,
    name: SafeText,
    offers: Vec<(SafeText, SafeText)>,
}

/// The full description of one row, over the whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Detail {
    top: usize,
    form: Form,
}

/// What is shown of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// What is known about it.
    Described,
    /// What the source sent.
    Raw,
}

#[derive(Clone, Debug, Default)]
struct Drafts {
    filter: String,
    go: String,
}

/// One place in history: a screen and whose story was open.
#[derive(Clone, Debug, PartialEq)]
struct Visit {
    screen: usize,
    anchor: Option<Recognised>,
}

/// How the console begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// Name of the profile, for the bar.
    pub name: SafeText,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// Which command each key gives.
    pub keys: KeyMap,
    /// What is followed at once, instead of showing Now.
    pub anchor: Option<Recognised>,
    /// Identities worth trying, each with what it shows; the prompt offers them first.
    pub offers: Vec<(SafeText, SafeText)>,
    /// What stands behind `hopscope VERB` so that a command asks the same sources; begins with a blank, or is empty.
    pub invocation: SafeText,
    /// What was pinned before, and why nothing will be kept, if so.
    pub evidence: (Evidence, Option<SafeText>),
    /// The key of the privacy mask, another one in every run.
    pub veil: u64,
}

impl<E: Engine> App<E> {
    /// Opens the console: the present is read, and the anchor followed.
    pub fn new(mut engine: E, pen: Pen, start: Start) -> Self {
        engine.read_now();
        let mut app = Self {
            engine,
            facts: Facts::new(start.zone, start.keys, Veil::new(start.veil)),
            pen,
            views: SCREENS.iter().map(|_| View::default()).collect(),
            screen: 0,
            last: 0,
            detail: None,
            prompt: None,
            drafts: Drafts::default(),
            visits: vec![Visit { screen: 0, anchor: None }],
            visit: 0,
            stories: Vec::new(),
            message: None,
            menu: None,
            undo: Vec::new(),
            before: None,
            part: looks::USUAL,
            is_frozen: false,
            invocation: start.invocation,
            size: (80, 24),
            is_stale: true,
            is_changed: true,
            wish: None,
            asked_to_leave: false,
            name: start.name,
            offers: start.offers,
        };
        if !app.offers.is_empty() {
            app.tell("press {go} for IDs worth trying, or {follow} on a row; {help} shows the keys");
        }
        (app.facts.evidence, app.facts.not_kept) = start.evidence;
        if let Some(anchor) = start.anchor {
            app.follow(anchor);
        }
        app
    }

    /// Returns the engine.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// Says whether answers are awaited.
    pub fn is_busy(&self) -> bool {
        self.engine.is_following()
            || self.engine.is_reading()
            || self.engine.is_reading_dead()
            || self.engine.is_reading_record()
            || self.engine.is_examining()
    }

    fn shown(&self) -> &'static dyn Screen {
        SCREENS[self.screen]
    }

    fn room(&self) -> Room {
        let width = if self.has_panes() { self.list_width() } else { self.size.0 };
        let signs = (self.pen.signs.point, self.pen.signs.lane);
        Room { width: usize::from(width), lanes: self.size.0 >= 140, signs }
    }

    /// Takes over what the engine knows by now.
    fn catch_up(&mut self) {
        // What is frozen stays stale until it goes on.
        if self.is_frozen || !std::mem::take(&mut self.is_stale) {
            return;
        }
        let (story, present) = (self.engine.story(), self.engine.present());
        let was_following = std::mem::replace(&mut self.facts.is_following, self.engine.is_following());
        self.facts.dealings = self.engine.dealings();
        self.facts.is_reading = self.engine.is_reading();
        self.facts.is_reading_dead = self.engine.is_reading_dead();
        if let Some(story) =
            story.filter(|story| self.facts.story.as_ref().is_none_or(|known| !Arc::ptr_eq(known, story)))
        {
            self.tell_side(&story);
            // A story from history stays until the person asks for another one.
            if self.anchor().is_none_or(|anchor| anchor == story.anchor) {
                self.remember(&story);
                self.facts.tell(Some(story));
            }
        }
        if let Some(present) = present {
            self.facts.take_now(present);
        }
        self.facts.is_reading_record = self.engine.is_reading_record();
        self.facts.tail = self.engine.tailed();
        // While another one is being read, the one before says nothing.
        self.facts.record = self.engine.record();
        if let Some(dead) = self.engine.dead() {
            self.facts.dead = Some(dead);
        }
        if was_following && !self.facts.is_following {
            self.follow_side();
        }
        if was_following && self.facts.is_cut_by_budget() {
            self.tell("budget spent, this is a part: {budget} raises it, {refresh} then asks everything again");
        }
        self.renew();
    }

    fn renew(&mut self) {
        self.facts.search(!self.views[self.screen].filter.is_empty());
        self.facts.order = self.views[self.screen].order;
        let (screen, room) = (self.shown(), self.room());
        self.views[self.screen].renew(screen, &self.facts, room);
    }

    /// Returns whose story is shown.
    fn anchor(&self) -> Option<Recognised> {
        self.visits[self.visit].anchor.clone()
    }

    fn remember(&mut self, story: &Arc<Case>) {
        self.stories.retain(|known| known.anchor != story.anchor);
        self.stories.push(Arc::clone(story));
        if self.stories.len() > KEPT {
            self.stories.remove(0);
        }
    }

    fn follow(&mut self, anchor: Recognised) {
        self.facts.tell(None);
        (self.facts.zoom, self.is_frozen) = (None, false);
        // Lines of another identity would stand for this one's.
        self.engine.end_tail();
        self.facts.tail = None;
        self.engine.follow(anchor.clone());
        self.is_stale = true;
        let story = SCREENS.iter().position(|screen| screen.digit() == '2').expect("there is a story screen");
        // Cursors and filters of screens about an identity were about another one.
        for (view, _) in self.views.iter_mut().zip(SCREENS).filter(|(_, screen)| matches!(screen.digit(), '2'..='4')) {
            *view = View::default();
        }
        self.visit_place(Visit { screen: story, anchor: Some(anchor) });
        self.catch_up();
    }

    /// Goes to a place and puts it at the end of history.
    fn visit_place(&mut self, visit: Visit) {
        if self.visits[self.visit] != visit {
            self.visits.truncate(self.visit + 1);
            self.visits.push(visit);
            if self.visits.len() > VISITS {
                self.visits.remove(0);
            }
            self.visit = self.visits.len() - 1;
        }
        self.arrive();
    }

    /// Shows the place that history stands at.
    fn arrive(&mut self) {
        let visit = self.visits[self.visit].clone();
        if visit.screen != self.screen {
            self.last = self.screen;
            self.screen = visit.screen;
        }
        // Letters are read when somebody wants to see them: it takes a request for each partition.
        if self.shown().digit() == '6' && self.facts.dead.is_none() && !self.engine.is_reading_dead() {
            self.engine.read_dead();
        }
        self.detail = None;
        if let Some(anchor) = visit.anchor
            && self.facts.story.as_ref().is_none_or(|story| story.anchor != anchor)
        {
            match self.stories.iter().find(|story| story.anchor == anchor) {
                Some(story) => self.facts.tell(Some(Arc::clone(story))),
                None => self.engine.follow(anchor),
            }
        }
        self.is_stale = true;
        self.catch_up();
    }

    /// Says a text that names commands; their keys are put in.
    fn tell(&mut self, text: &str) {
        self.say(self.facts.told(text));
    }

    fn say(&mut self, text: impl Into<SafeText>) {
        self.message = Some(text.into());
    }

    /// Returns why a command cannot be used now, if so.
    fn refusal(&self, command: Command) -> Option<&'static str> {
        let view = &self.views[self.screen];
        let under = view.item();
        let has_times = || view.items().iter().any(|item| item.at != Timestamp(0));
        let is_pin = || matches!(under, Some(Item { subject: Subject::Pinned(_), .. }));
        match command {
            Command::Follow | Command::Refresh | Command::Examine if self.is_frozen => {
                Some("the screen is frozen: {freeze} goes on")
            }
            Command::Link => (!matches!(self.fact(), Some(Fact::Span(_))))
                .then_some("this row is no span, and links lead from span to span"),
            Command::Tail => (self.facts.tail.is_none() && self.facts.story.is_none())
                .then_some("no story is open: {follow} on a row, or write a query behind {go}: tail {app=\"orders\"}"),
            Command::Raw => under
                .and_then(|item| self.shown().raw(&self.facts, item))
                .is_none()
                .then_some("no single answer of a source stands behind this row; {sources} lists the requests"),
            Command::Questions => {
                self.facts.story.is_none().then_some("no story is open: {follow} on a row, or {go} and paste an ID")
            }
            Command::Mark => self.identity().is_none().then_some("there is no identity under the cursor"),
            Command::CompareMarked => {
                (self.facts.marks.len() < 2).then_some("two identities are compared: {mark} marks one")
            }
            Command::Supports | Command::Refutes if !is_pin() => {
                Some("pins speak for something, and this is none: {evidence} shows them")
            }
            Command::Supports | Command::Refutes => {
                self.facts.evidence.hypotheses.is_empty().then_some("there is no hypothesis yet: {hypothesis} adds one")
            }
            Command::Sort => (self.shown().orders().len() < 2).then_some("the rows of this screen have one order"),
            Command::ZoomOut if self.facts.zoom.is_none() => Some("all of the time is shown"),
            Command::Time if self.shown().digit() == '5' => {
                self.partition().is_none().then_some("a time leads to a record of a partition, and this row is none")
            }
            Command::ZoomIn | Command::ZoomOut | Command::Time => {
                (!has_times()).then_some("the rows of this screen have no times")
            }
            Command::Larger | Command::Smaller => (self.size.0 < draw::PANES)
                .then_some("panes stand side by side from 100 columns on; {describe} describes a row"),
            Command::Undo => self.undo.is_empty().then_some("the view is as it was at the start"),
            Command::Follow if self.record_shown().is_some() => None,
            Command::Follow | Command::NextSame | Command::PreviousSame => {
                under.and_then(|item| item.follow.as_ref()).is_none().then_some("there is no identity under the cursor")
            }
            Command::Open | Command::Describe | Command::Pin | Command::PinNote => {
                under.is_none().then_some("there is nothing under the cursor")
            }
            Command::NextMatch | Command::PreviousMatch => {
                self.drafts.filter.is_empty().then_some("nothing was filtered yet")
            }
            Command::Older => (self.visit == 0).then_some("this is the oldest place"),
            Command::Newer => (self.visit + 1 >= self.visits.len()).then_some("this is the newest place"),
            Command::Cancel => (!self.is_busy()).then_some("nothing is being asked"),
            _ => None,
        }
    }
}

impl<E: Engine> Stage for App<E> {
    fn take(&mut self, input: Input) {
        self.is_changed = true;
        match input {
            Input::Key(event) => {
                self.catch_up();
                self.press(super::keys::Press::of(&event));
            }
            Input::Paste(text) => self.paste(&text),
            Input::Resized { columns, rows } => {
                self.size = (columns, rows);
                self.is_stale = true;
            }
            Input::Rang => self.is_stale = true,
            Input::Said(text) => self.say(text),
        }
    }

    fn needs_drawing(&self) -> bool {
        self.is_changed
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if self.size != (area.width, area.height) {
            self.size = (area.width, area.height);
            self.is_stale = true;
        }
        self.paint(frame.buffer_mut());
        self.is_changed = false;
    }

    fn wish(&mut self) -> Option<Wish> {
        self.wish.take()
    }
}
