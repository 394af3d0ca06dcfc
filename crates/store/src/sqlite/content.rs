//! Content by address.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use ursa_model::ids::ConversationScope;

use super::packs::{self, HEADER_LEN, Place};
use super::{SqliteStore, keys};
use crate::record::ContentId;
use crate::{ContentStore, StoreError};

/// Which of these are stored.
pub(super) fn has(store: &SqliteStore, ids: &[ContentId]) -> Result<Vec<ContentId>, StoreError> {
    store.meta.look_up(|meta| {
        let mut known = meta.prepare_cached("SELECT 1 FROM content WHERE id = ?")?;
        let mut stored = Vec::new();
        for id in ids {
            if known.exists([id.0])? {
                stored.push(*id);
            }
        }
        Ok(stored)
    })
}

/// Bytes of a day's pack whose records are in the index.
pub(super) fn indexed(store: &SqliteStore, day: i64) -> Result<u64, StoreError> {
    store.meta.read(|meta| indexed_in(meta, day))
}

pub(super) fn indexed_in(meta: &Connection, day: i64) -> Result<u64, StoreError> {
    let bytes: Option<i64> = meta
        .prepare_cached("SELECT indexed FROM packs WHERE day = ?")?
        .query_row([day], |row| row.get(0))
        .optional()?;
    Ok(bytes.map_or(HEADER_LEN, i64::unsigned_abs))
}

/// Enters items into the index. Of an item that was written twice the first place stays.
pub(super) fn index(meta: &Transaction<'_>, places: &[Place]) -> Result<(), StoreError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    for place in places {
        meta.prepare_cached("INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?)")?.execute(params![
            place.id.0,
            place.day,
            number(place.offset),
            number(place.len),
            place.thread
        ])?;
        meta.prepare_cached("INSERT INTO packs VALUES (?, ?) ON CONFLICT DO UPDATE SET indexed = max(indexed, ?2)")?
            .execute(params![place.day, number(place.offset + place.len)])?;
    }
    Ok(())
}

/// Where an item lies.
pub(super) fn place(meta: &Connection, id: ContentId) -> Result<Option<Place>, StoreError> {
    Ok(meta
        .prepare_cached("SELECT id, thread, day, offset, len FROM content WHERE id = ?")?
        .query_row([id.0], place_of)
        .optional()?)
}

/// Where the items of a day's pack lie.
pub(super) fn of_day(meta: &Connection, day: i64) -> Result<Vec<Place>, StoreError> {
    let mut statement = meta.prepare_cached("SELECT id, thread, day, offset, len FROM content WHERE day = ?")?;
    let rows = statement.query_map([day], place_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn place_of(row: &Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place {
        id: ContentId(row.get(0)?),
        thread: row.get(1)?,
        day: row.get(2)?,
        offset: row.get::<_, i64>(3)?.unsigned_abs(),
        len: row.get::<_, i64>(4)?.unsigned_abs(),
    })
}

impl ContentStore for SqliteStore {
    fn has(&self, ids: &[ContentId]) -> Result<Vec<ContentId>, StoreError> {
        let _files = self.hold_files();
        has(self, ids)
    }

    fn get(&self, id: ContentId) -> Result<Option<Vec<u8>>, StoreError> {
        let _files = self.hold_files();
        match self.meta.read(|meta| place(meta, id))? {
            Some(place) => packs::read(&self.dir, &place, &self.keys),
            None => Ok(None),
        }
    }

    fn thread_secret(&self, thread: &ConversationScope) -> Result<[u8; keys::KEY_LEN], StoreError> {
        let _files = self.hold_files();
        self.keys.thread_secret(thread)
    }

    fn position_secret(&self) -> Result<[u8; keys::KEY_LEN], StoreError> {
        Ok(self.keys.position_secret())
    }
}
