//! The answer's body on its way to the client: counted, copied, and its end held back under strict durability.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::connect::UpstreamStream;
use crate::http1::framing::{Decoder, Framing, chunk};
use crate::http1::wire::Wire;
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{Direction, Exchange};
use crate::terminal::TerminalMarker;
use crate::timer::Timer;

/// Largest read of an answer, in bytes. What a slow client does not take of it waits in memory.
const READ_BYTES: usize = 64 * 1024;

/// What the client gets of the bytes that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The bytes as they are.
    AsIs,
    /// The content.
    Content,
    /// The content, in chunks.
    Chunks,
}

enum State {
    Passing,
    /// Strict: waits for the disk, then passes the bytes.
    Held {
        bytes: Vec<u8>,
        durable: Durable,
        last: bool,
    },
    /// All is passed.
    Ended,
    /// Nothing more will come, and what came was not all.
    Broken,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something passed.
    Passed,
    /// All is passed.
    Ended,
    /// Nothing more will come, and what came was not all.
    Broken,
    /// The client takes no more.
    ClientGone,
}

/// The answer's body.
pub(crate) struct Download {
    exchange: Arc<Exchange>,
    decoder: Decoder,
    form: Form,
    state: State,
    /// Present under strict durability.
    terminal: Option<TerminalMarker>,
    checkpoint_interval: Duration,
    checkpoint: Timer,
}

/// What was made of the bytes that came.
struct Taken {
    out: Vec<u8>,
    marked: bool,
    well: bool,
}

impl Download {
    /// `trailers`: what comes behind the last chunk is kept for [`Self::take_trailers`].
    pub(crate) fn new(
        exchange: Arc<Exchange>,
        framing: Framing,
        form: Form,
        trailers: bool,
        strict: bool,
        checkpoint_interval: Duration,
    ) -> Self {
        let decoder = if trailers { Decoder::with_trailers(framing) } else { Decoder::new(framing) };
        Self {
            exchange,
            state: if decoder.is_done() { State::Ended } else { State::Passing },
            decoder,
            form,
            terminal: strict.then(TerminalMarker::default),
            checkpoint_interval,
            checkpoint: Timer::default(),
        }
    }

    /// True when all is passed, from the beginning if there is no body.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The record.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The section behind the last chunk, if it was to be kept.
    pub(crate) fn take_trailers(&mut self) -> Option<Vec<u8>> {
        self.decoder.take_trailers()
    }

    /// Passes the next that comes. `last`: the request's body is over, so that the exchange ends with the answer.
    pub(crate) fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Wire<UpstreamStream>,
        last: bool,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8]) -> io::Result<()>,
    ) -> Poll<Step> {
        loop {
            match &mut self.state {
                State::Passing => {
                    if let Some(step) = ready!(self.poll_upstream(cx, upstream, last, send)) {
                        return Poll::Ready(step);
                    }
                }
                State::Held { bytes, durable, last } => {
                    let outcome = ready!(durable.as_mut().poll(cx));
                    let (bytes, last) = (std::mem::take(bytes), *last);
                    if outcome.is_err() {
                        return Poll::Ready(self.break_off(EndReason::Refused, Some(EdgeError::JournalFailed)));
                    }
                    self.state = if last { State::Ended } else { State::Passing };
                    return Poll::Ready(if send(cx, &bytes).is_err() { Step::ClientGone } else { Step::Passed });
                }
                State::Ended => return Poll::Ready(Step::Ended),
                State::Broken => return Poll::Ready(Step::Broken),
            }
        }
    }

    fn break_off(&mut self, reason: EndReason, error: Option<EdgeError>) -> Step {
        // What the sink does not take is counted; the client is told in any case.
        let _ = self.exchange.finish(reason, error);
        self.state = State::Broken;
        Step::Broken
    }

    /// `None` when the state has changed and is to be looked at again.
    fn poll_upstream(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Wire<UpstreamStream>,
        last: bool,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8]) -> io::Result<()>,
    ) -> Poll<Option<Step>> {
        let holds = self.terminal.is_some();
        let mut gone = false;
        let taken = upstream.poll_take(cx, READ_BYTES, |cx, bytes| {
            let mut pieces = Vec::new();
            let used = self.decoder.advance(bytes, |piece| pieces.push(piece));
            if holds {
                let mut taken = self.record(&pieces);
                taken.out = self.told(&bytes[..used], &pieces).into_owned();
                return (used, taken);
            }
            // What the client waits for comes before what only the record wants of it.
            gone = send(cx, &self.told(&bytes[..used], &pieces)).is_err();
            (used, self.record(&pieces))
        });
        match taken {
            Poll::Ready(_) if gone => Poll::Ready(Some(Step::ClientGone)),
            Poll::Ready(Ok(Some(taken))) => {
                // Broken behind what is good: that has passed.
                if !taken.well {
                    return Poll::Ready(Some(self.break_off(EndReason::UpstreamReset, None)));
                }
                Poll::Ready(self.after(cx, taken, last, send))
            }
            Poll::Ready(Ok(None)) if self.decoder.end().is_ok() => {
                let out = if self.form == Form::Chunks { chunk::LAST.to_vec() } else { Vec::new() };
                if !holds && send(cx, &out).is_err() {
                    return Poll::Ready(Some(Step::ClientGone));
                }
                Poll::Ready(self.after(cx, Taken { out, marked: false, well: true }, last, send))
            }
            Poll::Ready(_) => Poll::Ready(Some(self.break_off(EndReason::UpstreamReset, None))),
            Poll::Pending => {
                if self.exchange.is_waiting(Direction::Response) {
                    self.checkpoint.arm(self.checkpoint_interval);
                    if self.checkpoint.fired(cx) {
                        // A failure is remembered by the recorder and counted at the end.
                        let _ = self.exchange.flush(Direction::Response, false);
                    }
                }
                Poll::Pending
            }
        }
    }

    /// What the client gets of bytes of the body, in which the decoder found these pieces of content.
    fn told<'b>(&self, bytes: &'b [u8], pieces: &[&[u8]]) -> Cow<'b, [u8]> {
        match self.form {
            Form::AsIs => Cow::Borrowed(bytes),
            Form::Content => Cow::Owned(pieces.concat()),
            Form::Chunks => {
                let mut out = Vec::new();
                for piece in pieces {
                    chunk::append(&mut out, piece);
                }
                if self.decoder.is_done() {
                    out.extend_from_slice(chunk::LAST);
                }
                Cow::Owned(out)
            }
        }
    }

    fn record(&mut self, pieces: &[&[u8]]) -> Taken {
        let mut marked = false;
        for piece in pieces {
            self.exchange.push(Direction::Response, piece);
            marked |= self.terminal.as_mut().is_some_and(|terminal| terminal.completes(piece));
        }
        Taken { out: Vec::new(), marked, well: !self.decoder.is_broken() }
    }

    /// What was taken has passed, or under strict durability may have to wait.
    fn after(
        &mut self,
        cx: &mut Context<'_>,
        taken: Taken,
        last: bool,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8]) -> io::Result<()>,
    ) -> Option<Step> {
        let done = self.decoder.is_done();
        if self.terminal.is_none() {
            if done {
                self.state = State::Ended;
                if last {
                    // Without strict durability a failing record changes nothing for the client.
                    let _ = self.exchange.finish(EndReason::Complete, None);
                }
            }
            return Some(Step::Passed);
        }
        if done || taken.marked {
            let durable = if done && last {
                self.exchange.finish(EndReason::Complete, None)
            } else {
                self.exchange.flush(Direction::Response, true)
            };
            self.hold(taken.out, durable, done);
            return None;
        }
        Some(if send(cx, &taken.out).is_err() { Step::ClientGone } else { Step::Passed })
    }

    fn hold(&mut self, bytes: Vec<u8>, durable: Result<Option<Durable>, SinkError>, last: bool) {
        let durable = match durable {
            Ok(Some(durable)) => durable,
            Ok(None) => Box::pin(std::future::ready(Ok(()))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        };
        self.state = State::Held { bytes, durable, last };
    }
}
