//! The request's body on its way to the upstream: counted, copied, and held back where that is asked for.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::config::Limits;
use crate::connect::UpstreamStream;
use crate::http1::wire::Wire;
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{Direction, Exchange, Failure};
use crate::timer::Timer;

/// Bytes that strict durability collects before it waits for the disk.
const STRICT_BATCH_BYTES: usize = 1024 * 1024;

/// Bytes that it collects at most while the batch seems to end within a credential, which is in no part then.
const STRICT_BATCH_BYTES_MAX: usize = 2 * STRICT_BATCH_BYTES;

/// Where a request's body comes from.
pub(crate) trait Source {
    /// Takes what came of the body. What is to be sent upstream for it goes to `send` first, with how many bytes of
    /// content are in it, then these to `content`: the upstream does not wait for the record. Ready with true when that
    /// was the end.
    fn poll_pull(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8], usize),
        content: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<bool, Failure>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client waits for `100 Continue`.
    Waiting,
    Passing,
    /// All of it is taken.
    Whole,
    /// The rest is not wanted.
    Stopped,
}

/// What strict durability has collected and waits for.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    durable: Option<Durable>,
    /// The bytes are durable and may go.
    released: bool,
}

/// The request's body.
pub(crate) struct Upload {
    exchange: Arc<Exchange>,
    state: State,
    /// Present under strict durability.
    batch: Option<Batch>,
    /// All of it came.
    ended: bool,
    passed: u64,
    bytes_max: u64,
    idle_timeout: Duration,
    expect_wait: Duration,
    checkpoint_interval: Duration,
    /// Runs while the client waits for leave, then while it pauses.
    patience: Timer,
    checkpoint: Timer,
}

impl Upload {
    /// `empty`: there is no body. `waits`: the client waits for `100 Continue`.
    pub(crate) fn new(exchange: Arc<Exchange>, empty: bool, waits: bool, strict: bool, limits: &Limits) -> Self {
        let mut upload = Self {
            exchange,
            state: if waits { State::Waiting } else { State::Passing },
            batch: strict.then(Batch::default),
            ended: false,
            passed: 0,
            bytes_max: limits.request_body_bytes_max.unwrap_or(u64::MAX),
            idle_timeout: limits.upload_idle_timeout,
            expect_wait: limits.expect_wait,
            checkpoint_interval: limits.checkpoint_interval,
            patience: Timer::default(),
            checkpoint: Timer::default(),
        };
        if empty {
            upload.end();
        }
        upload
    }

    /// True when nothing more of it passes.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Whole | State::Stopped)
    }

    /// True when all of it was taken.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// The upstream wants the body.
    pub(crate) fn go_on(&mut self) {
        if self.state == State::Waiting {
            self.patience.disarm();
            self.state = State::Passing;
        }
    }

    /// The rest is not wanted.
    pub(crate) fn stop(&mut self) {
        if self.state != State::Whole {
            self.state = State::Stopped;
        }
    }

    /// The answer is there: a client that still waits for leave to send never gets it.
    pub(crate) fn answered(&mut self) {
        if self.state == State::Waiting {
            self.state = State::Stopped;
        }
    }

    /// All of it came.
    fn end(&mut self) {
        self.ended = true;
        let done = self.exchange.request_done(self.batch.is_some());
        match &mut self.batch {
            // A failure is remembered and counted by the recorder.
            None => self.state = State::Whole,
            Some(batch) => {
                batch.durable = done.unwrap_or_else(|error| Some(Box::pin(std::future::ready(Err(error)))));
            }
        }
    }

    /// Passes what came, behind what is queued. Ready when the upload is over; either way what then waits in `upstream` is
    /// still to be sent. Ready with true, once, when the client has waited long enough for the upstream's leave and is to
    /// be given it.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        upstream: &mut Wire<UpstreamStream>,
    ) -> Poll<Result<bool, Failure>> {
        loop {
            match self.state {
                State::Whole | State::Stopped => return Poll::Ready(Ok(false)),
                State::Waiting => {
                    self.patience.arm(self.expect_wait);
                    if !self.patience.fired(cx) {
                        return Poll::Pending;
                    }
                    self.go_on();
                    return Poll::Ready(Ok(true));
                }
                State::Passing => {}
            }
            match upstream.poll_room(cx) {
                Poll::Pending => return Poll::Pending,
                // It reads no more, and may have said why.
                Poll::Ready(Err(_)) => self.stop(),
                Poll::Ready(Ok(())) if self.batch.is_some() => {
                    ready!(self.poll_batch(cx, source))?;
                    self.release(cx, upstream);
                }
                Poll::Ready(Ok(())) => {
                    let mut broken = false;
                    ready!(self.poll_source(cx, source, |cx, bytes| broken |= upstream.send(cx, bytes).is_err()))?;
                    if broken {
                        self.stop();
                    }
                }
            }
        }
    }

    /// Strict only: collects what goes first and waits until it, and the head before it, is durable.
    pub(crate) fn poll_batch(&mut self, cx: &mut Context<'_>, source: &mut impl Source) -> Poll<Result<(), Failure>> {
        loop {
            let Some(batch) = &mut self.batch else { return Poll::Ready(Ok(())) };
            if batch.released {
                return Poll::Ready(Ok(()));
            }
            let full = batch.bytes.len() >= STRICT_BATCH_BYTES
                && (batch.bytes.len() >= STRICT_BATCH_BYTES_MAX || !self.exchange.is_holding(Direction::Request));
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
                return Poll::Ready(outcome.map_err(Failure::from));
            }
            let mut bytes = std::mem::take(&mut batch.bytes);
            let pulled = self.poll_source(cx, source, |_, more| bytes.extend_from_slice(more));
            if let Some(batch) = &mut self.batch {
                batch.bytes = bytes;
            }
            ready!(pulled)?;
        }
    }

    fn release(&mut self, cx: &mut Context<'_>, upstream: &mut Wire<UpstreamStream>) {
        let Some(batch) = &mut self.batch else { return };
        batch.released = false;
        if upstream.send(cx, &std::mem::take(&mut batch.bytes)).is_err() {
            self.state = State::Stopped;
        } else if self.ended {
            self.state = State::Whole;
        }
    }

    /// Takes what came from the client and records it.
    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl Source,
        mut send: impl FnMut(&mut Context<'_>, &[u8]),
    ) -> Poll<Result<(), Failure>> {
        let passed = Cell::new(self.passed);
        let bytes_max = self.bytes_max;
        let exchange = &self.exchange;
        let mut send = |cx: &mut Context<'_>, bytes: &[u8], content: usize| {
            passed.set(passed.get() + content as u64);
            if passed.get() <= bytes_max {
                send(cx, bytes);
            }
        };
        let mut content = |piece: &[u8]| {
            if passed.get() <= bytes_max {
                exchange.push(Direction::Request, piece);
            }
        };
        let pulled = source.poll_pull(cx, &mut send, &mut content);
        self.passed = passed.get();
        match pulled {
            Poll::Ready(_) if self.passed > bytes_max => Poll::Ready(Err(Failure::TooLarge)),
            Poll::Ready(Ok(done)) => {
                self.patience.disarm();
                if done {
                    self.end();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            Poll::Pending => {
                self.patience.arm(self.idle_timeout);
                if self.patience.fired(cx) {
                    return Poll::Ready(Err(Failure::BadBody));
                }
                if self.batch.is_none() && self.exchange.is_waiting(Direction::Request) {
                    self.checkpoint.arm(self.checkpoint_interval);
                    if self.checkpoint.fired(cx) {
                        // A failure is remembered and counted by the recorder.
                        let _ = self.exchange.flush(Direction::Request, false);
                    }
                }
                Poll::Pending
            }
        }
    }
}
