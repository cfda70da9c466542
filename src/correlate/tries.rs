//! Tries: what callers' lines say about the attempts of a call that spans alone join by their shape.

use super::journey::Material;
use super::reads;
use crate::model::journey::{Attempt, AttemptResult, Calls, Grouping, Operation};
use crate::model::{Nanos, SpanId, SpanRow, Timestamp, TraceId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// A line is written so long after the end of the attempt that it is about, at most; clocks of spans and lines of one
/// process differ by less than the noise.
const BEHIND: Nanos = Nanos(50_000_000);
const NOISE: Nanos = Nanos(2_000_000);

/// What lines say about attempts, by the span in which they were written, by time.
type Said = HashMap<(TraceId, SpanId), Vec<(Timestamp, reads::Tries)>, FixedState>;

/// What the lines say about one operation.
struct Told {
    /// Every attempt but the last was followed by a line that says that it is tried again.
    whole: bool,
    /// The numbers and the bound of the lines about its attempts agree; `None` where no line has a number.
    numbers: Option<Numbers>,
}

#[derive(Clone, Copy)]
struct Numbers {
    highest: u32,
    of: u32,
}

/// Reads the callers' lines, and says of each operation what they make sure.
pub(super) fn listen(material: &Material<'_>, calls: &mut Calls) {
    let said = said(material);
    if said.is_empty() {
        return;
    }
    let told: Vec<Option<Told>> =
        calls.unworded(material.spans).map(|operation| told(material, operation, &said)).collect();
    for (wish, told) in calls.wishes().iter_mut().zip(told) {
        let Some(Told { whole, numbers }) = told else { continue };
        match numbers {
            Some(Numbers { highest, of }) => {
                let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
                wish.claimed.at_least = wish.claimed.at_least.max(small(highest));
                let bound = if wish.claimed.at_most == 0 { small(of) } else { wish.claimed.at_most.min(small(of)) };
                wish.claimed.at_most = bound;
                if whole && matches!(wish.grouping, Grouping::Strong | Grouping::Possible) {
                    wish.grouping = Grouping::Explicit;
                }
            }
            None if whole && wish.grouping == Grouping::Possible => wish.grouping = Grouping::Strong,
            None => {}
        }
    }
}

fn said(material: &Material<'_>) -> Said {
    let mut said = Said::default();
    for number in &material.scope.lines {
        let line = material.lines.line(*number);
        let Some(tries) = reads::tries(line) else { continue };
        if let Some((trace, Some(span))) = reads::line_trace(line) {
            said.entry((trace, span)).or_default().push((line.at(), tries));
        }
    }
    said.values_mut().for_each(|lines| lines.sort_by_key(|(at, _)| *at));
    said
}

/// Returns what lines say about an operation; `None` where they say nothing, or not what its spans say.
fn told(material: &Material<'_>, operation: Operation<'_>, said: &Said) -> Option<Told> {
    let attempts: Vec<Attempt<'_>> = operation.attempts().collect();
    if attempts.iter().any(|attempt| attempt.span.is_none() || attempt.hedge) {
        return None;
    }
    let mut found: Vec<Option<reads::Tries>> = Vec::with_capacity(attempts.len());
    for (place, attempt) in attempts.iter().enumerate() {
        let next = attempts.get(place + 1).map(|next| next.start);
        found.push(after(material, attempt, next, said)?);
    }
    let whole = attempts.len() > 1 && found[..attempts.len() - 1].iter().all(Option::is_some);
    // Where a line is lost, only the shape says that these are attempts of one call.
    if attempts.len() > 1 && !whole {
        return None;
    }
    let numbered: Vec<(usize, u32, u32)> = found
        .iter()
        .enumerate()
        .filter_map(|(place, tries)| tries.and_then(|tries| Some((place, tries.number?, tries.of?))))
        .collect();
    let Some((_, _, of)) = numbered.first().copied() else {
        return whole.then_some(Told { whole, numbers: None });
    };
    // One after the other under one bound, and no number lower than the place of its attempt.
    let agree = numbered.iter().all(|(place, number, bound)| *bound == of && *number as usize > *place)
        && numbered.windows(2).all(|pair| pair[0].1 < pair[1].1);
    if !agree {
        return None;
    }
    let (place, highest, _) = numbered.last().copied()?;
    // What follows the last numbered one has a number of its own.
    let highest = highest + (attempts.len() - 1 - place) as u32;
    (highest <= of).then_some(Told { whole, numbers: Some(Numbers { highest, of }) })
}

/// Returns what a line says about an attempt right behind its end. The outer `None`: several lines could be about it.
#[expect(clippy::option_option, reason = "no line and too many lines are two answers")]
fn after(
    material: &Material<'_>,
    attempt: &Attempt<'_>,
    next: Option<Timestamp>,
    said: &Said,
) -> Option<Option<reads::Tries>> {
    if attempt.result == AttemptResult::Succeeded {
        return Some(None);
    }
    let span = material.spans.span(attempt.span.unwrap_or(SpanRow(0)));
    let places = [span.parent(), Some(span.id())].into_iter().flatten();
    let lines: Vec<&Vec<(Timestamp, reads::Tries)>> =
        places.filter_map(|place| said.get(&(span.trace(), place))).collect();
    let (begin, end) = (span.end().plus(Nanos(-NOISE.0)), span.end().plus(BEHIND));
    let end = next.map_or(end, |next| next.plus(NOISE).min(end));
    let mut near = lines.iter().flat_map(|lines| {
        let first = lines.partition_point(|(at, _)| *at < begin);
        lines[first..].iter().take_while(|(at, _)| *at <= end)
    });
    let line = near.next();
    near.next().is_none().then(|| line.map(|(_, tries)| *tries))
}
