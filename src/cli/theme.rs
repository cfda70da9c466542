//! `hopscope theme`: which themes there are, what can be seen of them, and the one that is used. A name is looked for among
//! the person's own files, then among those of the host, then in the program.

use super::args::{Arguments, ThemeVerb};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::settings;
use crate::config::{Console, Mistake, Origin};
use crate::export::json;
use crate::export::report::ErrorRow;
use crate::model::SafeText;
use crate::tui::look::theme::Appearance;
use crate::tui::look::vision::{self, APART, SEVERITIES};
use crate::tui::look::{Depth, Role, Theme, themes};
use crate::tui::terminal::encode;
use etcetera::BaseStrategy;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A theme that there is.
#[derive(Serialize)]
struct Row {
    name: SafeText,
    appearance: Option<Appearance>,
    origin: SafeText,
    mistakes: Vec<ErrorRow>,
}

#[derive(Serialize)]
struct ListReport {
    schema: &'static str,
    themes: Vec<Row>,
    exit: u8,
}

#[derive(Serialize)]
struct ContrastRow {
    role: &'static str,
    reached: f64,
    wanted: f64,
}

#[derive(Serialize)]
struct DifferenceRow {
    vision: &'static str,
    reached: f64,
    wanted: f64,
}

#[derive(Serialize)]
struct CheckReport {
    schema: &'static str,
    name: SafeText,
    appearance: Appearance,
    contrast: Vec<ContrastRow>,
    difference: Vec<DifferenceRow>,
    exit: u8,
}

/// `hopscope theme list|check|preview|show`.
pub fn run(arguments: &Arguments, action: &ThemeVerb, out: &Out) -> Result<Exit, Failure> {
    let named = |theme: &Option<String>| match theme {
        Some(name) => find(name, &Origin::Flag("theme")),
        None => choose(&settings::loaded(arguments)?.console, depth(arguments)),
    };
    match action {
        ThemeVerb::List => Ok(list(*out)),
        ThemeVerb::Check { theme } => Ok(check(&named(theme)?, *out)),
        ThemeVerb::Preview { theme } => Ok(out.data(&preview(&named(theme)?, depth(arguments)), Exit::Answered)),
        ThemeVerb::Show { name } => match themes::text(name) {
            Some(text) => Ok(out.data(text, Exit::Answered)),
            None => Err(unknown(name, &Origin::Flag("theme"))),
        },
    }
}

/// Returns how many colours are shown.
pub fn depth(arguments: &Arguments) -> Depth {
    let variable = |name: &str| std::env::var(name).ok();
    Depth::named(&arguments.color).unwrap_or_else(|| Depth::of_environment(&variable))
}

/// Returns the theme that was chosen, or the one that suits the terminal.
pub fn choose(console: &Console, depth: Depth) -> Result<Theme, Failure> {
    if let Some((name, origin)) = &console.theme {
        return find(name, origin);
    }
    let name = match depth {
        Depth::None => "mono",
        Depth::Sixteen => "ansi16",
        Depth::Palette | Depth::True => "dark",
    };
    Ok(themes::built_in(name).expect("it is part of the program"))
}

fn find(name: &str, origin: &Origin) -> Result<Theme, Failure> {
    if name.contains(['/', '.']) {
        return read(Path::new(name)).unwrap_or_else(|error| {
            let fix = "check the path, or name a theme: hopscope theme list";
            Err(Failure::mistake(&origin.to_string(), &format!("cannot read {name}: {error}"), fix))
        });
    }
    for folder in folders() {
        let path = folder.join(format!("{name}.toml"));
        match read(&path) {
            Ok(found) => return found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let place = path.display().to_string();
                return Err(Failure::mistake(
                    &place,
                    &format!("cannot read it: {error}"),
                    "make it readable, or remove it",
                ));
            }
        }
    }
    themes::built_in(name).ok_or_else(|| unknown(name, origin))
}

fn unknown(name: &str, origin: &Origin) -> Failure {
    let known: Vec<&str> = themes::THEMES.iter().map(|(name, _)| *name).collect();
    let fix = format!("known are {}; a file of your own is named with its path", known.join(", "));
    Failure::mistake(&origin.to_string(), &format!("there is no theme `{name}`"), &fix)
}

/// Reads a file; the inner error holds what is wrong with it.
fn read(path: &Path) -> std::io::Result<Result<Theme, Failure>> {
    Ok(parse(path, &std::fs::read_to_string(path)?).map_err(Failure::mistakes))
}

fn parse(path: &Path, text: &str) -> Result<Theme, Vec<Mistake>> {
    themes::parse(&path.display().to_string(), text)
}

/// Where themes may lie: the person's own, then those of the host.
fn folders() -> Vec<PathBuf> {
    let own = etcetera::choose_base_strategy().ok().map(|base| base.config_dir());
    let hosts = std::env::var_os("XDG_DATA_DIRS").filter(|folders| !folders.is_empty());
    let hosts = hosts.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    own.into_iter().chain(std::env::split_paths(&hosts)).map(|folder| folder.join("hopscope/themes")).collect()
}

fn list(out: Out) -> Exit {
    let mut rows: Vec<Row> = Vec::new();
    for folder in folders() {
        // A folder that is not there holds no theme.
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        rows.extend(paths.iter().map(|path| of_file(path)));
    }
    rows.extend(themes::THEMES.iter().map(|(name, _)| Row {
        name: SafeText::own(name),
        appearance: themes::built_in(name).map(|theme| theme.appearance),
        origin: SafeText::own("built in"),
        mistakes: Vec::new(),
    }));
    if out.is_json() {
        return out
            .data(&json::write(&ListReport { schema: "hopscope/themes/1", themes: rows, exit: 0 }), Exit::Answered);
    }
    let mut text = "NAME\tFOR\tFROM\n".to_owned();
    for row in &rows {
        let made_for = row.appearance.map_or("(mistakes)", Appearance::name);
        writeln!(text, "{}\t{made_for}\t{}", row.name.as_str(), row.origin.as_str()).expect("a string takes any text");
        for mistake in &row.mistakes {
            out.remark(&format!("{}: {}; {}", mistake.place.as_str(), mistake.what.as_str(), mistake.fix.as_str()));
        }
    }
    out.data(&text, Exit::Answered)
}

fn of_file(path: &Path) -> Row {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let origin = path.display().to_string();
    let read = match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => {
            Err(vec![Mistake::new(&origin, &format!("cannot read it: {error}"), "make it readable, or remove it")])
        }
    };
    let (appearance, mistakes) = match read {
        Ok(theme) => (Some(theme.appearance), Vec::new()),
        Err(mistakes) => (None, mistakes),
    };
    let row = |mistake: Mistake| ErrorRow { place: mistake.place, what: mistake.what, fix: mistake.fix };
    Row {
        name: SafeText::new(&name),
        appearance,
        origin: SafeText::new(&origin),
        mistakes: mistakes.into_iter().map(row).collect(),
    }
}

/// Says what can be seen of a theme. A contrast that falls short is a negative answer; severities that look alike are not,
/// since a letter stands beside each.
fn check(theme: &Theme, out: Out) -> Exit {
    let round = |number: f64| (number * 10.0).round() / 10.0;
    let contrast: Vec<ContrastRow> = vision::contrasts(theme)
        .into_iter()
        .map(|found| ContrastRow { role: found.role.name(), reached: round(found.reached), wanted: found.wanted })
        .collect();
    let difference: Vec<DifferenceRow> = vision::differences(theme)
        .into_iter()
        .map(|(vision, reached)| DifferenceRow { vision, reached: round(reached), wanted: APART })
        .collect();
    let exit = if contrast.iter().any(|row| row.reached < row.wanted) { Exit::Nothing } else { Exit::Answered };
    if out.is_json() {
        let report = CheckReport {
            schema: "hopscope/theme/1",
            name: SafeText::new(&theme.name),
            appearance: theme.appearance,
            contrast,
            difference,
            exit: exit.code(),
        };
        return out.data(&json::write(&report), exit);
    }
    let mut text = format!("{}, for {} terminals\n", SafeText::new(&theme.name).as_str(), ground(theme));
    let mut line = |name: &str, (reached, wanted): (f64, f64), below: &str| {
        let verdict = if reached < wanted { below } else { "ok" };
        writeln!(text, "  {name:<14}{reached:>6.1} of {wanted:>4.1}  {verdict}").expect("a string takes any text");
    };
    for row in &contrast {
        line(row.role, (row.reached, row.wanted), "too low");
    }
    for row in &difference {
        line(row.vision, (row.reached, row.wanted), "close: only the letters tell some apart");
    }
    text.push_str(match (contrast.is_empty(), difference.is_empty()) {
        (true, _) => "only colours of the terminal itself: what they look like is for the terminal to say\n",
        (false, true) => "contrast (WCAG 2); the severities have no colours of their own to compare\n",
        (false, false) => "contrast (WCAG 2), and the least difference between error, warn, info and ok (CIEDE2000)\n",
    });
    out.data(&text, exit)
}

fn ground(theme: &Theme) -> String {
    let of = |(red, green, blue)| format!("{} (#{red:02x}{green:02x}{blue:02x})", theme.appearance.name());
    vision::ground(theme).map_or_else(|| "any".to_owned(), of)
}

/// One line for each role, and how the severities stand beside each other.
fn preview(theme: &Theme, depth: Depth) -> String {
    let mut text = String::new();
    for (role, name) in Role::ALL {
        let sample = format!("{name:<10} orders-7@88213 delivered 3 times to billing");
        writeln!(text, "{}", encode::styled(&sample, theme.style(role, depth))).expect("a string takes any text");
    }
    let letters = ["E failed", "W slow", "i sampled", "+ done"];
    let parts = SEVERITIES.iter().zip(letters).map(|(role, sample)| encode::styled(sample, theme.style(*role, depth)));
    writeln!(text, "{}", parts.collect::<Vec<_>>().join("  ")).expect("a string takes any text");
    text
}
