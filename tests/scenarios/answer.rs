//! The format of an answer file.

use super::story::Story;
use hopscope::model::SourceKind;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// All cases of one scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(rename = "case")]
    pub cases: Vec<Expected>,
}

/// Why a case is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What the scenario is about.
    Incident,
    /// Looks like the incident and is none.
    Twin,
    /// The incident or its twin, seen with a source missing.
    SourceMissing,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Incident, Self::Twin, Self::SourceMissing];
}

/// What is followed, and what must come of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What it shows, as a sentence.
    pub name: String,
    pub kind: Kind,
    /// The first order that entered so many seconds after the world began.
    pub first_after_s: u64,
    /// What of that order is pasted: `order`, `trace`, `customer`, or `record TOPIC` for its original record there.
    pub follow: String,
    /// Sources whose address refuses connections.
    #[serde(default)]
    pub missing: Vec<String>,
    /// How it ended, as in the JSON document.
    pub outcome: String,
    /// Ends of the attempts by `caller > callee`, one text per operation.
    #[serde(default)]
    pub attempts: BTreeMap<String, Vec<String>>,
    /// Why attempts are one operation, by `caller > callee`, for each that has several.
    #[serde(default)]
    pub groupings: BTreeMap<String, Vec<String>>,
    /// Runs at the callee, by its service.
    #[serde(default)]
    pub executions: BTreeMap<String, usize>,
    /// Deliveries by `topic > service` and how they ended.
    #[serde(default)]
    pub deliveries: BTreeMap<String, BTreeMap<String, usize>>,
    /// Records as `role topic`, sorted.
    #[serde(default)]
    pub copies: Vec<String>,
    /// Rules that must find something. Whatever else is found must be no more than worth knowing.
    #[serde(default)]
    pub found: Vec<String>,
    /// Rules that must have looked and found nothing.
    #[serde(default)]
    pub clear: Vec<String>,
    /// Rules that must say that they cannot tell.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Rules whose question must not arise.
    #[serde(default)]
    pub not_applicable: Vec<String>,
    /// What must be told as missing, as `thing: reason`.
    #[serde(default)]
    pub absences: BTreeSet<String>,
    /// Whether the stores hide a part of what happened: then the answer says what is right for what they show, and is
    /// not compared with the truth.
    #[serde(default)]
    pub hidden: bool,
    /// Where the engine does not give the right answer yet: what is compared, and what comes today.
    #[serde(default)]
    pub gaps: BTreeMap<String, String>,
}

impl Expected {
    /// The answer that this story would be right for.
    pub fn answered_by(&self, story: &Story) -> Self {
        let bare = |copy: &String| copy.rsplit_once('-').map_or(copy.clone(), |(topic, _)| topic.to_owned());
        let mut copies: Vec<String> = story.copies.iter().map(bare).collect();
        copies.sort();
        Self {
            outcome: story.outcome.clone(),
            attempts: story.attempts.clone(),
            executions: story.executions.clone(),
            deliveries: story.deliveries.clone(),
            copies,
            ..self.clone()
        }
    }

    pub fn with_all_sources(&self) -> Self {
        Self { missing: Vec::new(), ..self.clone() }
    }

    pub fn missing(&self) -> Vec<SourceKind> {
        let known = |name: &String| SourceKind::ALL.into_iter().find(|kind| kind.name() == name);
        self.missing.iter().map(|name| known(name).expect("a source is named as in the program")).collect()
    }
}
