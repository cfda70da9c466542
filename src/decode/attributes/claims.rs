//! What a span claims about tries that came before it: numbers that clients, proxies and gRPC write down.

use super::{SpanView, Value};

/// Tries that a span claims. Each counts from 0 at the first try, but for `proxy` and `delivery`, which count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `http.request.resend_count`: sent again for any reason, redirects and logins among them.
    pub resent: Option<u32>,
    /// `retry.count` of Envoy's spans; written on retries only.
    pub retried: Option<u32>,
    /// `previous-rpc-attempts` of gRPC; transparent retries are not counted.
    pub previous: Option<u32>,
    /// `x-envoy-attempt-count` that a proxy added to the request or the response.
    pub proxy: Option<u32>,
    /// `kafka_deliveryAttempt`, which Spring adds to a record that it hands over again (a captured header).
    pub delivery: Option<u32>,
}

impl Claims {
    /// Returns the number of this try among those of the client, from 1; `None` when nothing says it.
    pub fn number(self) -> Option<u32> {
        [self.previous, self.retried, self.resent].into_iter().flatten().next().map(|before| before.saturating_add(1))
    }

    /// Returns how many tries there were at least, this one included. Resends are left out: one of them may have been a
    /// redirect.
    pub fn at_least(self) -> Option<u32> {
        [self.previous, self.retried].into_iter().flatten().max().map(|before| before.saturating_add(1))
    }

    /// Returns how often the request was sent so far, for whatever reason.
    pub fn sent(self) -> Option<u32> {
        self.resent.map(|before| before.saturating_add(1))
    }
}

/// Longest number that is read: a try number with more digits is none.
const DIGITS: usize = 6;

/// Reads what a span claims, in one pass.
pub fn claims(span: SpanView<'_>) -> Claims {
    let mut claims = Claims::default();
    for (name, value) in span.attributes() {
        let seat = match name {
            "http.request.resend_count" | "http.resend_count" | "http.retry_count" => &mut claims.resent,
            "retry.count" => &mut claims.retried,
            "previous-rpc-attempts"
            | "rpc.request.metadata.grpc-previous-rpc-attempts"
            | "rpc.grpc.request.metadata.grpc-previous-rpc-attempts"
            | "rpc.request.metadata.grpc_previous_rpc_attempts" => &mut claims.previous,
            "x-envoy-attempt-count"
            | "http.request.header.x-envoy-attempt-count"
            | "http.request.header.x_envoy_attempt_count"
            | "http.response.header.x-envoy-attempt-count"
            | "http.response.header.x_envoy_attempt_count" => &mut claims.proxy,
            _ if is_delivery(name) => &mut claims.delivery,
            _ => continue,
        };
        *seat = number(value).or(*seat);
    }
    claims
}

/// Says whether a name is that of Spring's header, in whatever case it was captured.
fn is_delivery(name: &str) -> bool {
    let header = name.strip_prefix("messaging.header.");
    header.is_some_and(|header| header.eq_ignore_ascii_case("kafka_deliveryAttempt"))
}

/// A number, or a text or list with one.
fn number(value: Value<'_>) -> Option<u32> {
    if let Some(number) = value.integer() {
        return u32::try_from(number).ok();
    }
    let text = value.text();
    let digits = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '[' | ']'));
    (digits.len() <= DIGITS).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spans::{Place, SpanHead, SpanStore};
    use crate::model::{SpanKind, SpanRow};

    fn of(attributes: &[(&str, Value<'_>)]) -> Claims {
        let mut store = SpanStore::default();
        let process = store.process();
        for (name, value) in attributes {
            store.push_attribute(Place::Span, name, *value);
        }
        store.finish(SpanHead { process, kind: SpanKind::Client, ..SpanHead::default() });
        claims(store.span(SpanRow(0)))
    }

    #[test]
    fn every_spelling_is_read_whatever_the_type() {
        let resent = |name| of(&[(name, Value::Int(2)), ("other", Value::Int(7))]).resent;
        for name in ["http.request.resend_count", "http.resend_count", "http.retry_count"] {
            assert_eq!(resent(name), Some(2), "{name}");
        }
        assert_eq!(of(&[("retry.count", Value::Text("3"))]).at_least(), Some(4));
        assert_eq!(of(&[("previous-rpc-attempts", Value::Int(0))]).number(), Some(1));
        for text in ["[\"2\"]", "2", "[ \"2\" ]"] {
            assert_eq!(
                of(&[("http.request.header.x-envoy-attempt-count", Value::Text(text))]).proxy,
                Some(2),
                "{text}"
            );
        }
    }

    #[test]
    fn a_captured_header_counts_deliveries() {
        for name in ["messaging.header.kafka_deliveryAttempt", "messaging.header.kafka_deliveryattempt"] {
            assert_eq!(of(&[(name, Value::Text("[\"3\"]"))]).delivery, Some(3), "{name}");
        }
        assert_eq!(of(&[("kafka_deliveryAttempt.note", Value::Int(3))]), Claims::default());
    }

    #[test]
    fn what_is_no_number_claims_nothing() {
        for value in [Value::Text(""), Value::Text("many"), Value::Int(-1), Value::Text("99999999999"), Value::Empty] {
            assert_eq!(of(&[("retry.count", value)]), Claims::default(), "{value:?}");
        }
    }

    #[test]
    fn a_resend_may_be_a_redirect_and_is_no_claim_of_attempts() {
        let claims = of(&[("http.request.resend_count", Value::Int(1))]);
        assert_eq!((claims.number(), claims.at_least(), claims.sent()), (Some(2), None, Some(2)));
    }
}
