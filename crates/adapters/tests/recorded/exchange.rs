//! Recorded exchanges: one line of a fixture each.

use serde::Deserialize;
use serde_json::Value;
use ursa_adapters::agents;
use ursa_adapters::route::{Protocol, Route};
use ursa_adapters::wire;
use ursa_model::EnvironmentId;
use ursa_model::capture::{CaptureHead, Principal, ResponseHead};
use ursa_model::message::{Identity, ModelRequest, ModelResponse, Origin, Part, Problem, Role, Tool};

pub(crate) const SCENARIOS: &[&str] = &[
    "claude-code-main",
    "claude-code-interactive",
    "claude-code-permission-default",
    "claude-code-hook-exit2",
    "claude-code-oauth-token",
    "codex-main",
    "codex-code-mode",
    "codex-chatgpt-login",
    "codex-websocket-refused",
    "copilot-cli-anthropic",
    "copilot-cli-completions",
    "opencode-anthropic",
    "gemini-cli-main",
    "sdks",
];

#[derive(Deserialize)]
struct Line {
    seq: u64,
    protocol: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Value,
    response: Option<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// An exchange, read.
pub(crate) struct Exchange {
    pub(crate) seq: u64,
    pub(crate) head: CaptureHead,
    pub(crate) route: Option<Route>,
    pub(crate) identity: Identity,
    pub(crate) request_body: Value,
    pub(crate) request: Option<ModelRequest>,
    pub(crate) answer_head: Option<ResponseHead>,
    pub(crate) answer_body: String,
    pub(crate) response: Option<ModelResponse>,
    pub(crate) problems: Vec<Problem>,
}

/// All exchanges of a scenario, in order.
pub(crate) fn exchanges(scenario: &str) -> Vec<Exchange> {
    let path = format!("{}/tests/fixtures/{scenario}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    lines.lines().map(|line| read(serde_json::from_str(line).unwrap())).collect()
}

pub(crate) fn exchange(scenario: &str, seq: u64) -> Exchange {
    exchanges(scenario).into_iter().find(|exchange| exchange.seq == seq).unwrap()
}

fn read(line: Line) -> Exchange {
    let head = CaptureHead {
        version: 1,
        environment: EnvironmentId::default_environment(),
        principal: Principal::Loopback,
        upstream: "test".to_owned(),
        protocol: line.protocol,
        method: line.method,
        path: line.path,
        query: Vec::new(),
        headers: line.headers,
        reported_user: None,
        reported_device: None,
        bodies_kept: true,
        upgrade: false,
        credentials: Vec::new(),
    };
    let route = Route::find(Protocol::from_name(&head.protocol).unwrap(), &head.method, &head.path);
    let mut problems = Vec::new();
    let mut request = route.and_then(|route| {
        let (request, found) = wire::read_request(route, &head.path, line.body.to_string().as_bytes());
        problems.extend(found);
        request
    });
    let identity = agents::identify(&head, request.as_ref());
    if let Some(request) = &mut request {
        agents::refine_request(request, &identity);
    }
    let (mut answer_head, mut answer_body, mut response) = (None, String::new(), None);
    if let (Some(answer), Some(route)) = (line.response, route) {
        let told = ResponseHead { status: answer.status, headers: answer.headers };
        let mut read = wire::read_response(route, &told, answer.body.as_bytes(), true);
        agents::refine_response(&mut read, &identity);
        problems.extend(read.problems);
        (answer_head, answer_body, response) = (Some(told), answer.body, Some(read.response));
    }
    Exchange {
        seq: line.seq,
        head,
        route,
        identity,
        request_body: line.body,
        request,
        answer_head,
        answer_body,
        response,
        problems,
    }
}

impl Exchange {
    /// What the author said, in order.
    pub(crate) fn author(&self) -> Vec<&str> {
        let messages = self.request.iter().flat_map(|request| &request.messages);
        messages.filter(|message| message.role == Role::User).flat_map(|message| texts(&message.parts)).collect()
    }

    /// Every tool call in request and answer.
    pub(crate) fn calls(&self) -> Vec<(&str, &Tool, &Value)> {
        let asked = self.request.iter().flat_map(|request| &request.messages).flat_map(|message| &message.parts);
        asked.chain(self.response.iter().flat_map(|response| &response.parts)).filter_map(call).collect()
    }
}

pub(crate) fn call(part: &Part) -> Option<(&str, &Tool, &Value)> {
    match part {
        Part::ToolCall { call_id, tool, arguments } => Some((call_id, tool, arguments)),
        _ => None,
    }
}

fn texts(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Text { text, origin: Origin::Author } => Some(text.as_str()),
        _ => None,
    })
}

/// An answer's text.
pub(crate) fn text(response: &ModelResponse) -> String {
    texts(&response.parts).collect()
}
