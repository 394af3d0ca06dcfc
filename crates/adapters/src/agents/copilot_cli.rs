//! GitHub Copilot CLI with a provider of one's own.

use ursa_model::message::{AgentKind, Identity};

use super::evidence::{Evidence, Strength, between};
use super::{Agent, Marker, McpName, no_spawned};

/// What is known of Copilot CLI.
pub(super) const AGENT: Agent = Agent {
    slug: "copilot-cli",
    name: "GitHub Copilot CLI",
    kind: AgentKind::Terminal,
    recognise,
    identify,
    purpose: |_| None,
    markers: &[Marker::OwnTag("current_datetime"), Marker::Tag("system_reminder")],
    mcp_name,
    spawned: no_spawned,
};

fn recognise(evidence: &Evidence<'_>) -> Option<Strength> {
    // `x-initiator` alone is imitated; the runtime that its SDK cannot name is its own.
    let own_runtime = evidence.header("x-stainless-runtime-version") == Some("unknown");
    if evidence.header("x-interaction-type").is_some() || own_runtime && evidence.header("x-initiator").is_some() {
        return Some(Strength::OwnHeader);
    }
    if evidence.system_begins("You are the GitHub Copilot CLI") {
        return Some(Strength::SystemPrompt);
    }
    evidence.offers(&["read_bash", "stop_bash", "list_bash"]).then_some(Strength::ToolNames)
}

fn identify(evidence: &Evidence<'_>, identity: &mut Identity) {
    identity.agent_version = evidence.system_texts().find_map(|text| {
        Some(between(text, "<version_information>Version number: ", "</version_information>")?.trim().to_owned())
    });
    identity.cwd = evidence.system_line("Current working directory: ");
    let session = evidence.system_texts().find_map(session_of);
    identity.conversation = session.map(|session| (AGENT.slug.to_owned(), session));
    if evidence.header("x-interaction-type") == Some("conversation-subagent")
        || evidence.system_begins("As a sub-agent, complete your parent's task yourself")
    {
        // The wire has no id for the child. The time in its first message (to the millisecond) comes back in each of
        // its requests, and keeps its prompts apart from the parent's.
        identity.subagent_id = evidence.user_texts().find_map(subagent);
    }
}

/// What a subagent is called, by the text that opens its requests.
pub(crate) fn subagent(opening: &str) -> Option<String> {
    let at = between(opening, "<current_datetime>", "</current_datetime>")?;
    Some(format!("started-{}", at.trim()))
}

/// The session's folder is named after it, and told to the model.
fn session_of(text: &str) -> Option<String> {
    const UUID_CHARS: usize = 36;
    text.match_indices("session-state/").find_map(|(at, mark)| {
        let id = text.get(at + mark.len()..)?.get(..UUID_CHARS)?;
        let dashes = [8, 13, 18, 23];
        let fits = id
            .bytes()
            .enumerate()
            .all(|(place, byte)| if dashes.contains(&place) { byte == b'-' } else { byte.is_ascii_hexdigit() });
        fits.then(|| id.to_owned())
    })
}

/// `<server>-<tool>`; its own tools have no dash. Where a name has more than one, where the server's name ends is not
/// told, and is left open.
fn mcp_name(name: &str) -> Option<McpName<'_>> {
    if let Some(tool) = name.strip_prefix("github-mcp-server-") {
        return Some((Some("github-mcp-server"), Some(tool)));
    }
    let (server, tool) = name.split_once('-')?;
    if tool.contains('-') {
        return Some((None, None));
    }
    Some((Some(server), Some(tool))).filter(|_| !server.is_empty() && !tool.is_empty())
}
