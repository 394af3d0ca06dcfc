//! Configuration and limits. Plain values: reading them from files, flags and the environment is the program's part.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ursa_model::EnvironmentId;

use crate::upstream::UpstreamConfig;

/// What to do when the sink takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOverflow {
    /// Forward and count what was not recorded (fail open).
    #[default]
    Drop,
    /// Answer new requests with 503 `journal_full` (fail closed).
    Refuse,
}

/// How far recording may lag behind forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Forward at once; what was not committed yet is lost in a crash.
    #[default]
    Behind,
    /// No byte of a request goes upstream before it is durable, and the end of an answer is held back until everything
    /// before it is durable. Implies refusing when the sink is full.
    Strict,
}

/// What becomes of WebSockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebSockets {
    /// Forwarded, and recorded where an adapter reads what they carry.
    #[default]
    Record,
    /// Answered with 426, on which agents that can do without them go on over HTTP.
    Refuse,
}

/// How the edge forwards and records.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Upstreams that override or extend the built-in ones.
    pub upstreams: Vec<UpstreamConfig>,
    /// Key of the credential marks; the pipeline needs the same one.
    pub masking_key: [u8; 32],
    /// Environment of loopback traffic without a key; `None` when a key is always required.
    pub loopback: Option<EnvironmentId>,
    /// What to do when the sink takes no more.
    pub on_overflow: OnOverflow,
    /// How far recording may lag behind forwarding.
    pub durability: Durability,
    /// What becomes of WebSockets.
    pub websockets: WebSockets,
    /// Bounds on one exchange.
    pub limits: Limits,
    /// PEM file with certificate authorities that are trusted beside the system's.
    pub extra_ca_file: Option<PathBuf>,
    /// Upstreams, by name, whose host name may lead to this machine, its link or a metadata service. Addresses that
    /// are written down, and `localhost`, need no mention.
    pub local_upstreams: Vec<String>,
    /// Memory budget of the process in bytes; from [`SHED_AT_PERCENT`](crate::SHED_AT_PERCENT) of it on new requests
    /// are refused. `None` is no budget.
    pub memory_bytes_max: Option<u64>,
}

impl EdgeConfig {
    /// Built-in upstreams, keys required, fail open, default limits.
    pub fn new(masking_key: [u8; 32]) -> Self {
        Self {
            upstreams: Vec::new(),
            masking_key,
            loopback: None,
            on_overflow: OnOverflow::default(),
            durability: Durability::default(),
            websockets: WebSockets::default(),
            limits: Limits::default(),
            extra_ca_file: None,
            local_upstreams: Vec::new(),
            memory_bytes_max: None,
        }
    }
}

/// Bounds on one exchange.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one body that are kept; the rest passes and is counted as cut.
    pub kept_body_bytes_max: u64,
    /// Largest request body that is forwarded, in bytes; `None` forwards any.
    pub request_body_bytes_max: Option<u64>,
    /// Time to resolve, connect and shake hands with an upstream.
    pub connect_timeout: Duration,
    /// Time for sending a request and receiving the head of its answer. Models may think for minutes.
    pub answer_timeout: Duration,
    /// Longest pause of a client in the middle of its request body.
    pub upload_idle_timeout: Duration,
    /// How long an upstream that ignores `expect: 100-continue` keeps the request body waiting.
    pub expect_wait: Duration,
    /// How long an unused upstream connection is kept.
    pub upstream_idle_timeout: Duration,
    /// Unused upstream connections kept per upstream and thread.
    pub upstream_idle_connections_max: usize,
    /// Read buffer of one upstream connection, in bytes; an answer's head must fit.
    pub upstream_buffer_bytes_max: usize,
    /// Headers of one answer.
    pub upstream_header_count_max: usize,
    /// How old unrecorded bytes of a slow stream may become before they go to the sink.
    pub checkpoint_interval: Duration,
    /// The same for an upgraded connection, whose messages are told apart in time by it.
    pub tunnel_checkpoint_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            kept_body_bytes_max: 32 * 1024 * 1024,
            request_body_bytes_max: None,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_mins(15),
            upload_idle_timeout: Duration::from_secs(30),
            expect_wait: Duration::from_secs(10),
            upstream_idle_timeout: Duration::from_secs(30),
            // As many as a thread may have clients that ask one after the other: opening one costs more than a request.
            upstream_idle_connections_max: 1024,
            upstream_buffer_bytes_max: 256 * 1024,
            upstream_header_count_max: 256,
            checkpoint_interval: Duration::from_secs(1),
            tunnel_checkpoint_interval: Duration::from_millis(25),
        }
    }
}

/// Certificate chain and private key, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// The address; port 0 picks a free one.
    pub addr: SocketAddr,
    /// Threads, each with its own runtime, listener and upstream connections; `None` is one per core.
    pub threads: Option<NonZeroUsize>,
    /// Serve TLS instead of plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Bounds on connections.
    pub limits: ListenLimits,
}

impl ListenConfig {
    /// Plain HTTP on `addr` with one thread per core and default limits.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, threads: None, tls: None, limits: ListenLimits::default() }
    }
}

/// Bounds on client connections.
#[derive(Debug, Clone)]
pub struct ListenLimits {
    /// Time for the TLS handshake, for the first request, and for each request head once its first byte is there.
    pub header_read_timeout: Duration,
    /// Size of a request head in bytes.
    pub header_bytes_max: usize,
    /// Headers of one request.
    pub header_count_max: usize,
    /// How long a connection without an open exchange is kept.
    pub idle_timeout: Duration,
    /// Connections over all threads; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// Open exchanges of one HTTP/2 connection.
    pub h2_streams_max: u32,
    /// HTTP/2 receive window of one stream, in bytes.
    pub h2_stream_window_bytes: u32,
    /// HTTP/2 receive window of one connection, in bytes.
    pub h2_connection_window_bytes: u32,
    /// Bytes an HTTP/2 stream may have queued for sending.
    pub h2_send_buffer_bytes_max: usize,
    /// How long open exchanges may go on after the shutdown began.
    pub drain_timeout: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            header_bytes_max: 64 * 1024,
            header_count_max: 256,
            idle_timeout: Duration::from_mins(2),
            connections_max: 16_384,
            h2_streams_max: 256,
            h2_stream_window_bytes: 256 * 1024,
            h2_connection_window_bytes: 1024 * 1024,
            h2_send_buffer_bytes_max: 64 * 1024,
            drain_timeout: Duration::from_secs(30),
        }
    }
}
