//! Facts that are told apart by rank: equal texts in one conversation, and what else has no id on every channel.
//!
//! "continue" sent three times is three prompts with one text. Each channel counts them by its own keys (on the wire:
//! what they follow; in hooks: the prompt's id). The events for the text are #1…#n, n the maximum over channels; the
//! k-th key of each channel is a witness of event #k. Ranks only, never clock nearness: channels' clocks and delays are
//! unrelated (RULES 3).

use std::collections::BTreeMap;

use super::{ViewedEvent, actions, event, event_id};
use crate::capture::Channel;
use crate::event::EventKind;
use crate::ids::{EnvironmentId, EventId};
use crate::observation::{Key, Observation, Vantage};
use crate::time::Timestamp;

/// One of a channel's own counts of the text: its sightings.
pub(super) struct Count<'a> {
    pub(super) first: (Timestamp, u32),
    pub(super) own_key: &'a str,
    pub(super) members: Vec<&'a Observation>,
}

impl<'a> Count<'a> {
    pub(super) fn new(seen: &'a Observation, own_key: &'a str) -> Self {
        Self { first: (seen.at, seen.ordinal), own_key, members: Vec::new() }
    }

    pub(super) fn add(&mut self, seen: &'a Observation) {
        self.first = self.first.min((seen.at, seen.ordinal));
        self.members.push(seen);
    }
}

/// Whether the events of these observations are told apart by rank. Calls are where one of them has no id.
pub(super) fn applies(kind: EventKind, members: &[&Observation]) -> bool {
    match kind {
        EventKind::Reasoning | EventKind::ModelCall | EventKind::SubagentStart | EventKind::SubagentStop => false,
        EventKind::ToolCall => members.iter().any(|seen| action(seen).is_some()),
        _ => true,
    }
}

fn action(seen: &Observation) -> Option<&Key> {
    seen.keys.iter().find(|key| matches!(key, Key::Action(_)))
}

/// The events of the observations of one text.
pub(super) fn events(environment: EnvironmentId, observations: &[&Observation]) -> Vec<ViewedEvent> {
    let counts = counts_by_channel(observations);
    let total = counts.iter().map(Vec::len).max().unwrap_or_default();
    // One text has one key; calls whose arguments an agent wrote anew when it resent them have several.
    let mut keys: Vec<&Key> = observations.iter().filter_map(|seen| action(seen).or(seen.keys.first())).collect();
    keys.retain(|key| !actions::is_call(key));
    keys.sort_unstable();
    keys.dedup();
    (0..total).filter_map(|rank| ranked_event(environment, &counts, &keys, rank)).collect()
}

fn ranked_event(
    environment: EnvironmentId,
    counts: &[Vec<Count<'_>>],
    keys: &[&Key],
    rank: usize,
) -> Option<ViewedEvent> {
    let here: Vec<&Count<'_>> = counts.iter().filter_map(|channel| channel.get(rank)).collect();
    let members: Vec<&Observation> = here.iter().flat_map(|count| count.members.iter().copied()).collect();
    let any = *members.first()?;
    let kind = any.kind?;
    let rank = u32::try_from(rank).unwrap_or(u32::MAX) + 1;
    let mut ids = keys.iter().map(|key| event_id(environment, any, key, rank));
    let by_rank = ids.next()?;
    let mut aliases: Vec<EventId> = ids.collect();
    // A call's own id resolves to it.
    let calls = members.iter().flat_map(|seen| seen.keys.iter().map(move |key| (seen, key)));
    let calls = calls.filter(|(_, key)| kind == EventKind::ToolCall && actions::is_call(key));
    aliases.extend(calls.map(|(seen, key)| event_id(environment, seen, key, 0)));
    // An answer's own id is the better name; its rank resolves to it.
    let reply = members.iter().find(|seen| kind == EventKind::Completion && seen.vantage == Vantage::WireReply);
    let by_reply = reply.and_then(|seen| {
        let own_key = seen.own_key.clone()?;
        Some(event_id(environment, seen, &Key::Response(own_key), 0))
    });
    let id = match by_reply {
        Some(id) => {
            aliases.push(by_rank);
            id
        }
        None => by_rank,
    };
    event(environment, kind, id, aliases, &members)
}

/// A channel's counts in order. Answers are counted apart from resent history, which has other own keys for them.
fn counts_by_channel<'a>(observations: &[&'a Observation]) -> Vec<Vec<Count<'a>>> {
    if observations.first().is_some_and(|seen| matches!(seen.kind, Some(EventKind::ToolCall | EventKind::Permission))) {
        let (hooks, wire): (Vec<_>, Vec<_>) =
            observations.iter().partition(|seen| seen.vantage.channel() == Channel::Hook);
        let is_beside =
            |seen: &&Observation| seen.own_key.as_deref().is_some_and(|own| own.starts_with(Observation::BESIDE));
        let (beside, hooks): (Vec<_>, Vec<_>) = hooks.into_iter().partition(is_beside);
        return vec![actions::on_the_wire(&wire), actions::in_hooks(&hooks), actions::in_hooks(&beside)];
    }
    let mut channels: BTreeMap<(u8, bool), BTreeMap<&'a str, Count<'a>>> = BTreeMap::new();
    for &seen in observations {
        let own_key = seen.own_key.as_deref().unwrap_or_default();
        let is_reply = seen.vantage == Vantage::WireReply;
        channels
            .entry((seen.vantage.channel() as u8, is_reply))
            .or_default()
            .entry(own_key)
            .or_insert_with(|| Count::new(seen, own_key))
            .add(seen);
    }
    channels
        .into_values()
        .map(|counts| {
            let mut counts: Vec<Count<'_>> = counts.into_values().collect();
            counts.sort_by(|a, b| (a.first, a.own_key).cmp(&(b.first, b.own_key)));
            counts
        })
        .collect()
}
