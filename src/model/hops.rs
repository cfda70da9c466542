//! Hops: steps from service to service, read off a journey when somebody asks.

use super::journey::Journey;
use super::spans::SpanStore;
use super::text::SafeText;
use super::time::{Nanos, Timestamp};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A step from one service to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop<'a> {
    /// Where it leaves.
    pub from: Cow<'a, str>,
    /// Where it arrives.
    pub to: &'a str,
    /// Over what.
    pub channel: Channel<'a>,
    /// When it left.
    pub at: Timestamp,
    /// Time on the way: network for calls, wait in the queue for messages. Across hosts it holds their clock difference.
    pub transit: Option<Nanos>,
    /// How many attempts or deliveries used it.
    pub times: u32,
}

/// What a hop runs over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel<'a> {
    /// A synchronous call; the text names operation and peer.
    Call(&'a str),
    /// A topic.
    Topic(SafeText),
}

impl Journey {
    /// Returns the hops from service to service, over calls and queues, in order of time. All texts are safe.
    pub fn hops<'a>(&'a self, spans: &'a SpanStore) -> Vec<Hop<'a>> {
        let mut hops = Vec::with_capacity(self.calls.len());
        for operation in self.operations(spans) {
            let first = operation.first();
            let arrived = first.span.and_then(|_| first.executions().next()).map(|run| run.start.since(first.start));
            hops.push(Hop {
                from: operation.caller().into(),
                to: operation.peer(),
                channel: Channel::Call(operation.name()),
                at: first.start,
                transit: arrived,
                times: operation.tries() as u32,
            });
        }
        for message in &self.messages {
            for copy in &message.copies {
                let mut seen: BTreeMap<&str, (u32, Timestamp)> = BTreeMap::new();
                for delivery in message
                    .deliveries
                    .iter()
                    .filter(|delivery| delivery.coordinate == copy.coordinate && delivery.ordinal > 0)
                {
                    let entry = seen.entry(delivery.service.as_str()).or_insert((0, delivery.start));
                    *entry = (entry.0 + 1, entry.1.min(delivery.start));
                }
                let from = copy.producer.map_or(SafeText::own("?"), |row| SafeText::new(spans.span(row).service()));
                for (to, (times, start)) in seen {
                    hops.push(Hop {
                        from: from.as_str().to_owned().into(),
                        to,
                        channel: Channel::Topic(SafeText::new(&copy.coordinate.topic)),
                        at: copy.written,
                        transit: Some(start.since(copy.written)),
                        times,
                    });
                }
            }
        }
        hops.sort_by(|a, b| (a.at, &a.from, a.to).cmp(&(b.at, &b.from, b.to)));
        hops
    }
}
