//! The console: looks, engine and terminal put together.

use super::args::{Arguments, Verb};
use super::desk::{Desk, Times};
use super::evidence::{self, Keeper};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, theme, verbs};
use crate::config::{Console, HttpEndpoint, KafkaEndpoint, Profile};
use crate::model::id::Recognised;
use crate::model::{SafeText, SourceKind};
use crate::tui::app::{App, Start, quoted};
use crate::tui::evidence::Evidence;
use crate::tui::headless::{self, Form};
use crate::tui::keys::{self, KeyMap};
use crate::tui::look::{Pen, Signs, depth};
use crate::tui::stage::Bell;
use crate::tui::terminal::{self, Clipboard};
use etcetera::BaseStrategy;
use std::hash::{BuildHasher, RandomState};
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
    let start = Start {
        name: SafeText::new(&profile.name),
        zone: look.zone,
        keys,
        anchor,
        offers,
        invocation: SafeText::new(&invocation(arguments, profile)),
        evidence: (Evidence::default(), None),
        veil: RandomState::new().hash_one(()),
    };
    // Mistakes in the times are told before the screen changes; later they cannot come.
    times(arguments)?;
    let (evidence, keeper) = kept(arguments, profile);
    let (keeper, why_not) = match keeper {
        Ok(keeper) => (Some(keeper), None),
        Err(why) => (None, Some(SafeText::from(why))),
    };
    let start = Start { evidence: (evidence, why_not), ..start };
    let asked = arguments.clone();
    let desk = |bell: Bell| {
        let times = move || times(&asked).expect("the same arguments were right at the start");
        Desk::new(sources, runtime.handle().clone(), Box::new(times), bell).keeping(keeper)
    };
    if let Some(form) = &arguments.print {
        return print(arguments, form, |bell| App::new(desk(bell), pen, start), *out);
    }
    let clipboard = Clipboard::of(console.clipboard.as_deref(), |name| std::env::var(name).ok());
    let settings = terminal::Settings { clipboard, ..terminal::Settings::from_environment() };
    let ended = terminal::play(&settings, |bell| App::new(desk(bell), pen, start))
        .map_err(|unfit| Failure::mistake("terminal", &unfit.to_string(), unfit.remedy()))?;
    Ok(ended.signal.map_or(Exit::Answered, Exit::of_signal))
}

/// Opens what was pinned before. Neither a demo nor a printed screen keeps anything.
fn kept(arguments: &Arguments, profile: &Profile) -> (Evidence, Result<Keeper, String>) {
    let nothing = |why: &str| (Evidence::default(), Err(why.to_owned()));
    if arguments.print.is_some() || matches!(arguments.verb, Some(Verb::Demo { .. })) {
        return nothing("kept until the console is left");
    }
    match etcetera::choose_base_strategy().ok().and_then(|base| base.state_dir()) {
        Some(state) => evidence::open_at(&evidence::place(&state, &profile.name)),
        None => nothing("there is no home folder; pins end with this console"),
    }
}

/// Returns what a command needs to ask the same sources: the flags that were given, or the addresses of a world in this process.
fn invocation(arguments: &Arguments, profile: &Profile) -> String {
    let mut words: Vec<(&str, String)> = Vec::new();
    let mut add = |flag, value: Option<String>| words.extend(value.map(|value| (flag, value)));
    if matches!(arguments.verb, Some(Verb::Demo { .. })) {
        let url = |endpoint: &Option<HttpEndpoint>| endpoint.as_ref().map(|endpoint| endpoint.url.to_string());
        let brokers = |kafka: &KafkaEndpoint| {
            kafka.bootstrap.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
        };
        add("--jaeger", url(&profile.jaeger));
        add("--tempo", url(&profile.tempo));
        add("--loki", url(&profile.loki));
        add("--kafka", profile.kafka.as_ref().map(brokers));
    } else {
        add("--config", arguments.config.as_ref().map(|path| path.display().to_string()));
        add("--profile", arguments.profile.clone());
        add("--jaeger", arguments.jaeger.clone());
        add("--tempo", arguments.tempo.clone());
        add("--loki", arguments.loki.clone());
        add("--grafana", arguments.grafana.clone());
        add("--kafka", arguments.kafka.clone());
        add("--kafka-rest", arguments.kafka_rest.clone());
        add("--kafka-config", arguments.kafka_config.clone());
    }
    let sources: Vec<&str> = arguments.source.iter().map(|source| SourceKind::from(*source).name()).collect();
    add("--source", (!sources.is_empty()).then(|| sources.join(",")));
    add("--budget", (!arguments.budget.is_empty()).then(|| arguments.budget.join(",")));
    add("--timeout", arguments.timeout.clone());
    add("--tz", arguments.tz.clone());
    words.iter().flat_map(|(flag, value)| [" ".to_owned(), (*flag).to_owned(), " ".to_owned(), quoted(value)]).collect()
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
