//! One exchange, from the request's head to the answer's.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderValue, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use ursa_adapters::route::{self, Protocol, Route};
use ursa_adapters::wire::responses_socket;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::body::EdgeBody;
use crate::caller::ResolvedKey;
use crate::connect;
use crate::credentials;
use crate::edge::Edge;
use crate::headers;
use crate::listen::ClientConnection;
use crate::mask::Needles;
use crate::pool::{Lease, Pool};
use crate::recorder::sink::{Durable, SinkError};
use crate::recorder::{AnswerHead, Exchange, Failure, Recording, RequestHead};
use crate::request_body::{Gate, RequestBody};
use crate::response_body::ResponseBody;
use crate::target::Target;
use crate::upgrade::Tunnel;
use crate::upstream::Upstream;

/// Reported names of the client, recorded but never forwarded.
const USER_HEADER: &str = "x-ursa-user";
const DEVICE_HEADER: &str = "x-ursa-device";

/// One thread's edge: with its own upstream connections.
pub(crate) struct Worker {
    edge: Arc<Edge>,
    pool: Arc<Pool>,
}

/// A request that may be forwarded.
struct Call<'a> {
    caller: ResolvedKey,
    upstream: &'a Upstream,
    target: Target<'a>,
    uri: Uri,
    upgrade: bool,
}

/// The exchange while the answer has not begun. Dropped in between, the client has left.
struct Open {
    exchange: Arc<Exchange>,
    handed_over: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.handed_over {
            self.exchange.abandon();
        }
    }
}

impl Open {
    /// The answer's body carries the exchange on.
    fn hand_over(mut self) -> Arc<Exchange> {
        self.handed_over = true;
        Arc::clone(&self.exchange)
    }

    fn refuse(&self, error: EdgeError) -> EdgeError {
        let reason = match error {
            EdgeError::UpstreamUnreachable | EdgeError::UpstreamTimeout | EdgeError::UpstreamForbidden => {
                EndReason::UpstreamUnreachable
            }
            _ => EndReason::Refused,
        };
        // The client is told in any case; what the sink does not take is counted.
        let _ = self.exchange.finish(reason, Some(error));
        error
    }

    /// Tells whose fault it was that no answer came.
    fn sending_failed(&self, error: EdgeError) -> EdgeError {
        match self.exchange.failure() {
            Failure::None => self.refuse(error),
            Failure::BadBody => self.refuse(EdgeError::BadBody),
            Failure::TooLarge => self.refuse(EdgeError::BodyTooLarge),
            Failure::Journal => self.refuse(EdgeError::JournalFailed),
            Failure::JournalFull => self.refuse(EdgeError::JournalFull),
            Failure::ClientGone => {
                self.exchange.abandon();
                EdgeError::BadBody
            }
        }
    }
}

impl Worker {
    /// Called within the thread's runtime.
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        let limits = &edge.config.limits;
        let pool = Pool::start(connect::connector(&edge.tls, limits, &edge.local_hosts), limits);
        Self { edge, pool }
    }

    /// Answers a request under `/edge/`.
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        connection: &Arc<ClientConnection>,
    ) -> Response<EdgeBody> {
        self.edge.counters.requested();
        let path_and_query = request.uri().path_and_query().cloned();
        let text = path_and_query.as_ref().map_or("", |path| path.as_str());
        let Some(target) = Target::parse(text) else {
            return self.refuse(EdgeError::UnknownUpstream, Protocol::Unknown);
        };
        let protocol = self.edge.protocol(&target);
        if self.edge.memory.is_spent() {
            self.edge.counters.overloaded();
            return self.refuse(EdgeError::Overloaded, protocol);
        }
        let admitted = self.edge.admit(&request, &target, connection.peer());
        let call = admitted.and_then(|(caller, upstream)| {
            let uri = upstream.uri(target.rest).map_err(|_| EdgeError::BadPath)?;
            let upgrade = headers::wants_upgrade(request.version(), request.headers());
            if upgrade && headers::wants_websocket(request.headers()) && self.edge.refuses_websockets() {
                return Err(EdgeError::WebSocketRefused);
            }
            Ok(Call { caller, upstream, target, uri, upgrade })
        });
        match call {
            Err(error) => self.refuse(error, protocol),
            Ok(call) => match self.forward(request, call, connection).await {
                Ok(response) => response,
                Err(error) => {
                    tracing::debug!(upstream = target.upstream, code = error.code(), "exchange failed");
                    error.response(protocol)
                }
            },
        }
    }

    fn refuse(&self, error: EdgeError, protocol: Protocol) -> Response<EdgeBody> {
        tracing::debug!(code = error.code(), "request refused");
        self.edge.counters.refused();
        error.response(protocol)
    }

    async fn forward(
        &self,
        mut request: Request<Incoming>,
        call: Call<'_>,
        connection: &Arc<ClientConnection>,
    ) -> Result<Response<EdgeBody>, EdgeError> {
        let edge = &*self.edge;
        let (exchange, head) = self.begin(&request, &call);
        let exchange = Open { exchange, handed_over: false };
        let head = match head {
            Ok(durable) => durable,
            Err(error) if edge.refuses_unrecorded() => return Err(exchange.refuse(record_error(error))),
            Err(_) => None,
        };
        if is_too_large(request.headers(), edge.config.limits.request_body_bytes_max) {
            return Err(exchange.refuse(EdgeError::BodyTooLarge));
        }
        let client_upgrade = call.upgrade.then(|| hyper::upgrade::on(&mut request));
        let waits = headers::expects_continue(request.version(), request.headers()) && !request.body().is_end_stream();
        let gate = waits.then(|| Arc::new(Gate::default()));
        let request = self.to_upstream(request, &call, &exchange.exchange, gate.as_ref(), head).await;
        let response = match request {
            Ok(request) => self.send(call.upstream, request).await,
            Err(()) => Err(EdgeError::UpstreamUnreachable),
        };
        let (response, lease) = match response {
            Ok(answer) => answer,
            Err(error) => return Err(exchange.sending_failed(error)),
        };
        self.answer(response, lease, exchange, client_upgrade, gate, connection).await
    }

    /// Records the head.
    fn begin(
        &self,
        request: &Request<Incoming>,
        call: &Call<'_>,
    ) -> (Arc<Exchange>, Result<Option<Durable>, SinkError>) {
        let edge = &*self.edge;
        let query = call.target.query();
        let needles = Needles::new(credentials::values(request.headers(), query, call.target.key));
        let recording = Recording {
            sink: Arc::clone(&edge.sink),
            counters: Arc::clone(&edge.counters),
            needles: needles.clone(),
            request_plain: headers::is_plain(request.headers()),
            request_bytes: request.body().size_hint().exact(),
            kept_body_bytes_max: edge.config.limits.kept_body_bytes_max,
            awaited: edge.is_strict(),
            cutting: Arc::clone(&edge.cutting),
        };
        let head = capture_head(request, call, needles.as_deref(), &edge.config.masking_key);
        Exchange::begin(&head, recording)
    }

    /// Makes the request the upstream's. Under strict durability its head, and unless the client waits for the
    /// upstream's `100 Continue` also the beginning of its body, are durable afterwards.
    async fn to_upstream(
        &self,
        request: Request<Incoming>,
        call: &Call<'_>,
        exchange: &Arc<Exchange>,
        gate: Option<&Arc<Gate>>,
        head: Option<Durable>,
    ) -> Result<Request<Box<RequestBody>>, ()> {
        let strict = self.edge.is_strict();
        let (mut parts, body) = request.into_parts();
        let mut body = RequestBody::new(body, Arc::clone(exchange), gate.cloned(), strict, &self.edge.config.limits);
        let authority = call.upstream.authority().as_str();
        let host = HeaderValue::from_str(authority).map_err(|_| ())?;
        headers::to_upstream(&mut parts.headers, host, parts.version, call.upgrade);
        parts.uri = call.uri.clone();
        parts.version = Version::HTTP_11;
        if strict && gate.is_none() {
            body.prepare().await.map_err(|_| ())?;
        } else if strict && let Some(head) = head {
            head.await.map_err(|error| exchange.fail(error.into()))?;
        }
        let mut request = Request::from_parts(parts, Box::new(body));
        if let Some(gate) = gate.cloned() {
            hyper::ext::on_informational(&mut request, move |response| {
                if response.status() == StatusCode::CONTINUE {
                    gate.open();
                }
            });
        }
        Ok(request)
    }

    async fn send(
        &self,
        upstream: &Upstream,
        request: Request<Box<RequestBody>>,
    ) -> Result<(Response<Incoming>, Lease), EdgeError> {
        let sending = self.pool.send(upstream, request);
        let answer = tokio::time::timeout(self.edge.config.limits.answer_timeout, sending).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if connect::is_connect_timeout(&*error) => Err(EdgeError::UpstreamTimeout),
            Ok(Err(error)) if connect::is_forbidden(&*error) => {
                self.edge.counters.forbidden();
                Err(EdgeError::UpstreamForbidden)
            }
            Ok(Err(_)) => Err(EdgeError::UpstreamUnreachable),
            Err(_) => Err(EdgeError::UpstreamTimeout),
        }
    }

    /// Hands the upstream's answer to the client.
    async fn answer(
        &self,
        mut response: Response<Incoming>,
        lease: Lease,
        exchange: Open,
        client_upgrade: Option<OnUpgrade>,
        gate: Option<Arc<Gate>>,
        connection: &Arc<ClientConnection>,
    ) -> Result<Response<EdgeBody>, EdgeError> {
        let strict = self.edge.is_strict();
        let status = response.status();
        let head = AnswerHead {
            status: status.as_u16(),
            headers: headers::recorded(
                response.headers(),
                route::records_response_header,
                exchange.exchange.needles().map(AsRef::as_ref),
            ),
        };
        let recorded = exchange.exchange.response_head(
            &head,
            headers::is_plain(response.headers()),
            response.body().size_hint().exact(),
        );
        if strict && let Err(error) = recorded {
            return Err(exchange.refuse(record_error(error)));
        }
        headers::to_client(response.headers_mut(), status);
        *response.version_mut() = Version::HTTP_11;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = client_upgrade else { return Err(exchange.refuse(EdgeError::UpstreamUnreachable)) };
            let upstream = hyper::upgrade::on(&mut response);
            connection.upgrade();
            let exchange = exchange.hand_over();
            exchange.upgraded();
            let tunnel = Tunnel { exchange, strict, checkpoint: self.edge.config.limits.tunnel_checkpoint_interval };
            tokio::spawn(tunnel.carry(client, upstream, connection.open_exchange()));
            return Ok(response.map(|_| EdgeBody::full("")));
        }
        let interval = self.edge.config.limits.checkpoint_interval;
        let (parts, body) = response.into_parts();
        let body = ResponseBody::new(
            body,
            lease,
            Arc::clone(&exchange.exchange),
            Arc::clone(connection),
            gate,
            strict,
            interval,
        );
        if body.is_empty() {
            let ended = exchange.exchange.finish(EndReason::Complete, None);
            if strict {
                let durable = ended.map_err(record_error)?;
                if let Some(durable) = durable {
                    durable.await.map_err(record_error)?;
                }
            }
        }
        exchange.hand_over();
        Ok(Response::from_parts(parts, EdgeBody::upstream(body)))
    }
}

fn record_error(error: SinkError) -> EdgeError {
    match error {
        SinkError::Full => EdgeError::JournalFull,
        SinkError::Failed => EdgeError::JournalFailed,
    }
}

/// True when the body's announced length is beyond the limit. A body without one is watched as it passes.
fn is_too_large(headers: &HeaderMap, bytes_max: Option<u64>) -> bool {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    announced.zip(bytes_max).is_some_and(|(announced, max)| announced > max)
}

fn capture_head<'a>(
    request: &'a Request<Incoming>,
    call: &'a Call<'_>,
    needles: Option<&Needles>,
    masking_key: &[u8; 32],
) -> RequestHead<'a> {
    let headers = request.headers();
    let reported = |name| headers.get(name).map(|value| headers::masked_text(value.as_bytes(), needles));
    let path = match call.target.path() {
        "" => "/",
        path => path,
    };
    let protocol = call.upstream.protocol;
    let method = request.method().as_str();
    let query = call.target.query().into_iter().flat_map(credentials::pairs).filter_map(|(name, value)| {
        let name = credentials::percent_decoded_lossy(name);
        let value = credentials::percent_decoded_lossy(value);
        let recorded = route::records_query(&name);
        recorded.then(|| (name, headers::masked_text(value.as_bytes(), needles).into_owned()))
    });
    let bodies_kept = if call.upgrade {
        let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
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
        headers: headers::recorded(headers, route::records_request_header, needles),
        reported_user: reported(USER_HEADER),
        reported_device: reported(DEVICE_HEADER),
        bodies_kept,
        upgrade: call.upgrade,
        credentials: credentials::marks(needles, masking_key),
    }
}
