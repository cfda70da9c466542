//! The screen of letters: what it shows, and what its keys do.

use super::keys::{copied, in_three_sizes, press};
use super::library::{Answers, library};
use super::{Look, PLAIN, Shown, app, check};
use hopscope::model::dead::Place;
use hopscope::tui::headless::Form;

#[test]
fn letters_are_shown() {
    let dead = Shown { keys: "6", ..PLAIN };
    in_three_sizes("dead", &dead);
    in_three_sizes("dead-letter", &Shown { keys: "6j<Enter>", ..dead });
    check("dead-cohort-80", &Shown { keys: "6g<Enter>", ..dead });
    check("dead-topic-80", &Shown { keys: "6G<Enter>", ..dead });
    check("dead-mono", &Shown { look: Look::Mono, form: Form::Styles, ..dead });
    check("dead-waiting", &Shown { answers: Answers::NotYet, ..dead });
    check("dead-failed", &Shown { answers: Answers::None, ..dead });
    check("dead-hidden-80", &Shown { keys: "6p", ..dead });
}

#[test]
fn f_follows_the_original_of_a_letter() {
    let dead = library().dead(Answers::All);
    let letter = dead.letters.iter().find(|letter| letter.place == Place::DeadLetter).expect("the demo has some");
    let (at, origin) =
        (letter.record.coordinate.to_string(), letter.origin.as_ref().expect("it names one").to_string());
    let mut app = app(Answers::All, None, Look::Dark);
    let found = press(&mut app, &format!("6/{at}<Enter>"));
    assert!(found.contains("1 of 1") && found.contains(&at), "{found}");
    assert_eq!(copied(&mut app, "id"), origin);
    assert_eq!(copied(&mut app, "command"), format!("hopscope dead show {at}"));
    let story = press(&mut app, "f");
    assert!(story.contains("[2 Story]") && story.contains(&origin), "{story}");
    let back = press(&mut app, "[");
    assert!(back.contains("[6 Dead]") && back.contains(&at), "{back}");
}

#[test]
fn letters_of_a_cause_are_folded_searched_and_sorted() {
    let rows = |screen: &str| -> usize {
        let told = screen.lines().rev().find_map(|line| line.trim_end().rsplit_once(" of ").map(|(_, rows)| rows));
        told.and_then(|rows| rows.parse().ok()).unwrap_or_else(|| panic!("no rows in {screen}"))
    };
    let dead = library().dead(Answers::All);
    let mut app = app(Answers::All, None, Look::Dark);
    let folded = rows(&press(&mut app, "6"));
    let unfolded = rows(&press(&mut app, "x"));
    assert!(folded < unfolded && unfolded >= dead.letters.len(), "{folded} and {unfolded}");
    press(&mut app, "x");
    let last = dead.letters.last().expect("the demo has some").record.coordinate.to_string();
    assert!(press(&mut app, &format!("/{last}<Enter>")).contains(&last), "what is folded can be found");
    assert!(press(&mut app, "<Esc>s").contains("order: newest first"));
    let newest = press(&mut app, "g");
    let first = dead.letters.first().expect("the demo has some").record.coordinate.to_string();
    assert!(newest.contains(&first), "{newest}");
}

#[test]
fn letters_are_read_when_they_are_looked_at_and_not_before() {
    let mut app = app(Answers::All, None, Look::Dark);
    assert!(press(&mut app, "9").contains("requests"), "no letters yet");
    let read = press(&mut app, "6");
    assert!(read.contains("complete") && read.contains("letters"), "{read}");
    assert!(press(&mut app, "R").contains("reading letters again"));
}
