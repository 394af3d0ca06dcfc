//! Recorded traffic of agents and SDKs: heads as they went by, in their own case and order, with the bodies of the
//! adapters' fixtures (long vendor texts are cut in those, so lengths are made to fit).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::{Case, Step};
use crate::wire::chunked;

const GROUP: &str = "recorded";
/// The scenario whose bodies are messages on a WebSocket.
const SOCKET: &str = "codex-websocket";

/// One line of `fixtures/heads.jsonl`.
#[derive(Deserialize)]
struct Heads {
    scenario: String,
    seq: u64,
    target: String,
    headers: Vec<(String, String)>,
    status: Option<u16>,
    #[serde(default)]
    answer_headers: Vec<(String, String)>,
}

/// One line of a scenario of the adapters' fixtures.
#[derive(Deserialize)]
struct Exchange {
    seq: u64,
    method: String,
    body: Value,
    response: Option<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    body: String,
}

/// One line of the recorded WebSocket.
#[derive(Deserialize)]
struct Message {
    connection: u64,
    client: Option<Value>,
    server: Option<Value>,
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| path.display().to_string())).collect()
}

/// Every recorded exchange, one case each. Errors when a fixture is missing or not as expected.
pub fn recorded() -> anyhow::Result<Vec<Case>> {
    let heads: Vec<Heads> = lines(&crates().join("testkit/fixtures/heads.jsonl"))?;
    let messages: Vec<Message> = lines(&crates().join("pipeline/tests/fixtures/codex-websocket.jsonl"))?;
    let mut bodies: HashMap<String, Vec<Exchange>> = HashMap::new();
    let mut cases = Vec::new();
    for heads in heads {
        if heads.scenario == SOCKET {
            cases.push(socket(&heads, &messages));
            continue;
        }
        if !bodies.contains_key(&heads.scenario) {
            let path = crates().join(format!("adapters/tests/fixtures/{}.jsonl", heads.scenario));
            bodies.insert(heads.scenario.clone(), lines(&path)?);
        }
        let all = bodies.get(&heads.scenario).context("the scenario's bodies")?;
        let exchange = all.iter().find(|exchange| exchange.seq == heads.seq);
        cases.push(case(&heads, exchange.with_context(|| format!("{} has no {}", heads.scenario, heads.seq))?)?);
    }
    Ok(cases)
}

fn case(heads: &Heads, exchange: &Exchange) -> anyhow::Result<Case> {
    let body = if exchange.body.is_null() { Vec::new() } else { exchange.body.to_string().into_bytes() };
    let is_zstd =
        heads.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("content-encoding") && value == "zstd");
    let body = if is_zstd { zstd::encode_all(&body[..], 3)? } else { body };
    let start = format!("{} {{P}}{} HTTP/1.1\r\n", exchange.method, heads.target);
    let request = message(start, &heads.headers, &[&body]);
    let told = exchange.response.as_ref().map_or("", |answer| answer.body.as_str());
    // An event a chunk, as it came.
    let events: Vec<&[u8]> = told.split_inclusive("\n\n").map(str::as_bytes).collect();
    let default = [("content-length".to_owned(), String::new())];
    let headers = if heads.answer_headers.is_empty() { &default[..] } else { &heads.answer_headers };
    let answer = message(format!("HTTP/1.1 {} Recorded\r\n", heads.status.unwrap_or(404)), headers, &events);
    Ok(Case {
        group: GROUP,
        name: heads.scenario.clone(),
        client: vec![Step::Request(request), Step::Answer],
        upstream: vec![Step::Head, Step::Body, Step::Send(answer)],
        exchanges: 1,
    })
}

/// A message with these headers, the length made to fit.
fn message(start: String, headers: &[(String, String)], pieces: &[&[u8]]) -> Vec<u8> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut bytes = start.into_bytes();
    let mut in_chunks = false;
    for (name, value) in headers {
        let value = match name.to_ascii_lowercase().as_str() {
            "host" => "{H}".to_owned(),
            "content-length" => length.to_string(),
            "transfer-encoding" => {
                in_chunks = true;
                value.clone()
            }
            _ => value.clone(),
        };
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(if in_chunks { chunked(pieces) } else { pieces.concat() });
    bytes
}

/// A recorded connection: the handshake, then each side's messages, one after the other as they came.
fn socket(heads: &Heads, messages: &[Message]) -> Case {
    let start = format!("GET {{P}}{} HTTP/1.1\r\n", heads.target);
    let mut client = vec![Step::Request(message(start, &heads.headers, &[])), Step::Answer];
    let switched = message("HTTP/1.1 101 Switching Protocols\r\n".to_owned(), &heads.answer_headers, &[]);
    let mut upstream = vec![Step::Head, Step::Send(switched)];
    for message in messages.iter().filter(|message| message.connection == heads.seq) {
        if let Some(said) = &message.client {
            let bytes = frame(0x81, said.to_string().as_bytes(), true);
            upstream.push(Step::Take(bytes.len()));
            client.push(Step::Send(bytes));
        }
        if let Some(said) = &message.server {
            let bytes = frame(0x81, said.to_string().as_bytes(), false);
            client.push(Step::Take(bytes.len()));
            upstream.push(Step::Send(bytes));
        }
    }
    client.extend([Step::Shut, Step::Rest]);
    upstream.extend([Step::Rest, Step::Close]);
    Case { group: GROUP, name: heads.scenario.clone(), client, upstream, exchanges: 1 }
}

/// A WebSocket frame: its first byte, what it carries, and whether it is masked, as a client's must be.
pub(super) fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let bit = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(bit + len as u8),
        len @ 126..65_536 => {
            bytes.push(bit + 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(bit + 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if masked {
        bytes.extend(MASK);
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        bytes.extend(payload);
    }
    bytes
}
