//! opencode.

use serde_json::{Value, json};

use super::anthropic::Face;
use super::{text_block, tools};
use crate::script::Session;
use crate::wire::fresh;

pub(super) fn face(session: &Session) -> Face {
    let id = fresh("ses_");
    let headers = [
        ("user-agent", "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14"),
        ("anthropic-version", "2023-06-01"),
        ("x-session-affinity", &id),
        ("x-session-id", &id),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("x-api-key", "demo-key-of-nobody"),
    ];
    let mut offered = tools(&["bash", "edit", "glob", "grep", "read", "task", "todowrite", "webfetch", "write"]);
    if let Some(offered) = offered.as_array_mut() {
        offered.push(json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 5}));
    }
    let system = format!(
        "You are OpenCode, a coding agent in the terminal.\n\n<env>\n  Working directory: {}\n  Platform: darwin\n</env>",
        session.cwd
    );
    Face {
        headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
        body: json!({
            "model": session.model, "max_tokens": 32_000,
            "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
            "tools": offered, "tool_choice": {"type": "auto"}, "stream": true,
        }),
        opening: Vec::new(),
        before_prompt: String::new(),
        environment: None,
        is_one_shot: false,
        base_tokens: 9_840,
        title: Some(title),
        counts_tokens: false,
        subagent: None,
        hooks: None,
    }
}

fn title(_: &Face, prompt: &str) -> Value {
    json!({
        "model": "claude-haiku-4-5-20251001", "max_tokens": 1024,
        "system": [text_block("You are a title generator. You output ONLY a thread title.")],
        "messages": [{"role": "user", "content": [
            text_block("Generate a title for this conversation:\n"), text_block(prompt)
        ]}],
        "stream": true,
    })
}
