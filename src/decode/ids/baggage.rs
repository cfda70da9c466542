//! What travels with a request besides its trace: baggage and the state that vendors keep.
//!
//! W3C Baggage (`baggage: key=value;property,key=value`, percent-encoded), Jaeger (`uberctx-KEY`), `OpenTracing`
//! (`baggage-KEY`, `ot-baggage-KEY`), and W3C Trace Context's `tracestate`. All of it is a label: whoever calls may have put
//! it there, and equal values say nothing about one message.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Members of one header that are looked at; the standards allow 180 and 32.
const MOST: usize = 180;
/// Headers whose names end with the key.
const PREFIXED: &[&str] = &["uberctx-", "baggage-", "ot-baggage-"];

/// Calls `offer` with each key and value of a baggage header; says whether the header is one.
pub(super) fn each(name: &str, value: &str, offer: &mut dyn FnMut(&str, &str)) -> bool {
    if name.eq_ignore_ascii_case("baggage") {
        for member in value.split(',').take(MOST) {
            let member = member.split(';').next().unwrap_or_default();
            if let Some((key, value)) = member.split_once('=') {
                offer(key.trim(), &decoded(value.trim()));
            }
        }
        return true;
    }
    let key = PREFIXED.iter().find_map(|prefix| {
        let (head, key) = name.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(key)
    });
    let Some(key) = key.filter(|key| !key.is_empty()) else { return false };
    offer(key, &decoded(value.trim()));
    true
}

/// Returns the vendors of a `tracestate` with what they keep.
pub(super) fn state(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let members = value.split(',').take(MOST).filter_map(|member| member.trim().split_once('='));
    members.filter(|(vendor, kept)| !vendor.is_empty() && !kept.is_empty())
}

fn decoded(value: &str) -> Cow<'_, str> {
    // What is no UTF-8 behind its escapes is taken as it stands.
    percent_decode_str(value).decode_utf8().unwrap_or(Cow::Borrowed(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(name: &str, value: &str) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        each(name, value, &mut |key, value| found.push((key.to_owned(), value.to_owned()))).then_some(found)
    }

    #[test]
    fn every_way_of_writing_baggage_is_read() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let w3c = of("Baggage", "order.id=ord%2D7;ttl=3, tenant.id = acme ,broken,k=%ff");
        assert_eq!(w3c, Some(vec![pair("order.id", "ord-7"), pair("tenant.id", "acme"), pair("k", "%ff")]));
        assert_eq!(of("uberctx-order_id", "ord-7"), Some(vec![pair("order_id", "ord-7")]));
        assert_eq!(of("ot-baggage-user", "u 1"), Some(vec![pair("user", "u 1")]));
        assert_eq!((of("uberctx-", "x"), of("traceparent", "x")), (None, None));
        assert_eq!(
            state("dd=s:1;t.tid:66, es=s:0.5,,x=").collect::<Vec<_>>(),
            [("dd", "s:1;t.tid:66"), ("es", "s:0.5")]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(name in "(baggage|uberctx-|x)?.{0,8}", value in any::<String>()) {
            of(&name, &value);
            state(&value).count();
        }
    }
}
