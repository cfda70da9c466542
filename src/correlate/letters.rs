//! Letters: which topics hold copies made after a failure, what each copy tells, and which have one cause.
//!
//! Headers decide; a name is only a hint, and what rests on it alone is said to. Names are the habits of Spring, `SmallRye`,
//! uForwarder and of teams that chose their own.

use super::reads::{TopicHint, topic_hint};
use crate::decode::headers::{Trail, trail};
use crate::model::dead::{Cohort, KnownBy, Letter, LetterTopic, Place, Retryable};
use crate::model::queue::{QueueState, Topic};
use crate::model::{Record, SafeText};
use smol_str::SmolStr;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What was read of one topic.
#[derive(Clone, Debug)]
pub struct TopicRead {
    /// Name.
    pub topic: SmolStr,
    /// Its records, in any order.
    pub records: Vec<Record>,
    /// Offsets that lie before those that were wanted.
    pub older: i64,
    /// Offsets that were wanted and answered for.
    pub covered: i64,
}

/// What the reading comes to.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// By name.
    pub topics: Vec<LetterTopic>,
    /// The newest first.
    pub letters: Vec<Letter>,
    /// Those with the most letters first.
    pub cohorts: Vec<Cohort>,
}

/// What the name of a topic hints at: a place, and whether every record there is taken for a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hint {
    place: Place,
    is_strong: bool,
}

fn hint(topic: &str) -> Option<Hint> {
    let lower = topic.to_ascii_lowercase();
    let has = |wanted: &[&str]| lower.split(['-', '.', '_']).any(|word| wanted.contains(&word));
    let strong = |place| Some(Hint { place, is_strong: true });
    if has(&["quarantine", "parking", "parkinglot", "poison"]) {
        return strong(Place::Quarantine);
    }
    match topic_hint(topic) {
        TopicHint::Retry => strong(Place::Retry),
        // Many a topic of log events is called so, too.
        TopicHint::DeadLetter if !has(&["dlt", "dlq", "dead", "deadletter"]) => {
            Some(Hint { place: Place::DeadLetter, is_strong: false })
        }
        TopicHint::DeadLetter => strong(Place::DeadLetter),
        TopicHint::Plain => None,
    }
}

/// Says whether a topic's name alone is reason to look for letters in it.
pub fn is_named_so(topic: &str) -> bool {
    hint(topic).is_some()
}

/// Says whether a topic is the cluster's own: offsets of groups, states of transactions.
pub fn is_internal(topic: &str) -> bool {
    topic.starts_with("__")
}

/// Says whether a record's headers tell of a failure.
pub fn tells_of_failure(record: &Record) -> bool {
    tells(&trail(record))
}

fn tells(trail: &Trail) -> bool {
    // Camel's headers are those of any exchange, failed or not.
    !matches!(trail.family, "" | "camel")
        && (trail.origin.is_some()
            || trail.topic.is_some()
            || trail.group.is_some()
            || trail.attempt.is_some()
            || trail.due.is_some()
            || trail.failed.is_some()
            || trail.exception.is_some()
            || trail.reason.is_some())
}

/// Reads a single record as a letter; `None` when neither its headers nor the name of its topic tell of a failure. Without the
/// state of the queues nothing is known of who has read it, and whether its original is still kept.
pub fn alone(record: &Record, state: Option<&QueueState>) -> Option<Letter> {
    let empty = QueueState::default();
    let (topic, records) = (record.coordinate.topic.clone(), vec![record.clone()]);
    let read = TopicRead { topic, records, older: 0, covered: 1 };
    sort(state.unwrap_or(&empty), vec![read], state.is_some()).letters.pop()
}

/// Makes letters of what was read and puts those with one cause together. `has_groups` says whether the state's groups are all
/// that there are; without them nobody knows who has read what.
pub fn sort(state: &QueueState, reads: Vec<TopicRead>, has_groups: bool) -> Sorted {
    let mut sorted = Sorted::default();
    for read in reads {
        sort_topic(state, read, has_groups, &mut sorted);
    }
    sorted.topics.sort_by(|a, b| a.topic.cmp(&b.topic));
    let newest = |letter: &Letter| (std::cmp::Reverse(letter.written()), letter.record.coordinate.clone());
    sorted.letters.sort_by_cached_key(newest);
    sorted.cohorts = cohorts(&mut sorted.letters);
    sorted
}

fn sort_topic(state: &QueueState, read: TopicRead, has_groups: bool, sorted: &mut Sorted) {
    let (named, known) = (hint(&read.topic), state.topic(&read.topic));
    let (mut families, mut letters, count) = (BTreeSet::new(), Vec::new(), read.records.len());
    for record in read.records {
        let trail = trail(&record);
        let is_told = tells(&trail);
        if is_told || named.is_some_and(|hint| hint.is_strong) {
            if is_told {
                families.insert(trail.family);
            }
            letters.push(letter(state, record, (trail, is_told), named.map(|hint| hint.place), has_groups));
        }
    }
    let known_by = if families.is_empty() { KnownBy::Name } else { KnownBy::Headers };
    let place = named.map(|hint| hint.place).or_else(|| letters.first().map(|letter| letter.place));
    let partitions = known.map_or(&[][..], |topic: &Topic| &topic.partitions);
    let kept: Vec<i64> = partitions.iter().filter_map(|part| Some((part.end? - part.start?).max(0))).collect();
    let commits = |group: &&crate::model::queue::Group| {
        group.commits.iter().any(|commit| commit.topic == read.topic && commit.committed.is_some())
    };
    sorted.topics.push(LetterTopic {
        topic: SafeText::new(&read.topic),
        place: place.unwrap_or(Place::Unclear),
        known_by,
        families: families.into_iter().collect(),
        partitions: partitions.len(),
        kept: kept.iter().sum(),
        unknown_partitions: partitions.len() - kept.len(),
        read: count,
        older: read.older,
        holes: (read.covered - count as i64).max(0),
        letters: letters.len(),
        groups: state.groups.iter().filter(commits).map(|group| SafeText::new(&group.id)).collect(),
    });
    sorted.letters.append(&mut letters);
}

fn letter(
    state: &QueueState,
    record: Record,
    (trail, is_told): (Trail, bool),
    named: Option<Place>,
    has_groups: bool,
) -> Letter {
    let place = named.unwrap_or(match trail.family {
        // These are written by brokers and frameworks that have no retry topics.
        "share-group" | "kafka-connect" | "kafka-streams" | "karafka" | "redpanda-connect" | "watermill" => {
            Place::DeadLetter
        }
        _ if trail.due.is_some() => Place::Retry,
        _ => Place::Unclear,
    });
    let safe = |text: Option<SmolStr>| text.map(|text| SafeText::new(&text));
    let is_origin_kept = trail.origin.as_ref().and_then(|origin| {
        let partition = state.partition(&origin.topic, origin.partition)?;
        Some((partition.start?..partition.end?).contains(&origin.offset))
    });
    // Families without a class of their own tell a sentence in its place.
    let (exception, said) = match trail.exception {
        Some(text) if text.contains(' ') => (None, Some(text)),
        exception => (exception, None),
    };
    let origin_topic = trail.origin.as_ref().map(|origin| origin.topic.clone()).or(trail.topic);
    let passed = has_groups.then(|| state.passed(&record.coordinate));
    Letter {
        place,
        known_by: if is_told { KnownBy::Headers } else { KnownBy::Name },
        family: if is_told { trail.family } else { "" },
        origin: trail.origin,
        is_origin_kept,
        origin_topic: safe(origin_topic),
        group: safe(trail.group),
        attempt: trail.attempt,
        // The last back-off time of a dead letter is when it failed; nothing is due there.
        due: trail.due.filter(|_| place == Place::Retry),
        retryable: exception.as_deref().map_or_else(Retryable::default, retryable),
        exception: safe(exception),
        reason: safe(trail.reason.or(said)),
        first_seen: trail.first_seen,
        failed: trail.failed.or(trail.due.filter(|_| place == Place::DeadLetter)),
        passed,
        undecoded: trail
            .undecoded
            .iter()
            .map(|one| (SafeText::new(&one.name), SafeText::new(&one.hex), one.length))
            .collect(),
        cohort: 0,
        record,
    }
}

/// Classes of exceptions that a record's own bytes or type cause: what Spring does not retry of its own accord, and the
/// parsers of other frameworks.
const OF_THE_RECORD: &[&str] = &[
    "ClassCastException",
    "ConversionException",
    "DeserializationException",
    "InvalidDefinitionException",
    "InvalidFormatException",
    "JSONDecodeError",
    "JsonMappingException",
    "JsonParseException",
    "JsonProcessingException",
    "MessageConversionException",
    "MethodArgumentNotValidException",
    "MethodArgumentResolutionException",
    "MismatchedInputException",
    "NoSuchMethodException",
    "RecordDeserializationException",
    "SchemaException",
    "SerializationException",
    "UnrecognizedPropertyException",
    "UnicodeDecodeError",
];

/// Classes of exceptions of something that was out of reach, too slow or too busy.
const OF_THE_MOMENT: &[&str] = &[
    "CannotAcquireLockException",
    "CannotGetJdbcConnectionException",
    "ConnectException",
    "ConnectTimeoutException",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DisconnectException",
    "HttpServerErrorException",
    "HttpTimeoutException",
    "NoRouteToHostException",
    "OptimisticLockException",
    "OptimisticLockingFailureException",
    "PessimisticLockException",
    "ReadTimeout",
    "ReadTimeoutException",
    "ResourceAccessException",
    "RetriableException",
    "ServiceUnavailable",
    "SocketTimeoutException",
    "SQLTransientConnectionException",
    "SQLTransientException",
    "TimeoutError",
    "TimeoutException",
    "TooManyRequests",
    "TransientDataAccessException",
    "UnknownHostException",
];

fn retryable(class: &str) -> Retryable {
    let name = class.rsplit(['.', '$', ':', '/']).next().unwrap_or(class);
    match name {
        name if OF_THE_RECORD.contains(&name) => Retryable::No,
        name if OF_THE_MOMENT.contains(&name) => Retryable::Yes,
        _ => Retryable::CannotTell,
    }
}

/// Returns a reason without what differs from one message to the next.
fn without_numbers(reason: &SafeText) -> SafeText {
    let word =
        |word: &str| if word.bytes().any(|byte| byte.is_ascii_digit()) { "…".to_owned() } else { word.to_owned() };
    let words: Vec<String> = reason.as_str().split_ascii_whitespace().map(word).collect();
    SafeText::new(&words.join(" "))
}

/// What letters of one cohort share.
type Cause = (Option<SafeText>, Option<SafeText>, Option<SafeText>);

/// Puts letters, which stand newest first, together and tells each where it belongs.
fn cohorts(letters: &mut [Letter]) -> Vec<Cohort> {
    let mut places: HashMap<Cause, usize> = HashMap::new();
    let mut cohorts: Vec<Cohort> = Vec::new();
    let mut origins: Vec<HashSet<&crate::model::Coordinate>> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let cause = letter.exception.clone().or_else(|| letter.reason.as_ref().map(without_numbers));
        let key = (cause, letter.origin_topic.clone(), letter.group.clone());
        let place = *places.entry(key.clone()).or_insert_with(|| {
            let (cause, origin_topic, group) = key;
            cohorts.push(Cohort {
                cause,
                origin_topic,
                group,
                letters: Vec::new(),
                origins: 0,
                without_origin: 0,
                places: [0; 4],
                unread: 0,
                first: letter.written(),
                last: letter.written(),
                attempts: None,
                retryable: letter.retryable,
            });
            origins.push(HashSet::new());
            cohorts.len() - 1
        });
        let cohort = &mut cohorts[place];
        cohort.letters.push(at);
        cohort.places[Place::ALL.iter().position(|one| *one == letter.place).expect("ALL holds every place")] += 1;
        cohort.unread += usize::from(letter.passed == Some(0));
        cohort.first = cohort.first.min(letter.written());
        cohort.last = cohort.last.max(letter.written());
        match &letter.origin {
            Some(origin) => _ = origins[place].insert(origin),
            None => cohort.without_origin += 1,
        }
        if let Some(attempt) = letter.attempt {
            let (least, most) = cohort.attempts.unwrap_or((attempt, attempt));
            cohort.attempts = Some((least.min(attempt), most.max(attempt)));
        }
    }
    for (cohort, origins) in cohorts.iter_mut().zip(origins) {
        cohort.origins = origins.len();
    }
    let rank = |cohort: &Cohort| {
        let cause = (cohort.cause.clone(), cohort.origin_topic.clone(), cohort.group.clone());
        (std::cmp::Reverse(cohort.letters.len()), cause)
    };
    cohorts.sort_by_cached_key(rank);
    for (place, cohort) in cohorts.iter().enumerate() {
        for at in &cohort.letters {
            letters[*at].cohort = place;
        }
    }
    cohorts
}

#[cfg(test)]
mod tests;
