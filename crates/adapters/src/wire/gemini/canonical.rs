//! A message in the form that stays equal when an agent resends it.
//!
//! What moves between requests: signatures and thoughts, which agents drop; a text that was streamed in pieces and comes
//! back as one; ids of calls, which agents draw themselves.

use serde_json::Value;
use ursa_model::message::{Part, Role};

use super::parts::is_thought;
use crate::wire::json::{canonical, push_string};

fn is_volatile(key: &str, value: &Value) -> bool {
    value.is_null() || matches!(key, "thoughtSignature" | "thought_signature")
}

/// The canonical form of a message, by its parts as told and as read.
pub(super) fn message(role: Role, parts: &[(Value, Option<Part>)]) -> String {
    let mut out = String::with_capacity(64);
    push_string(
        match role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "model",
        },
        &mut out,
    );
    let mut text = String::new();
    for (told, read) in parts {
        if let Some(Part::Text { text: piece, .. }) = read {
            text.push_str(piece);
            continue;
        }
        if read.is_none() || is_thought(told) && matches!(read, Some(Part::Reasoning { .. })) {
            continue;
        }
        push_text(&mut text, &mut out);
        match read {
            Some(Part::ToolCall { call_id, tool, arguments }) => {
                out.push_str("\ncall ");
                push_string(call_id, &mut out);
                push_string(&tool.name, &mut out);
                canonical(arguments, &|_, _| false, &mut out);
            }
            Some(Part::ToolResult { call_id, content, .. }) => {
                out.push_str("\nresult ");
                push_string(call_id, &mut out);
                canonical(content, &|_, _| false, &mut out);
            }
            _ => {
                out.push_str("\nblock ");
                canonical(told, &is_volatile, &mut out);
            }
        }
    }
    push_text(&mut text, &mut out);
    out
}

fn push_text(text: &mut String, out: &mut String) {
    if !text.is_empty() {
        out.push_str("\ntext ");
        push_string(text, out);
        text.clear();
    }
}
