//! Frame bench: a frame costs what is visible, not what is known.
//!
//! usage: cargo bench --bench draw

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use hopscope::correlate::hunt::{Hunt, Settings};
use hopscope::model::id::{Recognised, recognise};
use hopscope::model::journey::{Entry, Ground, Journey, Mark, Outcome, RowKind, Rows, Word, Words};
use hopscope::model::record::{RecordRead, RecordWanted};
use hopscope::model::{Case, Dead, Nanos, Now, SafeText, SourceKind, Tier, Timestamp};
use hopscope::tui::app::{App, Start};
use hopscope::tui::engine::{Dealings, Engine};
use hopscope::tui::headless;
use hopscope::tui::keys::{KeyMap, Press};
use hopscope::tui::look::{Depth, Pen, Signs, themes};
use hopscope::tui::stage::{Input, Stage};
use jiff::tz::TimeZone;
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
            fact: None,
            ground: Ground::Told { duration: Some(Nanos::from_millis(at as i64 % 900)), why, follow },
        });
    }
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

fn main() {
    println!("{:>9}  {:>14}  {:>14}  {:>16}", "rows", "step and frame", "end and frame", "new state, frame");
    let mut frames = Vec::new();
    for rows in [1_000, 10_000, 100_000] {
        let theme = themes::built_in("dark").expect("a theme of the program");
        let start = Start {
            name: SafeText::own("bench"),
            zone: TimeZone::UTC,
            keys: KeyMap::default(),
            anchor: recognise("ord-1"),
            offers: Vec::new(),
            invocation: SafeText::default(),
            veil: 7,
        };
        let pen = Pen::new(&theme, Depth::Palette, Signs::UNICODE);
        let mut app = App::new(Told(Arc::new(story(rows))), pen, start);
        let key = |text: &str| Input::Key(Press::parse(text).expect("a key").event());
        let mut frame = |inputs: &[Input]| {
            for input in inputs {
                app.take(input.clone());
            }
            headless::shown(&mut app, 140, 40);
        };
        frame(&[]);
        let step = fastest(200, || frame(&[key("j")]));
        let ends = fastest(50, || frame(&[key("G"), key("g")]));
        let renewed = fastest(10, || frame(&[Input::Rang]));
        println!("{rows:>9}  {step:>14.1?}  {ends:>14.1?}  {renewed:>16.1?}");
        frames.push(step.as_secs_f64());
    }
    println!("\na frame over 100,000 rows takes {:.2} times one over 1,000 (goal: 1)", frames[2] / frames[0]);
}
