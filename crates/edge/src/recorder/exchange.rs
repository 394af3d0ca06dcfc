//! One exchange: from the head to the end frame.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use ursa_model::capture::{CaptureEnd, EndReason, Frame, FrameKind};
use ursa_model::{ExchangeId, Timestamp};

use super::body::BodyRecorder;
use super::head::{AnswerHead, RequestHead};
use super::sink::{Durable, FrameSink, SinkError};
use crate::answer::EdgeError;
use crate::mask::{Masker, Needles};
use crate::stats::Counters;

/// Which body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// What of an upgraded connection is not handed over yet. A frame's time is that of its handing over, so what the client
/// says is due at once (unless more of the same comes in one go), and so is the first that the server says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    Nothing,
    Checkpoint,
    Due,
}

/// Why a request body broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    ClientGone,
    BadBody,
    TooLarge,
    Journal,
    JournalFull,
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Full => Self::JournalFull,
            SinkError::Failed => Self::Journal,
        }
    }
}

/// Makes frames of one exchange.
pub(super) struct FrameWriter {
    id: ExchangeId,
    sink: Arc<dyn FrameSink>,
    /// False when the head was not taken: then no later frame makes sense.
    live: bool,
    /// True when somebody waits for frames to be durable; only then is a commit ever urgent.
    awaited: bool,
}

impl FrameWriter {
    /// Hands over a frame. Nothing to wait for comes back when nobody would.
    pub(super) fn append(&self, kind: FrameKind, payload: Vec<u8>, urgent: bool) -> Result<Option<Durable>, SinkError> {
        if !self.live {
            return Err(SinkError::Full);
        }
        let frame = Frame { exchange: self.id, at: now(), kind, payload };
        if self.awaited {
            self.sink.append(frame, urgent).map(Some)
        } else {
            self.sink.append_unawaited(frame).map(|()| None)
        }
    }

    fn append_json<T: Serialize>(
        &self,
        kind: FrameKind,
        value: &T,
        urgent: bool,
    ) -> Result<Option<Durable>, SinkError> {
        let mut payload = Vec::with_capacity(JSON_BYTES_USUAL);
        // Only maps with keys that are no strings, and failing writers, make this fail: none is here.
        serde_json::to_writer(&mut payload, value).map_err(|_| SinkError::Failed)?;
        self.append(kind, payload, urgent)
    }
}

/// Room for a head as agents send it, in bytes.
const JSON_BYTES_USUAL: usize = 1024;

/// The only clock of the edge that is written down.
fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// What an exchange records, apart from its head.
pub(crate) struct Recording {
    pub(crate) sink: Arc<dyn FrameSink>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) needles: Option<Arc<Needles>>,
    /// True when the request body has no content encoding, so that it can be searched for credentials.
    pub(crate) request_plain: bool,
    /// Length of the request's body, if known.
    pub(crate) request_bytes: Option<u64>,
    pub(crate) kept_body_bytes_max: u64,
    /// True when somebody waits for frames to be durable.
    pub(crate) awaited: bool,
    /// Set when the server cuts what is still open.
    pub(crate) cutting: Arc<AtomicBool>,
}

/// An open exchange, shared by its two bodies. Dropping the last handle without an end counts as the client's leaving.
pub(crate) struct Exchange {
    writer: FrameWriter,
    counters: Arc<Counters>,
    needles: Option<Arc<Needles>>,
    cutting: Arc<AtomicBool>,
    started: Instant,
    request: Mutex<BodyRecorder>,
    response: Mutex<BodyRecorder>,
    /// Microseconds to the first byte of the answer's body, plus one; 0 before it.
    first_byte: AtomicU64,
    ended: AtomicBool,
    kept_body_bytes_max: u64,
    /// On an upgraded connection: true while the last bytes that went by were the client's.
    client_spoke: AtomicBool,
}

impl Exchange {
    /// Begins an exchange by handing over its head. The second value says whether that was taken.
    pub(crate) fn begin(
        head: &RequestHead<'_>,
        recording: Recording,
    ) -> (Arc<Self>, Result<Option<Durable>, SinkError>) {
        let Recording { sink, counters, needles, request_plain, request_bytes, kept_body_bytes_max, awaited, cutting } =
            recording;
        let mut writer = FrameWriter { id: super::id::new(now()), sink, live: true, awaited };
        let taken = writer.append_json(FrameKind::Head, head, false);
        if let Err(error) = &taken {
            writer.live = false;
            counters.exchange_dropped(*error);
        }
        let body = |kind, plain| {
            let masker = Masker::new(needles.clone().filter(|_| plain));
            BodyRecorder::new(kind, head.bodies_kept && taken.is_ok(), masker, kept_body_bytes_max)
        };
        let mut request = body(FrameKind::RequestPart, request_plain);
        request.expect(request_bytes);
        let request = Mutex::new(request);
        let response = Mutex::new(body(FrameKind::ResponsePart, true));
        counters.opened();
        let exchange = Self {
            writer,
            counters,
            needles,
            cutting,
            started: Instant::now(),
            request,
            response,
            first_byte: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            kept_body_bytes_max,
            client_spoke: AtomicBool::new(true),
        };
        (Arc::new(exchange), taken)
    }

    fn body(&self, direction: Direction) -> MutexGuard<'_, BodyRecorder> {
        let body = match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        };
        body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk passes.
    pub(crate) fn push(&self, direction: Direction, chunk: &[u8]) {
        if direction == Direction::Response && self.first_byte.load(Ordering::Relaxed) == 0 {
            self.first_byte.store(self.elapsed_micros() + 1, Ordering::Relaxed);
        }
        self.body(direction).push(chunk, &self.writer);
    }

    /// True when bytes wait for a checkpoint.
    pub(crate) fn is_waiting(&self, direction: Direction) -> bool {
        self.body(direction).has_unflushed()
    }

    /// The connection left HTTP; from here on its bytes go through [`Self::tunnelled`].
    ///
    /// What the client sends of a WebSocket is scrambled, so its own credentials cannot be found here, and what either
    /// sends may be compressed: the pipeline masks after decoding, as it does with encoded bodies.
    pub(crate) fn upgraded(&self) {
        let room = self.kept_body_bytes_max;
        self.body(Direction::Request).reopen(Masker::new(None), room);
        self.body(Direction::Response).reopen(Masker::same_length(self.needles.clone()), room);
    }

    /// Bytes of an upgraded connection pass. The limit on a body holds for what one side says without a word of the
    /// other, as a connection may well last for days.
    pub(crate) fn tunnelled(&self, direction: Direction, chunk: &[u8], more: bool) -> Waiting {
        let is_client = direction == Direction::Request;
        let turned = self.client_spoke.swap(is_client, Ordering::Relaxed) != is_client;
        if turned {
            self.body(direction).refill(self.kept_body_bytes_max);
        }
        self.push(direction, chunk);
        if !self.is_waiting(direction) {
            Waiting::Nothing
        } else if is_client && !more || !is_client && turned {
            Waiting::Due
        } else {
            Waiting::Checkpoint
        }
    }

    /// True while the end of what went by is in no part yet, whatever is flushed.
    pub(crate) fn is_holding(&self, direction: Direction) -> bool {
        self.body(direction).is_holding()
    }

    /// Hands over what waits.
    ///
    /// # Errors
    /// The sink does not take it now, or did not take something of this body before.
    pub(crate) fn flush(&self, direction: Direction, urgent: bool) -> Result<Option<Durable>, SinkError> {
        self.body(direction).flush(&self.writer, urgent)
    }

    /// The request body is whole.
    pub(crate) fn request_done(&self, urgent: bool) -> Result<Option<Durable>, SinkError> {
        let mut body = self.body(Direction::Request);
        let part = body.close(&self.writer, false)?;
        if !body.is_whole() {
            return Ok(part);
        }
        self.writer.append(FrameKind::RequestEnd, Vec::new(), urgent)
    }

    /// The upstream's answer began. `plain`: its body has no content encoding; `bytes`: how long it will be, if known.
    pub(crate) fn response_head(
        &self,
        head: &AnswerHead<'_>,
        plain: bool,
        bytes: Option<u64>,
    ) -> Result<(), SinkError> {
        let mut body = self.body(Direction::Response);
        body.expect(bytes);
        if !plain {
            body.mask_with(Masker::new(None));
        }
        // Parts without their head would mean nothing.
        self.writer
            .append_json(FrameKind::ResponseHead, head, false)
            .map(drop)
            .inspect_err(|error| body.last_error = Some(*error))
    }

    /// The credential values of the request.
    pub(crate) fn needles(&self) -> Option<&Arc<Needles>> {
        self.needles.as_ref()
    }

    /// Ends the exchange; only the first call has an effect.
    ///
    /// # Errors
    /// The end, or something before it, was not taken.
    pub(crate) fn finish(&self, reason: EndReason, error: Option<EdgeError>) -> Result<Option<Durable>, SinkError> {
        if self.ended.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        let mut request = self.body(Direction::Request);
        let mut response = self.body(Direction::Response);
        let bodies = request.close(&self.writer, false).and(response.close(&self.writer, false));
        let first_byte = self.first_byte.load(Ordering::Relaxed);
        let end = CaptureEnd {
            reason,
            request_bytes: request.bytes,
            response_bytes: response.bytes,
            first_byte_micros: first_byte.checked_sub(1),
            duration_micros: self.elapsed_micros(),
            request_bytes_cut: request.cut,
            response_bytes_cut: response.cut,
            request_sha256: request.hash_if_cut(),
            response_sha256: response.hash_if_cut(),
            dropped_bytes: request.dropped + response.dropped,
            edge_error: error.map(|error| error.code().to_owned()),
        };
        for body in [&request, &response] {
            if let Some(error) = body.last_error {
                self.counters.bytes_dropped(error, body.dropped);
            }
        }
        self.counters.closed(&end);
        let taken = self.writer.append_json(FrameKind::End, &end, true);
        if taken.is_err() && self.writer.live {
            self.counters.end_dropped();
        }
        bodies.and(taken)
    }

    fn elapsed_micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Ends an exchange that nobody carries on.
    pub(crate) fn abandon(&self) {
        let reason = if self.cutting.load(Ordering::Relaxed) { EndReason::Interrupted } else { EndReason::ClientAbort };
        // Nobody is left to be told that the record failed; it is counted.
        let _ = self.finish(reason, None);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.abandon();
    }
}
