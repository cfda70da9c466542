//! `hopscope config` and `hopscope profile`: what is set, by whom, and which profile is used.

use super::args::{Arguments, ConfigVerb, ProfileVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::settings;
use crate::config::{Loaded, Mistake, file};
use crate::export::json;
use crate::export::report::ErrorRow;
use crate::model::SafeText;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// One setting.
#[derive(Serialize)]
struct Row {
    name: SafeText,
    value: SafeText,
    origin: String,
}

#[derive(Serialize)]
struct ConfigReport {
    schema: &'static str,
    profile: String,
    profiles: Vec<SafeText>,
    settings: Vec<Row>,
    ignored: Vec<ErrorRow>,
    exit: u8,
}

/// `hopscope config show|sources|check [FILE]`.
pub fn config(arguments: &Arguments, action: ConfigVerb, file: Option<&Path>, out: &Out) -> Result<Exit, Failure> {
    let mut arguments = arguments.clone();
    if let Some(file) = file {
        if action != ConfigVerb::Check {
            return Err(Failure::mistake("command line", "only check takes a file", "name it with --config FILE"));
        }
        arguments.config = Some(file.to_owned());
    }
    match action {
        ConfigVerb::Check => check(&arguments, *out),
        ConfigVerb::Sources => Ok(sources(&arguments, &settings::loaded(&arguments)?, *out)),
        ConfigVerb::Show => Ok(show(settings::loaded(&arguments)?, *out)),
    }
}

fn rows(loaded: &Loaded) -> Vec<Row> {
    let row = |setting: &crate::config::Setting| Row {
        name: setting.name.clone(),
        value: setting.value.clone(),
        origin: setting.origin.to_string(),
    };
    loaded.settings.iter().map(row).collect()
}

fn show(loaded: Loaded, out: Out) -> Exit {
    let rows = rows(&loaded);
    if out.is_json() {
        let (profile, profiles) = (loaded.profile.name, loaded.profiles);
        let schema = "hopscope/config/1";
        let report = ConfigReport { schema, profile, profiles, settings: rows, ignored: Vec::new(), exit: 0 };
        return out.data(&json::write(&report), Exit::Answered);
    }
    let mut text = format!("profile {}\n", SafeText::new(&loaded.profile.name).as_str());
    let widest = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (names, values) = (widest(|row| row.name.width()), widest(|row| row.value.width()));
    for row in &rows {
        let (name, value) = (row.name.as_str(), row.value.as_str());
        writeln!(text, "{name:<names$}  {value:<values$}  ({})", row.origin).expect("a string takes any text");
    }
    out.data(&text, Exit::Answered)
}

/// Reads every profile, not only the one that is used.
fn check(arguments: &Arguments, out: Out) -> Result<Exit, Failure> {
    let (mut mistakes, mut ignored): (Vec<Mistake>, Vec<Mistake>) = (Vec::new(), Vec::new());
    let add = |all: &mut Vec<Mistake>, more: Vec<Mistake>| {
        for mistake in more {
            if !all.contains(&mistake) {
                all.push(mistake);
            }
        }
    };
    let mut used = None;
    match settings::read(arguments)? {
        Ok(loaded) => {
            add(&mut ignored, loaded.ignored.clone());
            used = Some(loaded);
        }
        Err(more) => add(&mut mistakes, more),
    }
    for name in of_file(arguments)?.0.into_keys() {
        let one = Arguments { profile: Some(name), ..arguments.clone() };
        match settings::read(&one)? {
            Ok(loaded) => add(&mut ignored, loaded.ignored),
            Err(more) => add(&mut mistakes, more),
        }
    }
    let (true, Some(loaded)) = (mistakes.is_empty(), used) else { return Err(Failure::mistakes(mistakes)) };
    let (profile, profiles) = (loaded.profile.name, loaded.profiles);
    if out.is_json() {
        let row = |one: Mistake| ErrorRow { place: one.place, what: one.what, fix: one.fix };
        let ignored = ignored.into_iter().map(row).collect();
        let schema = "hopscope/config/1";
        let report = ConfigReport { schema, profile, profiles, settings: Vec::new(), ignored, exit: 0 };
        return Ok(out.data(&json::write(&report), Exit::Answered));
    }
    let mut text = format!("profile {}\nno mistakes\n", SafeText::new(&profile).as_str());
    for one in &ignored {
        writeln!(text, "{one}").expect("a string takes any text");
    }
    Ok(out.data(&text, Exit::Answered))
}

fn sources(arguments: &Arguments, loaded: &Loaded, out: Out) -> Exit {
    #[derive(Serialize)]
    struct Level {
        layer: &'static str,
        from: SafeText,
        is_there: bool,
        settings: Vec<SafeText>,
    }
    #[derive(Serialize)]
    struct SourcesReport {
        schema: &'static str,
        profile: String,
        profiles: Vec<SafeText>,
        layers: Vec<Level>,
        exit: u8,
    }
    let rows = rows(loaded);
    let of = |belongs: &dyn Fn(&str) -> bool| -> Vec<SafeText> {
        rows.iter().filter(|row| belongs(&row.origin)).map(|row| row.name.clone()).collect()
    };
    let built_in = of(&|origin| origin == "built in");
    let mut layers = vec![Level { layer: "built in", from: SafeText::own(""), is_there: true, settings: built_in }];
    if let Some((path, _)) = settings::file(arguments) {
        let prefix = format!("{}:", path.display());
        let settings = of(&|origin| origin.starts_with(&prefix));
        let from = SafeText::new(&path.display().to_string());
        layers.push(Level { layer: "file", from, is_there: path.exists(), settings });
    }
    for (layer, prefix) in [("environment", "environment "), ("flag", "--")] {
        let mut by: BTreeMap<&str, Vec<SafeText>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.origin.starts_with(prefix)) {
            let from = row.origin.strip_prefix("environment ").unwrap_or(&row.origin);
            by.entry(from).or_default().push(row.name.clone());
        }
        for (from, settings) in by {
            layers.push(Level { layer, from: SafeText::new(from), is_there: true, settings });
        }
    }
    if out.is_json() {
        let (profile, profiles) = (loaded.profile.name.clone(), loaded.profiles.clone());
        let report = SourcesReport { schema: "hopscope/config-sources/1", profile, profiles, layers, exit: 0 };
        return out.data(&json::write(&report), Exit::Answered);
    }
    let mut text = format!("profile {}\n", SafeText::new(&loaded.profile.name).as_str());
    let mut line = |layer: &str, what: &str| writeln!(text, "{layer:<12}{what}").expect("a string takes any text");
    let by = settings::file(arguments).and_then(|(_, named)| named);
    let by = by.map_or("the user's own".to_owned(), |named| format!("named by {named}"));
    let has_file = layers.iter().any(|layer| layer.layer == "file");
    for layer in &layers {
        let (count, from) = (layer.settings.len(), layer.from.as_str());
        match layer.layer {
            "built in" => line("built in", &format!("{count} settings")),
            "file" if layer.is_there => line("file", &format!("{from} ({by}): {count} settings")),
            "file" => line("file", &format!("{from} ({by}): not there")),
            other => {
                for name in &layer.settings {
                    line(other, &format!("{from} sets {}", name.as_str()));
                }
            }
        }
    }
    if !has_file {
        line("file", "none: there is no home directory");
    }
    let known: Vec<&str> = loaded.profiles.iter().map(SafeText::as_str).collect();
    line("profiles", &if known.is_empty() { "none in the file".to_owned() } else { known.join(", ") });
    out.data(&text, Exit::Answered)
}

/// Profiles with their sources, and the default one.
type Profiles = (BTreeMap<String, BTreeSet<String>>, Option<String>);

/// Returns the profiles of the file, whether or not they are right.
fn of_file(arguments: &Arguments) -> Result<Profiles, Failure> {
    let Some((path, text)) = settings::read_file(arguments)? else { return Ok(Profiles::default()) };
    let (entries, _) = file::read(&path, &text);
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in entries.keys().filter_map(|name| name.strip_prefix("profile.")) {
        let mut parts = name.split('.');
        let sources = all.entry(parts.next().unwrap_or_default().to_owned()).or_default();
        sources.extend(parts.next().filter(|part| *part != "limits").map(str::to_owned));
    }
    Ok((all, entries.get("default_profile").map(|written| written.value.clone())))
}

/// `hopscope profile list|use NAME`.
pub fn profile(arguments: &Arguments, action: &ProfileVerb, out: &Out) -> Result<Exit, Failure> {
    match action {
        ProfileVerb::List => list(arguments, *out),
        ProfileVerb::Use { name } => choose(arguments, name, *out),
    }
}

fn list(arguments: &Arguments, out: Out) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Profile {
        name: SafeText,
        is_used: bool,
        sources: Vec<SafeText>,
    }
    #[derive(Serialize)]
    struct ProfilesReport {
        schema: &'static str,
        profiles: Vec<Profile>,
        exit: u8,
    }
    let (all, default) = of_file(arguments)?;
    let variable = std::env::var("HOPSCOPE_PROFILE").ok().filter(|name| !name.is_empty());
    let alone = || all.keys().next().filter(|_| all.len() == 1).cloned();
    let used = arguments.profile.clone().or(variable).or(default).or_else(alone);
    let exit = if all.is_empty() { Exit::Nothing } else { Exit::Answered };
    let profiles: Vec<Profile> = all
        .iter()
        .map(|(name, sources)| Profile {
            name: SafeText::new(name),
            is_used: used.as_ref() == Some(name),
            sources: sources.iter().map(|source| SafeText::new(source)).collect(),
        })
        .collect();
    if out.is_json() {
        let report = ProfilesReport { schema: "hopscope/profiles/1", profiles, exit: exit.code() };
        return Ok(out.data(&json::write(&report), exit));
    }
    let widest = profiles.iter().map(|profile| profile.name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for profile in &profiles {
        let sign = if profile.is_used { '*' } else { ' ' };
        let sources: Vec<&str> = profile.sources.iter().map(SafeText::as_str).collect();
        writeln!(text, "{sign} {:<widest$}  {}", profile.name.as_str(), sources.join(" "))
            .expect("a string takes any text");
    }
    if profiles.is_empty() {
        out.remark("no profile is configured; add a [profile.NAME.jaeger] section");
    }
    Ok(out.data(&text, exit))
}

fn choose(arguments: &Arguments, name: &str, out: Out) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct ChosenReport<'a> {
        schema: &'static str,
        default_profile: &'a str,
        file: SafeText,
        exit: u8,
    }
    let (all, _) = of_file(arguments)?;
    let Some((path, text)) = settings::read_file(arguments)? else {
        let fix = "write one with a [profile.NAME.jaeger] section, or name it with --config";
        return Err(Failure::mistake("profile use", "there is no configuration file", fix));
    };
    if !all.contains_key(name) {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        let fix = if known.is_empty() {
            "no profile is configured".to_owned()
        } else {
            format!("known: {}", known.join(", "))
        };
        return Err(Failure::mistake("profile use", &format!("there is no profile `{name}`"), &fix));
    }
    let failed = |what: String| Failure::mistake(&path, &what, "set default_profile in the file by hand");
    let changed = file::with_default_profile(&text, name).map_err(failed)?;
    if changed != text {
        replace(Path::new(&path), &changed).map_err(|error| failed(format!("cannot be changed: {error}")))?;
    }
    if out.is_json() {
        let file = SafeText::new(&path);
        let report = ChosenReport { schema: "hopscope/profile-use/1", default_profile: name, file, exit: 0 };
        return Ok(out.data(&json::write(&report), Exit::Answered));
    }
    let text = format!("default_profile is {} in {}\n", SafeText::new(name).as_str(), SafeText::new(&path).as_str());
    Ok(out.data(&text, Exit::Answered))
}

/// Puts a new content in place of the old one; whoever reads at the same time sees one of the two as a whole.
fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    // A link stays a link.
    let path = fs::canonicalize(path)?;
    let mode = fs::metadata(&path)?.mode() & 0o777;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    written().inspect_err(|_| {
        fs::remove_file(&beside).ok();
    })
}
