//! Counts what each source was asked and what came of it.

use crate::model::ask::NoteKind;
use crate::model::{Answer, Ask, Fault, FaultKind, Note, Reach, SourceCoverage, SourceKind, Window};

/// Coverage of the sources while a hunt runs.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    sources: Vec<SourceCoverage>,
}

impl Tally {
    /// Starts with nothing asked.
    pub fn new(configured: &[SourceKind]) -> Self {
        let of = |source: &SourceKind| {
            let reach = if configured.contains(source) { Reach::NotAsked } else { Reach::NotConfigured };
            SourceCoverage::untouched(*source, reach)
        };
        Self { sources: SourceKind::named(configured).iter().map(of).collect() }
    }

    /// Counts a question.
    pub fn ask(&mut self, source: SourceKind, ask: &Ask) {
        let coverage = self.of(source);
        coverage.asked += 1;
        let window: Option<&Window> = match ask {
            Ask::FindSpans { window, .. }
            | Ask::FindAnywhere { window, .. }
            | Ask::FindErrors { window, .. }
            | Ask::FindLines { window, .. }
            | Ask::QueryLines { window, .. } => Some(window),
            Ask::Services
            | Ask::Trace(_)
            | Ask::Record(_)
            | Ask::ScanRecords { .. }
            | Ask::Topics
            | Ask::TopicsInFull
            | Ask::Queues => None,
        };
        if let Some(window) = window {
            coverage.window = Some(coverage.window.map_or(*window, |known| known.union(window)));
        }
    }

    /// Counts an answer or a fault.
    pub fn absorb(&mut self, source: SourceKind, outcome: &Result<Answer, Fault>) {
        let coverage = self.of(source);
        match outcome {
            Ok(answer) => {
                coverage.answered += 1;
                for note in &answer.notes {
                    if !coverage.notes.contains(note) {
                        coverage.notes.push(note.clone());
                    }
                }
            }
            Err(fault) => {
                if fault.kind == FaultKind::NotConfigured {
                    coverage.reach = Reach::NotConfigured;
                }
                if !coverage.faults.contains(fault) {
                    coverage.faults.push(fault.clone());
                }
            }
        }
        coverage.reach = match (coverage.reach, coverage.answered) {
            (Reach::NotConfigured, _) => Reach::NotConfigured,
            (_, 0) => Reach::None,
            _ if coverage.faults.is_empty() && !coverage.notes.iter().any(weakens) => Reach::Full,
            _ => Reach::Partial,
        };
    }

    /// Says whether a source failed to answer everything so far, without hope for more.
    pub fn is_down(&self, source: SourceKind) -> bool {
        self.sources.iter().any(|coverage| {
            coverage.source == source
                && coverage.answered == 0
                && coverage.faults.iter().any(|fault| matches!(fault.kind, FaultKind::Unreachable | FaultKind::Refused))
        })
    }

    /// Returns the coverage, one entry per source.
    pub fn sources(&self) -> &[SourceCoverage] {
        &self.sources
    }

    fn of(&mut self, source: SourceKind) -> &mut SourceCoverage {
        self.sources
            .iter_mut()
            .find(|coverage| coverage.source == source)
            .expect("every source that is asked has an entry")
    }
}

/// Says whether a remark makes an answer less than complete. What was deleted cannot be told any more, whatever it was.
fn weakens(note: &Note) -> bool {
    match note.kind {
        NoteKind::Damaged
        | NoteKind::Truncated
        | NoteKind::PartMissing
        | NoteKind::NotPermitted
        | NoteKind::OutOfRetention => true,
        NoteKind::NotFound | NoteKind::Remark => false,
    }
}
