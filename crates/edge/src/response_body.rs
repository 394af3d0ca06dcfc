//! The answer's body on its way to the client: counted, copied, and its end held back under strict durability.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::body::BoxError;
use crate::listen::ClientConnection;
use crate::pool::Lease;
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{Direction, Exchange};
use crate::request_body::Gate;
use crate::terminal::TerminalMarker;
use crate::timer::Timer;

/// How long an HTTP/2 stream has for sending what is queued before it is reset: a reset drops its queue.
const H2_RESET_DELAY: Duration = Duration::from_millis(50);

/// The upstream broke off, or the record failed under strict durability.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

enum State {
    Passing,
    /// Strict: waits for the disk, then passes the frame (`None` is the end of the stream).
    Held {
        frame: Option<Frame<Bytes>>,
        durable: Durable,
        last: bool,
    },
    /// All went well and all is passed.
    Ended,
    /// Nothing more will come; the connection closes when what is queued is sent.
    Broken,
}

/// The answer's body.
pub(crate) struct ResponseBody {
    inner: Incoming,
    /// Given back with this.
    _lease: Lease,
    exchange: Arc<Exchange>,
    connection: Arc<ClientConnection>,
    gate: Option<Arc<Gate>>,
    state: State,
    /// Present under strict durability.
    terminal: Option<TerminalMarker>,
    checkpoint_interval: Duration,
    checkpoint: Timer,
    reset: Timer,
}

impl ResponseBody {
    pub(crate) fn new(
        inner: Incoming,
        lease: Lease,
        exchange: Arc<Exchange>,
        connection: Arc<ClientConnection>,
        gate: Option<Arc<Gate>>,
        strict: bool,
        checkpoint_interval: Duration,
    ) -> Self {
        let state = if inner.is_end_stream() { State::Ended } else { State::Passing };
        Self {
            inner,
            _lease: lease,
            exchange,
            connection,
            gate,
            state,
            terminal: strict.then(TerminalMarker::default),
            checkpoint_interval,
            checkpoint: Timer::default(),
            reset: Timer::default(),
        }
    }

    /// True when the answer has no body, so that it ends with its head.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Ends the client's side as the upstream ended ours. HTTP/1 closes once everything queued is sent, so that the
    /// client receives exactly what the upstream sent.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.connection.close_after_flush() {
            return Poll::Pending;
        }
        self.reset.arm(H2_RESET_DELAY);
        if self.reset.fired(cx) { Poll::Ready(Some(Err(BrokenOff.into()))) } else { Poll::Pending }
    }

    fn break_off(&mut self, reason: EndReason, error: Option<EdgeError>) {
        // What the sink does not take is counted; the client is told in any case.
        let _ = self.exchange.finish(reason, error);
        self.state = State::Broken;
    }

    /// Takes a frame from the upstream; the state says whether it may pass.
    fn take(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let mut marked = false;
        if let Some(chunk) = frame.data_ref() {
            if self.exchange.push(Direction::Response, chunk) {
                self.checkpoint.arm(self.checkpoint_interval);
            }
            marked = self.terminal.as_mut().is_some_and(|terminal| terminal.completes(chunk));
        }
        let last = self.inner.is_end_stream();
        if self.terminal.is_none() {
            if last {
                self.end();
            }
            return Some(frame);
        }
        if last {
            let ended = self.exchange.finish(EndReason::Complete, None);
            self.hold(Some(frame), ended, true);
            None
        } else if marked {
            let flushed = self.exchange.flush(Direction::Response, true);
            self.hold(Some(frame), flushed, false);
            None
        } else {
            Some(frame)
        }
    }

    fn hold(&mut self, frame: Option<Frame<Bytes>>, durable: Result<Option<Durable>, SinkError>, last: bool) {
        let durable = match durable {
            Ok(Some(durable)) => durable,
            Ok(None) => Box::pin(std::future::ready(Ok(()))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        };
        self.state = State::Held { frame, durable, last };
    }

    fn end(&mut self) {
        // Without strict durability a failing record changes nothing for the client.
        let _ = self.exchange.finish(EndReason::Complete, None);
        self.state = State::Ended;
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(self.take(frame)),
            Poll::Ready(Some(Err(_))) => {
                self.break_off(EndReason::UpstreamReset, None);
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                if self.terminal.is_some() {
                    let ended = self.exchange.finish(EndReason::Complete, None);
                    self.hold(None, ended, true);
                } else {
                    self.end();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                if self.checkpoint.fired(cx) {
                    // A failure is remembered by the recorder and counted at the end.
                    let _ = self.exchange.flush(Direction::Response, false);
                }
                Poll::Pending
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match &mut self.state {
                State::Passing => {
                    if let Some(frame) = ready!(self.poll_upstream(cx)) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                State::Held { frame, durable, last } => {
                    let outcome = ready!(durable.as_mut().poll(cx));
                    let (frame, last) = (frame.take(), *last);
                    if outcome.is_err() {
                        self.break_off(EndReason::Refused, Some(EdgeError::JournalFailed));
                        continue;
                    }
                    self.state = if last { State::Ended } else { State::Passing };
                    if let Some(frame) = frame {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                State::Ended => return Poll::Ready(None),
                State::Broken => return self.poll_broken(cx),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Held { frame: Some(frame), .. } => {
                let held = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.inner.size_hint().exact().map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held))
            }
            _ => self.inner.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.shut();
        }
        if !matches!(self.state, State::Ended) {
            self.exchange.abandon();
        }
    }
}
