//! Every request that was made, the newest ones kept, for the Sources screen and `-v`.

use crate::model::{Exchange, SafeText};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Requests that are kept.
pub const KEPT: usize = 2_000;

/// A log that all budgets of one set of sources write to.
#[derive(Debug, Default)]
pub struct Log(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Exchange>>,
    made: u64,
    bytes: u64,
}

/// What a log holds.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// The newest requests, in the order in which they ended.
    pub entries: Vec<Arc<Exchange>>,
    /// Requests made, with those that are no longer kept.
    pub made: u64,
    /// Bytes received by all of them.
    pub bytes: u64,
}

impl Requests {
    /// Returns how many were made and are no longer kept.
    pub fn dropped(&self) -> u64 {
        self.made - self.entries.len() as u64
    }
}

impl Log {
    /// Writes down a request that ended.
    pub fn add(&self, exchange: Exchange) {
        let mut ring = self.0.lock().expect("no holder panics");
        ring.made += 1;
        ring.bytes += exchange.bytes;
        if ring.entries.len() == KEPT {
            ring.entries.pop_front();
        }
        ring.entries.push_back(Arc::new(exchange));
    }

    /// Says how many rows came of the newest request with this line, when that is only known after its end.
    pub fn rows(&self, request: &SafeText, rows: u64) {
        let mut ring = self.0.lock().expect("no holder panics");
        if let Some(entry) = ring.entries.iter_mut().rev().find(|entry| entry.request == *request) {
            Arc::make_mut(entry).rows = rows;
        }
    }

    /// Returns how many requests were made.
    pub fn made(&self) -> u64 {
        self.0.lock().expect("no holder panics").made
    }

    /// Returns what is kept.
    pub fn requests(&self) -> Requests {
        let ring = self.0.lock().expect("no holder panics");
        Requests { entries: ring.entries.iter().cloned().collect(), made: ring.made, bytes: ring.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Nanos, SourceKind, Timestamp};

    #[test]
    fn the_newest_are_kept_and_what_is_not_is_counted() {
        let log = Log::default();
        for number in 0..KEPT as u64 + 5 {
            let request = SafeText::from(format!("curl {number}"));
            let (at, took, status) = (Timestamp(0), Nanos(0), SafeText::own("ok"));
            log.add(Exchange { source: SourceKind::Loki, request, at, took, bytes: 2, rows: 0, status });
        }
        log.rows(&SafeText::own("curl 2004"), 9);
        let seen = log.requests();
        assert_eq!((seen.entries.len(), seen.dropped(), seen.bytes), (KEPT, 5, 2 * (KEPT as u64 + 5)));
        assert_eq!(seen.entries[0].request.as_str(), "curl 5");
        assert_eq!(seen.entries.last().map(|entry| entry.rows), Some(9));
    }
}
