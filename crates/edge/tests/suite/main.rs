//! The edge between a client and an upstream that speak HTTP by hand.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aborts;
mod access;
mod byte_diff;
mod edge_under_test;
mod expect;
mod listening;
mod recording;
mod smuggling;
mod streaming;
mod strict;
mod tls_and_h2;
mod upgrades;
mod upstreams;
mod wire;
