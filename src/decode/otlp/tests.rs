use super::*;
use crate::model::SpanRow;

const HEX: &str = r#"{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},
 "scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"000000000000000000000000000000aa","spanId":"0000000000000001","parentSpanId":"0000000000000002","flags":257,"name":"orders process","kind":5,
 "startTimeUnixNano":"1795474706872320881","endTimeUnixNano":"1795474706872320891","attributes":[{"key":"nul","value":{}},{"key":"earr","value":{"arrayValue":{}}},{"key":"min","value":{"intValue":"-9223372036854775808"}},{"key":"dblint","value":{"doubleValue":3}},
 {"key":"map","value":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}},{"value":{"stringValue":"key is empty"}},{"key":"@jaeger@warnings","value":{"arrayValue":{"values":[{"stringValue":"w"},{"stringValue":"w"}]}}}],
 "events":[{"timeUnixNano":"5","name":"e"}],"links":[{"traceId":"000000000000000000000000000000bb","spanId":"0000000000000003"}],"status":{"code":2,"message":"bad"}}]}]}]}}"#;
const BASE64: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAqg==","spanId":"AAAAAAAAAAE=","kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_OK"},"startTimeUnixNano":7,"endTimeUnixNano":3}],"scope":{"name":"late"}}],
 "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"late"}}]}}]}"#;

fn read(text: &str, step: usize) -> (SpanStore, Vec<Note>) {
    let mut decoder = Decoder::default();
    for piece in text.as_bytes().chunks(step) {
        decoder.push(piece);
    }
    decoder.finish()
}

#[test]
fn every_attribute_form_is_read() {
    for step in [1, 13, HEX.len()] {
        let (store, notes) = read(HEX, step);
        assert_eq!((store.len(), notes.len()), (1, 0), "{notes:?}");
        let span = store.span(SpanRow(0));
        assert_eq!((span.trace(), span.id(), span.parent()), (TraceId(0xaa), SpanId(1), Some(SpanId(2))));
        assert_eq!((span.service(), span.kind(), span.status()), ("orders", SpanKind::Consumer, SpanStatus::Error));
        assert_eq!((span.start().0, span.duration().0), (1_795_474_706_872_320_881, 10));
        let shown: Vec<String> = span.attributes().map(|(key, value)| format!("{key}={}", value.text())).collect();
        let want = "nul= earr=[] min=-9223372036854775808 dblint=3 map={\"a\":1} =key is empty jaeger.warning=w \
                    otel.scope.name=s otel.status_description=bad";
        assert_eq!(shown.join(" "), want);
        assert_eq!((span.events().count(), span.links().count()), (1, 1));
    }
}

#[test]
fn base64_ids_names_of_enums_and_late_members_are_read() {
    let (store, notes) = read(BASE64, 10);
    assert_eq!((store.len(), notes.len()), (1, 0), "{notes:?}");
    let span = store.span(SpanRow(0));
    assert_eq!((span.trace(), span.id(), span.kind()), (TraceId(0xaa), SpanId(1), SpanKind::Server));
    assert_eq!((span.service(), span.status(), span.duration().0), ("late", SpanStatus::Ok, 0));
    assert_eq!(span.attribute("otel.scope.name"), Some(Value::Text("late")));
}

#[test]
fn several_documents_are_one_answer_and_none_is_no_damage() {
    let (store, notes) = read(&format!("{HEX}\n{HEX}"), 100);
    assert_eq!((store.len(), notes.len()), (2, 0), "{notes:?}");
    let (store, notes) = read("{}", 100);
    assert_eq!((store.len(), notes.len()), (0, 0), "{notes:?}");
}

#[test]
fn a_long_list_without_a_scope_is_not_kept_as_text() {
    let span = |id: usize| {
        format!(r#"{{"traceId":"0a","spanId":"{id:016x}","startTimeUnixNano":"5","endTimeUnixNano":"6","name":"n"}},"#)
    };
    let mut decoder = Decoder::default();
    decoder.push(br#"{"resourceSpans":[{"scopeSpans":[{"spans":["#);
    for id in 1..=WAITING {
        assert!(decoder.so_far().is_empty(), "a scope may still come");
        decoder.push(span(id).as_bytes());
    }
    assert_eq!(decoder.so_far().len(), WAITING);
    decoder.push(format!("{}{}", span(900), r#"{}],"scope":{"name":"late"}}]}]}"#).as_bytes());
    let (store, notes) = decoder.finish();
    assert_eq!(store.len(), WAITING + 1);
    assert!(notes.iter().any(|note| note.text.as_str().contains("came after its spans")), "{notes:?}");
}
