use super::*;

fn write(store: &mut SpanStore, id: u64, name: &str) -> SpanRow {
    let process = store.process();
    store.process_service(process, "orders");
    store.process_attribute(process, "host.name", Value::Text("a"));
    store.push_attribute(Place::Span, "http.status_code", Value::Int(503));
    store.push_attribute(Place::Span, "big", Value::Int(i64::MIN));
    store.push_attribute(Place::Event, "exception.type", Value::Text("Timeout"));
    store.push_event(Timestamp(7), "exception");
    store.push_link(TraceId(9), SpanId(8));
    let name = store.symbols.add(name);
    store.finish(SpanHead {
        trace: TraceId(1),
        id: SpanId(id),
        start: Timestamp(5),
        duration: 10,
        name,
        process,
        ..SpanHead::default()
    })
}

fn shape(span: SpanView<'_>) -> String {
    let attributes: Vec<_> = span.attributes().map(|(key, value)| format!("{key}={}", value.text())).collect();
    let events: Vec<_> = span
        .events()
        .map(|event| (event.name, event.attribute("exception.type").map(|v| v.text().into_owned())))
        .collect();
    let links: Vec<_> = span.links().collect();
    let resource: Vec<_> = span.resource().map(|(key, _)| key).collect();
    format!("{} {} {attributes:?} {events:?} {links:?} {resource:?}", span.service(), span.name())
}

#[test]
fn a_span_comes_back_as_it_was_written_also_through_a_merge() {
    let mut store = SpanStore::default();
    let row = write(&mut store, 2, "POST");
    let shown = shape(store.span(row));
    assert!(shown.starts_with("orders POST [\"http.status_code=503\", \"big=-9223372036854775808\"]"), "{shown}");
    assert!(shown.contains("exception\", Some(\"Timeout\")"), "{shown}");

    let mut all = SpanStore::default();
    write(&mut all, 77, "other");
    assert_eq!((all.merge(store.clone()), all.merge(store)), (1, 0));
    assert_eq!(shape(all.span(SpanRow(1))), shown);
}

#[test]
fn a_cut_span_leaves_nothing_behind() {
    let mut store = SpanStore::default();
    write(&mut store, 2, "POST");
    let (before, mark) = (shape(store.span(SpanRow(0))), store.checkpoint());
    store.push_attribute(Place::Span, "half", Value::Float(0.5));
    store.push_event(Timestamp(9), "half");
    store.roll_back(mark);
    write(&mut store, 3, "GET");
    assert_eq!(shape(store.span(SpanRow(0))), before);
    assert_eq!(shape(store.span(SpanRow(1))), before.replace("POST", "GET"));
}
