//! The keys of one data folder, all derived from its master key: here, because programs and tests must do it alike.

/// Length of every key, in bytes.
pub const KEY_BYTES: usize = 32;

/// Keys of one data folder. Never shown, never logged: so without `Debug`.
pub struct DataKeys {
    /// For frames of the journal.
    pub journal: [u8; KEY_BYTES],
    /// Wraps the keys of the store.
    pub store: [u8; KEY_BYTES],
    /// For marks of credential values.
    pub masking: [u8; KEY_BYTES],
}

impl DataKeys {
    /// From what `keys/master.key` holds.
    pub fn derive(master: &[u8; KEY_BYTES]) -> Self {
        let derive = |what: &str| blake3::derive_key(&format!("ursa 2026 {what} key 1"), master);
        Self { journal: derive("journal"), store: derive("store"), masking: derive("masking") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn keys_stay_what_they_are() {
        let keys = DataKeys::derive(&[7; KEY_BYTES]);
        // Another derivation would make all data unreadable.
        assert_eq!(keys.store, blake3::derive_key("ursa 2026 store key 1", &[7; KEY_BYTES]));
        assert!(keys.store != keys.journal && keys.journal != keys.masking && keys.masking != keys.store);
    }
}
