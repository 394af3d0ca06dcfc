//! Ids of exchanges: UUIDs of version 7, without asking the kernel for random bytes at each of them.

use std::cell::RefCell;

use ursa_model::{ExchangeId, Timestamp};
use uuid::{Builder, Uuid};

/// A thread's source: outputs of a keyed hash under a random key, each used once, cannot be told from random bytes.
struct Source {
    key: [u8; 32],
    used: u64,
}

thread_local! {
    static SOURCE: RefCell<Source> = RefCell::new(Source { key: random_key(), used: 0 });
}

fn random_key() -> [u8; 32] {
    // 244 random bits.
    let seed = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    blake3::derive_key("ursa edge exchange ids 1", &seed)
}

/// A new id that sorts by its time.
pub(super) fn new(at: Timestamp) -> ExchangeId {
    let random = SOURCE.with_borrow_mut(|source| {
        source.used += 1;
        *blake3::keyed_hash(&source.key, &source.used.to_le_bytes()).as_bytes()
    });
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&random[..10]);
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or_default();
    ExchangeId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().into_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_differ_over_threads() {
        let at = Timestamp::from_micros(1_795_392_000_123_456);
        let many = move || (0..1_000).map(|_| new(at)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(many)).collect();
        let mut ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        for id in &ids {
            let id = Uuid::from_bytes(id.0);
            assert_eq!(id.get_version_num(), 7);
            let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
            assert_eq!((seconds, nanos), (1_795_392_000, 123_000_000));
        }
        ids.sort_by_key(|id| id.0);
        ids.dedup();
        assert_eq!(ids.len(), 4_000);
    }
}
