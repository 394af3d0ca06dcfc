//! Wire protocols: what a model call's bodies say, in words that no protocol owns.

pub mod anthropic_messages;
mod json;
pub mod openai_responses;
mod problems;
pub mod responses_socket;
pub mod sse;
pub mod websocket;

use ursa_model::capture::ResponseHead;
use ursa_model::message::{CallError, ModelRequest, ModelResponse, Problem};

use problems::Problems;

use crate::route::Route;

/// Reads the body of a request, content encoding taken off. `None` when it cannot be read at all; a problem says why.
pub fn read_request(route: Route, body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => anthropic_messages::read_request(body),
        Route::OpenAiResponses => openai_responses::read_request(body),
    }
}

/// Reads the body of an answer, content encoding taken off. `whole` is whether the transfer came to its end.
pub fn read_response(route: Route, head: &ResponseHead, body: &[u8], whole: bool) -> (ModelResponse, Vec<Problem>) {
    let content_type = head.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    let answer = Answer { status: head.status, content_type, body, whole };
    match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => anthropic_messages::read_response(&answer),
        Route::OpenAiResponses => openai_responses::read_response(&answer),
    }
}

/// The provider's name in events.
pub const fn provider(route: Route) -> &'static str {
    match route {
        Route::AnthropicMessages | Route::AnthropicCountTokens => "anthropic",
        Route::OpenAiResponses => "openai",
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
        if body.starts_with(b"{") {
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
