//! Codex.

pub mod plan;
mod script;

pub use script::{is_script, literals};

use serde_json::Value;
use ursa_model::event::EventKind;
use ursa_model::message::AgentKind;

use super::{HookAgent, HookCall, Payload, Reading, Told, all_arguments, is_never_sender, no_mcp_name};
use crate::agents;

/// What is known of Codex's hooks.
pub const AGENT: HookAgent = HookAgent {
    slug: "codex",
    name: "Codex",
    kind: AgentKind::Terminal,
    sources: &[],
    is_sender: is_never_sender,
    read,
    wire_tool,
    mcp_name: no_mcp_name,
    told_arguments: all_arguments,
    counts_calls: false,
};

/// Namespaces that are written before the tool's name, without anything between.
const NAMESPACES: &[&str] = &["multi_agent_v1", "multi_agent_v2", "collaboration"];

fn read(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    reading.conversation = payload.some_text(&["session_id"]);
    reading.subagent = payload.some_text(&["agent_id"]);
    reading.turn = payload.some_text(&["turn_id"]);
    match payload.event() {
        "SessionStart" if payload.text(&["source"]) == Some("compact") => {}
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["source"]), "");
        }
        "SessionEnd" => {
            reading.happened(EventKind::SessionEnd, payload.text(&["reason"]), "");
        }
        "UserPromptSubmit" => {
            reading.prompt(&AGENT, payload.text(&["prompt"]).unwrap_or_default());
        }
        "PreToolUse" | "PostToolUse" => call(payload, reading),
        "PermissionRequest" => {
            let arguments = payload.value(&["tool_input"]).cloned().unwrap_or_default();
            let tool = AGENT.tool(payload.text(&["tool_name"]).unwrap_or_default(), &arguments, None);
            reading.asked(tool, arguments, None);
        }
        "PreCompact" | "PostCompact" => {
            reading.happened(EventKind::Compaction, payload.text(&["trigger"]), "");
        }
        "SubagentStart" => {
            reading.happened(EventKind::SubagentStart, payload.text(&["agent_type"]), "");
        }
        "SubagentStop" => {
            reading.said(payload.text(&["last_assistant_message"]));
            reading.happened(EventKind::SubagentStop, payload.text(&["agent_type"]), "");
        }
        "Stop" => {
            reading.said(payload.text(&["last_assistant_message"]));
        }
        "Interrupt" => reading.notice("interrupt", None),
        _ => return false,
    }
    true
}

fn call(payload: &Payload<'_>, reading: &mut Reading) {
    let name = payload.text(&["tool_name"]).unwrap_or_default();
    let arguments = payload.value(&["tool_input"]).cloned();
    let tool = AGENT.tool(name, arguments.as_ref().unwrap_or(&Value::Null), None);
    let call_id = payload.text(&["tool_use_id"]).unwrap_or_default();
    let mut told = HookCall::before(tool, name, call_id, arguments);
    if payload.event() == "PostToolUse" {
        let response = payload.value(&["tool_response"]).cloned();
        // The exit code is not told: that a command failed is known on the wire only.
        let failed = response.as_ref().is_some_and(|response| {
            response.get("isError").and_then(Value::as_bool) == Some(true)
                || agents::result_is_error(AGENT.slug, Some(&told.tool), response) == Some(true)
        });
        told = told.ended(failed, response);
        told.spawned = spawned(&told);
    }
    reading.tell(Told::Call(Box::new(told)));
}

fn spawned(call: &HookCall) -> Option<String> {
    let response: Value = serde_json::from_str(call.detail.as_ref()?.as_str()?).ok()?;
    let id = response.get("agent_id")?.as_str().filter(|id| !id.is_empty() && call.tool.name == "spawn_agent")?;
    Some(id.to_owned())
}

/// The shell is called as another agent calls it, whatever the model calls it; `exec_command` is what the models of today
/// call it.
fn wire_tool(name: &str) -> (String, &'static str) {
    if name == "Bash" {
        return ("exec_command".to_owned(), "");
    }
    let within = NAMESPACES.iter().find_map(|space| Some((name.strip_prefix(space)?, *space)));
    match within.filter(|(rest, _)| !rest.is_empty()) {
        Some((rest, space)) => (rest.trim_start_matches('_').to_owned(), space),
        None => (name.to_owned(), ""),
    }
}

/// Begins the id of a call that a script of the model's made: the wire never sees it.
const SCRIPTED: &str = "exec-";

/// Whether a call was made by a script of the model's.
pub fn is_scripted(call_id: &str) -> bool {
    call_id.starts_with(SCRIPTED)
}
