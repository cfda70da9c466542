//! Ids beside the pointers: those that are searched for in log lines, and those that are wider than what was asked about.
//!
//! From a message up to its order and down again to the order's other messages is a step that only a person takes: wider
//! ids are listed with their scope, and followed when they are asked for themselves.

use super::reads::{self, Spot};
use super::scope::{Rows, Scope};
use crate::model::identifier::Scope as Width;
use crate::model::why::Node;
use crate::model::{Identifier, Identity, LedgerEntry, NamedKind, NotFollowed, SafeText, SpanRow};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Spans, records and lines that are looked into for ids, each; the tops of the trees come first.
const LOOKED_INTO: usize = 64;
/// Wider ids that lines are searched for.
const FINDERS: usize = 4;
/// Labels that are listed one by one.
const LISTED: usize = 12;

/// An id of the scope with where it stands.
pub(super) struct Told {
    pub id: Identifier,
    pub field: SmolStr,
    pub at: Node,
}

/// How much the anchor spans.
pub(super) const fn width(anchor: &Identity) -> Width {
    match anchor {
        Identity::Span(..) | Identity::Trace(_) => Width::Request,
        Identity::Record(_) => Width::Message,
        Identity::Business(_) => Width::Entity,
    }
}

/// Returns the named ids of the first rows of the scope, each once.
pub(super) fn told(rows: Rows<'_>, scope: &Scope) -> Vec<Told> {
    let mut told: BTreeMap<Identifier, (SmolStr, Node)> = BTreeMap::new();
    let mut take = |found: Vec<crate::decode::ids::Found>, at: Node| {
        for found in found {
            if matches!(found.id, Identifier::Named(_)) {
                let field = if found.spot == Spot::Key { reads::KEY } else { found.field };
                told.entry(found.id).or_insert((field, at));
            }
        }
    };
    let records = rows.records.iter().filter(|(at, _)| scope.coordinates.contains_key(*at));
    for (at, record) in records.take(LOOKED_INTO) {
        if let Some(node) = scope.paths.record(at) {
            take(reads::of_record(record), node);
        }
    }
    for row in rows.index.order.iter().filter(|row| scope.spans[**row as usize]).take(LOOKED_INTO) {
        take(reads::of_span(rows.spans.span(SpanRow(*row))), Node::Span(SpanRow(*row)));
    }
    told.into_iter().map(|(id, (field, at))| Told { id, field, at }).collect()
}

/// Says whether lines are searched for the id: it is unique by itself and names no more than one message or request. That
/// of a request tells what caused a message, also where it is wider than what was asked about.
pub(super) fn is_searched(id: &Identifier) -> bool {
    match id {
        Identifier::Named(named) => {
            named.is_unique()
                && matches!(named.kind(), NamedKind::Message | NamedKind::Request | NamedKind::Idempotency)
        }
        Identifier::Trace(_) | Identifier::Span(..) | Identifier::Record(..) | Identifier::Produced(..) => false,
    }
}

/// Returns the narrowest ids that are wider than what was asked about and unique by themselves. They are no way on, but
/// lines with them may tell where to look for what names a record itself.
pub(super) fn finders(told: &[Told], width: Width) -> Vec<Identifier> {
    let is_one = |id: &Identifier| {
        let unique = matches!(id, Identifier::Named(named) if named.is_unique());
        unique && !is_searched(id) && id.scope() > width && id.scope() < Width::Wide
    };
    let mut all: Vec<&Identifier> = told.iter().map(|told| &told.id).filter(|id| is_one(id)).collect();
    all.sort_by_key(|id| (id.scope(), *id));
    let mut found: Vec<Identifier> = Vec::new();
    for id in all {
        // One value often stands under several names.
        if !found.iter().any(|known| known.joins(id)) {
            found.push(id.clone());
        }
    }
    found.truncate(FINDERS);
    found
}

/// Lists the ids that are wider than the anchor, narrow ones first; what is never followed is only counted.
pub(super) fn ledger(rows: Rows<'_>, scope: &Scope) -> Vec<LedgerEntry> {
    let width = width(rows.anchor);
    let own = match rows.anchor {
        Identity::Business(id) => id.as_str(),
        Identity::Trace(_) | Identity::Span(..) | Identity::Record(_) => "",
    };
    // Of one value under several names the narrowest is listed.
    let mut wider: BTreeMap<SmolStr, (Width, Told)> = BTreeMap::new();
    let mut never: BTreeMap<String, usize> = BTreeMap::new();
    for told in told(rows, scope) {
        let (its, Identifier::Named(named)) = (told.id.scope(), &told.id) else { continue };
        if its == Width::Wide {
            *never.entry(named.within().to_owned()).or_default() += 1;
        } else if its > width && !is_searched(&told.id) && named.value() != own {
            let value = SmolStr::new(named.value());
            if wider.get(&value).is_none_or(|(known, _)| its < *known) {
                wider.insert(value, (its, told));
            }
        }
    }
    let mut wider: Vec<(SmolStr, (Width, Told))> = wider.into_iter().collect();
    wider.sort_by(|a, b| (a.1.0, &a.0).cmp(&(b.1.0, &b.0)));
    let more = wider.len().saturating_sub(LISTED);
    let entry = |(value, (width, told)): (SmolStr, (Width, Told))| {
        let place = match told.at {
            Node::Record(at) => {
                scope.paths.records().nth(at as usize).map_or_else(String::new, |at| format!("record {at}"))
            }
            Node::Span(row) => format!("span `{}`", rows.spans.span(row).name()),
            Node::Anchor | Node::Line(_) | Node::Trace(_) | Node::Id(_) => String::new(),
        };
        let what = match width {
            Width::Conversation => "a conversation",
            _ => "a thing of the business",
        };
        let detail = format!(
            "`{}` of {place} names {what}, which may hold other messages and requests: it is not followed, and at most tells where to look for what names \
             these itself; to widen: hopscope follow {value}",
            told.field
        );
        LedgerEntry { id: SafeText::new(&value), reason: NotFollowed::WiderScope, detail: SafeText::new(&detail) }
    };
    let mut ledger: Vec<LedgerEntry> = wider.into_iter().take(LISTED).map(entry).collect();
    if more > 0 {
        ledger.push(LedgerEntry {
            id: SafeText::new(&format!("{more} more ids")),
            reason: NotFollowed::WiderScope,
            detail: SafeText::own("the records and spans above name them"),
        });
    }
    if !never.is_empty() {
        let kinds: Vec<String> = never.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        ledger.push(LedgerEntry {
            id: SafeText::new(&kinds.join(", ")),
            reason: NotFollowed::WiderScope,
            detail: SafeText::own("customers, users, tenants and hosts are never followed: equal values say nothing"),
        });
    }
    ledger
}
