//! The draft's observations, joined with what the store has, as a batch to append.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ursa_model::fuse::{Component, ObservationSet, View, components, fact_ids, search_text, session_attributes, view};
use ursa_model::ids::{ConversationScope, EnvironmentId, EventId, FactId, ID_LEN, SessionId};
use ursa_model::observation::Observation;
use ursa_model::time::Timestamp;
use ursa_store::{
    Batch, EventWrite, FactWrite, Mark, Redacted, SearchText, SessionAttributes, SessionWrite, StoreError, StoredFact,
};

use crate::draft::{Draft, Merge, scope_alias_key};

/// Most of an event's text that full-text search knows, in bytes: what a person searches for stands near the beginning,
/// and one event must not weigh as much as a day.
const SEARCH_BYTES_LIMIT: usize = 256 * 1024;

/// Tells the draft that the conversation `old` proved to be `now`: what is known of it is told again under its name now.
pub(crate) fn merge_scopes(
    draft: &mut Draft,
    old: &ConversationScope,
    now: &ConversationScope,
) -> Result<(), StoreError> {
    let facts = draft.store.facts_of(old)?;
    let at = facts.iter().flat_map(|fact| &fact.observations).map(|seen| seen.at).min().unwrap_or_default();
    draft.mark(Mark { key: scope_alias_key(old), scope: now.clone(), value: String::new(), at });
    tell_again(draft, Merge { old: old.clone(), now: now.clone(), subagent: None, facts });
    Ok(())
}

/// Tells the draft that a subagent is called `now`.
pub(crate) fn rename_subagent(
    draft: &mut Draft,
    scope: &ConversationScope,
    old: &str,
    now: &str,
) -> Result<(), StoreError> {
    let mut facts = draft.store.facts_of(scope)?;
    facts.retain(|fact| fact.observations.iter().any(|seen| seen.subagent_id.as_deref() == Some(old)));
    let subagent = Some((old.to_owned(), now.to_owned()));
    tell_again(draft, Merge { old: scope.clone(), now: scope.clone(), subagent, facts });
    Ok(())
}

fn tell_again(draft: &mut Draft, merge: Merge) {
    let renamed = |mut seen: Observation| {
        merge.rename(&mut seen);
        seen
    };
    for seen in &mut draft.observations {
        if seen.get().scope == merge.old {
            *seen = seen.clone().map(renamed);
        }
    }
    for seen in merge.facts.iter().flat_map(|fact| &fact.observations) {
        draft.observations.push(Redacted::stored(renamed(seen.clone())));
    }
    draft.merges.push(merge);
}

/// Joins the draft with the store's facts. `id` names the batch; `cursor` is the place in the journal behind it.
pub(crate) fn batch(
    draft: Draft,
    environment: EnvironmentId,
    received: Timestamp,
    id: [u8; ID_LEN],
    cursor: Option<String>,
) -> Result<Batch, StoreError> {
    let told = draft.observations.len() as u64;
    let ids: BTreeSet<FactId> = draft.observations.iter().flat_map(|seen| fact_ids(environment, seen.get())).collect();
    let ids: Vec<FactId> = ids.into_iter().collect();
    let stored = draft.store.facts(&ids)?;
    let sets = stored.iter().map(|fact| renamed_set(fact, &draft.merges)).collect();
    let stored_ids: Vec<FactId> = stored.iter().map(|fact| fact.id).collect();
    let found = Redacted::gather(draft.observations).map(|observations| components(environment, sets, observations));

    // What is only called otherwise than before tells nothing new, and is written anew all the same.
    let renames_subagents = draft.merges.iter().any(|merge| merge.subagent.is_some());
    let mut duplicates = 0;
    let mut facts = Vec::new();
    let mut sessions = Vec::new();
    for component in found.scatter() {
        duplicates += component.get().duplicates;
        if component.get().added == 0 && component.get().from.len() <= 1 && !renames_subagents {
            continue;
        }
        if component.get().set.values().next().is_some_and(|seen| seen.kind.is_none()) {
            sessions.extend(session_write(environment, &component));
        }
        let write = component.map(|component| fact_write(environment, component, &stored_ids).into_iter().collect());
        facts.extend(Redacted::<Vec<FactWrite>>::scatter(write));
    }
    let session_aliases = draft
        .merges
        .iter()
        .filter(|merge| merge.old != merge.now)
        .map(|merge| (SessionId::of(environment, &merge.old), SessionId::of(environment, &merge.now)))
        .collect();
    replace_merged(environment, &mut facts, &draft.merges);
    Ok(Batch {
        id,
        environment,
        received,
        facts,
        sessions,
        session_aliases,
        marks: draft.marks,
        unmarks: draft.unmarks,
        items: draft.items,
        captures: draft.captures,
        observations: told,
        duplicates,
        unattributed: draft.unattributed,
        dropped: draft.dropped,
        cursor,
    })
}

fn set_of(fact: &StoredFact) -> ObservationSet {
    fact.observations.iter().map(|seen| (seen.id(), seen.clone())).collect()
}

/// As [`set_of`], its subagents by their names now.
fn renamed_set(fact: &StoredFact, merges: &[Merge]) -> ObservationSet {
    if merges.iter().all(|merge| merge.subagent.is_none()) {
        return set_of(fact);
    }
    let renamed = fact.observations.iter().map(|seen| {
        let mut seen = seen.clone();
        for merge in merges.iter().filter(|merge| merge.subagent.is_some()) {
            merge.rename(&mut seen);
        }
        (seen.id(), seen)
    });
    renamed.collect()
}

fn fact_write(environment: EnvironmentId, component: Component, stored: &[FactId]) -> Option<FactWrite> {
    let View { id, found_by, events } = view(environment, &component.set)?;
    let scope = component.set.values().next()?.scope.clone();
    let session = SessionId::of(environment, &scope);
    let aliases = events.iter().flat_map(|event| event.aliases.iter().map(|alias| (*alias, event.id))).collect();
    let replaces = component.from.iter().map(|index| stored[*index]).filter(|old| *old != id).collect();
    let events = events
        .into_iter()
        .map(|event| EventWrite {
            id: event.id,
            session,
            at: event.at,
            ordinal: event.ordinal,
            kind: event.kind,
            subagent_id: event.subagent_id,
            parent: event.parent.filter(|parent| *parent != event.id),
            witnesses: event.witnesses,
            search: searchable(search_text(&event.body)),
            body: event.body,
            context: event.context,
        })
        .collect();
    let observations = component.set.into_values().collect();
    Some(FactWrite { fact: StoredFact { id, scope, observations }, found_by, replaces, events, aliases })
}

fn searchable(mut text: String) -> SearchText {
    if text.len() > SEARCH_BYTES_LIMIT {
        text.truncate(text.floor_char_boundary(SEARCH_BYTES_LIMIT));
    }
    SearchText(text)
}

fn session_write(environment: EnvironmentId, component: &Redacted<Component>) -> Option<Redacted<SessionWrite>> {
    let scope = component.get().set.values().next()?.scope.clone();
    let id = SessionId::of(environment, &scope);
    Some(component.clone().map(|component| {
        let fused = session_attributes(&component.set);
        let attributes = SessionAttributes {
            conversation_id: fused.conversation_id,
            thread_id: id.to_string(),
            parent: fused.parent.map(|parent| SessionId::of(environment, &parent)),
            agent: fused.agent,
            user: fused.user,
            device: fused.device,
            title: fused.title,
            cwd: fused.cwd,
            repository: None,
            gaps: fused.gaps,
        };
        SessionWrite { id, scope, attributes }
    }))
}

/// What was stored under a conversation's old name goes, and its ids resolve to what it became.
fn replace_merged(environment: EnvironmentId, facts: &mut [Redacted<FactWrite>], merges: &[Merge]) {
    if merges.is_empty() {
        return;
    }
    let places: HashMap<FactId, usize> = facts
        .iter()
        .enumerate()
        .flat_map(|(index, write)| write.get().found_by.iter().map(move |id| (*id, index)))
        .collect();
    for merge in merges {
        for old in &merge.facts {
            let Some(first) = old.observations.first() else { continue };
            let mut renamed = first.clone();
            merge.rename(&mut renamed);
            let place = fact_ids(environment, &renamed).into_iter().find_map(|id| places.get(&id).copied());
            let Some(write) = place.and_then(|index| facts.get_mut(index)) else { continue };
            let Some(before) = view(environment, &set_of(old)) else { continue };
            *write = write.clone().map(|write| take_over(write, old.id, before));
        }
    }
}

fn take_over(mut write: FactWrite, old: FactId, before: View) -> FactWrite {
    if old != write.fact.id {
        write.replaces.push(old);
    }
    write.found_by.extend(before.found_by);
    let now: Vec<EventId> = write.events.iter().map(|event| event.id).collect();
    let mut aliases: BTreeMap<EventId, EventId> = write.aliases.into_iter().collect();
    for (rank, event) in before.events.into_iter().enumerate() {
        let Some(target) = now.get(rank).or(now.last()) else { continue };
        for id in std::iter::once(event.id).chain(event.aliases) {
            aliases.insert(id, *target);
        }
    }
    write.aliases = aliases.into_iter().collect();
    write
}
