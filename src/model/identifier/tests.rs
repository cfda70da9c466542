use super::*;
use proptest::prelude::*;

fn request(value: &str) -> Option<Identifier> {
    Identifier::named(NamedKind::Request, "", value)
}

#[test]
fn what_names_nothing_is_no_identifier() {
    let nothing = [
        "",
        " ",
        "0",
        "00000000",
        "0000-0000",
        "null",
        "None",
        "UNDEFINED",
        "unknown",
        "N/A",
        "\"\"",
        "[]",
        "-",
        "ffffffffffffffff",
        "00000000-0000-0000-0000-000000000000",
        "ffffffffffffffffffffffffffffffff",
        "1234",
        "${requestId}",
        "{{id}}",
        "<no value>",
        "not given",
        "[object Object]",
        "a\tb",
    ];
    for text in nothing {
        assert_eq!(request(text), None, "{text:?}");
    }
    assert_eq!(request(&"x".repeat(LONGEST + 1)), None);
    assert!(request("12345").is_some() && Identifier::named(NamedKind::Business, "order", "12").is_some());
}

#[test]
fn a_uuid_joins_in_every_spelling_and_under_every_name() {
    let own = request("6f1c2a34-9b7d-4e21-8f00-1234567890ab").unwrap();
    let spellings = [
        "6F1C2A34-9B7D-4E21-8F00-1234567890AB",
        "6f1c2a349b7d4e218f001234567890ab",
        "{6f1c2a34-9b7d-4e21-8f00-1234567890ab}",
        "urn:uuid:6f1c2a34-9b7d-4e21-8f00-1234567890ab",
        " \"6f1c2a34-9b7d-4e21-8f00-1234567890ab\"",
        "[\"6f1c2a34-9b7d-4e21-8f00-1234567890ab\"]",
    ];
    for text in spellings {
        let other = Identifier::named(NamedKind::Message, "/shop", text).unwrap();
        assert!(own.joins(&other), "{text}");
    }
    let trace = Identifier::Trace(TraceId::parse("6f1c2a349b7d4e218f001234567890ab").unwrap());
    assert!(own.joins(&trace), "a request id that is the trace id");
    let session = Identifier::named(NamedKind::Context, "session", spellings[1]).unwrap();
    assert!(!own.joins(&session), "what is wide joins nothing");
}

#[test]
fn short_values_join_only_within_their_kind_and_qualifier() {
    let of = |kind, within, value| Identifier::named(kind, within, value).unwrap();
    let order = of(NamedKind::Business, "order", "12345");
    assert!(order.joins(&of(NamedKind::Business, "order", "12345")));
    assert!(!order.joins(&of(NamedKind::Business, "payment", "12345")));
    assert!(!order.joins(&of(NamedKind::RecordKey, "orders", "12345")));
    let long = of(NamedKind::Business, "order", "ord-7f3k2q");
    assert!(long.joins(&of(NamedKind::RecordKey, "orders", "ord-7f3k2q")));
    assert!(!long.joins(&of(NamedKind::RecordKey, "orders", "ORD-7f3k2q")), "case may matter");
}

#[test]
fn a_trace_joins_with_its_low_half_alone() {
    let whole = Identifier::Trace(TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736));
    let low = Identifier::Trace(TraceId(0xa3ce_929d_0e0e_4736));
    let other = Identifier::Trace(TraceId(0x1bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4737));
    assert!(whole.joins(&low) && low.joins(&whole) && !whole.joins(&other));
    let upper = Identifier::Trace(TraceId(7 << 64));
    assert!(!upper.joins(&Identifier::Trace(TraceId(8 << 64))));
}

#[test]
fn equal_topics_of_two_clusters_are_two_coordinates() {
    let at = Coordinate { topic: "orders".into(), partition: 1, offset: 2 };
    let of = |cluster: Option<&str>| Identifier::Record(cluster.map(SmolStr::from), at.clone());
    assert!(!of(Some("eu")).joins(&of(Some("us"))));
    assert!(of(None).assuming("eu").joins(&of(Some("eu")).assuming("us")));
}

proptest! {
    #[test]
    fn the_canonical_form_is_a_fixed_point(text in any::<String>()) {
        if let Some(once) = canonical(&text) {
            prop_assert_eq!(canonical(&once), Some(once.clone()));
        }
    }

    #[test]
    fn any_uuid_joins_in_any_spelling(bits in any::<u128>()) {
        let uuid = Uuid::from_u128(bits);
        let texts = [
            uuid.hyphenated().to_string(),
            uuid.hyphenated().to_string().to_uppercase(),
            uuid.simple().to_string(),
            uuid.braced().to_string(),
            uuid.urn().to_string(),
        ];
        let found: Vec<_> = texts.iter().filter_map(|text| request(text)).collect();
        prop_assert!(found.len() == texts.len() || found.is_empty());
        prop_assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn joining_is_mutual(one in "[a-f0-9-]{1,40}", other in "[a-f0-9-]{1,40}") {
        if let (Some(one), Some(other)) = (request(&one), request(&other)) {
            prop_assert!(one.joins(&one));
            prop_assert_eq!(one.joins(&other), other.joins(&one));
        }
    }
}
