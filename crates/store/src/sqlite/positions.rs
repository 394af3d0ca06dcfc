//! Where events stand in their session: `seq` and `turn` follow from the set of its events, never from arrival.

use std::collections::{BTreeMap, HashMap};

use rusqlite::params;
use ursa_model::event::Event;
use ursa_model::ids::{EventId, SessionId};

use super::{SqliteStore, lookups};
use crate::StoreError;

/// An event's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) at: i64,
    pub(super) ordinal: u32,
    pub(super) id: EventId,
    pub(super) day: i64,
    pub(super) seq: u64,
    pub(super) turn: u32,
    is_turn: bool,
}

/// A session's events in order; `session` is the id it has now. Events first appended after revision `pin` are left
/// out.
pub(super) fn of_session(store: &SqliteStore, session: SessionId, pin: i64) -> Result<Vec<Position>, StoreError> {
    let mut positions = Vec::new();
    for (day, member) in parts_of(store, session)? {
        positions.extend(of_day(store, day, member, pin)?);
    }
    positions.sort_unstable();
    let mut turn = 0;
    for (index, position) in positions.iter_mut().enumerate() {
        turn += u32::from(position.is_turn);
        position.turn = turn;
        position.seq = index as u64 + 1;
    }
    Ok(positions)
}

/// Where rows of a session may lie: the days, each with an id under which rows were written there.
pub(super) fn parts_of(store: &SqliteStore, session: SessionId) -> Result<Vec<(i64, SessionId)>, StoreError> {
    store.meta.read(|meta| {
        let mut parts = Vec::new();
        for member in lookups::session_group(meta, session)? {
            let mut days = meta.prepare_cached("SELECT day FROM session_days WHERE session = ?")?;
            let rows = days.query_map([member.0], |row| row.get::<_, i64>(0))?;
            parts.extend(rows.map(|day| Ok((day?, member))).collect::<Result<Vec<_>, StoreError>>()?);
        }
        Ok(parts)
    })
}

fn of_day(store: &SqliteStore, day: i64, session: SessionId, pin: i64) -> Result<Vec<Position>, StoreError> {
    store.days.get(day)?.read(|db| {
        let mut statement = db.prepare_cached(
            "SELECT at, ordinal, id, kind = 'prompt' AND subagent IS NULL FROM events WHERE session = ? AND born <= ?",
        )?;
        let rows = statement.query_map(params![session.0, pin], |row| {
            Ok(Position {
                at: row.get(0)?,
                ordinal: row.get(1)?,
                id: EventId(row.get(2)?),
                day,
                seq: 0,
                turn: 0,
                is_turn: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}

/// Fills in what does not follow from an event's own row: its session's id now, its place in it, its parent's id now.
pub(super) fn place(store: &SqliteStore, events: &mut [Event]) -> Result<(), StoreError> {
    let mut now = BTreeMap::new();
    store.meta.read(|meta| {
        for event in events.iter_mut() {
            let session = match now.get(&event.session_id) {
                Some(session) => *session,
                None => lookups::session_now(meta, event.session_id)?,
            };
            now.insert(event.session_id, session);
            event.session_id = session;
            if let Some(parent) = event.parent_event_id {
                event.parent_event_id = Some(lookups::event(meta, parent)?.map_or(parent, |(_, id)| id));
            }
        }
        Ok(())
    })?;
    let mut places: HashMap<EventId, (u64, u32)> = HashMap::new();
    let sessions: std::collections::BTreeSet<_> = now.into_values().collect();
    for session in sessions {
        let positions = of_session(store, session, i64::MAX)?;
        places.extend(positions.into_iter().map(|position| (position.id, (position.seq, position.turn))));
    }
    for event in events {
        if let Some((seq, turn)) = places.get(&event.id) {
            (event.seq, event.turn) = (*seq, *turn);
        }
    }
    Ok(())
}
