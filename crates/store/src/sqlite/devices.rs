//! [`DeviceStore`] in `meta.db`.

use rusqlite::{Connection, OptionalExtension, Row, params};
use ursa_model::time::Timestamp;

use super::coding::{from_json, to_json};
use super::{AccessDb, SqliteStore, device_keys};
use crate::StoreError;
use crate::devices::{
    Device, DeviceStore, EnrolOutcome, EnrollToken, KeyHolder, KeyUse, LOST_KEY_ENDS_MICROS, NewEnrolment,
    ROTATED_KEY_ENDS_MICROS, StoredSpool,
};

const DEVICE: &str = "id, hardware_uuid, serial, facts, enrolled_at, last_enrolled_at, split_from, is_split";

fn device_of(row: &Row<'_>) -> rusqlite::Result<(Device, String)> {
    let device = Device {
        id: row.get(0)?,
        hardware_uuid: row.get(1)?,
        serial: row.get(2)?,
        facts: crate::devices::DeviceFacts::default(),
        enrolled_at: Timestamp::from_micros(row.get(4)?),
        last_enrolled_at: Timestamp::from_micros(row.get(5)?),
        split_from: row.get(6)?,
        is_split: row.get(7)?,
    };
    Ok((device, row.get(3)?))
}

/// A device by its id.
pub(super) fn device(db: &Connection, id: &str) -> Result<Option<Device>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {DEVICE} FROM devices WHERE id = ?"))?;
    let found = statement.query_row([id], device_of).optional()?;
    found.map(|(device, facts)| Ok(Device { facts: from_json(&facts)?, ..device })).transpose()
}

/// Writes a device whole.
pub(super) fn put_device(db: &Connection, device: &Device) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        device.id,
        device.hardware_uuid,
        device.serial,
        to_json(&device.facts)?,
        device.enrolled_at.as_micros(),
        device.last_enrolled_at.as_micros(),
        device.split_from,
        device.is_split,
    ])?;
    Ok(())
}

struct Token {
    id: String,
    uses_left: Option<i64>,
    expires_at: Option<i64>,
}

fn token(db: &Connection, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT id, uses_left, expires_at FROM enroll_tokens WHERE secret_hash = ?")?;
    let read = |row: &Row<'_>| Ok(Token { id: row.get(0)?, uses_left: row.get(1)?, expires_at: row.get(2)? });
    Ok(statement.query_row([hash], read).optional()?)
}

/// The machine that enrols, if it is known, and the key that it shows as its own until now.
fn known(
    db: &Connection,
    enrolment: &NewEnrolment,
    now: Timestamp,
) -> Result<(Option<Device>, Option<String>), StoreError> {
    if let Some(hash) = &enrolment.old_key_hash
        && let Some(holder) = device_keys::holder(db, hash, now)?
        // A copy of a disk on other hardware shows the key of the machine it was copied from.
        && !differs(holder.device.hardware_uuid.as_ref(), enrolment.hardware_uuid.as_ref())
    {
        return Ok((Some(holder.device), Some(holder.key_id)));
    }
    // Of several with the same hardware, the one that has been silent longest is the one that lost its key.
    let mut statement = db.prepare_cached(
        "SELECT id FROM devices WHERE (?1 IS NOT NULL AND hardware_uuid = ?1)
             OR (?2 IS NOT NULL AND serial = ?2 AND (?1 IS NULL OR hardware_uuid IS NULL))
         ORDER BY hardware_uuid IS NOT ?1,
             (SELECT coalesce(max(last_used_at), 0) FROM device_keys WHERE device = devices.id), enrolled_at
         LIMIT 1",
    )?;
    let found: Option<String> =
        statement.query_row(params![enrolment.hardware_uuid, enrolment.serial], |row| row.get(0)).optional()?;
    Ok((found.map(|id| device(db, &id)).transpose()?.flatten(), None))
}

fn differs(one: Option<&String>, other: Option<&String>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

fn enroll(db: &Connection, enrolment: &NewEnrolment, now: Timestamp) -> Result<EnrolOutcome, StoreError> {
    let Some(token) = token(db, &enrolment.token_hash)? else { return Ok(EnrolOutcome::UnknownToken) };
    if token.expires_at.is_some_and(|end| end <= now.as_micros()) {
        return Ok(EnrolOutcome::Expired);
    }
    let (known, old_key) = known(db, enrolment, now)?;
    let id = known.as_ref().map_or(&enrolment.device_id, |device| &device.id);
    if !use_token(db, &token, id)? {
        return Ok(EnrolOutcome::UsedUp);
    }
    let mut facts = enrolment.facts.clone();
    let device = match known {
        Some(known) => {
            // What it does not tell any more it told before.
            facts.hostname = facts.hostname.or(known.facts.hostname);
            facts.os = facts.os.or(known.facts.os);
            facts.os_version = facts.os_version.or(known.facts.os_version);
            facts.arch = facts.arch.or(known.facts.arch);
            facts.user = facts.user.or(known.facts.user);
            Device {
                hardware_uuid: enrolment.hardware_uuid.clone().or(known.hardware_uuid),
                serial: enrolment.serial.clone().or(known.serial),
                facts,
                last_enrolled_at: now,
                ..known
            }
        }
        None => Device {
            id: enrolment.device_id.clone(),
            hardware_uuid: enrolment.hardware_uuid.clone(),
            serial: enrolment.serial.clone(),
            facts,
            enrolled_at: now,
            last_enrolled_at: now,
            split_from: None,
            is_split: false,
        },
    };
    put_device(db, &device)?;
    let (rotated, lost) = (now.plus_micros(ROTATED_KEY_ENDS_MICROS), now.plus_micros(LOST_KEY_ENDS_MICROS));
    if let Some(old) = old_key {
        db.execute(
            "UPDATE device_keys SET rotated_to = ?1, ends_at = min(coalesce(ends_at, ?2), ?2) WHERE id = ?3",
            params![enrolment.key_id, rotated.as_micros(), old],
        )?;
    } else {
        db.execute(
            "UPDATE device_keys SET superseded_by = ?1, ends_at = min(coalesce(ends_at, ?2), ?2)
             WHERE device = ?3 AND rotated_to IS NULL AND (ends_at IS NULL OR ends_at > ?4)",
            params![enrolment.key_id, lost.as_micros(), device.id, now.as_micros()],
        )?;
    }
    db.execute(
        "INSERT INTO device_keys (id, device, secret_hash, created_at) VALUES (?, ?, ?, ?)",
        params![enrolment.key_id, device.id, enrolment.key_hash, now.as_micros()],
    )?;
    Ok(EnrolOutcome::Enrolled(Box::new(device)))
}

/// Counts a machine's use of a token, once; false when there is none left.
fn use_token(db: &Connection, token: &Token, device: &str) -> Result<bool, StoreError> {
    let is_new = db.execute("INSERT OR IGNORE INTO enroll_uses VALUES (?, ?)", params![token.id, device])? > 0;
    if !is_new || token.uses_left.is_none() {
        return Ok(true);
    }
    if token.uses_left == Some(0) {
        db.execute("DELETE FROM enroll_uses WHERE token = ? AND device = ?", params![token.id, device])?;
        return Ok(false);
    }
    db.execute("UPDATE enroll_tokens SET uses_left = uses_left - 1 WHERE id = ?", [&token.id])?;
    Ok(true)
}

impl DeviceStore for AccessDb {
    fn add_enroll_token(&self, token: &EnrollToken, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        let uses_left = token.uses_left.map(|uses| i64::try_from(uses).unwrap_or(i64::MAX));
        self.meta().write(|tx| {
            tx.execute(
                "INSERT INTO enroll_tokens VALUES (?, ?, ?, ?, ?)",
                params![
                    token.id,
                    secret_hash,
                    uses_left,
                    token.created_at.as_micros(),
                    token.expires_at.map(Timestamp::as_micros)
                ],
            )?;
            Ok(())
        })
    }

    fn enroll(&self, enrolment: &NewEnrolment, now: Timestamp) -> Result<EnrolOutcome, StoreError> {
        self.meta().write(|tx| enroll(tx, enrolment, now))
    }

    fn key_holder(&self, key_hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyHolder>, StoreError> {
        self.meta().read(|db| device_keys::holder(db, key_hash, now))
    }

    fn note_key_use(&self, key_id: &str, new_device: &str, now: Timestamp) -> Result<KeyUse, StoreError> {
        self.meta().write(|tx| device_keys::note_use(tx, key_id, new_device, now))
    }

    fn revoke_keys(&self, id: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.meta().write(|tx| {
            let ended = tx.execute(
                "UPDATE device_keys SET ends_at = ?1
                 WHERE (id = ?2 OR device = ?2) AND (ends_at IS NULL OR ends_at > ?1)",
                params![now.as_micros(), id],
            )?;
            Ok(ended as u64)
        })
    }

    fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        self.meta().read(|db| device(db, id))
    }

    fn spools(&self) -> Result<Vec<StoredSpool>, StoreError> {
        self.meta().read(|db| {
            let mut statement = db.prepare_cached("SELECT sender, spool, state FROM spools")?;
            let rows = statement.query_map([], |row| {
                Ok(StoredSpool { sender: row.get(0)?, spool: row.get(1)?, state: Some(row.get(2)?) })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn set_spools(&self, spools: &[StoredSpool]) -> Result<(), StoreError> {
        self.meta().write(|tx| {
            let mut put = tx.prepare_cached("INSERT OR REPLACE INTO spools VALUES (?, ?, ?)")?;
            let mut forget = tx.prepare_cached("DELETE FROM spools WHERE sender = ? AND spool = ?")?;
            for spool in spools {
                match &spool.state {
                    Some(state) => put.execute(params![spool.sender, spool.spool, state])?,
                    None => forget.execute(params![spool.sender, spool.spool])?,
                };
            }
            Ok(())
        })
    }
}

impl DeviceStore for SqliteStore {
    fn add_enroll_token(&self, token: &EnrollToken, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        self.access.add_enroll_token(token, secret_hash)
    }

    fn enroll(&self, enrolment: &NewEnrolment, now: Timestamp) -> Result<EnrolOutcome, StoreError> {
        self.access.enroll(enrolment, now)
    }

    fn key_holder(&self, key_hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyHolder>, StoreError> {
        self.access.key_holder(key_hash, now)
    }

    fn note_key_use(&self, key_id: &str, new_device: &str, now: Timestamp) -> Result<KeyUse, StoreError> {
        self.access.note_key_use(key_id, new_device, now)
    }

    fn revoke_keys(&self, id: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.access.revoke_keys(id, now)
    }

    fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        self.access.device(id)
    }

    fn spools(&self) -> Result<Vec<StoredSpool>, StoreError> {
        self.access.spools()
    }

    fn set_spools(&self, spools: &[StoredSpool]) -> Result<(), StoreError> {
        self.access.set_spools(spools)
    }
}
