//! What people and programs read about a case made by hand.

use super::{FORMATS, Format, Look};
use crate::model::case::{AskedQuery, Progress};
use crate::model::journey::{Entry, Ground, Journey, Mark, Outcome, RowKind, Rows, Word, Words};
use crate::model::record::RecordClock;
use crate::model::verdict::{Confidence, Severity};
use crate::model::{
    Case, Coordinate, Fault, FaultKind, Finding, Header, Nanos, Reach, Record, SafeText, SourceCoverage, SourceKind,
    Tier, Timestamp, Verdict, Window,
};
use jiff::tz::TimeZone;
use std::sync::Arc;

const AT: Timestamp = Timestamp(1_700_000_000_000_000_000);

fn case() -> Case {
    let coordinate = Coordinate::parse("orders-7@88213").expect("a coordinate");
    let (mut rows, mut words) = (Rows::default(), Words::default());
    let mut row = |after, mark, kind, text: &str| {
        let (why, follow) = (words.add("same coordinate"), Word::default());
        rows.push(Entry {
            at: AT.plus(Nanos::from_secs(after)),
            depth: u16::from(after > 0),
            lane: words.add("billing"),
            kind,
            head: words.add(text),
            tail: Word::default(),
            mark,
            tier: Tier::Exact,
            fact: None,
            ground: Ground::Told { duration: Some(Nanos::from_millis(250)), why, follow },
        });
    };
    row(0, Mark::Ok, RowKind::Copy, "written to orders-7@88213");
    row(2, Mark::Error, RowKind::Delivery, "delivery 1 failed: ParseException");
    let finding = Finding {
        code: "R05",
        name: "poison record",
        severity: Severity::Critical,
        confidence: Confidence::Confirmed,
        sentence: SafeText::own("orders-7@88213 failed 3 times in the group billing"),
        evidence: Vec::new(),
        refuted_by: SafeText::own("a handled delivery"),
        next: SafeText::own("read the record"),
    };
    let fault = Fault {
        source: SourceKind::Loki,
        kind: FaultKind::Unreachable,
        asked: SafeText::own("GET /loki/api/v1/query_range"),
        came: SafeText::own("connection refused"),
        hint: SafeText::own("is Loki running, is the port right?"),
    };
    let coverage = |source, reach| SourceCoverage { asked: 1, answered: 1, ..SourceCoverage::untouched(source, reach) };
    Case {
        anchor: crate::model::id::recognise("orders-7@88213").expect("an identity"),
        at: AT,
        window: Window::around(AT, Nanos::from_secs(3_600), Nanos(0)),
        spans: Arc::default(),
        lines: Arc::default(),
        records: Arc::new(vec![Record {
            coordinate,
            timestamp: AT,
            clock: RecordClock::CreateTime,
            key: Some("order-1".into()),
            value: Some("{\"total\": 12}\n\u{1b}[2Jgone\u{202e}".into()),
            headers: vec![Header { key: "raw".into(), value: Some(vec![0xff, 0x00].into()) }],
            producer_id: -1,
            producer_epoch: -1,
            transaction: None,
            sequence: -1,
            mapping: None,
            exchange: 0,
        }]),
        queues: None,
        aliases: Vec::new(),
        journey: Journey {
            outcome: Outcome::Blocked,
            summary: SafeText::own("the group billing stands at this record"),
            rows,
            words,
            ..Journey::default()
        },
        paths: crate::model::Paths::default(),
        verdicts: vec![
            ("R05".into(), Verdict::Findings(vec![finding])),
            ("R08".into(), Verdict::Unknown(SafeText::own("Loki did not answer"))),
        ],
        coverage: vec![
            SourceCoverage { answered: 0, faults: vec![fault], ..coverage(SourceKind::Loki, Reach::None) },
            coverage(SourceKind::Kafka, Reach::Full),
        ],
        ledger: Vec::new(),
        exchanges: Vec::new(),
        queries: vec![AskedQuery {
            number: 1,
            source: SourceKind::Kafka,
            what: SafeText::own("record orders-7@88213"),
            why: SafeText::own("it was asked for"),
            rows: Some(1),
        }],
        progress: Progress::Complete,
    }
}

fn written(format: &Format, look: &Look) -> String {
    let mut out = Vec::new();
    (format.story)(&case(), look, 4, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

#[test]
fn every_format_of_a_story() {
    let look = Look { width: 80, zone: TimeZone::UTC, why: false };
    for format in FORMATS {
        let written = written(format, &look);
        assert!(!written.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{}", format.name);
        insta::assert_snapshot!(format!("story_{}", format.name), written);
    }
}

#[test]
fn text_keeps_to_its_width() {
    for width in [40, 80, 132] {
        let written = written(&FORMATS[0], &Look { width, zone: TimeZone::UTC, why: false });
        for line in written.lines() {
            assert!(SafeText::new(line).width() <= width, "{width}: {line}");
        }
    }
}
