//! Arguments and host to settings: the file that is read, the zone, the time that is searched.

use super::args::Arguments;
use super::file;
use super::out::Failure;
use crate::config::{Layers, Loaded, Mistake, bindings, keys, load};
use crate::export::Look;
use crate::investigate::follow::Asked;
use crate::model::{Nanos, SourceKind, Timestamp, Window};
use crate::tui::keys::KeyMap;
use etcetera::BaseStrategy;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Loads the settings of this run, or all mistakes.
pub fn loaded(arguments: &Arguments) -> Result<Loaded, Failure> {
    read(arguments)?.map_err(Failure::mistakes)
}

/// Loads the settings; the inner error holds what is wrong with them, the outer one why they cannot be read.
pub fn read(arguments: &Arguments) -> Result<Result<Loaded, Vec<Mistake>>, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let file = read_file(arguments)?;
    let flag = |flag, name, value: &Option<String>| value.clone().map(|value| (flag, name, value));
    let flags = [
        flag("--profile", "default_profile", &arguments.profile),
        flag("--jaeger", "jaeger.url", &arguments.jaeger),
        flag("--tempo", "tempo.url", &arguments.tempo),
        flag("--loki", "loki.url", &arguments.loki),
        flag("--grafana", "grafana.url", &arguments.grafana),
        flag("--kafka", "kafka.bootstrap", &arguments.kafka),
        flag("--kafka-rest", "kafka_rest.url", &arguments.kafka_rest),
        flag("--kafka-config", "kafka.properties_file", &arguments.kafka_config),
        flag("--timeout", "limits.timeout", &arguments.timeout),
        flag("--theme", "theme", &arguments.theme),
    ];
    let flags = flags.into_iter().flatten().collect();
    let layers =
        Layers { file: file.as_ref().map(|(path, text)| (path.as_str(), text.as_str())), variable: &variable, flags };
    // What the file says about keys is judged together with the rest.
    let bound = layers.file.map_or_else(Default::default, |(path, text)| bindings::read(path, text));
    let loaded = match (load(&layers), KeyMap::of(&bound)) {
        (Err(mut mistakes), Err(more)) => {
            mistakes.extend(more);
            Err(mistakes)
        }
        (Ok(_), Err(mistakes)) | (Err(mistakes), Ok(_)) => Err(mistakes),
        (Ok(loaded), Ok(_)) => Ok(loaded),
    };
    Ok(loaded.and_then(|mut loaded| {
        let mistakes: Vec<Mistake> =
            arguments.budget.iter().filter_map(|part| loaded.limit("--budget", part).err()).collect();
        if mistakes.is_empty() { Ok(loaded) } else { Err(mistakes) }
    }))
}

/// Returns the file that is read, and what names it; the user's own has no name.
pub fn file(arguments: &Arguments) -> Option<(PathBuf, Option<&'static str>)> {
    if let Some(path) = &arguments.config {
        return Some((path.clone(), Some("--config")));
    }
    if let Some(path) = std::env::var_os("HOPSCOPE_CONFIG").filter(|path| !path.is_empty()) {
        return Some((PathBuf::from(path), Some("environment HOPSCOPE_CONFIG")));
    }
    let base = etcetera::choose_base_strategy().ok()?;
    Some((base.config_dir().join("hopscope").join("config.toml"), None))
}

/// The file named by flag or environment must be there; the user's own may be missing.
pub fn read_file(arguments: &Arguments) -> Result<Option<(String, String)>, Failure> {
    let Some((path, named)) = file(arguments) else { return Ok(None) };
    let error = match file::text(&path, file::WAIT) {
        Ok(text) => return Ok(Some((path.display().to_string(), text))),
        Err(error) => error,
    };
    match named {
        Some(place) => {
            let what = format!("cannot read {}: {error}", path.display());
            Err(Failure::mistake(place, &what, "check the path, or leave it out to use the user's own file"))
        }
        None if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        None => Err(Failure::mistake(
            &path.display().to_string(),
            &format!("cannot read it: {error}"),
            "make it readable, or name another one with --config",
        )),
    }
}

/// Returns the layout of text.
pub fn look(arguments: &Arguments) -> Result<Look, Failure> {
    use std::io::IsTerminal;
    let zone = match &arguments.tz {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| {
            Failure::mistake("--tz", &format!("there is no time zone `{name}`"), "write it as Europe/Berlin or UTC")
        })?,
    };
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let screen = || crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns));
    // A pipe has no width: 80 cells would cut ids that a script looks for.
    let width = if std::io::stdout().is_terminal() {
        screen().filter(|width| *width > 0).unwrap_or(80)
    } else {
        columns().unwrap_or(160)
    };
    Ok(Look { width: width.clamp(40, 400), zone, why: false })
}

/// Returns the time of the question; `since` is what is searched when the arguments do not say.
pub fn asked(arguments: &Arguments, since: Nanos) -> Result<Asked, Failure> {
    let at = now();
    let mut mistakes = Vec::new();
    let mut instant = |flag: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        let read = keys::duration(text)
            .map(|ago| at.plus(Nanos(-(ago.as_nanos() as i64))))
            .or_else(|| text.parse::<jiff::Timestamp>().ok().map(|found| Timestamp(found.as_nanosecond() as i64)));
        if read.is_none() {
            let what = format!("`{text}` is neither a duration nor an instant");
            mistakes.push(Mistake::new(flag, &what, "write it as 30m, 2h, 1d or 2026-05-04T13:00:00Z"));
        }
        read
    };
    let (from, until) = (instant("--since", &arguments.since), instant("--until", &arguments.until));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        mistakes.push(Mistake::new("--until", "it is not after --since", "swap the two"));
    }
    if !mistakes.is_empty() {
        return Err(Failure::mistakes(mistakes));
    }
    let window = (from.is_some() || until.is_some()).then(|| {
        let until = until.unwrap_or(at);
        Window { from: from.unwrap_or_else(|| until.plus(Nanos(-since.0))), until }
    });
    Ok(Asked { at, window, since })
}

/// Returns the window of a question about the present.
pub fn window(asked: Asked) -> Window {
    asked.window.unwrap_or(Window { from: asked.at.plus(Nanos(-asked.since.0)), until: asked.at })
}

/// Returns the sources that are to be asked.
pub fn kinds(arguments: &Arguments) -> Vec<SourceKind> {
    match arguments.source.as_slice() {
        [] => SourceKind::ALL.to_vec(),
        named => named.iter().map(|name| SourceKind::from(*name)).collect(),
    }
}

/// Returns the present.
pub fn now() -> Timestamp {
    Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
}
