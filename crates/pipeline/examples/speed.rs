//! What the pipeline costs: processor time of its one thread for an exchange, from its bytes to the store, by kind of
//! exchange. `cargo run --release -p ursa-pipeline --example speed [CASE]`; figures in docs/PERFORMANCE.md.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};
use ursa_model::capture::{CaptureEnd, CaptureHead, EndReason, Principal, ResponseHead};
use ursa_model::ids::{EnvironmentId, ExchangeId};
use ursa_model::time::Timestamp;
use ursa_pipeline::{Exchange, Pipeline, PipelineSettings};
use ursa_store::sqlite::SqliteStore;

/// 2026-11-23T10:00:00Z.
const START: i64 = 1_795_428_000_000_000;
/// Events of an answer.
const DELTAS: usize = 300;

/// Text that does not compress to nothing: words drawn by a small generator.
fn words(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(text, "w{:05x} ", state >> 44);
    }
    text
}

/// Processor time of this thread, in nanoseconds.
fn processor_nanos() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}

/// A coding session that grows by one tool call and its result a turn.
struct Conversation {
    session: String,
    agent: bool,
    system: Value,
    tools: Value,
    messages: Vec<Value>,
    turn: u64,
}

impl Conversation {
    /// `tools` tools of about 2 KB beside a system prompt of `system` bytes.
    fn new(number: u64, agent: bool, system: usize, tools: u64) -> Self {
        let tool = |tool| {
            json!({
                "name": format!("Tool{tool}"),
                "description": words(tool + 2, 1800),
                "input_schema": {"type": "object", "properties": {"path": {"type": "string", "description": words(tool, 100)}}},
            })
        };
        Self {
            session: format!("{number:08x}-c7f0-494f-8e93-de7464b061d0"),
            agent,
            system: json!([{"type": "text", "text": words(1, system)}]),
            tools: (0..tools).map(tool).collect(),
            messages: vec![json!({"role": "user", "content": [{"type": "text", "text": words(number, 300)}]})],
            turn: 0,
        }
    }

    /// The next request with its answer: a streamed text and a tool call. `result` is the length of the tool's result that
    /// the request after it will carry.
    fn next(&mut self, result: usize, deltas: usize) -> Exchange {
        let id = format!("{}{:06}", &self.session[..8], self.turn);
        let mut messages = self.messages.clone();
        messages.last_mut().unwrap()["content"][0]["cache_control"] = json!({"type": "ephemeral"});
        let body = json!({
            "model": "claude-opus-5-5", "max_tokens": 32000, "stream": true, "system": self.system, "tools": self.tools,
            "messages": messages,
        });
        let said = words(self.turn + 7, deltas * 9);
        let input = json!({"command": format!("cat file{}", self.turn), "description": "Read a file"});
        let call = format!("toolu_{id}");
        self.messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": said}, {"type": "tool_use", "id": call, "name": "Bash", "input": input}]}));
        self.messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call, "content": words(self.turn * 31 + 5, result)}]}));
        self.turn += 1;
        self.exchange(&id, &body, stream(&id, &said, &call, &input))
    }

    fn exchange(&self, id: &str, body: &Value, response: Vec<u8>) -> Exchange {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![pair("content-type", "application/json"), pair("anthropic-version", "2023-06-01")];
        if self.agent {
            headers.push(pair("user-agent", "claude-cli/2.1.330 (external, cli)"));
            headers.push(pair("x-claude-code-session-id", &self.session));
        } else {
            headers.push(pair("user-agent", "Anthropic/Python 2.12.0"));
        }
        let at = Timestamp::from_micros(START + i64::try_from(self.turn).unwrap() * 1_000_000);
        let answer_headers = vec![pair("content-type", "text/event-stream"), pair("request-id", &format!("req_{id}"))];
        let mut exchange = [0; 16];
        exchange.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
        Exchange {
            id: ExchangeId(exchange),
            connection: None,
            head: CaptureHead {
                version: 1,
                environment: EnvironmentId::default_environment(),
                principal: Principal::Loopback,
                upstream: "anthropic".to_owned(),
                protocol: "anthropic-messages".to_owned(),
                method: "POST".to_owned(),
                path: "/v1/messages".to_owned(),
                query: Vec::new(),
                headers,
                reported_user: None,
                reported_device: None,
                bodies_kept: true,
                upgrade: false,
                credentials: Vec::new(),
            },
            at,
            request: body.to_string().into_bytes(),
            request_whole: true,
            response_head: Some((at.plus_micros(100_000), ResponseHead { status: 200, headers: answer_headers })),
            end: CaptureEnd {
                reason: EndReason::Complete,
                request_bytes: 0,
                response_bytes: response.len() as u64,
                first_byte_micros: Some(100_000),
                duration_micros: 200_000,
                request_bytes_cut: 0,
                response_bytes_cut: 0,
                request_sha256: None,
                response_sha256: None,
                dropped_bytes: 0,
                edge_error: None,
            },
            response,
            ended_at: at.plus_micros(200_000),
            dropped_bytes: 0,
            problems: Vec::new(),
        }
    }
}

fn stream(id: &str, said: &str, call: &str, input: &Value) -> Vec<u8> {
    let mut out = String::new();
    let mut event = |event: Value| {
        let _ = write!(out, "event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    };
    let usage = json!({"input_tokens": 10, "cache_read_input_tokens": 50_000, "output_tokens": 5});
    event(
        json!({"type": "message_start", "message": {"id": format!("msg_{id}"), "type": "message", "role": "assistant",
        "model": "claude-opus-5-5", "content": [], "stop_reason": null, "usage": usage}}),
    );
    event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
    for piece in said.as_bytes().chunks(9) {
        let text = std::str::from_utf8(piece).unwrap();
        event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}));
    }
    event(json!({"type": "content_block_stop", "index": 0}));
    let block = json!({"type": "tool_use", "id": call, "name": "Bash", "input": {}});
    event(json!({"type": "content_block_start", "index": 1, "content_block": block}));
    let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
    event(json!({"type": "content_block_delta", "index": 1, "delta": delta}));
    event(json!({"type": "content_block_stop", "index": 1}));
    event(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 300}}));
    event(json!({"type": "message_stop"}));
    out.into_bytes()
}

struct Bench {
    pipeline: Pipeline,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path(), &[7; 32]).unwrap());
        let settings = PipelineSettings {
            environment: EnvironmentId::default_environment(),
            masking_key: [9; 32],
            keep_processed_seconds: 0,
            metadata_only: Arc::new(|| false),
        };
        Self { pipeline: Pipeline::new(store, settings).unwrap(), _dir: dir }
    }

    fn run(&self, exchanges: &[Exchange]) {
        self.pipeline.run(exchanges, &[], Timestamp::from_micros(START + 3_600_000_000), None).unwrap();
    }

    /// Prints what each of these batches costs for an exchange.
    fn measure(&self, what: &str, batches: impl Iterator<Item = Vec<Exchange>>) {
        let (mut costs, mut sent, mut count) = (Vec::new(), 0, 0);
        for batch in batches {
            let before = processor_nanos();
            self.run(&batch);
            let cost = processor_nanos() - before;
            costs.push(cost / 1000 / batch.len() as u64);
            sent += batch.iter().map(|exchange| exchange.request.len()).sum::<usize>();
            count += batch.len();
        }
        costs.sort_unstable();
        let at = |part: usize| costs[(costs.len() - 1) * part / 100];
        println!(
            "{what:<58} {:>8} KB  p50 {:>7} us  p90 {:>7} us  max {:>7} us",
            sent / count / 1000,
            at(50),
            at(90),
            at(100)
        );
    }
}

fn main() {
    let asked = std::env::args().nth(1);
    let is_asked = |case: &str| asked.as_deref().is_none_or(|asked| asked == case);
    if is_asked("known") {
        let bench = Bench::new();
        let mut one = Conversation::new(1, true, 20_000, 18);
        let mut next = |count: usize| (0..count).map(|_| vec![one.next(1500, 60)]).collect::<Vec<_>>();
        for batch in next(30) {
            bench.run(&batch);
        }
        bench.measure("known conversation, agent with an id, short answer", next(40).into_iter());
        let long: Vec<_> = (0..20).map(|_| vec![one.next(1500, DELTAS)]).collect();
        bench.measure("known conversation, agent with an id, answer of 300 deltas", long.into_iter());
    }
    if is_asked("plain") {
        let bench = Bench::new();
        let mut one = Conversation::new(1, false, 20_000, 18);
        for _ in 0..30 {
            bench.run(&[one.next(1500, 60)]);
        }
        let batches: Vec<_> = (0..40).map(|_| vec![one.next(1500, 60)]).collect();
        bench.measure("known conversation, no id, short answer", batches.into_iter());
    }
    for many in [16, 64, 128, 256].into_iter().filter(|_| is_asked("many")) {
        let bench = Bench::new();
        let mut all: Vec<_> = (0..many).map(|number| Conversation::new(number, true, 20_000, 18)).collect();
        let mut next = || all.iter_mut().map(|one| one.next(1500, 60)).collect::<Vec<_>>();
        for _ in 0..40 {
            bench.run(&next());
        }
        let batches: Vec<_> = (0..20).map(|_| next()).collect();
        bench.measure(&format!("{many} known conversations, one batch"), batches.into_iter());
    }
    if is_asked("open") {
        let bench = Bench::new();
        let mut opened = (0..40).map(|number| {
            let mut one = Conversation::new(number, true, 20_000, 18);
            for _ in 0..60 {
                one.next(1500, 60);
            }
            vec![one.next(1500, 60)]
        });
        bench.run(&opened.next().unwrap());
        bench.measure("conversation seen for the first time", opened);
    }
    if is_asked("large") {
        let bench = Bench::new();
        let mut one = Conversation::new(1, true, 20_000, 18);
        for _ in 0..19 {
            bench.run(&[one.next(100_000, 10)]);
        }
        let batches: Vec<_> = (0..5).map(|_| vec![one.next(100_000, 10)]).collect();
        bench.measure("known conversation, 2 MB", batches.into_iter());
    }
    if is_asked("small") {
        let bench = Bench::new();
        let mut number = 0;
        let mut next = |count: usize| {
            let mut batch = Vec::new();
            for _ in 0..count {
                number += 1;
                batch.push(Conversation::new(number, false, 500, 0).next(0, 60));
            }
            batch
        };
        bench.run(&next(256));
        let batches: Vec<_> = (0..10).map(|_| next(256)).collect();
        bench.measure("small one-shot, 256 in a batch", batches.into_iter());
        let batches: Vec<_> = (0..100).map(|_| next(1)).collect();
        bench.measure("small one-shot, alone in its batch", batches.into_iter());
    }
}
