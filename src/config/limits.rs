//! What one question may cost: in all, and at single sources.

use super::keys;
use super::load::{Loaded, Origin, Setting};
use super::mistake::Mistake;
use crate::model::{SafeText, SourceKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one question may cost. What is set for a single source holds besides what is set for all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests, to all sources together.
    pub requests: u32,
    /// Bytes received, from all sources together.
    pub bytes: u64,
    /// Rows decoded (spans, lines, records), from all sources together.
    pub rows: u64,
    /// Requests under way at one source at a time.
    pub at_once: usize,
    /// Bytes that one search may make a store of logs read, as far as it tells beforehand.
    pub scan: u64,
    /// Wait for one request: connection to last byte.
    pub request_timeout: Duration,
    /// Wait for the whole answer.
    pub timeout: Duration,
    /// What is set for single sources.
    pub own: BTreeMap<SourceKind, Own>,
}

/// What is set for one source; `None` where only the limits of all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Requests.
    pub requests: Option<u32>,
    /// Bytes received.
    pub bytes: Option<u64>,
    /// Rows decoded.
    pub rows: Option<u64>,
    /// Requests under way at a time.
    pub at_once: Option<usize>,
    /// Wait for one request.
    pub request_timeout: Option<Duration>,
    /// Wait for all answers of it.
    pub timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 480,
            bytes: 512 << 20,
            rows: 4_000_000,
            at_once: 4,
            // A small cluster filters about 1 GiB a second, so more would take longer than the whole question may.
            scan: 32 << 30,
            request_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            own: BTreeMap::new(),
        }
    }
}

impl Limits {
    /// Returns what holds for one source alone.
    #[must_use]
    pub fn of(&self, source: SourceKind) -> Self {
        let own = self.own.get(&source).cloned().unwrap_or_default();
        Self {
            requests: own.requests.unwrap_or(self.requests),
            bytes: own.bytes.unwrap_or(self.bytes),
            rows: own.rows.unwrap_or(self.rows),
            at_once: own.at_once.unwrap_or(self.at_once),
            scan: self.scan,
            request_timeout: own.request_timeout.unwrap_or(self.request_timeout),
            timeout: own.timeout.unwrap_or(self.timeout),
            own: BTreeMap::new(),
        }
    }

    /// Sets one limit by its name below `limits`: `requests`, `loki.bytes`. Says what is wrong and what to write instead.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), (String, String)> {
        let unknown = || {
            let sources = SourceKind::ALL.map(SourceKind::name).join(", ");
            let names = keys::below("limits").into_iter().filter(|name| *name != "*").collect::<Vec<_>>().join(", ");
            (
                format!("`{name}` names no limit"),
                format!("write it as requests=500 or loki.bytes=64MiB; known are {names}, each also behind {sources}"),
            )
        };
        let name = &full(name);
        let key = keys::find(&format!("limits.{name}")).filter(|_| !value.is_empty()).ok_or_else(unknown)?;
        keys::check(key.kind, value).map_err(|(what, fix)| (what, fix.to_owned()))?;
        let (source, part) = match name.split_once('.') {
            Some((source, part)) => (Some(source), part),
            None => (None, name.as_str()),
        };
        let (count, bytes, time) = (value.parse::<u32>().ok(), keys::bytes(value), keys::duration(value));
        if let Some(source) = source {
            let kind = SourceKind::ALL.into_iter().find(|kind| kind.name() == source).ok_or_else(unknown)?;
            let own = self.own.entry(kind).or_default();
            match part {
                "requests" => own.requests = count,
                "bytes" => own.bytes = bytes,
                "rows" => own.rows = count.map(u64::from),
                "at_once" => own.at_once = count.map(|count| count as usize),
                "request_timeout" => own.request_timeout = time,
                _ => own.timeout = time,
            }
            return Ok(());
        }
        // The value was checked above, so one of the three is there.
        match part {
            "requests" => self.requests = count.unwrap_or(self.requests),
            "bytes" => self.bytes = bytes.unwrap_or(self.bytes),
            "rows" => self.rows = count.map_or(self.rows, u64::from),
            "scan" => self.scan = bytes.unwrap_or(self.scan),
            "at_once" => self.at_once = count.map_or(self.at_once, |count| count as usize),
            "request_timeout" => self.request_timeout = time.unwrap_or(self.request_timeout),
            _ => self.timeout = time.unwrap_or(self.timeout),
        }
        Ok(())
    }

    /// Sets limits as they are typed, `requests=500,loki.bytes=64MiB`; all of them or none.
    pub fn adjust(&mut self, text: &str) -> Result<(), (String, String)> {
        let mut changed = self.clone();
        for part in text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            changed.set(name.trim(), value.trim())?;
        }
        *self = changed;
        Ok(())
    }
}

impl Loaded {
    /// Sets one limit `name=value` that a flag gives, over everything else.
    pub fn limit(&mut self, flag: &'static str, part: &str) -> Result<(), Mistake> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim(), value.trim());
        let name = full(name);
        self.profile.limits.set(&name, value).map_err(|(what, fix)| Mistake::new(flag, &what, &fix))?;
        let setting = Setting {
            name: SafeText::new(&format!("limits.{name}")),
            value: SafeText::new(value),
            origin: Origin::Flag(flag),
        };
        match self.settings.binary_search_by(|known| known.name.cmp(&setting.name)) {
            Ok(place) => self.settings[place] = setting,
            Err(place) => self.settings.insert(place, setting),
        }
        Ok(())
    }
}

/// `time` is the short form of `timeout` in flags and prompts.
fn full(name: &str) -> String {
    match name.strip_suffix("time") {
        Some(before) if before.is_empty() || before.ends_with('.') => format!("{before}timeout"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, load};

    #[test]
    fn limits_of_a_source_hold_besides_those_of_all() {
        let mut limits = Limits::default();
        limits.adjust("requests=500, loki.requests=50 loki.time=5s").unwrap();
        let (loki, kafka) = (limits.of(SourceKind::Loki), limits.of(SourceKind::Kafka));
        assert_eq!((limits.requests, loki.requests, kafka.requests), (500, 50, 500));
        assert_eq!((loki.timeout, kafka.timeout), (Duration::from_secs(5), Duration::from_secs(30)));
        let before = limits.clone();
        for bad in ["requests=0", "bytes=much", "lokki.rows=5", "loki.row=5", "requests", "rows=9,loki.bytes=-1"] {
            let (what, fix) = limits.adjust(bad).unwrap_err();
            assert!(!what.is_empty() && !fix.is_empty(), "{bad}");
        }
        assert_eq!(limits, before, "a mistake changes nothing");
    }

    #[test]
    fn a_profile_wins_over_the_limits_of_all_profiles_and_a_flag_over_both() {
        let text = "[limits]\nrows = 10\n[limits.loki]\nrequests = 7\nbytes = \"1MiB\"\n[profile.p.loki]\nurl = \"http://l\"\n\
                    [profile.p.limits]\nrows = 20\n[profile.p.limits.loki]\nrequests = 8\n";
        let layers = Layers { file: Some(("c.toml", text)), variable: &|_| None, flags: Vec::new() };
        let mut loaded = load(&layers).expect("no mistakes");
        let of = |loaded: &Loaded| {
            let loki = loaded.profile.limits.of(SourceKind::Loki);
            (loaded.profile.limits.rows, loki.requests, loki.bytes)
        };
        assert_eq!(of(&loaded), (20, 8, 1 << 20));
        loaded.limit("--budget", "loki.requests=9").expect("a limit");
        assert_eq!(of(&loaded), (20, 9, 1 << 20));
        let shown = loaded.settings.iter().find(|setting| setting.name.as_str() == "limits.loki.requests").unwrap();
        assert_eq!((shown.value.as_str(), &shown.origin), ("9", &Origin::Flag("--budget")));
    }

    #[test]
    fn a_source_that_does_not_exist_is_named_with_its_place() {
        let layers =
            Layers { file: Some(("c.toml", "[limits.lokki]\nrequests = 7\n")), variable: &|_| None, flags: Vec::new() };
        let mistakes = load(&layers).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].place.as_str().starts_with("c.toml:1:"), "{mistakes:?}");
        assert!(mistakes[0].what.as_str().contains("lokki") && mistakes[0].fix.as_str().contains("loki"));
    }
}
