//! normalise → redact → fuse → append.
//!
//! [`Worker`] reads committed frames from the journal, [`assemble`] puts them together to exchanges, [`normalise`] reads
//! observations out of one exchange, the redactor masks them, [`fuse`] joins them with what the store has, and the store
//! appends. Everything after the journal can crash and be run again: each step is a pure function of the journal and
//! the store, and appending is idempotent.

pub mod assemble;
pub mod context;
mod continuation;
mod cursor;
mod delivered;
mod draft;
mod fuse;
mod hooks;
mod normalise;
mod pipeline;
mod scope;
mod settings;
mod who;
mod worker;

pub use assemble::{Assembler, Exchange};
pub use draft::Draft;
pub use pipeline::{Pipeline, PipelineError};
pub use settings::{PipelineSettings, VERSION};
pub use worker::{Worker, WorkerStats};
