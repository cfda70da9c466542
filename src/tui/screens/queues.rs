//! Queues: each consumer group with its partitions: where it stands, what it has before it, and who reads it.

use super::hash;
use super::{Item, Room, Screen, Subject, describe, raw, record};
use crate::model::journey::Mark;
use crate::model::now::GroupLag;
use crate::model::queue::{Commit, Group, QueueState};
use crate::model::trend::{Standing, Trend};
use crate::model::{Coordinate, SafeText};
use crate::tui::facts::Facts;
use crate::tui::look::{Align, Role, Stripe};

/// The screen.
pub struct Queues;

impl Screen for Queues {
    fn digit(&self) -> char {
        '5'
    }

    fn name(&self) -> &'static str {
        "Queues"
    }

    fn head(&self, facts: &Facts) -> Vec<Stripe> {
        let (Some(now), Some(queues)) = (&facts.now, state(facts)) else {
            return vec![Stripe::of("no queue state yet", Role::Dim)];
        };
        let partitions: usize = queues.topics.iter().map(|topic| topic.partitions.len()).sum();
        let dead = queues.brokers.iter().filter(|broker| broker.fault.is_some()).count();
        let mut told = Stripe::of(format!("{} groups", queues.groups.len()), Role::Title).and(
            format!("  {} topics, {partitions} partitions, {} brokers", queues.topics.len(), queues.brokers.len()),
            Role::Text,
        );
        if dead > 0 {
            told.push(format!("  E {dead} brokers did not answer"), Role::Error);
        }
        let keys = facts.told("{refresh} reads again, {follow} follows the next record");
        let when = format!("read at {}; {keys}", now.at.date_clock(&facts.zone));
        vec![told, Stripe::of(when, Role::Dim)]
    }

    fn items(&self, facts: &Facts) -> Vec<Item> {
        let (Some(now), Some(queues)) = (&facts.now, state(facts)) else { return Vec::new() };
        let mut items = Vec::new();
        // The order of Now: the worst first.
        let mut rows: Vec<(usize, &GroupLag)> = now.groups.iter().enumerate().collect();
        if facts.order == 1 {
            rows.sort_by_key(|(_, row)| &row.group);
        }
        for (place, row) in rows {
            let Some(at) = queues.groups.iter().position(|group| SafeText::new(&group.id) == row.group) else {
                continue;
            };
            let group = &queues.groups[at];
            let mark = match (group.fault.is_some() || row.lost > 0, row.lag > 0, row.unknown > 0) {
                (true, ..) => Mark::Error,
                (_, true, _) => Mark::Warn,
                (.., true) => Mark::Unknown,
                (.., false) => Mark::Ok,
            };
            let key = hash(&("group", row.group.as_str()));
            items.push(Item { mark, follow: row.next.clone(), ..Item::of(Subject::Group(place), key) });
            let mut commits: Vec<usize> = (0..group.commits.len()).collect();
            let lag = |at: &usize| queues.lag(&group.commits[*at]).map_or(-1, |lag| lag.records);
            if facts.order == 0 {
                commits.sort_by_cached_key(|at| (std::cmp::Reverse(lag(at)), *at));
            } else {
                commits.sort_by_key(|at| (&group.commits[*at].topic, group.commits[*at].partition));
            }
            for commit in commits {
                let held = &group.commits[commit];
                let item = Item::of(
                    Subject::Commit(at, commit),
                    hash(&("commit", row.group.as_str(), held.topic.as_str(), held.partition)),
                );
                items.push(Item { mark: mark_of(queues, held), follow: next(queues, held), ..item });
            }
        }
        items
    }

    fn stripe(&self, facts: &Facts, item: &Item, room: Room) -> Stripe {
        let (Some(now), Some(queues)) = (&facts.now, state(facts)) else { return Stripe::default() };
        match item.subject {
            Subject::Group(at) => now.groups.get(at).map_or_else(Stripe::default, |row| super::now::group(row, room)),
            Subject::Commit(group, at) => {
                let group = queues.groups.get(group);
                let found = group.and_then(|group| Some((group, group.commits.get(at)?)));
                found.map_or_else(Stripe::default, |(group, commit)| {
                    let trend = facts.earlier.as_deref().and_then(|before| Trend::of(before, queues, group, commit));
                    partition(queues, (group, commit), trend, item.mark, room)
                })
            }
            _ => Stripe::default(),
        }
    }

    fn describe(&self, facts: &Facts, item: &Item) -> Vec<Stripe> {
        match item.subject {
            Subject::Commit(group, at) => {
                let Some(queues) = state(facts) else { return Vec::new() };
                let mut lines = describe::commit(queues, facts, group, at);
                if let Some(commit) = queues.groups.get(group).and_then(|group| group.commits.get(at)) {
                    lines.push(Stripe::default());
                    record::of_partition(facts, (&commit.topic, commit.partition), &mut lines);
                }
                lines
            }
            subject => describe::present(facts, subject),
        }
    }

    fn raw(&self, facts: &Facts, item: &Item) -> Option<Vec<Stripe>> {
        let Subject::Commit(group, at) = item.subject else { return None };
        let commit = state(facts)?.groups.get(group)?.commits.get(at)?;
        let read = facts.record.as_ref()?;
        let record = read.record.as_ref().filter(|_| read.wanted.partition() == (&commit.topic, commit.partition))?;
        let mut lines = vec![describe::title(format!("bytes of record {}", record.coordinate)), Stripe::default()];
        raw::record_bytes(&mut lines, record);
        Some(lines)
    }

    fn orders(&self) -> &'static [&'static str] {
        &["worst first", "by name"]
    }

    fn first(&self, items: &[Item], shown: &[u32]) -> Option<usize> {
        shown.iter().position(|at| items[*at as usize].follow.is_some())
    }

    fn blank(&self, facts: &Facts) -> &'static str {
        match (&facts.now, facts.is_reading) {
            (None, _) | (Some(_), true) => "waiting for Kafka",
            (Some(now), false) if now.queues.is_none() => "cannot tell: Kafka did not answer; {sources} says why",
            (Some(_), false) => "no consumer group is visible to this user",
        }
    }
}

fn state(facts: &Facts) -> Option<&QueueState> {
    facts.now.as_ref()?.queues.as_deref()
}

/// Returns the record that is read next, unless everything is read.
fn next(queues: &QueueState, commit: &Commit) -> Option<SafeText> {
    let (partition, committed) = (queues.partition(&commit.topic, commit.partition)?, commit.committed?);
    let offset = committed.max(partition.start.unwrap_or(0));
    let at = Coordinate { topic: commit.topic.clone(), partition: commit.partition, offset };
    partition.end.filter(|end| offset < *end).map(|_| SafeText::new(&at.to_string()))
}

fn mark_of(queues: &QueueState, commit: &Commit) -> Mark {
    match queues.lag(commit) {
        Some(lag) if lag.lost > 0 => Mark::Error,
        Some(lag) if lag.records > 0 => Mark::Warn,
        Some(_) => Mark::Ok,
        None => Mark::Unknown,
    }
}

fn partition(
    queues: &QueueState,
    (group, commit): (&Group, &Commit),
    trend: Option<Trend>,
    mark: Mark,
    room: Room,
) -> Stripe {
    let number = |value: Option<i64>| SafeText::new(&value.map_or_else(|| "?".to_owned(), |value| value.to_string()));
    let held = queues.partition(&commit.topic, commit.partition);
    let lag = queues.lag(commit);
    let role = super::role_of(mark);
    let shown = match lag {
        Some(lag) if group.is_lag_at_most() && lag.records > 0 => SafeText::new(&format!("<={}", lag.records)),
        _ => number(lag.map(|lag| lag.records)),
    };
    let name = (room.width / 3).saturating_sub(4).clamp(14, 40);
    let mut stripe = Stripe::of(format!("  {} ", mark.sign()), role)
        .cell(&SafeText::new(&format!("{}-{}", commit.topic, commit.partition)), name, Align::Left, Role::Text)
        .cell(&shown, 8, Align::Right, role)
        .and("  ", Role::Dim)
        .cell(&number(commit.committed), 9, Align::Right, Role::Text)
        .and(" of ", Role::Text)
        .cell(&number(held.and_then(|held| held.end)), 9, Align::Left, Role::Text);
    if let Some(trend) = trend.filter(|trend| trend.standing() != Standing::UpToDate) {
        stripe.push(format!(" {}: {} ", trend.way().word(), trend.standing().words()), Role::Info);
    }
    if let Some(lag) = lag {
        if lag.lost > 0 {
            stripe.push(format!(" {} lost to retention", lag.lost), Role::Error);
        }
        if lag.behind_transaction > 0 {
            stripe.push(format!(" {} behind an open transaction", lag.behind_transaction), Role::Warn);
        }
    }
    if let Some(fault) = held.and_then(|held| held.fault.as_ref()) {
        stripe.push(format!(" {fault}"), Role::Error);
    }
    match commit.owner.and_then(|owner| group.members.get(owner)) {
        Some(member) => stripe.and(format!(" {} {}", member.client, member.host), Role::Dim),
        None => {
            stripe.and(" nobody reads it", if lag.is_some_and(|lag| lag.records > 0) { Role::Warn } else { Role::Dim })
        }
    }
}
