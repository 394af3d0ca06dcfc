//! A server over the fake store, and records to put into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;
use ursa_api::{ApiParts, ApiState, ContextReader, RuntimeCounters, RuntimeStats, UiFile, issue_token};
use ursa_model::event::Event;
use ursa_model::ids::{EventId, ExchangeId, SessionId};
use ursa_model::session::Session;
use ursa_model::time::Timestamp;
use ursa_store::{Role, StoreError};

use crate::fake::FakeStore;

pub(crate) const START: i64 = 1_795_392_000_000_000;
pub(crate) const ROLES: [Role; 4] = [Role::Admin, Role::Analyst, Role::Viewer, Role::Auditor];
/// Stands in every text of the sample record.
pub(crate) const SECRET: &str = "canary-7391";

struct Counters;

impl RuntimeStats for Counters {
    fn counters(&self) -> RuntimeCounters {
        RuntimeCounters {
            pending: 3,
            dropped: [("journal_full".to_owned(), 1), ("past_retention".to_owned(), 5)].into(),
            edge: [("exchanges".to_owned(), 7)].into(),
            journal: [("bytes".to_owned(), 9)].into(),
            collect: [("missing".to_owned(), 2)].into(),
        }
    }
}

struct Contexts;

impl ContextReader for Contexts {
    fn context(&self, event: EventId) -> Result<Option<Value>, StoreError> {
        let context =
            json!({"system": SECRET, "tools": [], "messages": [], "params": {}, "exact": true, "redactions": []});
        Ok((event == event_id("model_call")).then_some(context))
    }
}

pub(crate) struct Server {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) router: axum::Router,
    pub(crate) admin: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem of that status, and gives its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// A UI of two files.
static UI: [UiFile; 2] = [
    UiFile { path: "/index.html", media_type: "text/html; charset=utf-8", bytes: b"<title>desk</title>", gzip: None },
    UiFile { path: "/assets/a1.js", media_type: "text/javascript", bytes: b"plain", gzip: Some(b"gzipped") },
];

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(true, false)
    }

    pub(crate) fn with(loopback_only: bool, tls: bool) -> Self {
        let store = Arc::new(FakeStore::new());
        let clock = Arc::new(AtomicI64::new(START));
        let (shutdown, stopping) = watch::channel(false);
        let state = ApiState::new(ApiParts {
            store: store.clone(),
            runtime: Arc::new(Counters),
            context: Arc::new(Contexts),
            clock: {
                let clock = clock.clone();
                Arc::new(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)))
            },
            loopback_only,
            tls,
            ui: &UI,
            shutdown: stopping,
        });
        let router = ursa_api::router(state);
        let mut server = Self { store, clock, shutdown, router, admin: String::new() };
        server.admin = server.token(Role::Admin, None);
        server
    }

    pub(crate) fn token(&self, role: Role, expires_at: Option<i64>) -> String {
        let expires_at = expires_at.map(Timestamp::from_micros);
        issue_token(&*self.store, role, expires_at, Timestamp::from_micros(START)).unwrap().1
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        let request = request(Method::GET, &format!("/api/v1{path}"));
        self.send(request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.admin, path).await
    }

    pub(crate) async fn put_privacy(&self, body: &Value) -> Answer {
        let request = request(Method::PUT, "/api/v1/settings/privacy")
            .header("authorization", format!("Bearer {}", self.admin))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A session with one event of each kind.
    pub(crate) fn fill(&self) {
        self.store.add_session(session("one"));
        for event in sample_events() {
            self.store.append_event(event);
        }
    }
}

pub(crate) fn request(method: Method, url: &str) -> http::request::Builder {
    Request::builder().method(method).uri(url).header("host", "127.0.0.1:4680")
}

pub(crate) fn session_id(name: &str) -> SessionId {
    SessionId::derive(&[name.as_bytes()])
}

pub(crate) fn event_id(name: &str) -> EventId {
    EventId::derive(&[name.as_bytes()])
}

pub(crate) fn session(name: &str) -> Session {
    let at = Timestamp::from_micros(START);
    serde_json::from_value(json!({
        "id": session_id(name), "conversation_id": null, "thread_id": name, "parent_session_id": null,
        "agent": {"slug": "claude-code", "name": "Claude Code", "version": null, "kind": "terminal"},
        "user": null, "device": null, "title": format!("title {SECRET}"), "cwd": null, "repository": null,
        "started_at": at, "last_event_at": at, "status": "active", "models": [],
        "counts": {"prompts": 1, "completions": 1, "model_calls": 1, "tool_calls": 1, "tool_errors": 0, "mcp_calls": 0,
            "cli_calls": 1},
        "usage": {}, "channels": ["edge"], "mcp_servers": [], "completeness": {"complete": true, "gaps": []},
    }))
    .unwrap()
}

pub(crate) fn event(name: &str, rev: u64, body: &Value) -> Event {
    let at = Timestamp::from_micros(START + i64::try_from(rev).unwrap());
    let mut whole = json!({
        "id": event_id(name), "rev": rev, "session_id": session_id("one"), "seq": rev, "at": at, "turn": 1,
        "parent_event_id": null, "subagent_id": null,
        "witnesses": [{"channel": "edge", "capture_id": ExchangeId([7; 16]), "at": at}],
    });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

pub(crate) fn prompt(name: &str, rev: u64, text: &str) -> Event {
    event(name, rev, &json!({"kind": "prompt", "text": text, "attachments": []}))
}

pub(crate) fn sample_events() -> Vec<Event> {
    let usage = json!({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100});
    vec![
        event(
            "model_call",
            1,
            &json!({"kind": "model_call", "provider": "anthropic", "request_model": "m-1",
            "response_model": "m-1", "response_id": "msg_1", "purpose": "turn", "status_code": 200, "stream": true,
            "latency_ms": 12, "time_to_first_chunk_ms": 3, "usage": usage,
            "error": {"type": "overloaded_error", "message": SECRET}}),
        ),
        event(
            "prompt",
            2,
            &json!({"kind": "prompt", "text": SECRET, "attachments": [{"kind": "document",
            "text": SECRET, "name": SECRET, "reference": SECRET, "bytes": 3}]}),
        ),
        event("reasoning", 3, &json!({"kind": "reasoning", "text": SECRET})),
        event(
            "completion",
            4,
            &json!({"kind": "completion", "text": SECRET, "model": "m-1", "response_id": "msg_1",
            "finish_reason": "tool_use", "purpose": "turn"}),
        ),
        event(
            "tool_call",
            5,
            &json!({"kind": "tool_call", "tool": {"name": "Bash", "type": "builtin",
            "cli": {"program": "echo", "argv": ["echo", SECRET]}}, "call_id": "toolu_1",
            "arguments": {"command": SECRET}, "executed_arguments": {"command": SECRET},
            "result": [{"type": "text", "text": SECRET}], "detail": {"stdout": SECRET}, "is_error": false,
            "status": "completed", "started_at": null, "ended_at": null, "duration_ms": 4}),
        ),
    ]
}
