//! A scripted model upstream on loopback: Anthropic Messages, OpenAI Responses and Chat Completions, Gemini, with ids
//! unique to the run, usage numbers that differ from call to call, content encodings, pauses and faults. Everything else
//! is a 404 in JSON.

mod anthropic;
mod chat;
mod clouds;
mod encoding;
mod gemini;
mod log;
mod offered;
mod reply;
mod responses;
mod serve;
mod sse;
mod websocket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

pub use encoding::ContentEncoding;
pub use log::{Answer, AnswerKind, Exchange, ToolCallSent, UsageSent};

/// How the upstream behaves.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// Part of every id of this run. Empty: a random one.
    pub id_prefix: String,
    /// Encoding of answers to model calls, for clients that accept it.
    pub encoding: Option<ContentEncoding>,
    /// What becomes of requests for a WebSocket.
    pub websocket: WebSocket,
    /// Pause between two server-sent events.
    pub event_delay: Duration,
    /// What goes wrong, and at which model call.
    pub faults: Vec<Fault>,
    /// Also write each exchange as a JSON line to `exchanges.jsonl` in this folder.
    pub log_dir: Option<PathBuf>,
}

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            id_prefix: String::new(),
            encoding: None,
            websocket: WebSocket::Refused,
            event_delay: Duration::ZERO,
            faults: Vec::new(),
            log_dir: None,
        }
    }
}

/// What becomes of requests for a WebSocket on the Responses route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WebSocket {
    /// Answered with 426.
    Refused,
    /// Accepted, messages as they are.
    Plain,
    /// Accepted, messages compressed if the client offers that.
    Deflate,
}

/// One planned fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which model calls it hits.
    pub at: FaultAt,
    /// What happens to them.
    pub action: FaultAction,
}

/// Which model calls a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAt {
    /// The n-th model call that the upstream sees, from 1.
    Call(u64),
    /// All of them.
    Every,
}

/// What happens to a model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// An error answer in the protocol's shape, say 529, 429 or 400.
    Status(u16),
    /// As `Status`, and the message repeats the credential of the request, as careless gateways do.
    StatusEchoingCredential(u16),
    /// The connection is reset after this many bytes of the encoded body.
    ResetAfter(usize),
}

/// A running upstream; it stops when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<serve::State>,
    accept: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Starts an upstream. Errors when the address cannot be bound or the log folder cannot be made.
    pub async fn start(options: UpstreamOptions) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(options.listen).await.context("bind the upstream")?;
        let address = listener.local_addr()?;
        let state = Arc::new(serve::State::new(options)?);
        let accept = tokio::spawn(serve::accept_loop(listener, Arc::clone(&state)));
        Ok(Self { address, state, accept })
    }

    /// `http://HOST:PORT`, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The prefix that every id of this run carries.
    pub fn id_prefix(&self) -> &str {
        self.state.id_prefix()
    }

    /// Every exchange so far whose answer was sent, cut or given up, by arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.state.log().snapshot()
    }

    /// The answers of model calls that were sent whole, by arrival.
    pub fn answers(&self) -> Vec<(Exchange, Answer)> {
        let whole = self.exchanges().into_iter().filter(|exchange| exchange.complete);
        whole.filter_map(|exchange| exchange.answer.clone().map(|answer| (exchange, answer))).collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accept.abort();
    }
}
