//! What only the agent decides about a request and its answer, set once it is known.

use std::collections::HashMap;
use std::fmt::Write;

use ursa_model::message::{AgentKind, Identity, Message, ModelRequest, Part, Role, Tool, ToolType};

use super::{Agent, agent, split};
use crate::wire::Reading;

/// Sets whose words each text is, how each tool is run, and which subagents were started. The canonical and exact forms
/// of messages stay as they are: they do not depend on the agent.
pub fn refine_request(request: &mut ModelRequest, identity: &Identity) {
    let known = agent(&identity.agent_slug);
    let mut called: HashMap<String, String> = HashMap::new();
    let mut name = String::new();
    for message in &mut request.messages {
        let mut tools: Vec<Option<String>> = Vec::new();
        for part in &message.parts {
            match part {
                Part::ToolCall { call_id, tool, .. } => {
                    called.insert(call_id.clone(), tool.name.clone());
                }
                Part::ToolResult { call_id, .. } => tools.push(called.get(call_id).cloned()),
                _ => {}
            }
        }
        // All that a message's meaning depends on beside itself: who sends it, and the tools whose results are in it.
        name.clear();
        let is_sdk = identity.agent_kind == AgentKind::Sdk;
        // Writing to memory cannot fail.
        let _ = write!(name, "{} {is_sdk} {tools:?}", known.map_or("", |agent| agent.slug));
        *message = message.variant(&name, |message| refined(message, known, is_sdk, &tools));
    }
}

/// A message as the agent means it; `None` if that is how it was read.
fn refined(message: &Message, known: Option<&Agent>, is_sdk: bool, tools: &[Option<String>]) -> Option<Message> {
    let mut parts = message.parts.clone();
    if message.role == Role::User && parts.iter().any(|part| matches!(part, Part::Text { .. })) {
        parts = parts.into_iter().flat_map(|part| owned(part, known)).collect();
    }
    let mut tools = tools.iter();
    for part in &mut parts {
        refine_tool(part, known, is_sdk);
        if let Part::ToolResult { content, spawned_subagent_id, .. } = part {
            let tool = tools.next().and_then(Option::as_deref);
            *spawned_subagent_id = known.and_then(|agent| (agent.spawned)(tool, content));
        }
    }
    (parts != message.parts).then(|| Message { parts, ..message.clone() })
}

/// Sets how each tool is run.
pub fn refine_response(reading: &mut Reading, identity: &Identity) {
    let known = agent(&identity.agent_slug);
    let others = reading.others.iter_mut().flat_map(|choice| &mut choice.parts);
    for part in reading.response.parts.iter_mut().chain(others) {
        refine_tool(part, known, identity.agent_kind == AgentKind::Sdk);
    }
}

/// A text as the pieces of whoever wrote them.
fn owned(part: Part, agent: Option<&Agent>) -> Vec<Part> {
    let Part::Text { text, .. } = part else { return vec![part] };
    match split(&text, agent).as_slice() {
        [(origin, _)] => vec![Part::Text { origin: *origin, text }],
        pieces => {
            pieces.iter().map(|(origin, piece)| Part::Text { text: (*piece).to_owned(), origin: *origin }).collect()
        }
    }
}

fn refine_tool(part: &mut Part, agent: Option<&Agent>, is_sdk: bool) {
    let Part::ToolCall { tool, .. } = part else { return };
    set_kind(tool, agent, is_sdk);
}

/// Sets how a tool is run that its name alone does not tell. An agent's own tools are built in, those that a program gave
/// to an SDK are its functions.
pub(crate) fn set_kind(tool: &mut Tool, agent: Option<&Agent>, is_sdk: bool) {
    // MCP and the provider's own tools are told by the wire itself.
    if tool.kind != ToolType::Function {
        return;
    }
    if let Some((server, name)) = agent.and_then(|agent| (agent.mcp_name)(&tool.name)) {
        let (server, name) = (server.map(str::to_owned), name.map(str::to_owned));
        tool.kind = ToolType::Mcp;
        tool.mcp_server = server;
        tool.mcp_tool = name;
        tool.cli = None;
    } else if agent.is_some() || !is_sdk {
        tool.kind = ToolType::Builtin;
    }
}
