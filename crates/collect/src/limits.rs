//! Every bound of the ingest API, with its name.

use std::time::Duration;

pub use ursa_model::envelope::{BATCH_BYTES_MAX, ENVELOPE_BYTES_MAX};

/// Most lines of a batch: what is wrong with each may have to be told.
pub const BATCH_LINES_MAX: usize = 65_536;
/// Batches that are taken at the same time.
pub const BATCHES_MAX: usize = 16;
/// Batches of one device that are taken at the same time: one that hangs cannot take all turns.
pub const DEVICE_BATCHES_MAX: usize = 4;
/// Bytes of batches that are held at the same time, as they came and decoded.
pub const HELD_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Bytes that are handed to the journal before it is waited for.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Longest pause within a request's body.
pub const BODY_IDLE: Duration = Duration::from_secs(15);
/// Longest time for a request's body.
pub const BODY_TIME: Duration = Duration::from_mins(3);
/// What a refused sender is told to wait, in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 2;

/// Longest source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 64;
/// Longest event, login name or version, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest working directory, in bytes.
pub const PATH_BYTES_MAX: usize = 8 * 1024;
/// Highest `seq`: what JSON numbers hold exactly everywhere.
pub const SEQ_MAX: u64 = 1 << 53;

/// Envelope ids that are remembered over all senders; what is older is known by its `seq`.
pub const RECENT_IDS_MAX: usize = 131_072;
/// Spools of one sender that are remembered.
pub const SPOOLS_MAX: usize = 1024;
/// Senders whose missing envelopes are told apart, those that miss the most first.
pub const MISSING_SENDERS_MAX: usize = 100;
/// Stretches above the first hole that are remembered of a spool. Past it the lowest hole is given up.
pub const STRETCHES_MAX: usize = 256;

/// How far a device's clock may be off before its times are not believed.
pub const CLOCK_SKEW_MICROS: i64 = 5 * 60 * 1_000_000;
/// How long an envelope may have waited on its device before its time is not believed.
pub const WAITED_MICROS: i64 = 90 * 24 * 3600 * 1_000_000;
/// How far a time may lie before that of the envelope before it: hooks run side by side, and write in any order. More
/// is a clock that was put back.
pub const STEP_BACK_MICROS: i64 = 250_000;

/// Longest body of an enrolment, in bytes.
pub const ENROLL_BYTES_MAX: usize = 16 * 1024;
/// Longest field of an enrolment, in bytes; what is longer is cut.
pub const FIELD_BYTES_MAX: usize = 256;
/// Enrolments that are refused for one address before it has to wait.
pub const FAILURES_MAX: u32 = 60;
/// Enrolments that are refused for all addresses together before all have to wait.
pub const ALL_FAILURES_MAX: u32 = 600;
/// In which time they are counted.
pub const FAILURES_WINDOW: Duration = Duration::from_mins(1);
/// Addresses whose refusals are counted apart.
pub const FAILING_ADDRESSES_MAX: usize = 4096;
