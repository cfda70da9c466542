//! The arguments. Every flag that is here works.

use crate::export::FORMATS;
use crate::model::SourceKind;
use crate::model::id::IdentityKind;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 answered; 1 answered, nothing found; 2 usage or configuration; 3 refused by the sources;
  4 partial: a source was missing or cut off; 5 no answer; 6 version not supported; 7 own budget spent;
  130 interrupted; 143 terminated.
Environment: HOPSCOPE_CONFIG, HOPSCOPE_PROFILE, HOPSCOPE_JAEGER_URL, HOPSCOPE_TEMPO_URL, HOPSCOPE_LOKI_URL,
  HOPSCOPE_GRAFANA_URL, HOPSCOPE_GRAFANA_TOKEN_FILE, HOPSCOPE_KAFKA,
  HOPSCOPE_JAEGER_TENANT, HOPSCOPE_TEMPO_TENANT, HOPSCOPE_LOKI_TENANT, HOPSCOPE_JAEGER_TOKEN_FILE,
  HOPSCOPE_TEMPO_TOKEN_FILE, HOPSCOPE_LOKI_TOKEN_FILE, HOPSCOPE_KAFKA_PROPERTIES,
  HOPSCOPE_KAFKA_REST_URL, HOPSCOPE_TIMEOUT, HOPSCOPE_REQUEST_TIMEOUT. Flags win over the environment, the environment over the file.
Without any set-up: hopscope demo";

/// Follows one message or request through Jaeger, Loki and Kafka.
#[derive(Clone, Debug, Parser)]
#[command(name = "hopscope", version, after_help = AFTER, args_conflicts_with_subcommands = false, subcommand_negates_reqs = true)]
pub struct Arguments {
    /// Trace id, traceparent, record coordinate (topic-partition@offset) or business id to follow
    pub id: Option<String>,
    /// What to do; without a verb, the present state or the story of ID
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Profile of the configuration file
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Configuration file instead of the user's
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of Jaeger's query service
    #[arg(long, global = true, value_name = "URL")]
    pub jaeger: Option<String>,
    /// Address of Tempo
    #[arg(long, global = true, value_name = "URL")]
    pub tempo: Option<String>,
    /// Address of Loki
    #[arg(long, global = true, value_name = "URL")]
    pub loki: Option<String>,
    /// Address of Grafana, when traces and logs can only be reached through it
    #[arg(long, global = true, value_name = "URL")]
    pub grafana: Option<String>,
    /// Bootstrap brokers of Kafka
    #[arg(long, global = true, value_name = "HOST:PORT,...")]
    pub kafka: Option<String>,
    /// Address of a Confluent REST Proxy: Kafka's groups and lag without its own protocol
    #[arg(long, global = true, value_name = "URL")]
    pub kafka_rest: Option<String>,
    /// Properties of Kafka's own tools (client.properties) with addresses and login
    #[arg(long, global = true, value_name = "FILE")]
    pub kafka_config: Option<String>,
    /// How far back to look (30m, 2h, 1d), or the instant to begin at (RFC 3339)
    #[arg(long, global = true, value_name = "TIME")]
    pub since: Option<String>,
    /// Where to end: an instant (RFC 3339) or so long ago (5m)
    #[arg(long, global = true, value_name = "TIME")]
    pub until: Option<String>,
    /// Time zone of shown times, as Europe/Berlin; UTC without it
    #[arg(long, global = true, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Wait at most so long for the whole answer
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// What one question may cost: `requests`, `bytes`, `rows`, `at_once`, `scan`, `request_timeout`, `timeout` (or `time`), at
    /// one source alone with its name in front (`loki.requests=50`)
    #[arg(long, global = true, value_name = "NAME=VALUE,...", value_delimiter = ',')]
    pub budget: Vec<String>,
    /// Ask only these sources
    #[arg(long, global = true, value_name = "NAME,...", value_delimiter = ',')]
    pub source: Vec<SourceName>,
    /// Form of the answer; without it, text, or the console where there is a terminal
    #[arg(short, long, global = true, value_parser = PossibleValuesParser::new(FORMATS.iter().map(|format| format.name).chain(["jsonl", "md"])))]
    pub output: Option<String>,
    /// Theme of the console, by name (see `hopscope theme list`) or by the path of its file
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub theme: Option<String>,
    /// Colours of the console; auto reads `NO_COLOR`, `TERM` and `COLORTERM`
    #[arg(long, global = true, value_name = "DEPTH", default_value = "auto", value_parser = ["auto", "never", "16", "256", "true"])]
    pub color: String,
    /// Only ASCII signs in the console, whatever the locale says
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Keys that the console is driven with (`j`, `<Enter>`, `<Ctrl-d>`), together with --print
    #[arg(long, global = true, hide = true, value_name = "KEYS", requires = "print")]
    pub keys: Option<String>,
    /// Prints the console's screen instead of showing it: text, styles or svg
    #[arg(long, global = true, hide = true, value_name = "FORM", value_parser = ["text", "styles", "svg"])]
    pub print: Option<String>,
    /// Size of the printed screen
    #[arg(long, global = true, hide = true, value_name = "COLUMNSxROWS", default_value = "80x24", value_parser = size)]
    pub size: (u16, u16),
    /// No remarks on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print every request on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Reads `80x24`.
fn size(text: &str) -> Result<(u16, u16), String> {
    let read = || {
        let (columns, rows) = text.split_once('x')?;
        Some((columns.parse().ok()?, rows.parse().ok()?))
    };
    read()
        .filter(|(columns, rows)| (1..=1000).contains(columns) && (1..=1000).contains(rows))
        .ok_or_else(|| "write it as 80x24".to_owned())
}

impl Arguments {
    /// Returns the name of the form that the answer has.
    pub fn form(&self) -> &str {
        self.output.as_deref().unwrap_or("text")
    }
}

/// What can be done.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// What is wrong now: sources, consumer groups that lag, recent traces with errors
    Now,
    /// The story of one message or request
    Follow {
        /// Trace id, traceparent, record coordinate or business id
        id: String,
        /// What ID is, when it could be several things
        #[arg(long = "as", value_name = "KIND")]
        kind: Option<KindName>,
        /// Under each row, the path that led to it: edge by edge, with what each rests on and the request that shows it
        #[arg(long)]
        why: bool,
    },
    /// Queue state
    Queue {
        /// Which
        #[command(subcommand)]
        action: QueueVerb,
    },
    /// Traces
    Trace {
        /// Which
        #[command(subcommand)]
        action: TraceVerb,
    },
    /// Letters: copies made after a failure, on retry topics, dead-letter topics and in quarantine
    Dead {
        /// Which
        #[command(subcommand)]
        action: DeadVerb,
    },
    /// Log lines
    Logs {
        /// Which
        #[command(subcommand)]
        action: LogsVerb,
    },
    /// An embedded Jaeger, Tempo, Loki and Kafka on loopback that tell a live incident; needs no set-up
    Demo {
        /// Incident to tell
        #[arg(long, default_value = "checkout", value_parser = ["checkout"])]
        scenario: String,
        /// Only serve, until interrupted
        #[arg(long)]
        serve: bool,
        /// First of five ports in a row (Jaeger, Loki, two brokers, Tempo) instead of free ones
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65531))]
        port_base: Option<u16>,
    },
    /// Examines each source step by step and says what to change
    Doctor,
    /// The keys of the console, and where each binding comes from
    Keys,
    /// Settings and where each came from
    Config {
        /// What to do with them
        #[arg(value_enum)]
        action: ConfigVerb,
        /// File to check instead of the one that is used
        file: Option<PathBuf>,
    },
    /// Themes of the console
    Theme {
        /// What to do
        #[command(subcommand)]
        action: ThemeVerb,
    },
    /// Profiles of the configuration file
    Profile {
        /// Which
        #[command(subcommand)]
        action: ProfileVerb,
    },
}

/// Parts of the queue state.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueVerb {
    /// Committed offset, end and lag of every group and partition
    Lag {
        /// Also read the record that each lagging group reads next, to tell for how long it has waited
        #[arg(long)]
        times: bool,
    },
    /// Consumer groups with kind, state, members and lag
    Groups,
    /// Topics with what they keep and how new their newest record is
    Topics,
    /// One record: headers, key and value
    Record {
        /// topic-partition@offset, or a time (RFC 3339, or 15m ago) instead of the offset: the first record since then
        #[arg(value_name = "RECORD")]
        at: String,
    },
}

/// What is told of traces.
#[derive(Clone, Debug, Subcommand)]
pub enum TraceVerb {
    /// Two stories beside each other: what differs first, then attributes of failing traces against healthy ones
    Diff {
        /// Trace id, traceparent, record coordinate or business id
        a: String,
        /// The other one
        b: String,
    },
}

/// Letters: all, one, or what they have in common.
#[derive(Clone, Debug, Subcommand)]
pub enum DeadVerb {
    /// The letters, the newest first: where each is, what became of it, what it is a copy of, and why it was made
    List {
        /// This topic alone, whatever its name
        topic: Option<String>,
        /// Read so many of the newest offsets of each topic
        #[arg(long, value_name = "OFFSETS", default_value_t = crate::investigate::dead::NEWEST, value_parser = clap::value_parser!(u32).range(1..))]
        newest: u32,
    },
    /// One letter with its record, decoded
    Show {
        /// topic-partition@offset
        record: String,
    },
    /// Letters of one cause together: exception, original topic, group
    Cohorts {
        /// This topic alone, whatever its name
        topic: Option<String>,
        /// Read so many of the newest offsets of each topic
        #[arg(long, value_name = "OFFSETS", default_value_t = crate::investigate::dead::NEWEST, value_parser = clap::value_parser!(u32).range(1..))]
        newest: u32,
    },
}

/// Log lines of what.
#[derive(Clone, Debug, Subcommand)]
pub enum LogsVerb {
    /// Lines of a `LogQL` query, oldest first
    Query {
        /// Stream selector with filters: {app="orders"} |= "timeout"
        query: String,
        /// Show at most so many, the newest
        #[arg(long, value_name = "LINES", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Lines that hold an id, in their text or as structured metadata
    For {
        /// Trace id, traceparent, record coordinate or business id
        id: String,
        /// Show at most so many, the newest
        #[arg(long, value_name = "LINES", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// New lines as they come, until interrupted
    Tail {
        /// `LogQL` query, or an id
        #[arg(value_name = "QUERY|ID")]
        what: String,
        /// End after so many
        #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
}

/// What can be done with themes.
#[derive(Clone, Debug, Subcommand)]
pub enum ThemeVerb {
    /// Print their names, what they are made for and where they come from
    List,
    /// Report mistakes, and what can be seen of it: contrast, and severities for each kind of colour vision
    Check {
        /// Name or file; without it, the theme that the console would use
        #[arg(value_name = "NAME|FILE")]
        theme: Option<String>,
    },
    /// Print a sample of every role as this terminal shows it
    Preview {
        /// Name or file; without it, the theme that the console would use
        #[arg(value_name = "NAME|FILE")]
        theme: Option<String>,
    },
    /// Print the text of a theme, to begin one of your own with
    Show {
        /// Its name
        name: String,
    },
}

/// What can be done with profiles.
#[derive(Clone, Debug, Subcommand)]
pub enum ProfileVerb {
    /// Print their names and sources, and which is used
    List,
    /// Make one the default: sets `default_profile` in the configuration file
    Use {
        /// Its name
        name: String,
    },
}

/// What can be done with settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigVerb {
    /// Print every setting with its origin
    Show,
    /// Print which layers there are: file, environment, flags, and the profile that they choose
    Sources,
    /// Only report mistakes
    Check,
}

/// Kinds of identities by their short names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Trace id
    Trace,
    /// W3C traceparent
    Traceparent,
    /// topic-partition@offset
    Record,
    /// Order number, request id, record key
    Business,
}

/// Sources by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceName {
    /// Traces
    Jaeger,
    /// Traces
    Tempo,
    /// Logs
    Loki,
    /// Queues
    Kafka,
}

impl From<KindName> for IdentityKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Trace => Self::Trace,
            KindName::Traceparent => Self::Traceparent,
            KindName::Record => Self::Record,
            KindName::Business => Self::Business,
        }
    }
}

impl From<SourceName> for SourceKind {
    fn from(name: SourceName) -> Self {
        match name {
            SourceName::Jaeger => Self::Jaeger,
            SourceName::Tempo => Self::Tempo,
            SourceName::Loki => Self::Loki,
            SourceName::Kafka => Self::Kafka,
        }
    }
}
