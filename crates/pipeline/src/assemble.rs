//! Frames of the journal, put together to exchanges.

mod checkpoint;
mod connection;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ursa_journal::Position;
use ursa_model::capture::{CaptureEnd, CaptureHead, EndReason, Frame, FrameKind, ResponseHead};
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::ids::ExchangeId;
use ursa_model::message::Problem;
use ursa_model::time::Timestamp;

use connection::Connection;

/// Most body bytes that unfinished exchanges may hold together. Past it, further bytes of bodies are dropped and counted
/// as a gap of their exchange: the pipeline's memory is bounded whatever the traffic.
pub const OPEN_BYTES_LIMIT: usize = 512 * 1024 * 1024;

/// Connections of which a checkpoint was of no use, and whose end is yet to come.
const REFUSED_LIMIT: usize = 65_536;

/// One capture, whole, or one call of a connection that carries many.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// The upgraded connection that it came over, if it did. The edge masked nothing of it then, and what is told here is
    /// in the form that it would have had over HTTP.
    pub connection: Option<ExchangeId>,
    /// What was asked.
    pub head: CaptureHead,
    /// When.
    pub at: Timestamp,
    /// Request body, as it went by.
    pub request: Vec<u8>,
    /// True when the request body came to its end.
    pub request_whole: bool,
    /// The answer's head and when it came.
    pub response_head: Option<(Timestamp, ResponseHead)>,
    /// Response body, as it went by.
    pub response: Vec<u8>,
    /// How it ended.
    pub end: CaptureEnd,
    /// When.
    pub ended_at: Timestamp,
    /// Body bytes that the assembler had to drop.
    pub dropped_bytes: u64,
    /// What went wrong on the connection that it came over.
    pub problems: Vec<Problem>,
}

impl Exchange {
    /// True when there is no call, only something to tell of a connection.
    pub fn is_only_problems(&self) -> bool {
        self.connection.is_some() && !self.request_whole
    }
}

struct Open {
    first: Position,
    exchange: Exchange,
    told: bool,
}

/// Puts frames together. What is not yet whole is held in memory; its first frame holds the pipeline's place in the
/// journal.
#[derive(Default)]
pub struct Assembler {
    open: HashMap<ExchangeId, Open>,
    connections: HashMap<ExchangeId, Connection>,
    open_bytes: usize,
    /// Checkpoints from which connections are read on after a stop.
    expected: HashMap<ExchangeId, Position>,
    refused: HashSet<ExchangeId>,
    /// What devices delivered, since the last asking.
    delivered: Vec<(Position, ReceivedEnvelope)>,
    /// Frames without a head before them (their head was dropped, or lies in a damaged segment).
    orphans: u64,
    /// Heads, ends and envelopes that could not be read.
    unreadable: u64,
    /// Captures that are done with and became no exchange, since the last asking.
    settled: u64,
}

impl Assembler {
    /// After a stop: `checkpoints` are those that [`Self::checkpoints`] told when the place to read from was kept.
    pub fn after(checkpoints: impl IntoIterator<Item = (ExchangeId, Position)>) -> Self {
        Self { expected: checkpoints.into_iter().collect(), ..Self::default() }
    }

    /// Takes a frame; gives the exchanges that it completes.
    pub fn push(&mut self, position: Position, frame: Frame) -> Vec<Exchange> {
        match frame.kind {
            FrameKind::Head => return self.begin(position, &frame).into_iter().collect(),
            FrameKind::Checkpoint => self.resume(position, &frame),
            FrameKind::Envelope => self.deliver(position, &frame),
            _ if self.connections.contains_key(&frame.exchange) => return self.carry_on(position, &frame),
            _ if !self.open.contains_key(&frame.exchange) => self.orphan(&frame),
            FrameKind::End => return self.finish(&frame).into_iter().collect(),
            _ => self.extend(frame),
        }
        Vec::new()
    }

    fn orphan(&mut self, frame: &Frame) {
        self.orphans += 1;
        if frame.kind == FrameKind::End && self.refused.remove(&frame.exchange) {
            self.settled += 1;
        }
    }

    /// An upgraded connection that no adapter reads is done with at its head: it may last for days, and must not hold
    /// the pipeline's place in the journal.
    fn begin(&mut self, position: Position, frame: &Frame) -> Option<Exchange> {
        let Ok(head) = serde_json::from_slice::<CaptureHead>(&frame.payload) else {
            self.unreadable += 1;
            self.settled += 1;
            return None;
        };
        if head.upgrade && connection::is_read(&head) {
            self.connections.insert(frame.exchange, Connection::new(frame, head, position));
            return None;
        }
        let exchange = Exchange {
            id: frame.exchange,
            connection: None,
            head,
            at: frame.at,
            request: Vec::new(),
            request_whole: false,
            response_head: None,
            response: Vec::new(),
            end: interrupted(),
            ended_at: frame.at,
            dropped_bytes: 0,
            problems: Vec::new(),
        };
        if exchange.head.upgrade {
            return Some(exchange);
        }
        self.open.insert(frame.exchange, Open { first: position, exchange, told: false });
        None
    }

    /// An envelope is a whole capture in one frame.
    fn deliver(&mut self, position: Position, frame: &Frame) {
        if let Ok(received) = serde_json::from_slice(&frame.payload) {
            self.delivered.push((position, received));
        } else {
            self.unreadable += 1;
            self.settled += 1;
        }
    }

    /// What devices delivered since the last asking, in the order of the journal, and where each lies.
    pub fn take_delivered(&mut self) -> (Vec<Position>, Vec<ReceivedEnvelope>) {
        std::mem::take(&mut self.delivered).into_iter().unzip()
    }

    fn extend(&mut self, frame: Frame) {
        let Some(open) = self.open.get_mut(&frame.exchange) else { return };
        let exchange = &mut open.exchange;
        exchange.ended_at = exchange.ended_at.max(frame.at);
        match frame.kind {
            FrameKind::RequestEnd => exchange.request_whole = true,
            FrameKind::ResponseHead => match serde_json::from_slice(&frame.payload) {
                Ok(head) => exchange.response_head = Some((frame.at, head)),
                Err(_) => self.unreadable += 1,
            },
            FrameKind::RequestPart | FrameKind::ResponsePart => {
                if self.open_bytes + frame.payload.len() > OPEN_BYTES_LIMIT {
                    exchange.dropped_bytes += frame.payload.len() as u64;
                    return;
                }
                self.open_bytes += frame.payload.len();
                let body =
                    if frame.kind == FrameKind::RequestPart { &mut exchange.request } else { &mut exchange.response };
                if body.is_empty() {
                    *body = frame.payload;
                } else {
                    body.extend_from_slice(&frame.payload);
                }
            }
            FrameKind::Head | FrameKind::End | FrameKind::Checkpoint | FrameKind::Envelope => {}
        }
    }

    /// A frame of a connection. The connection itself is settled with its end, whatever came over it.
    fn carry_on(&mut self, position: Position, frame: &Frame) -> Vec<Exchange> {
        let Some(connection) = self.connections.get_mut(&frame.exchange) else { return Vec::new() };
        let held = connection.held_bytes();
        let fits = self.open_bytes + frame.payload.len() <= OPEN_BYTES_LIMIT;
        // A message that no adapter survives costs its connection, never those beside it (RULES 16).
        let pushed = catch_unwind(AssertUnwindSafe(|| connection.push(position, frame, fits)));
        let exchanges = pushed.unwrap_or_else(|_| {
            tracing::error!(capture = %frame.exchange, "a connection could not be read on and was set aside");
            connection.set_aside(frame.at)
        });
        self.open_bytes = (self.open_bytes + connection.held_bytes()).saturating_sub(held);
        if frame.kind == FrameKind::End {
            self.connections.remove(&frame.exchange);
            // A refused upgrade is an exchange of its own.
            self.settled += u64::from(exchanges.iter().all(|exchange| exchange.connection.is_some()));
        }
        exchanges
    }

    /// A checkpoint: a known connection needs nothing before it any more, an unknown one is read from here on, if the
    /// checkpoint is one that was counted on.
    fn resume(&mut self, position: Position, frame: &Frame) {
        if let Some(connection) = self.connections.get_mut(&frame.exchange) {
            connection.reached(position, &frame.payload);
        } else if self.expected.get(&frame.exchange) == Some(&position)
            && let Some(connection) = Connection::resume(frame, position)
        {
            self.connections.insert(frame.exchange, connection);
        } else if self.refused.len() < REFUSED_LIMIT {
            // Written when the connection had ended already, or when one after it counts.
            self.refused.insert(frame.exchange);
        }
    }

    fn finish(&mut self, frame: &Frame) -> Option<Exchange> {
        let mut exchange = self.open.remove(&frame.exchange)?.exchange;
        self.open_bytes -= exchange.request.len() + exchange.response.len();
        match serde_json::from_slice(&frame.payload) {
            Ok(end) => exchange.end = end,
            Err(_) => self.unreadable += 1,
        }
        exchange.ended_at = frame.at;
        Some(exchange)
    }

    /// The place from which the journal must be read again after a stop: the first frame of the oldest exchange that is
    /// not yet whole, or the last checkpoint of a connection, else `read_up_to`.
    pub fn low_water(&self, read_up_to: Position) -> Position {
        let firsts = self.open.values().map(|open| open.first);
        let firsts = firsts.chain(self.connections.values().map(Connection::first));
        firsts.min().map_or(read_up_to, |first| first.min(read_up_to))
    }

    /// The checkpoints from which connections are read on after a stop, to be kept with the place.
    pub fn checkpoints(&self) -> Vec<(ExchangeId, Position)> {
        let resumed = self.connections.iter().filter(|(_, connection)| connection.is_checkpointed());
        let mut checkpoints: Vec<_> = resumed.map(|(id, connection)| (*id, connection.first())).collect();
        checkpoints.sort_unstable();
        checkpoints
    }

    /// Checkpoints that should be written now, so that connections that last do not hold the pipeline's place in the
    /// journal. `reading` is the place that is being read.
    pub fn take_due(&mut self, reading: Position, now: Timestamp) -> Vec<Frame> {
        self.connections.values_mut().filter_map(|connection| connection.checkpoint(reading, now)).collect()
    }

    /// Exchanges that still run, whose request is whole and came before `before`; each once.
    pub fn take_running(&mut self, before: Timestamp) -> Vec<Exchange> {
        let mut running: Vec<Exchange> = self.running(before);
        running.extend(self.connections.values_mut().flat_map(|connection| connection.take_running(before)));
        running
    }

    fn running(&mut self, before: Timestamp) -> Vec<Exchange> {
        let waits = |open: &&mut Open| {
            !open.told && open.exchange.request_whole && open.exchange.head.bodies_kept && open.exchange.at < before
        };
        self.open
            .values_mut()
            .filter(waits)
            .map(|open| {
                open.told = true;
                open.exchange.clone()
            })
            .collect()
    }

    /// How many captures are done with since the last asking, without an exchange of their own: connections that ended,
    /// and captures whose head, or envelope, could not be read.
    pub fn take_settled(&mut self) -> u64 {
        std::mem::take(&mut self.settled)
    }

    /// Exchanges that are not yet whole, and connections that are open.
    pub fn open_exchanges(&self) -> usize {
        self.open.len() + self.connections.len()
    }

    /// Frames that belonged to nothing, and heads, ends and envelopes that could not be read.
    pub fn problems(&self) -> (u64, u64) {
        (self.orphans, self.unreadable)
    }
}

/// Until its end is read, an exchange is one that was interrupted.
fn interrupted() -> CaptureEnd {
    CaptureEnd {
        reason: EndReason::Interrupted,
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
    }
}
