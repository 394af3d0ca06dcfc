//! Parts: the same in a request's `contents` and an answer's candidates.

use serde_json::{Value, json};
use ursa_model::message::{Origin, Part};

use super::field;
use crate::tools;
use crate::wire::attachment::kind_of;
use crate::wire::calls::CallNames;
use crate::wire::json::{base64_bytes, some_text, text};
use crate::wire::problems::Problems;

/// The tool that Gemini itself runs code with.
const CODE_EXECUTION: &str = "code_execution";

/// Reads a part; `None` for an empty text, which carries a signature at most.
pub(super) fn part(told: &Value, origin: Origin, names: &mut CallNames, problems: &mut Problems) -> Option<Part> {
    if let Some(call) = field(told, "functionCall", "function_call") {
        return Some(call_part(call, names));
    }
    if let Some(response) = field(told, "functionResponse", "function_response") {
        return Some(result(response, names));
    }
    if let Some(code) = field(told, "executableCode", "executable_code") {
        let call_id = names.unnamed_call(text(code, "id"), CODE_EXECUTION, code);
        return Some(Part::ToolCall { call_id, tool: tools::server_tool(CODE_EXECUTION), arguments: code.clone() });
    }
    if let Some(ran) = field(told, "codeExecutionResult", "code_execution_result") {
        return Some(Part::ToolResult {
            call_id: names.result(text(ran, "id"), CODE_EXECUTION),
            content: ran.get("output").cloned().unwrap_or_default(),
            is_error: some_text(ran, "outcome").map(|outcome| outcome != "OUTCOME_OK"),
            spawned_subagent_id: None,
        });
    }
    if let Some(data) = field(told, "inlineData", "inline_data") {
        return Some(attachment(data, base64_bytes(text(data, "data")), None));
    }
    if let Some(data) = field(told, "fileData", "file_data") {
        let uri = field(data, "fileUri", "file_uri").and_then(Value::as_str);
        return Some(attachment(data, 0, uri.map(str::to_owned)));
    }
    match told.get("text").and_then(Value::as_str) {
        Some("") => None,
        Some(text) if is_thought(told) => Some(Part::Reasoning { text: text.to_owned() }),
        Some(text) => Some(Part::Text { text: text.to_owned(), origin }),
        None if is_thought(told) || field(told, "thoughtSignature", "thought_signature").is_some() => None,
        None => {
            let kind = told.as_object().and_then(|members| members.keys().next()).map_or("part", String::as_str);
            problems.count("unknown_block", kind);
            Some(Part::Unknown { block_type: kind.to_owned() })
        }
    }
}

/// Whether a part is what the model thought, not what it says.
pub(super) fn is_thought(told: &Value) -> bool {
    told.get("thought").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether a part is a tool's result.
pub(super) fn is_result(told: &Value) -> bool {
    field(told, "functionResponse", "function_response").is_some()
}

/// A call's id is told by neither side alone: the answer mostly has none, and the agent resends it with one of its own.
pub(super) fn call_part(call: &Value, names: &mut CallNames) -> Part {
    let arguments = call.get("args").filter(|args| !args.is_null()).cloned().unwrap_or_else(|| json!({}));
    let name = text(call, "name");
    let tool = tools::tool(name, "", &arguments);
    Part::ToolCall { call_id: names.unnamed_call(text(call, "id"), name, &arguments), tool, arguments }
}

/// What a function gave, which the protocol wants under `output`, and `error` if it failed.
fn result(response: &Value, names: &mut CallNames) -> Part {
    let told = response.get("response").unwrap_or(&Value::Null);
    let error = told.get("error").filter(|error| !error.is_null());
    let only = told.as_object().filter(|members| members.len() == 1);
    let bare = only.and_then(|members| members.get("output").or_else(|| members.get("error")));
    Part::ToolResult {
        call_id: names.result(text(response, "id"), text(response, "name")),
        content: bare.unwrap_or(told).clone(),
        is_error: error.map(|_| true),
        spawned_subagent_id: None,
    }
}

fn attachment(data: &Value, bytes: u64, reference: Option<String>) -> Part {
    let media_type = field(data, "mimeType", "mime_type").and_then(Value::as_str);
    let name = field(data, "displayName", "display_name").and_then(Value::as_str);
    Part::Attachment {
        kind: kind_of(media_type.unwrap_or_default()).to_owned(),
        media_type: media_type.map(str::to_owned),
        name: name.map(str::to_owned),
        bytes,
        reference,
    }
}
