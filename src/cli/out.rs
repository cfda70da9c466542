//! stdout for data, stderr for everything else.

use super::args::Arguments;
use super::exit::Exit;
use crate::config::Mistake;
use crate::export::json;
use crate::export::report::{ErrorReport, ErrorRow};
use crate::investigate::SourceSet;
use crate::model::{Fault, SafeText};
use jiff::tz::TimeZone;
use std::io::{self, Write};

/// Where and how things are written.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    json: bool,
    quiet: bool,
    verbose: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    rows: Vec<ErrorRow>,
    exit: Exit,
}

impl Failure {
    /// A mistake in the arguments, as the parser words it.
    pub fn usage(rendered: &str) -> Self {
        let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
        let what = lines.next().unwrap_or("the arguments cannot be read").trim_start_matches("error: ");
        let rest: Vec<&str> = lines.take_while(|line| !line.starts_with("For more")).collect();
        let fix = if rest.is_empty() { "see hopscope --help".to_owned() } else { rest.join("; ") };
        Self::mistakes(vec![Mistake::new("command line", what, &fix)])
    }

    /// Mistakes of the person.
    pub fn mistakes(mistakes: Vec<Mistake>) -> Self {
        let row = |mistake: Mistake| ErrorRow { place: mistake.place, what: mistake.what, fix: mistake.fix };
        Self { rows: mistakes.into_iter().map(row).collect(), exit: Exit::Usage }
    }

    /// One mistake.
    pub fn mistake(place: &str, what: &str, fix: &str) -> Self {
        Self::mistakes(vec![Mistake::new(place, what, fix)])
    }

    /// Says in one line what happened.
    pub fn summary(&self) -> SafeText {
        let row = self.rows.first().expect("a failure has a reason");
        format!("{}: {}", row.place.as_str(), row.what.as_str()).into()
    }

    /// Sources that failed.
    pub fn faults(faults: &[Fault], exit: Exit) -> Self {
        let row = |fault: &Fault| ErrorRow {
            place: SafeText::own(fault.source.name()),
            what: SafeText::new(&format!("{}: {} ({})", fault.kind.word(), fault.came.as_str(), fault.asked.as_str())),
            fix: fault.hint.clone(),
        };
        Self { rows: faults.iter().map(row).collect(), exit }
    }
}

impl Out {
    /// As the arguments say.
    pub fn of(arguments: &Arguments) -> Self {
        Self { json: arguments.form() == "json", quiet: arguments.quiet, verbose: arguments.verbose }
    }

    /// Text.
    pub const fn text() -> Self {
        Self { json: false, quiet: false, verbose: false }
    }

    /// JSON.
    pub const fn json() -> Self {
        Self { json: true, quiet: false, verbose: false }
    }

    /// Says whether JSON is wanted.
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Writes the answer. A reader that went away is not an error: what it wanted it has.
    pub fn data(self, text: &str, exit: Exit) -> Exit {
        self.write(|out| out.write_all(text.as_bytes()), exit)
    }

    /// Writes the answer piece by piece, as [`Out::data`] does.
    pub fn write(self, answer: impl FnOnce(&mut dyn Write) -> io::Result<()>, exit: Exit) -> Exit {
        let mut out = io::BufWriter::with_capacity(32 << 10, io::stdout().lock());
        match answer(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.remark(&format!("cannot write the answer: {error}"));
                Exit::NoAnswer
            }
            Ok(()) | Err(_) => exit,
        }
    }

    /// Writes a part of an answer that goes on; `false` when nobody reads any more.
    pub fn stream(self, text: &str) -> bool {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
    }

    /// Writes why there is no answer: to stderr, and with JSON also as the document.
    pub fn failure(self, failure: &Failure) -> Exit {
        for row in &failure.rows {
            let text = format!("hopscope: {}: {}\n  {}", row.place.as_str(), row.what.as_str(), row.fix.as_str());
            Self::stderr(&text);
        }
        if self.json {
            let rows = failure.rows.iter().map(|row| ErrorRow {
                place: row.place.clone(),
                what: row.what.clone(),
                fix: row.fix.clone(),
            });
            return self.data(&json::write(&ErrorReport::of(rows.collect(), failure.exit.code())), failure.exit);
        }
        failure.exit
    }

    /// Writes a remark, unless it is to be quiet.
    pub fn remark(self, text: &str) {
        if !self.quiet {
            Self::stderr(&format!("hopscope: {text}"));
        }
    }

    /// Writes the requests that were made after the first `told`, when that is wanted. Returns how many were made in all.
    pub fn requests(self, sources: &SourceSet, told: u64) -> u64 {
        let made = sources.requests_made();
        if self.verbose && made > told {
            let requests = sources.requests();
            let fresh = usize::try_from(made - told).unwrap_or(usize::MAX);
            let missing = fresh.saturating_sub(requests.entries.len());
            if missing > 0 {
                Self::stderr(&format!("{missing} earlier requests are not kept"));
            }
            for exchange in requests.entries.iter().skip(requests.entries.len().saturating_sub(fresh)) {
                Self::stderr(&format!(
                    "{:<6} {:>7} {:>6} rows {:>9} bytes  {}  {}",
                    exchange.source.name(),
                    exchange.took.human(),
                    exchange.rows,
                    exchange.bytes,
                    exchange.status.as_str(),
                    exchange.request.as_str()
                ));
            }
        }
        made
    }

    /// Writes every request, what the question has cost of its budget, and which breakers are not closed, when that is wanted.
    pub fn account(self, sources: &SourceSet) {
        self.requests(sources, 0);
        let Some((all, each)) = sources.spent().filter(|_| self.verbose) else { return };
        Self::stderr(&format!("{:<6} {}", "all", all.words()));
        for (source, spent) in each {
            let trouble = sources.breaker_of(source).trouble(|at| at.clock(&TimeZone::UTC));
            let trouble = trouble.map(|words| format!("; {words}")).unwrap_or_default();
            Self::stderr(&format!("{:<6} {}{trouble}", source.name(), spent.words()));
        }
    }

    fn stderr(text: &str) {
        // Nobody is left to tell when stderr is closed.
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}
