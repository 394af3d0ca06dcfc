//! The ingest API over a sink and keys of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod batches;
mod enrolment;
mod gates;
mod under_test;
