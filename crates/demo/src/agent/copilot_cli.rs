//! GitHub Copilot CLI with a provider of one's own.

use serde_json::json;
use uuid::Uuid;

use super::anthropic::Face;
use super::{stainless, tools};
use crate::script::Session;

pub(super) fn face(session: &Session, began: &str) -> Face {
    let mut headers = stainless("js", "0.94.0", "node", "unknown");
    headers.extend(
        [
            ("user-agent", "Anthropic/JS 0.94.0"),
            ("anthropic-version", "2023-06-01"),
            ("x-stainless-helper-method", "stream"),
            ("x-initiator", "agent"),
            ("x-api-key", "demo-key-of-nobody"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    // The session's id is told in the system prompt only, in the name of its folder.
    let about = format!(
        "<version_information>Version number: 1.0.102</version_information>\n\n* Current working directory: {}\n* \
         Session folder: /home/ben/.copilot/session-state/{}",
        session.cwd,
        Uuid::new_v4()
    );
    Face {
        headers,
        body: json!({
            "model": session.model, "max_tokens": 32_000,
            "system": [
                {"type": "text", "text": "You are the GitHub Copilot CLI, a terminal assistant built by GitHub."},
                {"type": "text", "text": about, "cache_control": {"type": "ephemeral"}},
            ],
            "tools": tools(&[
                "bash", "read_bash", "stop_bash", "list_bash", "view", "create", "edit", "grep", "glob", "task",
                "github-mcp-server-list_issues",
            ]),
            "temperature": 1, "thinking": {"type": "adaptive", "display": "summarized"}, "stream": true,
        }),
        opening: Vec::new(),
        before_prompt: format!("<current_datetime>{began}</current_datetime>\n\n"),
        environment: None,
        is_one_shot: false,
        base_tokens: 11_380,
        title: None,
        counts_tokens: false,
        subagent: None,
        hooks: None,
    }
}
