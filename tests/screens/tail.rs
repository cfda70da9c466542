//! Lines as they come: the view stays, what is new is counted.

use super::keys::press;
use super::library::{Answers, Shelf, library};
use super::{Look, app};
use hopscope::model::journey::Mark;
use hopscope::model::tail::{Tail, TailLine};
use hopscope::model::{SafeText, Timestamp};
use hopscope::tui::app::{App, Start};
use hopscope::tui::headless::{self, Form};
use hopscope::tui::look::{Depth, Pen, Signs, themes};
use hopscope::tui::stage::{Input, Stage};
use std::sync::{Arc, Mutex};

const BEGIN_NS: i64 = 1_767_260_400_000_000_000;

fn opened() -> (App<Shelf>, Arc<Mutex<Option<Tail>>>) {
    let shelf = Shelf::of(Answers::All);
    let tail = Arc::clone(&shelf.tail);
    let pen = Pen::new(&themes::built_in("dark").unwrap(), Depth::True, Signs::UNICODE);
    let app = App::new(shelf, pen, Start { ..super::start(Some(&library().example("charged twice"))) });
    (app, tail)
}

/// Lines arrive, and the bell rings.
fn arrive(app: &mut App<Shelf>, tail: &Mutex<Option<Tail>>, texts: &[(&str, Mark)]) {
    {
        let mut tail = tail.lock().unwrap();
        let tail = tail.as_mut().expect("there is a tail");
        let from = tail.came();
        let line = |(at, (text, mark)): (u64, &(&str, Mark))| TailLine {
            number: at,
            at: Timestamp(BEGIN_NS + at as i64 * 1_000_000_000),
            service: SafeText::own("orders"),
            text: SafeText::new(text),
            mark: *mark,
            follow: None,
        };
        let lines: Vec<TailLine> = (from..).zip(texts).map(line).collect();
        tail.add(lines, 30);
        tail.read_at = Some(Timestamp(BEGIN_NS));
    }
    app.take(Input::Rang);
}

fn seen(app: &mut App<Shelf>) -> String {
    headless::write(&headless::shown(app, 80, 24), Form::Text)
}

/// The rows of the list.
fn body(screen: &str) -> Vec<&str> {
    screen.lines().skip(3).take(19).collect()
}

fn plain<'a>(words: &'a [&'a str]) -> Vec<(&'a str, Mark)> {
    words.iter().map(|word| (*word, Mark::Plain)).collect()
}

const WORDS: [&str; 30] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima",
    "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "xray",
    "yankee", "zulu", "ocean", "pearl", "quartz", "ruby",
];

#[test]
fn the_view_stays_while_lines_come_and_the_new_ones_are_counted() {
    let (mut app, tail) = opened();
    assert!(press(&mut app, "T").contains("no line has come yet"));
    arrive(&mut app, &tail, &plain(&WORDS[..25]));
    let first = seen(&mut app);
    assert!(first.contains("25 lines since") && first.contains("25 new"), "six of them are below the screen: {first}");
    press(&mut app, "jj");
    let before = seen(&mut app);
    arrive(&mut app, &tail, &plain(&WORDS[25..28]));
    let after = seen(&mut app);
    assert_eq!(body(&before), body(&after), "the view did not move");
    assert!(after.contains("28 new") && after.contains(" 3 of 28"), "{after}");
    let end = press(&mut app, "G");
    assert!(end.contains("quartz") || end.contains("pearl"), "{end}");
    assert!(!seen(&mut app).contains(" new "), "all was seen");
    arrive(&mut app, &tail, &plain(&WORDS[28..30]));
    let more = seen(&mut app);
    assert!(more.contains("2 new") && !more.contains("ruby"), "{more}");
    assert!(press(&mut app, "T").contains("the tail is ended"));
    assert!(!seen(&mut app).contains("lines since"));
}

#[test]
fn lines_that_are_no_longer_kept_move_nothing_either() {
    let (mut app, tail) = opened();
    press(&mut app, "T");
    arrive(&mut app, &tail, &plain(&WORDS));
    press(&mut app, "<PgDn><PgDn>kk");
    let before = seen(&mut app);
    arrive(&mut app, &tail, &plain(&["one", "two", "three", "four"]));
    let after = seen(&mut app);
    assert_eq!(body(&before), body(&after), "four lines above were dropped");
    assert!(after.contains("4 earlier lines are no longer kept"), "{after}");
}

#[test]
fn patterns_fold_and_errors_are_reached() {
    let (mut app, tail) = opened();
    press(&mut app, "T");
    let mut lines: Vec<(String, Mark)> = (0..12).map(|at| (format!("polled {at} records"), Mark::Plain)).collect();
    lines.push(("bank timed out".to_owned(), Mark::Error));
    let lines: Vec<(&str, Mark)> = lines.iter().map(|(text, mark)| (text.as_str(), *mark)).collect();
    arrive(&mut app, &tail, &lines);
    let folded = seen(&mut app);
    assert!(folded.contains("more lines like these") && folded.contains("E 1"), "{folded}");
    assert!(press(&mut app, "ed").contains("bank timed out"));
    assert!(press(&mut app, "<Esc>x").contains("polled 7 records"), "what is folded can be unfolded");
    assert!(press(&mut app, "/polled 7<Enter>").contains("1 of 1"));
    assert!(press(&mut app, "<Esc>").contains("lines since"), "the filter is left first");
    assert!(press(&mut app, "<Esc>").contains("the tail is ended"));
}

#[test]
fn every_change_of_the_evidence_is_kept() {
    let mut app = app(Answers::All, Some(&library().example("charged twice")), Look::Dark);
    let kept = |app: &App<Shelf>| app.engine().kept.last().cloned();
    assert_eq!(kept(&app), None, "nothing was pinned");
    press(&mut app, "am");
    assert_eq!(kept(&app).map(|evidence| evidence.pins.len()), Some(1));
    press(&mut app, ":hypothesis the bank is slow<Enter>g");
    assert_eq!(kept(&app).map(|evidence| evidence.hypotheses.len()), Some(1));
    press(&mut app, "G>");
    assert_eq!(kept(&app).and_then(|evidence| evidence.pins[0].speaks), Some((0, true)));
    press(&mut app, "m");
    assert_eq!(kept(&app).map(|evidence| evidence.pins.len()), Some(0), "a pin that is taken away is gone");
}

#[test]
fn a_tail_needs_something_to_look_for() {
    let mut none = app(Answers::All, None, Look::Dark);
    assert!(press(&mut none, "T").contains("no story is open"));
    let tailed = press(&mut none, ":tail {app=\"orders\"}<Enter>");
    assert!(tailed.contains("[4 Logs]") && tailed.contains("{app=\"orders\"}"), "{tailed}");
    let wrong = press(&mut none, ":tail {app=~\".*\"}<Enter>");
    assert!(wrong.contains("write it as tail"), "{wrong}");
    assert!(!press(&mut none, ":ord-none<Enter>4").contains("lines since"), "another identity ends it");
}
