//! A connection that left HTTP and carries calls, one after the other, for as long as it lasts.
//!
//! Each call is given out as soon as its answer is whole, as the exchange that it would have been over HTTP. Its id is
//! made from the connection's and its number, so that reading the same frames again gives the same exchanges.

use ursa_adapters::route::Protocol;
use ursa_adapters::wire::responses_socket::{self, Asked, Call, Calls};
use ursa_adapters::wire::websocket::{Decoder, MESSAGE_BYTES_LIMIT, Message, Side, negotiated};
use ursa_journal::Position;
use ursa_model::capture::{CaptureEnd, CaptureHead, EndReason, Frame, FrameKind, ResponseHead};
use ursa_model::ids::{ExchangeId, hash_parts};
use ursa_model::message::Problem;
use ursa_model::time::Timestamp;

use super::checkpoint::Checkpoint;
use super::{Exchange, interrupted};

/// How long a connection that holds the pipeline's place goes without a checkpoint: each costs up to two windows of
/// compression, and thousands of connections may be open.
const CHECKPOINT_MICROS: i64 = 300_000_000;

/// The request header that tells of the moment of the handshake what every call tells of itself.
const HANDSHAKE_METADATA: &str = "x-codex-turn-metadata";

/// Whether an adapter reads what a connection carries.
pub(super) fn is_read(head: &CaptureHead) -> bool {
    let upgrade = header(&head.headers, "upgrade");
    let protocol = Protocol::from_name(&head.protocol);
    let route = protocol.and_then(|protocol| responses_socket::route(protocol, &head.method, &head.path, upgrade));
    head.bodies_kept && route.is_some()
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// Readers of both directions.
struct Wire {
    client: Decoder,
    server: Decoder,
}

pub(super) struct Connection {
    id: ExchangeId,
    head: CaptureHead,
    at: Timestamp,
    response_head: Option<ResponseHead>,
    /// `None` before the upgrade, and after damage: then nothing that follows means anything.
    wire: Option<Wire>,
    calls: Calls,
    /// Calls below this number were told of while they ran.
    told_running: u64,
    /// Things that were told without a call.
    gaps: u64,
    closed_first: Option<Side>,
    /// From here on the connection is read again after a stop.
    first: Position,
    checkpointed: bool,
    /// The last frame that was read.
    last: Position,
    /// When a checkpoint was last written, or the connection began.
    checkpoint_at: Timestamp,
}

impl Connection {
    pub(super) fn new(frame: &Frame, head: CaptureHead, position: Position) -> Self {
        Self {
            id: frame.exchange,
            head,
            at: frame.at,
            response_head: None,
            wire: None,
            calls: Calls::default(),
            told_running: 0,
            gaps: 0,
            closed_first: None,
            first: position,
            checkpointed: false,
            last: position,
            checkpoint_at: frame.at,
        }
    }

    /// Where a checkpoint says that it stood. `None` when the checkpoint cannot be read.
    pub(super) fn resume(frame: &Frame, position: Position) -> Option<Self> {
        let told = Checkpoint::read(&frame.payload)?;
        let mut connection = Self::new(frame, told.head, position);
        connection.at = told.at;
        connection.checkpointed = true;
        connection.calls = Calls::after(told.calls);
        connection.told_running = told.calls;
        connection.gaps = told.gaps;
        connection.closed_first = told.client.closed.then_some(Side::Client);
        let agreed = negotiated(header(&told.response_head.headers, "sec-websocket-extensions"));
        let client = Decoder::resume(Side::Client, agreed, &told.client).ok()?;
        let server = Decoder::resume(Side::Server, agreed, &told.server).ok()?;
        connection.response_head = Some(told.response_head);
        connection.wire = Some(Wire { client, server });
        Some(connection)
    }

    pub(super) fn first(&self) -> Position {
        self.first
    }

    pub(super) fn is_checkpointed(&self) -> bool {
        self.checkpointed
    }

    /// Bytes that are held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        let wire = self.wire.as_ref().map_or(0, |wire| wire.client.held_bytes() + wire.server.held_bytes());
        wire + self.calls.held_bytes()
    }

    /// A checkpoint if one is due: the place that is held lies in an older segment, and nothing is under way.
    pub(super) fn checkpoint(&mut self, reading: Position, now: Timestamp) -> Option<Frame> {
        if self.first.segment >= reading.segment || now < self.checkpoint_at.plus_micros(CHECKPOINT_MICROS) {
            return None;
        }
        let wire = self.wire.as_ref().filter(|_| self.calls.waiting().next().is_none())?;
        let told = Checkpoint {
            head: self.head.clone(),
            at: self.at,
            response_head: self.response_head.clone()?,
            after: self.last,
            calls: self.calls.begun(),
            gaps: self.gaps,
            client: wire.client.snapshot()?,
            server: wire.server.snapshot()?,
        };
        self.checkpoint_at = now;
        Some(Frame { exchange: self.id, at: now, kind: FrameKind::Checkpoint, payload: told.write()? })
    }

    /// A checkpoint came by. It counts if nothing came between what it tells and itself.
    pub(super) fn reached(&mut self, position: Position, payload: &[u8]) {
        if Checkpoint::read(payload).is_some_and(|told| told.after == self.last) {
            self.first = position;
            self.last = position;
            self.checkpointed = true;
        }
    }

    /// Takes a frame. `fits` is false when there is no memory for it.
    pub(super) fn push(&mut self, position: Position, frame: &Frame, fits: bool) -> Vec<Exchange> {
        self.last = position;
        match frame.kind {
            FrameKind::ResponseHead => {
                self.upgraded(frame);
                Vec::new()
            }
            FrameKind::RequestPart | FrameKind::ResponsePart if !fits => {
                let what = format!("{} bytes dropped because too many exchanges were open", frame.payload.len());
                self.broken(&Problem::new("memory_limit", what), frame.at)
            }
            FrameKind::RequestPart => self.read(Side::Client, &frame.payload, frame.at),
            FrameKind::ResponsePart => self.read(Side::Server, &frame.payload, frame.at),
            FrameKind::End => self.end(frame),
            FrameKind::Head | FrameKind::RequestEnd | FrameKind::Checkpoint | FrameKind::Envelope => Vec::new(),
        }
    }

    fn upgraded(&mut self, frame: &Frame) {
        let Ok(head) = serde_json::from_slice::<ResponseHead>(&frame.payload) else { return };
        if head.status == 101 {
            let agreed = negotiated(header(&head.headers, "sec-websocket-extensions"));
            let (client, server) = (Decoder::new(Side::Client, agreed), Decoder::new(Side::Server, agreed));
            self.wire = Some(Wire { client, server });
        }
        self.response_head = Some(head);
    }

    fn read(&mut self, side: Side, bytes: &[u8], at: Timestamp) -> Vec<Exchange> {
        let Some(wire) = &mut self.wire else { return Vec::new() };
        let decoder = if side == Side::Client { &mut wire.client } else { &mut wire.server };
        let mut messages = Vec::new();
        let outcome = decoder.push(bytes, &mut messages);
        let mut exchanges: Vec<Exchange> =
            messages.into_iter().filter_map(|message| self.message(side, message, at)).collect();
        if let Err(damage) = outcome {
            exchanges.extend(self.broken(&Problem::new("websocket_damaged", damage.as_str()), at));
        }
        exchanges
    }

    fn message(&mut self, side: Side, message: Message, at: Timestamp) -> Option<Exchange> {
        match (side, message) {
            (_, Message::Close { .. }) => {
                self.closed_first.get_or_insert(side);
                None
            }
            (Side::Client, Message::Text(message) | Message::Binary(message)) => {
                let bytes = message.len();
                match self.calls.asked(message, at) {
                    Asked::Call | Asked::Other => None,
                    Asked::CallTooMany(oldest) => Some(self.call(*oldest, EndReason::ClientAbort, None)),
                    Asked::Unreadable => {
                        let what = format!("a message of {bytes} bytes that is no JSON object");
                        Some(self.gap(Problem::new("unparsed_request", what), at))
                    }
                }
            }
            (Side::Client, Message::TooLarge) => {
                let what = format!("a message of more than {MESSAGE_BYTES_LIMIT} bytes");
                Some(self.gap(Problem::new("request_cut", what), at))
            }
            (Side::Server, Message::Text(message) | Message::Binary(message)) => {
                let call = self.calls.answered(&message, at)?;
                Some(self.call(call, EndReason::Complete, None))
            }
            (Side::Server, Message::TooLarge) => {
                self.calls.passed_over(MESSAGE_BYTES_LIMIT as u64);
                None
            }
        }
    }

    /// What came could not be survived: nothing more is read.
    pub(super) fn set_aside(&mut self, at: Timestamp) -> Vec<Exchange> {
        self.broken(&Problem::new("set_aside", "what came over the connection could not be read"), at)
    }

    /// Nothing that follows can be read. The calls that wait are told as they stand.
    fn broken(&mut self, problem: &Problem, at: Timestamp) -> Vec<Exchange> {
        self.wire = None;
        let waiting = self.calls.unanswered();
        if waiting.is_empty() {
            return vec![self.gap(problem.clone(), at)];
        }
        waiting.into_iter().map(|call| self.call(call, EndReason::Complete, Some(problem.clone()))).collect()
    }

    fn end(&mut self, frame: &Frame) -> Vec<Exchange> {
        let end = serde_json::from_slice::<CaptureEnd>(&frame.payload).unwrap_or_else(|_| interrupted());
        if self.response_head.as_ref().is_none_or(|head| head.status != 101) {
            return vec![self.refused(end, frame.at)];
        }
        let reason = match (end.reason, self.closed_first) {
            // Both sides closed in good order, though a call waits for its answer.
            (EndReason::Complete, Some(Side::Client)) => EndReason::ClientAbort,
            (EndReason::Complete, _) => EndReason::UpstreamReset,
            (reason, _) => reason,
        };
        let mut exchanges: Vec<Exchange> = Vec::new();
        for mut call in self.calls.unanswered() {
            call.last_at = call.last_at.max(frame.at);
            exchanges.push(self.call(call, reason, None));
        }
        for (bytes, kind, what) in [
            (end.request_bytes_cut, "request_cut", "bytes of what the client said past the capture limit"),
            (end.response_bytes_cut, "response_cut", "bytes of what the server said past the capture limit"),
            (end.dropped_bytes, "journal_full", "bytes dropped because the journal was full"),
        ] {
            if bytes > 0 {
                exchanges.push(self.gap(Problem::new(kind, format!("{bytes} {what}")), frame.at));
            }
        }
        exchanges
    }

    /// The calls that run since before `before` and were not told of.
    pub(super) fn take_running(&mut self, before: Timestamp) -> Vec<Exchange> {
        let due = |call: &&Call| call.number >= self.told_running && call.asked_at < before;
        let running: Vec<Call> = self.calls.waiting().filter(due).cloned().collect();
        if let Some(last) = running.last() {
            self.told_running = last.number + 1;
        }
        running.into_iter().map(|call| self.call(call, EndReason::Interrupted, None)).collect()
    }

    /// The upgrade itself did not come about: no call, only a request that was answered otherwise.
    fn refused(&self, end: CaptureEnd, ended_at: Timestamp) -> Exchange {
        Exchange {
            id: self.id,
            connection: None,
            head: self.head.clone(),
            at: self.at,
            request: Vec::new(),
            request_whole: true,
            response_head: None,
            response: Vec::new(),
            end,
            ended_at,
            dropped_bytes: 0,
            problems: Vec::new(),
        }
    }

    fn call(&self, call: Call, otherwise: EndReason, problem: Option<Problem>) -> Exchange {
        let micros = |to: Timestamp| u64::try_from(to.as_micros() - call.asked_at.as_micros()).unwrap_or_default();
        let head = ResponseHead {
            status: call.status,
            headers: vec![("content-type".to_owned(), call.content_type.to_owned())],
        };
        let end = CaptureEnd {
            reason: if call.ended { EndReason::Complete } else { otherwise },
            request_bytes: call.request.len() as u64,
            response_bytes: call.answer.len() as u64 + call.cut_bytes,
            first_byte_micros: call.answered_at.map(micros),
            duration_micros: micros(call.last_at),
            response_bytes_cut: call.cut_bytes,
            request_sha256: None,
            response_sha256: None,
            ..interrupted()
        };
        Exchange {
            id: self.part(b"call", call.number),
            connection: Some(self.id),
            head: self.head_over_http(),
            at: call.asked_at,
            request_whole: true,
            response_head: call.answered_at.map(|at| (at, head)),
            end,
            ended_at: call.last_at,
            dropped_bytes: 0,
            problems: problem.into_iter().collect(),
            request: call.request,
            response: call.answer,
        }
    }

    /// Something that is to be told of the connection, without a call.
    fn gap(&mut self, problem: Problem, at: Timestamp) -> Exchange {
        let id = self.part(b"gap", self.gaps);
        self.gaps += 1;
        Exchange {
            id,
            connection: Some(self.id),
            head: self.head_over_http(),
            at,
            request: Vec::new(),
            request_whole: false,
            response_head: None,
            response: Vec::new(),
            end: interrupted(),
            ended_at: at,
            dropped_bytes: 0,
            problems: vec![problem],
        }
    }

    fn part(&self, kind: &[u8], number: u64) -> ExchangeId {
        ExchangeId(hash_parts("ursa part of a connection 1", &[&self.id.0, kind, &number.to_le_bytes()]))
    }

    /// The head of a call as it would have come by HTTP.
    fn head_over_http(&self) -> CaptureHead {
        let mut head = self.head.clone();
        "POST".clone_into(&mut head.method);
        head.upgrade = false;
        head.headers.retain(|(name, _)| name != "upgrade" && name != HANDSHAKE_METADATA);
        head
    }
}
