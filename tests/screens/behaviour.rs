//! What keys do, as laws.

use super::library::{Answers, Shelf, library};
use super::{Look, app};
use hopscope::model::SafeText;
use hopscope::tui::app::App;
use hopscope::tui::command::COMMANDS;
use hopscope::tui::headless::{self, Form};
use hopscope::tui::keys::{Press, script};
use hopscope::tui::stage::{Input, Stage, Wish};
use hopscope::tui::terminal::encode::Encoder;
use proptest::prelude::*;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

fn press(app: &mut App<Shelf>, keys: &str) -> String {
    for press in script(keys).expect("a script") {
        app.take(Input::Key(press.event()));
    }
    headless::write(&headless::shown(app, 80, 24), Form::Text)
}

fn opened(label: &str) -> App<Shelf> {
    app(Answers::All, Some(&library().example(label)), Look::Dark)
}

#[test]
fn a_step_back_never_loses_what_was_typed() {
    let mut app = opened("charged twice");
    assert!(press(&mut app, "/bank").contains("/bank"));
    press(&mut app, "<Esc>");
    assert!(press(&mut app, "/").contains("/bank"), "the filter's text is back");
    press(&mut app, "<Esc>:ord-");
    press(&mut app, "<Esc>");
    assert!(press(&mut app, ":").contains(":ord-"), "the prompt's text is back");
}

#[test]
fn q_goes_back_and_quits_from_the_first_screen() {
    let mut app = opened("charged twice");
    press(&mut app, "d");
    for (screen, step) in [("[2 Story]", "the detail is left"), ("[1 Now]", "the story is left")] {
        assert!(press(&mut app, "q").contains(screen), "{step}");
        assert_eq!(app.wish(), None);
    }
    press(&mut app, "q");
    assert_eq!(app.wish(), Some(Wish::End(Vec::new())));
}

#[test]
fn ctrl_c_cancels_first_and_quits_the_second_time() {
    let mut waiting = app(Answers::NotYet, None, Look::Dark);
    assert!(press(&mut waiting, "<Ctrl-c>").contains("cancelled"));
    assert_eq!(waiting.wish(), None);
    press(&mut waiting, "<Ctrl-c>");
    assert_eq!(waiting.wish(), Some(Wish::End(Vec::new())));
    let mut idle = app(Answers::All, None, Look::Dark);
    press(&mut idle, "<Ctrl-c>j<Ctrl-c>");
    assert_eq!(idle.wish(), None, "another key in between calls it off");
}

#[test]
fn the_screen_can_be_left_behind_as_text() {
    let mut app = app(Answers::All, None, Look::Dark);
    press(&mut app, "Q");
    let Some(Wish::End(lines)) = app.wish() else { panic!("Q ends") };
    assert!(lines.iter().any(|line| line.as_str().contains("consumer groups")), "{lines:?}");
}

#[test]
fn what_is_folded_can_be_searched_and_unfolded() {
    /// The number of rows, as the bottom line tells it.
    fn rows(screen: &str) -> usize {
        let told = screen.lines().rev().find_map(|line| line.trim_end().rsplit_once(" of ").map(|(_, rows)| rows));
        told.and_then(|rows| rows.parse().ok()).unwrap_or_else(|| panic!("no rows in {screen}"))
    }
    let mut app = opened("poison record");
    let folded = rows(&press(&mut app, ""));
    assert!(folded < 60, "359 deliveries are folded to {folded} rows");
    let found = press(&mut app, "/delivery 200 of<Enter>");
    assert!(found.contains("delivery 200 of") && found.contains("1 of 1"), "{found}");
    assert_eq!(rows(&press(&mut app, "<Esc>")), folded);
    assert!(rows(&press(&mut app, "x")) > 359);
    assert_eq!(rows(&press(&mut app, "x")), folded);
}

#[test]
fn the_selection_stays_on_its_span_when_the_lens_changes() {
    let mut app = opened("charged twice");
    press(&mut app, "ae");
    let story = press(&mut app, "d");
    let id = story.lines().find(|line| line.starts_with("span  ")).map(str::to_owned);
    let trace = press(&mut app, "<Esc>3d");
    assert!(id.is_some_and(|id| trace.contains(id.trim())), "{story}\n{trace}");
    let again = press(&mut app, "<Esc>2d");
    assert_eq!(again.lines().nth(4), story.lines().nth(4));
}

#[test]
fn history_goes_back_to_the_story_before() {
    let (first, second) = (library().example("charged twice"), library().example("dead-lettered"));
    let mut app = opened("charged twice");
    assert!(press(&mut app, &format!(":{second}<Enter>")).contains(&second));
    let back = press(&mut app, "[");
    assert!(back.contains(&first) && !back.contains(&second), "{back}");
    assert!(press(&mut app, "]").contains(&second));
    assert!(press(&mut app, "[[").contains("[1 Now]"));
    assert!(press(&mut app, "-").contains("[2 Story]"), "the screen before");
}

#[test]
fn the_cursor_follows_what_is_under_it() {
    let mut app = opened("poison record");
    let row = press(&mut app, "a");
    assert!(row.contains("[2 Story]"));
    let after = press(&mut app, "f");
    assert!(after.contains("[2 Story]"), "{after}");
    let mut app = super::app(Answers::All, None, Look::Dark);
    assert!(press(&mut app, "gf").contains("no identity under the cursor"), "a lamp cannot be followed");
}

#[test]
fn a_paste_is_text_and_never_keys() {
    let mut app = app(Answers::All, None, Look::Dark);
    app.take(Input::Paste("q\nq\x1b:quit\n".into()));
    let shown = headless::write(&headless::shown(&mut app, 80, 24), Form::Text);
    assert!(shown.contains(":qq:quit"), "{shown}");
    assert_eq!(app.wish(), None);
}

#[test]
fn jumps_land_on_what_they_name() {
    for (keys, label, said) in
        [("e", "dead-lettered", "failed"), ("w", "charged twice", "Timeout"), ("a", "poison record", "POST orders")]
    {
        let mut app = opened(label);
        assert!(press(&mut app, &format!("g{keys}d")).contains(said), "{keys} of {label}");
    }
    let mut calm = opened("healthy");
    assert!(press(&mut calm, "ge").contains("no error below"));
}

#[test]
fn every_command_has_a_key_that_reaches_it_and_a_line_of_help() {
    let mut app = app(Answers::All, None, Look::Dark);
    press(&mut app, "?");
    let help = headless::write(&headless::shown(&mut app, 100, 90), Form::Text);
    for entry in COMMANDS {
        assert!(help.contains(entry.name), "{} is not in the help", entry.name);
    }
}

/// Bytes that reach the terminal for each key, at the sizes that are used over slow links: every screen is entered, moved in,
/// opened, left and gone back to.
#[test]
fn bytes_over_a_slow_link_are_bounded() {
    const SCREENS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
    let mut over = Vec::new();
    for label in ["poison record", "charged twice", "hostile bytes"] {
        let id = library().example(label);
        let mut app = app(Answers::All, Some(&id), Look::Palette);
        let area = Rect::new(0, 0, 80, 24);
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let mut terminal = Terminal::with_options(Encoder::new(80, 24), options).unwrap();
        let mut sent = |app: &mut App<Shelf>, keys: &str| {
            for press in script(keys).unwrap() {
                app.take(Input::Key(press.event()));
            }
            terminal.draw(|frame| app.draw(frame)).unwrap();
            terminal.backend_mut().take().len()
        };
        let first = sent(&mut app, "");
        assert!(first <= 3_500, "the first frame takes {first} bytes");
        assert!(!app.needs_drawing(), "nothing changed, so nothing is drawn");
        for screen in SCREENS {
            for key in [
                "<Esc>", screen, "j", "k", "j", "<PgDn>", "d", "<Esc>", "G", "g", "x", "x", "s", "p", "p", "!", "<Esc>",
            ] {
                let bytes = sent(&mut app, key);
                let budget = if matches!(key, "j" | "k") { 300 } else { 2_500 };
                if bytes > budget {
                    over.push(format!("{label}, screen {screen}: {key} takes {bytes} bytes of {budget}"));
                }
            }
        }
        for keys in [
            "2",
            "T",
            "T",
            "<Esc>",
            "2",
            "y",
            "<Esc>",
            "i",
            "<Esc>",
            "z",
            "z",
            "Z",
            "/b",
            "<Enter>",
            "<Esc>",
            ":",
            "<Esc>",
            "5",
            "G",
            "d",
            "t+1<Enter>",
            "<Esc>",
        ] {
            let bytes = sent(&mut app, keys);
            if bytes > 2_500 {
                over.push(format!("{label}: {keys} takes {bytes} bytes of 2500"));
            }
        }
    }
    assert!(over.is_empty(), "\n{}", over.join("\n"));
}

fn any_press() -> impl Strategy<Value = Press> {
    let keys: Vec<Press> = COMMANDS
        .iter()
        .flat_map(|entry| entry.keys)
        .map(|key| Press::parse(key).expect("the table names keys"))
        .chain(script("x!~<Tab><Backspace><Left>").expect("a script"))
        .collect();
    proptest::sample::select(keys)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_keys_at_any_size_keep_the_console_alive(
        presses in proptest::collection::vec(any_press(), 0..40),
        sizes in proptest::collection::vec((1u16..180, 1u16..60), 1..4),
        label in proptest::sample::select(vec!["poison record", "hostile bytes", "dead-lettered"]),
    ) {
        let mut app = opened(label);
        for (at, press) in presses.iter().enumerate() {
            let (columns, rows) = sizes[at % sizes.len()];
            app.take(Input::Resized { columns, rows });
            app.take(Input::Key(press.event()));
            let screen = headless::shown(&mut app, columns, rows);
            for cell in &screen.content {
                let safe = SafeText::new(cell.symbol());
                prop_assert_eq!(safe.as_str(), cell.symbol(), "a cell holds what a terminal would obey");
            }
        }
    }
}

#[test]
fn an_unknown_id_is_an_answer_and_no_fault() {
    let anchor = hopscope::model::id::recognise("ord-none").expect("an id");
    let case = library().case(Answers::All, &anchor);
    assert!(!case.is_found() && case.is_complete(), "{:?}: {:?}", case.progress, case.ledger);
    assert_eq!(hopscope::cli::exit::Exit::of_case(&case).code(), 1);
}
