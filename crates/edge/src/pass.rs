//! An exchange with a client of HTTP/1: both legs driven by one task, bytes passed as they came.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use ursa_adapters::route::Protocol;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::download::{Download, Form, Step};
use crate::forward::{Call, Client, Open, Sending, Stop, Worker};
use crate::headers::{self, Told};
use crate::http1::framing::{Decoder, Framing};
use crate::http1::head::{GO_ON, Request, Response, SWITCHING_PROTOCOLS};
use crate::http1::wire::Wire;
use crate::recorder::Failure;
use crate::timer::Timer;
use crate::upgrade::Tunnel;
use crate::upload::Source;

/// Size of a read of a request's body, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// Size of a read that looks whether the upstream has closed, in bytes.
const WATCH_BYTES: usize = 4 * 1024;

/// A request, as its connection hands it over.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    /// `None` when that of its body is malformed.
    pub(crate) framing: Option<Framing>,
    pub(crate) peer: std::net::SocketAddr,
    /// The connection may take another request.
    pub(crate) may_stay: bool,
}

/// What becomes of a client's connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It takes the next request.
    Next,
    /// It ends; the client may not have read everything.
    Close,
    /// There is nothing left of it.
    Gone,
}

/// The client of one exchange.
struct Asking<'a, T> {
    wire: &'a mut Wire<T>,
    body: Decoder,
    /// What the client speaks, as in [`Request::minor`].
    minor: u8,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Source for Asking<'_, T> {
    fn poll_pull(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut dyn FnMut(&mut Context<'_>, &[u8], usize),
        content: &mut dyn FnMut(&[u8]),
    ) -> Poll<Result<bool, Failure>> {
        let body = &mut self.body;
        let pulled = self.wire.poll_take(cx, READ_BYTES, |cx, bytes| {
            let mut pieces = Vec::new();
            let used = body.advance(bytes, |piece| pieces.push(piece));
            send(cx, &bytes[..used], pieces.iter().map(|piece| piece.len()).sum());
            pieces.into_iter().for_each(content);
            (used, ())
        });
        match ready!(pulled) {
            Ok(Some(())) if self.body.is_broken() => Poll::Ready(Err(Failure::BadBody)),
            Ok(Some(())) => Poll::Ready(Ok(self.body.is_done())),
            Ok(None) | Err(_) => Poll::Ready(Err(Failure::ClientGone)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Asking<'_, T> {
    /// Sends what is queued. What fails is met again by the next that is sent.
    fn flush(&mut self, cx: &mut Context<'_>) {
        let _ = self.wire.poll_sent(cx);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client for Asking<'_, T> {
    fn informational(&mut self, cx: &mut Context<'_>, response: &Response) {
        // HTTP/1.0 has none.
        if self.minor > 0 {
            let told = Told { framing: Framing::Empty, chunks_pass: false, into_chunks: false, closes: false };
            headers::to_client(self.wire.queued(), response, told);
            self.flush(cx);
        }
    }

    fn go_on(&mut self, cx: &mut Context<'_>) {
        if self.wire.unread().is_empty() {
            self.wire.queue(GO_ON);
            self.flush(cx);
        }
    }

    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        self.wire.is_gone(cx)
    }
}

/// How an answer came to its end.
enum End {
    /// Whole.
    Whole,
    /// The upstream, or the record, broke off: the client is to see that.
    Broken,
    ClientGone,
}

impl Worker {
    /// Answers a request under `/edge/`. `deadline` is the connection's, which has no other use meanwhile.
    pub(crate) async fn pass<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        asked: Asked<'_>,
        wire: &mut Wire<T>,
        deadline: &mut Timer,
    ) -> After {
        let Asked { request, framing, peer, may_stay } = asked;
        let (protocol, call) = self.admit(request, framing, peer);
        let body = Decoder::new(framing.unwrap_or(Framing::Empty));
        let mut client = Asking { wire, body, minor: request.minor };
        let stays = may_stay && framing.is_some() && !request.closes();
        match call {
            Err(error) => refuse(&mut client, request, protocol, error, stays),
            Ok(call) => self.forward(request, &call, client, deadline, stays, protocol).await,
        }
    }

    async fn forward<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        request: &Request,
        call: &Call<'_>,
        mut client: Asking<'_, T>,
        deadline: &mut Timer,
        stays: bool,
        protocol: Protocol,
    ) -> After {
        let (open, head) = self.begin(request, call);
        let answered = match self.ask(request, call, open.exchange(), head, (&mut client, deadline)).await {
            Ok((sending, response)) => self.answer(request, call, &mut client, &open, sending, response, stays).await,
            Err(stop) => Err(stop),
        };
        answered.unwrap_or_else(|stop| {
            open.stop(stop);
            match stop {
                Stop::ClientGone => After::Gone,
                Stop::Refused(error) => {
                    tracing::debug!(upstream = call.upstream.name, code = error.code(), "exchange failed");
                    refuse(&mut client, request, protocol, error, stays)
                }
            }
        })
    }

    /// Hands the upstream's answer to the client.
    #[allow(clippy::too_many_arguments)]
    async fn answer<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        request: &Request,
        call: &Call<'_>,
        client: &mut Asking<'_, T>,
        open: &Open,
        mut sending: Sending,
        response: Response,
        stays: bool,
    ) -> Result<After, Stop> {
        let bad_answer = Stop::Refused(EdgeError::UpstreamUnreachable);
        let framing = Framing::of_response(&response, request.method == "HEAD").map_err(|_| bad_answer)?;
        if response.status == SWITCHING_PROTOCOLS && !call.upgrade {
            return Err(bad_answer);
        }
        self.record_answer(open.exchange(), &response, framing).map_err(Stop::Refused)?;
        if response.status == SWITCHING_PROTOCOLS {
            return Ok(self.tunnel(client, open, sending, &response).await);
        }
        sending.upload.answered();
        let form = match framing {
            Framing::Chunked if request.minor == 0 => Form::Content,
            Framing::UntilClose if request.minor > 0 => Form::Chunks,
            _ => Form::AsIs,
        };
        let strict = self.edge.is_strict();
        let interval = self.edge.config.limits.checkpoint_interval;
        let exchange = Arc::clone(open.exchange());
        let mut download = Download::new(exchange, framing, form, false, strict, interval);
        if download.is_ended() && sending.upload.is_over() {
            self.finish_empty(open.exchange()).await.map_err(Stop::Refused)?;
        }
        let stays = stays && (sending.upload.is_whole() || !sending.upload.is_over());
        let told = Told {
            framing,
            chunks_pass: form == Form::AsIs && framing == Framing::Chunked,
            into_chunks: form == Form::Chunks,
            closes: !stays && request.minor > 0,
        };
        headers::to_client(client.wire.queued(), &response, told);
        // The index of the head has no further use, and the answer may take long.
        let reusable = response.minor > 0 && !response.fields.lists("connection", "close");
        drop(response);
        let end = poll_fn(|cx| poll_bodies(cx, client, &mut sending, &mut download)).await;
        match end {
            End::ClientGone => Err(Stop::ClientGone),
            End::Broken => Ok(After::Close),
            End::Whole => {
                // Unless it ended with the answer: the request's body outlasted it.
                let _ = open.exchange().finish(EndReason::Complete, None);
                let whole = sending.upload.is_whole();
                if whole && reusable && framing != Framing::UntilClose {
                    self.pool.take_back(&call.upstream.name, sending.upstream);
                }
                Ok(if stays && whole { After::Next } else { After::Close })
            }
        }
    }

    async fn tunnel<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        client: &mut Asking<'_, T>,
        open: &Open,
        sending: Sending,
        response: &Response,
    ) -> After {
        let told = Told { framing: Framing::Empty, chunks_pass: false, into_chunks: false, closes: false };
        headers::to_client(client.wire.queued(), response, told);
        open.exchange().upgraded();
        let strict = self.edge.is_strict();
        let checkpoint = self.edge.config.limits.tunnel_checkpoint_interval;
        let tunnel = Tunnel { exchange: Arc::clone(open.exchange()), strict, checkpoint };
        if poll_fn(|cx| client.wire.poll_sent(cx)).await.is_err() {
            return After::Gone;
        }
        // In a box of its own: few connections are upgraded.
        Box::pin(tunnel.carry(client.wire, sending.upstream)).await;
        After::Gone
    }
}

/// Tells the client an error of the edge itself.
fn refuse<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Asking<'_, T>,
    request: &Request,
    protocol: Protocol,
    error: EdgeError,
    stays: bool,
) -> After {
    // A body that is here already is passed over; one that is still to come would be taken for the next request.
    let passed_over = client.body.advance(client.wire.unread(), |_| {});
    client.wire.consume(passed_over);
    let stays = stays && client.body.is_done();
    let answer = error.bytes(protocol, request.method == "HEAD", !stays && request.minor > 0);
    client.wire.queue(&answer);
    if stays { After::Next } else { After::Close }
}

fn poll_bodies<T: AsyncRead + AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    client: &mut Asking<'_, T>,
    sending: &mut Sending,
    download: &mut Download,
) -> Poll<End> {
    loop {
        let uploaded = match sending.poll_upload(cx, client) {
            Ok(uploaded) => uploaded.is_ready(),
            Err(_) if download.is_ended() => return Poll::Ready(End::Whole),
            Err(Stop::ClientGone) => return Poll::Ready(End::ClientGone),
            Err(Stop::Refused(error)) => {
                // The answer has begun, so that the client cannot be told in another way.
                let _ = download.exchange().finish(EndReason::Refused, Some(error));
                return Poll::Ready(End::Broken);
            }
        };
        match client.wire.poll_room(cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(End::ClientGone),
            Poll::Pending => break,
            Poll::Ready(Ok(())) => {}
        }
        let wire = &mut *client.wire;
        match download.poll_step(cx, &mut sending.upstream, uploaded, &mut |cx, bytes| wire.send(cx, bytes)) {
            Poll::Ready(Step::Passed) => {}
            Poll::Ready(Step::ClientGone) => return Poll::Ready(End::ClientGone),
            Poll::Ready(Step::Broken) => return Poll::Ready(End::Broken),
            Poll::Ready(Step::Ended) if uploaded => return Poll::Ready(End::Whole),
            // The upload goes on, unless the upstream has closed: then nobody reads it.
            Poll::Ready(Step::Ended) => match sending.upstream.poll_fill(cx, WATCH_BYTES) {
                Poll::Pending => break,
                Poll::Ready(_) => sending.upload.stop(),
            },
            Poll::Pending => break,
        }
    }
    // The head, when nothing came to be sent with it.
    if let Poll::Ready(Err(_)) = client.wire.poll_sent(cx) {
        return Poll::Ready(End::ClientGone);
    }
    if sending.upload.is_over() && client.is_gone(cx) { Poll::Ready(End::ClientGone) } else { Poll::Pending }
}
