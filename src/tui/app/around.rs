//! What can be done with the row under the cursor: its links, the questions it answers, marks, pins and copies.

use super::menu::{Does, Pick};
use super::prompt::{Kind, Prompt};
use super::{App, Detail, Form};
use crate::model::id::recognise;
use crate::model::journey::Fact;
use crate::model::lines::LineRow;
use crate::model::{Identity, SafeText, SourceKind, Verdict};
use crate::tui::engine::Engine;
use crate::tui::evidence::Pin;
use crate::tui::facts::Side;
use crate::tui::screens::Subject;
use crate::tui::screens::dead::letter_of;

/// Identities that can be marked: two, to be compared.
const MARKS: usize = 2;
/// Links that are offered.
const LINKS: usize = 50;

impl<E: Engine> App<E> {
    /// Returns the span, line or record under the cursor.
    pub(super) fn fact(&self) -> Option<Fact> {
        let item = self.views[self.screen].item()?;
        self.shown().fact_of(&self.facts, item)
    }

    /// Returns what can be followed under the cursor, or else whose story is open.
    pub(super) fn identity(&self) -> Option<SafeText> {
        let record = self.record_shown().map(|record| SafeText::new(&record.coordinate.to_string()));
        let own = record.or_else(|| self.views[self.screen].item().and_then(|item| item.follow.clone()));
        own.or_else(|| {
            let is_story = matches!(self.shown().digit(), '2'..='4');
            let story = self.facts.story.as_ref().filter(|_| is_story);
            story.map(|story| SafeText::new(&story.anchor.identity.to_string()))
        })
    }

    /// Jumps along a span link, forward to what is linked or back to what links here.
    pub(super) fn link(&mut self) {
        let (Some(case), Some(Fact::Span(row))) = (self.facts.story.clone(), self.fact()) else { return };
        let own = case.spans.span(row);
        let mut wanted: Vec<_> = own.links().take(LINKS).collect();
        let mut picks = Vec::new();
        let lens = self.shown().digit();
        let mut offer = |way: &str, fact: Fact, trace: String| {
            let Fact::Span(row) = fact else { return };
            let span = case.spans.span(row);
            let about = format!("{} {}, span {} of trace {trace}", span.service(), span.name(), span.id());
            let does = match self.shown().place_of(&self.facts, fact) {
                Some(key) => Does::Seek { lens, key },
                None => Does::Follow(SafeText::new(&trace)),
            };
            picks.push(Pick::new(way, about, does));
        };
        for span in case.spans.iter() {
            let at = (span.trace(), span.id());
            if wanted.contains(&at) {
                wanted.retain(|other| *other != at);
                offer("forward", Fact::Span(span.row()), span.trace().to_string());
            }
            if span.links().any(|to| to == (own.trace(), own.id())) {
                offer("back", Fact::Span(span.row()), span.trace().to_string());
            }
        }
        for (trace, id) in wanted {
            let about = format!("span {id} of trace {trace}, which is not part of this story");
            picks.push(Pick::new("forward", about, Does::Follow(SafeText::new(&trace.to_string()))));
        }
        match picks.len() {
            0 => self.say("no link leads from this span, and no span of this story links to it"),
            1 => {
                let only = picks.remove(0);
                self.say(format!("{}: {}", only.label.as_str(), only.about.as_str()));
                self.pick(only.does);
            }
            all => {
                picks.truncate(LINKS);
                self.offer(format!("{all} links of this span"), picks);
            }
        }
    }

    /// Lists what the rules were asked about this story, with their answers.
    pub(super) fn questions(&mut self) {
        let Some(case) = self.facts.story.clone() else { return };
        let question_of = |code: &str| crate::investigate::question(code).unwrap_or("");
        let mut picks = Vec::new();
        for (at, (code, verdict)) in case.verdicts.iter().enumerate() {
            let question = question_of(code);
            let (answer, does) = match verdict {
                Verdict::Findings(found) => match found.first() {
                    Some(first) => {
                        let key = crate::tui::screens::story::key_of_finding(first);
                        (format!("yes: {}", first.sentence.as_str()), Does::Seek { lens: '2', key })
                    }
                    None => ("no".to_owned(), Does::Nothing),
                },
                Verdict::Clear => ("no".to_owned(), Does::Nothing),
                Verdict::Unknown(why) => {
                    let key = crate::tui::screens::story::key_of_unknown(&case, at);
                    (format!("cannot tell: {}", why.as_str()), Does::Seek { lens: '2', key })
                }
                Verdict::NotApplicable => ("does not arise here".to_owned(), Does::Nothing),
            };
            picks.push(Pick::new(question, answer, does));
        }
        self.offer("questions about this identity", picks);
    }

    /// Marks the identity under the cursor, or takes its mark away.
    pub(super) fn mark(&mut self) {
        let Some(id) = self.identity() else { return };
        let marks = &mut self.facts.marks;
        if let Some(at) = marks.iter().position(|known| *known == id) {
            marks.remove(at);
            self.say(format!("{} is no longer marked", id.as_str()));
            return;
        }
        if marks.len() == MARKS {
            marks.remove(0);
        }
        marks.push(id.clone());
        let is_pair = marks.len() == MARKS;
        let next =
            if is_pair { "{compare-marked} compares the two" } else { "{mark} on another one, then {compare-marked}" };
        let next = self.facts.told(next);
        self.say(format!("marked {}; {next}", id.as_str()));
    }

    /// Pins the row under the cursor as evidence.
    pub(super) fn pin(&mut self, note: &str) {
        let Some(item) = self.views[self.screen].item().cloned() else { return };
        if let Subject::Pinned(at) = item.subject {
            if let Some(pin) = self.facts.evidence.pins.get_mut(at) {
                pin.note = SafeText::new(note.trim());
            }
            self.renew();
            self.keep_evidence();
            return;
        }
        let wide = crate::tui::screens::Room { width: 200, lanes: false, ..self.room() };
        let text = self.shown().stripe(&self.facts, &item, wide).text();
        let text = SafeText::new(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        let pin = Pin {
            at: item.at,
            identity: self.identity(),
            lens: self.shown().digit(),
            key: item.key,
            text,
            note: SafeText::new(note.trim()),
            command: self.command(),
            speaks: None,
        };
        let pins = &mut self.facts.evidence.pins;
        let same = |known: &&mut Pin| (known.lens, known.key, &known.text) == (pin.lens, pin.key, &pin.text);
        match pins.iter_mut().find(same) {
            Some(_) if pin.note.is_empty() => {
                self.tell("pinned already; {pin-note} adds a note, {evidence} shows all");
                return;
            }
            Some(known) => known.note = pin.note,
            None => pins.push(pin),
        }
        let all = self.facts.evidence.pins.len();
        self.tell(&format!("pinned, {all} in all; {{evidence}} shows them"));
        self.renew();
        self.keep_evidence();
    }

    /// Keeps what is pinned beyond the console's end.
    fn keep_evidence(&mut self) {
        if let Err(why) = self.engine.keep(&self.facts.evidence) {
            self.facts.not_kept = Some(why.clone());
            self.say(why);
        }
    }

    /// Pins the row, or takes the pin under the cursor away.
    pub(super) fn pin_or_unpin(&mut self) {
        match self.views[self.screen].item().map(|item| item.subject) {
            Some(Subject::Pinned(at)) => {
                self.facts.evidence.pins.remove(at);
                self.renew();
                self.say("no longer pinned");
                self.keep_evidence();
            }
            _ => self.pin(""),
        }
    }

    /// Adds a hypothesis.
    pub(super) fn suppose(&mut self, hypothesis: SafeText) {
        self.facts.evidence.hypotheses.push(hypothesis);
        self.lens('8');
        self.renew();
        self.tell("{speaks-for} on a pin says that it speaks for it, {speaks-against} against");
        self.keep_evidence();
    }

    /// Says what the pin under the cursor speaks for or against: of several hypotheses, the next one each time.
    pub(super) fn speaks(&mut self, is_for: bool) {
        let Some(Subject::Pinned(at)) = self.views[self.screen].item().map(|item| item.subject) else { return };
        let count = self.facts.evidence.hypotheses.len();
        let Some(pin) = self.facts.evidence.pins.get_mut(at) else { return };
        pin.speaks = match pin.speaks {
            None => Some((count - 1, is_for)),
            Some((of, was)) if was != is_for => Some((of, is_for)),
            Some((of, _)) => of.checked_sub(1).map(|of| (of, is_for)),
        };
        self.renew();
        self.keep_evidence();
    }

    /// Compares the two marked identities: what is not told yet is followed, one after the other.
    pub(super) fn compare_marked(&mut self) {
        let anchors: Vec<_> = self.facts.marks.iter().filter_map(|id| recognise(id.as_str())).collect();
        let side = |anchor: &crate::model::id::Recognised| Side {
            anchor: anchor.clone(),
            case: self.stories.iter().find(|story| story.anchor == *anchor).cloned(),
        };
        let pair = anchors.iter().map(side).collect();
        self.facts.compare(pair);
        self.lens('7');
        self.follow_side();
        self.renew();
    }

    /// Takes a story for the comparison, when it is one of the two.
    pub(super) fn tell_side(&mut self, story: &std::sync::Arc<crate::model::Case>) {
        if self.facts.tell_side(story) {
            self.remember(story);
        }
    }

    /// Follows the next side of the comparison that is not told yet.
    pub(super) fn follow_side(&mut self) {
        if self.shown().digit() != '7' || self.engine.is_following() {
            return;
        }
        if let Some(side) = self.facts.pair.iter().find(|side| side.case.is_none()) {
            let missing = side.anchor.clone();
            self.engine.follow(missing.clone());
            self.is_stale = true;
            self.catch_up();
            // An answer may be there at once, and then it is the other one's turn.
            if self.facts.pair.iter().any(|side| side.anchor == missing && side.case.is_some()) {
                self.follow_side();
            }
        }
    }

    /// Opens the prompt for the note of a pin.
    pub(super) fn pin_with_note(&mut self) {
        self.prompt = Some(Prompt::new(Kind::Note, "", Vec::new()));
    }

    /// Shows what the source sent for the row.
    pub(super) fn raw(&mut self) {
        self.detail = Some(Detail { top: 0, form: Form::Raw });
    }

    /// Returns the command that gives what this screen shows.
    pub(super) fn command(&self) -> SafeText {
        let anchor = self.facts.story.as_ref().map(|story| story.anchor.identity.clone());
        let shown = self.record_shown().map(|record| Identity::Record(record.coordinate.clone()));
        let under = self.views[self.screen].item().and_then(|item| item.follow.as_ref());
        let record = shown.or_else(|| under.and_then(|id| recognise(id.as_str())).map(|found| found.identity));
        let letter = self.views[self.screen].item().and_then(|item| letter_of(&self.facts, item));
        let verb = match (self.shown().digit(), &anchor) {
            ('2' | '3', Some(id)) => format!("follow {}", quoted(&id.to_string())),
            ('4', Some(id)) => format!("logs for {}", quoted(&id.to_string())),
            ('5', _) => match record {
                Some(Identity::Record(at)) => format!("queue record {}", quoted(&at.to_string())),
                _ => "queue lag".to_owned(),
            },
            ('6', _) => match letter {
                Some(letter) => format!("dead show {}", quoted(&letter.record.coordinate.to_string())),
                None => "dead cohorts".to_owned(),
            },
            ('9', _) => "doctor".to_owned(),
            ('0', _) => "keys".to_owned(),
            _ => "now".to_owned(),
        };
        let window = match (self.shown().digit(), &self.facts.story, &self.facts.now) {
            ('2'..='4', Some(story), _) => Some(story.window),
            ('1', _, Some(now)) => Some(now.window),
            _ => None,
        };
        let window =
            window.map(|window| format!(" --since {} --until {}", window.from.rfc3339(), window.until.rfc3339()));
        SafeText::new(&format!("hopscope {verb}{}{}", self.invocation.as_str(), window.unwrap_or_default()))
    }

    /// Offers what can be copied from here.
    pub(super) fn copy_menu(&mut self) {
        let mut picks = Vec::new();
        let mut one = |label: &str, text: SafeText| {
            picks.push(Pick::new(label, text.clone(), Does::Copy(vec![text])));
        };
        if let Some(id) = self.identity() {
            one("id", id);
        }
        if let Some(item) = self.views[self.screen].item() {
            if let Some(value) = self.value() {
                one("value", value);
            }
            let wide = crate::tui::screens::Room { width: 400, lanes: false, ..self.room() };
            let row = self.shown().stripe(&self.facts, item, wide).text();
            one("row", SafeText::new(&row.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        if let Some(query) = self.logql() {
            one("LogQL", query);
        }
        if let Some(url) = self.jaeger_url() {
            one("Jaeger URL", url);
        }
        one("command", self.command());
        if let Some(item) = self.views[self.screen].item() {
            let lines = self.shown().describe(&self.facts, item);
            let lines: Vec<SafeText> = lines.iter().map(|stripe| SafeText::new(stripe.text().trim_end())).collect();
            let about = format!("{} lines", lines.len());
            picks.push(Pick::new("everything", about, Does::Copy(lines)));
        }
        if self.shown().digit() == '8' {
            let lines = self.facts.evidence.markdown();
            picks.push(Pick::new("all evidence", format!("{} lines of Markdown", lines.len()), Does::Copy(lines)));
        }
        self.offer("copy", picks);
    }

    /// The text of the line, or the value of the record.
    fn value(&self) -> Option<SafeText> {
        if let Some(record) = self.record_shown() {
            return record.value.as_ref().map(|value| SafeText::from_bytes(value));
        }
        if let Some(letter) = self.views[self.screen].item().and_then(|item| letter_of(&self.facts, item)) {
            return letter.record.value.as_ref().map(|value| SafeText::from_bytes(value));
        }
        let case = self.facts.story.as_ref()?;
        match self.fact()? {
            Fact::Line(row) => Some(SafeText::new(case.lines.line(row).text())),
            Fact::Record(at) => case.records.get(at as usize)?.value.as_ref().map(|value| SafeText::from_bytes(value)),
            Fact::Span(row) => Some(SafeText::new(&case.spans.span(row).id().to_string())),
            Fact::Queue => None,
        }
    }

    /// A query that finds the line under the cursor, or the lines of the identity in a stream that held some.
    fn logql(&self) -> Option<SafeText> {
        let case = self.facts.story.as_ref().filter(|_| matches!(self.shown().digit(), '2'..='4'))?;
        let row = match self.fact() {
            Some(Fact::Line(row)) => row,
            _ if !case.lines.is_empty() => LineRow(0),
            _ => return None,
        };
        let text = |text: &str| serde_json::to_string(text).expect("a text is JSON");
        let labels = case.lines.line(row).labels().map(|(name, value)| format!("{name}={}", text(value)));
        let selector = labels.collect::<Vec<_>>().join(", ");
        let needle = match &case.anchor.identity {
            Identity::Trace(trace) | Identity::Span(trace, _) => trace.to_string(),
            other => other.to_string(),
        };
        (!selector.is_empty()).then(|| SafeText::new(&format!("{{{selector}}} |= {}", text(&needle))))
    }

    /// The page of Jaeger's own console that shows the trace under the cursor.
    fn jaeger_url(&self) -> Option<SafeText> {
        let lamp = self.facts.now.as_ref()?.lamps.iter().find(|lamp| lamp.source == SourceKind::Jaeger)?;
        let address = lamp.address.as_str();
        // Through Grafana's door it has no page.
        let base =
            address.split_whitespace().next().filter(|base| base.starts_with("http") && !base.contains("/api/"))?;
        let case = self.facts.story.as_ref();
        let span = match (self.fact(), case) {
            (Some(Fact::Span(row)), Some(case)) => Some(case.spans.span(row)),
            _ => None,
        };
        let trace = match span {
            Some(span) => span.trace(),
            None => match recognise(self.identity()?.as_str())?.identity {
                Identity::Trace(trace) | Identity::Span(trace, _) => trace,
                _ => return None,
            },
        };
        let find = span.map(|span| format!("?uiFind={}", span.id())).unwrap_or_default();
        Some(SafeText::new(&format!("{}/trace/{trace}{find}", base.trim_end_matches('/'))))
    }
}

/// Writes a word so that a shell takes it as one.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
