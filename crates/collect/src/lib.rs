//! Takes what devices, extensions and scripts deliver: `POST /ingest/v1/captures` and `POST /ingest/v1/enroll`.
//!
//! Read it top down: [`Collect`] answers requests; a batch is decoded, cut into lines and checked one by one (`lines`),
//! held against the [`Ledger`] of what came before, and handed to an [`EnvelopeSink`] as frames of the journal. What is
//! read out of an envelope is the pipeline's part: nothing here looks into a body.
//!
//! # Invariants
//!
//! - 200 is answered only when every accepted envelope is durable. What was durable without being answered is known when
//!   it comes again.
//! - A line that is wrong costs only itself; a batch that is too large or cannot be decoded is refused whole, before
//!   anything of it is taken.
//! - A known `seq` with an unknown envelope id is taken once more: the same envelope gives the same capture, and another
//!   one (a device restored from an image) must not be lost.
//! - Memory, turns and tries are bounded (`limits`); past a bound the answer is 429 or 503 with `retry-after`.
//! - No key, token or body reaches a log line.

mod answer;
mod attempts;
mod caller;
mod captures;
mod enroll;
mod ledger;
pub mod limits;
mod lines;
mod service;
mod sink;
mod spool;
mod stats;
mod turns;

pub use caller::{Caller, Callers, Refusal, bearer};
pub use enroll::{EnrollError, Enrolled, Enrolling, Enrolment, Hardware};
pub use ledger::{Ledger, SpoolRow, Standing, sender_of};
pub use lines::{Line, LinesError, Rejected, lines};
pub use service::{Collect, CollectParts, PREFIX};
pub use sink::{Durable, EnvelopeSink, SinkError};
pub use spool::Spool;
pub use stats::CollectStats;
