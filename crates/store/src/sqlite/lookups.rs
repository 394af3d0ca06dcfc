//! The part of `meta.db` that follows from the day files: kept up after each append, made again when it is missing.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use ursa_model::ids::{EventId, FactId, ID_LEN, SessionId};

use super::coding::{from_json, to_json};
use super::database::bytes_of;
use super::day_write::Touched;
use super::days::DayFiles;
use super::rollup::{self, Rollup};
use super::summary;
use crate::StoreError;
use crate::record::MarkKey;

/// What `event_index.seq` says of an event that is stored: above any alias.
const STORED: i64 = i64::MAX;
/// Aliases that are followed one after the other.
const ALIAS_HOPS_MAX: usize = 16;

/// Where a stored fact or event lies.
pub(super) type Located<T> = Option<(i64, T)>;

/// Brings the look-ups up to date with what a day's file now says of `touched`. Once all days are done, the caller
/// adds the aliases ([`add_aliases`]) and the sessions' summaries ([`refresh_sessions`]).
pub(super) fn update(
    meta: &Transaction<'_>,
    day_file: &Connection,
    day: i64,
    touched: &Touched,
) -> Result<(), StoreError> {
    let copy = Copy { meta, day_file, day };
    for id in &touched.fact_ids {
        copy.fact_id(*id)?;
    }
    for scope in &touched.scopes {
        copy.scope(scope)?;
    }
    for id in &touched.events {
        copy.event(*id)?;
    }
    for session in &touched.sessions {
        copy.session(*session)?;
    }
    for old in &touched.session_aliases {
        copy.session_alias(*old)?;
    }
    for (key, scope) in &touched.marks {
        copy.mark(key, scope)?;
    }
    copy.state()
}

/// Adds the aliases of a day's file. Apart from [`update`], since an alias gives way to an event that is stored, and
/// that event may just be leaving another day's file.
pub(super) fn add_aliases(
    meta: &Transaction<'_>,
    day_file: &Connection,
    day: i64,
    touched: &Touched,
) -> Result<(), StoreError> {
    let copy = Copy { meta, day_file, day };
    touched.event_aliases.iter().try_for_each(|old| copy.event_alias(*old))
}

/// Keeps the place in the journal.
pub(super) fn keep_cursor(meta: &Connection, cursor: &str) -> Result<(), StoreError> {
    meta.prepare_cached("INSERT OR REPLACE INTO kv VALUES ('cursor', ?)")?.execute([cursor])?;
    Ok(())
}

/// Makes the look-ups and summaries of these days again from their files.
pub(super) fn derive(meta: &Transaction<'_>, days: &DayFiles, stale: &[i64]) -> Result<(), StoreError> {
    let mut touched = Vec::new();
    for day in stale {
        touched.push((*day, days.get(*day)?.read(|day_file| derive_day(meta, day_file, *day))?));
    }
    for (day, touched) in &touched {
        days.get(*day)?.read(|day_file| add_aliases(meta, day_file, *day, touched))?;
    }
    refresh_sessions(meta, touched.into_iter().flat_map(|(_, touched)| touched.sessions))
}

fn derive_day(meta: &Transaction<'_>, day_file: &Connection, day: i64) -> Result<Touched, StoreError> {
    let mut touched = all(day_file)?;
    // Sessions that were there and are not any more change as well.
    touched.sessions.extend(ids(meta, "SELECT session FROM session_days WHERE day = ?1", day)?.map(SessionId));
    touched.sessions.extend(ids(meta, "SELECT session FROM session_attributes WHERE day = ?1", day)?.map(SessionId));
    forget_day(meta, day)?;
    let tombstones = ids(day_file, "SELECT id FROM tombstones WHERE ?1 = ?1", day)?;
    for id in tombstones {
        meta.prepare_cached("INSERT OR REPLACE INTO tombstones VALUES (?, ?)")?.execute(params![id, day])?;
    }
    update(meta, day_file, day, &touched)?;
    Ok(touched)
}

fn forget_day(meta: &Transaction<'_>, day: i64) -> Result<(), StoreError> {
    for table in [
        "days",
        "dropped",
        "fact_days",
        "scope_days",
        "event_index",
        "session_days",
        "session_attributes",
        "session_aliases",
        "marks",
        "tombstones",
    ] {
        meta.execute(&format!("DELETE FROM {table} WHERE day = ?"), [day])?;
    }
    Ok(())
}

fn ids(db: &Connection, query: &str, day: i64) -> Result<impl Iterator<Item = [u8; ID_LEN]> + use<>, StoreError> {
    let mut statement = db.prepare_cached(query)?;
    let rows = statement.query_map([day], |row| row.get(0))?.collect::<Result<Vec<[u8; ID_LEN]>, _>>()?;
    Ok(rows.into_iter())
}

fn all(day_file: &Connection) -> Result<Touched, StoreError> {
    let column = |query: &str| ids(day_file, query, 0);
    let mut touched = Touched {
        fact_ids: column("SELECT id FROM fact_ids WHERE ?1 = ?1")?.map(FactId).collect(),
        events: column("SELECT id FROM events WHERE ?1 = ?1")?.map(EventId).collect(),
        event_aliases: column("SELECT old FROM event_aliases WHERE ?1 = ?1")?.map(EventId).collect(),
        sessions: column(
            "SELECT session FROM events WHERE ?1 = ?1 UNION SELECT id FROM sessions
             UNION SELECT old FROM session_aliases UNION SELECT target FROM session_aliases",
        )?
        .map(SessionId)
        .collect(),
        session_aliases: column("SELECT old FROM session_aliases WHERE ?1 = ?1")?.map(SessionId).collect(),
        ..Touched::default()
    };
    let mut scopes = day_file.prepare("SELECT DISTINCT scope FROM facts")?;
    touched.scopes = scopes.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut marks = day_file.prepare("SELECT DISTINCT key, scope FROM marks")?;
    touched.marks = marks.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(touched)
}

struct Copy<'a, 'tx> {
    meta: &'a Transaction<'tx>,
    day_file: &'a Connection,
    day: i64,
}

impl Copy<'_, '_> {
    fn fact_id(&self, id: FactId) -> Result<(), StoreError> {
        let fact: Option<[u8; ID_LEN]> = self
            .day_file
            .prepare_cached("SELECT fact FROM fact_ids WHERE id = ?")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        match fact {
            Some(fact) => self
                .meta
                .prepare_cached("INSERT OR REPLACE INTO fact_days VALUES (?, ?, ?)")?
                .execute(params![id.0, self.day, fact])?,
            None => self
                .meta
                .prepare_cached("DELETE FROM fact_days WHERE id = ? AND day = ?")?
                .execute(params![id.0, self.day])?,
        };
        Ok(())
    }

    fn scope(&self, scope: &str) -> Result<(), StoreError> {
        let query = if self.day_file.prepare_cached("SELECT 1 FROM facts WHERE scope = ?")?.exists([scope])? {
            "INSERT OR IGNORE INTO scope_days VALUES (?, ?)"
        } else {
            "DELETE FROM scope_days WHERE scope = ? AND day = ?"
        };
        self.meta.prepare_cached(query)?.execute(params![scope, self.day])?;
        Ok(())
    }

    fn event(&self, id: EventId) -> Result<(), StoreError> {
        if self.day_file.prepare_cached("SELECT 1 FROM events WHERE id = ?")?.exists([id.0])? {
            self.meta
                .prepare_cached("INSERT OR REPLACE INTO event_index VALUES (?, ?, ?1, ?)")?
                .execute(params![id.0, self.day, STORED])?;
        } else {
            self.meta
                .prepare_cached("DELETE FROM event_index WHERE id = ? AND day = ? AND seq = ?")?
                .execute(params![id.0, self.day, STORED])?;
        }
        Ok(())
    }

    fn event_alias(&self, old: EventId) -> Result<(), StoreError> {
        let alias: Option<([u8; ID_LEN], i64)> = self
            .day_file
            .prepare_cached("SELECT target, seq FROM event_aliases WHERE old = ?")?
            .query_row([old.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((target, seq)) = alias {
            self.meta
                .prepare_cached(
                    "INSERT INTO event_index VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET day = excluded.day,
                         target = excluded.target, seq = excluded.seq WHERE seq <= excluded.seq",
                )?
                .execute(params![old.0, self.day, target, seq])?;
        }
        Ok(())
    }

    fn session(&self, session: SessionId) -> Result<(), StoreError> {
        match rollup::of_day(self.day_file, session)? {
            Some(rollup) => self
                .meta
                .prepare_cached("INSERT OR REPLACE INTO session_days VALUES (?, ?, ?)")?
                .execute(params![session.0, self.day, to_json(&rollup)?])?,
            None => self
                .meta
                .prepare_cached("DELETE FROM session_days WHERE session = ? AND day = ?")?
                .execute(params![session.0, self.day])?,
        };
        let attributes: Option<(i64, String)> = self
            .day_file
            .prepare_cached("SELECT seq, attributes FROM sessions WHERE id = ?")?
            .query_row([session.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((seq, attributes)) = attributes {
            self.meta
                .prepare_cached("INSERT OR REPLACE INTO session_attributes VALUES (?, ?, ?, ?)")?
                .execute(params![session.0, self.day, seq, attributes])?;
        }
        Ok(())
    }

    fn session_alias(&self, old: SessionId) -> Result<(), StoreError> {
        let alias: Option<([u8; ID_LEN], i64)> = self
            .day_file
            .prepare_cached("SELECT target, seq FROM session_aliases WHERE old = ?")?
            .query_row([old.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((target, seq)) = alias {
            self.meta
                .prepare_cached("INSERT OR REPLACE INTO session_aliases VALUES (?, ?, ?, ?)")?
                .execute(params![old.0, self.day, target, seq])?;
        }
        Ok(())
    }

    fn mark(&self, key: &MarkKey, scope: &str) -> Result<(), StoreError> {
        self.meta
            .prepare_cached("DELETE FROM marks WHERE key = ? AND scope = ? AND day = ?")?
            .execute(params![key, scope, self.day])?;
        let mut found = self.day_file.prepare_cached("SELECT value, at FROM marks WHERE key = ? AND scope = ?")?;
        let mut rows = found.query(params![key, scope])?;
        while let Some(row) = rows.next()? {
            self.meta.prepare_cached("INSERT INTO marks VALUES (?, ?, ?, ?, ?)")?.execute(params![
                key,
                scope,
                row.get::<_, String>(0)?,
                self.day,
                row.get::<_, i64>(1)?
            ])?;
        }
        Ok(())
    }

    fn state(&self) -> Result<(), StoreError> {
        let bytes = bytes_of(self.day_file)?;
        let mut state = self.day_file.prepare_cached(
            "SELECT seq, last_rev, purged, events, (SELECT max(at) FROM events), captures,
                 observations, duplicates, unattributed FROM state",
        )?;
        state.query_row([], |row| {
            let mut number = [0i64; 9];
            for (column, slot) in number.iter_mut().enumerate().filter(|(column, _)| *column != 4) {
                *slot = row.get(column)?;
            }
            let [seq, last_rev, purged, events, _, captures, observations, duplicates, unattributed] = number;
            self.meta.prepare_cached("INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
                params![
                    self.day,
                    seq,
                    last_rev,
                    purged,
                    events,
                    row.get::<_, Option<i64>>(4)?,
                    bytes,
                    captures,
                    observations,
                    duplicates,
                    unattributed
                ],
            )
        })?;
        self.meta.prepare_cached("DELETE FROM dropped WHERE day = ?")?.execute([self.day])?;
        let mut dropped = self.day_file.prepare_cached("SELECT reason, count FROM dropped")?;
        let mut rows = dropped.query([])?;
        while let Some(row) = rows.next()? {
            self.meta.prepare_cached("INSERT INTO dropped VALUES (?, ?, ?)")?.execute(params![
                self.day,
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?
            ])?;
        }
        Ok(())
    }
}

/// Refreshes the summaries of sessions and of those that they are aliases of.
pub(super) fn refresh_sessions(
    meta: &Transaction<'_>,
    sessions: impl IntoIterator<Item = SessionId>,
) -> Result<(), StoreError> {
    let mut done = std::collections::BTreeSet::new();
    for session in sessions {
        let now = session_now(meta, session)?;
        if now != session {
            summary::forget(meta, session)?;
        }
        if done.insert(now) {
            summary::refresh(meta, now)?;
        }
    }
    Ok(())
}

/// The highest revision of what is whole: an append that is under way may have given out higher ones.
pub(super) fn last_rev(meta: &Connection) -> Result<i64, StoreError> {
    Ok(meta.prepare_cached("SELECT coalesce(max(last_rev), 0) FROM days")?.query_row([], |row| row.get(0))?)
}

/// The fact that an id finds, and its day.
pub(super) fn fact(meta: &Connection, id: FactId) -> Result<Located<FactId>, StoreError> {
    Ok(meta
        .prepare_cached("SELECT day, fact FROM fact_days WHERE id = ?")?
        .query_row([id.0], |row| Ok((row.get(0)?, FactId(row.get(1)?))))
        .optional()?)
}

/// The event that an id, its own or an older one, resolves to, and its day.
pub(super) fn event(meta: &Connection, id: EventId) -> Result<Located<EventId>, StoreError> {
    let mut look_up = meta.prepare_cached("SELECT day, target FROM event_index WHERE id = ?")?;
    let mut id = id;
    for _ in 0..ALIAS_HOPS_MAX {
        let found: Option<(i64, [u8; ID_LEN])> =
            look_up.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((day, target)) if target == id.0 => return Ok(Some((day, id))),
            Some((_, target)) => id = EventId(target),
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The session that an id resolves to now.
pub(super) fn session_now(meta: &Connection, id: SessionId) -> Result<SessionId, StoreError> {
    let mut look_up =
        meta.prepare_cached("SELECT target FROM session_aliases WHERE old = ? ORDER BY seq DESC, day DESC LIMIT 1")?;
    let mut id = id;
    for _ in 0..ALIAS_HOPS_MAX {
        match look_up.query_row([id.0], |row| row.get(0)).optional()? {
            Some(target) if target != id.0 => id = SessionId(target),
            _ => break,
        }
    }
    Ok(id)
}

/// A session's id and all older ids of it.
pub(super) fn session_group(meta: &Connection, now: SessionId) -> Result<Vec<SessionId>, StoreError> {
    let mut look_up = meta.prepare_cached("SELECT DISTINCT old FROM session_aliases WHERE target = ?")?;
    let mut group = vec![now];
    let mut next = 0;
    while let Some(session) = group.get(next).copied() {
        next += 1;
        let olds: Vec<[u8; ID_LEN]> = look_up.query_map([session.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for old in olds.into_iter().map(SessionId) {
            if !group.contains(&old) && session_now(meta, old)? == now {
                group.push(old);
            }
        }
    }
    Ok(group)
}

/// The rollups of a session's days, with the days, oldest first.
pub(super) fn session_days(meta: &Connection, session: SessionId) -> Result<Vec<(i64, Rollup)>, StoreError> {
    let mut look_up = meta.prepare_cached("SELECT day, rollup FROM session_days WHERE session = ? ORDER BY day")?;
    let rows: Vec<(i64, String)> =
        look_up.query_map([session.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    rows.into_iter().map(|(day, rollup)| Ok((day, from_json(&rollup)?))).collect()
}
