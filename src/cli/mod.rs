//! The command line: parses, calls the engine, prints, maps to exit codes. Holds no logic of its own.
//!
//! stdout is data only; progress, mistakes and requests (`-v`) go to stderr. With `-o json` stdout always holds one
//! valid document, also when there is no answer. To add a verb: a variant in `args.rs`, a function in `verbs.rs`.

pub mod args;
pub mod console;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod exit;
pub mod logs;
pub mod out;
pub mod settings;
pub mod signals;
pub mod verbs;

use args::{Arguments, Verb};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Exit;
use out::{Failure, Out};
use std::ffi::OsString;

/// Runs the program with the process's arguments and returns its exit code.
pub fn main() -> u8 {
    let raw: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&raw) {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Out::text().data(&error.render().to_string(), Exit::Answered).code();
        }
        Err(error) => {
            let out = if wants_json(&raw) { Out::json() } else { Out::text() };
            return out.failure(&Failure::usage(&error.render().to_string())).code();
        }
    };
    let out = Out::of(&arguments);
    if let (Some(id), Some(_)) = (&arguments.id, &arguments.verb) {
        let what = format!("`{id}` stands before the verb");
        return out.failure(&Failure::mistake("command line", &what, "write it behind: hopscope follow ID")).code();
    }
    if arguments.form() == "jsonl" && !matches!(arguments.verb, Some(Verb::Logs { .. })) {
        let fix = "use -o json; jsonl is for: hopscope logs";
        return out.failure(&Failure::mistake("--output", "this verb writes no JSON lines", fix)).code();
    }
    let done = match &arguments.verb {
        Some(Verb::Config { action }) => verbs::config(&arguments, *action, &out),
        Some(Verb::Demo { scenario, serve, port_base }) => {
            demo::run(&arguments, scenario, *port_base, demo::Purpose::of(*serve), &out)
        }
        Some(Verb::Doctor) => doctor::run(&arguments, &out),
        Some(Verb::Logs { action }) => logs::run(&arguments, action, &out),
        Some(Verb::Keys) => Ok(verbs::keys(&out)),
        Some(Verb::Now) => verbs::now(&arguments, &out),
        Some(Verb::Follow { id, kind }) => verbs::follow(&arguments, id, *kind, &out),
        Some(Verb::Queue { action: args::QueueVerb::Lag }) => verbs::lag(&arguments, &out),
        None => match (&arguments.id, console::is_wanted(&arguments)) {
            (_, true) => console::run(&arguments, &out),
            (Some(id), false) => verbs::follow(&arguments, id, None, &out),
            (None, false) => verbs::now(&arguments, &out),
        },
    };
    done.unwrap_or_else(|failure| out.failure(&failure)).code()
}

/// Looks for `-o json` in arguments that could not be parsed.
fn wants_json(raw: &[OsString]) -> bool {
    let texts: Vec<&str> = raw.iter().filter_map(|argument| argument.to_str()).collect();
    let joined = ["-ojson", "-o=json", "--output=json"];
    texts.iter().any(|text| joined.contains(text))
        || texts.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]))
}
