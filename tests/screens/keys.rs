//! What the keys for looking, comparing and keeping do: screens, and laws.

use super::library::{Answers, Shelf, library};
use super::{Look, PLAIN, Shown, app, check};
use hopscope::config::bindings;
use hopscope::export::compare::Comparison;
use hopscope::model::SafeText;
use hopscope::model::id::recognise;
use hopscope::tui::app::App;
use hopscope::tui::command::COMMANDS;
use hopscope::tui::headless::{self, Form};
use hopscope::tui::keys::{KeyMap, presets, script};
use hopscope::tui::stage::{Input, Stage, Wish};

pub fn press(app: &mut App<Shelf>, keys: &str) -> String {
    pressed(app, keys, (80, 24))
}

pub fn pressed(app: &mut App<Shelf>, keys: &str, (columns, rows): (u16, u16)) -> String {
    app.take(Input::Resized { columns, rows });
    for press in script(keys).unwrap() {
        app.take(Input::Key(press.event()));
    }
    headless::write(&headless::shown(app, columns, rows), Form::Text)
}

fn opened(label: &str) -> App<Shelf> {
    app(Answers::All, Some(&library().example(label)), Look::Dark)
}

/// What the menu's line with this label copies.
pub fn copied(app: &mut App<Shelf>, label: &str) -> String {
    let menu = press(app, "y");
    let line = menu.lines().find(|line| line.get(2..).is_some_and(|rest| rest.trim_start().starts_with(label)));
    let digit = line.unwrap_or_else(|| panic!("{label} in {menu}")).trim_start().chars().next().unwrap();
    press(app, &digit.to_string());
    let Some(Wish::Copy(lines)) = app.wish() else { panic!("{label} is copied") };
    lines.iter().map(|line| line.as_str().to_owned()).collect::<Vec<_>>().join("\n")
}

pub fn in_three_sizes(name: &str, shown: &Shown<'_>) {
    for size in [(80, 24), (100, 30), (140, 40)] {
        check(&format!("{name}-{}", size.0), &Shown { size, ..*shown });
    }
}

#[test]
fn what_a_source_sent_is_shown() {
    in_three_sizes("raw-span", &Shown { example: "charged twice", keys: "ar", ..PLAIN });
    check("raw-line-80", &Shown { example: "poison record", keys: "4r", ..PLAIN });
    check("raw-record-80", &Shown { example: "dead-lettered", keys: "/copy of<Enter>Gr", ..PLAIN });
    let mut app = opened("charged twice");
    assert!(press(&mut app, "gr").contains("no single answer of a source"), "a finding is made from many");
    let raw = press(&mut app, "ar");
    let raw = format!("{raw}{}", press(&mut app, "G"));
    for word in ["brought by", "/api/", "\"traceID\"", "\"duration\""] {
        assert!(raw.contains(word), "{word} in {raw}");
    }
}

#[test]
fn menus_are_shown() {
    in_three_sizes("copy", &Shown { example: "charged twice", keys: "ay", ..PLAIN });
    in_three_sizes("questions", &Shown { example: "charged twice", keys: "i", ..PLAIN });
}

#[test]
fn a_question_leads_to_its_answer() {
    let mut app = opened("charged twice");
    let asked = press(&mut app, "i");
    assert!(asked.contains("Did the same effect happen twice?") && asked.contains("yes: "), "{asked}");
    let line = asked.lines().find(|line| line.contains("Did the same effect happen twice?")).unwrap();
    let digit = line.trim_start().chars().next().unwrap();
    assert!(press(&mut app, &format!("G{digit}d")).contains("R09"), "the cursor is on the finding");
    let mut none = super::app(Answers::All, None, Look::Dark);
    assert!(press(&mut none, "i").contains("no story is open"));
}

#[test]
fn what_is_copied_is_what_it_says() {
    let id = library().example("charged twice");
    let mut app = opened("charged twice");
    press(&mut app, "a");
    assert_eq!(copied(&mut app, "command").split(" --since").next(), Some(format!("hopscope follow {id}").as_str()));
    let url = copied(&mut app, "Jaeger URL");
    assert!(url.starts_with("http://127.0.0.1:PORT/trace/") && url.contains("?uiFind="), "{url}");
    assert!(copied(&mut app, "LogQL").ends_with(&format!("|= \"{id}\"")));
    assert!(copied(&mut app, "everything").lines().count() > 5);
    press(&mut app, "4");
    assert!(copied(&mut app, "command").starts_with(&format!("hopscope logs for {id}")));
    press(&mut app, "5");
    assert!(copied(&mut app, "command").starts_with("hopscope queue record "));
    press(&mut app, "1");
    assert!(copied(&mut app, "command").starts_with("hopscope now --since 2026-"));
    // Nothing is copied that would run when it is pasted into a shell.
    let mut hostile = opened("hostile bytes");
    for keys in ["g", "j", "j", "j", "G"] {
        press(&mut hostile, keys);
        assert!(!copied(&mut hostile, "row").contains(|c: char| c.is_control()));
    }
}

#[test]
fn two_stories_are_compared() {
    let (first, second) = (library().example("charged twice"), library().example("healthy"));
    let keys = format!(":{first}<Enter> :{second}<Enter> v");
    in_three_sizes("compare", &Shown { keys: &keys, ..PLAIN });
    check("compare-none", &Shown { keys: "7", ..PLAIN });
    let mut app = app(Answers::All, None, Look::Dark);
    assert!(press(&mut app, "v").contains("two identities are compared"));
    assert!(press(&mut app, &format!(":{first}<Enter> ")).contains("marked"));
    assert!(press(&mut app, " ").contains("no longer marked"));
    let shown = pressed(&mut app, &format!(" :{second}<Enter> v"), (140, 40));
    // What is marked is what stands under the cursor: the order, or the trace of its first row.
    assert!(
        shown.contains(&format!(
            "
A {first}"
        )) && shown.contains(
            "
B "
        ),
        "{shown}"
    );
    let (different, equal) = (shown.find("\ndifferent"), shown.find("\nequal in both"));
    assert!(different.is_some() && equal.is_none_or(|equal| Some(equal) > different), "differences come first");
    // A story differs from itself in nothing, and the two sides are interchangeable.
    let case = |id: &str| library().case(Answers::All, &recognise(id).unwrap());
    let (a, b) = (case(&first), case(&second));
    assert!(Comparison::of(&a, &a).lines.iter().all(|line| line.differs.is_empty()));
    let (there, back) = (Comparison::of(&a, &b), Comparison::of(&b, &a));
    let count = |found: &Comparison| found.lines.iter().filter(|line| !line.differs.is_empty()).count();
    assert!(count(&there) > 0 && count(&there) == count(&back));
    for one in &there.cohorts.differences {
        assert!(one.failing <= there.cohorts.failing && one.healthy <= there.cohorts.healthy, "{one:?}");
    }
}

#[test]
fn evidence_is_kept_and_weighed() {
    let keys = "amMsecond try was not needed<Enter>em8:hypothesis the bank answers late<Enter>j>j<lt>";
    in_three_sizes("evidence", &Shown { example: "charged twice", keys, ..PLAIN });
    check("evidence-empty", &Shown { keys: "8", ..PLAIN });
    let mut app = opened("charged twice");
    press(&mut app, "am");
    assert!(press(&mut app, "m").contains("pinned already"));
    let pinned = press(&mut app, "Mlate answer<Enter>8");
    assert!(pinned.contains("late answer") && pinned.contains("1 pins"), "{pinned}");
    assert!(press(&mut app, ">").contains("there is no hypothesis yet"));
    press(&mut app, "Hthe bank is slow<Enter>");
    assert!(press(&mut app, "G>").contains("consistent with what is pinned: 1 for, 0 against"));
    assert!(press(&mut app, "G<lt>").contains("contradicted"));
    let markdown = copied(&mut app, "all evidence");
    assert!(markdown.starts_with("# Evidence\n") && markdown.contains("hopscope follow"), "{markdown}");
    press(&mut app, "Q");
    let Some(Wish::End(lines)) = app.wish() else { panic!("Q ends") };
    assert_eq!(lines.iter().map(SafeText::as_str).collect::<Vec<_>>().join("\n"), markdown);
    assert!(press(&mut app, "Gm").contains("no longer pinned"));
}

#[test]
fn time_is_narrowed_widened_and_gone_to() {
    in_three_sizes("zoom", &Shown { example: "charged twice", keys: "3ezz", ..PLAIN });
    let rows = |screen: &str| {
        let told = screen.lines().rev().find_map(|line| line.trim_end().rsplit_once(" of ").map(|(_, rows)| rows));
        told.and_then(|rows| rows.parse::<usize>().ok()).unwrap_or_else(|| panic!("no rows in {screen}"))
    };
    let mut app = opened("poison record");
    let all = rows(&press(&mut app, "4x"));
    let half = rows(&press(&mut app, "z"));
    assert!(half < all, "{half} of {all}");
    let lines = press(&mut app, "");
    let other = press(&mut app, "2");
    let times = |screen: &str| screen.lines().rev().nth(1).unwrap().split(" to ").count();
    assert_eq!((times(&lines), times(&other)), (2, 2), "the same stretch on every lens");
    assert!(press(&mut app, "ZZZZ").contains("all of the time is shown"));
    let story = press(&mut app, "gt+5s<Enter>");
    assert!(!story.contains("is no time"), "{story}");
    assert!(press(&mut app, "tnoon<Enter>").contains("`noon` is no time"));
    assert!(press(&mut app, "t23:59:59<Enter>").contains("no row here is as late"));
    assert!(press(&mut app, "1z").contains("no times"));
}

#[test]
fn a_change_of_the_view_is_taken_back() {
    let mut app = opened("charged twice");
    let before = pressed(&mut app, "", (140, 40));
    for keys in ["!", "x", "z", "+", "_", "/bank<Enter>", "p"] {
        pressed(&mut app, keys, (140, 40));
        let after = pressed(&mut app, "u", (140, 40));
        assert!(after.contains("taken back"), "{keys}: {after}");
        let rows = |screen: &str| screen.lines().take(37).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rows(&after), rows(&before), "{keys} and u");
    }
    assert!(press(&mut app, "u").contains("as it was at the start"));
}

#[test]
fn rows_are_shown_in_another_order() {
    let mut app = opened("poison record");
    let clock = |screen: &str| screen.lines().nth(3).unwrap().split(' ').next().unwrap().to_owned();
    let first = clock(&press(&mut app, "4g"));
    let newest = press(&mut app, "sg");
    assert!(newest.contains("newest first") && clock(&newest) > first, "{newest}");
    assert!(press(&mut app, "sss").contains("order: "));
    assert!(press(&mut app, "1s").contains("have one order"));
}

#[test]
fn what_is_frozen_stays_until_it_goes_on() {
    let mut app = opened("charged twice");
    let before = press(&mut app, "<Ctrl-f>");
    assert!(before.contains(" frozen "));
    app.take(Input::Rang);
    assert!(press(&mut app, "f").contains("the screen is frozen: Ctrl-f goes on"));
    assert!(!press(&mut app, "<Ctrl-f>").contains(" frozen "));
}

#[test]
fn hidden_values_are_on_no_screen() {
    for label in ["charged twice", "dead-lettered", "poison record"] {
        let id = library().example(label);
        let mut app = opened(label);
        for keys in ["p", "d", "<Esc>3", "d", "<Esc>4", "d", "<Esc>r", "<Esc>2G", "<Enter>"] {
            let shown = pressed(&mut app, keys, (140, 40));
            assert!(!shown.contains(&id), "{keys} shows {id}: {shown}");
        }
    }
    in_three_sizes("hidden", &Shown { example: "charged twice", keys: "pa", ..PLAIN });
}

#[test]
fn panes_are_made_larger_and_smaller() {
    let edge = |screen: &str| screen.lines().nth(6).unwrap().chars().position(|c| c == '│');
    let mut app = opened("charged twice");
    let usual = edge(&pressed(&mut app, "", (140, 40)));
    let larger = edge(&pressed(&mut app, "+", (140, 40)));
    assert!(larger < usual && larger.is_some());
    assert_eq!(edge(&pressed(&mut app, "___", (140, 40))), None, "the list alone");
    assert!(press(&mut app, "+").contains("from 100 columns on"));
}

#[test]
fn a_link_that_is_not_there_is_said() {
    let mut app = opened("charged twice");
    assert!(press(&mut app, "gL").contains("this row is no span"));
    assert!(press(&mut app, "aL").contains("no link leads from this span"), "{}", press(&mut app, ""));
}

#[test]
fn every_preset_drives_the_console_and_its_texts_name_its_keys() {
    let empty = regex_lite::Regex::new(r"\{[a-z-]+\}").unwrap();
    for (name, text) in presets::PRESETS {
        let keys = KeyMap::of(&bindings::read(name, text)).unwrap();
        for entry in COMMANDS {
            if let Some(press) = keys.presses(entry.command).next() {
                let mut app = super::with_keys(keys.clone());
                app.take(Input::Key(press.event()));
                let shown = headless::write(&headless::shown(&mut app, 80, 24), Form::Text);
                assert!(!shown.contains("has no meaning"), "{name}: {press}");
                assert!(!empty.is_match(&shown), "{name}: {press} leaves a place for a key empty: {shown}");
            }
        }
    }
}
