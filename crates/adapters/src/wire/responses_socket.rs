//! OpenAI's Responses API over WebSocket, as Codex speaks it: one connection carries the calls of a thread, one after
//! the other.
//!
//! The client sends `response.create`, which is the body of `POST …/responses` with a `type`, often with nothing but
//! what is new and a `previous_response_id`. The server answers with the events that it would stream over HTTP, one a
//! message. So a call is given out in the form that it would have had over HTTP, and everything behind reads one form.

use std::collections::VecDeque;

use serde_json::Value;
use ursa_model::time::Timestamp;

use super::json;
use super::problems::Problems;
use crate::route::{Protocol, Route};

/// Most calls that wait for an answer on one connection. The server answers one at a time; past the limit the oldest is
/// given out as it stands.
pub const CALLS_WAITING_LIMIT: usize = 16;

/// Most bytes of events that are kept of one call; more are counted as cut.
pub const ANSWER_BYTES_LIMIT: usize = 32 << 20;

/// Events that end an answer.
const LAST_EVENTS: &[&str] = &["response.completed", "response.incomplete", "response.failed", "response.cancelled"];

/// The route of the calls that an upgraded connection carries, by its handshake. `None` when no adapter reads them.
pub fn route(protocol: Protocol, method: &str, path: &str, upgrade: &str) -> Option<Route> {
    if method != "GET" || !upgrade.trim().eq_ignore_ascii_case("websocket") {
        return None;
    }
    Route::find(protocol, "POST", path).filter(|route| *route == Route::OpenAiResponses)
}

/// One call, in the form that it would have over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its place among the calls of the connection, from 0.
    pub number: u64,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Body of the request.
    pub request: Vec<u8>,
    /// HTTP status that the answer would have.
    pub status: u16,
    /// `content-type` that the answer would have.
    pub content_type: &'static str,
    /// Body of the answer, as far as it came.
    pub answer: Vec<u8>,
    /// When the first of it came.
    pub answered_at: Option<Timestamp>,
    /// When the last of it came.
    pub last_at: Timestamp,
    /// True when its last event came.
    pub ended: bool,
    /// Bytes of the answer past [`ANSWER_BYTES_LIMIT`].
    pub cut_bytes: u64,
}

/// What a message of the client's was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A call began.
    Call,
    /// A call began although too many waited: the oldest of them, unanswered.
    CallTooMany(Box<Call>),
    /// Something else: no call.
    Other,
    /// It cannot be read; it may have been a call.
    Unreadable,
}

/// Follows the calls of one connection.
#[derive(Debug, Default)]
pub struct Calls {
    begun: u64,
    waiting: VecDeque<Call>,
}

impl Calls {
    /// Goes on where `begun` calls had begun and all had ended.
    pub fn after(begun: u64) -> Self {
        Self { begun, waiting: VecDeque::new() }
    }

    /// Calls that have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// The calls that wait for the end of their answer, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Call> {
        self.waiting.iter()
    }

    /// Bytes that are held.
    pub fn held_bytes(&self) -> usize {
        self.waiting.iter().map(|call| call.request.len() + call.answer.len()).sum()
    }

    /// The client sent a message.
    pub fn asked(&mut self, message: Vec<u8>, at: Timestamp) -> Asked {
        let mut problems = Problems::default();
        let Ok(Value::Object(mut body)) = json::parse(&message, &mut problems) else { return Asked::Unreadable };
        if body.get("type").and_then(Value::as_str) != Some("response.create") {
            return Asked::Other;
        }
        // Over HTTP the path says what the `type` says here. What had to be repaired stays as it came, for the reader of
        // the request to tell.
        let request = if problems.finish().is_empty() {
            body.shift_remove("type");
            Value::Object(body).to_string().into_bytes()
        } else {
            message
        };
        let call = Call {
            number: self.begun,
            asked_at: at,
            request,
            status: 200,
            content_type: "text/event-stream",
            answer: Vec::new(),
            answered_at: None,
            last_at: at,
            ended: false,
            cut_bytes: 0,
        };
        self.begun += 1;
        self.waiting.push_back(call);
        let too_many = self.waiting.len() > CALLS_WAITING_LIMIT;
        let oldest = if too_many { self.waiting.pop_front() } else { None };
        oldest.map_or(Asked::Call, |oldest| Asked::CallTooMany(Box::new(oldest)))
    }

    /// The server sent a message. Gives the call that it ends.
    pub fn answered(&mut self, message: &[u8], at: Timestamp) -> Option<Call> {
        // Between calls come limits and the like, which belong to none.
        let call = self.waiting.front_mut()?;
        let event = json::parse(message, &mut Problems::default()).unwrap_or_default();
        let kind = json::text(&event, "type");
        call.answered_at.get_or_insert(at);
        call.last_at = at;
        call.ended = kind == "error" || LAST_EVENTS.contains(&kind);
        match refusal(&event).filter(|_| kind == "error" && call.answer.is_empty()) {
            Some(status) => {
                call.status = status;
                call.content_type = "application/json";
                call.answer = message.to_vec();
            }
            None => call.add_event(message),
        }
        if call.ended { self.waiting.pop_front() } else { None }
    }

    /// The server sent a message that was passed over.
    pub fn passed_over(&mut self, bytes: u64) {
        if let Some(call) = self.waiting.front_mut() {
            call.cut_bytes += bytes;
        }
    }

    /// The calls whose answers will not end any more.
    pub fn unanswered(&mut self) -> Vec<Call> {
        self.waiting.drain(..).collect()
    }
}

impl Call {
    /// Adds an event as HTTP would stream it.
    fn add_event(&mut self, message: &[u8]) {
        if self.answer.len() + message.len() > ANSWER_BYTES_LIMIT {
            self.cut_bytes += message.len() as u64;
            return;
        }
        self.answer.extend_from_slice(b"data: ");
        // Line ends are blanks in JSON, and would end the field here.
        self.answer.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        self.answer.extend_from_slice(b"\n\n");
    }
}

/// The status with which the server refuses a call before it began to answer.
fn refusal(event: &Value) -> Option<u16> {
    let told = event.get("status").or_else(|| event.get("status_code"))?.as_u64()?;
    u16::try_from(told).ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn create(input: &str) -> Vec<u8> {
        format!(r#"{{"type":"response.create","model":"gpt-5.5","input":"{input}"}}"#).into_bytes()
    }

    #[test]
    fn a_call_has_the_form_that_it_has_over_http() {
        let mut calls = Calls::default();
        assert_eq!(calls.answered(br#"{"type":"codex.rate_limits"}"#, at(0)), None);
        assert_eq!(calls.asked(create("hi"), at(1)), Asked::Call);
        assert_eq!(calls.answered(b"{\"type\":\n\"response.created\"}", at(2)), None);
        let call = calls.answered(br#"{"type":"response.completed"}"#, at(3)).unwrap();
        assert_eq!(String::from_utf8(call.request).unwrap(), r#"{"model":"gpt-5.5","input":"hi"}"#);
        let events = "data: {\"type\": \"response.created\"}\n\ndata: {\"type\":\"response.completed\"}\n\n";
        assert_eq!(String::from_utf8(call.answer).unwrap(), events);
        assert_eq!((call.number, call.status, call.ended), (0, 200, true));
        assert_eq!((call.asked_at, call.answered_at, call.last_at), (at(1), Some(at(2)), at(3)));
        assert_eq!((calls.begun(), calls.waiting().count(), calls.held_bytes()), (1, 0, 0));
    }

    #[test]
    fn errors_end_a_call() {
        let refused = br#"{"type":"error","status":429,"error":{"type":"usage_limit_reached","message":"later"}}"#;
        let mut calls = Calls::after(4);
        assert_eq!(calls.answered(refused, at(0)), None, "no call is open");
        calls.asked(create("one"), at(1));
        let call = calls.answered(refused, at(2)).unwrap();
        assert_eq!((call.number, call.status, call.content_type), (4, 429, "application/json"));
        assert_eq!(call.answer, refused);
        calls.asked(create("two"), at(3));
        calls.answered(br#"{"type":"response.created"}"#, at(4));
        let call = calls.answered(refused, at(5)).unwrap();
        assert_eq!((call.status, call.content_type, call.ended), (200, "text/event-stream", true));
        calls.asked(create("three"), at(6));
        assert!(calls.answered(br#"{"type":"response.failed","response":{}}"#, at(7)).is_some());
    }

    #[test]
    fn what_is_no_call_begins_none() {
        let mut calls = Calls::default();
        assert_eq!(calls.asked(br#"{"type":"response.processed"}"#.to_vec(), at(0)), Asked::Other);
        for unreadable in [&b"{"[..], b"[]", b"\xff"] {
            assert_eq!(calls.asked(unreadable.to_vec(), at(0)), Asked::Unreadable);
        }
        let lossy = b"{\"type\":\"response.create\",\"input\":\"\\ud83d\"}".to_vec();
        assert_eq!(calls.asked(lossy.clone(), at(0)), Asked::Call);
        assert_eq!(calls.unanswered().pop().unwrap().request, lossy);
    }

    #[test]
    fn calls_are_answered_in_their_order_and_within_bounds() {
        let mut calls = Calls::default();
        for number in 0..CALLS_WAITING_LIMIT {
            assert_eq!(calls.asked(create(&number.to_string()), at(0)), Asked::Call);
        }
        let Asked::CallTooMany(oldest) = calls.asked(create("more"), at(1)) else { panic!("one too many") };
        assert_eq!((oldest.number, oldest.ended), (0, false));
        let big = format!(r#"{{"type":"response.output_text.delta","delta":"{}"}}"#, "x".repeat(ANSWER_BYTES_LIMIT));
        calls.answered(big.as_bytes(), at(2));
        let call = calls.answered(br#"{"type":"response.completed"}"#, at(3)).unwrap();
        assert_eq!((call.number, call.cut_bytes), (1, big.len() as u64));
        assert_eq!(calls.unanswered().len(), CALLS_WAITING_LIMIT - 1);
    }

    #[test]
    fn only_responses_over_websocket_are_read() {
        let find = |method, path, upgrade| route(Protocol::OpenAi, method, path, upgrade);
        assert_eq!(find("GET", "/v1/responses", "WebSocket"), Some(Route::OpenAiResponses));
        assert_eq!(find("GET", "/v1/responses", "h2c"), None);
        assert_eq!(find("POST", "/v1/responses", "websocket"), None);
        assert_eq!(find("GET", "/v1/realtime", "websocket"), None);
        assert_eq!(route(Protocol::AnthropicMessages, "GET", "/v1/messages", "websocket"), None);
    }
}
