//! The console: looks, engine and terminal put together.

use super::args::Arguments;
use super::desk::{Desk, Times};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, theme, verbs};
use crate::config::{Console, Profile};
use crate::model::SafeText;
use crate::model::id::Recognised;
use crate::tui::app::{App, Start};
use crate::tui::headless::{self, Form};
use crate::tui::keys::{self, KeyMap};
use crate::tui::look::{Pen, Signs, depth};
use crate::tui::stage::Bell;
use crate::tui::terminal;
use std::sync::Arc;
use std::sync::mpsc::channel;
use tokio::runtime::Runtime;

/// Says whether the console is wanted: as a printed screen, or when no form of answer was named and the terminal can show
/// it. Elsewhere (a pipe, `TERM=dumb`) the answer is text.
pub fn is_wanted(arguments: &Arguments) -> bool {
    let fits = || terminal::check(&terminal::Settings::from_environment()).is_ok();
    arguments.print.is_some() || (arguments.output.is_none() && fits())
}

/// `hopscope [ID]` on a terminal.
pub fn run(arguments: &Arguments, out: &Out) -> Result<Exit, Failure> {
    let anchor = arguments.id.as_deref().map(|id| verbs::anchor(id, None)).transpose()?;
    let loaded = settings::loaded(arguments)?;
    of(arguments, (&loaded.profile, &loaded.console), (anchor, Vec::new()), &verbs::runtime()?, out)
}

/// The console on a profile.
pub fn of(
    arguments: &Arguments,
    (profile, console): (&Profile, &Console),
    (anchor, offers): (Option<Recognised>, Vec<(SafeText, SafeText)>),
    runtime: &Runtime,
    out: &Out,
) -> Result<Exit, Failure> {
    let _inside = runtime.enter();
    let sources = verbs::open(arguments, profile)?;
    let (pen, look) = (pen(arguments, console)?, settings::look(arguments)?);
    let keys = KeyMap::of(&console.keys).map_err(Failure::mistakes)?;
    let start = Start { name: SafeText::new(&profile.name), zone: look.zone, keys, anchor, offers };
    // Mistakes in the times are told before the screen changes; later they cannot come.
    times(arguments)?;
    let asked = arguments.clone();
    let desk = |bell: Bell| {
        let times = move || times(&asked).expect("the same arguments were right at the start");
        Desk::new(sources, runtime.handle().clone(), Box::new(times), bell)
    };
    if let Some(form) = &arguments.print {
        return print(arguments, form, |bell| App::new(desk(bell), pen, start), *out);
    }
    let settings = terminal::Settings::from_environment();
    let ended = terminal::play(&settings, |bell| App::new(desk(bell), pen, start))
        .map_err(|unfit| Failure::mistake("terminal", &unfit.to_string(), unfit.remedy()))?;
    Ok(ended.signal.map_or(Exit::Answered, Exit::of_signal))
}

/// Drives the console with keys and prints its last screen.
fn print(arguments: &Arguments, form: &str, open: impl FnOnce(Bell) -> App<Desk>, out: Out) -> Result<Exit, Failure> {
    let script = keys::script(arguments.keys.as_deref().unwrap_or_default())
        .map_err(|what| Failure::mistake("--keys", &what, "write keys as j, <Enter>, <Ctrl-d>, <lt> for <"))?;
    let form = match form {
        "styles" => Form::Styles,
        "svg" => Form::Picture,
        _ => Form::Text,
    };
    let (sender, rang) = channel();
    // A bell that nobody hears any more is of no use to anybody.
    let bell: Bell = Arc::new(move || sender.send(()).unwrap_or_default());
    let mut app = open(bell);
    // Every question has its own end, so this waits no longer than the time that the settings allow.
    let screen = headless::play(&mut app, &script, arguments.size, || rang.recv().is_ok());
    Ok(out.data(&headless::write(&screen, form), Exit::Answered))
}

fn times(arguments: &Arguments) -> Result<Times, Failure> {
    let present = settings::asked(arguments, verbs::NOW_SINCE)?;
    Ok(Times { story: settings::asked(arguments, verbs::FOLLOW_SINCE)?, present, window: settings::window(present) })
}

/// Returns how the console looks on this terminal.
fn pen(arguments: &Arguments, console: &Console) -> Result<Pen, Failure> {
    let depth = theme::depth(arguments);
    let variable = |name: &str| std::env::var(name).ok();
    let is_plain = arguments.ascii || console.ascii || !depth::shows_unicode(&variable);
    let signs = if is_plain { Signs::ASCII } else { Signs::UNICODE };
    Ok(Pen::new(&theme::choose(console, depth)?, depth, signs))
}
