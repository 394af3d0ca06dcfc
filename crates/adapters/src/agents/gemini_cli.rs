//! Gemini CLI.

use serde_json::Value;
use ursa_model::ids::{hash_parts, hex};
use ursa_model::message::{AgentKind, Identity, ModelRequest, Part, Purpose, Role};

use super::evidence::{Evidence, Strength, line_after};
use super::{Agent, Marker, McpName, no_spawned};

/// What is known of Gemini CLI. With an API key its requests carry no session id; signed in, Code Assist's wrapper does.
pub(super) const AGENT: Agent = Agent {
    slug: "gemini-cli",
    name: "Gemini CLI",
    kind: AgentKind::Terminal,
    recognise,
    identify,
    purpose,
    markers: &[
        Marker::OwnTag("session_context"),
        // Before it had a tag.
        Marker::OwnOpening("This is the Gemini CLI. We are setting up the context for our chat."),
    ],
    mcp_name,
    spawned: no_spawned,
};

fn recognise(evidence: &Evidence<'_>) -> Option<Strength> {
    if evidence.system_begins("You are Gemini CLI") {
        return Some(Strength::SystemPrompt);
    }
    evidence.user_agent().starts_with("GeminiCLI").then_some(Strength::UserAgent)
}

/// `GeminiCLI-tui/<version>/<model> (…)`.
fn identify(evidence: &Evidence<'_>, identity: &mut Identity) {
    let product = evidence.user_agent().split('/').next().unwrap_or_default();
    identity.agent_version = evidence.user_agent_version(product);
    identity.cwd = evidence.user_texts().find_map(|text| {
        line_after(text, "Workspace Directories:**\n  - ")
            .or_else(|| line_after(text, "I'm currently working in the directory: "))
    });
    let session = evidence.param("session_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    identity.conversation = session.map(|id| (AGENT.slug.to_owned(), id.to_owned()));
    // A subagent has its parent's session and no id. Its task opens each of its requests, and keeps its prompts apart
    // from the parent's. Without a session its requests are a conversation of their own.
    if session.is_some() && is_subagent(evidence) {
        let task = evidence.user_texts().next().unwrap_or_default();
        identity.subagent_id = Some(format!("task-{}", hex(&hash_parts("gemini-cli task 1", &[task.as_bytes()]))));
    }
}

/// The project's folder of temporary files: it is told to the model, and every hook tells it in its transcript's path.
pub(super) fn place(request: &ModelRequest) -> Option<String> {
    let texts = request.messages.iter().filter(|message| message.role == Role::User).flat_map(|message| &message.parts);
    texts
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .find_map(|text| line_after(text, "The project's temporary directory is: "))
}

fn is_subagent(evidence: &Evidence<'_>) -> bool {
    evidence.offers(&["complete_task"]) && !evidence.offers(&["invoke_agent"])
}

/// Its own questions have no tools: which model to take and the like, for which it wants JSON, and compaction.
fn purpose(evidence: &Evidence<'_>) -> Option<Purpose> {
    if !evidence.offers_no_tools() {
        return None;
    }
    let is_summary = [
        "You are a specialized system component responsible for distilling chat history",
        "You are the component that summarizes internal chat history",
    ]
    .into_iter()
    .any(|opening| evidence.system_begins(opening));
    if is_summary {
        return Some(Purpose::Summary);
    }
    let wants_json = ["responseJsonSchema", "responseSchema"].into_iter().any(|key| evidence.setting(key).is_some());
    wants_json.then_some(Purpose::Other)
}

/// `mcp_<server>_<tool>`. Where a name has more underscores, where the server's name ends is not told, and is left open.
fn mcp_name(name: &str) -> Option<McpName<'_>> {
    let (server, tool) = name.strip_prefix("mcp_")?.split_once('_')?;
    if tool.contains('_') {
        return Some((None, None));
    }
    Some((Some(server), Some(tool))).filter(|_| !server.is_empty() && !tool.is_empty())
}
