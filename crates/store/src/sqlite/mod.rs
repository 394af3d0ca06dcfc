//! The embedded backend: SQLite files, one a UTC day, a `meta.db` of look-ups and summaries that follows from them,
//! packs of encrypted content, and `keys.db`.
//!
//! An append commits in this order, and a kill between any two steps is made good at the next opening (RULES 14):
//! the pack is synced → each day file takes its part (rows, full text, counters, the batch's id) in one transaction →
//! facts that moved leave the files they were in → `meta.db` takes look-ups, summaries and the cursor.

mod access;
mod append;
mod coding;
mod content;
mod database;
mod day_write;
mod days;
mod device_keys;
mod devices;
mod dump;
mod faults;
mod keys;
mod lookups;
mod packs;
mod paging;
mod positions;
mod purge;
mod query;
mod record;
mod rollup;
mod rows;
mod search;
mod seen;
mod sessions;
mod skeleton;
mod summary;
mod sync;
mod timeline;
mod verify;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

pub use access::AccessDb;
use append::Writer;
use database::{Database, Kind, lock};
use days::DayFiles;
#[doc(hidden)]
pub use faults::{Faults, Step};
use keys::Keys;

use crate::StoreError;

type Listener = Box<dyn Fn(u64) + Send + Sync>;

/// The embedded store. One process at a time may hold it; [`AccessDb`] gives others tokens and settings meanwhile.
pub struct SqliteStore {
    dir: PathBuf,
    meta: Arc<Database>,
    access: AccessDb,
    keys: Keys,
    days: DayFiles,
    writer: Mutex<Writer>,
    /// Held shared while files are used, exclusively while a purge replaces them.
    files: RwLock<()>,
    listeners: RwLock<Vec<Listener>>,
    faults: Faults,
    /// Keeps other processes out until it is dropped.
    _lock: File,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

fn store_dir(data_dir: &Path) -> Result<PathBuf, StoreError> {
    let dir = data_dir.join("store");
    std::fs::create_dir_all(data_dir)?;
    let mut builder = std::fs::DirBuilder::new();
    // What is in it is for the server's own user only.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&dir)?;
    packs::sync_dir(data_dir)?;
    Ok(dir)
}

impl SqliteStore {
    /// Opens the store under `data_dir` (in its folder `store`), makes it if it is missing, and makes good what a kill
    /// left half done. `master_key` wraps the keys of `keys.db`.
    ///
    /// Fails with [`StoreError::Backend`] while another process holds the store, [`StoreError::TooNew`] for files of a
    /// newer program, [`StoreError::Damaged`] if the master key is another than the one that the store was made with.
    pub fn open(data_dir: &Path, master_key: &[u8; 32]) -> Result<Self, StoreError> {
        Self::open_with(data_dir, master_key, Faults::default())
    }

    /// As [`open`](Self::open), stopping where `faults` says.
    #[doc(hidden)]
    pub fn open_with(data_dir: &Path, master_key: &[u8; 32], faults: Faults) -> Result<Self, StoreError> {
        let dir = store_dir(data_dir)?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Backend("the store is open in another process".into()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let meta = Arc::new(Database::open(&dir.join("meta.db"), Kind::Meta)?);
        let store = Self {
            access: AccessDb::of(&meta),
            keys: Keys::open(&dir.join("keys.db"), master_key)?,
            meta,
            days: DayFiles::new(&dir),
            writer: Mutex::new(Writer::default()),
            files: RwLock::new(()),
            listeners: RwLock::new(Vec::new()),
            faults,
            _lock: lock,
            dir,
        };
        packs::sync_dir(&store.dir)?;
        sync::sync(&store, &mut lock_writer(&store))?;
        Ok(store)
    }

    /// Keeps the files in place while the guard lives.
    fn hold_files(&self) -> RwLockReadGuard<'_, ()> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock_writer(store: &SqliteStore) -> std::sync::MutexGuard<'_, Writer> {
    lock(&store.writer)
}
