//! Events: one session's in order, one by id, those that changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use ursa_model::event::Event;
use ursa_model::ids::{EventId, SessionId};
use ursa_model::observation::ContextRef;
use ursa_model::outline::OutlineItem;

use super::coding::from_json;
use super::positions::Position;
use super::rows::{self, EVENT_COLUMNS};
use super::{SqliteStore, lookups, paging, positions};
use crate::{Changes, Outline, Page, StoreError};

const LIST: &str = "timeline";

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    pin: i64,
    at: i64,
    ordinal: u32,
    id: EventId,
}

/// See [`crate::RecordStore::timeline`].
pub(super) fn timeline(
    store: &SqliteStore,
    session: SessionId,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Event>, StoreError> {
    let after: Option<Place> = cursor.map(|cursor| paging::decode(LIST, cursor)).transpose()?;
    let now = now(store, session)?;
    let pin = after.as_ref().map_or(now.last_rev, |after| after.pin);
    let positions = positions::of_session(store, now.session, pin)?;
    let start = after.map_or(0, |after| {
        positions.partition_point(|position| {
            (position.at, position.ordinal, position.id) <= (after.at, after.ordinal, after.id)
        })
    });
    page(store, now.session, &positions, (start, limit), pin)
}

/// See [`crate::RecordStore::timeline_from`].
pub(super) fn timeline_from(
    store: &SqliteStore,
    session: SessionId,
    seq: u64,
    limit: usize,
) -> Result<Page<Event>, StoreError> {
    let now = now(store, session)?;
    let positions = positions::of_session(store, now.session, now.last_rev)?;
    let start = positions.partition_point(|position| position.seq < seq);
    page(store, now.session, &positions, (start, limit), now.last_rev)
}

/// See [`crate::RecordStore::outline`].
pub(super) fn outline(store: &SqliteStore, session: SessionId, limit: usize) -> Result<Outline, StoreError> {
    let now = now(store, session)?;
    let mut positions = positions::of_session(store, now.session, now.last_rev)?;
    let last_seq = positions.last().map_or(0, |position| position.seq);
    let rev = now.last_rev.unsigned_abs();
    let cut = positions.len() > limit;
    if cut {
        positions.truncate(limit);
        let items = at(store, now.session, &positions)?.iter().map(OutlineItem::of).collect();
        return Ok(Outline { rev, items, cut, last_seq });
    }
    let items = whole_outline(store, now.session, &positions)?;
    Ok(Outline { rev, items, cut, last_seq })
}

/// All lines of a session: its rows are read in the order in which they lie in the files.
fn whole_outline(
    store: &SqliteStore,
    session: SessionId,
    positions: &[Position],
) -> Result<Vec<OutlineItem>, StoreError> {
    let places: HashMap<EventId, (u64, u32)> =
        positions.iter().map(|position| (position.id, (position.seq, position.turn))).collect();
    let mut items = Vec::with_capacity(positions.len());
    for (day, member) in positions::parts_of(store, session)? {
        store.days.get(day)?.read(|db| {
            let query = format!("SELECT {EVENT_COLUMNS} FROM events WHERE session = ?");
            let mut statement = db.prepare_cached(&query)?;
            let mut rows = statement.query([member.0])?;
            while let Some(row) = rows.next()? {
                // Those without a place were appended meanwhile.
                if let Some((seq, turn)) = places.get(&EventId(row.get(0)?)) {
                    let event = Event { session_id: session, seq: *seq, turn: *turn, ..rows::read(row)? };
                    items.push(OutlineItem::of(&event));
                }
            }
            Ok(())
        })?;
    }
    items.sort_unstable_by_key(|item| item.seq);
    resolve(store, items.iter_mut().filter_map(|item| item.parent_event_id.as_mut()), |id| places.contains_key(id))?;
    Ok(items)
}

/// A session's id now, and the highest revision.
struct Now {
    session: SessionId,
    last_rev: i64,
}

fn now(store: &SqliteStore, session: SessionId) -> Result<Now, StoreError> {
    store
        .meta
        .read(|meta| Ok(Now { session: lookups::session_now(meta, session)?, last_rev: lookups::last_rev(meta)? }))
}

fn page(
    store: &SqliteStore,
    session: SessionId,
    positions: &[Position],
    (start, limit): (usize, usize),
    pin: i64,
) -> Result<Page<Event>, StoreError> {
    let page = positions.get(start..).unwrap_or_default();
    let page = page.get(..limit.min(page.len())).unwrap_or_default();
    let items = at(store, session, page)?;
    let next_cursor = match page.last() {
        Some(last) if start + page.len() < positions.len() => {
            Some(paging::encode(LIST, &Place { pin, at: last.at, ordinal: last.ordinal, id: last.id })?)
        }
        _ => None,
    };
    Ok(Page { items, next_cursor })
}

/// The events at these places of a session.
fn at(store: &SqliteStore, session: SessionId, places: &[Position]) -> Result<Vec<Event>, StoreError> {
    let mut found = load(store, places.iter().map(|position| (position.day, position.id)))?;
    let mut items = Vec::with_capacity(places.len());
    for position in places {
        // A purge or a merge may have taken it since.
        if let Some(mut event) = found.remove(&position.id) {
            event.session_id = session;
            (event.seq, event.turn) = (position.seq, position.turn);
            items.push(event);
        }
    }
    let here: HashSet<EventId> = items.iter().map(|event| event.id).collect();
    resolve(store, items.iter_mut().filter_map(|event| event.parent_event_id.as_mut()), |id| here.contains(id))?;
    Ok(items)
}

/// Brings ids of events up to date; those of which `is_stored` is true are.
fn resolve<'e>(
    store: &SqliteStore,
    ids: impl Iterator<Item = &'e mut EventId>,
    is_stored: impl Fn(&EventId) -> bool,
) -> Result<(), StoreError> {
    store.meta.read(|meta| {
        for id in ids {
            if !is_stored(id) {
                *id = lookups::event(meta, *id)?.map_or(*id, |(_, now)| now);
            }
        }
        Ok(())
    })
}

/// Events as their rows tell them, each day's read at once.
pub(super) fn load(
    store: &SqliteStore,
    places: impl IntoIterator<Item = (i64, EventId)>,
) -> Result<HashMap<EventId, Event>, StoreError> {
    let mut days: BTreeMap<i64, Vec<EventId>> = BTreeMap::new();
    for (day, id) in places {
        days.entry(day).or_default().push(id);
    }
    let mut events = HashMap::new();
    for (day, ids) in days {
        store.days.get(day)?.read(|db| {
            let mut statement = db.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM events WHERE id = ?"))?;
            for id in ids {
                let mut found = statement.query([id.0])?;
                if let Some(row) = found.next()? {
                    events.insert(id, rows::read(row)?);
                }
            }
            Ok(())
        })?;
    }
    Ok(events)
}

/// See [`crate::RecordStore::event`].
pub(super) fn event(store: &SqliteStore, id: EventId) -> Result<Option<Event>, StoreError> {
    let Some((day, id)) = store.meta.read(|meta| lookups::event(meta, id))? else { return Ok(None) };
    let Some(event) = load(store, [(day, id)])?.remove(&id) else { return Ok(None) };
    let mut events = [event];
    positions::place(store, &mut events)?;
    let [event] = events;
    Ok(Some(event))
}

/// See [`crate::RecordStore::context_ref`].
pub(super) fn context_ref(store: &SqliteStore, id: EventId) -> Result<Option<ContextRef>, StoreError> {
    let Some((day, id)) = store.meta.read(|meta| lookups::event(meta, id))? else { return Ok(None) };
    let context: Option<String> = store.days.get(day)?.read(|db| {
        let found: Option<Option<String>> = db
            .prepare_cached("SELECT context FROM events WHERE id = ?")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        Ok(found.flatten())
    })?;
    context.map(|context| from_json(&context)).transpose()
}

/// See [`crate::RecordStore::changes`].
pub(super) fn changes(
    store: &SqliteStore,
    after: u64,
    limit: usize,
    session: Option<SessionId>,
) -> Result<Changes, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    // An append commits day by day. Past what `meta.db` knows, lower revisions may still be hidden in other days, and a
    // reader that went on from the higher ones would never see them.
    let (days, known) = store.meta.read(|meta| {
        let mut statement = meta.prepare_cached("SELECT day FROM days WHERE last_rev > ?")?;
        let rows = statement.query_map([after], |row| row.get(0))?;
        Ok((rows.collect::<Result<Vec<i64>, _>>()?, lookups::last_rev(meta)?))
    })?;
    let parts: Vec<(i64, Option<SessionId>)> = match session {
        None => days.into_iter().map(|day| (day, None)).collect(),
        Some(session) => {
            let parts = positions::parts_of(store, now(store, session)?.session)?;
            parts.into_iter().filter(|(day, _)| days.contains(day)).map(|(day, member)| (day, Some(member))).collect()
        }
    };
    let mut changed: Vec<(i64, i64, EventId)> = Vec::new();
    for (day, member) in parts {
        changed.extend(changed_of(store, day, member, (after, known), limit)?);
    }
    changed.sort_unstable();
    changed.truncate(limit);
    let through = match changed.last() {
        Some((rev, ..)) if changed.len() == limit => *rev,
        _ => known.max(after),
    };
    let mut found = load(store, changed.iter().map(|(_, day, id)| (*day, *id)))?;
    let mut events: Vec<Event> = changed.iter().filter_map(|(_, _, id)| found.remove(id)).collect();
    positions::place(store, &mut events)?;
    Ok(Changes { events, through: through.unsigned_abs() })
}

/// The first `limit` events of a day with a revision above `after` and up to `known`, with their revisions.
fn changed_of(
    store: &SqliteStore,
    day: i64,
    member: Option<SessionId>,
    (after, known): (i64, i64),
    limit: usize,
) -> Result<Vec<(i64, i64, EventId)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, day, EventId(row.get(1)?)));
    store.days.get(day)?.read(|db| {
        let rows: Result<Vec<_>, _> = match member {
            None => db
                .prepare_cached("SELECT rev, id FROM events WHERE rev > ? AND rev <= ? ORDER BY rev LIMIT ?")?
                .query_map(params![after, known, limit], read)?
                .collect(),
            // `+`: what is new is a little of all, and a long session's rows are many.
            Some(member) => db
                .prepare_cached(
                    "SELECT rev, id FROM events WHERE rev > ? AND rev <= ? AND +session = ? ORDER BY rev LIMIT ?",
                )?
                .query_map(params![after, known, member.0, limit], read)?
                .collect(),
        };
        Ok(rows?)
    })
}
