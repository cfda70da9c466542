//! What a call was for: the ids on its span that two tries of one wish share and two wishes do not.

use super::names::{self, Meaning};
use crate::model::NamedKind;
use crate::model::spans::SpanView;
use smol_str::SmolStr;

/// The ids of one wish, as far as its span names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Idempotency key: equal means the same wish.
    pub idempotency: Option<SmolStr>,
    /// Id of the request; calls of other kinds may share it.
    pub request: Option<SmolStr>,
    /// Things of the business by entity type, sorted.
    pub business: Vec<(&'static str, SmolStr)>,
}

/// Entity types that name what came out of a call, not what it was for: each try may make one.
const RESULTS: &[&str] = &["payment", "transaction", "transfer", "refund"];

impl Wanted {
    /// Says whether both name a thing of the same type, and not the same one.
    pub fn differs(&self, other: &Self) -> bool {
        matches!((&self.idempotency, &other.idempotency), (Some(a), Some(b)) if a != b)
            || self.common(other).any(|(a, b)| a != b)
    }

    /// Says whether both name the same thing, and none that differs.
    pub fn is_same(&self, other: &Self) -> bool {
        let keyed = matches!((&self.idempotency, &other.idempotency), (Some(a), Some(b)) if a == b);
        !self.differs(other) && (keyed || self.common(other).next().is_some())
    }

    /// The values of the types that both name.
    fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a SmolStr, &'a SmolStr)> {
        self.business.iter().filter_map(|(within, value)| {
            let place = other.business.iter().position(|(known, _)| known == within)?;
            Some((value, &other.business[place].1))
        })
    }
}

/// Reads the ids of a call's wish.
pub fn wanted(span: SpanView<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    for (name, value) in span.attributes() {
        let Some(Meaning::Named(kind, within)) = names::meaning(name) else { continue };
        let text = value.text();
        let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '[' | ']'));
        if text.is_empty() || names::is_name(name, text) {
            continue;
        }
        match kind {
            NamedKind::Idempotency => wanted.idempotency = Some(text.into()),
            NamedKind::Request => wanted.request = Some(text.into()),
            NamedKind::Business
                if !RESULTS.contains(&within) && !wanted.business.iter().any(|(known, _)| *known == within) =>
            {
                wanted.business.push((within, text.into()));
            }
            _ => {}
        }
    }
    wanted.business.sort();
    wanted
}

/// Returns the key by which an effect of a call is recognised: its idempotency key, else the first thing of the business
/// that its span names, as `order ord-1`.
pub fn effect_key(span: SpanView<'_>) -> Option<SmolStr> {
    let wanted = wanted(span);
    let of_business = || wanted.business.into_iter().next().map(|(_, value)| value);
    wanted.idempotency.or_else(of_business)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spans::{Place, SpanHead, SpanStore};
    use crate::model::{SpanKind, SpanRow, Value};

    fn of(attributes: &[(&str, &str)]) -> Wanted {
        let mut store = SpanStore::default();
        let process = store.process();
        for (name, value) in attributes {
            store.push_attribute(Place::Span, name, Value::Text(value));
        }
        store.finish(SpanHead { process, kind: SpanKind::Client, ..SpanHead::default() });
        wanted(store.span(SpanRow(0)))
    }

    #[test]
    fn captured_headers_and_own_attributes_name_one_wish() {
        let (header, own) =
            (of(&[("http.request.header.idempotency-key", "[\"k-1\"]")]), of(&[("idempotencyKey", "k-1")]));
        assert!(header.is_same(&own) && !header.differs(&own));
        assert!(of(&[("http.request.header.x_request_id", "r-1")]).request.is_some());
    }

    #[test]
    fn what_differs_is_another_wish_and_what_is_absent_says_nothing() {
        let (one, other) = (of(&[("order.id", "1"), ("item.id", "7")]), of(&[("order_id", "1"), ("item.id", "8")]));
        assert!(one.differs(&other) && !one.is_same(&other));
        assert!(!one.differs(&of(&[])) && !one.is_same(&of(&[])));
        assert!(one.is_same(&of(&[("orderId", "1")])));
        assert!(of(&[("order_id", "order_id"), ("payment.id", "p")]).business.is_empty(), "templates and results");
    }
}
