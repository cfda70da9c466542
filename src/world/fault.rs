//! The part of the scenario format that says what goes wrong, when and for whom.

use serde::Deserialize;
use smol_str::SmolStr;

/// Something that goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What it is, for people.
    pub name: SmolStr,
    /// Operation (`service METHOD /path`) or handler (group id) that suffers.
    pub at: SmolStr,
    /// Beginning in seconds after the world began.
    #[serde(default)]
    pub from_s: u64,
    /// End in seconds after the world began; open when absent.
    #[serde(default)]
    pub until_s: Option<u64>,
    /// Which orders it strikes.
    #[serde(default)]
    pub orders: Which,
    /// Strikes only this many first executions of each order; all when absent.
    #[serde(default)]
    pub first_executions: Option<u32>,
    /// Extra time in milliseconds, least and most.
    #[serde(default)]
    pub add_ms: [u64; 2],
    /// Status that is answered instead of a success; success stays when absent. Any number fails a handler.
    #[serde(default)]
    pub status: Option<u16>,
    /// Exception class that a handler throws.
    #[serde(default)]
    pub exception: Option<SmolStr>,
    /// Message of the exception or of the answer.
    #[serde(default)]
    pub message: Option<SmolStr>,
    /// The process of a handler is killed when its work is done and before it commits; it is back so many milliseconds
    /// later.
    #[serde(default)]
    pub killed_for_ms: Option<u64>,
    /// A handler that takes longer than this many milliseconds loses its partition; the record is handed to another
    /// member while it still works, and its own commit is refused.
    #[serde(default)]
    pub poll_limit_ms: Option<u64>,
}

/// Which orders a fault strikes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// This share of them (0 to 1), the same ones each time.
    Share(f64),
    /// The first one that enters this many seconds after the world began, or later.
    FirstAfterS(u64),
    /// The first record of one partition of the handler's topic after so many seconds.
    FirstRecord {
        /// Partition.
        partition: i32,
        /// Seconds after the world began.
        after_s: u64,
    },
}

/// The request whose texts hold hostile bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hostile {
    /// The first request so many seconds after the world began.
    pub first_after_s: u64,
}
