//! Keys with which agents on other machines use the edge. Only hashes are kept, in a setting of the environment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use ursa_api::{hash_token, new_token};
use ursa_model::ids::hex;
use ursa_model::time::Timestamp;
use ursa_store::{SettingsStore, Store, StoreError};

use crate::rate::PerSecond;

/// Name of the setting.
const SETTING: &str = "edge_keys";
/// How often in a second unknown keys make the keys be read again, at most. A new key works at once, but in a flood of
/// bad ones.
const READS_A_SECOND: u32 = 20;
/// Tries against others who change the setting at the same moment.
const TRIES: usize = 8;

/// The keys, by the hash of their value.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Keys(BTreeMap<String, Key>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Key {
    id: String,
    name: String,
    created_at: Timestamp,
}

fn read(store: &(impl SettingsStore + ?Sized)) -> Result<(u64, Keys), StoreError> {
    Ok(match store.setting(SETTING)? {
        Some((version, value)) => (version, serde_json::from_value(value).unwrap_or_default()),
        None => (0, Keys::default()),
    })
}

/// Makes a key; returns it.
pub(crate) fn create(store: &impl SettingsStore, name: &str, now: Timestamp) -> Result<String> {
    let (secret, hash) = new_token()?;
    let hash = hex(&hash);
    for _ in 0..TRIES {
        let (version, mut keys) = read(store)?;
        let id = format!("key_{}", &hash[..12]);
        keys.0.insert(hash.clone(), Key { id, name: name.to_owned(), created_at: now });
        match store.set_setting(SETTING, version, &serde_json::to_value(&keys)?) {
            Ok(_) => return Ok(secret),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("the keys are being changed by others; try again")
}

/// Looks keys up.
pub(crate) struct KeyRing {
    store: Arc<dyn Store>,
    known: Mutex<(Keys, PerSecond)>,
}

impl KeyRing {
    /// Over a store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The id of a key, if it is one.
    pub(crate) fn id_of(&self, key: &str) -> Option<String> {
        let hash = hex(&hash_token(key));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.0.0.get(&hash) {
            return Some(key.id.clone());
        }
        if known.1.allows(READS_A_SECOND) {
            match read(self.store.as_ref()) {
                Ok((_, keys)) => known.0 = keys,
                Err(error) => tracing::warn!(%error, "the edge's keys cannot be read"),
            }
        }
        known.0.0.get(&hash).map(|key| key.id.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ursa_store::sqlite::SqliteStore;

    #[test]
    fn a_new_key_works_at_once_even_after_one_that_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path(), &[7; 32]).unwrap());
        let ring = KeyRing::new(Arc::clone(&store) as Arc<dyn Store>);
        assert_eq!(ring.id_of("nobody"), None);
        let key = create(store.as_ref(), "one", Timestamp::from_micros(1)).unwrap();
        assert!(ring.id_of(&key).is_some());
    }
}
