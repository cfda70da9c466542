use super::*;
use crate::model::SpanRow;

const TRACE: &str = r#"{"data":[{"traceID":"aa","spans":[
 {"traceID":"aa","spanID":"1","operationName":"orders process","references":[{"refType":"FOLLOWS_FROM","traceID":"aa","spanID":"9"},{"refType":"FOLLOWS_FROM","traceID":"bb","spanID":"2"}],
  "startTime":1795474706872320,"duration":5,"tags":[{"key":"span.kind","type":"string","value":"consumer"},{"key":"error","type":"bool","value":true},{"key":"big","type":"int64","value":"9007199254740993"},{"key":"ebyt","type":"binary","value":null},{"key":"te\"xt}","type":"string","value":"a]}\\"}],
  "logs":[{"timestamp":1795474706872321,"fields":[{"key":"event","type":"string","value":"exception"},{"key":"exception.type","type":"string","value":"Boom"}]}],
  "processID":"p1","warnings":["w","w"]},
 {"traceID":"aa","spanID":7,"startTime":1},
 {"traceID":"aa","spanID":"3","operationName":"x","startTime":1,"duration":1,"tags":null,"logs":[],"processID":"p1","warnings":null}],
 "processes":{"p1":{"serviceName":"orders","tags":[{"key":"host.name","type":"string","value":"h"}]}},"warnings":null}],"total":0,"errors":null}
"#;

fn read(bytes: &[u8], step: usize) -> (SpanStore, Vec<Note>) {
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(step) {
        decoder.push(piece);
    }
    decoder.finish()
}

#[test]
fn every_way_of_cutting_the_bytes_gives_the_same_rows() {
    for step in [1, 2, 7, 64, TRACE.len()] {
        let (store, notes) = read(TRACE.as_bytes(), step);
        assert_eq!((store.len(), notes.len()), (2, 1), "{notes:?}");
        assert!(notes[0].text.as_str().starts_with("span 2 at byte"), "{notes:?}");
        let span = store.span(SpanRow(0));
        assert_eq!((span.service(), span.name(), span.kind()), ("orders", "orders process", SpanKind::Consumer));
        assert_eq!((span.status(), span.parent(), span.duration().0), (SpanStatus::Error, Some(SpanId(9)), 5_000));
        assert_eq!(span.links().collect::<Vec<_>>(), [(TraceId(0xbb), SpanId(2))]);
        assert_eq!(span.attribute("big"), Some(Value::Int(9_007_199_254_740_993)));
        assert_eq!(span.attribute("ebyt"), Some(Value::Empty));
        assert_eq!(span.attribute("te\"xt}"), Some(Value::Text("a]}\\")));
        assert_eq!(span.attributes().filter(|(key, _)| *key == "jaeger.warning").count(), 1);
        assert_eq!(span.events().map(|event| event.name).collect::<Vec<_>>(), ["exception"]);
        assert_eq!(span.resource().count(), 1);
    }
}

#[test]
fn a_cut_at_any_byte_keeps_whole_spans_and_says_so() {
    let end = TRACE.trim_end().len();
    for cut in 0..end {
        let (store, notes) = read(&TRACE.as_bytes()[..cut], 50);
        assert!(store.len() <= 2 && !notes.is_empty(), "cut at {cut}");
    }
    assert_eq!(read(&TRACE.as_bytes()[..TRACE.find("\"processes\"").unwrap()], 50).0.len(), 2);
}

#[test]
fn garbage_is_a_note() {
    let deep = "[".repeat(100_000);
    let nested = format!(r#"{{"data":[{{"spans":[{{"traceID":{deep}"#);
    for bytes in [&b"nonsense"[..], b"<html>", b"{\"data\":}", b"\xff\xfe", nested.as_bytes(), b""] {
        let (store, notes) = read(bytes, 33);
        assert!(store.is_empty() && notes.len() == 1, "{notes:?}");
    }
    let (store, notes) = read(br#"{"data":null,"errors":[{"msg":"trace not found"}]}"#, 9);
    assert!(store.is_empty() && notes[0].text.as_str().ends_with("trace not found"));
}
