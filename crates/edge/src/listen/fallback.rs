//! Requests that are not the edge's: handed to the service behind it, whose answer goes to a client of HTTP/1.

use std::future::poll_fn;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::PeerAddr;
use super::worker::Fallback;
use crate::answer::answer as plain;
use crate::body::RequestBody;
use crate::headers::expects_continue;
use crate::http1::framing::{Decoder, Framing, chunk};
use crate::http1::head::{GO_ON, Request};
use crate::http1::wire::Wire;
use crate::pass::After;
use crate::pieces::{BrokenOff, Giver, pieces};

/// Size of a read of a request's body, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The request's body on its way to the service.
struct Receiving {
    decoder: Decoder,
    giver: Giver,
    over: bool,
    well: bool,
}

/// Answers one request.
pub(super) async fn answer<S: Fallback, T: AsyncRead + AsyncWrite + Unpin>(
    mut service: S,
    request: &Request,
    framing: Framing,
    wire: &mut Wire<T>,
    peer: SocketAddr,
    may_stay: bool,
) -> After {
    let (giver, taken) = pieces(framing.bytes());
    let Some(asked) = made(request, RequestBody::http1(taken), peer) else {
        let headers = [("content-type", "text/plain; charset=utf-8")];
        wire.queue(&plain(StatusCode::BAD_REQUEST, &headers, b"Ursa: the request was not understood.\n", false, true));
        return After::Close;
    };
    if framing != Framing::Empty && expects_continue(request) {
        wire.queue(GO_ON);
    }
    let mut receiving = Receiving { decoder: Decoder::new(framing), giver, over: false, well: false };
    receiving.look();
    let mut answering = Box::pin(service.answer(asked));
    let answered = poll_fn(|cx| {
        // The service first: with an answer in hand it does not matter whether the client is still there.
        if let Poll::Ready(answered) = answering.as_mut().poll(cx) {
            return Poll::Ready(Some(answered));
        }
        if receiving.poll(cx, wire) || matches!(wire.poll_sent(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        Poll::Pending
    });
    let Some(answered) = answered.await else { return After::Gone };
    drop(answering);
    let (parts, mut body) = answered.into_parts();
    let stays = may_stay && !request.closes() && (receiving.well || !receiving.over);
    let form = Form::of(request, parts.status, &parts.headers, &body);
    let closes = !stays || form == Form::UntilClose;
    head(wire.queued(), parts.status, &parts.headers, form, closes && request.minor > 0);
    let whole = poll_fn(|cx| poll_answer(cx, wire, &mut receiving, &mut body, form)).await;
    match whole {
        None => After::Gone,
        Some(true) if !closes && receiving.over && receiving.well => After::Next,
        Some(_) => After::Close,
    }
}

fn made(request: &Request, body: RequestBody, peer: SocketAddr) -> Option<http::Request<RequestBody>> {
    let mut made = http::Request::new(body);
    *made.method_mut() = request.method.parse().ok()?;
    *made.uri_mut() = request.target.parse().ok()?;
    *made.version_mut() = if request.minor > 0 { http::Version::HTTP_11 } else { http::Version::HTTP_10 };
    *made.headers_mut() = request.fields.to_map().ok()?;
    made.extensions_mut().insert(PeerAddr(peer));
    Some(made)
}

impl Receiving {
    /// Whether the body is over.
    fn look(&mut self) {
        if self.decoder.is_done() {
            self.finish(Ok(()));
        } else if self.decoder.is_broken() {
            self.finish(Err(BrokenOff));
        }
    }

    fn finish(&mut self, how: Result<(), BrokenOff>) {
        if !self.over {
            self.over = true;
            self.well = how.is_ok();
            self.giver.end(how);
        }
    }

    /// Hands over what comes. True when the client has left.
    fn poll<T: AsyncRead + AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, wire: &mut Wire<T>) -> bool {
        while !self.over {
            match self.giver.poll_room(cx) {
                Poll::Pending => return false,
                // Nobody wants it: what comes of it would be taken for the next request.
                Poll::Ready(false) => self.finish(Err(BrokenOff)),
                Poll::Ready(true) => {
                    let Self { decoder, giver, .. } = self;
                    let taken = wire.poll_take(cx, READ_BYTES, |_, bytes| {
                        let mut content = Vec::new();
                        let used = decoder.advance(bytes, |piece| content.extend_from_slice(piece));
                        giver.give(Bytes::from(content));
                        (used, ())
                    });
                    match taken {
                        Poll::Pending => return false,
                        Poll::Ready(Ok(Some(()))) => self.look(),
                        Poll::Ready(_) => return true,
                    }
                }
            }
        }
        self.well && wire.is_gone(cx)
    }
}

/// How the answer's body is told from what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// There is none, whatever the service gives.
    None,
    /// Its length is in the head, or was put there.
    Sized(Option<u64>),
    Chunks,
    UntilClose,
}

impl Form {
    fn of<B: Body>(request: &Request, status: StatusCode, headers: &HeaderMap, body: &B) -> Self {
        let told = headers.contains_key(http::header::CONTENT_LENGTH);
        let exact = body.size_hint().exact();
        if request.method == "HEAD" || status.is_informational() || matches!(status.as_u16(), 204 | 304) {
            Self::None
        } else if told || exact.is_some() {
            Self::Sized(exact.filter(|_| !told))
        } else if request.minor > 0 {
            Self::Chunks
        } else {
            Self::UntilClose
        }
    }
}

fn head(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap, form: Form, says_close: bool) {
    let reason = status.canonical_reason().unwrap_or_default();
    // Writing to memory does not fail.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    match form {
        Form::Sized(Some(length)) => {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        Form::Chunks => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    if says_close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Passes the answer's body. True when it is whole, `None` when the client has left.
fn poll_answer<B, T>(
    cx: &mut Context<'_>,
    wire: &mut Wire<T>,
    receiving: &mut Receiving,
    body: &mut B,
    form: Form,
) -> Poll<Option<bool>>
where
    B: Body<Data = Bytes> + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if receiving.poll(cx, wire) {
            return Poll::Ready(None);
        }
        match wire.poll_sent(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(None),
            Poll::Ready(Ok(())) => {}
        }
        if form == Form::None {
            return Poll::Ready(Some(true));
        }
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                let Some(data) = frame.data_ref() else { continue };
                if form == Form::Chunks {
                    chunk::append(wire.queued(), data);
                } else {
                    wire.queue(data);
                }
            }
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(false)),
            Poll::Ready(None) => {
                if form == Form::Chunks {
                    wire.queue(chunk::LAST);
                }
                return Poll::Ready(Some(true));
            }
        }
    }
}
