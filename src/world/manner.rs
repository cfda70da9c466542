//! The parts of the scenario format that say how services talk to each other: manners of calls, proxies, batches, and
//! what of it all reaches the stores.

use serde::Deserialize;
use smol_str::SmolStr;

/// Why an operation is called more than once, if not because it failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Manner {
    /// Once, and again only after a failure.
    #[default]
    Plain,
    /// Page after page: one operation each, with the page's number in the query.
    Pages(u32),
    /// For each of some items; a failed item does not keep the next from being tried.
    Items {
        /// Number of items.
        count: u32,
        /// Whether the item is in the address; otherwise it is in the body, which no span shows.
        in_address: bool,
    },
    /// Asks whether something is there yet: 404, some times, and then 200.
    Poll {
        /// Wait between two questions in milliseconds.
        every_ms: u64,
        /// How often the answer is 404.
        absent: u32,
    },
    /// The first address answers 302, the second one 200.
    Redirect,
    /// Answers 401, and 200 when credentials come along.
    Challenge,
    /// The update is refused with 409 and tried again on what was read anew.
    Conflict {
        /// How often it is refused.
        times: u32,
    },
    /// A second copy is sent when the first is not answered in time; the answer that comes first counts, and the other
    /// request is dropped.
    Hedge {
        /// How long the first is waited for alone, in milliseconds.
        after_ms: u64,
    },
}

/// A proxy on the way to the callee.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Most requests that it makes of one that it is given.
    #[serde(default = "one")]
    pub attempts: u32,
    /// Whether it tells the callee the number of the attempt, and the callee's spans carry that header.
    #[serde(default)]
    pub tells_attempt: bool,
    /// Service in whose name it makes a span for each request; it makes none when absent.
    #[serde(default)]
    pub spans_of: Option<SmolStr>,
    /// Service that gets a copy of the request, and whose answer nobody waits for.
    #[serde(default)]
    pub shadow: Option<SmolStr>,
}

fn one() -> u32 {
    1
}

/// A consumer whose handler is given several records at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Most records of one batch.
    pub most: usize,
    /// Time between two polls in milliseconds, in which records gather.
    pub every_ms: u64,
    /// How often a batch is handed over before its records are given up.
    pub deliveries: u32,
    /// Wait before it is handed over again, in milliseconds.
    pub backoff_ms: u64,
    /// Topic to which every record of a batch goes that failed to the end. Without one they are skipped.
    #[serde(default)]
    pub dead_letter: Option<SmolStr>,
}

/// What reaches the stores, and what they still hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stores {
    /// Share of spans (0 to 1) that are lost on the way, each on its own.
    pub span_loss: f64,
    /// Share of log lines (0 to 1) that are lost on the way.
    pub line_loss: f64,
    /// Seconds after which the trace store forgets a span; never when absent.
    pub spans_keep_s: Option<u64>,
    /// Seconds after which the log store forgets a line; never when absent.
    pub lines_keep_s: Option<u64>,
    /// Stores that answer every question with 403: `jaeger`, `loki`.
    pub forbidden: Vec<SmolStr>,
    /// Topics whose records may not be read.
    pub unreadable_topics: Vec<SmolStr>,
}
