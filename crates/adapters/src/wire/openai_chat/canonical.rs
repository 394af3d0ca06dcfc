//! A message in the form that stays equal when an agent resends it.
//!
//! What moves between requests: `developer` for `system`; a lone text part that becomes a plain string; `content` that is
//! null, empty or absent beside tool calls; keys that are null; reasoning, which agents drop; the spelling of arguments.
//! An answer is therefore its texts and the names of its calls; a result is the call's name and its content.

use serde_json::Value;
use ursa_model::message::{Part, Role};

use super::content::thought_and_said;
use crate::wire::calls::is_made_id;
use crate::wire::json::{canonical, canonical_result, push_string, text};

fn is_volatile(key: &str, value: &Value) -> bool {
    value.is_null() || key == "cache_control"
}

/// The canonical form of a message that was read as `parts`.
pub(super) fn message(role: Role, told: &Value, parts: &[Part]) -> String {
    let mut out = String::with_capacity(64);
    push_string(
        match role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        &mut out,
    );
    let results: Vec<&Part> = parts.iter().filter(|part| matches!(part, Part::ToolResult { .. })).collect();
    for part in &results {
        let Part::ToolResult { call_id, content, .. } = part else { continue };
        out.push_str("\nresult ");
        push_string(call_id, &mut out);
        canonical_result(content, &is_volatile, &mut out);
    }
    if results.is_empty() {
        if !text(told, "name").is_empty() {
            out.push_str("\nname ");
            push_string(text(told, "name"), &mut out);
        }
        match told.get("content") {
            Some(Value::String(text)) if role == Role::Assistant => push_text(thought_and_said(text).1, &mut out),
            content => push_content(content.unwrap_or(&Value::Null), &mut out),
        }
        push_text(text(told, "refusal"), &mut out);
    }
    for part in parts {
        let Part::ToolCall { call_id, tool, arguments } = part else { continue };
        out.push_str("\ncall ");
        push_string(call_id, &mut out);
        if is_made_id(call_id) {
            push_string(&tool.name, &mut out);
            canonical(arguments, &|_, _| false, &mut out);
        }
    }
    out
}

fn push_content(content: &Value, out: &mut String) {
    match content {
        Value::Null => {}
        Value::String(text) => push_text(text, out),
        Value::Array(parts) => parts.iter().for_each(|part| push_part(part, out)),
        other => push_block(other, out),
    }
}

fn push_text(text: &str, out: &mut String) {
    if !text.is_empty() {
        out.push_str("\ntext ");
        push_string(text, out);
    }
}

fn push_part(part: &Value, out: &mut String) {
    match text(part, "type") {
        "text" | "input_text" | "output_text" => push_text(text(part, "text"), out),
        "refusal" => push_text(text(part, "refusal"), out),
        "thinking" => {}
        _ => match part.as_str() {
            Some(text) => push_text(text, out),
            None => push_block(part, out),
        },
    }
}

fn push_block(block: &Value, out: &mut String) {
    out.push_str("\nblock ");
    canonical(block, &is_volatile, out);
}
