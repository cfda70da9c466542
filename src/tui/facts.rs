//! What is known, as the screens read it.

use super::keys::KeyMap;
use crate::model::{Case, Now, SafeText};
use jiff::tz::TimeZone;
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
    /// Services and queues of the story, in order of appearance.
    pub lanes: Vec<SafeText>,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// The keys.
    pub keys: KeyMap,
    /// Commands that cannot be used on the screen that help was asked from, with the reason.
    pub refusals: Vec<(super::command::Command, &'static str)>,
}

impl Facts {
    /// Returns what is known at the start.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            now: None,
            is_reading: false,
            story: None,
            is_following: false,
            lanes: Vec::new(),
            zone,
            keys: KeyMap::default(),
            refusals: Vec::new(),
        }
    }

    /// Takes another state of the story.
    pub fn tell(&mut self, story: Option<Arc<Case>>) {
        let mut lanes: indexmap::IndexSet<&SafeText> = indexmap::IndexSet::new();
        for row in story.iter().flat_map(|story| &story.journey.rows).filter(|row| !row.lane.is_empty()) {
            lanes.insert(&row.lane);
        }
        self.lanes = lanes.into_iter().cloned().collect();
        self.story = story;
    }
}
