//! Dead: letters of retry topics, dead-letter topics and quarantine: by cause, each letter, the topics they stand in.

use super::describe::{self, field, title};
use super::{Item, Room, Screen, Subject, hash, role_of};
use super::{raw, record};
use crate::export::dead::{attempts, fields};
use crate::model::dead::{Cohort, KnownBy, Letter, LetterState, LetterTopic, Place};
use crate::model::journey::Mark;
use crate::model::{self, SafeText};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Dead;

/// Letters of a cohort that are shown while the rest is folded.
const FOLDED: usize = 3;

impl Screen for Dead {
    fn digit(&self) -> char {
        '6'
    }

    fn name(&self) -> &'static str {
        "Dead"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let Some(dead) = &facts.dead else { return vec![Stripe::of("nothing was read yet", Role::Dim)] };
        let (word, role) = state(dead, facts.is_reading_dead);
        let count = |place: Place| dead.letters.iter().filter(|letter| letter.place == place).count();
        let mut told = Stripe::of(word, role);
        if dead.is_answered {
            let (letters, causes) = (count_of(dead.letters.len(), "letter"), count_of(dead.cohorts.len(), "cause"));
            told.push(format!("  {letters} of {causes}"), Role::Title);
        }
        for place in Place::ALL {
            if count(place) > 0 {
                told.push(format!("  {} {}", count(place), place.words()), Role::Text);
            }
        }
        let keys = facts.told("{refresh} reads again, {follow} follows the original");
        let what = if dead.topics.is_empty() { "asked" } else { "read" };
        let mut head =
            vec![told, Stripe::of(format!("{what} at {}; {keys}", dead.at.date_clock(&facts.zone)), Role::Dim)];
        if dead.is_cut_by_budget() {
            head.push(super::spent(facts, "{refresh} reads everything again"));
        }
        head
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let Some(dead) = &facts.dead else { return Vec::new() };
        let mut items = Vec::new();
        match facts.order {
            1 => items.extend((0..dead.letters.len()).map(|at| letter_item(dead, at))),
            2 => {
                let mut places: Vec<usize> = (0..dead.letters.len()).collect();
                // Stable, so the newest of each topic stay first.
                places.sort_by(|a, b| {
                    dead.letters[*a].record.coordinate.topic.cmp(&dead.letters[*b].record.coordinate.topic)
                });
                items.extend(places.into_iter().map(|at| letter_item(dead, at)));
            }
            _ => {
                for (at, cohort) in dead.cohorts.iter().enumerate() {
                    items.push(cohort_item(dead, at, cohort));
                    let shown = if facts.is_folded() { cohort.letters.len().min(FOLDED) } else { cohort.letters.len() };
                    // One row that says that there is one more takes as much room as that one.
                    let shown = if shown + 1 == cohort.letters.len() { shown + 1 } else { shown };
                    items.extend(cohort.letters.iter().take(shown).map(|letter| letter_item(dead, *letter)));
                    if shown < cohort.letters.len() {
                        let key = hash(&("more letters", &cohort.cause, &cohort.origin_topic, &cohort.group));
                        items.push(Item::of(Subject::MoreLetters(at, shown), key));
                    }
                }
            }
        }
        if !dead.topics.is_empty() {
            items.push(Item::heading("topics"));
        }
        for (at, topic) in dead.topics.iter().enumerate() {
            let mark = if topic.older > 0 || topic.unknown_partitions > 0 { Mark::Unknown } else { Mark::Plain };
            items.push(Item {
                mark,
                ..Item::of(Subject::LetterTopic(at), hash(&("letter topic", topic.topic.as_str())))
            });
        }
        if !dead.faults.is_empty() || !dead.notes.is_empty() {
            items.push(Item::heading("what this rests on"));
        }
        for (at, fault) in dead.faults.iter().enumerate() {
            let key = hash(&("fault", fault.came.as_str(), fault.asked.as_str()));
            items.push(Item { mark: Mark::Error, ..Item::of(Subject::Fault(at), key) });
        }
        for (at, note) in dead.notes.iter().enumerate() {
            let mark = if note.kind == model::ask::NoteKind::Remark { Mark::Plain } else { Mark::Warn };
            items.push(Item { mark, ..Item::of(Subject::Note(at), hash(&("note", note.text.as_str()))) });
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let Some(dead) = &facts.dead else { return Stripe::default() };
        match item.subject {
            Subject::Cohort(at) => {
                dead.cohorts.get(at).map_or_else(Stripe::default, |row| cohort(row, item.mark, facts))
            }
            Subject::Letter(at) => {
                dead.letters.get(at).map_or_else(Stripe::default, |row| letter(dead, row, item.mark, (facts, room)))
            }
            Subject::MoreLetters(at, shown) => {
                let all = dead.cohorts.get(at).map_or(0, |cohort| cohort.letters.len());
                let text = facts.told("; {fold} shows them");
                Stripe::of(format!("    {} more letters of this cause", all.saturating_sub(shown)), Role::Text)
                    .and(text, Role::Dim)
            }
            Subject::LetterTopic(at) => {
                dead.topics.get(at).map_or_else(Stripe::default, |row| topic(row, item.mark, room))
            }
            Subject::Fault(at) => dead.faults.get(at).map_or_else(Stripe::default, |fault| {
                Stripe::of(format!("E {}: {}", fault.kind.word(), fault.came.as_str()), Role::Error)
            }),
            Subject::Note(at) => dead.notes.get(at).map_or_else(Stripe::default, |note| {
                let role = role_of(item.mark);
                Stripe::of(format!("{} ", item.mark.sign()), role).and(note.text.clone(), role)
            }),
            Subject::Heading(text) => Stripe::of(text, Role::Title),
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        let Some(dead) = &facts.dead else { return Vec::new() };
        match item.subject {
            Subject::Cohort(at) => dead.cohorts.get(at).map_or_else(Vec::new, |row| describe_cohort(dead, row, facts)),
            Subject::MoreLetters(at, shown) => {
                dead.cohorts.get(at).map_or_else(Vec::new, |row| list(dead, row, shown, facts))
            }
            Subject::Letter(at) => dead.letters.get(at).map_or_else(Vec::new, |row| describe_letter(dead, row, facts)),
            Subject::LetterTopic(at) => dead.topics.get(at).map_or_else(Vec::new, describe_topic),
            Subject::Fault(at) => {
                dead.faults.get(at).map_or_else(Vec::new, |fault| describe::fault(fault).into_iter().collect())
            }
            Subject::Note(at) => dead.notes.get(at).map_or_else(Vec::new, |note| vec![describe::note(note)]),
            _ => Vec::new(),
        }
    }

    fn raw(&self, facts: &Facts, item: &Item) -> Option<Vec<Stripe>> {
        let letter = letter_of(facts, item)?;
        let mut lines = vec![title(format!("bytes of record {}", letter.record.coordinate)), Stripe::default()];
        raw::record_bytes(&mut lines, &letter.record);
        Some(lines)
    }

    fn orders(&self) -> &'static [&'static str] {
        &["by cause, the most first", "newest first", "by topic"]
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        match (&facts.dead, facts.is_reading_dead) {
            (None, _) | (Some(_), true) => "waiting for Kafka",
            (Some(dead), false) if !dead.is_answered => "cannot tell: Kafka did not answer; {sources} says why",
            (Some(_), false) => "no topic holds letters, by its headers or by its name",
        }
    }
}

/// Returns the letter of an item.
pub fn letter_of<'a>(facts: &'a Facts, item: &Item) -> Option<&'a Letter> {
    let Subject::Letter(at) = item.subject else { return None };
    facts.dead.as_ref()?.letters.get(at)
}

/// Returns the state in one word.
fn state(dead: &model::Dead, is_reading: bool) -> (&'static str, Role) {
    match (is_reading, dead.is_answered, dead.is_complete(), dead.letters.is_empty()) {
        (true, ..) => ("waiting", Role::Info),
        (_, false, ..) => ("no answer", Role::Error),
        (_, _, false, _) => ("partial", Role::Warn),
        (_, _, true, true) => ("nothing found", Role::Ok),
        (_, _, true, false) => ("complete", Role::Ok),
    }
}

fn cohort_item(dead: &model::Dead, at: usize, cohort: &Cohort) -> Item {
    let mark = match (cohort.places[0] < cohort.letters.len(), cohort.unread > 0) {
        (true, true) => Mark::Error,
        (false, true) => Mark::Warn,
        (_, false) => Mark::Plain,
    };
    let newest = cohort.letters.first().map(|at| dead.letters[*at].follow());
    let key = hash(&("cohort", &cohort.cause, &cohort.origin_topic, &cohort.group));
    Item { mark, follow: newest, at: cohort.last, ..Item::of(Subject::Cohort(at), key) }
}

fn letter_item(dead: &model::Dead, at: usize) -> Item {
    let letter = &dead.letters[at];
    let mark = match letter.state(dead.at) {
        LetterState::Waiting => Mark::Wait,
        LetterState::Overdue => Mark::Warn,
        LetterState::Read => Mark::Plain,
        LetterState::Unread if letter.place == Place::Retry => Mark::Warn,
        LetterState::Unread => Mark::Error,
        LetterState::Unknown => Mark::Unknown,
    };
    let place = &letter.record.coordinate;
    let key = hash(&("letter", place.topic.as_str(), place.partition, place.offset));
    let follow = Some(letter.follow());
    Item { mark, is_attempt: true, follow, at: letter.written(), ..Item::of(Subject::Letter(at), key) }
}

fn cause(cohort: &Cohort, facts: &Facts) -> SafeText {
    match &cohort.cause {
        // Classes are no values; sentences may hold some.
        Some(cause) if cause.as_str().contains(' ') => facts.value(cause.clone()),
        Some(cause) => cause.clone(),
        None => "no cause is told".into(),
    }
}

/// The name of a class without its package, for a list.
fn short(cause: SafeText) -> SafeText {
    match cause.as_str().rsplit_once('.') {
        Some((_, class)) if !cause.as_str().contains(' ') && !class.is_empty() => SafeText::new(class),
        _ => cause,
    }
}

fn count_of(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn cohort(cohort: &Cohort, mark: Mark, facts: &Facts) -> Stripe {
    let role = role_of(mark);
    let from = cohort.origin_topic.as_ref().map_or("?", |topic| topic.as_str());
    let mut stripe = Stripe::of(format!("{} ", mark.sign()), role)
        .cell(&cohort.letters.len().to_string().into(), 5, Align::Right, role)
        .and("  ", Role::Dim)
        .and(short(cause(cohort, facts)), Role::Title)
        .and(format!("  {from}"), Role::Info);
    if let Some(group) = &cohort.group {
        stripe.push(format!(", {}", group.as_str()), Role::Info);
    }
    if cohort.origins > 0 {
        stripe.push(format!("  {}", count_of(cohort.origins, "original")), Role::Text);
    }
    if cohort.unread > 0 {
        stripe.push(format!("  {} unread", cohort.unread), role);
    }
    stripe.and(format!("  retryable: {}", cohort.retryable.word()), Role::Dim)
}

fn letter(dead: &model::Dead, letter: &Letter, mark: Mark, (facts, room): (&Facts, Room)) -> Stripe {
    let role = role_of(mark);
    let attempt = letter.attempt.map_or_else(String::new, |attempt| format!(" #{attempt}"));
    let name = (room.width / 3).clamp(16, 40);
    let mut stripe = Stripe::of("    ", Role::Dim)
        .and(letter.written().clock(&facts.zone).split('.').next().unwrap_or_default(), Role::Dim)
        .and(format!(" {} ", mark.sign()), role)
        .cell(&SafeText::new(&letter.record.coordinate.to_string()), name, Align::Left, Role::Text)
        .and(format!(" {}{attempt}", letter.state(dead.at).word()), role);
    if let Some(origin) = &letter.origin {
        stripe.push(format!("  of {origin}"), Role::Info);
    }
    if let Some(reason) = &letter.reason {
        stripe.push("  ", Role::Dim);
        stripe.push(facts.value(reason.clone()), Role::Dim);
    }
    stripe
}

fn topic(topic: &LetterTopic, mark: Mark, room: Room) -> Stripe {
    let name = (room.width / 3).clamp(16, 40);
    let mut stripe = Stripe::of(format!("{} ", mark.sign()), role_of(mark))
        .cell(&topic.topic, name, Align::Left, Role::Text)
        .and(format!(" {} letters", topic.letters), Role::Text)
        .and(format!("  {} {}", topic.place.words(), topic.known_by.words()), Role::Dim);
    if topic.older > 0 {
        stripe.push(format!("  {} older offsets not read", topic.older), Role::Unknown);
    }
    if topic.groups.is_empty() && topic.letters > 0 {
        stripe.push("  nobody reads it", Role::Warn);
    }
    stripe
}

fn describe_cohort(dead: &model::Dead, cohort: &Cohort, facts: &Facts) -> Vec<Stripe> {
    let told = |text: Option<&SafeText>| text.cloned().unwrap_or_else(|| "not told".into());
    let nameless = match cohort.without_origin {
        0 => String::new(),
        letters => format!(", and {} that name none", count_of(letters, "letter")),
    };
    let originals = format!("{}{nameless}", count_of(cohort.origins, "original"));
    let places = Place::ALL.iter().zip(cohort.places).filter(|(_, count)| *count > 0);
    let places: Vec<String> = places.map(|(place, count)| format!("{count} {}", place.words())).collect();
    let mut lines = vec![
        title(cause(cohort, facts)),
        field("letters", format!("{}: {}", cohort.letters.len(), places.join(", "))),
        field("of", originals),
        field("from", told(cohort.origin_topic.as_ref())),
        field("given up by", told(cohort.group.as_ref())),
        field("unread", cohort.unread.to_string()),
        field("attempts", attempts(cohort.attempts).unwrap_or_else(|| "not told".to_owned())),
        field("first", cohort.first.date_clock(&facts.zone)),
        field("last", cohort.last.date_clock(&facts.zone)),
        field("retryable", format!("{}: {}", cohort.retryable.word(), cohort.retryable.why())),
        Stripe::default(),
    ];
    lines.extend(list(dead, cohort, 0, facts));
    lines
}

fn list(dead: &model::Dead, cohort: &Cohort, from: usize, facts: &Facts) -> Vec<Stripe> {
    let room = Room { width: 80, lanes: false, signs: ("", "") };
    let letters = cohort.letters.iter().skip(from).take(describe::MOST);
    letters.map(|at| letter(dead, &dead.letters[*at], letter_item(dead, *at).mark, (facts, room))).collect()
}

fn describe_letter(dead: &model::Dead, letter: &Letter, facts: &Facts) -> Vec<Stripe> {
    let mut lines = vec![title(format!("letter {}", letter.record.coordinate))];
    for (name, value) in fields(letter, dead.at, &facts.zone) {
        let value = if name == "reason" { facts.value(value) } else { value };
        lines.push(field(name, value));
    }
    lines.push(field("follow", letter.follow()));
    lines.push(field("again", format!("hopscope dead show {}", letter.record.coordinate)));
    lines.push(Stripe::default());
    record::record(&letter.record, facts, &mut lines);
    lines
}

fn describe_topic(topic: &LetterTopic) -> Vec<Stripe> {
    let names = |names: &[SafeText]| names.iter().map(SafeText::as_str).collect::<Vec<_>>().join(", ");
    let families = if topic.families.is_empty() { "none met".to_owned() } else { topic.families.join(", ") };
    let by = match topic.known_by {
        KnownBy::Headers => "headers of its records tell of a failure",
        KnownBy::Name => "its name alone: no record that was read has headers that tell of a failure",
    };
    vec![
        title(topic.topic.clone()),
        field("holds", topic.place.words()),
        field("known by", by),
        field("families", families),
        field("letters", format!("{} of {} records read", topic.letters, topic.read)),
        field(
            "offsets",
            format!("{} kept in {} partitions, {} before those read", topic.kept, topic.partitions, topic.older),
        ),
        field("empty", format!("{} offsets hold no record", topic.holes)),
        field("read by", if topic.groups.is_empty() { "no group".to_owned() } else { names(&topic.groups) }),
    ]
}
