//! The request's body on its way to the upstream: counted, copied, and held back where that is asked for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::config::Limits;
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{Direction, Exchange, Failure};
use crate::timer::Timer;

/// Bytes that strict durability collects before it waits for the disk.
const STRICT_BATCH_BYTES: usize = 1024 * 1024;

/// Bytes that it collects at most while the batch seems to end within a credential, which is in no part then.
const STRICT_BATCH_BYTES_MAX: usize = 2 * STRICT_BATCH_BYTES;

/// Why a request body broke off. Only for the upstream connection, which closes on it; [`Failure`] tells the rest.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the request body broke off")]
pub(crate) struct BrokenOff;

/// Holds a request body back until the upstream wants it (`expect: 100-continue`).
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: AtomicU8,
    waker: AtomicWaker,
}

const WAITING: u8 = 0;
const OPEN: u8 = 1;
const SHUT: u8 = 2;

impl Gate {
    /// The upstream wants the body.
    pub(crate) fn open(&self) {
        self.set(OPEN);
    }

    /// The exchange is over and the body was never wanted: without this the upstream connection would wait for ever.
    pub(crate) fn shut(&self) {
        self.set(SHUT);
    }

    fn set(&self, state: u8) {
        // Only the first decision counts.
        let _ = self.state.compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        self.waker.register(cx.waker());
        match self.state.load(Ordering::Acquire) {
            OPEN => Poll::Ready(Ok(())),
            SHUT => Poll::Ready(Err(BrokenOff)),
            _ => Poll::Pending,
        }
    }
}

/// What strict durability has collected and waits for.
#[derive(Default)]
struct Batch {
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
    durable: Option<Durable>,
    /// The frames are durable and may go.
    released: bool,
}

/// The request's body.
pub(crate) struct RequestBody {
    inner: Incoming,
    exchange: Arc<Exchange>,
    gate: Option<Arc<Gate>>,
    batch: Option<Batch>,
    hint: SizeHint,
    ended: bool,
    passed: u64,
    bytes_max: u64,
    idle_timeout: Duration,
    expect_wait: Duration,
    checkpoint_interval: Duration,
    /// Runs while the gate is closed, then while the client pauses.
    patience: Timer,
    checkpoint: Timer,
}

impl RequestBody {
    pub(crate) fn new(
        inner: Incoming,
        exchange: Arc<Exchange>,
        gate: Option<Arc<Gate>>,
        strict: bool,
        limits: &Limits,
    ) -> Self {
        let hint = inner.size_hint();
        let mut body = Self {
            ended: inner.is_end_stream(),
            inner,
            exchange,
            gate,
            batch: strict.then(Batch::default),
            hint,
            passed: 0,
            bytes_max: limits.request_body_bytes_max.unwrap_or(u64::MAX),
            idle_timeout: limits.upload_idle_timeout,
            expect_wait: limits.expect_wait,
            checkpoint_interval: limits.checkpoint_interval,
            patience: Timer::default(),
            checkpoint: Timer::default(),
        };
        if body.ended {
            body.end_recording();
        }
        body
    }

    /// Strict only: collects what goes first and waits until it, and the head before it, is durable.
    ///
    /// # Errors
    /// The body broke off, or the record failed; the exchange knows which.
    pub(crate) async fn prepare(&mut self) -> Result<(), BrokenOff> {
        std::future::poll_fn(|cx| self.poll_batch(cx)).await
    }

    fn fail(&self, failure: Failure) -> BrokenOff {
        self.exchange.fail(failure);
        BrokenOff
    }

    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        let Some(gate) = &self.gate else { return Poll::Ready(Ok(())) };
        match gate.poll(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                self.patience.arm(self.expect_wait);
                if !self.patience.fired(cx) {
                    return Poll::Pending;
                }
                gate.open();
            }
        }
        self.patience.disarm();
        self.gate = None;
        Poll::Ready(Ok(()))
    }

    /// The next frame from the client, recorded.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        ready!(self.poll_gate(cx))?;
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.disarm();
                Poll::Ready(Some(self.record(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let gone = error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_io(&error);
                Poll::Ready(Some(Err(self.fail(if gone { Failure::ClientGone } else { Failure::BadBody }))))
            }
            Poll::Ready(None) => {
                if !self.ended {
                    self.ended = true;
                    self.end_recording();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.patience.arm(self.idle_timeout);
                if self.patience.fired(cx) {
                    return Poll::Ready(Some(Err(self.fail(Failure::BadBody))));
                }
                if self.checkpoint.fired(cx) {
                    // A failure is remembered and counted by the recorder.
                    let _ = self.exchange.flush(Direction::Request, false);
                }
                Poll::Pending
            }
        }
    }

    fn record(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BrokenOff> {
        if let Some(chunk) = frame.data_ref() {
            self.passed += chunk.len() as u64;
            if self.passed > self.bytes_max {
                return Err(self.fail(Failure::TooLarge));
            }
            if self.exchange.push(Direction::Request, chunk) && self.batch.is_none() {
                self.checkpoint.arm(self.checkpoint_interval);
            }
        }
        if self.inner.is_end_stream() && !self.ended {
            self.ended = true;
            self.end_recording();
        }
        Ok(frame)
    }

    fn end_recording(&mut self) {
        match self.exchange.request_done(self.batch.is_some()) {
            Ok(durable) => {
                if let Some(batch) = &mut self.batch {
                    batch.durable = durable;
                }
            }
            Err(error) => {
                if let Some(batch) = &mut self.batch {
                    batch.durable = Some(Box::pin(std::future::ready(Err(error))));
                }
            }
        }
    }

    /// Collects the next batch and waits for the disk. Ready at once while released frames are left.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        loop {
            let Some(batch) = &mut self.batch else { return Poll::Ready(Ok(())) };
            if batch.released {
                return Poll::Ready(Ok(()));
            }
            let full = batch.bytes >= STRICT_BATCH_BYTES
                && (batch.bytes >= STRICT_BATCH_BYTES_MAX || !self.exchange.is_holding(Direction::Request));
            if self.ended || full {
                if batch.durable.is_none() {
                    let flushed = self.exchange.flush(Direction::Request, true);
                    batch.durable = Some(flushed.map_or_else(
                        |error: SinkError| -> Durable { Box::pin(std::future::ready(Err(error))) },
                        |durable| durable.unwrap_or_else(|| Box::pin(std::future::ready(Ok(())))),
                    ));
                }
                let outcome = match &mut batch.durable {
                    Some(durable) => ready!(durable.as_mut().poll(cx)),
                    None => Ok(()),
                };
                batch.durable = None;
                batch.released = true;
                return Poll::Ready(outcome.map_err(|error| self.fail(error.into())));
            }
            match ready!(self.poll_client(cx)) {
                Some(Ok(frame)) => {
                    if let Some(batch) = &mut self.batch {
                        batch.bytes += frame.data_ref().map_or(0, Bytes::len);
                        batch.frames.push_back(frame);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {}
            }
        }
    }

    fn poll_strict(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            ready!(self.poll_batch(cx))?;
            let Some(batch) = &mut self.batch else { return Poll::Ready(None) };
            if let Some(frame) = batch.frames.pop_front() {
                let len = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(left) = self.hint.exact() {
                    self.hint = SizeHint::with_exact(left.saturating_sub(len));
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            batch.bytes = 0;
            batch.released = false;
        }
    }
}

/// True when the client's connection broke, false when it sent nonsense.
fn is_io(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return !matches!(io.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData);
        }
        source = cause.source();
    }
    false
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.batch.is_some() { self.poll_strict(cx) } else { self.poll_client(cx) }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.batch.as_ref().is_none_or(|batch| batch.frames.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        if self.batch.is_some() { self.hint } else { self.inner.size_hint() }
    }
}
