//! Laws of the decoders of bodies: how the bytes are cut changes nothing, and no row is lost without a word.

use hopscope::decode::{jaeger, loki, otlp};
use hopscope::model::Note;
use proptest::prelude::*;

/// Notes that one answer tells in full; one more counts the rest.
const TOLD: usize = 20;

/// One decoder: a document up to its first row, a row, and the rest; how many rows and notes come of a body in pieces.
type Reader = ([&'static str; 3], fn(&[u8], usize) -> (usize, Vec<Note>));

const READERS: [Reader; 3] = [
    (
        [
            r#"{"data":[{"spans":["#,
            r#"{"traceID":"a1","spanID":"b1","startTime":5,"tags":[{"key":"k","value":"]}"}]}"#,
            "]}]}",
        ],
        |body, size| {
            let mut decoder = jaeger::Decoder::default();
            body.chunks(size).for_each(|piece| decoder.push(piece));
            let (store, notes) = decoder.finish();
            (store.len(), notes)
        },
    ),
    (
        [
            r#"{"result":{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"s"},"spans":["#,
            r#"{"traceId":"a1","spanId":"b1","name":"\\\"]","startTimeUnixNano":"5"}"#,
            "]}]}]}}",
        ],
        |body, size| {
            let mut decoder = otlp::Decoder::default();
            body.chunks(size).for_each(|piece| decoder.push(piece));
            let (store, notes) = decoder.finish();
            (store.len(), notes)
        },
    ),
    (
        [r#"{"data":{"resultType":"streams","result":[{"stream":{"app":"a"},"values":["#, r#"["5","x ]}\""]"#, "]}]}}"],
        |body, size| {
            let mut decoder = loki::Decoder::default();
            body.chunks(size).for_each(|piece| decoder.push(piece));
            let (store, _, notes) = decoder.finish();
            (store.len(), notes)
        },
    ),
];

/// A row that is none, in several ways.
fn broken(way: u8) -> &'static str {
    ["{}", "[]", "7", "null", "\"a\"", "{\"traceID\":1}", "[[[]]]", "[\"x\",\"y\"]"][usize::from(way) % 8]
}

proptest! {
    #[test]
    fn what_is_decoded_and_what_is_noted_is_what_was_sent(
        rows in proptest::collection::vec(proptest::option::of(any::<u8>()), 0..60),
        size in 1_usize..90,
    ) {
        for ([begin, row, end], read) in READERS {
            let texts: Vec<&str> = rows.iter().map(|way| way.map_or(row, broken)).collect();
            let body = format!("{begin}{}{end}", texts.join(","));
            let damaged = rows.iter().flatten().count();
            let (found, notes) = read(body.as_bytes(), size);
            prop_assert_eq!(found, rows.len() - damaged);
            prop_assert_eq!(notes.len(), damaged.min(TOLD) + usize::from(damaged > TOLD), "{:?}", &notes);
            if damaged > TOLD {
                let rest = format!("{} more", damaged - TOLD);
                prop_assert!(notes[TOLD].text.as_str().contains(&rest), "{:?}", &notes[TOLD]);
            }
        }
    }

    #[test]
    fn a_cut_anywhere_keeps_the_rows_before_it_and_is_said(rows in 1_usize..9, at in any::<proptest::sample::Index>()) {
        for ([begin, row, end], read) in READERS {
            let body = format!("{begin}{}{end}", vec![row; rows].join(","));
            let cut = at.index(body.len());
            let whole = cut.saturating_sub(begin.len()) / (row.len() + 1);
            let (found, notes) = read(&body.as_bytes()[..cut], 7);
            prop_assert!(found == whole || found == whole + 1, "{} of {} rows before byte {}", found, whole, cut);
            prop_assert!(!notes.is_empty());
        }
    }
}
