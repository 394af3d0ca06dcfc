//! Items: the same in a request's `input` and an answer's `output`.

use serde_json::Value;
use ursa_model::message::{Origin, Part, Role};

use crate::tools;
use crate::wire::json::{some_text, text};
use crate::wire::problems::Problems;
use crate::wire::{attachment, calls};

/// The item's type; a message may leave it out.
pub(super) fn kind(item: &Value) -> &str {
    match text(item, "type") {
        "" if item.get("role").is_some() => "message",
        kind => kind,
    }
}

/// Who an item is from.
pub(super) fn role(item: &Value) -> Role {
    match kind(item) {
        "message" => match text(item, "role") {
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            _ => Role::User,
        },
        "additional_tools" | "configuration_update" => Role::System,
        // What another agent of the team says comes in like a user's message.
        "agent_message" | "mcp_approval_response" | "compaction_trigger" => Role::User,
        kind if kind.ends_with("_output") => Role::User,
        _ => Role::Assistant,
    }
}

/// Reads an item.
pub(super) fn parts(item: &Value, problems: &mut Problems) -> Vec<Part> {
    match kind(item) {
        "message" | "agent_message" => content(item, problems),
        "reasoning" => vec![Part::Reasoning { text: reasoning(item) }],
        "function_call" => {
            let arguments = arguments(item, problems);
            let tool = tools::tool(text(item, "name"), text(item, "namespace"), &arguments);
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        "custom_tool_call" => {
            let arguments = item.get("input").cloned().unwrap_or_default();
            let tool = tools::tool(text(item, "name"), text(item, "namespace"), &arguments);
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        kind @ ("local_shell_call" | "shell_call") => {
            let arguments = item.get("action").cloned().unwrap_or_default();
            let tool = tools::builtin_tool(kind.trim_end_matches("_call"), &arguments);
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        "apply_patch_call" => {
            let arguments = item.get("operation").cloned().unwrap_or_default();
            let tool = tools::builtin_tool("apply_patch", &arguments);
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        "tool_search_call" => {
            let arguments = item.get("arguments").cloned().unwrap_or_default();
            let tool = match text(item, "execution") {
                "server" => tools::server_tool("tool_search"),
                _ => tools::builtin_tool("tool_search", &arguments),
            };
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        "mcp_call" => mcp_call(item, problems),
        kind if SERVER_CALLS.contains(&kind) => {
            let arguments = SERVER_ARGUMENTS.iter().find_map(|key| item.get(key)).cloned().unwrap_or_default();
            let tool = tools::server_tool(kind.trim_end_matches("_call"));
            vec![Part::ToolCall { call_id: call_id(item), tool, arguments }]
        }
        "tool_search_output" => vec![result(item, "tools")],
        kind if OUTPUTS.contains(&kind) => vec![result(item, "output")],
        // Known, and nothing in them that a reader of the record would read.
        "additional_tools"
        | "compaction"
        | "compaction_summary"
        | "compaction_trigger"
        | "configuration_update"
        | "context_compaction"
        | "item_reference"
        | "mcp_list_tools"
        | "mcp_approval_request"
        | "mcp_approval_response" => Vec::new(),
        kind => {
            problems.count("unknown_block", kind);
            vec![Part::Unknown { block_type: kind.to_owned() }]
        }
    }
}

/// Calls of tools that the provider runs.
const SERVER_CALLS: &[&str] =
    &["web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "computer_call"];

/// Where those calls keep what was asked.
const SERVER_ARGUMENTS: &[&str] = &["action", "queries", "code", "arguments"];

const OUTPUTS: &[&str] = &[
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "computer_call_output",
];

fn call_id(item: &Value) -> String {
    some_text(item, "call_id").or_else(|| some_text(item, "id")).unwrap_or_default()
}

fn arguments(item: &Value, problems: &mut Problems) -> Value {
    calls::arguments(item.get("arguments"), false, problems)
}

/// A call to an MCP server that the provider talks to: the item holds the result too.
fn mcp_call(item: &Value, problems: &mut Problems) -> Vec<Part> {
    let name = text(item, "name").to_owned();
    let tool = tools::mcp_tool(name.clone(), text(item, "server_label").to_owned(), name);
    let mut parts = vec![Part::ToolCall { call_id: call_id(item), tool, arguments: arguments(item, problems) }];
    let error = item.get("error").filter(|error| !error.is_null());
    if let Some(content) = error.or_else(|| item.get("output")).filter(|content| !content.is_null()) {
        parts.push(Part::ToolResult {
            call_id: call_id(item),
            content: content.clone(),
            is_error: Some(error.is_some()),
            spawned_subagent_id: None,
        });
    }
    parts
}

fn result(item: &Value, key: &str) -> Part {
    Part::ToolResult {
        call_id: call_id(item),
        content: item.get(key).cloned().unwrap_or_default(),
        is_error: None,
        spawned_subagent_id: None,
    }
}

/// Summary, else the reasoning itself where a server gives it; empty when it is encrypted.
pub(super) fn reasoning(item: &Value) -> String {
    let texts = |key: &str| {
        let entries = item.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(|entry| text(entry, "text")).collect::<Vec<_>>().join("\n\n")
    };
    Some(texts("summary")).filter(|summary| !summary.is_empty()).unwrap_or_else(|| texts("content"))
}

fn content(item: &Value, problems: &mut Problems) -> Vec<Part> {
    let origin = if role(item) == Role::System { Origin::Injected } else { Origin::Author };
    match item.get("content") {
        Some(Value::String(text)) => vec![Part::Text { text: text.clone(), origin }],
        Some(Value::Array(blocks)) => blocks.iter().map(|block| block_part(block, origin, problems)).collect(),
        _ => Vec::new(),
    }
}

fn block_part(block: &Value, origin: Origin, problems: &mut Problems) -> Part {
    match text(block, "type") {
        "input_text" | "output_text" | "text" | "summary_text" => {
            Part::Text { text: text(block, "text").to_owned(), origin }
        }
        "refusal" => Part::Text { text: text(block, "refusal").to_owned(), origin },
        "reasoning_text" => Part::Reasoning { text: text(block, "text").to_owned() },
        // What one agent of a team tells another, sealed by the provider.
        "encrypted_content" => Part::Unknown { block_type: "encrypted_content".to_owned() },
        "input_image" => by_url("image", block, "image_url"),
        "input_file" => by_url("file", block, "file_data"),
        "input_audio" => by_url("audio", block.get("input_audio").unwrap_or(block), "data"),
        kind => {
            problems.count("unknown_block", kind);
            Part::Unknown { block_type: kind.to_owned() }
        }
    }
}

fn by_url(kind: &str, block: &Value, key: &str) -> Part {
    let reference = some_text(block, "file_id").or_else(|| some_text(block, "file_url"));
    attachment::by_url(kind, text(block, key), some_text(block, "filename"), reference)
}
