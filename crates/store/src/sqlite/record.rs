//! [`RecordStore`] of the embedded backend: which module does what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use rusqlite::{Connection, OptionalExtension};
use ursa_model::event::Event;
use ursa_model::ids::{ConversationScope, EventId, FactId, SessionId};
use ursa_model::observation::ContextRef;
use ursa_model::session::Session;
use ursa_model::time::Timestamp;

use super::coding::unpack_json;
use super::{SqliteStore, append, lookups, packs, purge, search, seen, sessions, timeline, verify};
use crate::record::{AppendReceipt, Batch, Mark, MarkKey, StoredFact};
use crate::traits::PurgeReport;
use crate::{Changes, Outline, Page, RecordStore, SearchHit, Seen, SeenKind, SessionFilter, StoreError, StoreStats};

impl RecordStore for SqliteStore {
    fn facts(&self, ids: &[FactId]) -> Result<Vec<StoredFact>, StoreError> {
        let _files = self.hold_files();
        let located = self.meta.look_up(|meta| {
            let mut located = BTreeSet::new();
            for id in ids {
                located.extend(lookups::fact(meta, *id)?);
            }
            Ok(located)
        })?;
        let mut facts = Vec::with_capacity(located.len());
        for (day, id) in located {
            facts.extend(self.days.get(day)?.look_up(|db| fact(db, id))?);
        }
        Ok(facts)
    }

    fn facts_of(&self, scope: &ConversationScope) -> Result<Vec<StoredFact>, StoreError> {
        let _files = self.hold_files();
        let days: Vec<i64> = self.meta.look_up(|meta| {
            let mut statement = meta.prepare_cached("SELECT day FROM scope_days WHERE scope = ?")?;
            let rows = statement.query_map([scope.as_str()], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let mut facts = Vec::new();
        for day in days {
            let found = self.days.get(day)?.look_up(|db| {
                let mut statement = db.prepare_cached("SELECT id FROM facts WHERE scope = ?")?;
                let ids = statement.query_map([scope.as_str()], |row| Ok(FactId(row.get(0)?)))?;
                ids.map(|id| fact(db, id?)).collect::<Result<Vec<_>, _>>()
            })?;
            facts.extend(found.into_iter().flatten());
        }
        Ok(facts)
    }

    fn append(&self, batch: Batch) -> Result<AppendReceipt, StoreError> {
        let receipt = append::append(self, &batch)?;
        if receipt.inserted + receipt.changed > 0 {
            // Nothing is locked any more: a listener may read.
            for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
                listener(receipt.last_rev);
            }
        }
        Ok(receipt)
    }

    fn marks(&self, keys: &[MarkKey]) -> Result<Vec<Mark>, StoreError> {
        self.meta.look_up(|meta| {
            let mut statement =
                meta.prepare_cached("SELECT scope, value, min(at) FROM marks WHERE key = ? GROUP BY scope, value")?;
            let mut marks = Vec::new();
            for key in keys.iter().collect::<BTreeSet<_>>() {
                let rows = statement.query_map([key], |row| {
                    let scope: String = row.get(0)?;
                    let at = Timestamp::from_micros(row.get(2)?);
                    Ok(Mark { key: *key, scope: scope.into(), value: row.get(1)?, at })
                })?;
                marks.extend(rows.collect::<Result<Vec<_>, _>>()?);
            }
            marks.sort_by(|one, two| {
                (one.at, &one.scope, one.key, &one.value).cmp(&(two.at, &two.scope, two.key, &two.value))
            });
            Ok(marks)
        })
    }

    fn cursor(&self) -> Result<Option<String>, StoreError> {
        self.meta.read(|meta| {
            Ok(meta.query_row("SELECT value FROM kv WHERE name = 'cursor'", [], |row| row.get(0)).optional()?)
        })
    }

    fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let _files = self.hold_files();
        sessions::session(self, id, now)
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page<Session>, StoreError> {
        let _files = self.hold_files();
        sessions::sessions(self, filter, limit, cursor, now)
    }

    fn timeline(&self, session: SessionId, limit: usize, cursor: Option<&str>) -> Result<Page<Event>, StoreError> {
        let _files = self.hold_files();
        timeline::timeline(self, session, limit, cursor)
    }

    fn timeline_from(&self, session: SessionId, seq: u64, limit: usize) -> Result<Page<Event>, StoreError> {
        let _files = self.hold_files();
        timeline::timeline_from(self, session, seq, limit)
    }

    fn outline(&self, session: SessionId, limit: usize) -> Result<Outline, StoreError> {
        let _files = self.hold_files();
        timeline::outline(self, session, limit)
    }

    fn seen(&self, kind: SeenKind, limit: usize, cursor: Option<&str>) -> Result<Page<Seen>, StoreError> {
        seen::seen(self, kind, limit, cursor)
    }

    fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let _files = self.hold_files();
        timeline::event(self, id)
    }

    fn context_ref(&self, id: EventId) -> Result<Option<ContextRef>, StoreError> {
        let _files = self.hold_files();
        timeline::context_ref(self, id)
    }

    fn search(
        &self,
        query: &str,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<SearchHit>, StoreError> {
        let _files = self.hold_files();
        search::search(self, query, filter, limit, cursor)
    }

    fn search_each(&self, query: &str, sessions: &[SessionId], each: usize) -> Result<Vec<SearchHit>, StoreError> {
        let _files = self.hold_files();
        search::search_each(self, query, sessions, each)
    }

    fn changes(&self, after: u64, limit: usize, session: Option<SessionId>) -> Result<Changes, StoreError> {
        let _files = self.hold_files();
        timeline::changes(self, after, limit, session)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        let _files = self.hold_files();
        stats(self)
    }

    fn on_append(&self, listener: Box<dyn Fn(u64) + Send + Sync>) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    fn purge(&self, content_before: Option<&str>, metadata_before: Option<&str>) -> Result<PurgeReport, StoreError> {
        purge::purge(self, content_before, metadata_before)
    }

    fn verify(&self) -> Result<Vec<String>, StoreError> {
        verify::verify(self)
    }
}

fn fact(db: &Connection, id: FactId) -> Result<Option<StoredFact>, StoreError> {
    let found: Option<(String, Vec<u8>)> = db
        .prepare_cached("SELECT scope, observations FROM facts WHERE id = ?")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((scope, observations)) = found else { return Ok(None) };
    Ok(Some(StoredFact { id, scope: scope.into(), observations: unpack_json(&observations)? }))
}

fn stats(store: &SqliteStore) -> Result<StoreStats, StoreError> {
    let mut stats = store.meta.read(counters)?;
    stats.content_bytes = packs::total_bytes(&store.dir)?;
    let databases = store.meta.bytes()? + store.keys.database().bytes()?;
    stats.store_bytes += databases.unsigned_abs() + stats.content_bytes;
    Ok(stats)
}

/// The counters, and the bytes of the day files.
fn counters(meta: &Connection) -> Result<StoreStats, StoreError> {
    let mut sums = [0i64; 7];
    meta.prepare_cached(
        "SELECT sum(captures), sum(observations), sum(duplicates), sum(unattributed), sum(events), sum(bytes),
             max(last_rev) FROM days",
    )?
    .query_row([], |row| {
        for (column, slot) in sums.iter_mut().enumerate() {
            *slot = row.get::<_, Option<i64>>(column)?.unwrap_or(0);
        }
        Ok(())
    })?;
    let [captures, observations, duplicates, unattributed, events, bytes, last_rev] = sums.map(i64::unsigned_abs);
    let sessions: i64 = meta.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?;
    let mut statement = meta.prepare_cached("SELECT reason, sum(count) FROM dropped GROUP BY reason")?;
    let dropped = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(StoreStats {
        captures,
        observations,
        events,
        sessions: sessions.unsigned_abs(),
        duplicates,
        unattributed,
        dropped,
        store_bytes: bytes,
        content_bytes: 0,
        last_rev,
    })
}
