//! Keys of devices: whose they are, and what their use shows.

use rusqlite::{Connection, OptionalExtension, Row, params};
use ursa_model::time::Timestamp;

use super::devices::{device, put_device};
use crate::StoreError;
use crate::devices::{Device, KEY_OVERLAP_MICROS, KeyHolder, KeyUse};

/// The device of a key, unless the key has ended.
pub(super) fn holder(db: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyHolder>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, device FROM device_keys WHERE secret_hash = ? AND (ends_at IS NULL OR ends_at > ?)",
    )?;
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let Some((key_id, id)) = statement.query_row(params![hash, now.as_micros()], read).optional()? else {
        return Ok(None);
    };
    Ok(device(db, &id)?.map(|device| KeyHolder { key_id, device }))
}

/// See [`crate::DeviceStore::note_key_use`].
pub(super) fn note_use(db: &Connection, key: &str, new_device: &str, now: Timestamp) -> Result<KeyUse, StoreError> {
    let now = now.as_micros();
    db.execute(
        "UPDATE device_keys SET first_used_at = coalesce(first_used_at, ?1),
             last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE id = ?2",
        params![now, key],
    )?;
    // The one that it was rotated from has done its duty.
    db.execute(
        "UPDATE device_keys SET ends_at = ?1 WHERE rotated_to = ?2 AND (ends_at IS NULL OR ends_at > ?1)",
        params![now, key],
    )?;
    // It was superseded, and is used although the later key is in use: the first half of the proof.
    db.execute(
        "UPDATE device_keys SET reappeared_at = ?1
         WHERE id = ?2 AND reappeared_at IS NULL AND EXISTS
             (SELECT 1 FROM device_keys AS later WHERE later.id = device_keys.superseded_by
              AND later.first_used_at + ?3 < ?1)",
        params![now, key, KEY_OVERLAP_MICROS],
    )?;
    // The later key is used after that: both are alive.
    let other: Option<(String, String)> = db
        .prepare_cached("SELECT id, device FROM device_keys WHERE superseded_by = ? AND reappeared_at < ? LIMIT 1")?
        .query_row(params![key, now], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match other {
        Some((elder, from)) => split(db, key, &elder, from, new_device),
        None => Ok(KeyUse::Usual),
    }
}

/// The elder key keeps its device and holds again; the other one is another device's from now on.
fn split(db: &Connection, key: &str, elder: &str, from: String, new_device: &str) -> Result<KeyUse, StoreError> {
    let Some(mut first) = device(db, &from)? else { return Ok(KeyUse::Usual) };
    let other = Device { id: new_device.to_owned(), split_from: Some(from.clone()), is_split: false, ..first.clone() };
    put_device(db, &other)?;
    first.is_split = true;
    put_device(db, &first)?;
    db.execute(
        "INSERT OR IGNORE INTO enroll_uses SELECT token, ? FROM enroll_uses WHERE device = ?",
        params![new_device, from],
    )?;
    db.execute("UPDATE device_keys SET device = ? WHERE id = ?", params![new_device, key])?;
    db.execute(
        "UPDATE device_keys SET superseded_by = NULL, reappeared_at = NULL, ends_at = NULL WHERE id = ?",
        [elder],
    )?;
    Ok(KeyUse::Split { from, to: new_device.to_owned() })
}
