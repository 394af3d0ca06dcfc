//! Tokens, audit and settings, in `meta.db`. Other processes may use them while the server runs.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;
use ursa_model::time::Timestamp;

use super::coding::{from_json, name_of, to_json};
use super::database::{Database, Kind};
use super::{SqliteStore, paging};
use crate::{AccessStore, AuditEntry, Page, Role, SettingsStore, StoreError, TokenInfo};

const LIST: &str = "audit";

/// Tokens, audit and settings of a store, without the record: for admin commands beside a running server.
#[derive(Debug, Clone)]
pub struct AccessDb {
    meta: Arc<Database>,
}

impl AccessDb {
    /// Opens those of the store under `data_dir`, makes them if the store is yet to be made.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let dir = super::store_dir(data_dir)?;
        Ok(Self { meta: Arc::new(Database::open(&dir.join("meta.db"), Kind::Meta)?) })
    }

    pub(super) fn meta(&self) -> &Database {
        &self.meta
    }

    pub(super) fn of(meta: &Arc<Database>) -> Self {
        Self { meta: Arc::clone(meta) }
    }
}

fn token(row: &Row<'_>) -> Result<TokenInfo, StoreError> {
    let role: String = row.get(1)?;
    Ok(TokenInfo {
        id: row.get(0)?,
        role: from_json(&to_json(&role)?)?,
        created_at: Timestamp::from_micros(row.get(2)?),
        expires_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros),
    })
}

fn role_name(role: Role) -> Result<String, StoreError> {
    name_of(&role).ok_or_else(|| StoreError::Backend("a role without a name".into()))
}

impl AccessStore for AccessDb {
    fn add_token(&self, info: &TokenInfo, secret_hash: &[u8; 32], single_use: bool) -> Result<(), StoreError> {
        let role = role_name(info.role)?;
        self.meta.write(|tx| {
            tx.prepare_cached("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)")?.execute(params![
                info.id,
                secret_hash,
                role,
                info.created_at.as_micros(),
                info.expires_at.map(Timestamp::as_micros),
                single_use
            ])?;
            Ok(())
        })
    }

    fn verify_token(&self, secret_hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError> {
        let query = "SELECT id, role, created_at, expires_at, single_use FROM tokens
                     WHERE secret_hash = ? AND (expires_at IS NULL OR expires_at > ?)";
        let found = self.meta.read(|db| {
            let mut statement = db.prepare_cached(query)?;
            let mut rows = statement.query(params![secret_hash, now.as_micros()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some((token(row)?, row.get::<_, bool>(4)?)))
        })?;
        match found {
            // Of two who bring the same single-use token at once, one gets to remove it.
            Some((token, true)) => Ok(self.remove_token(&token.id)?.then_some(token)),
            Some((token, false)) => Ok(Some(token)),
            None => Ok(None),
        }
    }

    fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.meta.write(|tx| Ok(tx.prepare_cached("DELETE FROM tokens WHERE id = ?")?.execute([id])? > 0))
    }

    fn audit(&self, at: Timestamp, actor: &str, action: &str, target: &str) -> Result<(), StoreError> {
        self.meta.write(|tx| {
            tx.prepare_cached("INSERT INTO audit (at, actor, action, target) VALUES (?, ?, ?, ?)")?
                .execute(params![at.as_micros(), actor, action, target])?;
            Ok(())
        })
    }

    fn audit_log(&self, limit: usize, cursor: Option<&str>) -> Result<Page<AuditEntry>, StoreError> {
        let before: i64 = cursor.map(|cursor| paging::decode(LIST, cursor)).transpose()?.unwrap_or(i64::MAX);
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut items = self.meta.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, at, actor, action, target FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
            )?;
            let rows = statement.query_map([before, wanted], |row| {
                Ok(AuditEntry {
                    id: row.get::<_, i64>(0)?.unsigned_abs(),
                    at: Timestamp::from_micros(row.get(1)?),
                    actor: row.get(2)?,
                    action: row.get(3)?,
                    target: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last() {
            Some(last) if more => Some(paging::encode(LIST, &last.id)?),
            _ => None,
        };
        Ok(Page { items, next_cursor })
    }
}

impl SettingsStore for AccessDb {
    fn setting(&self, name: &str) -> Result<Option<(u64, Value)>, StoreError> {
        let found: Option<(i64, String)> = self.meta.read(|db| {
            Ok(db
                .prepare_cached("SELECT version, value FROM settings WHERE name = ?")?
                .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })?;
        found.map(|(version, value)| Ok((version.unsigned_abs(), from_json(&value)?))).transpose()
    }

    fn set_setting(&self, name: &str, expected: u64, value: &Value) -> Result<u64, StoreError> {
        let expected = i64::try_from(expected).map_err(|_| StoreError::Conflict)?;
        let value = to_json(value)?;
        self.meta.write(|tx| {
            let found: Option<i64> =
                tx.query_row("SELECT version FROM settings WHERE name = ?", [name], |row| row.get(0)).optional()?;
            if found.unwrap_or(0) != expected {
                return Err(StoreError::Conflict);
            }
            let version = expected + 1;
            tx.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", params![name, version, value])?;
            Ok(version.unsigned_abs())
        })
    }
}

impl AccessStore for SqliteStore {
    fn add_token(&self, info: &TokenInfo, secret_hash: &[u8; 32], single_use: bool) -> Result<(), StoreError> {
        self.access.add_token(info, secret_hash, single_use)
    }

    fn verify_token(&self, secret_hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError> {
        self.access.verify_token(secret_hash, now)
    }

    fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.access.remove_token(id)
    }

    fn audit(&self, at: Timestamp, actor: &str, action: &str, target: &str) -> Result<(), StoreError> {
        self.access.audit(at, actor, action, target)
    }

    fn audit_log(&self, limit: usize, cursor: Option<&str>) -> Result<Page<AuditEntry>, StoreError> {
        self.access.audit_log(limit, cursor)
    }
}

impl SettingsStore for SqliteStore {
    fn setting(&self, name: &str) -> Result<Option<(u64, Value)>, StoreError> {
        self.access.setting(name)
    }

    fn set_setting(&self, name: &str, expected: u64, value: &Value) -> Result<u64, StoreError> {
        self.access.set_setting(name, expected, value)
    }
}
