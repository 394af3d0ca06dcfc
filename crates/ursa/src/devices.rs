//! Devices: how they enrol, and whose a device key is.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ursa_api::{hash_token, new_id, new_secret};
use ursa_collect::{EnrollError, Enrolled, Enrolling, Enrolment, Hardware};
use ursa_model::envelope::ReceivedDevice;
use ursa_store::{Device, DeviceFacts, EnrolOutcome, KeyHolder, KeyUse, NewEnrolment, Store, StoreError};

use crate::clock;
use crate::rate::PerSecond;

/// What a device key begins with.
const KEY_PREFIX: &str = "urd_";
/// What an enrolment token begins with.
pub(crate) const TOKEN_PREFIX: &str = "ure_";
/// How long a key is known before the store is asked again: a revoked key works for that long.
const KNOWN_FOR: Duration = Duration::from_secs(2);
/// How long a key is known when the store cannot answer.
const KNOWN_WITHOUT_STORE: Duration = Duration::from_mins(5);
/// Keys that are known at the same time.
const KNOWN_MAX: usize = 65_536;
/// Unknown keys that are looked up a second.
const UNKNOWN_A_SECOND: u32 = 100;
/// How often the use of a key is put down.
const USE_NOTED_EVERY: Duration = Duration::from_mins(1);
/// Uses that wait to be put down.
const USES_WAITING: usize = 1024;

/// Too many unknown keys, or a store that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

struct Known {
    holder: KeyHolder,
    asked: Instant,
    noted: Option<Instant>,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<[u8; 32], Known>,
    /// Look-ups of unknown keys.
    unknown: PerSecond,
}

/// Looks device keys up: from memory, and every other second in the store.
pub(crate) struct DeviceKeys {
    store: Arc<dyn Store>,
    inner: Arc<Mutex<Inner>>,
    uses: SyncSender<String>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DeviceKeys {
    /// Over a store. Starts the thread that puts uses down; it ends with this.
    pub(crate) fn start(store: Arc<dyn Store>) -> std::io::Result<Arc<Self>> {
        let (uses, waiting) = sync_channel(USES_WAITING);
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let (noting, known) = (Arc::clone(&store), Arc::clone(&inner));
        std::thread::Builder::new()
            .name("device-keys".to_owned())
            .spawn(move || note_uses(noting.as_ref(), &known, &waiting))?;
        Ok(Arc::new(Self { store, inner, uses }))
    }

    /// The device of a key, if it is one and holds.
    pub(crate) fn holder(&self, key: &str) -> Result<Option<Device>, Busy> {
        if !key.starts_with(KEY_PREFIX) {
            return Ok(None);
        }
        let hash = hash_token(key);
        if let Some(device) = self.in_memory(&hash, KNOWN_FOR) {
            return Ok(Some(device));
        }
        if !self.may_ask(&hash) {
            return Err(Busy);
        }
        match self.store.key_holder(&hash, clock::now()) {
            Ok(Some(holder)) => {
                self.remember(hash, holder);
                Ok(self.in_memory(&hash, KNOWN_FOR))
            }
            Ok(None) => {
                lock(&self.inner).keys.remove(&hash);
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(%error, "a device's key cannot be looked up");
                self.in_memory(&hash, KNOWN_WITHOUT_STORE).map(Some).ok_or(Busy)
            }
        }
    }

    fn in_memory(&self, hash: &[u8; 32], longest: Duration) -> Option<Device> {
        let mut inner = lock(&self.inner);
        let known = inner.keys.get_mut(hash).filter(|known| known.asked.elapsed() < longest)?;
        if known.noted.is_none_or(|noted| noted.elapsed() >= USE_NOTED_EVERY) {
            match self.uses.try_send(known.holder.key_id.clone()) {
                Ok(()) => known.noted = Some(Instant::now()),
                // The next use is put down as well.
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        }
        Some(known.holder.device.clone())
    }

    fn remember(&self, hash: [u8; 32], holder: KeyHolder) {
        let mut inner = lock(&self.inner);
        if inner.keys.len() >= KNOWN_MAX && !inner.keys.contains_key(&hash) {
            inner.keys.clear();
        }
        let noted = inner.keys.get(&hash).and_then(|known| known.noted);
        inner.keys.insert(hash, Known { holder, asked: Instant::now(), noted });
    }

    /// Known keys are always asked about; of others so many a second.
    fn may_ask(&self, hash: &[u8; 32]) -> bool {
        let mut inner = lock(&self.inner);
        inner.keys.contains_key(hash) || inner.unknown.allows(UNKNOWN_A_SECOND)
    }
}

fn note_uses(store: &dyn Store, known: &Mutex<Inner>, waiting: &Receiver<String>) {
    while let Ok(key) = waiting.recv() {
        let now = clock::now();
        let noted = new_id("dev_").and_then(|other| store.note_key_use(&key, &other, now));
        match noted {
            Ok(KeyUse::Usual) => {}
            Ok(KeyUse::Split { from, to }) => {
                tracing::warn!(%from, %to, "two machines were taken for one device and are two from now on");
                lock(known).keys.retain(|_, known| known.holder.key_id != key);
                if let Err(error) = store.audit(now, &format!("device:{from}"), "split_device", &to) {
                    tracing::warn!(%error, "the audit log cannot be written");
                }
            }
            Err(error) => tracing::warn!(%error, "the use of a device's key cannot be put down"),
        }
    }
}

/// What an envelope tells of its device.
pub(crate) fn received(device: Device) -> ReceivedDevice {
    ReceivedDevice { id: device.id, hostname: device.facts.hostname, serial: device.serial, user: device.facts.user }
}

/// Enrols devices in the store.
pub(crate) struct StoreEnrolment(pub(crate) Arc<dyn Store>);

impl StoreEnrolment {
    fn try_enroll(&self, told: &Enrolling, old_key: Option<&str>) -> Result<Result<Enrolled, EnrollError>, StoreError> {
        let Some(token) = told.token.as_deref().filter(|token| token.starts_with(TOKEN_PREFIX)) else {
            return Ok(Err(EnrollError::UnknownToken));
        };
        let (device_key, key_hash) = new_secret(KEY_PREFIX)?;
        let Hardware { uuid, serial } = told.hardware();
        let enrolment = NewEnrolment {
            token_hash: hash_token(token),
            old_key_hash: old_key.map(hash_token),
            hardware_uuid: uuid,
            serial,
            facts: DeviceFacts {
                hostname: told.hostname.clone(),
                os: told.os.clone(),
                os_version: told.os_version.clone(),
                arch: told.arch.clone(),
                user: told.user.clone(),
            },
            device_id: new_id("dev_")?,
            key_id: new_id("dk_")?,
            key_hash,
        };
        let now = clock::now();
        let device_id = match self.0.enroll(&enrolment, now)? {
            EnrolOutcome::Enrolled(device) => device.id,
            EnrolOutcome::UnknownToken => return Ok(Err(EnrollError::UnknownToken)),
            EnrolOutcome::Expired => return Ok(Err(EnrollError::Expired)),
            EnrolOutcome::UsedUp => return Ok(Err(EnrollError::UsedUp)),
        };
        self.0.audit(now, &format!("device:{device_id}"), "enroll_device", &enrolment.key_id)?;
        Ok(Ok(Enrolled { device_id, device_key }))
    }
}

impl Enrolment for StoreEnrolment {
    fn enroll(&self, device: &Enrolling, old_key: Option<&str>) -> Result<Enrolled, EnrollError> {
        self.try_enroll(device, old_key).unwrap_or_else(|error| {
            tracing::error!(%error, "a device cannot be enrolled");
            Err(EnrollError::Failed)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ursa_store::EnrollToken;
    use ursa_store::sqlite::SqliteStore;

    use super::*;

    fn store(dir: &tempfile::TempDir) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(dir.path(), &[7; 32]).unwrap())
    }

    fn enrolled(store: &Arc<dyn Store>) -> Enrolled {
        let (token, hash) = new_secret(TOKEN_PREFIX).unwrap();
        let info =
            EnrollToken { id: new_id("ent_").unwrap(), uses_left: Some(1), created_at: clock::now(), expires_at: None };
        store.add_enroll_token(&info, &hash).unwrap();
        let told = Enrolling { token: Some(token), hostname: Some("box".into()), ..Enrolling::default() };
        StoreEnrolment(Arc::clone(store)).enroll(&told, None).ok().unwrap()
    }

    #[test]
    fn a_key_is_its_devices_until_it_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let keys = DeviceKeys::start(Arc::clone(&store)).unwrap();
        let Enrolled { device_id, device_key } = enrolled(&store);
        assert!(device_id.starts_with("dev_") && device_key.starts_with("urd_"));
        let holder = keys.holder(&device_key).unwrap().unwrap();
        assert_eq!((holder.id.as_str(), holder.facts.hostname.as_deref()), (device_id.as_str(), Some("box")));
        assert_eq!(keys.holder("urd_none").unwrap(), None);
        assert_eq!(keys.holder("ursa_other").unwrap(), None);
        store.revoke_keys(&device_id, clock::now()).unwrap();
        assert!(keys.holder(&device_key).unwrap().is_some(), "known for a moment");
        let hash = hash_token(&device_key);
        lock(&keys.inner).keys.get_mut(&hash).unwrap().asked -= KNOWN_FOR;
        assert_eq!(keys.holder(&device_key).unwrap(), None);
    }

    #[test]
    fn a_flood_of_unknown_keys_is_looked_up_in_part_and_costs_known_ones_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let keys = DeviceKeys::start(Arc::clone(&store)).unwrap();
        let key = enrolled(&store).device_key;
        assert!(keys.holder(&key).unwrap().is_some());
        let busy = (0..2 * UNKNOWN_A_SECOND).filter(|n| keys.holder(&format!("urd_{n}")) == Err(Busy)).count();
        assert!(busy > 0, "the store is not asked without end");
        lock(&keys.inner).keys.get_mut(&hash_token(&key)).unwrap().asked -= KNOWN_FOR;
        assert!(keys.holder(&key).unwrap().is_some());
    }
}
