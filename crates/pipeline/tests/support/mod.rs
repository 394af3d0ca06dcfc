//! Exchanges as the journal would give them, and the record that follows from them.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::needless_pass_by_value)]

pub mod recording;
pub mod socket;
pub mod talk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use ursa_model::capture::{CaptureEnd, CaptureHead, EndReason, Principal, ResponseHead};
use ursa_model::event::{Event, EventBody};
use ursa_model::ids::{EnvironmentId, ExchangeId};
use ursa_model::session::Session;
use ursa_model::time::Timestamp;
use ursa_pipeline::{Exchange, Pipeline, PipelineSettings};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{SessionFilter, Store};

/// 2026-11-23T10:00:00Z.
pub const START: i64 = 1_795_428_000_000_000;

/// A store and the pipeline over it.
pub struct Record {
    pub store: Arc<dyn Store>,
    pub pipeline: Pipeline,
    dir: TempDir,
}

impl Record {
    pub fn new() -> Self {
        Self::keeping(false)
    }

    pub fn keeping(metadata_only: bool) -> Self {
        Self::within(tempfile::tempdir().unwrap(), metadata_only)
    }

    /// Over what is in the folder.
    pub fn within(dir: TempDir, metadata_only: bool) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), &[7; 32]).unwrap());
        let settings = PipelineSettings {
            environment: EnvironmentId::default_environment(),
            masking_key: [9; 32],
            keep_processed_seconds: 0,
            metadata_only: Arc::new(move || metadata_only),
        };
        let pipeline = Pipeline::new(Arc::clone(&store), settings).unwrap();
        Self { store, pipeline, dir }
    }

    /// Each exchange in a batch of its own.
    pub fn of(exchanges: &[Exchange]) -> Self {
        let record = Self::new();
        for exchange in exchanges {
            record.add(std::slice::from_ref(exchange));
        }
        record
    }

    pub fn add(&self, exchanges: &[Exchange]) {
        self.pipeline.run(exchanges, &[], Timestamp::from_micros(START + 3_600_000_000), None).unwrap();
    }

    pub fn sessions(&self) -> Vec<Session> {
        let now = Timestamp::from_micros(START + 7_200_000_000);
        self.store.sessions(&SessionFilter::default(), 500, None, now).unwrap().items
    }

    pub fn only_session(&self) -> Session {
        let sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "{sessions:#?}");
        sessions.into_iter().next().unwrap()
    }

    pub fn events(&self, session: &Session) -> Vec<Event> {
        self.store.timeline(session.id, 10_000, None).unwrap().items
    }

    /// What can be compared between records of the same exchanges in another order.
    pub fn told(&self) -> Vec<(String, Vec<String>)> {
        let mut told: Vec<(String, Vec<String>)> = self
            .sessions()
            .iter()
            .map(|session| {
                let mut events: Vec<String> = self.events(session).iter().map(line).collect();
                events.sort();
                (format!("{:?} {:?}", session.conversation_id, session.counts), events)
            })
            .collect();
        told.sort();
        told
    }

    pub fn prompts(&self, session: &Session) -> Vec<String> {
        self.events(session)
            .into_iter()
            .filter_map(|event| match event.body {
                EventBody::Prompt { text, .. } => Some(text),
                _ => None,
            })
            .collect()
    }

    pub fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

/// An event in a line, without ids that differ between captures.
pub fn line(event: &Event) -> String {
    let thread = event.subagent_id.as_deref().unwrap_or("main");
    match &event.body {
        EventBody::Prompt { text, .. } => format!("{thread} prompt {text}"),
        EventBody::Completion { text, response_id, purpose, .. } => {
            format!("{thread} completion {purpose:?} {response_id:?} {text}")
        }
        EventBody::Reasoning { text } => format!("{thread} reasoning {text}"),
        EventBody::ToolCall(call) => {
            format!(
                "{thread} tool {} {:?} {:?} {:?} {:?}",
                call.call_id, call.tool.name, call.arguments, call.result, call.status
            )
        }
        EventBody::ModelCall(call) => {
            format!("{thread} call {:?} {:?} {:?} {:?}", call.purpose, call.status_code, call.response_id, call.usage)
        }
        body => format!("{thread} {body:?}"),
    }
}

static NEXT: AtomicU8 = AtomicU8::new(1);

/// One exchange with Anthropic Messages.
pub struct Ask {
    pub session: Option<&'static str>,
    pub agent: Option<&'static str>,
    pub user: Option<&'static str>,
    pub body: Value,
    pub at: i64,
}

/// A request with these messages, `at` seconds after the start.
pub fn ask(at: i64, messages: Value) -> Ask {
    let tools = json!([{"name": "Bash", "input_schema": {"type": "object"}}]);
    let body =
        json!({"model": "claude-opus-5-5", "max_tokens": 1000, "messages": messages, "tools": tools, "stream": false});
    Ask { session: None, agent: None, user: None, body, at }
}

impl Ask {
    pub fn session(mut self, session: &'static str) -> Self {
        self.session = Some(session);
        self
    }

    pub fn agent(mut self, agent: &'static str) -> Self {
        self.agent = Some(agent);
        self
    }

    pub fn user(mut self, user: &'static str) -> Self {
        self.user = Some(user);
        self
    }

    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.body[key] = value;
        self
    }

    /// Answered with these blocks.
    pub fn answered(self, id: &str, content: Value) -> Exchange {
        let stop = if content.as_array().is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_use")) {
            "tool_use"
        } else {
            "end_turn"
        };
        let body = json!({
            "id": id, "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content,
            "stop_reason": stop, "usage": {"input_tokens": 10, "output_tokens": 5},
        });
        self.ended(200, &body, &format!("req_{id}"))
    }

    /// Refused with this status.
    pub fn failed(self, status: u16, kind: &str) -> Exchange {
        let number = NEXT.load(Ordering::SeqCst);
        let body = json!({"type": "error", "error": {"type": kind, "message": "not now"}});
        self.ended(status, &body, &format!("req_failed_{number:08}"))
    }

    fn ended(self, status: u16, body: &Value, request_id: &str) -> Exchange {
        let id = ExchangeId([NEXT.fetch_add(1, Ordering::SeqCst); 16]);
        let at = Timestamp::from_micros(START + self.at * 1_000_000);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![pair("content-type", "application/json"), pair("anthropic-version", "2023-06-01")];
        match self.session {
            Some(session) => {
                headers.push(pair("user-agent", "claude-cli/2.1.330 (external, cli)"));
                headers.push(pair("x-claude-code-session-id", session));
            }
            None => headers.push(pair("user-agent", "Anthropic/Python 2.12.0")),
        }
        headers.extend(self.agent.map(|agent| pair("x-claude-code-agent-id", agent)));
        let response = body.to_string().into_bytes();
        Exchange {
            id,
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
                reported_user: self.user.map(str::to_owned),
                reported_device: None,
                bodies_kept: true,
                upgrade: false,
                credentials: Vec::new(),
            },
            at,
            request: self.body.to_string().into_bytes(),
            request_whole: true,
            response_head: Some((
                at.plus_micros(100_000),
                ResponseHead {
                    status,
                    headers: vec![pair("content-type", "application/json"), pair("request-id", request_id)],
                },
            )),
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

/// A user message with this text.
pub fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// An assistant message with this text.
pub fn said(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}]})
}

/// Text blocks of an answer.
pub fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}
