//! Devices: how they enrol, what keys they have, and how far their spools have been delivered.

use serde::{Deserialize, Serialize};
use ursa_model::envelope::ReportedUser;
use ursa_model::time::Timestamp;

use crate::StoreError;

/// How long a key that was rotated still holds if the new one is never used, in microseconds: a day.
pub const ROTATED_KEY_ENDS_MICROS: i64 = 24 * 3600 * 1_000_000;
/// How long a key still holds whose device enrolled again without showing it, in microseconds: thirty days.
pub const LOST_KEY_ENDS_MICROS: i64 = 30 * 24 * 3600 * 1_000_000;
/// How long after the first use of a device's new key uses of the old one say nothing, in microseconds: ten minutes.
/// What was on its way may still arrive.
pub const KEY_OVERLAP_MICROS: i64 = 10 * 60 * 1_000_000;

/// A token with which devices enrol, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollToken {
    /// Its id.
    pub id: String,
    /// Machines that may still enrol with it; `None` for any number.
    pub uses_left: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// What a device tells of itself when it enrols.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// Host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ReportedUser>,
}

/// A device that enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// The hardware's UUID, unless it is junk.
    pub hardware_uuid: Option<String>,
    /// Serial number, unless it is junk.
    pub serial: Option<String>,
    /// What it told when it last enrolled.
    pub facts: DeviceFacts,
    /// When it first enrolled.
    pub enrolled_at: Timestamp,
    /// When it last did.
    pub last_enrolled_at: Timestamp,
    /// The device that it was taken for until both of their keys were in use at the same time.
    pub split_from: Option<String>,
    /// True when another device was taken for this one.
    pub is_split: bool,
}

/// One enrolment. Ids and keys are drawn by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnrolment {
    /// Hash of the token's secret.
    pub token_hash: [u8; 32],
    /// Hash of the key that the device shows as its own until now.
    pub old_key_hash: Option<[u8; 32]>,
    /// The hardware's UUID, unless it is junk.
    pub hardware_uuid: Option<String>,
    /// Serial number, unless it is junk.
    pub serial: Option<String>,
    /// What it tells of itself.
    pub facts: DeviceFacts,
    /// The device's id if it is not known.
    pub device_id: String,
    /// Id of its new key.
    pub key_id: String,
    /// Hash of its new key.
    pub key_hash: [u8; 32],
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolOutcome {
    /// The device; its new key holds.
    Enrolled(Box<Device>),
    /// There is no such token.
    UnknownToken,
    /// The token has ended.
    Expired,
    /// The token has been used by as many machines as it is for.
    UsedUp,
}

/// The holder of a device key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key's id.
    pub key_id: String,
    /// The device.
    pub device: Device,
}

/// What a use of a key showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUse {
    /// Nothing new.
    Usual,
    /// Two machines were taken for one: from now on the key is another device's.
    Split {
        /// The device that it was taken for.
        from: String,
        /// The device that it is.
        to: String,
    },
}

/// How far a spool has been delivered, as the ingest API keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSpool {
    /// Whose.
    pub sender: String,
    /// Its id.
    pub spool: [u8; 16],
    /// Opaque to the store; `None` forgets it.
    pub state: Option<String>,
}

/// Devices, enrolment tokens, device keys, spools.
pub trait DeviceStore: Send + Sync {
    /// Keeps an enrolment token by the hash of its secret.
    fn add_enroll_token(&self, token: &EnrollToken, secret_hash: &[u8; 32]) -> Result<(), StoreError>;

    /// Enrols a device, or again (RULES 19). Whoever shows a valid key of a device with the same hardware is that
    /// device; else the same hardware is the same device; else it is a new one. A machine uses a token once, however
    /// often it enrols with it.
    fn enroll(&self, enrolment: &NewEnrolment, now: Timestamp) -> Result<EnrolOutcome, StoreError>;

    /// The device of that key's hash, unless the key ended before `now`.
    fn key_holder(&self, key_hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyHolder>, StoreError>;

    /// A key was used. Ends the one that it was rotated from; when it and the key that was given to the same hardware
    /// later are both in use, the later one becomes `new_device`'s.
    fn note_key_use(&self, key_id: &str, new_device: &str, now: Timestamp) -> Result<KeyUse, StoreError>;

    /// Ends a key, or all keys of a device, by its id; tells how many.
    fn revoke_keys(&self, id: &str, now: Timestamp) -> Result<u64, StoreError>;

    /// A device by its id.
    fn device(&self, id: &str) -> Result<Option<Device>, StoreError>;

    /// All spools that are kept.
    fn spools(&self) -> Result<Vec<StoredSpool>, StoreError>;

    /// Keeps these.
    fn set_spools(&self, spools: &[StoredSpool]) -> Result<(), StoreError>;
}
