//! Agents: who sent a request, what for, and what only the sender's habits tell.
//!
//! One file an agent, and [`AGENTS`], the one list of them. Everything else here is derived from that list.

mod claude_code;
mod codex;
mod copilot_cli;
mod evidence;
mod gemini_cli;
mod opencode;
mod origin;
mod purpose;
mod qwen_code;
mod refine;
mod results;
mod sdk;
#[cfg(test)]
mod tests;
mod unrecognised;

use ursa_model::capture::CaptureHead;
use ursa_model::message::{AgentKind, Identity, Message, ModelRequest, Purpose};
use ursa_model::shared::Shared;

pub(crate) use copilot_cli::subagent as copilot_subagent;
pub use evidence::{Evidence, Strength};
pub use origin::{Marker, split};
pub(crate) use refine::set_kind;
pub use refine::{refine_request, refine_response};
pub(crate) use results::text as result_text;
pub use results::{is_denied, result_is_error, title_of};

/// Server and tool of an MCP tool, as far as a name tells them.
pub type McpName<'n> = (Option<&'n str>, Option<&'n str>);

/// What is known of one agent.
#[derive(Debug)]
pub struct Agent {
    /// Its one name in records.
    pub slug: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Where it runs, unless the request says otherwise.
    pub kind: AgentKind,
    /// How strongly a request looks like this agent's, if it does.
    pub recognise: fn(&Evidence<'_>) -> Option<Strength>,
    /// Fills in what the agent tells of itself: version, conversation, subagent, folder.
    pub identify: fn(&Evidence<'_>, &mut Identity),
    /// What the call is for, if the agent's own signs tell.
    pub purpose: fn(&Evidence<'_>) -> Option<Purpose>,
    /// What the agent puts into user messages.
    pub markers: &'static [Marker],
    /// The server and the tool of an MCP tool that the agent calls by a name of its own making.
    pub mcp_name: fn(&str) -> Option<McpName<'_>>,
    /// Tools whose result names the subagent that they started, and how to read it.
    pub spawned: fn(tool: Option<&str>, result: &serde_json::Value) -> Option<String>,
}

/// The agents. Where two match with equal strength, the earlier one is meant.
pub const AGENTS: &[&Agent] =
    &[&claude_code::AGENT, &codex::AGENT, &copilot_cli::AGENT, &opencode::AGENT, &gemini_cli::AGENT, &qwen_code::AGENT];

/// The agent of that slug.
pub fn agent(slug: &str) -> Option<&'static Agent> {
    AGENTS.iter().copied().find(|agent| agent.slug == slug)
}

/// Who sent a request and what for, by the strongest evidence: own headers, then body fields, then the opening of the
/// system prompt, then the set of tool names, then the user agent.
pub fn identify(head: &CaptureHead, request: Option<&ModelRequest>) -> Identity {
    let evidence = Evidence::new(head, request);
    let mut best: Option<(&Agent, Strength)> = None;
    for agent in AGENTS {
        if let Some(strength) = (agent.recognise)(&evidence)
            && best.is_none_or(|(_, known)| strength > known)
        {
            best = Some((agent, strength));
        }
    }
    let mut identity = match best {
        Some((agent, strength)) => {
            let mut identity = Identity {
                agent_slug: agent.slug.to_owned(),
                agent_name: agent.name.to_owned(),
                agent_kind: agent.kind,
                confidence: strength.confidence(),
                ..Identity::default()
            };
            (agent.identify)(&evidence, &mut identity);
            identity
        }
        None => sdk::identify(&evidence).unwrap_or_else(|| unrecognised::identify(&evidence)),
    };
    identity.purpose = purpose::purpose(&evidence, best.map(|(agent, _)| agent));
    identity
}

/// How many messages at a request's head were said in another thread of its conversation, and are copied into this one.
pub fn inherited(identity: &Identity, messages: &[Shared<Message>]) -> usize {
    match &identity.subagent_id {
        Some(_) if identity.agent_slug == codex::AGENT.slug => codex::inherited(messages),
        _ => 0,
    }
}

/// Where a conversation without an id runs, by a name that the agent's hooks tell too.
pub fn place(slug: &str, request: &ModelRequest) -> Option<String> {
    (slug == gemini_cli::AGENT.slug).then(|| gemini_cli::place(request)).flatten()
}

/// For agents whose MCP tools are known by the common name, or not at all.
fn no_mcp_name(_: &str) -> Option<McpName<'_>> {
    None
}

/// For agents whose results name no subagent.
fn no_spawned(_: Option<&str>, _: &serde_json::Value) -> Option<String> {
    None
}
