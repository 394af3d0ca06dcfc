//! Upstreams that stand in the settings, through the real program: each documented kind is forwarded to a stand-in that
//! speaks its protocol under its paths, and recorded whole. Hand-made requests; the services themselves were not asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use ursa_testkit::api::{ApiClient, StoredSession};
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::upstream::{Upstream, UpstreamOptions};

const SETTLE_LIMIT: Duration = Duration::from_secs(30);
const PROMPT: &str = "RIG-PROMPT dir=/p tidy";

#[derive(Clone, Copy)]
enum Body {
    Chat,
    Messages,
    Gemini,
    Responses,
}

/// A kind of upstream: its name here, what stands in the settings behind the protocol, what a client asks for under
/// `/edge/{name}`, and the provider and the model that the record is to name.
struct Kind {
    name: &'static str,
    protocol: &'static str,
    prefix: &'static str,
    path: &'static str,
    body: Body,
    provider: &'static str,
    model: &'static str,
}

const GEMINI: &str = "/v1/projects/p/locations/l/publishers/google/models/gemini-x:streamGenerateContent?alt=sse";
const CLAUDE_ON_VERTEX: &str = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@1:streamRawPredict";
const CLAUDE_ON_BEDROCK: &str = "/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream";

const fn kind(name: &'static str, protocol: &'static str, prefix: &'static str, path: &'static str) -> Kind {
    Kind { name, protocol, prefix, path, body: Body::Chat, provider: "openai", model: "m" }
}

fn kinds() -> Vec<Kind> {
    let claude = |kind: Kind, provider, model| Kind { body: Body::Messages, provider, model, ..kind };
    let azure = kind("azure", "openai-responses", "", "/openai/deployments/my-gpt/chat/completions?api-version=1");
    let azure_responses = kind("azure-v1", "openai-responses", "/openai/v1", "/responses");
    let vertex = kind("vertex", "gemini", "", GEMINI);
    vec![
        kind("openrouter", "openai-chat", "/api/v1", "/chat/completions"),
        Kind { provider: "azure.ai.openai", ..azure },
        Kind { body: Body::Responses, ..azure_responses },
        claude(
            kind("bedrock", "anthropic-messages", "", CLAUDE_ON_BEDROCK),
            "aws.bedrock",
            "us.anthropic.claude-x-v1:0",
        ),
        claude(kind("vertex-claude", "anthropic-messages", "", CLAUDE_ON_VERTEX), "gcp.vertex_ai", "claude-x@1"),
        Kind { body: Body::Gemini, provider: "gcp.vertex_ai", model: "gemini-x", ..vertex },
        kind("ollama", "openai-chat", "", "/v1/chat/completions"),
        kind("vllm", "openai-chat", "/v1", "/chat/completions"),
    ]
}

fn body(kind: &Kind) -> Value {
    let schema = json!({"type": "object", "properties": {"command": {"type": "string"}}});
    let message = json!([{"role": "user", "content": PROMPT}]);
    match kind.body {
        Body::Chat => json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true}, "messages": message,
            "tools": [{"type": "function", "function": {"name": "bash", "parameters": schema}}],
        }),
        // The model stands in the path.
        Body::Messages => json!({
            "anthropic_version": "x", "max_tokens": 100, "messages": message,
            "tools": [{"name": "bash", "input_schema": schema}],
        }),
        Body::Gemini => json!({
            "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
            "tools": [{"functionDeclarations": [{"name": "bash", "parameters": schema}]}],
        }),
        Body::Responses => json!({
            "model": "m", "stream": true, "input": message,
            "tools": [{"type": "function", "name": "shell", "parameters": schema}],
        }),
    }
}

fn only<'a>(session: &'a StoredSession, kind: &'a str, name: &str) -> &'a Value {
    let events: Vec<&Value> = session.of_kind(kind).collect();
    let [event] = events.as_slice() else { panic!("{name}: {} of {kind}", events.len()) };
    event
}

fn is_recorded(kind: &Kind, session: &StoredSession) {
    let name = kind.name;
    let complete = &session.session["completeness"];
    assert_eq!(complete["complete"], true, "{name}: {complete}");
    assert_eq!(only(session, "prompt", name)["text"], PROMPT, "{name}");
    let call = only(session, "model_call", name);
    assert_eq!((&call["provider"], &call["request_model"]), (&json!(kind.provider), &json!(kind.model)), "{name}");
    assert_eq!((&call["stream"], &call["status_code"]), (&json!(true), &json!(200)), "{name}");
    assert!(call["usage"]["output_tokens"].as_u64().unwrap_or_default() > 0, "{name}: {call}");
    let text = only(session, "completion", name)["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("I'll look at the project first"), "{name}: {text}");
    let tool = only(session, "tool_call", name);
    assert!(tool["arguments"]["command"].to_string().contains("ls -la"), "{name}: {tool}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_upstream_is_recorded_by_its_line_in_the_settings() {
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let kinds = kinds();
    let base = upstream.base_url();
    let line = |kind: &Kind| format!("{} = \"{}+{base}{}\"\n", kind.name, kind.protocol, kind.prefix);
    let settings = format!("[edge.upstreams]\n{}", kinds.iter().map(line).collect::<String>());
    let data = tempfile::tempdir().unwrap();
    let data_dir = data.path().join("data");
    let options = ServerOptions { data_dir, upstreams: Vec::new(), config: Some(settings) };
    let server = UrsaServer::start(options).await.unwrap();
    let client = ApiClient::new(server.base_url(), "dummy-key-of-a-vendor");
    let api = server.api().await.unwrap();
    let mut known: Vec<String> = Vec::new();
    for kind in &kinds {
        let path = format!("/edge/{}{}", kind.name, kind.path);
        let (status, answer) = client.request(Method::POST, &path, Some(&body(kind))).await.unwrap();
        assert_eq!(status, 200, "{}: {}", kind.name, String::from_utf8_lossy(&answer));
        let sent = upstream.exchanges().pop().unwrap();
        assert_eq!(answer, sent.response_body, "{}: the client got other bytes", kind.name);
        let news = |sessions: &[StoredSession]| {
            let new = sessions.iter().any(|session| !known.iter().any(|id| session.session["id"] == id.as_str()));
            (!new).then(|| format!("{} made no session", kind.name))
        };
        let sessions = api.wait_for_sessions(SETTLE_LIMIT, news).await.unwrap();
        let id = |session: &StoredSession| session.session["id"].as_str().unwrap_or_default().to_owned();
        let new: Vec<_> = sessions.iter().filter(|session| !known.contains(&id(session))).collect();
        let [session] = new.as_slice() else { panic!("{}: {} new sessions", kind.name, new.len()) };
        is_recorded(kind, session);
        known.push(id(session));
    }
}
