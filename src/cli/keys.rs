//! `hopscope keys`: the live map, as text, JSON or Markdown. The page `docs/keys.md` is the Markdown of the built-in one.

use super::args::Arguments;
use super::exit::Exit;
use super::out::{Failure, Out};
use super::settings;
use crate::config::bindings;
use crate::export::json;
use crate::model::SafeText;
use crate::tui::keys::{KeyMap, Press, Row, presets};
use serde::Serialize;
use std::fmt::Write;

#[derive(Serialize)]
struct CommandRow<'a> {
    command: &'static str,
    keys: Vec<String>,
    does: &'static str,
    origin: &'a SafeText,
}

#[derive(Serialize)]
struct KeysReport<'a> {
    schema: &'static str,
    commands: Vec<CommandRow<'a>>,
    exit: u8,
}

/// `hopscope keys`.
pub fn run(arguments: &Arguments, out: &Out) -> Result<Exit, Failure> {
    let loaded = settings::loaded(arguments)?;
    let map = KeyMap::of(&loaded.console.keys).map_err(Failure::mistakes)?;
    let told = match arguments.form() {
        "json" => {
            let row = |row: &'_ Row| (row.entry, written(&row.presses));
            let commands = map.rows().iter().map(|line| {
                let (entry, keys) = row(line);
                CommandRow { command: entry.name, keys, does: entry.does, origin: &line.origin }
            });
            json::write(&KeysReport { schema: "hopscope/keys/1", commands: commands.collect(), exit: 0 })
        }
        "md" => markdown(&map),
        _ => text(&map),
    };
    Ok(out.data(&told, Exit::Answered))
}

fn written(presses: &[Press]) -> Vec<String> {
    presses.iter().map(ToString::to_string).collect()
}

/// One line for each command; where a binding comes from is told unless it is built in.
fn text(map: &KeyMap) -> String {
    let built_in = KeyMap::default();
    let mut text = String::new();
    for (row, default) in map.rows().iter().zip(built_in.rows()) {
        let keys = if row.presses.is_empty() { "none".to_owned() } else { written(&row.presses).join(" ") };
        let from = if row.origin == default.origin { String::new() } else { format!("  ({})", row.origin.as_str()) };
        writeln!(text, "{keys:<15} {:<17} {}{from}", row.entry.name, row.entry.does).expect("a string takes any text");
    }
    text
}

/// The map as a page, with what each preset changes.
pub fn markdown(map: &KeyMap) -> String {
    let mut text = String::from(
        "# Keys\n\nThe map of `hopscope keys -o md`. `?` in the console shows the same, with the reason where a key cannot be \
         used.\n\n| Keys | Command | Does | From |\n|---|---|---|---|\n",
    );
    let cell = |presses: &[Press]| {
        let code =
            |key: String| if key == "`" { "`` ` ``".to_owned() } else { format!("`{}`", key.replace('|', "\\|")) };
        let keys: Vec<String> = written(presses).into_iter().map(code).collect();
        if keys.is_empty() { "none".to_owned() } else { keys.join(" ") }
    };
    for row in map.rows() {
        let (entry, keys) = (row.entry, cell(&row.presses));
        writeln!(text, "| {keys} | `{}` | {} | {} |", entry.name, entry.does.replace('|', "\\|"), row.origin.as_str())
            .expect("a string takes any text");
    }
    text.push_str(
        "\n## Presets\n\n`keys = \"vim\"` above the first section of the configuration file, or `preset = \"vim\"` in its \
         `[keys]`, takes the habits of another program. What a preset does not name stays as it is above.\n\n\
         | Preset | Changes |\n|---|---|\n",
    );
    for (name, of) in presets::PRESETS {
        let bound = bindings::Bindings { commands: bindings::read(name, of).commands, preset: None };
        let live = KeyMap::of(&bound).expect("the presets of the program are right");
        let changed = live.rows().iter().filter(|row| row.origin.as_str() != "built in");
        let changed: Vec<String> = changed.map(|row| format!("{} {}", row.entry.name, cell(&row.presses))).collect();
        writeln!(text, "| `{name}` | {} |", changed.join(", ")).expect("a string takes any text");
    }
    text
}
