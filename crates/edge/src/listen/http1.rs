//! A client's connection that speaks HTTP/1: its requests, one after the other.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::ClientConnection;
use super::fallback;
use super::worker::{Fallback, Serving};
use crate::answer;
use crate::http1::framing::Framing;
use crate::http1::head::{self, BadHead, Request};
use crate::http1::wire::Wire;
use crate::pass::{After, Asked};
use crate::target::PREFIX;
use crate::timer::Timer;

/// Size of a read for a request's head, in bytes. What it brings of the body is copied once more.
const HEAD_READ_BYTES: usize = 16 * 1024;

/// How long a closing connection still reads. Closing a socket with unread bytes resets it, and a reset can take the
/// answer away from a client that is still sending its request.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that a closing connection still reads.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Size of one lingering read, in bytes.
const LINGER_READ_BYTES: usize = 64 * 1024;

/// A client's connection.
pub(super) struct Http1<S, T> {
    serving: Arc<Serving<S>>,
    connection: Arc<ClientConnection>,
    wire: Wire<T>,
    /// For the next request, and for what is still to be sent.
    deadline: Timer,
    /// The first request has its deadline from the beginning of the connection.
    first: bool,
}

impl<S: Fallback, T: AsyncRead + AsyncWrite + Unpin> Http1<S, T> {
    /// `unread`: bytes that were read from the stream before.
    pub(super) fn new(serving: Arc<Serving<S>>, connection: Arc<ClientConnection>, stream: T, unread: Vec<u8>) -> Self {
        Self { serving, connection, wire: Wire::new(stream, unread), deadline: Timer::default(), first: true }
    }

    /// Answers requests until the connection ends or the server stops.
    pub(super) async fn serve(mut self) {
        let after = loop {
            let request = match self.next_request().await {
                Ok(Some(request)) => request,
                Ok(None) => break After::Gone,
                Err(bad) => {
                    self.refuse(bad);
                    break After::Close;
                }
            };
            let after = self.answer(&request).await;
            if after == After::Gone || !self.send_rest().await {
                break After::Gone;
            }
            if after == After::Close || *self.serving.stopped.borrow() {
                break After::Close;
            }
        };
        if after == After::Close && self.send_rest().await {
            self.linger().await;
        }
    }

    async fn answer(&mut self, request: &Request) -> After {
        let serving = Arc::clone(&self.serving);
        let framing = Framing::of_request(request).ok();
        let stays = !*serving.stopped.borrow();
        if request.path_and_query().is_some_and(|path| path.starts_with(PREFIX)) {
            // In a box of its own, which goes when the exchange is over.
            let asking = Asked { request, framing, peer: self.connection.peer(), may_stay: stays };
            Box::pin(serving.worker.pass(asking, &mut self.wire, &mut self.deadline)).await
        } else {
            let Some(framing) = framing else {
                self.refuse(BadHead::Malformed);
                return After::Close;
            };
            let service = serving.fallback.clone();
            Box::pin(fallback::answer(service, request, framing, &mut self.wire, self.connection.peer(), stays)).await
        }
    }

    /// The next request's head. `None` when none came in time, or the client or the server ends.
    async fn next_request(&mut self) -> Result<Option<Request>, BadHead> {
        let limits = &self.serving.limits;
        let mut looked = 0;
        let mut begun = std::mem::take(&mut self.first);
        self.deadline.rearm(if begun { limits.header_read_timeout } else { limits.idle_timeout });
        let mut stopped = self.serving.stopped.clone();
        let (wire, deadline) = (&mut self.wire, &mut self.deadline);
        let next = poll_fn(|cx| {
            loop {
                if let Some(request) = complete(wire, &mut looked, limits)? {
                    return Poll::Ready(Ok(Some(request)));
                }
                match wire.poll_fill(cx, HEAD_READ_BYTES) {
                    Poll::Ready(Ok(true)) => {}
                    Poll::Ready(_) => return Poll::Ready(Ok(None)),
                    Poll::Pending => break,
                }
            }
            // Most heads come whole, and need no deadline of their own.
            if !begun && !wire.unread().is_empty() {
                begun = true;
                deadline.rearm(limits.header_read_timeout);
            }
            if deadline.fired(cx) {
                tracing::debug!(begun, "client connection timed out");
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            next = next => next,
            _ = stopped.wait_for(|stopped| *stopped) => Ok(None),
        }
    }

    fn refuse(&mut self, bad: BadHead) {
        let status = match bad {
            BadHead::Malformed => StatusCode::BAD_REQUEST,
            BadHead::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            BadHead::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        };
        let text = format!("Ursa: the request was not understood: {bad}.\n");
        let headers = [("content-type", "text/plain; charset=utf-8")];
        self.wire.queue(&answer::answer(status, &headers, text.as_bytes(), false, true));
    }

    /// Sends what is still to be sent; false when the client does not take it.
    async fn send_rest(&mut self) -> bool {
        if self.wire.is_sent() {
            return true;
        }
        let (wire, deadline) = (&mut self.wire, &mut self.deadline);
        let idle_timeout = self.serving.limits.idle_timeout;
        let mut waiting = usize::MAX;
        poll_fn(|cx| {
            if let Poll::Ready(sent) = wire.poll_sent(cx) {
                return Poll::Ready(sent.is_ok());
            }
            // A slow reader is no idle one.
            if wire.waiting() < waiting {
                waiting = wire.waiting();
                deadline.rearm(idle_timeout);
            }
            if deadline.fired(cx) { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    /// Reads on for a while, so that the client gets to read.
    async fn linger(&mut self) {
        let (wire, deadline) = (&mut self.wire, &mut self.deadline);
        let (mut shut, mut read) = (false, 0);
        poll_fn(|cx| {
            if !shut {
                match Pin::new(&mut *wire).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
                shut = true;
                deadline.rearm(LINGER);
            }
            poll_linger(wire, deadline, &mut read, cx)
        })
        .await;
    }
}

fn poll_linger<T: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<T>,
    deadline: &mut Timer,
    read: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<()> {
    while *read < LINGER_BYTES_MAX && !deadline.fired(cx) {
        let len = wire.unread().len();
        wire.consume(len);
        *read += len;
        match wire.poll_fill(cx, LINGER_READ_BYTES) {
            Poll::Ready(Ok(true)) => {}
            Poll::Ready(_) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(())
}

/// The request whose head is in what was read, if it is whole.
fn complete<T: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<T>,
    looked: &mut usize,
    limits: &crate::config::ListenLimits,
) -> Result<Option<Request>, BadHead> {
    // Empty lines before a request are passed over (RFC 9112, 2.2).
    if *looked == 0 {
        let empty = wire.unread().chunks(2).take_while(|line| line == b"\r\n").count();
        wire.consume(2 * empty);
    }
    let unread = wire.unread();
    // Whoever speaks something else is told at once.
    if unread.first().is_some_and(|byte| !byte.is_ascii_graphic() && *byte != b'\r') {
        return Err(BadHead::Malformed);
    }
    match head::end(unread, *looked)? {
        Some(end) if end > limits.header_bytes_max => Err(BadHead::TooLarge),
        Some(end) => {
            let request = head::request(&unread[..end], limits.header_count_max)?;
            wire.consume(end);
            *looked = 0;
            Ok(Some(request))
        }
        None if unread.len() >= limits.header_bytes_max => Err(BadHead::TooLarge),
        None => {
            *looked = unread.len();
            Ok(None)
        }
    }
}
