//! An edge on a free port, with a sink in memory.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::watch;
use ursa_edge::{
    Durable, Edge, EdgeConfig, EdgeStats, FrameSink, KeyResolver, ListenConfig, ResolvedKey, Server, SinkError,
    UpstreamConfig,
};
use ursa_model::capture::{CaptureEnd, CaptureHead, Frame, FrameKind, Principal, ResponseHead};
use ursa_model::{EnvironmentId, ExchangeId};

use crate::wire::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Takes everything at once.
    Open,
    /// Takes everything; nothing is durable before [`Sink::release`].
    Held,
    Full,
    Failed,
    /// Takes heads and ends, but no body.
    NoBodies,
}

pub struct Sink {
    mode: Mutex<Mode>,
    frames: Mutex<Vec<Frame>>,
    arrived: Condvar,
    /// `Some(false)`: what was held fails.
    released: watch::Sender<Option<bool>>,
}

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Capture {
    pub head: CaptureHead,
    pub request: Vec<u8>,
    pub request_whole: bool,
    pub response_head: Option<ResponseHead>,
    pub response: Vec<u8>,
    pub parts: usize,
    pub end: Option<CaptureEnd>,
}

impl FrameSink for Sink {
    fn append(&self, frame: Frame, _urgent: bool) -> Result<Durable, SinkError> {
        let mode = *self.mode.lock().unwrap();
        let is_body = matches!(frame.kind, FrameKind::RequestPart | FrameKind::ResponsePart);
        match mode {
            Mode::Full => return Err(SinkError::Full),
            Mode::Failed => return Err(SinkError::Failed),
            Mode::NoBodies if is_body => return Err(SinkError::Full),
            _ => {}
        }
        self.frames.lock().unwrap().push(frame);
        self.arrived.notify_all();
        if mode != Mode::Held {
            return Ok(Box::pin(std::future::ready(Ok(()))));
        }
        let mut released = self.released.subscribe();
        Ok(Box::pin(async move {
            let outcome = released.wait_for(Option::is_some).await.map(|outcome| *outcome);
            if matches!(outcome, Ok(Some(true))) { Ok(()) } else { Err(SinkError::Failed) }
        }))
    }
}

impl Sink {
    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Lets what is held become durable, or fail.
    pub fn release(&self, well: bool) {
        self.released.send_replace(Some(well));
    }

    /// From now on nothing is durable again.
    pub fn hold(&self) {
        self.released.send_replace(None);
        self.set(Mode::Held);
    }

    /// Waits until `found` finds something in the frames.
    pub fn wait<T>(&self, mut found: impl FnMut(&[Frame]) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        let mut frames = self.frames.lock().unwrap();
        loop {
            if let Some(value) = found(&frames) {
                return value;
            }
            let left = until.checked_duration_since(Instant::now()).expect("the frames never came");
            frames = self.arrived.wait_timeout(frames, left).unwrap().0;
        }
    }

    /// The first capture that has ended, by order of heads.
    pub fn capture(&self, number: usize) -> Capture {
        self.wait(|frames| captures(frames).into_iter().nth(number).filter(|capture| capture.end.is_some()))
    }

    pub fn frames(&self) -> Vec<Frame> {
        self.frames.lock().unwrap().clone()
    }

    pub fn len(&self) -> usize {
        self.frames.lock().unwrap().len()
    }
}

pub fn captures(frames: &[Frame]) -> Vec<Capture> {
    let mut ids: Vec<ExchangeId> = Vec::new();
    let mut captures: Vec<Capture> = Vec::new();
    for frame in frames {
        if frame.kind == FrameKind::Head {
            ids.push(frame.exchange);
            captures.push(Capture {
                head: serde_json::from_slice(&frame.payload).unwrap(),
                request: Vec::new(),
                request_whole: false,
                response_head: None,
                response: Vec::new(),
                parts: 0,
                end: None,
            });
            continue;
        }
        let at = ids.iter().position(|id| *id == frame.exchange).expect("a frame without a head");
        let capture = &mut captures[at];
        assert!(capture.end.is_none(), "a frame after the end");
        match frame.kind {
            FrameKind::RequestPart => capture.request.extend(&frame.payload),
            FrameKind::RequestEnd => capture.request_whole = true,
            FrameKind::ResponseHead => capture.response_head = Some(serde_json::from_slice(&frame.payload).unwrap()),
            FrameKind::ResponsePart => {
                capture.parts += 1;
                capture.response.extend(&frame.payload);
            }
            FrameKind::End => capture.end = Some(serde_json::from_slice(&frame.payload).unwrap()),
            FrameKind::Head | FrameKind::Checkpoint | FrameKind::Envelope => {}
        }
    }
    captures
}

pub const KEY: &str = "ingest-key-123456";
pub const MASKING_KEY: [u8; 32] = [7; 32];

struct Keys;

impl KeyResolver for Keys {
    fn resolve(&self, key: &str) -> Option<ResolvedKey> {
        let environment = EnvironmentId::derive(&[b"keyed"]);
        (key == KEY).then(|| ResolvedKey { principal: Principal::Key { id: "key-1".into() }, environment })
    }
}

pub struct Under {
    pub addr: SocketAddr,
    pub sink: Arc<Sink>,
    pub edge: Arc<Edge>,
    pub server: Server,
    pub runtime: tokio::runtime::Runtime,
}

impl Under {
    /// `anthropic` leads to `upstream`; loopback needs no key.
    pub fn new(upstream: SocketAddr) -> Self {
        Self::with(&format!("http://{upstream}"), |_, _| {})
    }

    pub fn with(url: &str, change: impl FnOnce(&mut EdgeConfig, &mut ListenConfig)) -> Self {
        let mut config = EdgeConfig::new(MASKING_KEY);
        config.loopback = Some(EnvironmentId::default_environment());
        config.upstreams = ["anthropic", "openai", "gemini"]
            .map(|name| format!("{name}={url}").parse::<UpstreamConfig>().unwrap())
            .into_iter()
            .collect();
        let mut listen = ListenConfig::new("127.0.0.1:0".parse().unwrap());
        listen.threads = std::num::NonZeroUsize::new(2);
        change(&mut config, &mut listen);
        let sink = Arc::new(Sink {
            mode: Mutex::new(Mode::Open),
            frames: Mutex::default(),
            arrived: Condvar::new(),
            released: watch::Sender::new(None),
        });
        let edge = Edge::new(config, Arc::new(Keys), Arc::clone(&sink) as Arc<dyn FrameSink>).unwrap();
        let fallback = tower::service_fn(|request: http::Request<ursa_edge::RequestBody>| async move {
            assert!(request.extensions().get::<ursa_edge::PeerAddr>().is_some());
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from("fallback"))))
        });
        let server = ursa_edge::serve(&listen, &edge, &fallback).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { addr: server.local_addr(), sink, edge, server, runtime }
    }

    /// Waits until the counters satisfy `when`.
    pub fn stats(&self, when: impl Fn(&EdgeStats) -> bool) -> EdgeStats {
        let until = Instant::now() + DEADLINE;
        loop {
            let stats = self.edge.stats();
            if when(&stats) {
                return stats;
            }
            assert!(Instant::now() < until, "the counters never came: {stats:?}");
            std::thread::yield_now();
        }
    }
}
