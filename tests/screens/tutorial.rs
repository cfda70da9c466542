//! The tutorial, played at 80x24 as it is written.

use super::library::{Answers, Shelf, library};
use super::start;
use hopscope::model::SafeText;
use hopscope::tui::app::{App, Start};
use hopscope::tui::headless::{self, Form};
use hopscope::tui::keys::script;
use hopscope::tui::look::{Depth, Pen, Signs, themes};
use hopscope::tui::stage::{Input, Stage};

/// Presses that a person makes in half a minute without haste.
const PRESSES: usize = 30;

/// The rows of the tables: section, keys, what the screen says.
fn steps(text: &str) -> Vec<(&str, String, &str)> {
    let (mut steps, mut section) = (Vec::new(), "");
    for line in text.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [keys, says, _] = cells[..]
            && let Some(says) = says.strip_prefix('`').and_then(|says| says.strip_suffix('`'))
        {
            steps.push((section, keys.trim_matches('`').to_owned(), says));
        }
    }
    steps
}

#[test]
fn the_tutorial_leads_where_it_says() {
    let steps = steps(include_str!("../../docs/tutorial.md"));
    let pen = Pen::new(&themes::built_in("dark").unwrap(), Depth::True, Signs::UNICODE);
    // As the demo offers them.
    let offer = |example: &hopscope::world::Example| {
        (SafeText::new(&example.id), SafeText::new(&format!("{}: {}", example.label, example.shows)))
    };
    let offers = library().running.examples.iter().map(offer).collect();
    let mut app = App::new(Shelf::of(Answers::All), pen, Start { offers, ..start(None) });
    app.take(Input::Resized { columns: 80, rows: 24 });
    let (mut section, mut presses) = ("", 0);
    for (of, keys, says) in &steps {
        if section != *of {
            (section, presses) = (of, 0);
        }
        for press in script(keys).unwrap() {
            app.take(Input::Key(press.event()));
            presses += 1;
        }
        let shown = headless::write(&headless::shown(&mut app, 80, 24), Form::Text);
        assert!(shown.contains(says), "{of}: `{keys}` should lead to `{says}`:\n{shown}");
        assert!(presses <= PRESSES, "{of}: {presses} presses are no half minute");
    }
    assert!(steps.len() >= 10, "{} steps were found", steps.len());
}
