//! Wire protocols: what a model call's bodies say, in words that no protocol owns.

pub mod anthropic_messages;
mod attachment;
mod cache_control;
mod calls;
mod events;
pub mod gemini;
pub(crate) mod json;
pub mod openai_chat;
pub mod openai_responses;
pub(crate) mod problems;
mod recall;
pub mod responses_socket;
pub mod sse;
pub mod websocket;

use ursa_model::capture::ResponseHead;
use ursa_model::message::{CallError, ModelRequest, ModelResponse, Part, Problem};

pub(crate) use calls::canonical_arguments;
pub use calls::{is_made_id, told_id};
use problems::Problems;
pub use recall::Recall;

use crate::route::{Route, cloud_in_path, model_in_path, streams_by_path};

/// Reads the body of a request, content encoding taken off. `None` when it cannot be read at all; a problem says why.
/// `path` is the request's, which in some protocols names the model.
pub fn read_request(route: Route, path: &str, body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    read_next_request(route, path, body, &Recall::default())
}

/// As [`read_request`], of one request among many: what others carried before is not parsed again. The result is the same.
pub fn read_next_request(
    route: Route,
    path: &str,
    body: &[u8],
    recall: &Recall,
) -> (Option<ModelRequest>, Vec<Problem>) {
    let (mut request, problems) = match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => anthropic_messages::read_next_request(body, recall),
        Route::GeminiGenerate | Route::GeminiStream | Route::GeminiCountTokens => gemini::read_request(body),
        Route::OpenAiChat => openai_chat::read_request(body),
        Route::OpenAiResponses | Route::OpenAiCompact => openai_responses::read_next_request(body, recall),
    };
    if let Some(request) = &mut request {
        request.model = request.model.take().or_else(|| model_in_path(path));
        request.stream |= streams_by_path(path);
    }
    (request, problems)
}

/// Reads the body of an answer, content encoding taken off. `whole` is whether the transfer came to its end.
pub fn read_response(route: Route, head: &ResponseHead, body: &[u8], whole: bool) -> Reading {
    let content_type = head.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    let answer = Answer { status: head.status, content_type, body, whole };
    match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => anthropic_messages::read_response(&answer).into(),
        Route::GeminiGenerate | Route::GeminiStream | Route::GeminiCountTokens => gemini::read_response(&answer),
        Route::OpenAiChat => openai_chat::read_response(&answer),
        Route::OpenAiResponses | Route::OpenAiCompact => openai_responses::read_response(&answer).into(),
    }
}

/// The provider's name in events, in OpenTelemetry's words: a cloud by its paths; for an upstream of one's own, whose
/// protocol it speaks.
pub fn provider(route: Route, path: &str) -> &'static str {
    if let Some(cloud) = cloud_in_path(path) {
        return cloud;
    }
    match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => "anthropic",
        Route::GeminiGenerate | Route::GeminiStream | Route::GeminiCountTokens => "gcp.gemini",
        Route::OpenAiChat | Route::OpenAiResponses | Route::OpenAiCompact => "openai",
    }
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The answer: its only choice, or the first one.
    pub response: ModelResponse,
    /// The other choices, where several were asked for. Any of them may be the one that the conversation goes on with.
    pub others: Vec<Choice>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// One of several answers that one call gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// Its blocks in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish_reason: Option<String>,
}

impl Reading {
    fn new(mut response: ModelResponse, choices: Vec<Choice>, problems: Problems) -> Self {
        let mut choices = choices.into_iter();
        if let Some(first) = choices.next() {
            response.parts = first.parts;
            response.finish_reason = first.finish_reason;
        }
        let others = choices.filter(|choice| !choice.parts.is_empty()).collect();
        Self { response, others, problems: problems.finish() }
    }
}

impl From<(ModelResponse, Vec<Problem>)> for Reading {
    fn from((response, problems): (ModelResponse, Vec<Problem>)) -> Self {
        Self { response, others: Vec::new(), problems }
    }
}

/// An answer as it came.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status code.
    pub status: u16,
    /// `content-type`, if told.
    pub content_type: Option<&'a str>,
    /// The body, content encoding taken off.
    pub body: &'a [u8],
    /// Whether the transfer came to its end.
    pub whole: bool,
}

enum Form {
    Json,
    Events,
    Other,
}

impl Answer<'_> {
    /// JSON or a stream of events: by the body's first bytes, which cannot be both, else by `content-type`.
    fn form(&self) -> Form {
        let body = json::without_bom(self.body).trim_ascii_start();
        if body.starts_with(b"{") || body.starts_with(b"[") {
            return Form::Json;
        }
        if [&b"event:"[..], b"data:", b"id:", b"retry:", b":"].iter().any(|field| body.starts_with(field)) {
            return Form::Events;
        }
        match self.content_type {
            Some(told) if told.contains("text/event-stream") => Form::Events,
            Some(told) if told.contains("json") => Form::Json,
            _ => Form::Other,
        }
    }

    /// An answer that is neither JSON nor events: a gateway's error page, or nothing.
    fn unreadable(&self, problems: &mut Problems) -> ModelResponse {
        let error =
            (self.status >= 400).then(|| CallError { kind: format!("http_{}", self.status), message: String::new() });
        if !self.whole {
            problems.note("truncated", "the answer was cut before it could be read");
        } else if error.is_none() || !self.body.is_empty() {
            let detail = format!("status {}, {} bytes neither JSON nor events", self.status, self.body.len());
            problems.note("unparsed_response", detail);
        }
        ModelResponse { error, ..ModelResponse::default() }
    }

    /// An answer that should be JSON and is not: cut short, or garbled.
    fn garbled(&self, error: &serde_json::Error, problems: &mut Problems) -> ModelResponse {
        if error.is_eof() {
            problems.note("truncated", format!("the JSON answer is cut short after {} bytes", self.body.len()));
        } else {
            problems.note("parse_failed", json::reason(error));
        }
        let error =
            (self.status >= 400).then(|| CallError { kind: format!("http_{}", self.status), message: String::new() });
        ModelResponse { error, ..ModelResponse::default() }
    }
}
