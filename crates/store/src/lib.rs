//! Where events, sessions and content are kept.
//!
//! [`Store`] is what every backend offers; [`conformance`] is the suite that each must pass; [`sqlite`] is the embedded
//! one. No SQL leaks through the traits, every list is keyset-paged, and [`RecordStore::append`] is idempotent: applying
//! a batch again changes nothing.
//!
//! The store accepts only [`Redacted`] values, so that a step of the pipeline cannot be skipped.

pub mod conformance;
pub mod devices;
pub mod record;
pub mod sqlite;
pub mod traits;

pub use devices::{
    Device, DeviceFacts, DeviceStore, EnrolOutcome, EnrollToken, KeyHolder, KeyUse, NewEnrolment, StoredSpool,
};
pub use record::{
    AppendReceipt, Batch, ContentId, EventWrite, FactWrite, Mark, MarkKey, NewItem, SearchText, SessionAttributes,
    SessionWrite, StoredFact,
};
pub use traits::{
    AccessStore, AuditEntry, Changes, ContentStore, Cursor, Outline, Page, RecordStore, Role, SearchHit, Seen,
    SeenKind, SessionFilter, SettingsStore, Store, StoreError, StoreStats, TokenInfo,
};
pub use ursa_redact::Redacted;
