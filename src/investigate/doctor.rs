//! Looks at each source step by step, from its name to what this user may see, and says what to change where it ends.

use super::sources::{Budgets, SourceSet};
use crate::model::ask::NoteKind;
use crate::model::{Ask, Fault, Nanos, Rows, SafeText, SourceKind};
use serde::Serialize;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Wait for a name or a connection.
const WAIT: Duration = Duration::from_secs(3);
/// Clocks that differ by less are as good as equal: HTTP tells whole seconds.
const SKEW: Nanos = Nanos::from_secs(2);

/// What was found about one source.
#[derive(Clone, Debug, Serialize)]
pub struct Checkup {
    /// Which source.
    pub source: SourceKind,
    /// Where it is.
    pub address: SafeText,
    /// The steps, up to the first one that failed.
    pub steps: Vec<Step>,
    /// The fault of the step that failed, if one did.
    #[serde(skip)]
    pub fault: Option<Fault>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// `name`, `connect`, `login and version`, `permissions`, `clock`, `limits`.
    pub name: &'static str,
    /// How it went.
    pub finding: Finding,
    /// What was seen.
    pub seen: SafeText,
    /// What to change, when something should be.
    pub to_do: SafeText,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// As it should be.
    Good,
    /// Works, with a weakness.
    Weak,
    /// Does not work; what follows was not tried.
    Bad,
    /// Cannot be told.
    Unknown,
}

impl Finding {
    /// Returns the sign shown beside it.
    pub const fn sign(self) -> char {
        match self {
            Self::Good => '+',
            Self::Weak => 'W',
            Self::Bad => 'E',
            Self::Unknown => '?',
        }
    }
}

impl Checkup {
    /// Says whether a step failed.
    pub fn is_ill(&self) -> bool {
        self.steps.iter().any(|step| step.finding == Finding::Bad)
    }

    fn add(&mut self, name: &'static str, finding: Finding, seen: impl Into<SafeText>, to_do: impl Into<SafeText>) {
        self.steps.push(Step { name, finding, seen: seen.into(), to_do: to_do.into() });
    }

    fn end(mut self, name: &'static str, fault: Fault) -> Self {
        self.add(name, Finding::Bad, format!("{}: {}", fault.kind.word(), fault.came.as_str()), fault.hint.clone());
        self.fault = Some(fault);
        self
    }
}

/// Examines all configured sources at once.
pub async fn examine(sources: &SourceSet, cancel: &CancellationToken) -> Vec<Checkup> {
    let budgets = sources.budgets(cancel);
    futures_util::future::join_all(sources.kinds().into_iter().map(|kind| one(sources, kind, &budgets))).await
}

async fn one(sources: &SourceSet, kind: SourceKind, budgets: &Budgets) -> Checkup {
    let address = sources.get(kind).map_or_else(SafeText::default, |source| source.address());
    let mut found = Checkup { source: kind, address: address.clone(), steps: Vec::new(), fault: None };
    for place in places(address.as_str()) {
        match reach(&place).await {
            Ok((name, connect)) => {
                found.add("name", Finding::Good, format!("{place} is {name}"), "");
                found.add("connect", Finding::Good, connect, "");
                break;
            }
            // A proxy may know the name and the way, so the next step decides.
            Err((step, why)) => found.add(
                step,
                Finding::Weak,
                format!("{place}: {why}"),
                "check the name, the port and the way there, unless a proxy leads there",
            ),
        }
    }
    match sources.identify(kind, budgets).await {
        Ok(known) => found.add("login and version", Finding::Good, known, ""),
        Err(fault) => return found.end("login and version", fault),
    }
    let ask = match kind {
        SourceKind::Jaeger | SourceKind::Tempo => Ask::Services,
        SourceKind::Kafka => Ask::Queues,
        SourceKind::Loki => {
            let now =
                crate::model::Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
            let window = crate::model::Window { from: now.plus(Nanos::from_secs(-300)), until: now };
            let needles = vec!["hopscope-doctor".into()];
            Ask::FindLines { needles, metadata: Vec::new(), services: Vec::new(), window, limit: 1 }
        }
    };
    match sources.ask_of(kind, &ask, budgets, None).await.outcome {
        Err(fault) => return found.end("permissions", fault),
        Ok(answer) => {
            let seen = match &answer.rows {
                Rows::Services(names) => format!("{} services are visible", names.len()),
                Rows::Queues(state) => {
                    format!("{} topics and {} groups are visible", state.topics.len(), state.groups.len())
                }
                Rows::Lines(_) => "a search of the last 5 minutes is answered".to_owned(),
                Rows::Spans(_) | Rows::Records(_) => "answered".to_owned(),
            };
            let is_empty = !matches!(answer.rows, Rows::Lines(_)) && answer.rows.is_empty();
            let weak = answer.notes.iter().find(|note| note.kind != NoteKind::Remark);
            match weak {
                Some(note) => found.add(
                    "permissions",
                    Finding::Weak,
                    format!("{seen}; {}", note.text.as_str()),
                    "check this user's rights",
                ),
                None if is_empty => found.add(
                    "permissions",
                    Finding::Weak,
                    seen,
                    "nothing is there, or this user or tenant may not see it",
                ),
                None => found.add("permissions", Finding::Good, seen, ""),
            }
        }
    }
    match sources.get(kind).and_then(|source| source.clock_offset()) {
        None => found.add("clock", Finding::Unknown, "this source does not tell its time", ""),
        Some(offset) if offset.0.abs() <= SKEW.0 => found.add("clock", Finding::Good, "within 2 s of this host's", ""),
        Some(offset) => {
            let side = if offset.0 > 0 { "ahead of" } else { "behind" };
            let seen = format!("{} {side} this host's (to a second)", Nanos(offset.0.abs()).human());
            found.add(
                "clock",
                Finding::Weak,
                seen,
                "set the clocks by NTP; times and windows may miss what they should find",
            );
        }
    }
    let seen = format!("used for this: {}", budgets.of(kind).cost().words());
    found.add("limits", Finding::Good, seen, "");
    found
}

/// Returns `host:port` of a URL or of each bootstrap address.
fn places(address: &str) -> Vec<String> {
    if let Ok(url) = url::Url::parse(address)
        && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
    {
        return vec![format!("{host}:{port}")];
    }
    address.split(',').map(|place| place.trim().to_owned()).filter(|place| !place.is_empty()).collect()
}

async fn reach(place: &str) -> Result<(String, String), (&'static str, String)> {
    let found = timeout(WAIT, lookup_host(place)).await.map_err(|_| ("name", "not found in time".to_owned()))?;
    let all: Vec<_> = found.map_err(|error| ("name", error.to_string()))?.collect();
    let Some(first) = all.first() else { return Err(("name", "it has no address".to_owned())) };
    let begun = tokio::time::Instant::now();
    match timeout(WAIT, TcpStream::connect(all.as_slice())).await {
        Err(_) => Err(("connect", "no connection within 3 s".to_owned())),
        Ok(Err(error)) => Err(("connect", error.to_string())),
        Ok(Ok(_)) => {
            let took = Nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
            Ok((first.ip().to_string(), format!("connected in {}", took.human())))
        }
    }
}
