//! What a log line says: its message and its level, whatever shape the program wrote it in.
//!
//! Four shapes: JSON objects, logfmt (`key=value`), texts with a level among their first words (Spring Boot, Logback,
//! Python, Go), and anything else, which is its own message. Reading never fails.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// How bad a line says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not say.
    #[default]
    Unsaid,
    /// Trace or debug.
    Debug,
    /// Information.
    Info,
    /// Warning.
    Warn,
    /// Error and worse.
    Error,
}

/// A line, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading<'a> {
    /// What is said.
    pub message: Cow<'a, str>,
    /// How bad it is.
    pub level: Level,
    /// Class or head of the error that comes with it.
    pub error: Option<Cow<'a, str>>,
}

const MESSAGES: &[&str] = &["message", "msg", "@message", "body", "event", "text", "short_message"];
const LEVELS: &[&str] = &["level", "severity", "log.level", "lvl", "severity_text", "levelname", "loglevel", "@l"];
const ERRORS: &[&str] = &["error", "err", "exception", "error.type", "exception.type", "error.message", "stack_trace"];
/// Words at the head of a text among which a level may stand.
const HEAD: usize = 7;

impl Level {
    /// Reads a level as programs write it: names of any case, syslog and Bunyan numbers.
    pub fn parse(text: &str) -> Self {
        let word = text.trim_matches(['[', ']', ':', '"', '<', '>', '|']);
        match word.to_ascii_lowercase().as_str() {
            "trace" | "debug" | "dbg" | "verbose" | "fine" | "finer" | "10" | "20" => Self::Debug,
            "info" | "inf" | "information" | "notice" | "30" => Self::Info,
            "warn" | "warning" | "wrn" | "40" => Self::Warn,
            "error" | "err" | "eror" | "severe" | "fatal" | "critical" | "crit" | "panic" | "alert" | "emerg"
            | "50" | "60" => Self::Error,
            _ => Self::Unsaid,
        }
    }
}

/// Reads a line.
pub fn read(text: &str) -> Reading<'_> {
    let text = text.trim();
    let read = if text.starts_with('{') { json(text) } else { logfmt(text) };
    read.or_else(|| plain(text)).unwrap_or_else(|| Reading { message: first_line(text).into(), ..Reading::default() })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end()
}

/// Takes the fields that matter, by rank of their names; earlier names of a list win.
#[derive(Default)]
struct Picked<'a> {
    message: Option<(usize, Cow<'a, str>)>,
    level: Option<(usize, Cow<'a, str>)>,
    error: Option<(usize, Cow<'a, str>)>,
}

impl<'a> Picked<'a> {
    fn offer(&mut self, name: &str, value: Cow<'a, str>) {
        let rank = |names: &[&str]| names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let better = |kept: &Option<(usize, Cow<'a, str>)>, rank: usize| kept.as_ref().is_none_or(|(at, _)| rank < *at);
        if let Some(rank) = rank(MESSAGES).filter(|rank| better(&self.message, *rank)) {
            self.message = Some((rank, value));
        } else if let Some(rank) = rank(LEVELS).filter(|rank| better(&self.level, *rank)) {
            self.level = Some((rank, value));
        } else if let Some(rank) = rank(ERRORS).filter(|rank| better(&self.error, *rank)) {
            self.error = Some((rank, value));
        }
    }

    fn reading(self) -> Option<Reading<'a>> {
        let cut = |text: Cow<'a, str>| match text {
            Cow::Borrowed(text) => Cow::Borrowed(first_line(text)),
            Cow::Owned(text) => Cow::Owned(first_line(&text).to_owned()),
        };
        let error = self.error.map(|(_, error)| cut(error)).filter(|error| !error.is_empty());
        let level = self.level.map_or(Level::Unsaid, |(_, level)| Level::parse(&level));
        let message = self.message.map(|(_, message)| cut(message)).or_else(|| error.clone())?;
        Some(Reading { message, level, error })
    }
}

fn json(text: &str) -> Option<Reading<'_>> {
    struct Line;
    impl<'de> Visitor<'de> for Line {
        type Value = Picked<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut picked = Picked::default();
            while let Some(Key(name)) = map.next_key()? {
                let lists = [MESSAGES, LEVELS, ERRORS];
                if lists.iter().any(|names| names.iter().any(|known| known.eq_ignore_ascii_case(&name))) {
                    if let Word(Some(value)) = map.next_value()? {
                        picked.offer(&name, value);
                    }
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(picked)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Line).ok()?.reading()
}

/// A name, borrowed where the text allows.
struct Key<'a>(Cow<'a, str>);

/// A text or a number; anything else is no word.
struct Word<'a>(Option<Cow<'a, str>>);

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Word<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Word(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Word(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Word(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Word(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Word(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Word(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Word(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }
}

impl<'de> serde::Deserialize<'de> for Word<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(deserializer.deserialize_str(Words)?.0.unwrap_or_default()))
    }
}

/// `key=value key="quoted value"`; a line is logfmt when it begins with a pair and holds a message or a level.
fn logfmt(text: &str) -> Option<Reading<'_>> {
    let mut picked = Picked::default();
    let mut rest = first_line(text);
    while !rest.is_empty() {
        let end = rest.find(['=', ' '])?;
        if rest.as_bytes()[end] == b' ' || end == 0 {
            return None;
        }
        let (name, after) = (&rest[..end], &rest[end + 1..]);
        let (value, behind) = if let Some(quoted) = after.strip_prefix('"') {
            let mut end = quoted.char_indices().scan(false, |escaped, (at, c)| {
                let ends = c == '"' && !*escaped;
                *escaped = c == '\\' && !*escaped;
                Some((at, ends))
            });
            let end = end.find_map(|(at, ends)| ends.then_some(at))?;
            let value = &quoted[..end];
            let value = if value.contains('\\') {
                Cow::Owned(value.replace("\\\"", "\"").replace("\\n", "\n"))
            } else {
                Cow::Borrowed(value)
            };
            (value, &quoted[end + 1..])
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (Cow::Borrowed(&after[..end]), &after[end..])
        };
        picked.offer(name, value);
        rest = behind.trim_start();
    }
    picked.reading()
}

/// A level among the first words; the message is what comes behind it, without the logger's name that Spring Boot and
/// Python put before a colon or a dash.
fn plain(text: &str) -> Option<Reading<'_>> {
    let line = first_line(text);
    let mut at = 0;
    for word in line.split(' ').take(HEAD) {
        let shouted = word.chars().all(|c| !c.is_ascii_lowercase());
        let level = if shouted && word.len() > 2 { Level::parse(word) } else { Level::Unsaid };
        let is_number = word.chars().all(|c| c.is_ascii_digit());
        at += word.len() + 1;
        if level == Level::Unsaid || is_number {
            continue;
        }
        let behind = line.get(at..).unwrap_or_default().trim_start();
        let message = match behind.split_once(" : ") {
            // Spring Boot: `pid --- [thread] logger : message`.
            Some((head, message)) if head.contains("---") || !head.contains(". ") => message,
            Some(_) | None => behind.strip_prefix("- ").unwrap_or(behind),
        };
        return Some(Reading { message: message.trim().into(), level, error: None });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, level: Level, message: &str) {
        let read = read(text);
        assert_eq!((read.level, &*read.message), (level, message), "{text}");
    }

    #[test]
    fn each_shape_is_read() {
        check(r#"{"level":"WARN","logger":"a","message":"slow \"bank\"","n":{"x":[1]}}"#, Level::Warn, "slow \"bank\"");
        check(r#"{"msg":"up","level":30,"time":1}"#, Level::Info, "up");
        check(
            r#"{"severity":"ERROR","exception":"java.io.IOException: gone\n\tat x"}"#,
            Level::Error,
            "java.io.IOException: gone",
        );
        check(r#"{"log.level":"error","message":"a\nb"}"#, Level::Error, "a");
        check(
            r#"ts=2026-11-24T08:54:36Z level=error msg="POST /reserve answered 503: no \"shelf\"" id=4"#,
            Level::Error,
            "POST /reserve answered 503: no \"shelf\"",
        );
        check(
            "2026-11-24T08:54:36.777Z  WARN 1 --- [nio-8080-exec-1] com.shop.Payments : bank is slow",
            Level::Warn,
            "bank is slow",
        );
        check("2026-11-24 08:54:36,777 - shop.audit - ERROR - no such customer", Level::Error, "no such customer");
        check("[ERROR] it broke", Level::Error, "it broke");
        check("08:54:36 INFO  started in 3 s", Level::Info, "started in 3 s");
    }

    #[test]
    fn what_only_looks_like_a_level_is_none() {
        check("the error was handled", Level::Unsaid, "the error was handled");
        check("a=1 b=2", Level::Unsaid, "a=1 b=2");
        check(r#"{"unfinished": "#, Level::Unsaid, r#"{"unfinished":"#);
        check(r#"{"level":"info"}"#, Level::Unsaid, r#"{"level":"info"}"#);
        check("", Level::Unsaid, "");
        check("50 items left", Level::Unsaid, "50 items left");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            read(&text);
        }

        #[test]
        fn any_almost_json_and_logfmt_is_survived(text in r#"[{}\[\]":,=a-z \\msglevel0-9]{0,60}"#) {
            read(&text);
            read(&format!("{{{text}"));
        }

        #[test]
        fn a_message_comes_back(message in "[ -~]{1,40}") {
            let message = message.trim();
            prop_assume!(!message.is_empty());
            let json = serde_json::json!({"level": "info", "message": message}).to_string();
            prop_assert_eq!(&*read(&json).message, message);
        }
    }
}
