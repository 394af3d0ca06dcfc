//! The same request over HTTP/2.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::script::{Item, Step};
use crate::wire::{Conn, DEADLINE, Head, Payload};

/// What HTTP/2 does without (RFC 9113, 8.2.2).
const NOT_IN_HTTP2: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "te", "expect"];

/// Size of a DATA frame.
const PIECE_BYTES: usize = 16 * 1024;
/// Empty DATA frames among the first ones: they say nothing, and must change nothing. Many of them are an attack, and end
/// the connection.
const EMPTY_FRAMES: usize = 8;
/// Largest list of headers of an answer, in bytes.
const HEADER_BYTES_LIMIT: u32 = 256 * 1024;

/// A request in the parts that HTTP/2 has.
pub(super) struct Asked {
    head: Head,
    target: String,
    body: Payload,
    chunks: Vec<Bytes>,
}

/// The request of a case that is one plain exchange, and can be asked for in HTTP/2.
pub(super) fn asked(client: &[Step]) -> Option<Asked> {
    let [Step::Request(bytes), Step::Answer] = client else { return None };
    let mut conn = Conn::of(bytes.clone());
    let head = conn.head()?;
    let target = head.start.split(' ').nth(1)?.strip_prefix("{P}")?.to_owned();
    // Names that are no token, and versions with meanings of their own, stay with HTTP/1.
    let plain = head.start.ends_with(" HTTP/1.1") && head.get("upgrade").is_none() && head.get("expect").is_none();
    let body = conn.payload(&head, false);
    (plain && body.whole && format!("http://a{target}").parse::<http::Uri>().is_ok()).then(|| {
        let pieces = body.bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).enumerate();
        let empty = |number| (number < EMPTY_FRAMES).then(Bytes::new);
        let chunks = pieces.flat_map(|(number, piece)| empty(number).into_iter().chain([piece])).collect();
        Asked { head, target, body, chunks }
    })
}

/// Asks `edge` under `prefix`, and says what came.
pub(super) fn ask(asked: &Asked, edge: SocketAddr, prefix: &str) -> Vec<Item> {
    let answer = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Into::into);
    let answer = answer.and_then(|runtime| {
        runtime.block_on(async { tokio::time::timeout(DEADLINE, exchange(asked, edge, prefix)).await? })
    });
    answer.unwrap_or_else(|_| vec![Item::Missing("an answer over HTTP/2")])
}

async fn exchange(asked: &Asked, edge: SocketAddr, prefix: &str) -> anyhow::Result<Vec<Item>> {
    let stream = tokio::net::TcpStream::connect(edge).await?;
    let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    client.max_header_list_size(HEADER_BYTES_LIMIT);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request =
        Request::builder().method(asked.head.method()).uri(format!("http://{edge}{prefix}{}", asked.target));
    for (name, value) in &asked.head.headers {
        if name.eq_ignore_ascii_case("te") && value.contains("trailers") {
            request = request.header("te", "trailers");
        } else if !NOT_IN_HTTP2.contains(&name.to_ascii_lowercase().as_str()) {
            request = request.header(name, HeaderValue::from_bytes(&latin1(value))?);
        }
    }
    let mut frames: VecDeque<Frame<Bytes>> = asked.chunks.iter().cloned().map(Frame::data).collect();
    if !asked.body.trailers.is_empty() {
        let mut trailers = HeaderMap::new();
        for (name, value) in &asked.body.trailers {
            trailers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(&latin1(value))?);
        }
        frames.push_back(Frame::trailers(trailers));
    }
    let response = sender.send_request(request.body(Frames(frames)).context("a request")?).await?;
    let head = Head { start: format!("HTTP/2 {}", response.status().as_u16()), headers: headers(response.headers()) };
    let mut body = response.into_body();
    let mut payload = Payload { whole: true, ..Payload::default() };
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => payload.bytes.extend(data),
            Ok(Err(frame)) => {
                payload.trailers.extend(frame.trailers_ref().into_iter().flat_map(headers));
            }
            Err(_) => {
                payload.whole = false;
                break;
            }
        }
    }
    drop(sender);
    connection.abort();
    Ok(vec![Item::Head(head), Item::Body(payload)])
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Back from [`Head`]'s text to the bytes.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|sign| u8::try_from(sign).unwrap_or(b'?')).collect()
}

/// A body of these frames.
struct Frames(VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
