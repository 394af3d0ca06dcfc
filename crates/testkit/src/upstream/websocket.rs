//! Responses over WebSocket: the handshake, frames with or without compression, and the same scripts as over HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::log::Exchange;
use super::serve::{PacedBody, State};
use super::{WebSocket, responses};

/// Largest message, compression taken off, in bytes.
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;
/// What every server hashes with the client's key (RFC 6455, 1.3).
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// True for a handshake on the Responses route.
pub(super) fn is_asked_for(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = request.uri().path().trim_end_matches('/');
    request.method() == Method::GET && path.ends_with("/responses") && upgrade.eq_ignore_ascii_case("websocket")
}

/// Answers the handshake; the connection goes on in a task of its own.
pub(super) fn accept(mut request: Request<Incoming>, state: Arc<State>) -> Response<PacedBody> {
    let offered = text(request.headers(), &header::SEC_WEBSOCKET_EXTENSIONS);
    let deflate = state.options().websocket == WebSocket::Deflate && offered.contains("permessage-deflate");
    let key = text(request.headers(), &header::SEC_WEBSOCKET_KEY);
    if state.options().websocket == WebSocket::Refused || key.is_empty() {
        let mut response = Response::new(PacedBody::of(r#"{"error": {"message": "no websocket here"}}"#));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    }
    let mut response = Response::new(PacedBody::of(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept_key(&key)) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if deflate {
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("permessage-deflate"));
    }
    let names = request.headers().keys();
    let handshake = names.map(|name| (name.to_string(), text(request.headers(), name))).collect();
    let path = request.uri().path().to_owned();
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // An error is a client that left; what it was sent is in the log.
        if let Ok(stream) = upgraded.await {
            let wire = Wire::new(TokioIo::new(stream), deflate);
            let _ = Talk { wire, state, path, handshake, known: HashMap::new() }.carry().await;
        }
    });
    response
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// One connection: its calls, one after the other.
struct Talk<S> {
    wire: Wire<S>,
    state: Arc<State>,
    path: String,
    handshake: Vec<(String, String)>,
    /// By response id: all input up to there, and the output.
    known: HashMap<String, Vec<Value>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn carry(mut self) -> anyhow::Result<()> {
        while let Some(message) = self.wire.message().await? {
            let request: Value = serde_json::from_slice(&message).context("a message that is no JSON")?;
            if request["type"] == "response.create" {
                self.answer(request, message).await?;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, mut request: Value, body: Vec<u8>) -> anyhow::Result<()> {
        let seq = self.state.next_request();
        let id = format!("{}{seq:06}", self.state.id_prefix());
        let mut input = match request["previous_response_id"].as_str() {
            Some(previous) => self.known.get(previous).context("an answer that was never given")?.clone(),
            None => Vec::new(),
        };
        let asked = request.clone();
        input.extend(request["input"].as_array().cloned().unwrap_or_default());
        request["input"] = json!(input);
        request["stream"] = json!(true);
        let warms_up = request["generate"] == false;
        let reply = if warms_up { responses::warmed_up(&request, &id) } else { responses::responses(&request, &id) };
        let mut exchange = Exchange {
            seq,
            method: "WS".to_owned(),
            path: self.path.clone(),
            query: String::new(),
            headers: self.handshake.clone(),
            json: Some(asked),
            body,
            status: reply.status,
            response_headers: Vec::new(),
            response_body: reply.chunks.concat(),
            complete: false,
            answer: reply.answer.clone(),
        };
        let events: Vec<Value> = reply.chunks.iter().filter_map(|chunk| event(chunk)).collect();
        if let Some(last) = events.last() {
            input.extend(last["response"]["output"].as_array().cloned().unwrap_or_default());
            self.known.insert(format!("resp_{id}"), input);
        }
        let count = events.len();
        for (index, event) in events.into_iter().enumerate() {
            if index + 1 == count {
                exchange.complete = true;
                self.state.log().push(exchange.clone());
            }
            self.wire.send(TEXT, event.to_string().as_bytes()).await?;
            if !self.state.options().event_delay.is_zero() {
                tokio::time::sleep(self.state.options().event_delay).await;
            }
        }
        Ok(())
    }
}

/// The JSON of a server-sent event.
fn event(chunk: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(chunk).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    serde_json::from_str(data).ok()
}

/// Frames.
struct Wire<S> {
    stream: S,
    deflate: Option<(Compress, Decompress)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S, deflate: bool) -> Self {
        let pair = || (Compress::new(Compression::default(), false), Decompress::new(false));
        Self { stream, deflate: deflate.then(pair) }
    }

    /// The next message; `None` when the client is done. Pings are answered on the way.
    async fn message(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        let mut compressed = false;
        loop {
            let mut start = [0; 2];
            if self.stream.read_exact(&mut start).await.is_err() {
                return Ok(None);
            }
            let opcode = start[0] & 0x0f;
            let payload = self.payload(start[1]).await?;
            match opcode {
                CLOSE => {
                    self.send(CLOSE, &payload).await?;
                    return Ok(None);
                }
                PING => self.send(PONG, &payload).await?,
                PONG => {}
                _ => {
                    compressed |= start[0] & 0x40 != 0;
                    message.extend(payload);
                    if start[0] & 0x80 != 0 {
                        return if compressed { self.inflate(&message).map(Some) } else { Ok(Some(message)) };
                    }
                }
            }
        }
    }

    async fn payload(&mut self, second: u8) -> anyhow::Result<Vec<u8>> {
        let len = match second & 0x7f {
            0x7e => u64::from(self.stream.read_u16().await?),
            0x7f => self.stream.read_u64().await?,
            len => u64::from(len),
        };
        if second & 0x80 == 0 || len > MESSAGE_LIMIT as u64 {
            bail!("a frame that is not masked or too large");
        }
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await?;
        let mut payload = vec![0; usize::try_from(len)?];
        self.stream.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Ok(payload)
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
        let compress = self.deflate.as_mut().filter(|_| opcode == TEXT).map(|(compress, _)| compress);
        let (first, payload) = match compress {
            Some(compress) => (0xc0 | opcode, deflated(compress, payload)?),
            None => (0x80 | opcode, payload.to_vec()),
        };
        let mut frame = vec![first];
        match u16::try_from(payload.len()) {
            Ok(len @ 0..=125) => frame.push(u8::try_from(len)?),
            Ok(len) => {
                frame.push(0x7e);
                frame.extend(len.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x7f);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        self.stream.write_all(&frame).await?;
        Ok(self.stream.flush().await?)
    }

    fn inflate(&mut self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (_, decompress) = self.deflate.as_mut().context("compression was not agreed on")?;
        let message = [message, &[0, 0, 0xff, 0xff]].concat();
        let before = decompress.total_in();
        let mut out = Vec::new();
        loop {
            let read = usize::try_from(decompress.total_in() - before)?;
            out.reserve(64 * 1024);
            let status = decompress.decompress_vec(&message[read..], &mut out, FlushDecompress::Sync)?;
            let all = decompress.total_in() - before == message.len() as u64;
            if all && out.len() < out.capacity() || status == Status::StreamEnd {
                return Ok(out);
            }
            if out.len() > MESSAGE_LIMIT {
                bail!("a message that is too large");
            }
        }
    }
}

fn deflated(compress: &mut Compress, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let before = compress.total_in();
    let mut out = Vec::new();
    loop {
        let read = usize::try_from(compress.total_in() - before)?;
        out.reserve(payload.len() / 2 + 256);
        compress.compress_vec(&payload[read..], &mut out, FlushCompress::Sync)?;
        if compress.total_in() - before == payload.len() as u64 && out.len() < out.capacity() {
            out.truncate(out.len() - 4);
            return Ok(out);
        }
    }
}

fn accept_key(key: &str) -> String {
    base64(&sha1(format!("{key}{ACCEPT_SUFFIX}").as_bytes()))
}

/// SHA-1 (FIPS 180-4): all that the handshake needs of it.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    // The length takes the last eight bytes of the last block.
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let mut now = state;
        for (at, word) in words.iter().enumerate() {
            let [_, x, y, z, _] = now;
            let (mix, constant) = match at / 20 {
                0 => (x & y | !x & z, 0x5a82_7999),
                1 => (x ^ y ^ z, 0x6ed9_eba1),
                2 => (x & y | x & z | y & z, 0x8f1b_bcdc),
                _ => (x ^ y ^ z, 0xca62_c1d6_u32),
            };
            let next = [mix, now[4], constant, *word].into_iter().fold(now[0].rotate_left(5), u32::wrapping_add);
            now = [next, now[0], x.rotate_left(30), y, z];
        }
        for (sum, word) in state.iter_mut().zip(now) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// In the common alphabet, padded.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            out.push(if digit <= group.len() { char::from(DIGITS[value]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
