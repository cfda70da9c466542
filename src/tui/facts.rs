//! What is known, as the screens read it.

use super::command::Command;
use super::engine::Dealings;
use super::keys::KeyMap;
use crate::export::waterfall::{Folding, Waterfall};
use crate::model::{Case, Now, SafeText};
use jiff::tz::TimeZone;
use std::cell::OnceCell;
use std::sync::Arc;

/// Everything that screens draw from.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The present.
    pub now: Option<Arc<Now>>,
    /// Whether it is being read.
    pub is_reading: bool,
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
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// The keys.
    pub keys: KeyMap,
    /// Commands that cannot be used on the screen that help was asked from, with the reason.
    pub refusals: Vec<(Command, &'static str)>,
}

impl Facts {
    /// Returns what is known at the start.
    pub fn new(zone: TimeZone, keys: KeyMap) -> Self {
        Self {
            now: None,
            is_reading: false,
            story: None,
            is_following: false,
            dealings: Dealings::default(),
            lanes: Vec::new(),
            folding: Folding::Folded,
            is_searched: false,
            waterfall: OnceCell::new(),
            zone,
            keys,
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

    /// Takes another state of the story.
    pub fn tell(&mut self, story: Option<Arc<Case>>) {
        self.lanes = story.as_ref().map_or_else(Vec::new, |story| story.rows().lanes());
        self.story = story;
        self.waterfall = OnceCell::new();
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

    /// Says whether what repeats is folded.
    pub fn is_folded(&self) -> bool {
        self.folding == Folding::Folded && !self.is_searched
    }

    /// Returns the story's spans as bars.
    pub fn waterfall(&self) -> Arc<Waterfall> {
        let folding = if self.is_folded() { Folding::Folded } else { Folding::Unfolded };
        let draw = || self.story.as_ref().map_or_else(Arc::default, |case| Arc::new(Waterfall::of(case, folding)));
        Arc::clone(self.waterfall.get_or_init(draw))
    }
}
