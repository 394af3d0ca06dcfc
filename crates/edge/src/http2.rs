//! An exchange with a client of HTTP/2, whose connection the library drives.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Response as HttpResponse, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use ursa_adapters::route::Protocol;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::body::{BoxError, EdgeBody};
use crate::download::{Download, Form, Step};
use crate::forward::{Call, Client, Open, Sending, Stop, Worker};
use crate::headers;
use crate::http1::framing::{Framing, chunk};
use crate::http1::head::{Fields, Request, Response, trailers};
use crate::pool::Pool;
use crate::recorder::Failure;
use crate::timer::Timer;
use crate::upload::Source;

/// How long a stream has for sending what is queued before it is reset: a reset drops its queue.
const RESET_DELAY: Duration = Duration::from_millis(50);

/// The upstream broke off, or the record failed under strict durability.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

/// The client of one exchange.
struct Asking {
    body: Incoming,
    /// The body goes upstream in chunks.
    chunks: bool,
}

impl Source for Asking {
    fn poll_pull(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8], usize),
        content: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<bool, Failure>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None => {
                if self.chunks {
                    send(cx, chunk::LAST, 0);
                }
                return Poll::Ready(Ok(true));
            }
            Some(Err(_)) => return Poll::Ready(Err(Failure::ClientGone)),
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(data) => {
                if self.chunks {
                    let mut chunked = Vec::with_capacity(data.len() + CHUNK_FRAMING_BYTES);
                    chunk::append(&mut chunked, &data);
                    send(cx, &chunked, data.len());
                } else {
                    send(cx, &data, data.len());
                }
                content(&data);
                // A body whose length was told ends with its last byte: nobody waits for what follows it.
                Poll::Ready(Ok(!self.chunks && self.body.is_end_stream()))
            }
            Err(frame) => {
                let mut last = b"0\r\n".to_vec();
                for (name, value) in frame.trailers_ref().into_iter().flatten() {
                    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                        last.extend_from_slice(part);
                    }
                }
                last.extend_from_slice(b"\r\n");
                if self.chunks {
                    send(cx, &last, 0);
                }
                Poll::Ready(Ok(true))
            }
        }
    }
}

/// Room for a chunk's size and line ends, in bytes.
const CHUNK_FRAMING_BYTES: usize = 24;

impl Client for Asking {
    fn informational(&mut self, _: &mut Context<'_>, _: &Response) {
        // The library has no way to tell it.
    }

    fn go_on(&mut self, _: &mut Context<'_>) {}

    fn is_gone(&mut self, _: &mut Context<'_>) -> bool {
        // Then all of this is dropped.
        false
    }
}

/// The answer's body.
pub(crate) struct AnswerBody {
    client: Asking,
    /// Given back when all is passed.
    sending: Option<Sending>,
    download: Download,
    open: Open,
    pool: Arc<Pool>,
    upstream: String,
    reusable: bool,
    /// The client wants to know what comes behind the last chunk.
    wants_trailers: bool,
    /// What came there.
    trailers: Option<http::HeaderMap>,
    /// Bytes still to come, if that was told.
    left: Option<u64>,
    reset: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Worker {
    /// Answers a request under `/edge/`.
    pub(crate) async fn pass_http2(
        &self,
        request: http::Request<Incoming>,
        peer: SocketAddr,
    ) -> HttpResponse<EdgeBody> {
        let (parts, body) = request.into_parts();
        let fields = Fields::from_map(&parts.headers);
        let (method, target) = (parts.method.as_str().to_owned(), parts.uri.to_string());
        let request = Request { method, target, minor: 1, fields };
        let length =
            request.fields.get("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        let framing = match length {
            _ if body.is_end_stream() => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let (protocol, call) = self.admit(&request, Some(framing), peer);
        let client = Asking { body, chunks: framing == Framing::Chunked };
        let answered = match call {
            Err(error) => Err(error),
            Ok(call) => self.forward_http2(&request, &call, client).await,
        };
        answered.unwrap_or_else(|error| refusal(error, protocol))
    }

    async fn forward_http2(
        &self,
        request: &Request,
        call: &Call<'_>,
        mut client: Asking,
    ) -> Result<HttpResponse<EdgeBody>, EdgeError> {
        let (open, head) = self.begin(request, call);
        let asked = self.ask(request, call, open.exchange(), head, (&mut client, &mut Timer::default())).await;
        let stopped = |open: &Open, stop: Stop| {
            open.stop(stop);
            match stop {
                Stop::Refused(error) => error,
                Stop::ClientGone => EdgeError::BadBody,
            }
        };
        let (sending, response) = asked.map_err(|stop| stopped(&open, stop))?;
        let framing = match Framing::of_response(&response, request.method == "HEAD") {
            Ok(framing) if response.status >= 200 => framing,
            _ => return Err(stopped(&open, Stop::Refused(EdgeError::UpstreamUnreachable))),
        };
        let recorded = self.record_answer(open.exchange(), &response, framing);
        recorded.map_err(|error| stopped(&open, Stop::Refused(error)))?;
        let wants_trailers = request.fields.lists("te", "trailers");
        let interval = self.edge.config.limits.checkpoint_interval;
        let strict = self.edge.is_strict();
        let exchange = Arc::clone(open.exchange());
        let download = Download::new(exchange, framing, Form::Content, wants_trailers, strict, interval);
        if download.is_ended() {
            self.finish_empty(open.exchange()).await.map_err(|error| stopped(&open, Stop::Refused(error)))?;
        }
        let mut answer = HttpResponse::new(());
        *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
        *answer.headers_mut() = headers::to_http2(&response, framing);
        let keeps = response.minor > 0 && !response.fields.lists("connection", "close");
        let mut body = AnswerBody {
            client,
            sending: Some(sending),
            download,
            open,
            pool: Arc::clone(&self.pool),
            upstream: call.upstream.name.clone(),
            reusable: keeps && framing != Framing::UntilClose,
            wants_trailers,
            trailers: None,
            left: framing.bytes(),
            reset: None,
        };
        if body.download.is_ended() {
            body.end();
        }
        Ok(answer.map(|()| EdgeBody::upstream(body)))
    }
}

/// An error of the edge itself.
fn refusal(error: EdgeError, protocol: Protocol) -> HttpResponse<EdgeBody> {
    let (headers, body) = error.content(protocol);
    let mut response = HttpResponse::new(EdgeBody::full(body));
    *response.status_mut() = error.status();
    for (name, value) in headers {
        // HTTP/2 has no headers of the connection (RFC 9113, 8.2.2).
        if !matches!(name, "connection" | "upgrade") {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
    }
    response
}

impl AnswerBody {
    /// Resets the stream as the upstream broke off ours, once everything queued has had time to be sent.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let reset = self.reset.get_or_insert_with(|| Box::pin(tokio::time::sleep(RESET_DELAY)));
        ready!(reset.as_mut().poll(cx));
        Poll::Ready(Some(Err(BrokenOff.into())))
    }

    /// All is passed: the connection goes back. At once, since nobody asks for more behind the last byte.
    fn end(&mut self) {
        let Some(sending) = self.sending.take() else { return };
        // Unless it ended with the answer: the request's body outlasted it.
        let _ = self.open.exchange().finish(EndReason::Complete, None);
        if self.reusable && sending.upload.is_whole() {
            self.pool.take_back(&self.upstream, sending.upstream);
        }
        let section = self.download.take_trailers().filter(|_| self.wants_trailers);
        self.trailers = section.and_then(|section| trailers(&section).ok());
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if this.reset.is_some() {
                return this.poll_broken(cx);
            }
            let Some(sending) = &mut this.sending else {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            let uploaded = match sending.poll_upload(cx, &mut this.client) {
                Ok(uploaded) => uploaded.is_ready(),
                Err(_) if this.download.is_ended() => true,
                Err(Stop::ClientGone) => return Poll::Pending,
                Err(Stop::Refused(error)) => {
                    let _ = this.download.exchange().finish(EndReason::Refused, Some(error));
                    return this.poll_broken(cx);
                }
            };
            let mut out = None;
            let step = this.download.poll_step(cx, &mut sending.upstream, uploaded, &mut |_, bytes| {
                out = (!bytes.is_empty()).then(|| Bytes::copy_from_slice(bytes));
                Ok(())
            });
            match ready!(step) {
                Step::Passed => {
                    if this.download.is_ended() {
                        this.end();
                    }
                    if let Some(bytes) = out {
                        this.left = this.left.map(|left| left.saturating_sub(bytes.len() as u64));
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Step::Ended => this.end(),
                Step::Broken | Step::ClientGone => return this.poll_broken(cx),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.sending.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
