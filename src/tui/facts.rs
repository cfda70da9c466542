//! What is known, as the screens read it.

use super::command::Command;
use super::engine::Dealings;
use super::evidence::Evidence;
use super::keys::KeyMap;
use super::veil::Veil;
use crate::export::compare::Comparison;
pub use crate::export::waterfall::Folding;
use crate::export::waterfall::Waterfall;
use crate::model::case::Progress;
use crate::model::id::Recognised;
use crate::model::record::RecordRead;
use crate::model::tail::Tail;
use crate::model::{Case, Dead, Now, QueueState, SafeText, Window};
use jiff::tz::TimeZone;
use std::cell::OnceCell;
use std::sync::Arc;

/// Everything that screens draw from.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any combination occurs")]
#[derive(Clone, Debug)]
pub struct Facts {
    /// The present.
    pub now: Option<Arc<Now>>,
    /// Whether it is being read.
    pub is_reading: bool,
    /// Lines as they come, while Logs shows these.
    pub tail: Option<Arc<Tail>>,
    /// Lines of it that came before the person last looked at its end.
    pub tail_seen: u64,
    /// The queues as the reading before told them.
    pub earlier: Option<Arc<QueueState>>,
    /// The record that was read last, for Queues.
    pub record: Option<Arc<RecordRead>>,
    /// Whether one is being read.
    pub is_reading_record: bool,
    /// Letters, once they were asked for.
    pub dead: Option<Arc<Dead>>,
    /// Whether they are being read.
    pub is_reading_dead: bool,
    /// The story.
    pub story: Option<Arc<Case>>,
    /// Whether it is being told.
    pub is_following: bool,
    /// How the sources were treated.
    pub dealings: Dealings,
    /// Services and queues of the story, in order of appearance.
    pub lanes: Vec<SafeText>,
    /// Whether what repeats is folded, unless something is searched.
    folding: Folding,
    /// Whether rows are being searched: what is folded could not be found.
    is_searched: bool,
    /// The story's spans as bars, drawn when first looked at.
    waterfall: OnceCell<Arc<Waterfall>>,
    /// What there is to say of all its lines, counted when first looked at.
    lines: OnceCell<LineCounts>,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// The keys.
    pub keys: KeyMap,
    /// The stretch of time that is shown, when it is not all of it; the same on every screen about the identity.
    pub zoom: Option<Window>,
    /// Place of the order in which the screen shows its rows, in what the screen offers.
    pub order: usize,
    /// Whether values are hidden.
    pub is_veiled: bool,
    /// What hides them.
    pub veil: Veil,
    /// Marked identities, the older one first.
    pub marks: Vec<SafeText>,
    /// The two that are compared; none before that.
    pub pair: Vec<Side>,
    /// What both of them say, made when first looked at.
    comparison: OnceCell<Option<Arc<Comparison>>>,
    /// What the person has pinned.
    pub evidence: Evidence,
    /// Why pins end with the console, when they do.
    pub not_kept: Option<SafeText>,
    /// Commands that cannot be used on the screen that help was asked from, with the reason.
    pub refusals: Vec<(Command, &'static str)>,
}

/// What there is to say of all lines of a story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines.
    pub lines: usize,
    /// Lines of errors.
    pub errors: usize,
    /// Lines of warnings.
    pub warnings: usize,
    /// Texts that differ in more than numbers and ids.
    pub patterns: usize,
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// Whose story it is.
    pub anchor: Recognised,
    /// The story, when it was told.
    pub case: Option<Arc<Case>>,
}

impl Facts {
    /// Returns what is known at the start.
    pub fn new(zone: TimeZone, keys: KeyMap, veil: Veil) -> Self {
        Self {
            now: None,
            is_reading: false,
            tail: None,
            tail_seen: 0,
            earlier: None,
            record: None,
            is_reading_record: false,
            dead: None,
            is_reading_dead: false,
            story: None,
            is_following: false,
            dealings: Dealings::default(),
            lanes: Vec::new(),
            folding: Folding::Folded,
            is_searched: false,
            waterfall: OnceCell::new(),
            lines: OnceCell::new(),
            zone,
            keys,
            zoom: None,
            order: 0,
            is_veiled: false,
            veil,
            marks: Vec::new(),
            pair: Vec::new(),
            comparison: OnceCell::new(),
            evidence: Evidence::default(),
            not_kept: None,
            refusals: Vec::new(),
        }
    }

    /// Returns the first key of a command, or how to reach it without one.
    pub fn key(&self, command: Command) -> String {
        let press = self.keys.presses(command).next();
        press.map_or_else(|| format!(":{}", command.entry().name), |press| press.to_string())
    }

    /// Returns a text with the keys of the commands that it names: `{go}` is `:` unless it was bound to another key.
    pub fn told(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for row in self.keys.rows() {
            let name = format!("{{{}}}", row.entry.name);
            if told.contains(&name) {
                told = told.replace(&name, &self.key(row.entry.command));
            }
        }
        told
    }

    /// Takes another state of the present. Of the reading before, the queues are kept: two readings make a trend.
    pub fn take_now(&mut self, now: Arc<Now>) {
        let before = self.now.take().filter(|before| before.at != now.at).and_then(|before| before.queues.clone());
        self.earlier = before.or(self.earlier.take());
        self.now = Some(now);
    }

    /// Takes another state of the story.
    pub fn tell(&mut self, story: Option<Arc<Case>>) {
        self.lanes = story.as_ref().map_or_else(Vec::new, |story| story.rows().lanes());
        self.story = story;
        self.waterfall = OnceCell::new();
        self.lines = OnceCell::new();
    }

    /// Says whether a budget ended the story before it was whole.
    pub fn is_cut_by_budget(&self) -> bool {
        !self.is_following && self.story.as_ref().is_some_and(|story| story.is_cut_by_budget())
    }

    /// Folds what repeats, or unfolds it.
    pub fn fold(&mut self) {
        self.folding = match self.folding {
            Folding::Folded => Folding::Unfolded,
            Folding::Unfolded => Folding::Folded,
        };
        self.waterfall = OnceCell::new();
    }

    /// Says that rows are searched, or no longer; returns whether that changes what is folded.
    pub fn search(&mut self, is_searched: bool) -> bool {
        let before = self.is_folded();
        self.is_searched = is_searched;
        let changed = before != self.is_folded();
        if changed {
            self.waterfall = OnceCell::new();
        }
        changed
    }

    /// Returns how what repeats is shown while nothing is searched.
    pub fn folding(&self) -> Folding {
        self.folding
    }

    /// Returns a value as it is to be shown: hidden word by word when values are.
    pub fn value(&self, text: impl Into<SafeText>) -> SafeText {
        let text = text.into();
        if self.is_veiled { self.veil.whole(&text) } else { text }
    }

    /// Sets what is compared.
    pub fn compare(&mut self, pair: Vec<Side>) {
        self.pair = pair;
        self.comparison = OnceCell::new();
    }

    /// Takes the story of a side of the comparison; returns whether it is one.
    pub fn tell_side(&mut self, story: &Arc<Case>) -> bool {
        let mut taken = false;
        for side in self.pair.iter_mut().filter(|side| side.anchor == story.anchor) {
            side.case = Some(Arc::clone(story));
            taken = true;
        }
        if taken {
            self.comparison = OnceCell::new();
        }
        taken
    }

    /// Returns what both sides say, once both are told.
    pub fn comparison(&self) -> Option<Arc<Comparison>> {
        let [a, b] = &self.pair[..] else { return None };
        let (a, b) = (a.case.as_ref()?, b.case.as_ref()?);
        // A side that is still being told changes with every answer.
        if [a, b].iter().any(|case| matches!(case.progress, Progress::Running { .. })) {
            return None;
        }
        self.comparison.get_or_init(|| Some(Arc::new(Comparison::of(a, b)))).clone()
    }

    /// Says whether what repeats is folded.
    pub fn is_folded(&self) -> bool {
        self.folding == Folding::Folded && !self.is_searched
    }

    /// Returns what `count` says of the story's lines. They are counted once for a story, never for a frame.
    pub fn line_counts(&self, count: impl FnOnce(&Case) -> LineCounts) -> LineCounts {
        self.story.as_ref().map_or_else(LineCounts::default, |case| *self.lines.get_or_init(|| count(case)))
    }

    /// Returns the story's spans as bars.
    pub fn waterfall(&self) -> Arc<Waterfall> {
        let folding = if self.is_folded() { Folding::Folded } else { Folding::Unfolded };
        let draw = || self.story.as_ref().map_or_else(Arc::default, |case| Arc::new(Waterfall::of(case, folding)));
        Arc::clone(self.waterfall.get_or_init(draw))
    }
}
