use super::super::tests::record;
use super::*;
use bytes::Bytes;

const TRACE: u128 = 0x5af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;

fn w3c(trace: u128, span: u64, flags: &str) -> String {
    format!("00-{trace:032x}-{span:016x}-{flags}")
}

#[test]
fn each_format_is_read() {
    let check = |headers: &[(&str, &str)], trace: u128, sampled: bool| {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let found = pointers(&record(&headers));
        let told: Vec<_> = found.iter().map(|found| (found.trace, found.span, found.sampled)).collect();
        assert_eq!(told, [(TraceId(trace), SpanId(SPAN), sampled)], "{headers:?}");
    };
    let one = |name: &str, value: &str, sampled| check(&[(name, value)], TRACE, sampled);
    for (flags, sampled) in [("01", true), ("03", true), ("00", false), ("02", false)] {
        one("traceparent", &w3c(TRACE, SPAN, flags), sampled);
        one("Traceparent", &w3c(TRACE, SPAN, flags), sampled);
        one("ce_traceparent", &w3c(TRACE, SPAN, flags), sampled);
    }
    let (trace, span, low) = (format!("{TRACE:032x}"), format!("{SPAN:016x}"), TRACE as u64);
    one("b3", &format!("{trace}-{span}"), true);
    one("b3", &format!("{trace}-{span}-1"), true);
    one("b3", &format!("{trace}-{span}-d"), true);
    one("b3", &format!("{trace}-{span}-0-{span}"), false);
    check(&[("b3", &format!("{low:016x}-{span}-1"))], u128::from(low), true);
    one("uber-trace-id", &format!("{TRACE:x}:{SPAN:x}:0:1"), true);
    one("uber-trace-id", &format!("{TRACE:x}%3A{SPAN:x}%3A0%3A0"), false);
    let root = format!("Root=1-{}-{};Parent={span}", &trace[..8], &trace[8..]);
    one("X-Amzn-Trace-Id", &format!("{root};Sampled=1"), true);
    one("x-amzn-trace-id", &format!("Self=1-2-3;{root};Sampled=0"), false);
    let parts = [("X-B3-TraceId", &*trace), ("x-b3-spanid", &*span)];
    check(&[parts[0], parts[1], ("X-B3-Sampled", "0")], TRACE, false);
    check(&[parts[0], parts[1], ("X-B3-Sampled", "true")], TRACE, true);
    check(&[parts[0], parts[1], ("X-B3-Sampled", "0"), ("X-B3-Flags", "1")], TRACE, true);
    let (decimal, parent) = (low.to_string(), SPAN.to_string());
    let datadog = [("x-datadog-trace-id", &*decimal), ("x-datadog-parent-id", &*parent)];
    check(&datadog, u128::from(low), true);
    let upper = format!("_dd.p.dm=-1,_dd.p.tid={:016x}", (TRACE >> 64) as u64);
    let tags = ("x-datadog-tags", &*upper);
    check(&[datadog[0], datadog[1], tags, ("x-datadog-sampling-priority", "-1")], TRACE, false);
}

#[test]
fn what_only_looks_like_a_format_names_nothing() {
    let root = "Root=1-5af76519-16cd43dd8448eb211c80319c";
    for (name, value) in [
        ("b3", "0"),
        ("b3", "12-34-1"),
        ("b3", "5af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-x"),
        ("uber-trace-id", "1:2:3"),
        ("uber-trace-id", "1:2:3:+1"),
        ("uber-trace-id", "0:0:0:1"),
        ("traceparent", "00-xyz"),
        ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        ("X-Amzn-Trace-Id", root),
        ("x-datadog-trace-id", "17"),
        ("ce_id", "17"),
    ] {
        assert_eq!(pointers(&record(&[(name, value.as_bytes())])), [], "{name}: {value}");
    }
}

#[test]
fn several_are_kept_in_order_and_the_last_writer_stands_last() {
    let texts: Vec<String> = (1..4).map(|span| w3c(TRACE, span, "03")).collect();
    let b3 = format!("{TRACE:032x}-{:016x}-1", 4);
    let found = pointers(&record(&[
        ("traceparent", texts[1].as_bytes()),
        ("b3", b3.as_bytes()),
        ("traceparent", texts[2].as_bytes()),
        ("ce_traceparent", texts[0].as_bytes()),
    ]));
    let spans: Vec<u64> = found.iter().map(|found| found.span.0).collect();
    assert_eq!(spans, [1, 2, 4, 3], "the start of the transmission first, then the headers in their order");
}

#[test]
fn a_structured_event_names_where_it_started() {
    let mut record = record(&[("content-type", b"application/cloudevents+json; charset=UTF-8")]);
    record.value = Some(Bytes::from(format!(
        r#"{{"specversion":"1.0","id":"7","data":{{}},"traceparent":"{}"}}"#,
        w3c(TRACE, SPAN, "01")
    )));
    let found = pointers(&record);
    assert_eq!(found.iter().map(|found| (found.span.0, found.header)).collect::<Vec<_>>(), [(SPAN, "ce_traceparent")]);
    record.headers.clear();
    assert_eq!(pointers(&record), [], "a value is looked into only when its type says what it is");
}
