//! A connection that left HTTP, as frames of the journal.

use std::collections::HashMap;

use serde_json::Value;
use ursa_journal::Position;
use ursa_model::capture::{CaptureEnd, CaptureHead, EndReason, Frame, FrameKind, Principal, ResponseHead};
use ursa_model::ids::{EnvironmentId, ExchangeId};
use ursa_model::time::Timestamp;
use ursa_pipeline::{Assembler, Exchange};

use super::START;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A text message in one WebSocket frame.
pub fn text(message: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = vec![0x81];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match u16::try_from(message.len()) {
        Ok(len @ 0..=125) => out.push(masked + len as u8),
        Ok(len) => {
            out.push(masked + 126);
            out.extend(len.to_be_bytes());
        }
        Err(_) => {
            out.push(masked + 127);
            out.extend((message.len() as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    out.extend(message.bytes().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}

/// One connection.
#[derive(Clone)]
pub struct Socket {
    pub id: ExchangeId,
    pub headers: Vec<(String, String)>,
}

impl Socket {
    /// A connection of Codex in this session and thread.
    pub fn codex(number: u8, session: &str) -> Self {
        let headers = [
            ("upgrade", "websocket"),
            ("originator", "codex_exec"),
            ("user-agent", "codex_exec/0.169.0"),
            ("session-id", session),
            ("thread-id", session),
        ];
        Self::new(number, headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    pub fn new(number: u8, headers: Vec<(String, String)>) -> Self {
        Self { id: ExchangeId([0xc0, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), headers }
    }

    fn frame(&self, millis: i64, kind: FrameKind, payload: Vec<u8>) -> Frame {
        Frame { exchange: self.id, at: Timestamp::from_micros(START + millis * 1000), kind, payload }
    }

    pub fn head(&self, millis: i64) -> Frame {
        let head = CaptureHead {
            version: 1,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Loopback,
            upstream: "openai".to_owned(),
            protocol: "openai-responses".to_owned(),
            method: "GET".to_owned(),
            path: "/v1/responses".to_owned(),
            query: Vec::new(),
            headers: self.headers.clone(),
            reported_user: None,
            reported_device: None,
            bodies_kept: true,
            upgrade: true,
            credentials: Vec::new(),
        };
        self.frame(millis, FrameKind::Head, serde_json::to_vec(&head).unwrap())
    }

    pub fn answered(&self, millis: i64, status: u16) -> Frame {
        let headers = vec![("x-request-id".to_owned(), "req_of_the_connection_1".to_owned())];
        self.frame(millis, FrameKind::ResponseHead, serde_json::to_vec(&ResponseHead { status, headers }).unwrap())
    }

    /// Head and upgrade.
    pub fn opened(&self, millis: i64) -> Vec<Frame> {
        vec![self.head(millis), self.frame(millis, FrameKind::RequestEnd, Vec::new()), self.answered(millis, 101)]
    }

    pub fn client(&self, millis: i64, message: &Value) -> Frame {
        self.frame(millis, FrameKind::RequestPart, text(&message.to_string(), Some(MASK)))
    }

    pub fn server(&self, millis: i64, message: &Value) -> Frame {
        self.frame(millis, FrameKind::ResponsePart, text(&message.to_string(), None))
    }

    /// What it says as it is.
    pub fn raw(&self, millis: i64, kind: FrameKind, bytes: &[u8]) -> Frame {
        self.frame(millis, kind, bytes.to_vec())
    }

    pub fn end(&self, millis: i64, reason: EndReason) -> Frame {
        let end = CaptureEnd {
            reason,
            request_bytes: 0,
            response_bytes: 0,
            first_byte_micros: None,
            duration_micros: 0,
            request_bytes_cut: 0,
            response_bytes_cut: 0,
            request_sha256: None,
            response_sha256: None,
            dropped_bytes: 0,
            edge_error: None,
        };
        self.frame(millis, FrameKind::End, serde_json::to_vec(&end).unwrap())
    }
}

/// A journal in memory and what reads it.
#[derive(Default)]
pub struct Reading {
    pub assembler: Assembler,
    pub position: Position,
}

impl Reading {
    pub fn push(&mut self, frame: Frame) -> Vec<Exchange> {
        self.position.offset += 1;
        self.assembler.push(self.position, frame)
    }

    pub fn all(&mut self, frames: impl IntoIterator<Item = Frame>) -> Vec<Exchange> {
        frames.into_iter().flat_map(|frame| self.push(frame)).collect()
    }
}

/// The recorded session of Codex over WebSocket, its main thread and a subagent's.
pub fn recorded() -> Vec<Frame> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/codex-websocket.jsonl");
    let mut sockets: HashMap<u64, Socket> = HashMap::new();
    let mut frames = Vec::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (number, millis) = (line["connection"].as_u64().unwrap(), line["t_ms"].as_i64().unwrap());
        if let Some(headers) = line.get("headers") {
            let socket = Socket::new(number as u8, serde_json::from_value(headers.clone()).unwrap());
            frames.extend(socket.opened(millis));
            sockets.insert(number, socket);
        } else if let Some(message) = line.get("client") {
            frames.push(sockets[&number].client(millis, message));
        } else {
            frames.push(sockets[&number].server(millis, &line["server"]));
        }
    }
    frames
}

/// The recorded session of Codex over HTTP, after the same script.
pub fn recorded_over_http() -> Vec<Exchange> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters/tests/fixtures/codex-main.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    lines.lines().filter_map(|line| over_http(&serde_json::from_str(line).unwrap())).collect()
}

fn over_http(line: &Value) -> Option<Exchange> {
    let number = line["seq"].as_u64()?;
    let body = line["response"]["body"].as_str()?;
    let socket = Socket::new(number as u8, serde_json::from_value(line["headers"].clone()).unwrap());
    let mut head: CaptureHead = serde_json::from_slice(&socket.head(0).payload).unwrap();
    "POST".clone_into(&mut head.method);
    head.upgrade = false;
    let at = |millis: u64| Timestamp::from_micros(START + (number * 1000 + millis) as i64 * 1000);
    let end: CaptureEnd = serde_json::from_slice(&socket.end(0, EndReason::Complete).payload).unwrap();
    let answer =
        ResponseHead { status: 200, headers: serde_json::from_value(line["response"]["headers"].clone()).unwrap() };
    Some(Exchange {
        id: socket.id,
        connection: None,
        head,
        at: at(0),
        request: line["body"].to_string().into_bytes(),
        request_whole: true,
        response_head: Some((at(100), answer)),
        response: body.as_bytes().to_vec(),
        end,
        ended_at: at(200),
        dropped_bytes: 0,
        problems: Vec::new(),
    })
}
