//! Incidents as data: each folder holds a scenario, which the world model plays, and the answer that is right for it.
//!
//! The real engine follows an id over real sockets. What it tells is reduced to a `Story` and compared with the answer
//! file, which was thought out from the scenario; the answer in turn is compared with what the world model knows to
//! have happened. So a wrong answer file, a wrong world and a wrong engine are told apart.
//! Every scenario has a twin that looks alike and must be judged otherwise, and is told again with a source missing.
//!
//! To add one, copy `dead-letter/`.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod answer;
mod demo;
mod play;
mod score;
mod story;

use answer::{Answer, Expected, Kind};
use hopscope::model::journey::Outcome;
use hopscope::model::verdict::Severity;
use hopscope::model::{Case, Reach, Verdict};
use hopscope::world::Scenario;
use play::Play;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use story::Story;

/// Offences of one case, each with what was expected and what came.
struct Complaints<'a> {
    place: String,
    /// What is known to be wrong today, and whether it was met.
    gaps: BTreeMap<String, bool>,
    all: &'a mut Vec<String>,
}

impl<'a> Complaints<'a> {
    fn new(place: String, gaps: &BTreeMap<String, String>, all: &'a mut Vec<String>) -> Self {
        Self { place, gaps: gaps.keys().map(|about| (about.clone(), false)).collect(), all }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: &T, came: &T) {
        if expected != came {
            self.offend(what, &format!("{what}\n    expected {expected:?}\n    came     {came:?}"));
        }
    }

    fn demand(&mut self, what: &str, holds: bool, sentence: &str) {
        if !holds {
            self.offend(what, sentence);
        }
    }

    fn offend(&mut self, what: &str, sentence: &str) {
        match self.gaps.get_mut(what) {
            Some(met) => *met = true,
            None => self.all.push(format!("{}: {sentence}", self.place)),
        }
    }

    /// A gap that is no more must leave the answer file.
    fn end(self) {
        for about in self.gaps.into_iter().filter(|(_, met)| !met).map(|(about, _)| about) {
            self.all.push(format!("{}: the gap `{about}` is closed; take it out of the answer file", self.place));
        }
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn read(folder: &Path) -> (Scenario, Answer) {
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let scenario = Scenario::from_toml(&text("scenario.toml")).unwrap();
    let answer = toml::from_str(&text("answer.toml")).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    (scenario, answer)
}

fn check(folder: &Path) -> Vec<String> {
    let (scenario, answer) = read(folder);
    let (name, mut all) = (scenario.name.to_string(), Vec::new());
    let play = Play::start(scenario);
    // Cases with every source, by what was followed.
    let mut whole: BTreeMap<(u64, String), Case> = BTreeMap::new();
    for expected in &answer.cases {
        let place = format!("{name}: {}", expected.name);
        let mut complaints = Complaints::new(place, &expected.gaps, &mut all);
        let case = play.follow(expected);
        judge(&play, expected, &case, &mut complaints);
        let followed = (expected.first_after_s, expected.follow.clone());
        if expected.missing.is_empty() {
            whole.insert(followed, case);
        } else {
            let whole = whole.entry(followed).or_insert_with(|| play.follow(&expected.with_all_sources()));
            weaker(whole, &case, expected, &mut complaints);
        }
        complaints.end();
    }
    all
}

fn judge(play: &Play, expected: &Expected, case: &Case, complaints: &mut Complaints<'_>) {
    let told = Story::of_case(case);
    let answered = expected.answered_by(&told);
    if expected.missing.is_empty() && !expected.hidden {
        let truth = play.truth(expected);
        complaints.same("the answer file against the truth", expected, &expected.answered_by(&truth));
        complaints.same("groups", &truth.groups, &told.groups);
        complaints.same("coordinates", &truth.copies, &told.copies);
        complaints.demand("complete", case.is_complete(), "with every source answering, the case must be complete");
    }
    complaints.same("outcome", &expected.outcome, &answered.outcome);
    complaints.same("attempts", &expected.attempts, &answered.attempts);
    for (lane, wanted) in &expected.groupings {
        complaints.same("groupings", &Some(wanted), &told.groupings.get(lane));
    }
    complaints.same("executions", &expected.executions, &answered.executions);
    complaints.same("deliveries", &expected.deliveries, &answered.deliveries);
    complaints.same("copies", &expected.copies, &answered.copies);
    let said = |code: &str| case.verdicts.iter().find(|(known, _)| known == code).map(|(_, verdict)| word(verdict));
    let lists = [
        ("findings", &expected.found),
        ("clear", &expected.clear),
        ("unknown", &expected.unknown),
        ("not applicable", &expected.not_applicable),
    ];
    for (wanted, codes) in lists {
        for code in codes {
            complaints.same(&format!("rule {code}"), &Some(wanted), &said(code));
        }
    }
    for (code, verdict) in &case.verdicts {
        let Verdict::Findings(findings) = verdict else { continue };
        let serious = findings.iter().find(|finding| finding.severity >= Severity::Warn);
        if let Some(finding) = serious.filter(|_| !expected.found.contains(&code.to_string())) {
            let sentence = format!("{code} is not in the answer, and says: {}", finding.sentence);
            complaints.demand(&format!("rule {code}"), false, &sentence);
        }
    }
    let gaps: BTreeSet<String> = case.journey.gaps.iter().map(story::absence).collect();
    complaints.same("absences", &expected.absences, &gaps);
}

/// What must hold of every case that lacks a source, compared with the same case that has all.
fn weaker(whole: &Case, case: &Case, expected: &Expected, complaints: &mut Complaints<'_>) {
    for source in expected.missing() {
        let reach = case.coverage_of(source).unwrap().reach;
        complaints.demand(
            "reach",
            matches!(reach, Reach::None | Reach::NotAsked),
            &format!("{source} refuses connections, and its reach is {reach:?}"),
        );
    }
    complaints.demand("complete", !case.is_complete(), "a case without a source calls itself complete");
    for ((code, before), (_, after)) in whole.verdicts.iter().zip(&case.verdicts) {
        let sentence = format!("{code} said `{}` with every source and says `{}` without", word(before), word(after));
        let is_healthier = matches!(before, Verdict::Findings(_)) && matches!(after, Verdict::Clear);
        let is_new = matches!(after, Verdict::Findings(_)) && !matches!(before, Verdict::Findings(_));
        // What is missing is more when a source is missing.
        complaints.demand(&format!("rule {code}"), !is_healthier && (!is_new || code == "R25"), &sentence);
    }
    let is_well = |outcome: &Outcome| matches!(outcome, Outcome::Succeeded | Outcome::SucceededAfterRetries);
    complaints.demand(
        "outcome",
        is_well(&whole.journey.outcome) || !is_well(&case.journey.outcome),
        "a missing source made a good end of a bad one",
    );
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Findings(_) => "findings",
        Verdict::Clear => "clear",
        Verdict::Unknown(_) => "unknown",
        Verdict::NotApplicable => "not applicable",
    }
}

#[test]
fn every_scenario_has_a_twin_and_a_missing_source() {
    let mut offences = Vec::new();
    for folder in folders() {
        let (_, answer) = read(&folder);
        for kind in Kind::ALL {
            let mut cases = answer.cases.iter().filter(|case| case.kind == kind);
            if !cases.clone().any(|case| case.missing.is_empty() == (kind != Kind::SourceMissing)) {
                offences.push(format!("{}: no case of the kind {kind:?}", folder.display()));
            }
            if cases.any(|case| (kind == Kind::SourceMissing) == case.missing.is_empty()) {
                offences.push(format!("{}: a case that names the wrong kind", folder.display()));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn every_scenario_is_told_and_judged_as_it_happened() {
    // Most of the time goes by in waiting for refused connections, so all scenarios are played at once.
    let complaints: Vec<String> = thread::scope(|scope| {
        let played: Vec<_> = folders().into_iter().map(|folder| scope.spawn(move || check(&folder))).collect();
        played.into_iter().flat_map(|scenario| scenario.join().unwrap()).collect()
    });
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
