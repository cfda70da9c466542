//! Frame bench: a frame costs what is visible, not what is known.
//!
//! usage: cargo bench --bench draw [-- LENS...]

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

#[allow(dead_code, reason = "one shape and one dialect are enough here")]
mod trace;

use hopscope::correlate::hunt::{Hunt, Settings};
use hopscope::decode::jaeger;
use hopscope::model::id::{Recognised, recognise};
use hopscope::model::journey::{Entry, Fact, Ground, Journey, Mark, Outcome, RowKind, Rows, Word, Words};
use hopscope::model::lines::LineRow;
use hopscope::model::record::{RecordRead, RecordWanted};
use hopscope::model::tail::{Tail, TailWanted};
use hopscope::model::{Case, Dead, LineStore, Nanos, Now, SafeText, SourceKind, Tier, Timestamp, TraceId};
use hopscope::tui::app::{App, Start};
use hopscope::tui::engine::{Dealings, Engine};
use hopscope::tui::evidence::Evidence;
use hopscope::tui::keys::{KeyMap, Press};
use hopscope::tui::look::{Depth, Pen, Signs, themes};
use hopscope::tui::stage::{Input, Stage};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Knows one story.
struct Told(Arc<Case>);

impl Engine for Told {
    fn follow(&mut self, _: Recognised) {}
    fn try_again(&mut self) {}

    fn read_now(&mut self) {}
    fn read_dead(&mut self) {}
    fn read_record(&mut self, _: RecordWanted) {}
    fn examine(&mut self) {}

    fn is_examining(&self) -> bool {
        false
    }

    fn adjust(&mut self, _: &str) -> Result<(), (SafeText, SafeText)> {
        Ok(())
    }

    fn dealings(&self) -> Dealings {
        Dealings::default()
    }

    fn cancel(&mut self) {}
    fn story(&self) -> Option<Arc<Case>> {
        Some(Arc::clone(&self.0))
    }
    fn present(&self) -> Option<Arc<Now>> {
        None
    }
    fn dead(&self) -> Option<Arc<Dead>> {
        None
    }
    fn is_reading_dead(&self) -> bool {
        false
    }
    fn record(&self) -> Option<Arc<RecordRead>> {
        None
    }
    fn is_reading_record(&self) -> bool {
        false
    }
    fn tail(&mut self, _: &str, _: TailWanted) {}
    fn end_tail(&mut self) {}
    fn tailed(&self) -> Option<Arc<Tail>> {
        None
    }
    fn keep(&mut self, _: &Evidence) -> Result<(), SafeText> {
        Ok(())
    }
    fn is_following(&self) -> bool {
        false
    }
    fn is_reading(&self) -> bool {
        false
    }
}

fn story(rows: usize) -> Case {
    let anchor = recognise("ord-1").expect("an id");
    let mut case =
        Hunt::new(anchor, Settings::new(Timestamp(0), vec![SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka]))
            .case();
    let lanes = ["gateway", "orders", "payments", "bank-adapter", "fulfilment", "inventory"];
    let (mut kept, mut words) = (Rows::default(), Words::default());
    for at in 0..rows {
        let text = format!("POST payments.shop.svc:8080/charge (attempt {at} of {rows}): 503");
        let (why, follow) = (words.add("client span of the trace"), words.add("ord-1"));
        kept.push(Entry {
            at: Timestamp(1_767_258_000_000_000_000 + at as i64 * 1_000_000),
            depth: (at % 7) as u16,
            lane: words.add(lanes[at % lanes.len()]),
            kind: [RowKind::Attempt, RowKind::Execution, RowKind::Line, RowKind::Delivery][at % 4],
            head: words.add(&text),
            tail: Word::default(),
            mark: [Mark::Ok, Mark::Error, Mark::Plain, Mark::Warn][at % 4],
            tier: Tier::Exact,
            fact: (at % 4 == 2).then_some(Fact::Line(LineRow(at as u32 / 4))),
            ground: Ground::Told { duration: Some(Nanos::from_millis(at as i64 % 900)), why, follow },
        });
    }
    let mut written = LineStore::default();
    let stream = written.stream(&[("service_name", "orders")]);
    for at in (0..rows).filter(|at| at % 4 == 2) {
        written.push(stream, Timestamp(at as i64), "POST payments.shop.svc:8080/charge: 503", &[], 0);
    }
    case.lines = Arc::new(written);
    case.journey = Journey { outcome: Outcome::Failed, rows: kept, words, ..Journey::default() };
    case
}

/// The fastest of many rounds: what the work takes when nobody else is working.
fn fastest(rounds: u32, mut work: impl FnMut()) -> Duration {
    let one = |work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    (0..rounds).map(|_| one(&mut work)).min().unwrap_or_default()
}

/// The console over a case, on a screen that stays.
struct Seat {
    app: App<Told>,
    terminal: Terminal<TestBackend>,
}

impl Seat {
    fn new(case: Case, (columns, rows): (u16, u16)) -> Self {
        let theme = themes::built_in("dark").expect("a theme of the program");
        let start = Start {
            name: SafeText::own("bench"),
            zone: TimeZone::UTC,
            keys: KeyMap::default(),
            anchor: recognise("ord-1"),
            offers: Vec::new(),
            invocation: SafeText::default(),
            evidence: (Evidence::default(), None),
            veil: 7,
        };
        let pen = Pen::new(&theme, Depth::Palette, Signs::UNICODE);
        let mut app = App::new(Told(Arc::new(case)), pen, start);
        app.take(Input::Resized { columns, rows });
        let terminal = Terminal::new(TestBackend::new(columns, rows)).expect("drawing into memory cannot fail");
        Self { app, terminal }
    }

    fn frame(&mut self, inputs: &[Input]) {
        for input in inputs {
            self.app.take(input.clone());
        }
        self.terminal.draw(|frame| self.app.draw(frame)).expect("drawing into memory cannot fail");
    }
}

fn key(text: &str) -> Input {
    Input::Key(Press::parse(text).expect("a key").event())
}

/// A frame of nothing, by the same library on a screen of the same size.
fn empty((columns, rows): (u16, u16)) -> Duration {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("drawing into memory cannot fail");
    fastest(400, || {
        terminal.draw(|_| {}).expect("drawing into memory cannot fail");
    })
}

/// A trace of 100,000 spans and a million lines of its services, each of which is a row of the story.
fn large(lines: usize) -> Case {
    let mut decoder = jaeger::Decoder::default();
    decoder.push(&trace::internal(100_000, trace::Shape::Mixed));
    let spans = decoder.finish().0;
    let mut case = story(lines);
    case.journey.traces = vec![TraceId::parse(trace::TRACE).expect("a trace id")];
    case.spans = Arc::new(spans);
    case
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let size = (140, 40);
    println!("{:>9}  {:>14}  {:>14}  {:>16}", "rows", "step and frame", "end and frame", "new state, frame");
    let mut frames = Vec::new();
    for rows in [1_000, 10_000, 100_000, 1_000_000] {
        let mut seat = Seat::new(story(rows), size);
        seat.frame(&[]);
        let step = fastest(200, || seat.frame(&[key("j")]));
        let ends = fastest(50, || seat.frame(&[key("G"), key("g")]));
        let renewed = fastest(5, || seat.frame(&[Input::Rang]));
        println!("{rows:>9}  {step:>14.1?}  {ends:>14.1?}  {renewed:>16.1?}");
        frames.push(step.as_secs_f64());
    }
    println!("\na frame over 1,000,000 rows takes {:.2} times one over 1,000 (goal: 1)\n", frames[3] / frames[0]);

    let size = (200, 60);
    let nothing = empty(size);
    let mut seat = Seat::new(large(1_000_000), size);
    println!("200x60, 100,000 spans, 1,000,000 rows; an empty frame takes {nothing:.1?}");
    let lenses = [("2", "Story"), ("3", "Trace"), ("4", "Logs")];
    let wanted = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
    for (lens, name) in lenses.into_iter().filter(|(_, name)| wanted(name)) {
        seat.frame(&[key(lens)]);
        let still = fastest(200, || seat.frame(&[]));
        let step = fastest(200, || seat.frame(&[key("j")]));
        let times = |took: Duration| took.as_secs_f64() / nothing.as_secs_f64();
        println!(
            "{name:>9}  {still:>10.1?} {:>5.1} times (goal: 2, limit: 5); with a step {step:.1?}, {:.1} times",
            times(still),
            times(step)
        );
    }
}
