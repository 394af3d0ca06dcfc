//! GitHub Copilot, the CLI and VS Code.

pub mod plan;

use serde_json::Value;
use ursa_model::event::EventKind;
use ursa_model::message::AgentKind;

use super::{
    HookAgent, HookCall, HookMcpName, Payload, Reading, Told, all_arguments, is_never_sender, no_mcp_name, same_name,
};
use crate::agents;

/// What is known of the CLI's hooks. They tell no call ids.
pub const CLI: HookAgent = HookAgent {
    slug: "copilot-cli",
    name: "GitHub Copilot CLI",
    kind: AgentKind::Terminal,
    sources: &["copilot"],
    is_sender: is_never_sender,
    read: read_cli,
    wire_tool: cli_tool,
    mcp_name: no_mcp_name,
    told_arguments: all_arguments,
    counts_calls: true,
};

/// What is known of VS Code's hooks.
pub const VSCODE: HookAgent = HookAgent {
    slug: "copilot-vscode",
    name: "GitHub Copilot in VS Code",
    kind: AgentKind::Desktop,
    sources: &["vscode"],
    // It runs the CLI's hooks and Claude Code's. What only it sends: its spelling of two names.
    is_sender: |payload| payload.has("hookEventName") && !payload.has("traceparent"),
    read: read_vscode,
    wire_tool: same_name,
    mcp_name: vscode_mcp_name,
    told_arguments: all_arguments,
    counts_calls: false,
};

fn read_cli(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    thread(payload, reading);
    let own = payload.moment();
    match payload.event() {
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["source"]), "").own = own;
        }
        "SessionEnd" => {
            reading.happened(EventKind::SessionEnd, payload.text(&["reason"]), "").own = own;
        }
        "UserPromptSubmitted" | "UserPromptSubmit" => {
            let prompt = payload.text(&["prompt"]).unwrap_or_default();
            if let Some(fact) = reading.prompt(&CLI, prompt) {
                fact.own = own;
            }
            // In the other spelling, what goes to the model for a prompt is not told.
            if let Some(hook) = reading.subagent.clone().filter(|_| payload.has("hook_event_name")) {
                reading.tell(Told::Task { hook, text: prompt.to_owned() });
            }
        }
        "UserPromptTransformed" => transformed(payload, reading),
        "PreToolUse" | "PostToolUse" | "PostToolUseFailure" => call(payload, reading, own),
        "PermissionRequest" => {
            let arguments = payload.value(&["toolInput", "tool_input"]).cloned().unwrap_or_default();
            // An MCP tool has another sign between server and tool here than everywhere else.
            let name = payload.text(&["toolName", "tool_name"]).unwrap_or_default().replacen('/', "-", 1);
            let tool = CLI.tool(&name, &arguments, None);
            reading.asked(tool, arguments, own);
        }
        "SubagentStart" => {
            reading.happened(EventKind::SubagentStart, payload.text(&["agentType", "agent_type", "agentName"]), "");
        }
        "SubagentStop" => {
            let child = reading.subagent.clone();
            if let Some(fact) = reading.said(payload.text(&["response", "last_assistant_message"])) {
                fact.own = child;
            }
            reading.happened(EventKind::SubagentStop, payload.text(&["agentType", "agent_type", "agentName"]), "");
        }
        "ErrorOccurred" => {
            let error = payload.value(&["error"]);
            let message = error.and_then(|error| error.get("message")?.as_str()).unwrap_or_default();
            let code = payload.text(&["errorContext", "error_context"]);
            reading.happened(EventKind::Error, code, message).own = own;
        }
        "PreCompact" => {
            reading.happened(EventKind::Compaction, payload.text(&["trigger"]), "").own = own;
        }
        "Notification" => {
            let code = payload.text(&["notification_type"]).unwrap_or("notification");
            reading.happened(EventKind::Notice, Some(code), payload.text(&["message"]).unwrap_or_default()).own = own;
        }
        // That a turn ended, without what was said; what the cloud's agent tells of its own work.
        "AgentStop" | "Stop" | "PreMcpToolCall" | "PostResult" | "PrePRDescription" => {}
        _ => return false,
    }
    true
}

/// A subagent's events have its own id as the session's. The root is the folder of the transcript, else the parent.
fn thread(payload: &Payload<'_>, reading: &mut Reading) {
    let session = payload.some_text(&["sessionId", "session_id"]);
    reading.subagent = payload.some_text(&["agentId", "agent_id"]);
    let is_child = reading.subagent.is_some() && reading.subagent == session;
    let root = payload.text(&["transcriptPath", "transcript_path"]).and_then(root_of);
    let parent = || payload.some_text(&["parentAgentId", "parent_agent_id"]);
    reading.conversation = if is_child { root.map(str::to_owned).or_else(parent).or(session) } else { session };
}

fn root_of(transcript: &str) -> Option<&str> {
    let (_, rest) = transcript.split_once("session-state/").or_else(|| transcript.split_once("session-state\\"))?;
    rest.split(['/', '\\']).next().filter(|id| !id.is_empty())
}

/// What went to the model for a prompt. In it stands the time by which the wire calls a subagent.
fn transformed(payload: &Payload<'_>, reading: &mut Reading) {
    let text = payload.text(&["transformedPrompt", "transformed_prompt"]).unwrap_or_default();
    if let (Some(hook), Some(wire)) = (reading.subagent.clone(), agents::copilot_subagent(text)) {
        reading.tell(Told::Alias { hook, wire });
    }
}

fn call(payload: &Payload<'_>, reading: &mut Reading, own: Option<String>) {
    let name = payload.text(&["toolName", "tool_name"]).unwrap_or_default();
    let arguments = payload.value(&["toolArgs", "tool_input"]).cloned().unwrap_or_default();
    let tool = CLI.tool(name, &arguments, None);
    let before = HookCall::before(tool, name, "", Some(arguments));
    let told = match payload.event() {
        "PreToolUse" => before,
        "PostToolUse" => ended(before, payload.value(&["toolResult", "tool_result"])),
        _ => before.ended(true, payload.value(&["error"]).cloned()),
    };
    reading.tell(Told::Call(Box::new(told))).own = own;
}

/// A command that ends with an error code is no failure to the CLI; its text tells.
fn ended(call: HookCall, result: Option<&Value>) -> HookCall {
    let field = |names: [&str; 2]| result.and_then(|result| names.iter().find_map(|name| result.get(*name))).cloned();
    let given = field(["textResultForLlm", "text_result_for_llm"]);
    let kind = field(["resultType", "result_type"]);
    let kind = kind.as_ref().and_then(Value::as_str);
    let failed = !matches!(kind, None | Some("success"))
        || given.as_ref().is_some_and(|given| agents::result_is_error(CLI.slug, Some(&call.tool), given) == Some(true));
    let after = call.ended(failed, result.cloned());
    let after = match given {
        Some(given) => after.given(given),
        None => after,
    };
    if matches!(kind, Some("denied" | "rejected")) { after.denied() } else { after }
}

/// With events in the other spelling, tools have Claude Code's names.
fn cli_tool(name: &str) -> (String, &'static str) {
    let name = match name {
        "Bash" => "bash",
        "Read" => "view",
        "Write" => "create",
        "Edit" => "edit",
        "Grep" => "grep",
        "Glob" => "glob",
        "Agent" | "Task" => "task",
        "WebFetch" => "web_fetch",
        "Skill" => "skill",
        name => name,
    };
    (name.to_owned(), "")
}

fn read_vscode(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    reading.conversation = payload.some_text(&["sessionId", "session_id"]);
    reading.subagent = payload.some_text(&["agent_id", "agentId"]);
    let own = payload.moment();
    match payload.event() {
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["source"]), "").own = own;
        }
        "UserPromptSubmit" => {
            if let Some(fact) = reading.prompt(&VSCODE, payload.text(&["prompt"]).unwrap_or_default()) {
                fact.own = own;
            }
        }
        "PreToolUse" | "PostToolUse" => {
            let name = payload.text(&["tool_name", "toolName"]).unwrap_or_default();
            let arguments = payload.json(&["tool_input", "toolInput"]).unwrap_or_default();
            let tool = VSCODE.tool(name, &arguments, None);
            let call_id = payload.text(&["tool_use_id", "toolUseId"]).unwrap_or_default();
            let mut told = HookCall::before(tool, name, call_id, Some(arguments));
            if payload.event() == "PostToolUse" {
                told = told.ended(false, payload.json(&["tool_response", "toolResponse"]));
            }
            reading.tell(Told::Call(Box::new(told))).own = own;
        }
        "PreCompact" => {
            reading.happened(EventKind::Compaction, payload.text(&["trigger"]), "").own = own;
        }
        "SubagentStart" => {
            reading.happened(EventKind::SubagentStart, payload.text(&["agent_type", "agentType"]), "");
        }
        "SubagentStop" => {
            reading.happened(EventKind::SubagentStop, payload.text(&["agent_type", "agentType"]), "");
        }
        "Stop" => {}
        _ => return false,
    }
    true
}

/// `mcp_<server>_<tool>`, where neither has an underscore.
fn vscode_mcp_name(name: &str) -> Option<HookMcpName> {
    let (server, tool) = name.strip_prefix("mcp_")?.split_once('_')?;
    (!server.is_empty() && !tool.is_empty() && !tool.contains('_')).then(|| (Some(server.to_owned()), tool.to_owned()))
}
