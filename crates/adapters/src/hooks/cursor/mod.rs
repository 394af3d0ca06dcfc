//! Cursor. Its calls to models cannot be seen on the way: hooks are all there is.

pub mod plan;

use serde_json::{Value, json};
use ursa_model::event::EventKind;
use ursa_model::message::AgentKind;

use super::{HookAgent, HookCall, HookMcpName, Payload, Reading, Told, same_name};

/// What is known of Cursor's hooks.
pub const AGENT: HookAgent = HookAgent {
    slug: "cursor",
    name: "Cursor",
    kind: AgentKind::Desktop,
    sources: &[],
    // It runs hooks that were written for Claude Code, with its own fields beside.
    is_sender: |payload| {
        payload.has("cursor_version") || payload.has("generation_id") && payload.has("conversation_id")
    },
    read,
    wire_tool: same_name,
    mcp_name,
    told_arguments,
    counts_calls: true,
};

/// Events that tell again what `PreToolUse` and `PostToolUse` tell, or what is no part of a conversation.
const SILENT: &[&str] =
    &["BeforeReadFile", "AfterFileEdit", "BeforeTabFileRead", "AfterTabFileEdit", "WorkspaceOpen", "Stop"];

fn read(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    reading.conversation = payload.some_text(&["conversation_id", "session_id"]);
    reading.turn = payload.some_text(&["generation_id"]);
    reading.version = payload.some_text(&["cursor_version"]).or(reading.version.take());
    reading.email = payload.some_text(&["user_email"]);
    let roots = payload.value(&["workspace_roots"]).and_then(Value::as_array);
    reading.cwd = roots.and_then(|roots| roots.first()?.as_str()).map(str::to_owned).or(reading.cwd.take());
    match payload.event() {
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["composer_mode", "source"]), "").own =
                Some(ONCE.to_owned());
        }
        "SessionEnd" => {
            reading.happened(EventKind::SessionEnd, payload.text(&["reason"]), "").own = Some(ONCE.to_owned());
        }
        "BeforeSubmitPrompt" | "UserPromptSubmit" => {
            reading.prompt(&AGENT, payload.text(&["prompt"]).unwrap_or_default());
        }
        "PreToolUse" | "PostToolUse" | "PostToolUseFailure" => call(payload, reading),
        "BeforeShellExecution" | "AfterShellExecution" | "BeforeMCPExecution" | "AfterMCPExecution" => {
            beside(payload, reading);
        }
        "AfterAgentResponse" => {
            reading.said(payload.text(&["text"]));
        }
        "AfterAgentThought" => {
            if let Some(text) = payload.some_text(&["text"]) {
                reading.tell(Told::Thought { text });
            }
        }
        "SubagentStart" | "SubagentStop" => subagent(payload, reading),
        "PreCompact" => {
            reading.happened(EventKind::Compaction, payload.text(&["trigger"]), "");
        }
        event => return SILENT.contains(&event),
    }
    true
}

/// A conversation starts and ends once; that its hooks may fire twice is not another time.
const ONCE: &str = "once";

fn call(payload: &Payload<'_>, reading: &mut Reading) {
    let name = payload.text(&["tool_name"]).unwrap_or_default();
    let arguments = payload.json(&["tool_input"]).unwrap_or_default();
    let tool = AGENT.tool(name, &arguments, None);
    let call_id = payload.text(&["tool_use_id"]).unwrap_or_default();
    let before = HookCall::before(tool, name, call_id, Some(arguments));
    let told = match payload.event() {
        "PreToolUse" => before,
        "PostToolUse" => before.ended(false, payload.json(&["tool_output", "tool_response"])),
        _ => {
            let denied = payload.text(&["failure_type"]) == Some("permission_denied");
            let failed = before.ended(true, payload.value(&["error_message"]).cloned());
            if denied { failed.denied() } else { failed }
        }
    };
    let own = (!call_id.is_empty()).then(|| format!("call:{call_id}"));
    reading.tell(Told::Call(Box::new(told))).own = own;
}

/// What a shell or an MCP server was asked is told once more, by events of their own that have no call id.
fn beside(payload: &Payload<'_>, reading: &mut Reading) {
    let is_shell = payload.event().contains("Shell");
    let (name, arguments) = if is_shell {
        ("Shell".to_owned(), json!({"command": payload.text(&["command"]).unwrap_or_default()}))
    } else {
        let name = payload.text(&["tool_name"]).unwrap_or_default();
        let name = if name.starts_with("MCP:") { name.to_owned() } else { format!("MCP:{name}") };
        (name, payload.json(&["tool_input"]).unwrap_or_default())
    };
    let server = payload.text(&["url", "command"]).filter(|_| !is_shell);
    let tool = AGENT.tool(&name, &arguments, server);
    let mut told = HookCall::before(tool, &name, "", Some(arguments));
    if payload.event().starts_with("After") {
        told = told.ended(false, payload.json(&["output", "result_json"]));
    }
    told.beside = true;
    reading.tell(Told::Call(Box::new(told)));
}

/// The child is named after the call that started it; its own events have a conversation of their own, and no word of
/// the parent.
fn subagent(payload: &Payload<'_>, reading: &mut Reading) {
    reading.conversation = payload.some_text(&["parent_conversation_id"]).or(reading.conversation.take());
    reading.subagent = payload.some_text(&["subagent_id", "tool_call_id"]);
    let kind = if payload.event() == "SubagentStart" { EventKind::SubagentStart } else { EventKind::SubagentStop };
    reading.happened(kind, payload.text(&["subagent_type"]), "");
    let (id, task) = (reading.subagent.clone(), payload.text(&["prompt", "task"]));
    if let (Some(id), Some(text)) = (id, task.filter(|_| kind == EventKind::SubagentStart)) {
        reading.tell(Told::Prompt { text: text.to_owned() }).own = Some(id);
    }
}

/// `MCP:<tool>`: the server is told by the MCP events only.
fn mcp_name(name: &str) -> Option<HookMcpName> {
    let tool = name.strip_prefix("MCP:")?;
    Some((None, tool.to_owned()))
}

/// Of a shell's call only the command is told by all events.
fn told_arguments(tool: &str, arguments: &Value) -> Value {
    if tool == "Shell"
        && let Some(command) = arguments.get("command")
    {
        return json!({ "command": command });
    }
    arguments.clone()
}
