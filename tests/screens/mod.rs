//! Whole screens, driven by keys: what an operator sees, cell by cell.
//!
//! The world is the embedded incident at a standing clock; the cases are told by the real engine. A changed screen is
//! shown as a difference; look at it, and if it is better, take it with `INSTA_UPDATE=always`.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod behaviour;
mod dead;
mod emulator;
mod keys;
pub mod library;
mod pictures;
mod queues;
mod states;
mod tail;
mod tutorial;

use hopscope::model::SafeText;
use hopscope::model::id::recognise;
use hopscope::tui::app::{App, Start};
use hopscope::tui::evidence::Evidence;
use hopscope::tui::headless::{self, Form};
use hopscope::tui::keys::{self as written, KeyMap};
use hopscope::tui::look::{Depth, Pen, Signs, themes};
use jiff::tz::TimeZone;
use library::{Answers, Shelf, library};

/// How the console looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Dark,
    Palette,
    Mono,
}

/// The console on Now, with these keys.
fn with_keys(keys: KeyMap) -> App<Shelf> {
    let pen = Pen::new(&themes::built_in("dark").unwrap(), Depth::True, Signs::UNICODE);
    App::new(Shelf::of(Answers::All), pen, Start { keys, ..start(None) })
}

fn start(id: Option<&str>) -> Start {
    Start {
        name: SafeText::own("test"),
        zone: TimeZone::UTC,
        keys: KeyMap::default(),
        anchor: id.map(|id| recognise(id).unwrap()),
        offers: Vec::new(),
        invocation: SafeText::default(),
        evidence: (Evidence::default(), Some(SafeText::own("kept until the console is left"))),
        veil: 7,
    }
}

fn app(answers: Answers, id: Option<&str>, look: Look) -> App<Shelf> {
    let pen = match look {
        Look::Dark => Pen::new(&themes::built_in("dark").unwrap(), Depth::True, Signs::UNICODE),
        Look::Palette => Pen::new(&themes::built_in("dark").unwrap(), Depth::Palette, Signs::UNICODE),
        Look::Mono => Pen::new(&themes::built_in("mono").unwrap(), Depth::None, Signs::ASCII),
    };
    App::new(Shelf::of(answers), pen, start(id))
}

struct Shown<'a> {
    answers: Answers,
    /// Label of the example that is followed at the start; empty for none.
    example: &'a str,
    keys: &'a str,
    size: (u16, u16),
    look: Look,
    form: Form,
}

const PLAIN: Shown<'static> =
    Shown { answers: Answers::All, example: "", keys: "", size: (80, 24), look: Look::Dark, form: Form::Text };

fn check(name: &str, shown: &Shown<'_>) {
    insta::assert_snapshot!(name, drawn(shown));
}

fn drawn(shown: &Shown<'_>) -> String {
    let id = (!shown.example.is_empty()).then(|| library().example(shown.example));
    let mut app = app(shown.answers, id.as_deref(), shown.look);
    let screen = headless::play(&mut app, &written::script(shown.keys).unwrap(), shown.size, || false);
    // How many bytes a source sent depends on which of two questions at once was first.
    let bytes = regex_lite::Regex::new(r"\d+ bytes received").unwrap();
    bytes.replace_all(&headless::write(&screen, shown.form), "N bytes received").into_owned()
}

#[test]
fn now_is_shown() {
    check("now-80", &PLAIN);
    check("now-140", &Shown { size: (140, 40), ..PLAIN });
    check("now-mono", &Shown { look: Look::Mono, form: Form::Styles, ..PLAIN });
    check("now-dark", &Shown { form: Form::Styles, ..PLAIN });
    check("now-waiting", &Shown { answers: Answers::NotYet, ..PLAIN });
    check("now-partial", &Shown { answers: Answers::NoLoki, ..PLAIN });
    check("now-failed", &Shown { answers: Answers::None, ..PLAIN });
    check("now-empty", &Shown { keys: "/no such thing<Enter>", ..PLAIN });
    check("now-too-small", &Shown { size: (30, 8), ..PLAIN });
}

#[test]
fn a_story_is_shown() {
    let poison = Shown { example: "poison record", ..PLAIN };
    check("story-80", &poison);
    check("story-140", &Shown { size: (140, 40), ..poison });
    check("story-bottom-80", &Shown { keys: "G", ..poison });
    check("story-twice-100", &Shown { example: "charged twice", size: (100, 30), ..PLAIN });
    check("story-hostile-80", &Shown { example: "hostile bytes", keys: "/done<Enter>", ..PLAIN });
    check("story-dead-letter-mono", &Shown { example: "dead-lettered", look: Look::Mono, ..PLAIN });
    check("story-none", &Shown { keys: "2", ..PLAIN });
    check("story-waiting", &Shown { answers: Answers::NotYet, ..poison });
    check("story-partial", &Shown { answers: Answers::NoLoki, ..poison });
    check("story-failed", &Shown { answers: Answers::None, ..poison });
    check("story-empty", &Shown { keys: ":ord-none<Enter>", ..PLAIN });
}

#[test]
fn a_trace_is_shown() {
    let poison = Shown { example: "poison record", keys: "3", ..PLAIN };
    check("trace-80", &poison);
    check("trace-140", &Shown { size: (140, 40), ..poison });
    check("trace-unfolded-80", &Shown { keys: "3xG", ..poison });
    check("trace-mono", &Shown { look: Look::Mono, form: Form::Styles, ..poison });
    check("trace-empty", &Shown { keys: "3", ..PLAIN });
    check("trace-partial", &Shown { answers: Answers::NoLoki, ..poison });
    check("trace-failed", &Shown { answers: Answers::None, ..poison });
    check("describe-wait-80", &Shown { example: "dead-lettered", keys: "3/in the queue<Enter><Enter>", ..PLAIN });
    check("trace-charged-twice-100", &Shown { example: "charged twice", size: (100, 30), ..poison });
}

#[test]
fn logs_and_queues_are_shown() {
    let poison = Shown { example: "poison record", keys: "4", ..PLAIN };
    check("logs-80", &poison);
    check("logs-140", &Shown { size: (140, 40), ..poison });
    check("logs-mono", &Shown { example: "dead-lettered", look: Look::Mono, ..poison });
    check("logs-unfolded-80", &Shown { keys: "4x", ..poison });
    check("logs-empty", &Shown { example: "", ..poison });
    check("logs-failed", &Shown { answers: Answers::None, ..poison });
    check("logs-no-loki", &Shown { answers: Answers::NoLoki, ..poison });
    let queues = Shown { keys: "5", ..PLAIN };
    check("queues-80", &queues);
    check("queues-140", &Shown { size: (140, 40), ..queues });
    check("queues-mono", &Shown { look: Look::Mono, form: Form::Styles, ..queues });
    check("queues-partition-80", &Shown { keys: "5j<Enter>", ..PLAIN });
    check("queues-waiting", &Shown { answers: Answers::NotYet, ..queues });
    check("queues-failed", &Shown { answers: Answers::None, ..queues });
}

#[test]
fn everything_about_a_row_is_shown() {
    let poison = Shown { example: "poison record", ..PLAIN };
    check("describe-finding-80", &Shown { keys: "d", ..poison });
    check("describe-attempt-80", &Shown { example: "charged twice", keys: "a<Enter>", ..PLAIN });
    check("describe-group-80", &Shown { keys: "<Enter>", ..PLAIN });
    check("describe-record-80", &Shown { example: "dead-lettered", keys: "/copy of<Enter>G<Enter>", ..PLAIN });
}

#[test]
fn prompts_and_help_are_shown() {
    check("filter-typing-80", &Shown { example: "charged twice", keys: "/charge", ..PLAIN });
    check("filter-not-80", &Shown { example: "charged twice", keys: "/!bank<Enter>", ..PLAIN });
    check("faults-80", &Shown { example: "charged twice", keys: "!", ..PLAIN });
    check("go-80", &Shown { keys: ":ref<Tab>", ..PLAIN });
    check("go-id-80", &Shown { keys: ":orders-7@88213", ..PLAIN });
    check("help-80", &Shown { keys: "?", ..PLAIN });
    check("sources-80", &Shown { keys: "9", ..PLAIN });
    check("sources-140", &Shown { example: "healthy", keys: "9", size: (140, 40), ..PLAIN });
    check("sources-failed-80", &Shown { answers: Answers::None, keys: "9<Enter>", ..PLAIN });
}
