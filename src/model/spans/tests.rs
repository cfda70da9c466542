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

#[test]
fn a_text_with_a_uuid_comes_back_as_it_was_written() {
    const ID: &str = "c3af4dd7-fb90-4a06-a5f3-0c2206dfcea3";
    let loud = ID.to_uppercase();
    let texts = [
        ID.to_owned(),
        format!("https://orders/v1/items/{ID}"),
        format!("{ID}: not found"),
        format!("é{ID}é"),
        format!("a-b-c-d-{ID}"),
        format!("{ID}-{ID}"),
        format!("0{ID}"),
        format!("{}{ID}", &ID[..9]),
        // None of these is a UUID that would be written the same way again.
        loud.clone(),
        format!("{{{}}}", &ID[..35]),
        ID.replace('-', ""),
        ID.replacen('c', "g", 1),
        "--------------------------------------------".to_owned(),
        String::new(),
    ];
    let mut store = SpanStore::default();
    let process = store.process();
    store.process_attribute(process, "service.instance.id", Value::Text(ID));
    for text in &texts {
        store.push_attribute(Place::Span, "id", Value::Text(text));
        store.push_attribute(Place::Span, "behind", Value::Int(7));
        store.push_attribute(Place::Event, "id", Value::Text(text));
        store.push_event(Timestamp(7), "seen");
        store.push_link(TraceId(9), SpanId(8));
        store.finish(SpanHead { id: SpanId(store.len() as u64 + 1), process, ..SpanHead::default() });
    }
    store.shrink();
    let mut merged = SpanStore::default();
    write(&mut merged, 77, "other");
    merged.push_attribute(Place::Span, "id", Value::Text(&format!("another {}", ID.replace('c', "d"))));
    merged.finish(SpanHead { id: SpanId(78), process: 0, ..SpanHead::default() });
    assert_eq!(merged.merge(store.clone()), texts.len());
    for (store, from) in [(&store, 0), (&merged, 2)] {
        for (text, row) in texts.iter().zip(from..) {
            let span = store.span(SpanRow(row));
            let value = span.attribute("id").expect("it was written");
            assert_eq!(value.text(), text.as_str());
            assert_eq!(value, Value::Text(text));
            assert!(value.is_text(text) && !value.is_text(&format!("{text} ")) && !value.is_text("POST"), "{text}");
            assert_eq!(span.attribute("behind"), Some(Value::Int(7)), "what stands behind it is found: {text}");
            let told: Vec<_> = span.events().map(|event| (event.name, event.attribute("id"))).collect();
            assert_eq!(told, [("seen", Some(Value::Text(text)))]);
            assert_eq!(span.links().collect::<Vec<_>>(), [(TraceId(9), SpanId(8))]);
            assert_eq!(span.resource().next(), Some(("service.instance.id", Value::Text(ID))));
        }
    }
    assert!(matches!(store.span(SpanRow(0)).attribute("id"), Some(Value::Parts(_))), "a UUID is kept as a number");
    assert_ne!(store.span(SpanRow(0)).attribute("id"), store.span(SpanRow(1)).attribute("id"));
    assert_eq!(store.span(SpanRow(0)).attribute("id"), merged.span(SpanRow(2)).attribute("id"));
}

proptest::proptest! {
    #[test]
    fn any_text_comes_back(before in "[-0-9a-f]{0,40}", id in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", behind in ".{0,9}") {
        let text = format!("{before}{id}{behind}");
        let mut store = SpanStore::default();
        store.push_attribute(Place::Span, "id", Value::Text(&text));
        let row = store.finish(SpanHead::default());
        let value = store.span(row).attribute("id").expect("it was written");
        proptest::prop_assert_eq!(value.text(), text.as_str());
        proptest::prop_assert!(value.is_text(&text));
    }
}
