//! Fusing: observations into events, each fact once however many captures, channels and replays showed it.
//!
//! A fact is a grow-only **set** of observations. [`join`] is set union, so it is commutative, associative and
//! idempotent; [`view`] is a pure function of the set. Hence any order, duplication, subset and delay of observations
//! gives the same events, and a late witness only adds (RULES 3, 5).

use std::collections::BTreeMap;

use crate::event::{EventBody, EventKind, Witness};
use crate::ids::{EnvironmentId, EventId, FactId, ID_LEN, SessionId};
use crate::observation::{Content, Key, Observation, Vantage};
use crate::time::Timestamp;

mod actions;
mod attributes;
mod body;
mod components;
#[cfg(test)]
mod properties;
mod ranked;

pub use attributes::{FusedAttributes, session_attributes};
pub use body::search_text;
pub use components::{Component, components};

/// A fact's observations by their ids.
pub type ObservationSet = BTreeMap<[u8; ID_LEN], Observation>;

/// Adds an observation. Of two sightings that tell the same, the earlier one is kept. Returns whether anything changed.
///
/// Among observations of one version this is set union. What a newer version of the adapters reads out of a capture
/// takes the place of what an older one read there: a replay after an upgrade changes events and never doubles them.
pub fn join(set: &mut ObservationSet, observation: Observation) -> bool {
    use std::collections::btree_map::Entry;
    let is_same_sighting = |seen: &Observation| {
        seen.made_by != observation.made_by
            && seen.capture == observation.capture
            && seen.vantage == observation.vantage
            && seen.keys == observation.keys
    };
    if set.values().any(|seen| seen.made_by > observation.made_by && is_same_sighting(seen)) {
        return false;
    }
    let before = set.len();
    set.retain(|_, seen| !is_same_sighting(seen));
    let superseded = set.len() < before;
    superseded
        | match set.entry(observation.id()) {
            Entry::Vacant(entry) => {
                entry.insert(observation);
                true
            }
            Entry::Occupied(mut entry) => {
                let rank = |seen: &Observation| (seen.at, seen.ordinal, seen.capture);
                if rank(&observation) < rank(entry.get()) {
                    entry.insert(observation);
                    return true;
                }
                false
            }
        }
}

/// Every id by which the observation's fact is found. Observations that share one belong to one fact.
pub fn fact_ids(environment: EnvironmentId, observation: &Observation) -> Vec<FactId> {
    observation.keys.iter().map(|key| FactId(keyed_id(environment, observation, key, 0))).collect()
}

/// The id of an event that is told by `key`; `rank` tells equal texts apart and is 0 for all other keys.
pub fn event_id(environment: EnvironmentId, observation: &Observation, key: &Key, rank: u32) -> EventId {
    EventId(keyed_id(environment, observation, key, rank))
}

/// hash(environment, scope, kind, key) (RULES 1). The scope of a text is (conversation, subagent) (RULES 3).
fn keyed_id(environment: EnvironmentId, observation: &Observation, key: &Key, rank: u32) -> [u8; ID_LEN] {
    let kind = observation.kind.map_or("session", EventKind::as_str);
    let (tag, text, extra) = match key {
        Key::Call(id) => ("call", id.as_str(), String::new()),
        Key::CallAt(id, position) => ("call_at", id.as_str(), position.clone()),
        Key::Request(id) => ("request", id.as_str(), String::new()),
        Key::Response(id) => ("response", id.as_str(), String::new()),
        Key::Exchange(id) => ("exchange", id.as_str(), String::new()),
        Key::Text(hash) => ("text", hash.as_str(), observation.subagent_id.clone().unwrap_or_default()),
        Key::Action(hash) => ("action", hash.as_str(), String::new()),
        Key::Occurrence(source, count) => ("occurrence", source.as_str(), count.to_string()),
        Key::Session => ("session", "", String::new()),
    };
    crate::ids::hash_parts(
        "ursa event 1",
        &[
            &environment.0,
            observation.scope.as_str().as_bytes(),
            kind.as_bytes(),
            tag.as_bytes(),
            text.as_bytes(),
            extra.as_bytes(),
            &rank.to_le_bytes(),
        ],
    )
}

/// What follows from a fact's set.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The fact's id: that of its most preferred key.
    pub id: FactId,
    /// Every id by which it is found, sorted, its own among them.
    pub found_by: Vec<FactId>,
    /// Its events.
    pub events: Vec<ViewedEvent>,
}

/// An event as it follows from a fact's set.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewedEvent {
    /// Its id.
    pub id: EventId,
    /// Other ids of it: they resolve to `id`.
    pub aliases: Vec<EventId>,
    /// When it happened.
    pub at: Timestamp,
    /// Order within one moment.
    pub ordinal: u32,
    /// What kind.
    pub kind: EventKind,
    /// Set inside a subagent.
    pub subagent_id: Option<String>,
    /// The event that led to it, by one of its ids.
    pub parent: Option<EventId>,
    /// Who saw it: the first sighting a channel.
    pub witnesses: Vec<Witness>,
    /// What it says.
    pub body: EventBody,
    /// For model calls: what `/context` is rebuilt from.
    pub context: Option<crate::observation::ContextRef>,
}

/// The events of a set of observations of one fact. `None` for an empty set.
pub fn view(environment: EnvironmentId, set: &ObservationSet) -> Option<View> {
    let first = set.values().next()?;
    let mut keyed: Vec<(&Key, FactId)> = Vec::new();
    for observation in set.values() {
        for key in &observation.keys {
            keyed.push((key, FactId(keyed_id(environment, observation, key, 0))));
        }
    }
    keyed.sort();
    let id = keyed.first()?.1;
    let mut found_by: Vec<FactId> = keyed.iter().map(|(_, id)| *id).collect();
    found_by.sort_unstable();
    found_by.dedup();

    let members: Vec<&Observation> = set.values().collect();
    let events = match first.kind {
        None => Vec::new(),
        Some(kind) if ranked::applies(kind, &members) => ranked::events(environment, &members),
        Some(kind) => {
            let aliases = keyed.iter().map(|(_, id)| EventId(id.0)).filter(|alias| alias.0 != id.0);
            event(environment, kind, EventId(id.0), aliases.collect(), &members).into_iter().collect()
        }
    };
    Some(View { id, found_by, events })
}

/// One event out of the observations that show it.
fn event(
    environment: EnvironmentId,
    kind: EventKind,
    id: EventId,
    mut aliases: Vec<EventId>,
    members: &[&Observation],
) -> Option<ViewedEvent> {
    aliases.sort_unstable();
    aliases.dedup();
    let parent = parent(environment, members);
    // That it ran inside another call is told by the other: nobody saw this one there.
    let members: Vec<&Observation> =
        members.iter().filter(|seen| !matches!(seen.content, Content::Inside { .. })).copied().collect();
    let members = members.as_slice();
    let earliest = members.iter().min_by_key(|seen| (seen.at, seen.ordinal, seen.capture))?;
    let subagent_id = members.iter().filter_map(|seen| seen.subagent_id.as_ref()).min().cloned();
    Some(ViewedEvent {
        id,
        aliases,
        at: earliest.at,
        ordinal: earliest.ordinal,
        kind,
        subagent_id,
        parent,
        witnesses: witnesses(members),
        body: body::body(kind, members)?,
        context: context(members),
    })
}

/// The first sighting on each channel.
fn witnesses(members: &[&Observation]) -> Vec<Witness> {
    let mut first: BTreeMap<crate::capture::Channel, (Timestamp, crate::ids::ExchangeId)> = BTreeMap::new();
    for seen in members {
        let sighting = (seen.at, seen.capture);
        first.entry(seen.vantage.channel()).and_modify(|kept| *kept = (*kept).min(sighting)).or_insert(sighting);
    }
    first.into_iter().map(|(channel, (at, capture_id))| Witness { channel, capture_id, at }).collect()
}

/// An answer's pieces hang on the model call that gave it, what a script called on the call that ran the script.
fn parent(environment: EnvironmentId, members: &[&Observation]) -> Option<EventId> {
    let outer = members.iter().filter_map(|seen| match &seen.content {
        Content::Inside { call_id } => Some((seen.at, event_id(environment, seen, &Key::Call(call_id.clone()), 0))),
        _ => None,
    });
    if let Some((_, outer)) = outer.min() {
        return Some(outer);
    }
    let call = |seen: &Observation, response: &str| {
        let of_call = Observation { kind: Some(EventKind::ModelCall), ..seen.clone() };
        event_id(environment, &of_call, &Key::Response(response.to_owned()), 0)
    };
    members
        .iter()
        .filter(|seen| seen.vantage == Vantage::WireReply)
        .filter_map(|seen| match (&seen.content, seen.keys.first()) {
            (Content::ToolCall { response_id: Some(id), .. }, _) => Some(call(seen, id)),
            (Content::Completion { .. }, _) => seen.own_key.as_deref().map(|own| call(seen, own)),
            (Content::Reasoning { .. }, Some(Key::Response(id))) => {
                id.rsplit_once('#').map(|(response, _)| call(seen, response))
            }
            _ => None,
        })
        .min()
}

fn context(members: &[&Observation]) -> Option<crate::observation::ContextRef> {
    members
        .iter()
        .filter_map(|seen| match &seen.content {
            Content::ModelCall(call) => call.context.clone(),
            _ => None,
        })
        .min_by(|a, b| (&a.head, &a.manifest).cmp(&(&b.head, &b.manifest)))
}

/// The session of an observation's conversation.
pub fn session_of(environment: EnvironmentId, observation: &Observation) -> SessionId {
    SessionId::of(environment, &observation.scope)
}
