//! The durable, bounded, encrypted record log of the server.
//!
//! Writers push [`Frame`](ursa_model::capture::Frame)s onto a queue that is bounded in bytes and never wait; one thread
//! seals what is queued, writes it into a preallocated segment and syncs once for the whole group. A frame whose
//! [`Ticket`] resolved is on disk: no crash, power loss or restart takes it away again, and it is read back exactly
//! once, in the order in which it was appended.
//!
//! # Invariants
//!
//! - A segment is never appended to after the process that made it ended, so no nonce is ever used twice.
//! - The first failed write or sync that is not "disk full" ends writing for good: a sync is never tried again, because
//!   the kernel may already have dropped the pages. What was committed stays readable.
//! - Each segment states where its predecessor ended. What recovery cuts off therefore stays cut off.
//! - A segment that is damaged in the middle is renamed, never deleted by the journal on its own account.
//!
//! The bytes on disk are described in [`format`].

mod backlog;
mod commit;
mod config;
mod disk;
mod error;
pub mod format;
pub mod frames;
mod journal;
mod log;
mod queue;
mod reader;
mod recover;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod sample;
mod segment;
pub mod sim;
mod stats;
mod walk;

pub use backlog::Backlog;
pub use config::{
    BATCH_BYTES_MAX, END_RESERVE_BYTES, JournalConfig, PAYLOAD_BYTES_MAX, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_FLOOR,
    SEGMENT_BYTES_MIN,
};
pub use disk::{Disk, DiskFile, OsDisk};
pub use error::{AppendError, JournalError};
pub use journal::Journal;
pub use log::{Health, Position, SegmentInfo};
pub use queue::{JournalWriter, Ticket};
pub use reader::{Damage, Entry, JournalReader};
pub use stats::{Dropped, JournalStats};
