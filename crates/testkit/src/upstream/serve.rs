//! Connections, routes, faults and the body that is paced event by event.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::encoding::{ChunkEncoder, ContentEncoding};
use super::log::{Exchange, ExchangeLog};
use super::reply::Reply;
use super::{FaultAction, FaultAt, UpstreamOptions, anthropic, chat, clouds, gemini, responses, websocket};

/// Largest request body, encoded and decoded.
const REQUEST_BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Chunks of an answer that wait for a slow client.
const CHUNKS_IN_FLIGHT: usize = 64;
/// Pause before a planned reset.
const FLUSH_BEFORE_RESET: Duration = Duration::from_millis(30);

#[derive(Debug)]
pub(super) struct State {
    options: UpstreamOptions,
    id_prefix: String,
    requests: AtomicU64,
    model_calls: AtomicU64,
    log: ExchangeLog,
}

impl State {
    pub(super) fn new(options: UpstreamOptions) -> anyhow::Result<Self> {
        let id_prefix = match options.id_prefix.as_str() {
            "" => uuid::Uuid::new_v4().simple().to_string()[..10].to_owned(),
            given => given.to_owned(),
        };
        let log = ExchangeLog::new(options.log_dir.as_deref())?;
        Ok(Self { options, id_prefix, requests: AtomicU64::new(0), model_calls: AtomicU64::new(0), log })
    }

    pub(super) fn id_prefix(&self) -> &str {
        &self.id_prefix
    }

    pub(super) fn options(&self) -> &UpstreamOptions {
        &self.options
    }

    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn log(&self) -> &ExchangeLog {
        &self.log
    }

    fn fault(&self, call: u64) -> Option<FaultAction> {
        let hits = |at: FaultAt| at == FaultAt::Every || at == FaultAt::Call(call);
        self.options.faults.iter().find(|fault| hits(fault.at)).map(|fault| fault.action)
    }
}

pub(super) async fn accept_loop(listener: TcpListener, state: Arc<State>) {
    loop {
        // A failed accept (a client gone early, no descriptors left) concerns that connection alone.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, Arc::clone(&state)));
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve_connection(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let resets = state.options.faults.iter().any(|fault| matches!(fault.action, FaultAction::ResetAfter(_)));
    if resets {
        // With a zero linger the close that follows a cut body is a reset, as from a crashed gateway.
        let _ = stream.set_zero_linger();
    }
    let service = hyper::service::service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, state).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // Errors here are clients that left; what they were sent is in the log.
    let _ = builder.max_headers(200).serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Response<PacedBody> {
    if websocket::is_asked_for(&request) {
        return websocket::accept(request, state);
    }
    let seq = state.next_request();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BODY_LIMIT).collect().await.map(|body| body.to_bytes().to_vec());
    let body = body.unwrap_or_default();
    let headers = head.headers.iter();
    let mut exchange = Exchange {
        seq,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.to_string(), value_text(value))).collect(),
        json: parsed(&head.headers, &body),
        body,
        status: 0,
        response_headers: Vec::new(),
        response_body: Vec::new(),
        complete: false,
        answer: None,
    };
    let id = format!("{}{seq:06}", state.id_prefix);
    let path = head.uri.path().trim_end_matches('/');
    let is_model_call = head.method == Method::POST && is_model_route(path);
    let fault = if is_model_call { state.fault(state.model_calls.fetch_add(1, Ordering::Relaxed) + 1) } else { None };
    let reply = match fault {
        Some(FaultAction::Status(status)) => Reply::error(path, status, "scripted error"),
        Some(FaultAction::StatusEchoingCredential(status)) => {
            let credential = exchange.header("x-api-key").or_else(|| exchange.header("authorization"));
            Reply::error(path, status, &format!("invalid key: {}", credential.unwrap_or("none")))
        }
        Some(FaultAction::ResetAfter(_)) | None => route(&head.method, path, exchange.json.as_ref(), &id),
    };
    let cut = if let Some(FaultAction::ResetAfter(bytes)) = fault { Some(bytes) } else { None };
    let encoding = state.options.encoding.filter(|encoding| is_model_call && accepts(&exchange, *encoding));
    exchange.status = reply.status;
    exchange.answer.clone_from(&reply.answer);
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(reply.status).unwrap_or_default();
    add_headers(response.headers_mut(), &reply, encoding, &id);
    let sent = response.headers().iter();
    exchange.response_headers = sent.map(|(name, value)| (name.to_string(), value_text(value))).collect();
    response.map(|()| paced(&reply, exchange, encoding, cut, state))
}

fn is_model_route(path: &str) -> bool {
    let tails = ["/messages", "/responses", "/chat/completions"];
    tails.into_iter().any(|tail| path.ends_with(tail)) || gemini::is_model_call(path)
}

fn route(method: &Method, path: &str, json: Option<&Value>, id: &str) -> Reply {
    let request = json.unwrap_or(&Value::Null);
    match (method.as_str(), path) {
        ("POST", path) if path.ends_with("/messages/count_tokens") => anthropic::count_tokens(request),
        ("POST", path) if path.ends_with("/messages") => anthropic::messages(request, id),
        ("POST", path) if path.ends_with("/responses") => responses::responses(request, id),
        ("POST", path) if path.ends_with("/chat/completions") => chat::completions(request, id),
        ("POST", path) => {
            let cloud = clouds::claude(path, request, id);
            cloud.or_else(|| gemini::answer_to(path, request, id)).unwrap_or_else(Reply::not_found)
        }
        ("GET", path) if path.ends_with("/models") => {
            Reply::json(200, &json!({"data": [], "models": [], "has_more": false, "first_id": null, "last_id": null}))
        }
        ("HEAD" | "GET", "") => Reply::json(200, &json!({"ok": true})),
        _ => Reply::not_found(),
    }
}

fn value_text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn parsed(headers: &http::HeaderMap, body: &[u8]) -> Option<Value> {
    let name = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    match name.and_then(ContentEncoding::from_name) {
        Some(encoding) => serde_json::from_slice(&encoding.decode(body, REQUEST_BODY_LIMIT as u64).ok()?).ok(),
        None => serde_json::from_slice(body).ok(),
    }
}

fn accepts(exchange: &Exchange, encoding: ContentEncoding) -> bool {
    let accepted = exchange.header("accept-encoding").unwrap_or_default();
    accepted.split(',').any(|name| name.split(';').next().unwrap_or_default().trim() == encoding.as_str())
}

fn add_headers(headers: &mut http::HeaderMap, reply: &Reply, encoding: Option<ContentEncoding>, id: &str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.as_str()));
    }
    if reply.content_type.starts_with("text/event-stream") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    if let Ok(request_id) = HeaderValue::from_str(&format!("req_{id}")) {
        headers.insert("request-id", request_id.clone());
        headers.insert("x-request-id", request_id);
    }
}

/// The body, one chunk at a time, from the task that paces it.
pub(super) struct PacedBody {
    chunks: mpsc::Receiver<std::io::Result<Bytes>>,
    /// Known for JSON, which then gets a content length.
    length: Option<u64>,
}

impl PacedBody {
    /// A body of one chunk, or of none.
    pub(super) fn of(bytes: &'static str) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        if !bytes.is_empty() {
            // There is room for one.
            let _ = sender.try_send(Ok(Bytes::from_static(bytes.as_bytes())));
        }
        Self { chunks, length: Some(bytes.len() as u64) }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.chunks.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn paced(
    reply: &Reply,
    mut exchange: Exchange,
    encoding: Option<ContentEncoding>,
    cut: Option<usize>,
    state: Arc<State>,
) -> PacedBody {
    exchange.response_body = reply.chunks.concat();
    let chunks = encoded(&reply.chunks, encoding).unwrap_or_default();
    let is_stream = reply.chunks.len() > 1;
    let length = (!is_stream).then(|| chunks.iter().map(|chunk| chunk.len() as u64).sum());
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    tokio::spawn(async move {
        let sent = match cut {
            Some(bytes) => send_cut(&sender, chunks, bytes).await,
            None => send_whole(&sender, chunks, &mut exchange, &state).await,
        };
        if sent.is_none() || cut.is_some() {
            state.log.push(exchange);
        }
    });
    PacedBody { chunks: receiver, length }
}

fn encoded(chunks: &[Bytes], encoding: Option<ContentEncoding>) -> std::io::Result<Vec<Bytes>> {
    let mut encoder = ChunkEncoder::new(encoding)?;
    let mut out = Vec::with_capacity(chunks.len() + 1);
    for chunk in chunks {
        out.push(Bytes::from(encoder.push(chunk)?));
    }
    out.push(Bytes::from(encoder.finish()?));
    out.retain(|chunk| !chunk.is_empty());
    Ok(out)
}

/// Sends everything; `None` when the client left before the end. The exchange is logged before its last chunk leaves,
/// so that whoever saw the end finds it in the log.
async fn send_whole(
    sender: &mpsc::Sender<std::io::Result<Bytes>>,
    mut chunks: Vec<Bytes>,
    exchange: &mut Exchange,
    state: &State,
) -> Option<()> {
    let last = chunks.pop();
    for chunk in chunks {
        sender.send(Ok(chunk)).await.ok()?;
        if !state.options.event_delay.is_zero() {
            tokio::time::sleep(state.options.event_delay).await;
        }
    }
    if sender.is_closed() {
        return None;
    }
    state.log.push(Exchange { complete: true, ..exchange.clone() });
    if let Some(last) = last {
        // The client may have left at the last moment: the answer was complete for all that the upstream can know.
        let _ = sender.send(Ok(last)).await;
    }
    Some(())
}

async fn send_cut(sender: &mpsc::Sender<std::io::Result<Bytes>>, chunks: Vec<Bytes>, mut left: usize) -> Option<()> {
    for mut chunk in chunks {
        chunk.truncate(left);
        left -= chunk.len();
        if !chunk.is_empty() {
            sender.send(Ok(chunk)).await.ok()?;
        }
    }
    // An error makes the server drop what it has not written yet; the pause lets it write.
    tokio::time::sleep(FLUSH_BEFORE_RESET).await;
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    sender.send(Err(reset)).await.ok()
}
