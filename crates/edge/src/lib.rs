//! The proxy: forwards bytes unchanged and tees them into the record.
//!
//! `/edge/{upstream}/…` goes to the upstream with the rest of the path and the query as they came; everything else goes
//! to the fallback service. Read it top down: [`serve`] accepts connections, [`Edge`] decides who is calling and where
//! to, the bodies in between copy what passes into the recorder, the recorder hands frames to a [`FrameSink`].
//!
//! # Invariants
//!
//! - Nothing here parses a body. Recording works on a copy and, unless `strict` or `refuse` is configured, can neither
//!   delay nor break an exchange.
//! - No header is added to what passes; only hop-by-hop headers, `host` and `x-ursa-*` are touched.
//! - No credential value reaches a frame in the clear, and no header value, query or key reaches a log line.
//! - Both legs of an exchange live on one thread; threads share only counters and the sink.

mod answer;
mod body;
mod caller;
mod config;
mod connect;
mod credentials;
mod download;
mod edge;
mod forward;
mod headers;
mod http1;
mod http2;
mod listen;
mod mask;
mod memory;
mod pass;
mod pieces;
mod pool;
mod recorder;
mod resolve;
mod stats;
mod target;
mod terminal;
mod timer;
mod tls;
mod upgrade;
mod upload;
mod upstream;

pub use answer::EdgeError;
pub use body::{BoxError, EdgeBody, RequestBody};
pub use caller::{KeyResolver, NoKeys, ResolvedKey, without_key};
pub use config::{Durability, EdgeConfig, Limits, ListenConfig, ListenLimits, OnOverflow, TlsFiles, WebSockets};
pub use edge::{BuildError, Edge};
#[doc(hidden)]
pub use http1::check as http1_check;
pub use listen::{PeerAddr, ServeError, Server, serve};
pub use mask::{CREDENTIAL_LEN_MIN, MASK};
pub use memory::{ALWAYS_TAKEN_EXCHANGES, RESUME_BELOW_PERCENT, SHED_AT_PERCENT, container_memory_bytes};
pub use recorder::sink::{Durable, FrameSink, SinkError};
pub use stats::EdgeStats;
pub use tls::TlsError;
pub use upstream::{ParseUpstreamError, UpstreamConfig};
