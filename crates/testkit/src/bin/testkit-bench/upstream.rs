//! An upstream that costs as little as it can: it drains the request and sends what the case under way asks for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::cases::Answer;

/// Events of an answer now, and the microseconds between two; 0 events is an object. Kept here rather than asked for by
/// the request, since not every proxy passes on a header that it does not know.
static EVENTS: AtomicUsize = AtomicUsize::new(0);
static PAUSE_US: AtomicU64 = AtomicU64::new(0);

static ANSWERS: AtomicU64 = AtomicU64::new(1);

pub(crate) struct BenchUpstream {
    address: SocketAddr,
}

impl BenchUpstream {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(4096)?;
        let address = listener.local_addr()?;
        tokio::spawn(accept_loop(listener));
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What requests are answered with from now on.
pub(crate) fn will_answer(answer: Answer) {
    let (count, pause) = match answer {
        Answer::Object => (0, Duration::ZERO),
        Answer::Events { count, pause } => (count, pause),
    };
    EVENTS.store(count, Ordering::Relaxed);
    PAUSE_US.store(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

async fn accept_loop(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
    // A client that leaves ends its connection; the benchmark counts failures on the client's side.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type AnswerBody = Either<Full<Bytes>, Chunks>;

async fn answer(request: Request<Incoming>) -> Response<AnswerBody> {
    let (count, pause) = (EVENTS.load(Ordering::Relaxed), Duration::from_micros(PAUSE_US.load(Ordering::Relaxed)));
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let id = ANSWERS.fetch_add(1, Ordering::Relaxed);
    let (kind, body) = match count {
        0 => ("application/json", Either::Left(Full::from(object(id)))),
        count => ("text/event-stream", Either::Right(events(id, count, pause))),
    };
    let mut response = Response::new(body);
    let request_id = http::HeaderValue::from_str(&format!("req_bench{id}"));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response.headers_mut().extend(request_id.map(|id| (http::HeaderName::from_static("request-id"), id)));
    response
}

fn object(id: u64) -> String {
    format!(
        r#"{{"id":"msg_bench{id}","type":"message","role":"assistant","model":"claude-opus-5","content":[{{"type":"text","text":"Answer {id}."}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":250,"output_tokens":5}}}}"#
    )
}

fn events(id: u64, count: usize, pause: Duration) -> Chunks {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let start = format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_bench{id}\",\"type\":\"message\",\
             \"role\":\"assistant\",\"model\":\"claude-opus-5\",\"content\":[],\"usage\":{{\"input_tokens\":250,\"output_tokens\":1}}}}}}\n\n\
             event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n"
        );
        let delta = Bytes::from_static(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" some words of an answer\"}}\n\n",
        );
        let end = Bytes::from_static(
            b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
              event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":300}}\n\n\
              event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        );
        let chunks = std::iter::once(Bytes::from(start)).chain(std::iter::repeat_n(delta, count)).chain([end]);
        for chunk in chunks {
            if sender.send(chunk).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    });
    Chunks(receiver)
}

struct Chunks(mpsc::Receiver<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
