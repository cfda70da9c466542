//! `hopscope dead`: letters of retry topics, dead-letter topics and quarantine, and what they have in common.

use super::args::{Arguments, DeadVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, signals, verbs};
use crate::export::dead::{self, DeadDocument, LetterDocument, LetterRow};
use crate::export::queue::{Line, table};
use crate::export::report::RecordReport;
use crate::export::{Look, json};
use crate::investigate::contents;
use crate::investigate::dead::{Wanted, read_dead, read_letter};
use crate::model::ask::NoteKind;
use crate::model::{Coordinate, Dead, SafeText, SourceKind};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// `hopscope dead ...`.
pub fn run(arguments: &Arguments, verb: &DeadVerb, out: &Out) -> Result<Exit, Failure> {
    let look = settings::look(arguments)?;
    // A mistake in the arguments is told before anybody is asked.
    let place = match verb {
        DeadVerb::Show { record } => Some(Coordinate::parse(record).ok_or_else(|| {
            let fix = "write it as topic-partition@offset: orders-dlt-3@17 (hopscope dead list names them)";
            Failure::mistake("RECORD", &format!("`{record}` is no coordinate"), fix)
        })?),
        DeadVerb::List { .. } | DeadVerb::Cohorts { .. } => None,
    };
    let profile = settings::loaded(arguments)?.profile;
    let runtime = verbs::runtime()?;
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, &profile)?.only(&[SourceKind::Kafka]);
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let at = settings::now();
    let found = runtime.block_on(async {
        match (verb, &place) {
            (_, Some(place)) => read_letter(&sources, at, place, &cancel).await,
            (DeadVerb::List { topic, newest } | DeadVerb::Cohorts { topic, newest }, None) => {
                let wanted = Wanted { topic: topic.as_deref().map(Into::into), newest: *newest };
                read_dead(&sources, at, &wanted, &cancel, |_| ()).await
            }
            (DeadVerb::Show { .. }, None) => unreachable!("its coordinate was read above"),
        }
    });
    out.account(&sources);
    if !found.is_answered {
        return Err(Failure::faults(&found.faults, caught.or(Exit::of_faults(found.faults.iter()))));
    }
    Ok(match (verb, &place) {
        (DeadVerb::List { .. }, _) => {
            let rows = dead::letters(&found, &look.zone);
            write(&found, ("hopscope/letters/1", &rows), *out, |exit| caught.or(exit))
        }
        (DeadVerb::Cohorts { .. }, _) => {
            let rows = dead::cohorts(&found, &look.zone);
            write(&found, ("hopscope/cohorts/1", &rows), *out, |exit| caught.or(exit))
        }
        (DeadVerb::Show { .. }, place) => {
            let place = place.as_ref().expect("read above");
            show(&found, place, &look, *out, |exit| caught.or(exit))
        }
    })
}

fn remark(found: &Dead, out: Out) {
    for note in &found.notes {
        out.remark(note.text.as_str());
    }
    for fault in &found.faults {
        out.remark(&fault.to_string());
    }
}

fn write<R: Line + Serialize>(
    found: &Dead,
    (schema, rows): (&'static str, &[R]),
    out: Out,
    caught: impl Fn(Exit) -> Exit,
) -> Exit {
    // A topic that is not there is an answer, not a part of one.
    let complete = found.faults.is_empty()
        && found.notes.iter().all(|note| matches!(note.kind, NoteKind::Remark | NoteKind::NotFound));
    let exit = caught(match (complete, rows.is_empty()) {
        (false, _) => Exit::Partial,
        (true, true) => Exit::Nothing,
        (true, false) => Exit::Answered,
    });
    remark(found, out);
    if !out.is_json() {
        return out.write(|to| table(rows, to), exit);
    }
    let (at, topics, notes, faults) = (found.at.0, dead::topics(found), &found.notes, &found.faults);
    let document = DeadDocument { schema, at, complete, topics, rows, notes, faults, exit: exit.code() };
    out.data(&json::write(&document), exit)
}

fn show(found: &Dead, place: &Coordinate, look: &Look, out: Out, caught: impl Fn(Exit) -> Exit) -> Exit {
    let letter = found.letters.first();
    let unseen = |kind| !matches!(kind, NoteKind::Remark | NoteKind::NotFound);
    let complete = found.faults.is_empty() && !found.notes.iter().any(|note| unseen(note.kind));
    let exit = caught(match (complete, letter) {
        (false, _) => Exit::Partial,
        (true, None) => Exit::Nothing,
        (true, Some(_)) => Exit::Answered,
    });
    remark(found, out);
    if letter.is_none() && found.topics.iter().any(|topic| topic.read > 0) {
        let place = SafeText::new(&place.to_string());
        let what = "is no letter: neither its headers nor the name of its topic tell of a failure";
        out.remark(&format!("{} {what}; hopscope queue record {0} shows it", place.as_str()));
    }
    if !out.is_json() {
        let text = letter
            .map_or_else(String::new, |letter| dead::letter(letter, &contents(&letter.record), found.at, &look.zone));
        return out.data(&text, exit);
    }
    let document = LetterDocument {
        schema: "hopscope/letter/1",
        complete,
        letter: letter.map(|letter| LetterRow::of(letter, found.at, &look.zone)),
        record: letter.map(|letter| RecordReport::of(&letter.record)),
        notes: &found.notes,
        faults: &found.faults,
        exit: exit.code(),
    };
    out.data(&json::write(&document), exit)
}
