//! Identifiers: values that name something, typed, in canonical form, with the scope in which they are unique.
//!
//! A value becomes an identifier only here, so nothing that is refused (zeros, `null`, what a template left behind) can
//! ever join two rows. Rules: full-length UUIDs and 128-bit hex numbers are unique everywhere, so they join across names;
//! long texts of letters and digits likewise, among kinds that are not wide; anything else joins only with an equal kind
//! and an equal qualifier (entity, topic, source).

use super::id::{Coordinate, SpanId, TraceId};
use serde::Serialize;
use smol_str::{SmolStr, ToSmolStr};
use std::fmt;
use uuid::Uuid;

/// How much an identifier spans, narrow to wide. What is wider than the anchor is a label, not a way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One span: an attempt or an execution.
    Attempt,
    /// One copy of a message.
    Copy,
    /// One message with all its copies.
    Message,
    /// One request or operation; a trace is taken for one.
    Request,
    /// Several messages of one exchange or saga.
    Conversation,
    /// A thing of the business.
    Entity,
    /// Customers, sessions, tenants, hosts: never followed.
    Wide,
}

/// The kinds of named identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedKind {
    /// A message, unique within its source.
    Message,
    /// A correlation or conversation.
    Conversation,
    /// A request.
    Request,
    /// An operation that must take effect once.
    Idempotency,
    /// A thing of the business, of an entity type such as `order`.
    Business,
    /// Key of a record, within its topic.
    RecordKey,
    /// Customer, tenant, user, session, host and the like.
    Context,
}

/// An identifier that is a text under a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    kind: NamedKind,
    within: SmolStr,
    value: SmolStr,
}

/// A typed identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// A trace; where only the low 64 bits are known (Datadog, 64-bit B3) the upper ones are zero.
    Trace(TraceId),
    /// A span; never without its trace.
    Span(TraceId, SpanId),
    /// A record, with the id of its cluster where the row told it.
    Record(Option<SmolStr>, Coordinate),
    /// What an idempotent producer numbered: producer id, epoch, sequence.
    Produced(i64, i16, i32),
    /// A text under a name.
    Named(Named),
}

/// What identifiers are joined by: two of them join when they share a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JoinKey {
    /// 128 bits: a UUID, a whole trace id.
    Bits(u128),
    /// The low 64 bits of a trace id, which some formats write alone.
    Low(u64),
    /// A span: low bits of its trace, id.
    Span(u64, SpanId),
    /// A record of a cluster.
    Record(Option<SmolStr>, Coordinate),
    /// A number of an idempotent producer.
    Produced(i64, i16, i32),
    /// A long text of letters and digits.
    Unique(SmolStr),
    /// A text that is unique only among equal kinds and qualifiers.
    Within(NamedKind, SmolStr, SmolStr),
}

/// Longest value that is taken for an identifier, in bytes.
const LONGEST: usize = 256;
/// Integers with fewer digits name nothing without an entity type.
const SHORTEST_INTEGER: usize = 5;
/// Texts of letters and digits from this length on are taken as unique.
const UNIQUE_FROM: usize = 8;
/// What programs write for "there is none".
const NOTHING: &[&str] =
    &["null", "none", "nil", "undefined", "unknown", "n/a", "na", "nan", "-", "--", "?", "true", "false", "(null)"];

impl NamedKind {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Conversation => "conversation",
            Self::Request => "request",
            Self::Idempotency => "idempotency",
            Self::Business => "business",
            Self::RecordKey => "record-key",
            Self::Context => "context",
        }
    }

    /// Returns how much an identifier of this kind spans.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Message => Scope::Message,
            Self::Request | Self::Idempotency => Scope::Request,
            Self::Conversation => Scope::Conversation,
            Self::Business | Self::RecordKey => Scope::Entity,
            Self::Context => Scope::Wide,
        }
    }
}

impl Named {
    /// Returns the identifier, or `None` when the value names nothing. `within` is the qualifier: entity type, topic,
    /// source of messages, operation; empty when there is none.
    pub fn new(kind: NamedKind, within: &str, value: &str) -> Option<Self> {
        let value = canonical(value)?;
        let is_integer = value.bytes().all(|byte| byte.is_ascii_digit());
        if is_integer && within.is_empty() && value.len() < SHORTEST_INTEGER {
            return None;
        }
        Some(Self { kind, within: within.into(), value })
    }

    /// Returns its kind.
    pub const fn kind(&self) -> NamedKind {
        self.kind
    }

    /// Returns its qualifier; empty when there is none.
    pub fn within(&self) -> &str {
        &self.within
    }

    /// Returns its value in canonical form.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Says whether the value alone is unique, so that it joins across kinds.
    pub fn is_unique(&self) -> bool {
        matches!(self.key(), JoinKey::Bits(_) | JoinKey::Unique(_))
    }

    fn key(&self) -> JoinKey {
        if self.kind != NamedKind::Context {
            if let Ok(uuid) = Uuid::try_parse(&self.value) {
                return JoinKey::Bits(uuid.as_u128());
            }
            let has = |is: fn(&u8) -> bool| self.value.as_bytes().iter().any(is);
            if self.value.len() >= UNIQUE_FROM && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) {
                return JoinKey::Unique(self.value.clone());
            }
        }
        JoinKey::Within(self.kind, self.within.clone(), self.value.clone())
    }
}

impl Identifier {
    /// Returns a named identifier; see [`Named::new`].
    pub fn named(kind: NamedKind, within: &str, value: &str) -> Option<Self> {
        Named::new(kind, within, value).map(Self::Named)
    }

    /// Returns how much it spans.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Span(..) => Scope::Attempt,
            Self::Record(..) | Self::Produced(..) => Scope::Copy,
            Self::Trace(_) => Scope::Request,
            Self::Named(named) => named.kind.scope(),
        }
    }

    /// Returns the word for its kind.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Trace(_) => "trace",
            Self::Span(..) => "span",
            Self::Record(..) => "record",
            Self::Produced(..) => "producer",
            Self::Named(named) => named.kind.word(),
        }
    }

    /// Returns the same identifier in the cluster that was configured, when the row did not name one.
    #[must_use]
    pub fn assuming(self, cluster: &str) -> Self {
        match self {
            Self::Record(None, at) => Self::Record(Some(cluster.into()), at),
            told => told,
        }
    }

    /// Returns what it is joined by: one key, or two for a trace id that may be cut to its low half elsewhere.
    pub fn keys(&self) -> impl Iterator<Item = JoinKey> {
        let low = |trace: &TraceId| trace.0 as u64;
        let (first, second) = match self {
            Self::Trace(trace) => {
                let whole = (trace.0 >> 64 != 0).then_some(JoinKey::Bits(trace.0));
                // The upper half alone names nothing.
                ((low(trace) != 0).then(|| JoinKey::Low(low(trace))), whole)
            }
            Self::Span(trace, span) => (Some(JoinKey::Span(low(trace), *span)), None),
            Self::Record(cluster, at) => (Some(JoinKey::Record(cluster.clone(), at.clone())), None),
            Self::Produced(id, epoch, sequence) => (Some(JoinKey::Produced(*id, *epoch, *sequence)), None),
            Self::Named(named) => (Some(named.key()), None),
        };
        [first, second].into_iter().flatten()
    }

    /// Says whether two identifiers name the same thing.
    pub fn joins(&self, other: &Self) -> bool {
        self.keys().any(|key| other.keys().any(|its| its == key))
    }

    /// Returns the texts under which it may stand in log lines and in values of records.
    pub fn spellings(&self) -> Vec<SmolStr> {
        match self {
            Self::Trace(trace) => trace.spellings(),
            Self::Span(_, span) => vec![span.to_smolstr()],
            Self::Record(_, at) => vec![at.to_smolstr()],
            Self::Produced(..) => Vec::new(),
            Self::Named(named) => match Uuid::try_parse(&named.value) {
                Ok(uuid) => vec![named.value.clone(), uuid.simple().to_smolstr()],
                Err(_) => vec![named.value.clone()],
            },
        }
    }
}

/// Returns the canonical form of a value, or `None` when it names nothing. White space and quotes around it and the
/// brackets of a list of one are dropped; a UUID in any spelling (32 digits, braces, `urn:uuid:`, upper case) becomes
/// its lower-case form with hyphens; other texts stay as they are, since their case may matter.
pub fn canonical(text: &str) -> Option<SmolStr> {
    let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut text = text.trim_matches(quotes);
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        text = inner.trim_matches(quotes);
    }
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    if let Ok(uuid) = Uuid::try_parse(text) {
        let digits = format!("{:032x}", uuid.as_u128());
        let first = digits.as_bytes()[0];
        return digits.bytes().any(|byte| byte != first).then(|| uuid.hyphenated().to_smolstr());
    }
    let breaks = |c: char| c.is_control() || c.is_whitespace() || "{}<>[]\"'`".contains(c);
    if text.contains(breaks) || NOTHING.iter().any(|nothing| nothing.eq_ignore_ascii_case(text)) {
        return None;
    }
    let first = text.bytes().find(|byte| *byte != b'-')?;
    let is_equal = first.is_ascii_hexdigit() && text.bytes().all(|byte| byte == first || byte == b'-');
    let names_nothing = is_equal && (first == b'0' || text.len() >= UNIQUE_FROM);
    (!names_nothing).then(|| text.into())
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(id) => id.fmt(f),
            Self::Span(trace, span) => write!(f, "{trace}/{span}"),
            Self::Record(None, at) => at.fmt(f),
            Self::Record(Some(cluster), at) => write!(f, "{cluster}/{at}"),
            Self::Produced(id, epoch, sequence) => write!(f, "{id}/{epoch}/{sequence}"),
            Self::Named(named) if named.within.is_empty() => f.write_str(&named.value),
            Self::Named(named) => write!(f, "{} {}", named.within, named.value),
        }
    }
}

#[cfg(test)]
mod tests;
