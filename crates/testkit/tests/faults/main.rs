//! The fault campaign against the real program: one named test or more for each row of docs/FAULTS.md. What a row needs
//! below the program (a disk that loses power, an edge with a sink that fails) is tested where that part is; the document
//! says where.
//!
//! Short by default. `URSA_FAULT_SCALE=long` (scripts/campaign) runs the numbers of the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub)]

mod bodies;
mod breaks;
mod devices;
mod disk;
mod framing;
mod pressure;
mod reach;
mod slow;
mod support;
mod text;
mod time;
mod upgrade;
