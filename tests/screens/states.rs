//! Every screen in each of its five states, and full ones in the two larger sizes, without colours and in ASCII.

use super::{Answers, Look, PLAIN, Shown, drawn};
use hopscope::tui::headless::Form;
use std::fmt::Write;

/// Keys that lead to it, name, label of the example that is followed (empty for none), and keys that lead to it when there is
/// nothing to show. Comparisons have a test of their own.
const SCREENS: [(&str, &str, &str, &str); 10] = [
    ("1", "now", "", "1/no such thing<Enter>"),
    ("2", "story", "charged twice", ":ord-none<Enter>2"),
    ("3", "trace", "charged twice", ":ord-none<Enter>3"),
    ("4", "logs", "charged twice", ":ord-none<Enter>4"),
    ("5", "queues", "poison record", "5/no such thing<Enter>"),
    ("6", "dead", "", "6/no such thing<Enter>"),
    ("7", "compare", "charged twice", "7"),
    ("mj8", "evidence", "charged twice", "8"),
    ("9", "sources", "", "9/no such thing<Enter>"),
    ("0", "help", "", "0/no such thing<Enter>"),
];

/// The states, and what the sources say in them.
const STATES: [(&str, Answers); 5] = [
    ("empty", Answers::All),
    ("waiting", Answers::NotYet),
    ("partial", Answers::NoLoki),
    ("full", Answers::All),
    ("failed", Answers::None),
];

#[test]
fn every_screen_draws_its_five_states() {
    for (keys, name, example, empty) in SCREENS {
        let mut all = String::new();
        for (state, answers) in STATES {
            let (example, keys) = if state == "empty" { ("", empty) } else { (example, keys) };
            let screen = drawn(&Shown { answers, example, keys, ..PLAIN });
            let body: Vec<&str> = screen.lines().skip(1).take(21).filter(|line| !line.trim().is_empty()).collect();
            assert!(!body.is_empty(), "{name} says nothing when it is {state}");
            writeln!(all, "== {state}\n{screen}").expect("a text");
        }
        insta::assert_snapshot!(format!("states-{name}"), all);
    }
}

/// A screen that shows nothing of a source that did not answer never says that there is nothing.
#[test]
fn silence_of_a_source_is_no_absence() {
    for (keys, answers) in [("3", Answers::None), ("4", Answers::None), ("4", Answers::NoLoki), ("5", Answers::None)] {
        let screen = drawn(&Shown { answers, example: "charged twice", keys, ..PLAIN });
        assert!(screen.contains("cannot tell: "), "{screen}");
        assert!(!screen.contains("no line names") && !screen.contains("was found"), "{screen}");
    }
}

#[test]
fn every_screen_is_legible_without_colours_in_three_sizes() {
    for (keys, name, example, _) in SCREENS {
        let mut all = String::new();
        for size in [(80, 24), (100, 30), (140, 40)] {
            let screen = drawn(&Shown { example, keys, size, look: Look::Mono, form: Form::Styles, ..PLAIN });
            assert!(screen.is_ascii(), "{name} is not ASCII:\n{screen}");
            writeln!(all, "== {}x{}\n{screen}", size.0, size.1).expect("a text");
        }
        insta::assert_snapshot!(format!("sizes-{name}"), all);
    }
}
