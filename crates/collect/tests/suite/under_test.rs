//! The ingest API with a sink in memory.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use ursa_collect::{
    Caller, Callers, Collect, CollectParts, Durable, EnrollError, Enrolled, Enrolling, Enrolment, EnvelopeSink, Ledger,
    Refusal, SinkError, bearer,
};
use ursa_model::capture::{Frame, FrameKind, Principal};
use ursa_model::envelope::{ReceivedDevice, ReceivedEnvelope};
use ursa_model::{EnvironmentId, Timestamp};
use uuid::Uuid;

/// 2026-11-23T00:00:00Z.
pub const NOW: i64 = 1_795_392_000_000_000;

/// Keeps frames; takes `room` of them, and the last `undurable` of those never reach the disk.
#[derive(Default)]
pub struct Sink {
    pub frames: Mutex<Vec<Frame>>,
    pub room: Option<usize>,
    pub lost: AtomicUsize,
}

impl EnvelopeSink for Sink {
    fn append(&self, frame: Frame) -> Result<Durable, SinkError> {
        let mut frames = self.frames.lock().unwrap();
        if self.room.is_some_and(|room| frames.len() >= room) {
            return Err(SinkError::Full);
        }
        if self.lost.load(Ordering::SeqCst) > 0 {
            self.lost.fetch_sub(1, Ordering::SeqCst);
            return Ok(Box::pin(async { Err(SinkError::Failed) }));
        }
        frames.push(frame);
        Ok(Box::pin(async { Ok(()) }))
    }
}

struct Keys;

impl Callers for Keys {
    fn identify(&self, headers: &HeaderMap, _uri: &Uri, peer: SocketAddr) -> Result<Caller, Refusal> {
        let caller =
            |principal, device| Caller { environment: EnvironmentId::default_environment(), principal, device };
        match bearer(headers) {
            Some(Some("busy")) => Err(Refusal::Busy),
            Some(Some(key)) if key.starts_with("device-") => {
                let device = ReceivedDevice { id: key.to_owned(), ..ReceivedDevice::default() };
                Ok(caller(Principal::Device { id: key.to_owned() }, Some(device)))
            }
            Some(_) => Err(Refusal::BadKey),
            None if headers.contains_key("origin") => Err(Refusal::ForbiddenOrigin),
            None if peer.ip().is_loopback() => Ok(caller(Principal::Loopback, None)),
            None => Err(Refusal::KeyRequired),
        }
    }
}

struct Tokens;

impl Enrolment for Tokens {
    fn enroll(&self, device: &Enrolling, old_key: Option<&str>) -> Result<Enrolled, EnrollError> {
        match device.token.as_deref() {
            Some("good") => Ok(Enrolled {
                device_id: device.hardware().serial.unwrap_or_default(),
                device_key: old_key.unwrap_or("fresh").to_owned(),
            }),
            Some("ended") => Err(EnrollError::Expired),
            Some("broken") => Err(EnrollError::Failed),
            _ => Err(EnrollError::UnknownToken),
        }
    }
}

pub struct Under {
    pub collect: Arc<Collect>,
    pub sink: Arc<Sink>,
    pub ledger: Arc<Ledger>,
    pub now: Arc<AtomicI64>,
}

impl Under {
    pub fn new() -> Self {
        Self::with(Sink::default(), Arc::default())
    }

    pub fn with(sink: Sink, ledger: Arc<Ledger>) -> Self {
        let (sink, now) = (Arc::new(sink), Arc::new(AtomicI64::new(NOW)));
        let clock = Arc::clone(&now);
        let collect = Collect::new(CollectParts {
            sink: Arc::clone(&sink) as Arc<dyn EnvelopeSink>,
            callers: Arc::new(Keys),
            enrolment: Arc::new(Tokens),
            ledger: Arc::clone(&ledger),
            clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        });
        Self { collect, sink, ledger, now }
    }

    /// What was taken, in order.
    pub fn received(&self) -> Vec<ReceivedEnvelope> {
        let frames = self.sink.frames.lock().unwrap();
        assert!(frames.iter().all(|frame| frame.kind == FrameKind::Envelope));
        let read = |frame: &Frame| {
            let received: ReceivedEnvelope = serde_json::from_slice(&frame.payload).unwrap();
            assert_eq!(received.capture_id(), frame.exchange);
            received
        };
        frames.iter().map(read).collect()
    }

    pub fn seqs(&self) -> Vec<u64> {
        self.received().iter().map(|received| received.envelope.seq.unwrap()).collect()
    }

    pub async fn send(&self, request: Ask) -> Answered {
        let peer: SocketAddr = request.peer.parse().unwrap();
        let mut built = Request::builder().method(request.method).uri(request.path);
        for (name, value) in request.headers {
            built = built.header(name, value);
        }
        let built = built.body(Full::new(Bytes::from(request.body))).unwrap();
        let answer = Arc::clone(&self.collect).answer(built, peer).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answered { status, headers, body: serde_json::from_slice(&body).unwrap() }
    }

    /// Delivers lines of a device.
    pub async fn deliver(&self, lines: &[Value]) -> Value {
        let answered = self.send(Ask::captures(batch(lines))).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
        answered.body
    }
}

pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

pub struct Ask {
    pub method: &'static str,
    pub path: &'static str,
    pub peer: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Ask {
    /// A batch of the device `device-1`.
    pub fn captures(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: "/ingest/v1/captures",
            peer: "10.0.0.1:9",
            headers: vec![("content-type", "application/x-ndjson".into()), ("authorization", "Bearer device-1".into())],
            body: body.into(),
        }
    }

    pub fn enroll(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: "/ingest/v1/enroll",
            peer: "10.0.0.1:9",
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }

    /// With a header, or without it when the value is empty.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value.to_owned()));
        }
        self
    }
}

pub fn envelope(seq: u64) -> Value {
    json!({
        "id": Uuid::from_u128(u128::from(seq)), "channel": "hook", "source": "claude-code", "event": "PreToolUse",
        "at": Timestamp(NOW - 60_000_000 + i64::try_from(seq).unwrap() * 1000).to_string(), "seq": seq,
        "meta": {"spool": Uuid::from_u128(1), "os_user": "ada"}, "body": {"n": seq},
    })
}

pub fn batch(lines: &[Value]) -> String {
    let mut text: Vec<String> = lines.iter().map(Value::to_string).collect();
    text.push(String::new());
    text.join("\n")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
