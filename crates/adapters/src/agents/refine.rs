//! What only the agent decides about a request and its answer, set once it is known.

use std::collections::HashMap;

use ursa_model::message::{AgentKind, Identity, ModelRequest, Part, Role, Tool, ToolType};

use super::{Agent, agent, split};
use crate::wire::Reading;

/// Sets whose words each text is, how each tool is run, and which subagents were started. The canonical and exact forms
/// of messages stay as they are: they do not depend on the agent.
pub fn refine_request(request: &mut ModelRequest, identity: &Identity) {
    let known = agent(&identity.agent_slug);
    let mut called: HashMap<String, String> = HashMap::new();
    for message in &mut request.messages {
        if message.role == Role::User && message.parts.iter().any(|part| matches!(part, Part::Text { .. })) {
            message.parts =
                std::mem::take(&mut message.parts).into_iter().flat_map(|part| owned(part, known)).collect();
        }
        for part in &mut message.parts {
            refine_tool(part, known, identity);
            match part {
                Part::ToolCall { call_id, tool, .. } => {
                    called.insert(call_id.clone(), tool.name.clone());
                }
                Part::ToolResult { call_id, content, spawned_subagent_id, .. } => {
                    let tool = called.get(call_id).map(String::as_str);
                    *spawned_subagent_id = known.and_then(|agent| (agent.spawned)(tool, content));
                }
                _ => {}
            }
        }
    }
}

/// Sets how each tool is run.
pub fn refine_response(reading: &mut Reading, identity: &Identity) {
    let known = agent(&identity.agent_slug);
    let others = reading.others.iter_mut().flat_map(|choice| &mut choice.parts);
    for part in reading.response.parts.iter_mut().chain(others) {
        refine_tool(part, known, identity);
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

fn refine_tool(part: &mut Part, agent: Option<&Agent>, identity: &Identity) {
    let Part::ToolCall { tool, .. } = part else { return };
    set_kind(tool, agent, identity.agent_kind == AgentKind::Sdk);
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
