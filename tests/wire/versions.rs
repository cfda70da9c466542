//! Recorded answers of several versions, and shapes of those that cannot be run here: all are read, and the documentation
//! says which is which.

use super::{Dialect, bytes, common, spans, text};
use hopscope::decode::loki;
use hopscope::model::spans::{SpanStatus, SpanView};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Versions of Jaeger whose answers were recorded.
const JAEGER: [&str; 2] = ["jaeger-1.76", "jaeger-2.13"];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Names of the folders in a folder.
fn folders(at: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn both_versions_of_jaeger_tell_the_recorded_trace_alike_in_both_dialects() {
    let told = |version: &str, dialect, kind: &str| {
        let (store, notes) = spans(dialect, &bytes(&format!("{version}/poisoned.{kind}.json")), 999);
        assert!(notes.is_empty(), "{version} {kind}: {notes:?}");
        store.iter().map(common).collect::<BTreeSet<_>>()
    };
    let first = told(JAEGER[0], Dialect::V3, "v3");
    assert!(first.len() > 10);
    for version in JAEGER {
        assert_eq!(told(version, Dialect::V3, "v3"), first, "{version}");
        assert_eq!(told(version, Dialect::Internal, "internal"), first, "{version}");
    }
}

#[test]
fn odd_values_come_out_of_every_version_and_dialect() {
    let shared = [
        ("", "key is empty"),
        ("estr", ""),
        ("min", "-9223372036854775808"),
        ("big", "9007199254740993"),
        ("safe", "9007199254740991"),
        ("dblint", "3"),
        ("dbl", "0.25"),
        ("no", "false"),
        ("arr", "[\"a\",2]"),
        ("map", "{\"k\":true}"),
    ];
    for version in JAEGER {
        for (dialect, kind) in [(Dialect::Internal, "internal"), (Dialect::V3, "v3")] {
            for file in ["odd", "search"] {
                let name = format!("{version}/{file}.{kind}.json");
                let (store, notes) = spans(dialect, &bytes(&name), 333);
                assert!(notes.is_empty(), "{name}: {notes:?}");
                let by_name: BTreeMap<&str, SpanView<'_>> = store.iter().map(|span| (span.name(), span)).collect();
                assert_eq!(
                    by_name.keys().copied().collect::<Vec<_>>(),
                    ["early", "orphan", "receive", "send"],
                    "{name}"
                );
                let send = by_name["send"];
                assert_eq!((send.service(), send.status()), ("odd <svc> \u{202e}", SpanStatus::Error), "{name}");
                for (key, value) in shared {
                    let found = send.attribute(key).map(|value| value.text().into_owned());
                    assert_eq!(found.as_deref(), Some(value), "{name}: `{key}`");
                }
                // The parent that is also linked to is the parent; one that was never written is an orphan's.
                assert_eq!(by_name["receive"].parent(), Some(send.id()), "{name}");
                assert_eq!(by_name["orphan"].parent().map(|id| id.0), Some(0xb000_0000_0000_00ee), "{name}");
                let events: BTreeSet<String> = by_name["receive"].events().map(|event| event.name.to_owned()).collect();
                assert_eq!(events.len(), 2, "{name}");
            }
        }
    }
}

#[test]
fn answers_that_hold_no_trace_hold_no_span() {
    for version in JAEGER {
        for (dialect, name) in [
            (Dialect::Internal, "two-missing.internal.json"),
            (Dialect::Internal, "no-service.internal.json"),
            (Dialect::Internal, "bad-id.internal.json"),
            (Dialect::V3, "nothing.v3.json"),
            (Dialect::V3, "bad-id.v3.json"),
            (Dialect::V3, "no-times.v3.json"),
        ] {
            assert!(spans(dialect, &bytes(&format!("{version}/{name}")), 9).0.is_empty(), "{version}/{name}");
        }
    }
}

#[test]
fn a_trace_in_several_documents_is_one_trace() {
    for size in [1, 100, usize::MAX] {
        let (store, notes) = spans(Dialect::V3, &bytes("shapes/jaeger-2.21/trace.v3.json"), size);
        assert_eq!((store.len(), store.traces().count(), notes.len()), (2, 1, 0), "{notes:?}");
        let services: BTreeSet<String> = store.iter().map(|span| span.service().to_owned()).collect();
        assert_eq!(services.into_iter().collect::<Vec<_>>(), ["orders", "payments"]);
    }
    assert!(spans(Dialect::V3, &bytes("shapes/jaeger-2.21/no-service.v3.json"), 9).0.is_empty());
}

#[test]
fn an_unknown_route_of_these_versions_is_a_web_page_with_status_200() {
    for version in JAEGER {
        let index = text(&format!("{version}/answers.tsv"));
        for file in ["summaries.v3", "no-such-route"] {
            let row = index.lines().find(|row| row.starts_with(&format!("{file}\t"))).unwrap();
            assert!(row.contains("\t200\ttext/html"), "{version}: {row}");
            assert!(text(&format!("{version}/{file}")).trim_start().starts_with("<!"), "{version}/{file}");
        }
    }
}

#[test]
fn every_recorded_answer_of_an_index_is_there() {
    for name in folders(&folder("tests/wire")) {
        let at = folder("tests/wire").join(&name);
        let Ok(index) = std::fs::read_to_string(at.join("answers.tsv")) else { continue };
        for row in index.lines() {
            let fields: Vec<&str> = row.split('\t').collect();
            let [file, status, _, path] = fields[..] else { panic!("{name}: {row}") };
            assert!(at.join(file).is_file() && path.starts_with('/'), "{name}: {row}");
            assert!((200..600).contains(&status.parse::<u16>().unwrap()), "{name}: {row}");
        }
    }
}

#[test]
fn every_shape_of_lines_is_read_in_any_pieces() {
    for (name, lines, rebuilt) in [
        ("shapes/loki-3.7/lines.json", 3, 0),
        ("shapes/loki-3.7/melted.json", 2, 0),
        ("shapes/loki-vl-proxy/lines.json", 3, 1),
        ("loki-2.2.1/odd.json", 9, 0),
        ("loki-2.2.1/as-json.json", 1, 0),
        ("loki-2.2.1/as-logfmt.json", 1, 0),
        ("loki-2.2.1/end-is-start.json", 0, 0),
        ("loki-2.2.1/milliseconds.json", 0, 0),
        ("loki-2.2.1-strict/no-limit-given.json", 9, 0),
        ("loki-2.2.1-strict/other-tenant.json", 0, 0),
        ("loki-2.2.1-strict/two-tenants.json", 0, 0),
    ] {
        for size in [1, 13, usize::MAX] {
            let mut decoder = loki::Decoder::default();
            bytes(name).chunks(size).for_each(|piece| decoder.push(piece));
            let (store, counts, notes) = decoder.finish();
            assert_eq!(
                (store.len(), counts.rebuilt, counts.listed, notes.len()),
                (lines, rebuilt, true, 0),
                "{name} {size}"
            );
        }
    }
}

/// One row of the table of versions.
struct Row {
    server: String,
    /// `run`, `shape only` or `not tried`: reading its answers, and whole stories on it.
    cells: Vec<String>,
    folders: BTreeSet<String>,
}

fn table() -> Vec<Row> {
    let page = std::fs::read_to_string(folder("docs/real-servers.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| server | answers | stories |")).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = cells(line);
            let folders = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Row { server: cells[0].clone(), cells: cells[1..3].to_vec(), folders }
        })
        .collect()
}

/// Says what is run, what is only a shape and what is neither: the documentation may not promise more than there is.
#[test]
fn the_table_of_versions_tells_what_is_there() {
    let (table, lib) = (table(), std::fs::read_to_string(folder("tests/stack/lib.sh")).unwrap());
    assert!(table.len() > 8);
    let mut named = BTreeSet::new();
    for Row { server, cells, folders } in &table {
        assert!(cells.iter().all(|cell| ["run", "shape only", "not tried"].contains(&&**cell)), "{server}: {cells:?}");
        let shapes = folders.iter().filter(|folder| folder.starts_with("tests/wire/shapes/")).count();
        let wanted = match (folders.len(), shapes) {
            (0, _) => "not tried",
            (all, shapes) if all == shapes => "shape only",
            _ => "run",
        };
        assert_eq!(cells[0], wanted, "{server}: answers");
        // A version on which stories run is one that the scripts start.
        let version = server.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit() || c == 'v'));
        let is_started = version.is_some_and(|version| {
            lib.contains(&format!("={}", version.trim_start_matches('v').trim_end_matches(',')))
        });
        assert_eq!(cells[1] == "run", is_started, "{server}: stories");
        named.extend(folders.iter().cloned());
    }
    let there = |at: &str| folders(&folder(at)).into_iter().map(move |name| format!("{at}/{name}")).collect::<Vec<_>>();
    let mut all: BTreeSet<String> = there("tests/wire").into_iter().chain(there("tests/wire/shapes")).collect();
    all.remove("tests/wire/shapes");
    assert_eq!(named, all, "folders of answers are named in docs/real-servers.md");
}
