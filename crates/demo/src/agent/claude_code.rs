//! Claude Code.

use serde_json::{Value, json};
use uuid::Uuid;

use super::anthropic::Face;
use super::hooks::Hooks;
use super::{stainless, text_block, tools};
use crate::script::Session;
use crate::stage::Stage;

const VERSION: &str = "2.1.330";
const BETA: &str = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27";
/// Not a credential: it has the place of one, so that it can be seen that the place is never recorded.
const KEY: &str = "demo-key-of-nobody";

pub(super) fn face(stage: &Stage, session: &Session) -> Face {
    let id = Uuid::new_v4().to_string();
    let mut headers = stainless("js", "0.128.0", "node", "v26.12.1");
    headers.extend(
        [
            ("user-agent", format!("claude-cli/{VERSION} (external, cli)").as_str()),
            ("x-claude-code-session-id", id.as_str()),
            ("anthropic-beta", BETA),
            ("anthropic-version", "2023-06-01"),
            ("x-app", "cli"),
            ("x-api-key", KEY),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    let user = json!({"device_id": Uuid::new_v4().simple().to_string(), "account_uuid": "", "session_id": id});
    let body = json!({
        "model": session.model,
        "system": system("cc_entrypoint=cli;", "You are an agent that works with the user toward their goals."),
        "tools": tools(&[
            "Agent", "Bash", "Edit", "Glob", "Grep", "Read", "Skill", "TodoWrite", "WebFetch", "Write",
            "mcp__github__create_issue", "mcp__github__list_issues",
        ]),
        "metadata": {"user_id": user.to_string()},
        "max_tokens": 128_000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "output_config": {"effort": "medium"},
        "stream": true,
    });
    Face {
        headers,
        body,
        opening: vec![
            text_block(reminder(&format!(
                "Codebase and user instructions are shown below.\n\nContents of {}/CLAUDE.md:\n\n# Notes\nRun the tests \
                 before you say that you are done.",
                session.cwd
            ))),
            text_block(reminder("# gitStatus\nCurrent branch: main\n\nStatus:\n(clean)")),
        ],
        before_prompt: String::new(),
        environment: Some(environment(session.cwd)),
        is_one_shot: false,
        base_tokens: 14_210,
        title: Some(title),
        counts_tokens: true,
        subagent: Some(subagent),
        hooks: session.hooks.then(|| Hooks::new(stage, session, id)),
    }
}

fn system(entry: &str, instructions: &str) -> Value {
    json!([
        {"type": "text", "text": format!("x-anthropic-billing-header: cc_version={VERSION}.71e; {entry}")},
        {
            "type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude.",
            "cache_control": {"type": "ephemeral"}
        },
        {"type": "text", "text": instructions, "cache_control": {"type": "ephemeral"}},
    ])
}

fn reminder(text: &str) -> String {
    format!("<system-reminder>\n{text}\n</system-reminder>")
}

fn environment(cwd: &str) -> Value {
    let text = format!(
        "# Environment\n - Primary working directory: {cwd}\n - Is a git repository: true\n - Platform: linux\n - Shell: \
         bash"
    );
    json!({"role": "system", "content": text, "output_config": {"effort": "medium"}})
}

/// A call to a small model, with a schema for the answer.
fn title(face: &Face, prompt: &str) -> Value {
    json!({
        "model": "claude-haiku-4-5-20251001",
        "system": system("cc_entrypoint=cli;", "You are naming a coding session so that the user finds it again."),
        "messages": [{"role": "user", "content": [text_block(format!("<session>\n{prompt}\n</session>"))]}],
        "tools": [],
        "metadata": face.body["metadata"],
        "max_tokens": 512,
        "output_config": {"format": {"type": "json_schema", "schema": {
            "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"],
            "additionalProperties": false
        }}},
        "stream": true,
    })
}

/// The same session, with the header that names the subagent.
fn subagent(parent: &Face, id: &str) -> Face {
    let mut face = parent.clone();
    face.headers.push(("x-claude-code-agent-id", id.to_owned()));
    face.body["system"] =
        system("cc_entrypoint=cli; cc_is_subagent=true;", "You are an agent for Claude Code. Report what you found.");
    face.body["tools"] = tools(&["Bash", "Glob", "Grep", "Read"]);
    face.opening = vec![text_block(reminder("# gitStatus\nCurrent branch: main\n\nStatus:\n(clean)"))];
    face.environment = None;
    face.hooks = parent.hooks.as_ref().map(|hooks| hooks.of_subagent(id));
    face.base_tokens = 5_130;
    face
}
