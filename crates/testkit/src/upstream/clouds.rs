//! Stand-ins for clouds that sell a vendor's model under paths of their own: Claude on Bedrock and on Vertex AI. Made after
//! their documentation; they were not compared with the services themselves.

use bytes::Bytes;
use serde_json::{Value, json};

use super::anthropic;
use super::reply::Reply;
use super::websocket::base64;

/// What Bedrock calls its stream of frames.
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// Answers `POST /model/{model}/invoke…` and `POST …/publishers/anthropic/models/{model}:…rawPredict`; `None` for any
/// other path.
pub(super) fn claude(path: &str, request: &Value, id: &str) -> Option<Reply> {
    let mut request = request.clone();
    let (model, streams, in_frames) = if let Some(rest) = path.split_once("/model/").map(|(_, rest)| rest) {
        let (model, method) = rest.split_once('/')?;
        (model, method == "invoke-with-response-stream", true)
    } else {
        let rest = path.split_once("/publishers/anthropic/models/")?.1;
        let (model, method) = rest.rsplit_once(':')?;
        (model, method == "streamRawPredict", false)
    };
    request["model"] = json!(model);
    request["stream"] = json!(streams);
    let mut reply = anthropic::messages(&request, id);
    if streams && in_frames {
        reply.content_type = EVENT_STREAM;
        reply.chunks = reply.chunks.iter().filter_map(frame).collect();
    }
    Some(reply)
}

/// A server-sent event as Bedrock's frame: lengths, headers, payload, checksums.
fn frame(event: &Bytes) -> Option<Bytes> {
    let text = std::str::from_utf8(event).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    let payload = json!({"bytes": base64(data.as_bytes()), "p": "abcdefghij"}).to_string();
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).ok()?);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).ok()?.to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = 12 + headers.len() + payload.len() + 4;
    let mut bytes = u32::try_from(length).ok()?.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(headers.len()).ok()?.to_be_bytes());
    let prelude = checksum(&bytes);
    bytes.extend_from_slice(&prelude);
    bytes.extend_from_slice(&headers);
    bytes.extend_from_slice(payload.as_bytes());
    let all = checksum(&bytes);
    bytes.extend_from_slice(&all);
    Some(Bytes::from(bytes))
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}
