//! One SQLite file: its version, one connection that writes, a few that read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::StoreError;

/// How long a connection waits for another process's write transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle read connections that a file keeps; more are opened when needed and closed afterwards.
const IDLE_READERS_MAX: usize = 4;
/// Prepared statements that a connection keeps: more than there are.
const CACHED_STATEMENTS_MAX: usize = 256;
/// Memory for pages that a connection keeps that writes, in KiB.
const PAGE_CACHE_KIB: i64 = 16 * 1024;
/// Pages in the write-ahead log after which it is moved into the file: 16 MiB. Less would sync both files more often.
const CHECKPOINT_PAGES: i64 = 4096;

/// Which file, and the steps that bring an older one up to date: the step at `i` leads from version `i` to `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Day,
    Meta,
    Keys,
}

impl Kind {
    const fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Day => &[include_str!("migrations/day-1.sql"), include_str!("migrations/day-2.sql")],
            Self::Meta => &[
                include_str!("migrations/meta-1.sql"),
                include_str!("migrations/meta-2.sql"),
                include_str!("migrations/meta-3.sql"),
            ],
            Self::Keys => &[include_str!("migrations/keys-1.sql")],
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Backend(error.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Backend(error.to_string())
    }
}

/// A lock whose holder panicked guards data that SQLite rolled back: going on is safe.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens a file, makes it if it is missing, and brings it up to the newest version.
    pub(super) fn open(path: &Path, kind: Kind) -> Result<Self, StoreError> {
        let mut writer = connect(path)?;
        writer.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
        migrate(&mut writer, kind.steps())?;
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::new(Vec::new()) })
    }

    /// A database in memory, for comparison.
    pub(super) fn in_memory(kind: Kind) -> Result<Connection, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection, kind.steps())?;
        Ok(connection)
    }

    /// Runs `body` in a write transaction; an error rolls it back.
    pub(super) fn write<T>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = body(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Runs `body` on one snapshot, on the connection that writes if nobody else is using it. What it wrote is still in its
    /// memory, whereas every commit empties that of the connections that only read.
    pub(super) fn look_up<T>(&self, body: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Ok(writer) = self.writer.try_lock() else { return self.read(body) };
        let snapshot = writer.unchecked_transaction()?;
        body(&snapshot)
    }

    /// Runs `body` on one snapshot, without waiting for the writer.
    pub(super) fn read<T>(&self, body: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let reader = if let Some(reader) = idle {
            reader
        } else {
            let reader = connect(&self.path)?;
            reader.pragma_update(None, "query_only", true)?;
            reader
        };
        let snapshot = reader.unchecked_transaction()?;
        let value = body(&snapshot);
        drop(snapshot);
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS_MAX {
            readers.push(reader);
        }
        value
    }

    /// Size as SQLite sees it, whatever part of it is still in the write-ahead log.
    pub(super) fn bytes(&self) -> Result<i64, StoreError> {
        self.read(bytes_of)
    }

    /// Rewrites the file without free pages and empties the write-ahead log, so that removed text is in neither.
    pub(super) fn scrub(&self) -> Result<(), StoreError> {
        lock(&self.readers).clear();
        let writer = lock(&self.writer);
        writer.execute_batch("VACUUM")?;
        truncate_wal(&writer)
    }

    /// Moves what is in the write-ahead log into the file and closes all connections.
    pub(super) fn close(self) -> Result<(), StoreError> {
        lock(&self.readers).clear();
        let writer = self.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        truncate_wal(&writer)?;
        writer.close().map_err(|(_, error)| error.into())
    }
}

/// See [`Database::bytes`].
pub(super) fn bytes_of(connection: &Connection) -> Result<i64, StoreError> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(pages * size)
}

fn truncate_wal(connection: &Connection) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(StoreError::Backend("the write-ahead log is in use elsewhere".into())) }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS_MAX);
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Temporary tables and sorters hold text: they must not reach another file.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let known = steps.len() as u32;
    if version_of(connection)? == known {
        return Ok(());
    }
    // Asked again inside the transaction: another process may have migrated in between.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version_of(&transaction)?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for step in &steps[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

fn version_of(connection: &Connection) -> Result<u32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
