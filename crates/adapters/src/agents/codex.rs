//! Codex: the terminal program, its editor extension and its desktop program.

use serde_json::Value;
use ursa_model::message::{AgentKind, Identity, Message, Purpose};
use ursa_model::shared::Shared;

use super::evidence::{Evidence, Strength, between, version_after};
use super::{Agent, Marker, no_mcp_name, results};

/// What is known of Codex.
pub(super) const AGENT: Agent = Agent {
    slug: "codex",
    name: "Codex",
    kind: AgentKind::Terminal,
    recognise,
    identify,
    purpose,
    markers: MARKERS,
    mcp_name: no_mcp_name,
    spawned,
};

const MARKERS: &[Marker] = &[
    Marker::Tag("environment_context"),
    Marker::OwnTag("user_instructions"),
    Marker::Tag("subagent_notification"),
    Marker::Tag("turn_aborted"),
    Marker::OwnTag("INSTRUCTIONS"),
    Marker::OwnTag("skill"),
    Marker::OwnTag("user_shell_command"),
    Marker::OwnOpening("# AGENTS.md instructions"),
    Marker::OwnOpening("Another language model started to solve this problem and produced a summary"),
    Marker::OwnHeader("Message Type: NEW_TASK\n", "Payload:\n"),
    Marker::OwnOpening("Message Type: "),
];

fn is_codex(name: &str) -> bool {
    name.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("codex"))
}

fn recognise(evidence: &Evidence<'_>) -> Option<Strength> {
    if evidence.has_header_like("x-codex-") || evidence.header("originator").is_some_and(is_codex) {
        return Some(Strength::OwnHeader);
    }
    if evidence.param("client_metadata").is_some_and(|told| told.get("x-codex-installation-id").is_some()) {
        return Some(Strength::BodyField);
    }
    if evidence.system_begins("You are Codex, a coding agent") {
        return Some(Strength::SystemPrompt);
    }
    if evidence.offers(&["exec_command", "write_stdin", "apply_patch"]) {
        return Some(Strength::ToolNames);
    }
    is_codex(evidence.user_agent()).then_some(Strength::UserAgent)
}

fn identify(evidence: &Evidence<'_>, identity: &mut Identity) {
    let agent = evidence.user_agent();
    if is_codex(agent) {
        let product = agent.split('/').next().unwrap_or_default();
        identity.agent_version = version_after(agent, product);
    }
    let turn = turn_metadata(evidence);
    identity.turn = turn.and_then(|turn| Some(turn.get("turn_id")?.as_str()?.to_owned())).filter(|id| !id.is_empty());
    let session = told(evidence, "session-id", "session_id");
    let thread = told(evidence, "thread-id", "thread_id");
    identity.subagent_id = thread.filter(|thread| session.as_ref().is_some_and(|session| session != thread));
    identity.conversation = session.map(|session| (AGENT.slug.to_owned(), session));
    identity.cwd = evidence.user_texts().find_map(|text| {
        let cwd = between(between(text, "<environment_context>", "</environment_context>")?, "<cwd>", "</cwd>")?;
        Some(cwd.to_owned())
    });
    let front = evidence.header("originator").unwrap_or(agent).to_ascii_lowercase();
    if ["vscode", "desktop", "app"].iter().any(|kind| front.contains(kind)) {
        identity.agent_kind = AgentKind::Desktop;
    }
}

/// From the header, else from the body's metadata, else from the turn's.
fn told(evidence: &Evidence<'_>, header: &str, key: &str) -> Option<String> {
    let metadata = || Some(evidence.param("client_metadata")?.get(key)?.as_str()?.to_owned());
    let turn = || Some(turn_metadata(evidence)?.get(key)?.as_str()?.to_owned());
    evidence.header(header).map(str::to_owned).or_else(metadata).or_else(turn).filter(|id| !id.is_empty())
}

/// `x-codex-turn-metadata`: JSON in a header, or in the body's metadata.
fn turn_metadata(evidence: &Evidence<'_>) -> Option<Value> {
    const NAME: &str = "x-codex-turn-metadata";
    let body = || evidence.param("client_metadata")?.get(NAME)?.as_str();
    evidence.header(NAME).and_then(parse).or_else(|| body().and_then(parse))
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn purpose(evidence: &Evidence<'_>) -> Option<Purpose> {
    let metadata = turn_metadata(evidence);
    match metadata.as_ref().and_then(|metadata| metadata.get("request_kind")?.as_str()) {
        Some("compaction") => return Some(Purpose::Summary),
        Some("turn") => return Some(Purpose::Turn),
        Some(_) => return Some(Purpose::Other),
        None => {}
    }
    if evidence.param("generate") == Some(&Value::Bool(false)) {
        return Some(Purpose::Other);
    }
    let last = evidence.request?.messages.last()?;
    let triggers = last.exact.get("type").is_some_and(|kind| kind == "compaction_trigger");
    let asks = evidence
        .last_user_text()
        .is_some_and(|text| text.starts_with("You are performing a CONTEXT CHECKPOINT COMPACTION"));
    (triggers || asks).then_some(Purpose::Summary)
}

/// How many messages at the head of a subagent's request are its parent's: a child of a team begins with a copy of what was
/// said before its task. Each child's task is addressed to it by a path that begins with its parent's.
pub(super) fn inherited(messages: &[Shared<Message>]) -> usize {
    let task = |message: &Message| {
        let exact = &message.exact;
        let is_task = exact.get("type").is_some_and(|kind| kind == "agent_message")
            && exact.pointer("/content/0/text")?.as_str()?.starts_with("Message Type: NEW_TASK\n");
        is_task.then_some(exact.get("recipient")?.as_str()?.len())
    };
    let tasks = messages.iter().enumerate().filter_map(|(index, message)| Some((task(message)?, index)));
    // The deepest path is its own; of tasks that it was given one after the other, the first.
    tasks.max_by_key(|(depth, index)| (*depth, std::cmp::Reverse(*index))).map_or(0, |(_, index)| index)
}

/// `spawn_agent` answers `{"agent_id": …}`; in the second kind of team the child has a path and its id is not told.
fn spawned(tool: Option<&str>, result: &Value) -> Option<String> {
    if !matches!(tool, None | Some("spawn_agent")) {
        return None;
    }
    let told = parse(&results::text(result))?;
    // Without the call (it lies in an answer that this request continues) the whole shape has to fit.
    if tool.is_none() && told.get("nickname").is_none() {
        return None;
    }
    Some(told.get("agent_id")?.as_str().filter(|id| !id.is_empty())?.to_owned())
}
