//! LogQL as it is written here: selectors, filters for ids, and a person's query taken apart.

use crate::model::Timestamp;
use regex_lite::Regex;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Labels of one stream.
pub(super) type Labels = BTreeMap<String, String>;

/// A log query: which streams, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// Stream selector with its braces.
    pub selector: String,
    /// Filters behind it.
    pub filter: String,
}

/// What a server's version understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialect {
    /// `|= "a" or "b"` (Loki 3.0; a 400 in 2.2).
    pub(super) line_or: bool,
    /// It keeps no structured metadata (before Loki 2.9): asking for it would only find labels.
    pub(super) bare: bool,
    /// Names of metadata are shown with `_` and found with dots only (Loki-VL-proxy).
    pub(super) dotted: bool,
}

impl Dialect {
    /// Returns what a version understands; one that is not known is asked in the words that all understand.
    pub(super) fn of(version: &str) -> Self {
        let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(3..), _) => Self { line_or: true, ..Self::default() },
            (Some(2), Some(minor)) => Self { bare: minor < 9, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// Returns the filter for lines that hold one of the texts, all spellings in one pass.
    pub(super) fn in_line(self, needles: &[SmolStr]) -> String {
        match needles {
            more if more.len() > 1 && !self.line_or => format!(" |~ {}", quote(&alternatives(more))),
            all => format!(" |= {}", all.iter().map(|text| quote(text)).collect::<Vec<_>>().join(" or ")),
        }
    }

    /// Returns the filter for lines whose structured metadata holds one of the texts under one of the names: one query
    /// for all names. `None` when there is nothing to ask.
    pub(super) fn in_metadata(self, needles: &[SmolStr], names: &[SmolStr]) -> Option<String> {
        if self.bare || names.is_empty() {
            return None;
        }
        // LogQL has no dots in names, and Loki turns those of OpenTelemetry into underscores.
        let mut asked: Vec<String> = Vec::new();
        for name in names {
            let plain = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
            let dotted = (self.dotted && plain.contains('_')).then(|| plain.replace('_', "."));
            asked.extend(std::iter::once(plain).chain(dotted));
        }
        let mut seen = BTreeSet::new();
        asked.retain(|name| seen.insert(name.clone()));
        let one = |name: String| match needles {
            [one] => format!("{name}={}", quote(one)),
            more => format!("{name}=~{}", quote(&alternatives(more))),
        };
        Some(format!(" | {}", asked.into_iter().map(one).collect::<Vec<_>>().join(" or ")))
    }
}

impl LogQuery {
    /// Takes a person's query apart. The error says what is wrong with it.
    ///
    /// A selector needs a matcher that the empty text does not satisfy: Loki 2.2 answers others with nothing and 200, which
    /// would look like "no lines".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if !text.starts_with('{') {
            return Err("a log query begins with a stream selector in braces");
        }
        let end = closing(text).ok_or("the selector has no closing brace")?;
        let query = Self { selector: text[..=end].to_owned(), filter: format!(" {}", text[end + 1..].trim()) };
        let selects = matchers(&text[1..end]).iter().any(|(sign, value)| match *sign {
            "=" => !value.is_empty(),
            // What this engine cannot read is left to the server.
            "=~" => Regex::new(&format!("^(?:{value})$")).map_or(true, |regex| !regex.is_match("")),
            _ => false,
        });
        if selects { Ok(query) } else { Err("the selector needs a matcher that is not empty") }
    }

    /// Returns the first of its stages that gives other lines than were written.
    pub(super) fn rewriting(&self) -> Option<&'static str> {
        let mut rest = String::new();
        let (mut quoted, mut escaped) = (None, false);
        for c in self.filter.chars() {
            match (quoted, c) {
                _ if escaped => escaped = false,
                (Some('"'), '\\') => escaped = true,
                (Some(open), c) if c == open => quoted = None,
                (Some(_), _) => {}
                (None, '"' | '`') => quoted = Some(c),
                (None, c) => rest.push(c),
            }
        }
        let stages = rest.split('|').skip(1).map(str::trim_start);
        let mut words = stages.map(|stage| stage.split(|c: char| !c.is_ascii_lowercase() && c != '_').next());
        words.find_map(|word| ["line_format", "decolorize", "unpack"].into_iter().find(|known| word == Some(known)))
    }

    /// Returns the whole query.
    pub fn text(&self) -> String {
        format!("{}{}", self.selector, self.filter).trim_end().to_owned()
    }
}

/// Writes an instant for Loki: a number of up to ten digits would be read as seconds.
pub(super) fn nanos(at: Timestamp) -> String {
    format!("{:019}", at.0.max(0))
}

/// Returns the place of the brace that closes the one at the begin.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quoted, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), c) if c == open => quoted = None,
            (None, '"' | '`') => quoted = Some(c),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

/// Returns sign and value of each matcher inside a selector.
fn matchers(inside: &str) -> Vec<(&'static str, String)> {
    let (mut found, mut rest) = (Vec::new(), inside);
    while let Some(open) = rest.find(['"', '`']) {
        let before = rest[..open].trim_end();
        let sign = ["=~", "!~", "!=", "="].into_iter().find(|sign| before.ends_with(sign)).unwrap_or("");
        let quote = rest[open..].chars().next().unwrap_or('"');
        let (mut value, mut escaped, mut end) = (String::new(), false, rest.len());
        for (at, c) in rest[open + 1..].char_indices() {
            match c {
                _ if escaped => {
                    value.push(c);
                    escaped = false;
                }
                '\\' if quote == '"' => escaped = true,
                c if c == quote => {
                    end = open + 1 + at + 1;
                    break;
                }
                c => value.push(c),
            }
        }
        found.push((sign, value));
        rest = &rest[end..];
    }
    found
}

/// Returns the selector of one stream alone: labels that only others have must be empty.
pub(super) fn exactly(labels: &Labels, names: &BTreeSet<&String>) -> String {
    let empty = String::new();
    let matchers = names.iter().map(|name| format!("{name}={}", quote(labels.get(*name).unwrap_or(&empty))));
    format!("{{{}}}", matchers.collect::<Vec<_>>().join(", "))
}

/// Joins texts to a regular expression that matches any of them literally.
pub(super) fn alternatives(texts: &[SmolStr]) -> String {
    let escaped = texts.iter().map(|text| {
        text.chars().fold(String::new(), |mut out, c| {
            if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ' ' | '@' | ':' | '/') {
                out.push('\\');
            }
            out.push(c);
            out
        })
    });
    escaped.collect::<Vec<_>>().join("|")
}

/// Writes a LogQL string.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_people_cannot_leave_their_quotes() {
        assert_eq!(quote("a\"} |= \\"), "\"a\\\"} |= \\\\\"");
        assert_eq!(alternatives(&["a.b".into(), "c|d".into()]), "a\\.b|c\\|d");
    }

    #[test]
    fn spellings_and_names_are_asked_for_at_once() {
        let (one, two) = (["a1".into()], ["a1".into(), "A.1".into()]);
        let names = ["trace_id".into(), "trace.id".into(), "traceId".into()];
        let (old, new) = (Dialect::of("2.2.1"), Dialect::of("3.7.6"));
        let proxy = Dialect { dotted: true, ..Dialect::of("") };
        assert_eq!(
            (old.in_line(&two), new.in_line(&two)),
            (" |~ \"a1|A\\\\.1\"".into(), " |= \"a1\" or \"A.1\"".into())
        );
        assert_eq!(old.in_line(&one), " |= \"a1\"");
        assert_eq!((old.in_metadata(&one, &names), new.in_metadata(&one, &[])), (None, None));
        assert_eq!(new.in_metadata(&one, &names).unwrap(), " | trace_id=\"a1\" or traceId=\"a1\"");
        assert_eq!(new.in_metadata(&two, &names[..1]).unwrap(), " | trace_id=~\"a1|A\\\\.1\"");
        assert_eq!(proxy.in_metadata(&one, &names[..1]).unwrap(), " | trace_id=\"a1\" or trace.id=\"a1\"");
        assert_eq!(
            (Dialect::of("v2.9.1").bare, Dialect::of("v2.8.0").bare, Dialect::of("main-x").bare),
            (false, true, false)
        );
    }

    #[test]
    fn instants_have_nineteen_digits() {
        for (at, text) in [
            (1_795_592_025_000_000_000, "1795592025000000000"),
            (5_000_000_000, "0000000005000000000"),
            (-7, "0000000000000000000"),
        ] {
            assert_eq!(nanos(Timestamp(at)), text);
        }
    }

    #[test]
    fn a_query_that_gives_other_lines_is_known() {
        let stage = |filter: &str| LogQuery { selector: "{a=\"b\"}".into(), filter: filter.into() }.rewriting();
        for filter in
            ["", " |= \"| line_format\"", " | json | level=`| unpack`", " |~ \"\\\"| decolorize\"", " | logfmt"]
        {
            assert_eq!(stage(filter), None, "{filter}");
        }
        assert_eq!(stage(" | json |line_format \"{{.a}}\""), Some("line_format"));
        assert_eq!((stage(" | decolorize"), stage("|unpack")), (Some("decolorize"), Some("unpack")));
    }

    #[test]
    fn a_persons_query_is_taken_apart_at_its_selector() {
        let found = LogQuery::parse(" {app=\"a}\\\"\", b=~`x}`} |= `}` | json ").unwrap();
        assert_eq!((found.selector.as_str(), found.filter.as_str()), ("{app=\"a}\\\"\", b=~`x}`}", " |= `}` | json"));
        for bad in ["rate({a=\"b\"}[1m])", "{a=\"b\"", "{}", "{app=~\".*\"}", "{app!=\"x\"}", "{nosuch=\"\"}", ""] {
            assert!(LogQuery::parse(bad).is_err(), "{bad}");
        }
        for good in ["{app=~\".+\"}", "{a=\"\", b=\"c\"}", "{a=`b`}"] {
            assert!(LogQuery::parse(good).is_ok(), "{good}");
        }
    }
}
