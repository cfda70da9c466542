//! The command line: parses, calls the engine, prints, maps to exit codes. Holds no logic of its own.
//!
//! stdout is data only; progress, mistakes and requests (`-v`) go to stderr. With `-o json` stdout always holds one
//! valid document, also when there is no answer. To add a verb: a variant in `args.rs`, a function in `verbs.rs`.

pub mod args;
pub mod console;
pub mod dead;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod evidence;
pub mod exit;
mod file;
pub mod keys;
pub mod logs;
pub mod out;
pub mod profiles;
pub mod queue;
pub mod settings;
pub mod signals;
pub mod theme;
pub mod trace;
pub mod verbs;

use args::{Arguments, Verb};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Exit;
use out::{Failure, Out};
use std::ffi::OsString;

/// Runs the program with the process's arguments and returns its exit code.
pub fn main() -> u8 {
    keep_memory_private();
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
    if arguments.form() == "md" && !matches!(arguments.verb, Some(Verb::Keys)) {
        let fix = "use -o json or -o text; md is for: hopscope keys";
        return out.failure(&Failure::mistake("--output", "this verb writes no Markdown", fix)).code();
    }
    let done = match &arguments.verb {
        Some(Verb::Config { action, file }) => profiles::config(&arguments, *action, file.as_deref(), &out),
        Some(Verb::Theme { action }) => theme::run(&arguments, action, &out),
        Some(Verb::Profile { action }) => profiles::profile(&arguments, action, &out),
        Some(Verb::Demo { scenario, serve, port_base }) => {
            demo::run(&arguments, scenario, *port_base, demo::Purpose::of(*serve), &out)
        }
        Some(Verb::Doctor) => doctor::run(&arguments, &out),
        Some(Verb::Logs { action }) => logs::run(&arguments, action, &out),
        Some(Verb::Dead { action }) => dead::run(&arguments, action, &out),
        Some(Verb::Trace { action }) => trace::run(&arguments, action, &out),
        Some(Verb::Keys) => keys::run(&arguments, &out),
        Some(Verb::Now) => verbs::now(&arguments, &out),
        Some(Verb::Follow { id, kind, why }) => verbs::follow(&arguments, id, *kind, *why, &out),
        Some(Verb::Queue { action }) => queue::run(&arguments, action, &out),
        None => match (&arguments.id, console::is_wanted(&arguments)) {
            (_, true) => console::run(&arguments, &out),
            (Some(id), false) => verbs::follow(&arguments, id, None, false, &out),
            (None, false) => verbs::now(&arguments, &out),
        },
    };
    done.unwrap_or_else(|failure| out.failure(&failure)).code()
}

/// Sees to it that secrets stay in this process: no core dump is written, and no other process of the user may look into its
/// memory. Where the system does not allow that, the program works all the same.
fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// Looks for `-o json` in arguments that could not be parsed.
fn wants_json(raw: &[OsString]) -> bool {
    let texts: Vec<&str> = raw.iter().filter_map(|argument| argument.to_str()).collect();
    let joined = ["-ojson", "-o=json", "--output=json"];
    texts.iter().any(|text| joined.contains(text))
        || texts.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]))
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn no_core_dump_is_written_and_nobody_looks_into_the_memory() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        super::keep_memory_private();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
