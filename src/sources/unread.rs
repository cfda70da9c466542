//! A kind of source that this version cannot read: configured, named in coverage, never asked.
//!
//! The answer that leaves it out must say so, which a source that is merely not configured would not.

use super::Source;
use super::lease::Budget;
use crate::model::{Ask, Fault, FaultKind, Reply, SafeText, SourceKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// A configured source without a client.
pub struct Unread(pub SourceKind);

impl Unread {
    fn fault(&self) -> Fault {
        Fault {
            source: self.0,
            kind: FaultKind::Unsupported,
            asked: SafeText::own("not asked"),
            came: format!("this version cannot read {} yet", self.0).into(),
            hint: SafeText::own("the answer rests on the other sources alone"),
        }
    }
}

impl Source for Unread {
    fn kind(&self) -> SourceKind {
        self.0
    }

    fn address(&self) -> SafeText {
        SafeText::own("not read by this version")
    }

    fn answer<'a>(&'a self, _ask: &'a Ask, _budget: &'a Budget) -> BoxFuture<'a, Reply> {
        async { Reply::fault(self.fault()) }.boxed()
    }

    fn identify<'a>(&'a self, _budget: &'a Budget) -> BoxFuture<'a, Result<SafeText, Fault>> {
        async { Err(self.fault()) }.boxed()
    }
}
