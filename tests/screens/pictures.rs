//! Pictures of every screen in the documentation, drawn by the console itself. `HOPSCOPE_PICTURES=draw` draws them anew.

use super::library::{Answers, library};
use super::{Look, app};
use hopscope::tui::headless::{self, Form};
use hopscope::tui::keys::script;
use std::fs;
use std::path::Path;

/// Name, label of the example that is followed (empty for none), keys.
const PICTURES: [(&str, &str, &str); 11] = [
    ("now", "", ""),
    ("story", "charged twice", ""),
    ("trace", "charged twice", "3"),
    ("logs", "charged twice", "4"),
    ("queues", "", "5"),
    ("dead", "", "6"),
    ("letter", "", "6j<Enter>"),
    ("evidence", "charged twice", "mjjm8"),
    ("sources", "", "9"),
    ("help", "", "?"),
    ("questions", "charged twice", "i"),
];

#[test]
fn pictures_show_the_screens_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let draws = std::env::var_os("HOPSCOPE_PICTURES").is_some();
    let page = fs::read_to_string(folder.with_file_name("console.md")).unwrap();
    let bytes = regex_lite::Regex::new(r"\d+ bytes received").unwrap();
    for (name, label, keys) in PICTURES {
        let id = (!label.is_empty()).then(|| library().example(label));
        let mut app = app(Answers::All, id.as_deref(), Look::Dark);
        let screen = headless::play(&mut app, &script(keys).unwrap(), (100, 30), || false);
        let picture = bytes.replace_all(&headless::write(&screen, Form::Picture), "N bytes received").into_owned();
        let file = folder.join(format!("{name}.svg"));
        if draws {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &picture).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == picture, "{name}.svg shows another screen; HOPSCOPE_PICTURES=draw draws it anew");
        assert!(page.contains(&format!("(pictures/{name}.svg)")), "no page shows {name}.svg");
    }
}
