//! What every exchange goes through, whichever version of HTTP its client speaks: admission, its record, its connection
//! to the upstream, the head of its answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use ursa_adapters::route::{self, Protocol, Route};
use ursa_adapters::wire::responses_socket;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::caller::ResolvedKey;
use crate::connect::{self, UpstreamStream};
use crate::credentials;
use crate::edge::Edge;
use crate::headers;
use crate::http1::framing::Framing;
use crate::http1::head::{self, Request, Response, SWITCHING_PROTOCOLS};
use crate::http1::wire::Wire;
use crate::mask::Needles;
use crate::pool::Pool;
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{AnswerHead, Exchange, Failure, Recording, RequestHead};
use crate::target::Target;
use crate::timer::Timer;
use crate::upload::{Source, Upload};
use crate::upstream::Upstream;

/// Reported names of the client, recorded but never forwarded.
const USER_HEADER: &str = "x-ursa-user";
const DEVICE_HEADER: &str = "x-ursa-device";

/// Size of a read for the head of an answer, in bytes.
const HEAD_READ_BYTES: usize = 16 * 1024;

/// Statuses of answers before the answer.
const CONTINUE: u16 = 100;
const INFORMATIONAL: std::ops::RangeInclusive<u16> = 100..=199;

/// One thread's edge: with its own upstream connections.
pub(crate) struct Worker {
    pub(crate) edge: Arc<Edge>,
    pub(crate) pool: Arc<Pool>,
}

/// A request that may be forwarded.
pub(crate) struct Call<'a> {
    caller: ResolvedKey,
    pub(crate) upstream: &'a Upstream,
    target: Target<'a>,
    path: String,
    pub(crate) framing: Framing,
    /// The client asks to leave HTTP.
    pub(crate) upgrade: bool,
    /// The client waits for `100 Continue`.
    pub(crate) waits: bool,
}

/// The client's side of an exchange.
pub(crate) trait Client: Source {
    /// Tells the client an informational answer.
    fn informational(&mut self, cx: &mut Context<'_>, response: &Response);

    /// Gives the client the leave to send its body that the upstream does not give.
    fn go_on(&mut self, cx: &mut Context<'_>);

    /// True when the client has left. Asked only while no more of the request is to come.
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool;
}

/// Why an exchange ends without an answer of the upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// The client is told.
    Refused(EdgeError),
    /// Nobody is left to be told.
    ClientGone,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::ClientGone => Self::ClientGone,
            Failure::BadBody => Self::Refused(EdgeError::BadBody),
            Failure::TooLarge => Self::Refused(EdgeError::BodyTooLarge),
            Failure::Journal => Self::Refused(EdgeError::JournalFailed),
            Failure::JournalFull => Self::Refused(EdgeError::JournalFull),
        }
    }
}

/// An exchange of which something is recorded. Dropped before its end, the client has left.
pub(crate) struct Open(Arc<Exchange>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Open {
    /// The record.
    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        &self.0
    }

    /// Records that there is no answer of the upstream, and why.
    pub(crate) fn stop(&self, stop: Stop) {
        let Stop::Refused(error) = stop else { return self.0.abandon() };
        let reason = match error {
            EdgeError::UpstreamUnreachable | EdgeError::UpstreamTimeout | EdgeError::UpstreamForbidden => {
                EndReason::UpstreamUnreachable
            }
            _ => EndReason::Refused,
        };
        // The client is told in any case; what the sink does not take is counted.
        let _ = self.0.finish(reason, Some(error));
    }
}

/// Both ends of an exchange until its answer begins.
pub(crate) struct Sending {
    pub(crate) upload: Upload,
    pub(crate) upstream: Wire<UpstreamStream>,
    /// How far the answer was looked through for the end of its head.
    looked: usize,
}

impl Worker {
    /// Called within the thread's runtime.
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        let limits = &edge.config.limits;
        let pool = Pool::start(connect::connector(&edge.tls, limits, &edge.local_hosts), limits);
        Self { edge, pool }
    }

    /// Whether a request may be forwarded, and the protocol in which it is to be told if not.
    pub(crate) fn admit<'a>(
        &'a self,
        request: &'a Request,
        framing: Option<Framing>,
        peer: std::net::SocketAddr,
    ) -> (Protocol, Result<Call<'a>, EdgeError>) {
        self.edge.counters.requested();
        let Some(target) = request.path_and_query().and_then(Target::parse) else {
            return (Protocol::Unknown, Err(self.refuse(EdgeError::UnknownUpstream)));
        };
        let protocol = self.edge.protocol(&target);
        if self.edge.memory.is_spent() {
            self.edge.counters.overloaded();
            return (protocol, Err(self.refuse(EdgeError::Overloaded)));
        }
        let call = || {
            let framing = framing.ok_or(EdgeError::BadBody)?;
            let (caller, upstream) = self.edge.admit(request, &target, peer)?;
            let path = upstream.path(target.rest).map_err(|_| EdgeError::BadPath)?;
            let upgrade = headers::wants_upgrade(request);
            if upgrade && headers::wants_websocket(&request.fields) && self.edge.refuses_websockets() {
                return Err(EdgeError::WebSocketRefused);
            }
            let waits = framing != Framing::Empty && headers::expects_continue(request);
            Ok(Call { caller, upstream, target, path, framing, upgrade, waits })
        };
        (protocol, call().map_err(|error| self.refuse(error)))
    }

    fn refuse(&self, error: EdgeError) -> EdgeError {
        tracing::debug!(code = error.code(), "request refused");
        self.edge.counters.refused();
        error
    }

    /// Records the head. Under strict durability what comes back is to be waited for, unless something of the body is.
    ///
    /// # Errors
    /// It may not pass unrecorded, or its body is too large.
    pub(crate) fn begin(&self, request: &Request, call: &Call<'_>) -> (Open, Result<Option<Durable>, EdgeError>) {
        let edge = &*self.edge;
        let needles = Needles::new(credentials::values(&request.fields, call.target.query(), call.target.key));
        let recording = Recording {
            sink: Arc::clone(&edge.sink),
            counters: Arc::clone(&edge.counters),
            needles: needles.clone(),
            request_plain: headers::is_plain(&request.fields),
            request_bytes: call.framing.bytes(),
            kept_body_bytes_max: edge.config.limits.kept_body_bytes_max,
            awaited: edge.is_strict(),
            cutting: Arc::clone(&edge.cutting),
        };
        let head = capture_head(request, call, needles.as_deref(), &edge.config.masking_key);
        let (exchange, taken) = Exchange::begin(&head, recording);
        let bytes_max = edge.config.limits.request_body_bytes_max;
        let durable = match taken {
            Err(error) if edge.refuses_unrecorded() => Err(record_error(error)),
            _ if call.framing.bytes().zip(bytes_max).is_some_and(|(bytes, max)| bytes > max) => {
                Err(EdgeError::BodyTooLarge)
            }
            Err(_) => Ok(None),
            Ok(durable) => Ok(durable),
        };
        (Open(exchange), durable)
    }

    /// Brings the request to the upstream, as far as its answer needs, and waits for the head of that. `head`: what became
    /// of its record, from [`Self::begin`].
    ///
    /// # Errors
    /// There is none, or the client has left.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        call: &Call<'_>,
        exchange: &Arc<Exchange>,
        head: Result<Option<Durable>, EdgeError>,
        (client, deadline): (&mut impl Client, &mut Timer),
    ) -> Result<(Sending, Response), Stop> {
        let head = head.map_err(Stop::Refused)?;
        let limits = &self.edge.config.limits;
        let strict = self.edge.is_strict();
        let empty = call.framing == Framing::Empty;
        let mut upload = Upload::new(Arc::clone(exchange), empty, call.waits, strict, limits);
        // Under strict durability nothing goes upstream before the head, and the beginning of the body unless the client
        // waits with it, is durable.
        if strict && !call.waits {
            poll_fn(|cx| upload.poll_batch(cx, client)).await?;
        } else if let Some(head) = head {
            head.await.map_err(|error| Stop::from(Failure::from(error)))?;
        }
        deadline.rearm(limits.answer_timeout);
        let mut upstream = match self.pool.unused(&call.upstream.name) {
            Some(upstream) => upstream,
            None => self.connect(call.upstream, client, upload.is_over(), deadline).await?,
        };
        let host = call.upstream.authority().as_str();
        headers::to_upstream(upstream.queued(), request, (&call.path, host), call.framing, call.upgrade);
        let mut sending = Sending { upload, upstream, looked: 0 };
        let response = poll_fn(|cx| self.poll_answer(cx, &mut sending, client, deadline)).await?;
        Ok((sending, response))
    }

    async fn connect(
        &self,
        upstream: &Upstream,
        client: &mut impl Client,
        uploaded: bool,
        deadline: &mut Timer,
    ) -> Result<Wire<UpstreamStream>, Stop> {
        // In a box of its own: most requests never need the room.
        let mut connecting = Box::pin(self.pool.connect(upstream));
        let connected = poll_fn(|cx| {
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(connected.map_err(|error| Stop::Refused(self.why_unreachable(&*error))));
            }
            if uploaded && client.is_gone(cx) {
                return Poll::Ready(Err(Stop::ClientGone));
            }
            if deadline.fired(cx) {
                return Poll::Ready(Err(Stop::Refused(EdgeError::UpstreamTimeout)));
            }
            Poll::Pending
        });
        connected.await
    }

    fn why_unreachable(&self, error: &(dyn std::error::Error + 'static)) -> EdgeError {
        if connect::is_connect_timeout(error) {
            EdgeError::UpstreamTimeout
        } else if connect::is_forbidden(error) {
            self.edge.counters.forbidden();
            EdgeError::UpstreamForbidden
        } else {
            EdgeError::UpstreamUnreachable
        }
    }

    fn poll_answer(
        &self,
        cx: &mut Context<'_>,
        sending: &mut Sending,
        client: &mut impl Client,
        deadline: &mut Timer,
    ) -> Poll<Result<Response, Stop>> {
        loop {
            let _ = sending.poll_upload(cx, client)?;
            match self.poll_head(cx, sending)? {
                Poll::Ready(response) if response.status == SWITCHING_PROTOCOLS => return Poll::Ready(Ok(response)),
                Poll::Ready(response) if INFORMATIONAL.contains(&response.status) => {
                    client.informational(cx, &response);
                    if response.status == CONTINUE {
                        sending.upload.go_on();
                    }
                }
                Poll::Ready(response) => return Poll::Ready(Ok(response)),
                Poll::Pending => break,
            }
        }
        if sending.upload.is_over() && client.is_gone(cx) {
            return Poll::Ready(Err(Stop::ClientGone));
        }
        if deadline.fired(cx) {
            return Poll::Ready(Err(Stop::Refused(EdgeError::UpstreamTimeout)));
        }
        Poll::Pending
    }

    /// The next head that the upstream sends.
    fn poll_head(&self, cx: &mut Context<'_>, sending: &mut Sending) -> Result<Poll<Response>, Stop> {
        let limits = &self.edge.config.limits;
        let unreachable = Stop::Refused(EdgeError::UpstreamUnreachable);
        loop {
            let upstream = &mut sending.upstream;
            let found = head::end(upstream.unread(), sending.looked).map_err(|_| unreachable)?;
            if let Some(end) = found {
                let head = upstream.unread().get(..end).unwrap_or_default();
                let response = head::response(head, limits.upstream_header_count_max).map_err(|_| unreachable)?;
                upstream.consume(end);
                sending.looked = 0;
                return Ok(Poll::Ready(response));
            }
            sending.looked = upstream.unread().len();
            if sending.looked >= limits.upstream_buffer_bytes_max {
                return Err(unreachable);
            }
            match upstream.poll_fill(cx, HEAD_READ_BYTES) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return Err(unreachable),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
    }

    /// Records the head of the answer.
    ///
    /// # Errors
    /// It may not pass unrecorded.
    pub(crate) fn record_answer(
        &self,
        exchange: &Exchange,
        response: &Response,
        framing: Framing,
    ) -> Result<(), EdgeError> {
        let needles = exchange.needles().map(AsRef::as_ref);
        let headers = headers::recorded(&response.fields, route::records_response_header, needles);
        let head = AnswerHead { status: response.status, headers };
        let recorded = exchange.response_head(&head, headers::is_plain(&response.fields), framing.bytes());
        match recorded {
            Err(error) if self.edge.is_strict() => Err(record_error(error)),
            _ => Ok(()),
        }
    }

    /// An answer without a body is whole with its head; under strict durability nothing of it passes before it is durable.
    ///
    /// # Errors
    /// It may not pass unrecorded.
    pub(crate) async fn finish_empty(&self, exchange: &Exchange) -> Result<(), EdgeError> {
        let ended = exchange.finish(EndReason::Complete, None);
        if self.edge.is_strict()
            && let Some(durable) = ended.map_err(record_error)?
        {
            durable.await.map_err(record_error)?;
        }
        Ok(())
    }
}

impl Sending {
    /// Passes what came of the request's body. Ready when no more of it is to come.
    ///
    /// # Errors
    /// It broke off.
    pub(crate) fn poll_upload(&mut self, cx: &mut Context<'_>, client: &mut impl Client) -> Result<Poll<()>, Stop> {
        let over = loop {
            match self.upload.poll(cx, client, &mut self.upstream) {
                Poll::Ready(leave) if leave? => client.go_on(cx),
                polled => break polled.is_ready(),
            }
        };
        // The head, or what is left of the body in memory. Who does not read it has answered, or will be told by the
        // answer's end.
        if let Poll::Ready(Err(_)) = self.upstream.poll_sent(cx) {
            self.upload.stop();
            return Ok(Poll::Ready(()));
        }
        Ok(if over { Poll::Ready(()) } else { Poll::Pending })
    }
}

fn record_error(error: SinkError) -> EdgeError {
    match error {
        SinkError::Full => EdgeError::JournalFull,
        SinkError::Failed => EdgeError::JournalFailed,
    }
}

fn capture_head<'a>(
    request: &'a Request,
    call: &'a Call<'_>,
    needles: Option<&Needles>,
    masking_key: &[u8; 32],
) -> RequestHead<'a> {
    let fields = &request.fields;
    let reported = |name| fields.get(name).map(|value| headers::masked_text(value, needles));
    let path = match call.target.path() {
        "" => "/",
        path => path,
    };
    let protocol = call.upstream.protocol;
    let method = request.method.as_str();
    let query = call.target.query().into_iter().flat_map(credentials::pairs).filter_map(|(name, value)| {
        let name = credentials::percent_decoded_lossy(name);
        let value = credentials::percent_decoded_lossy(value);
        let recorded = route::records_query(&name);
        recorded.then(|| (name, headers::masked_text(value.as_bytes(), needles).into_owned()))
    });
    let bodies_kept = if call.upgrade {
        let upgrade = fields.get("upgrade").and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        responses_socket::route(protocol, method, path, upgrade).is_some()
    } else {
        Route::find(protocol, method, path).is_some()
    };
    RequestHead {
        version: 1,
        environment: call.caller.environment,
        principal: &call.caller.principal,
        upstream: &call.upstream.name,
        protocol: protocol.as_str(),
        method,
        path: headers::masked_text(path.as_bytes(), needles),
        query: query.collect(),
        headers: headers::recorded(fields, route::records_request_header, needles),
        reported_user: reported(USER_HEADER),
        reported_device: reported(DEVICE_HEADER),
        bodies_kept,
        upgrade: call.upgrade,
        credentials: credentials::marks(needles, masking_key),
    }
}
