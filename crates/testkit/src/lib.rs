//! What the end-to-end tests and the benchmark are made of: a scripted model upstream, drivers for the real agents, a
//! handle on the real server program, and a load generator. Nothing here is shipped.
//!
//! The upstream keeps no conversation state: the next step follows from the conversation in the request, so a script
//! runs the same directly, through a proxy, and after the proxy was killed. What it answered is in its log, which is the
//! truth that the tests hold the store against.

pub mod agents;
pub mod api;
pub mod endpoint;
pub mod fault_proxy;
pub mod files;
pub mod ingest;
pub mod load;
pub mod raw_upstream;
pub mod raw_wire;
pub mod server;
pub mod transparency;
pub mod upstream;
pub mod wire;
