//! One day's part of a batch, in one transaction, and what it changes in the look-ups.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{OptionalExtension, Transaction, params};
use ursa_model::ids::{ConversationScope, EventId, FactId, ID_LEN, SessionId};

use super::coding::{compress, decompress, to_json};
use super::rows::{self, Put, Stored, Words};
use crate::StoreError;
use crate::record::{FactWrite, Mark, MarkKey, SessionWrite};

/// What the captures of a batch add to the counters.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    pub(super) captures: u64,
    pub(super) observations: u64,
    pub(super) duplicates: u64,
    pub(super) unattributed: u64,
    pub(super) dropped: Vec<(String, u64)>,
    /// The place in the journal up to which these are counted.
    pub(super) cursor: Option<String>,
}

/// One day's part of a batch.
#[derive(Debug, Default)]
pub(super) struct DayPart<'b> {
    pub(super) facts: Vec<&'b FactWrite>,
    pub(super) sessions: Vec<(SessionId, &'b SessionWrite, String)>,
    pub(super) session_aliases: Vec<(SessionId, SessionId)>,
    pub(super) marks: Vec<&'b Mark>,
    pub(super) counters: Option<Counters>,
    pub(super) removals: Removals,
}

/// What leaves a day's file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Removals {
    pub(super) facts: Vec<FactId>,
    pub(super) marks: Vec<(MarkKey, ConversationScope)>,
}

/// What a day's part touched: how the look-ups change follows from reading these again in the day's file.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) fact_ids: BTreeSet<FactId>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) events: BTreeSet<EventId>,
    pub(super) event_aliases: BTreeSet<EventId>,
    pub(super) sessions: BTreeSet<SessionId>,
    pub(super) session_aliases: BTreeSet<SessionId>,
    pub(super) marks: BTreeSet<(MarkKey, String)>,
}

/// What a day's part did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) touched: Touched,
    pub(super) inserted: u64,
    pub(super) changed: u64,
    pub(super) already_applied: bool,
}

impl Done {
    /// Joins what a second transaction of the same batch on the same day did.
    pub(super) fn merge(&mut self, other: Self) {
        let touched = other.touched;
        self.touched.fact_ids.extend(touched.fact_ids);
        self.touched.scopes.extend(touched.scopes);
        self.touched.events.extend(touched.events);
        self.touched.event_aliases.extend(touched.event_aliases);
        self.touched.sessions.extend(touched.sessions);
        self.touched.session_aliases.extend(touched.session_aliases);
        self.touched.marks.extend(touched.marks);
        self.already_applied &= other.already_applied;
    }
}

/// Writes to one day's file.
pub(super) struct DayWriter<'a, 'tx> {
    pub(super) tx: &'a Transaction<'tx>,
    pub(super) seq: i64,
    pub(super) last_rev: &'a mut i64,
    pub(super) done: Done,
    pub(super) words: Words,
}

/// The number of the append with which this day's file took the batch in, if it has.
pub(super) fn applied_seq(db: &rusqlite::Connection, batch: [u8; ID_LEN]) -> Result<Option<i64>, StoreError> {
    Ok(db.prepare_cached("SELECT seq FROM applied WHERE batch = ?")?.query_row([batch], |row| row.get(0)).optional()?)
}

impl DayWriter<'_, '_> {
    /// Applies a part. `before` tells how events that move here from another day are stored there.
    pub(super) fn apply(
        &mut self,
        part: &DayPart<'_>,
        batch: [u8; ID_LEN],
        before: &HashMap<EventId, Stored>,
    ) -> Result<(), StoreError> {
        for fact in &part.facts {
            self.fact(fact, before)?;
        }
        for (id, session, attributes) in &part.sessions {
            self.session(*id, session, attributes)?;
        }
        for (old, target) in &part.session_aliases {
            self.session_alias(*old, *target)?;
        }
        for mark in &part.marks {
            self.mark(mark)?;
        }
        self.removals(&part.removals)?;
        if let Some(counters) = &part.counters {
            self.count(counters)?;
        }
        self.finish(batch)
    }

    /// Notes the batch as applied and moves the file's own numbers on.
    fn finish(&mut self, batch: [u8; ID_LEN]) -> Result<(), StoreError> {
        self.tx.prepare_cached("INSERT OR IGNORE INTO applied VALUES (?, ?)")?.execute(params![batch, self.seq])?;
        self.stamp()
    }

    /// Moves the file's own numbers on, and the full-text index: the last that is done.
    pub(super) fn stamp(&mut self) -> Result<(), StoreError> {
        self.tx
            .prepare_cached("UPDATE state SET seq = max(seq, ?), last_rev = max(last_rev, ?)")?
            .execute(params![self.seq, *self.last_rev])?;
        self.words.write(self.tx)
    }

    fn fact(&mut self, write: &FactWrite, before: &HashMap<EventId, Stored>) -> Result<(), StoreError> {
        let id = write.fact.id;
        self.observations(write)?;
        self.found_by(write)?;
        for replaced in write.replaces.iter().filter(|replaced| **replaced != id) {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO replaced VALUES (?, ?)")?
                .execute(params![replaced.0, self.seq])?;
        }
        let mut gone: BTreeSet<EventId> = self.events_of(id)?.into_iter().collect();
        for event in &write.events {
            gone.remove(&event.id);
            if let Some(stored) = rows::stored(self.tx, event.id)? {
                self.done.touched.sessions.insert(stored.visible.session());
            }
            let last_rev = &mut *self.last_rev;
            let mut next_rev = || {
                *last_rev += 1;
                *last_rev
            };
            match rows::put(self.tx, id.0, event, before.get(&event.id), &mut next_rev, &mut self.words)? {
                Put::Unchanged => {}
                Put::Changed => self.done.changed += 1,
                Put::Inserted => self.done.inserted += 1,
            }
            self.done.touched.events.insert(event.id);
            self.done.touched.sessions.insert(event.session);
        }
        for event in gone {
            self.remove_event(event)?;
        }
        for (old, target) in write.aliases.iter().filter(|(old, target)| old != target) {
            self.event_alias(*old, *target)?;
        }
        Ok(())
    }

    fn observations(&mut self, write: &FactWrite) -> Result<(), StoreError> {
        let id = write.fact.id;
        let scope = write.fact.scope.as_str();
        let told = to_json(&write.fact.observations)?.into_bytes();
        let stored: Option<(String, Vec<u8>)> = self
            .tx
            .prepare_cached("SELECT scope, observations FROM facts WHERE id = ?")?
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let is_same = match &stored {
            Some((stored_scope, observations)) => stored_scope == scope && decompress(observations)? == told,
            None => false,
        };
        if !is_same {
            self.tx.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)")?.execute(params![
                id.0,
                scope,
                compress(&told)?
            ])?;
        }
        self.done.touched.scopes.insert(scope.to_owned());
        self.done.touched.scopes.extend(stored.map(|(scope, _)| scope));
        Ok(())
    }

    fn found_by(&mut self, write: &FactWrite) -> Result<(), StoreError> {
        let id = write.fact.id;
        let mut gone: BTreeSet<FactId> = self.found_by_of(id)?.into_iter().collect();
        for found_by in write.found_by.iter().chain([&id]) {
            gone.remove(found_by);
            self.tx
                .prepare_cached("INSERT INTO fact_ids VALUES (?, ?) ON CONFLICT DO UPDATE SET fact = excluded.fact")?
                .execute(params![found_by.0, id.0])?;
            self.done.touched.fact_ids.insert(*found_by);
        }
        for found_by in gone {
            self.tx.prepare_cached("DELETE FROM fact_ids WHERE id = ?")?.execute([found_by.0])?;
            self.done.touched.fact_ids.insert(found_by);
        }
        Ok(())
    }

    fn found_by_of(&self, fact: FactId) -> Result<Vec<FactId>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT id FROM fact_ids WHERE fact = ?")?;
        let rows = statement.query_map([fact.0], |row| Ok(FactId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn events_of(&self, fact: FactId) -> Result<Vec<EventId>, StoreError> {
        let mut statement = self.tx.prepare_cached("SELECT id FROM events WHERE fact = ?")?;
        let rows = statement.query_map([fact.0], |row| Ok(EventId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn remove_event(&mut self, id: EventId) -> Result<(), StoreError> {
        if let Some(stored) = rows::stored(self.tx, id)? {
            self.done.touched.sessions.insert(stored.visible.session());
            rows::remove(self.tx, id, &mut self.words)?;
            self.done.touched.events.insert(id);
        }
        Ok(())
    }

    fn event_alias(&mut self, old: EventId, target: EventId) -> Result<(), StoreError> {
        let changed = self
            .tx
            .prepare_cached(
                "INSERT INTO event_aliases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET target = excluded.target,
                     seq = excluded.seq WHERE target <> excluded.target",
            )?
            .execute(params![old.0, target.0, self.seq])?;
        if changed > 0 {
            self.done.touched.event_aliases.insert(old);
        }
        Ok(())
    }

    fn session(&mut self, id: SessionId, write: &SessionWrite, attributes: &str) -> Result<(), StoreError> {
        self.tx.prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)")?.execute(params![
            id.0,
            write.scope.as_str(),
            attributes,
            self.seq
        ])?;
        self.done.touched.sessions.insert(id);
        Ok(())
    }

    fn session_alias(&mut self, old: SessionId, target: SessionId) -> Result<(), StoreError> {
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO session_aliases VALUES (?, ?, ?)")?
            .execute(params![old.0, target.0, self.seq])?;
        self.done.touched.session_aliases.insert(old);
        self.done.touched.sessions.extend([old, target]);
        Ok(())
    }

    fn mark(&mut self, mark: &Mark) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO marks VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = min(at, excluded.at)",
            )?
            .execute(params![mark.key, mark.scope.as_str(), mark.value, mark.at.as_micros()])?;
        self.done.touched.marks.insert((mark.key, mark.scope.as_str().to_owned()));
        Ok(())
    }

    /// Takes facts with their events, and marks, out of this file.
    pub(super) fn removals(&mut self, removals: &Removals) -> Result<(), StoreError> {
        for fact in &removals.facts {
            self.remove_fact(*fact)?;
        }
        for (key, scope) in &removals.marks {
            self.tx
                .prepare_cached("DELETE FROM marks WHERE key = ? AND scope = ?")?
                .execute(params![key, scope.as_str()])?;
            self.done.touched.marks.insert((*key, scope.as_str().to_owned()));
        }
        Ok(())
    }

    fn remove_fact(&mut self, id: FactId) -> Result<(), StoreError> {
        let scope: Option<String> = self
            .tx
            .prepare_cached("DELETE FROM facts WHERE id = ? RETURNING scope")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        self.done.touched.scopes.extend(scope);
        for event in self.events_of(id)? {
            self.remove_event(event)?;
        }
        let found_by = self.found_by_of(id)?;
        self.done.touched.fact_ids.extend(found_by);
        self.tx.prepare_cached("DELETE FROM fact_ids WHERE fact = ?")?.execute([id.0])?;
        Ok(())
    }

    fn count(&self, counters: &Counters) -> Result<(), StoreError> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.tx
            .prepare_cached(
                "UPDATE state SET captures = captures + ?, observations = observations + ?,
                     duplicates = duplicates + ?, unattributed = unattributed + ?",
            )?
            .execute(params![
                number(counters.captures),
                number(counters.observations),
                number(counters.duplicates),
                number(counters.unattributed)
            ])?;
        for (reason, count) in counters.dropped.iter().filter(|(_, count)| *count > 0) {
            self.tx
                .prepare_cached("INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + ?2")?
                .execute(params![reason, number(*count)])?;
        }
        if let Some(cursor) = &counters.cursor {
            self.tx
                .prepare_cached("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)")?
                .execute(params![self.seq, cursor])?;
        }
        Ok(())
    }
}
