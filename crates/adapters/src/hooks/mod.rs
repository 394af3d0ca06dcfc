//! What agents tell their hooks, each agent in one folder: reading what an event says, and, as data, how the hooks get
//! into the agent's settings (`plan.rs`).
//!
//! [`read`] is pure and never fails: what it does not know is a problem of the reading. Which fact an event is on the
//! other channels, and by what it is told there, is written in `docs/HOOKS.md`.

pub mod claude_code;
pub mod codex;
pub mod copilot;
pub mod cursor;
mod facts;
pub mod gemini_cli;
mod payload;
pub mod plan;
#[cfg(test)]
mod tests;

use serde_json::Value;
use ursa_model::chain::is_weak_id;
use ursa_model::envelope::{BinaryBody, EnvelopeMeta};
use ursa_model::message::{AgentKind, Problem, Tool};

use crate::wire::problems::Problems;
use crate::wire::{canonical_arguments, json};
use crate::{agents, tools};

pub use facts::{HookCall, HookFact, Stage, Told};
pub(crate) use payload::Payload;

/// Server, if the name tells it, and tool.
pub type HookMcpName = (Option<String>, String);

/// What is known of one agent's hooks.
#[derive(Debug)]
pub struct HookAgent {
    /// Its one name in records, the same as on the wire.
    pub slug: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Where it runs.
    pub kind: AgentKind,
    /// What else the sender may call it.
    pub sources: &'static [&'static str],
    /// Whether a payload is this agent's, whoever's hook it came to: editors run the hooks that were meant for others.
    pub is_sender: fn(&Payload<'_>) -> bool,
    /// Reads one event. False for an event that is not known.
    pub read: fn(&Payload<'_>, &mut Reading) -> bool,
    /// What a tool that the hooks call `name` is called by the model, with its namespace.
    pub wire_tool: fn(&str) -> (String, &'static str),
    /// Server and tool of an MCP tool, by a name of the agent's own making, where the wire has no word on it.
    pub mcp_name: fn(&str) -> Option<HookMcpName>,
    /// The part of a call's arguments that all of the agent's events tell of it.
    pub told_arguments: fn(&str, &Value) -> Value,
    /// Whether its hooks tell no call id.
    pub counts_calls: bool,
}

/// The agents. A payload that looks like an earlier one's is that one's.
pub const HOOK_AGENTS: &[&HookAgent] =
    &[&cursor::AGENT, &copilot::VSCODE, &claude_code::AGENT, &codex::AGENT, &gemini_cli::AGENT, &copilot::CLI];

/// What one event says.
#[derive(Debug)]
pub struct Reading {
    /// Whose event it is; `None` when the sender names no agent that is known.
    pub agent: Option<&'static HookAgent>,
    /// The agent's version, if told.
    pub version: Option<String>,
    /// The vendor's conversation id.
    pub conversation: Option<String>,
    /// Set inside a subagent.
    pub subagent: Option<String>,
    /// The agent's id of the prompt, turn or generation that it belongs to.
    pub turn: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// The person's e-mail address, if the agent tells it.
    pub email: Option<String>,
    /// Where the conversation runs, by a name that a wire without conversation ids tells too; see
    /// [`agents::place`](crate::agents::place).
    pub place: Option<String>,
    /// What happened.
    pub facts: Vec<HookFact>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Bytes of an event's name that are told.
const EVENT_NAME_LIMIT: usize = 64;

/// Reads what a hook was told. `event` is the event as the sender names it; the payload's own name of it counts first.
pub fn read(source: &str, event: Option<&str>, body: &str, meta: &EnvelopeMeta) -> Reading {
    let mut reading = Reading {
        agent: HOOK_AGENTS.iter().copied().find(|agent| agent.slug == source || agent.sources.contains(&source)),
        version: meta.agent_version.clone(),
        conversation: None,
        subagent: None,
        turn: None,
        cwd: meta.cwd.clone(),
        email: None,
        place: None,
        facts: Vec::new(),
        problems: Vec::new(),
    };
    if meta.truncated.is_some() {
        reading.problems.push(Problem::new("hook_cut", "payloads of hooks were cut at the sender's limit"));
    }
    let mut problems = Problems::default();
    match json::parse(body.as_bytes(), &mut problems) {
        Ok(Value::Object(fields)) if serde_json::from_str::<BinaryBody>(body).is_err() => {
            let payload = Payload::new(&fields, event);
            // Only agents that run other agents' hooks are known by what they send.
            let sender = HOOK_AGENTS.iter().copied().find(|agent| (agent.is_sender)(&payload));
            reading.agent = sender.filter(|_| reading.agent.is_some()).or(reading.agent);
            read_event(&payload, &mut reading);
        }
        Ok(Value::Object(_)) => {
            reading.problems.push(Problem::new("hook_not_json", "a hook was told something else than JSON"));
        }
        Ok(_) => reading.problems.push(Problem::new("hook_not_json", "a hook was told no JSON object")),
        Err(error) => reading.problems.push(Problem::new("hook_not_json", json::reason(&error))),
    }
    reading.problems.extend(problems.finish());
    reading
}

fn read_event(payload: &Payload<'_>, reading: &mut Reading) {
    let Some(agent) = reading.agent else {
        reading.problems.push(Problem::new("unknown_agent", "a hook of an agent that is not known"));
        return;
    };
    reading.cwd = payload.some_text(&["cwd"]).or(reading.cwd.take());
    if !(agent.read)(payload, reading) {
        let name: String = payload.event().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let name = name.get(..EVENT_NAME_LIMIT).unwrap_or(&name);
        reading.problems.push(Problem::new("unknown_event", format!("hook event {name}")));
    }
}

/// The agent of that slug, if its hooks are known.
pub fn hook_agent(slug: &str) -> Option<&'static HookAgent> {
    HOOK_AGENTS.iter().copied().find(|agent| agent.slug == slug)
}

/// What a call is told by on every channel, where its id is not told or says nothing: tool and canonical arguments. `None`
/// where the id does. Short arguments can be guessed from a hash of it, so it is only for a keyed one.
pub fn action_of_call(slug: &str, call_id: &str, tool: &str, arguments: &Value) -> Option<String> {
    let agent = hook_agent(slug)?;
    (agent.counts_calls || is_weak_id(call_id)).then(|| action(agent, tool, arguments))
}

/// Tool and canonical arguments.
pub fn action(agent: &HookAgent, tool: &str, arguments: &Value) -> String {
    let (name, _) = (agent.wire_tool)(tool);
    let arguments = canonical_arguments(&(agent.told_arguments)(&name, arguments));
    format!("{name}\n{arguments}")
}

impl HookAgent {
    /// A tool as the model calls it.
    pub(crate) fn tool(&self, name: &str, arguments: &Value, server: Option<&str>) -> Tool {
        let (name, namespace) = (self.wire_tool)(name);
        let mut tool = tools::tool(&name, namespace, arguments);
        if let Some((told, short)) = (self.mcp_name)(&name) {
            tool = tools::mcp_tool(name, String::new(), short);
            tool.mcp_server = told;
        }
        agents::set_kind(&mut tool, agents::agent(self.slug), false);
        if let Some(server) = server.filter(|_| tool.mcp_server.is_none()) {
            tool.mcp_server = Some(server.to_owned());
        }
        tool
    }
}

/// For agents whose hooks call tools as the model does.
fn same_name(name: &str) -> (String, &'static str) {
    (name.to_owned(), "")
}

/// For agents whose events all tell a call's whole arguments.
fn all_arguments(_: &str, arguments: &Value) -> Value {
    arguments.clone()
}

fn no_mcp_name(_: &str) -> Option<HookMcpName> {
    None
}

/// For agents that run nobody else's hooks.
fn is_never_sender(_: &Payload<'_>) -> bool {
    false
}
