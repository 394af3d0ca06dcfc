//! Claude Code.

pub mod plan;

use serde_json::Value;
use ursa_model::event::{EventKind, PermissionDecision};
use ursa_model::message::{AgentKind, Purpose};

use super::{
    HookAgent, HookCall, Payload, Reading, Stage, Told, all_arguments, is_never_sender, no_mcp_name, same_name,
};

/// What is known of Claude Code's hooks.
pub const AGENT: HookAgent = HookAgent {
    slug: "claude-code",
    name: "Claude Code",
    kind: AgentKind::Terminal,
    sources: &["claude"],
    is_sender: is_never_sender,
    read,
    wire_tool: same_name,
    mcp_name: no_mcp_name,
    told_arguments: all_arguments,
    counts_calls: false,
};

/// Events that tell nothing that another does not.
const SILENT: &[&str] = &["MessageDisplay", "PreModelSwitch", "UserPromptExpansion", "TeammateIdle"];

/// Events that are worth a line, and the fields that say what about.
const NOTICES: &[(&str, &str, &[&str])] = &[
    ("Notification", "notification", &["message", "title"]),
    ("Setup", "setup", &["trigger"]),
    ("PostModelSwitch", "model_switch", &["to_model"]),
    ("TaskCreated", "task_created", &["task_subject"]),
    ("TaskCompleted", "task_completed", &["task_subject"]),
    ("Elicitation", "elicitation", &["message"]),
    ("ElicitationResult", "elicitation_result", &["action"]),
    ("ConfigChange", "config_change", &["file_path", "source"]),
    ("InstructionsLoaded", "instructions_loaded", &["file_path"]),
    ("WorktreeCreate", "worktree_create", &["name"]),
    ("WorktreeRemove", "worktree_remove", &["worktree_path"]),
    ("CwdChanged", "cwd_changed", &["new_cwd"]),
    ("DirectoryAdded", "directory_added", &["directory"]),
    ("FileChanged", "file_changed", &["file_path"]),
];

fn read(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    reading.conversation = payload.some_text(&["session_id"]);
    reading.subagent = payload.some_text(&["agent_id"]);
    reading.turn = payload.some_text(&["prompt_id"]);
    match payload.event() {
        // What follows a compaction is told by the compaction.
        "SessionStart" if payload.text(&["source"]) == Some("compact") => {}
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["source"]), "");
        }
        "SessionEnd" => {
            reading.happened(EventKind::SessionEnd, payload.text(&["reason"]), "");
        }
        "UserPromptSubmit" => prompt(payload, reading),
        "PreToolUse" | "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => call(payload, reading),
        "PostToolBatch" => batch(payload, reading),
        "PermissionRequest" => {
            let name = payload.text(&["tool_name"]).unwrap_or_default();
            let arguments = payload.value(&["tool_input"]).cloned().unwrap_or_default();
            let tool = AGENT.tool(name, &arguments, server(payload));
            reading.asked(tool, arguments, None);
        }
        "SubagentStart" => {
            reading.happened(EventKind::SubagentStart, payload.text(&["agent_type"]), "");
        }
        "Stop" => {
            reading.said(payload.text(&["last_assistant_message"]));
        }
        "SubagentStop" => subagent_stop(payload, reading),
        "StopFailure" => {
            let detail = payload.text(&["error_details"]).unwrap_or_default();
            reading.happened(EventKind::Error, payload.text(&["error"]), detail);
        }
        "PreCompact" | "PostCompact" => {
            reading.happened(EventKind::Compaction, payload.text(&["trigger"]), "");
            summary(reading, payload.text(&["compact_summary"]));
        }
        event => return other(event, payload, reading),
    }
    true
}

fn other(event: &str, payload: &Payload<'_>, reading: &mut Reading) -> bool {
    if let Some((_, code, fields)) = NOTICES.iter().find(|(known, ..)| *known == event) {
        reading.notice(code, payload.text(fields));
        return true;
    }
    SILENT.contains(&event)
}

/// It comes for what the agent tells itself too; `source` says so in some versions, the text in all.
fn prompt(payload: &Payload<'_>, reading: &mut Reading) {
    if matches!(payload.text(&["source"]), Some("system" | "poll_event")) {
        return;
    }
    reading.prompt(&AGENT, payload.text(&["prompt"]).unwrap_or_default());
}

fn server<'p>(payload: &Payload<'p>) -> Option<&'p str> {
    payload.value(&["mcp_server"])?.get("name")?.as_str()
}

fn call(payload: &Payload<'_>, reading: &mut Reading) {
    let name = payload.text(&["tool_name"]).unwrap_or_default();
    let call_id = payload.text(&["tool_use_id"]).unwrap_or_default();
    let arguments = payload.value(&["tool_input"]).cloned();
    let tool = AGENT.tool(name, arguments.as_ref().unwrap_or(&Value::Null), server(payload));
    let before = HookCall::before(tool.clone(), name, call_id, arguments.clone());
    let told = match payload.event() {
        "PreToolUse" => before,
        "PostToolUse" => {
            let mut after = before.ended(false, payload.value(&["tool_response"]).cloned());
            after.spawned = spawned(name, after.detail.as_ref());
            child_prompt(call_id, &after, reading);
            after
        }
        "PostToolUseFailure" => before.ended(true, payload.value(&["error"]).cloned()),
        _ => {
            let reason = payload.some_text(&["reason"]);
            let (decision, own) = (PermissionDecision::Denied, Some(format!("call:{call_id}")));
            let (call_id, arguments) = (Some(call_id.to_owned()), arguments.unwrap_or_default());
            reading.tell(Told::Permission { tool, arguments, call_id, decision, reason }).own = own;
            before.denied()
        }
    };
    reading.tell(Told::Call(Box::new(told)));
}

/// `Agent` (once `Task`) tells its child's id.
fn spawned(tool: &str, response: Option<&Value>) -> Option<String> {
    if !matches!(tool, "Agent" | "Task") {
        return None;
    }
    response?.get("agentId")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// No event tells what a subagent was asked; the call that started it does.
fn child_prompt(call_id: &str, call: &HookCall, reading: &mut Reading) {
    let text = call.arguments.as_ref().and_then(|arguments| arguments.get("prompt")?.as_str());
    if let (Some(child), Some(text)) = (&call.spawned, text) {
        let told = Told::Prompt { text: text.to_owned() };
        reading.tell_in(Some(child.clone()), told).own = Some(format!("call:{call_id}"));
    }
}

/// What the model was given for the calls of one answer.
fn batch(payload: &Payload<'_>, reading: &mut Reading) {
    let calls = payload.value(&["tool_calls"]).and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, arguments) = (text("tool_name"), call.get("tool_input").cloned());
        let tool = AGENT.tool(name, arguments.as_ref().unwrap_or(&Value::Null), None);
        let mut told = HookCall::before(tool, name, text("tool_use_id"), arguments);
        told.stage = Stage::Batch;
        // How it went is told by the event after the call; a call that never ran has none.
        told.status = ursa_model::event::ToolStatus::Requested;
        if let Some(response) = call.get("tool_response").filter(|response| !response.is_null()) {
            told = told.given(response.clone());
        }
        reading.tell(Told::Call(Box::new(told)));
    }
}

/// A compaction runs as a subagent without a type, which never started; what it says is the summary.
fn subagent_stop(payload: &Payload<'_>, reading: &mut Reading) {
    let said = payload.text(&["last_assistant_message"]);
    if payload.text(&["agent_type"]).is_none() {
        reading.subagent = None;
        return summary(reading, said);
    }
    // What it said comes before its end, as it did.
    let own = reading.subagent.clone();
    if let Some(fact) = reading.said(said) {
        fact.own = own;
    }
    reading.happened(EventKind::SubagentStop, payload.text(&["agent_type"]), "");
}

fn summary(reading: &mut Reading, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        reading.tell(Told::Said { text: text.to_owned(), purpose: Purpose::Summary });
    }
}
