//! `keys.db`: a random key per thread, wrapped by a key that follows from the master key (RULES 10).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rusqlite::{OptionalExtension, params};
use ursa_model::ids::{ConversationScope, ID_LEN, hash_parts};

use super::database::{Database, Kind, lock};
use crate::StoreError;

/// Length of every key and secret, in bytes.
pub(super) const KEY_LEN: usize = 32;
/// Unwrapped thread keys kept in memory.
const CACHED_KEYS_MAX: usize = 1024;
/// Name of the secret for chain positions.
const POSITION: &str = "position";

/// A thread, as packs and key rows name it.
pub(super) type ThreadRef = [u8; ID_LEN];

pub(super) fn thread_ref(thread: &ConversationScope) -> ThreadRef {
    hash_parts("ursa store thread 1", &[thread.as_str().as_bytes()])
}

/// Encrypts under AES-256-GCM: nonce, then ciphertext and tag.
pub(super) fn seal(key: &[u8; KEY_LEN], bound_to: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| StoreError::Backend("no randomness".into()))?;
    let mut sealed = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound_to), &mut sealed)
        .map_err(|_| StoreError::Backend("encryption failed".into()))?;
    let mut out = nonce.to_vec();
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The reverse of [`seal`]; `None` when the key or what it is bound to is another, or a bit was changed.
pub(super) fn unseal(key: &[u8; KEY_LEN], bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut plain = body.to_vec();
    let len = cipher(key).ok()?.open_in_place(nonce, Aad::from(bound_to), &mut plain).ok()?.len();
    plain.truncate(len);
    Some(plain)
}

fn cipher(key: &[u8; KEY_LEN]) -> Result<LessSafeKey, StoreError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| StoreError::Backend("unusable key".into()))?;
    Ok(LessSafeKey::new(key))
}

/// See the module.
pub(super) struct Keys {
    database: Database,
    wrapping: [u8; KEY_LEN],
    position: [u8; KEY_LEN],
    cache: Mutex<HashMap<ThreadRef, [u8; KEY_LEN]>>,
    /// Made, and not yet in the file: [`Self::keep`] writes those of a whole batch at once, before anything that is
    /// encrypted under them.
    fresh: Mutex<BTreeMap<ThreadRef, [u8; KEY_LEN]>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Opens the file. A master key that does not fit what is there is told at once.
    pub(super) fn open(path: &Path, master_key: &[u8; KEY_LEN]) -> Result<Self, StoreError> {
        let database = Database::open(path, Kind::Keys)?;
        let wrapping = blake3::derive_key("ursa store wrapping key 1", master_key);
        let position = database.write(|tx| {
            let stored: Option<Vec<u8>> =
                tx.query_row("SELECT wrapped FROM secrets WHERE name = ?", [POSITION], |row| row.get(0)).optional()?;
            if let Some(wrapped) = stored {
                return unwrap_key(&wrapping, POSITION.as_bytes(), &wrapped);
            }
            let secret = random_key()?;
            let wrapped = seal(&wrapping, POSITION.as_bytes(), &secret)?;
            tx.execute("INSERT INTO secrets VALUES (?, ?)", params![POSITION, wrapped])?;
            Ok(secret)
        })?;
        Ok(Self { database, wrapping, position, cache: Mutex::default(), fresh: Mutex::default() })
    }

    /// See [`crate::ContentStore::position_secret`].
    pub(super) fn position_secret(&self) -> [u8; KEY_LEN] {
        self.position
    }

    /// See [`crate::ContentStore::thread_secret`]. Another secret than the one that encrypts.
    pub(super) fn thread_secret(&self, thread: &ConversationScope) -> Result<[u8; KEY_LEN], StoreError> {
        Ok(blake3::derive_key("ursa store address secret 1", &self.make(&thread_ref(thread))?))
    }

    /// The key that encrypts a thread's content, if it is durable and (still) exists.
    pub(super) fn known_content_key(&self, thread: &ThreadRef) -> Result<Option<[u8; KEY_LEN]>, StoreError> {
        Ok(self.find(thread)?.map(|key| content_key_of(&key)))
    }

    fn find(&self, thread: &ThreadRef) -> Result<Option<[u8; KEY_LEN]>, StoreError> {
        if let Some(key) = lock(&self.cache).get(thread) {
            return Ok(Some(*key));
        }
        let wrapped: Option<Vec<u8>> = self.database.read(|db| {
            Ok(db
                .prepare_cached("SELECT wrapped FROM thread_keys WHERE thread = ?")?
                .query_row([thread], |row| row.get(0))
                .optional()?)
        })?;
        let Some(wrapped) = wrapped else { return Ok(None) };
        let key = unwrap_key(&self.wrapping, thread, &wrapped)?;
        self.remember(thread, key);
        Ok(Some(key))
    }

    fn make(&self, thread: &ThreadRef) -> Result<[u8; KEY_LEN], StoreError> {
        let mut fresh = lock(&self.fresh);
        if let Some(key) = fresh.get(thread) {
            return Ok(*key);
        }
        if let Some(key) = self.find(thread)? {
            return Ok(key);
        }
        let key = random_key()?;
        fresh.insert(*thread, key);
        Ok(key)
    }

    /// Makes durable the keys that were made since the last time, and those of `threads`.
    pub(super) fn keep<'t>(&self, threads: impl IntoIterator<Item = &'t ConversationScope>) -> Result<(), StoreError> {
        for thread in threads {
            self.make(&thread_ref(thread))?;
        }
        let mut fresh = lock(&self.fresh);
        if fresh.is_empty() {
            return Ok(());
        }
        self.database.write(|tx| {
            let mut insert = tx.prepare_cached("INSERT INTO thread_keys VALUES (?, ?)")?;
            for (thread, key) in fresh.iter() {
                insert.execute(params![thread, seal(&self.wrapping, thread, key)?])?;
            }
            Ok(())
        })?;
        for (thread, key) in std::mem::take(&mut *fresh) {
            self.remember(&thread, key);
        }
        Ok(())
    }

    fn remember(&self, thread: &ThreadRef, key: [u8; KEY_LEN]) {
        let mut cache = lock(&self.cache);
        if cache.len() >= CACHED_KEYS_MAX {
            cache.clear();
        }
        cache.insert(*thread, key);
    }

    /// Ends the keys of all threads for which `keep` is false, and leaves no trace of them in the file.
    pub(super) fn retain(&self, keep: impl Fn(&ThreadRef) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        lock(&self.cache).clear();
        self.database.write(|tx| {
            let threads: Vec<ThreadRef> = tx
                .prepare("SELECT thread FROM thread_keys")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for thread in threads {
                if !keep(&thread)? {
                    tx.execute("DELETE FROM thread_keys WHERE thread = ?", [thread])?;
                }
            }
            Ok(())
        })?;
        self.database.scrub()
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

fn content_key_of(thread_key: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
    blake3::derive_key("ursa store content key 1", thread_key)
}

fn random_key() -> Result<[u8; KEY_LEN], StoreError> {
    let mut key = [0; KEY_LEN];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| StoreError::Backend("no randomness".into()))?;
    Ok(key)
}

fn unwrap_key(wrapping: &[u8; KEY_LEN], bound_to: &[u8], wrapped: &[u8]) -> Result<[u8; KEY_LEN], StoreError> {
    unseal(wrapping, bound_to, wrapped)
        .and_then(|key| key.try_into().ok())
        .ok_or_else(|| StoreError::Damaged("a key does not unwrap: is it another master key?".into()))
}
