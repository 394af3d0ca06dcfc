//! Messages: the same in a request's `messages` and an answer's `choices`.

use serde_json::Value;
use ursa_model::message::{Origin, Part};

use crate::tools;
use crate::wire::calls::{self, CallNames};
use crate::wire::json::{base64_bytes, some_text, text};
use crate::wire::problems::Problems;
use crate::wire::{attachment, json};

/// Where servers put what the model thought, readable. OpenAI itself does not tell it.
pub(super) const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

/// Reads a message of the model's: what it thought, said, refused and asked for.
pub(super) fn answer(message: &Value, names: &mut CallNames, problems: &mut Problems) -> Vec<Part> {
    let thought = REASONING.iter().find_map(|key| some_text(message, key)).map(|text| Part::Reasoning { text });
    let mut parts: Vec<Part> = thought.into_iter().collect();
    let content = content(message, Origin::Author, problems).into_iter().flat_map(split_thought);
    parts.extend(content.filter(|part| !is_empty_text(part)));
    parts.extend(some_text(message, "refusal").map(|text| Part::Text { text, origin: Origin::Author }));
    if let Some(audio @ Value::Object(_)) = message.get("audio") {
        parts.extend(spoken(audio));
    }
    for call in list(message.get("tool_calls")) {
        parts.push(tool_call(call, true, names, problems));
    }
    if let Some(call @ Value::Object(_)) = message.get("function_call") {
        parts.push(function(text(call, "name"), "", call.get("arguments"), true, names, problems));
    }
    parts
}

/// What servers that know no reasoning leave in the text, at its head.
const THOUGHT: (&str, &str) = ("<think>", "</think>");

/// The thought at the head of an answer's text, and the rest. Agents leave the thought out when they resend the answer,
/// so it must not count as what was said. One without an end was cut.
pub(super) fn thought_and_said(text: &str) -> (Option<&str>, &str) {
    let Some(body) = text.trim_start().strip_prefix(THOUGHT.0) else { return (None, text) };
    let (thought, said) = body.split_once(THOUGHT.1).unwrap_or((body, ""));
    (Some(thought.trim()), said.trim_start())
}

/// A text of the model's as thought and said.
pub(super) fn split_thought(part: Part) -> Vec<Part> {
    let Part::Text { text, origin } = &part else { return vec![part] };
    let (Some(thought), said) = thought_and_said(text) else { return vec![part] };
    vec![Part::Reasoning { text: thought.to_owned() }, Part::Text { text: said.to_owned(), origin: *origin }]
}

pub(super) fn is_empty_text(part: &Part) -> bool {
    matches!(part, Part::Text { text, .. } if text.is_empty())
}

/// A sound that the model made, and what it says in it.
pub(super) fn spoken(audio: &Value) -> Vec<Part> {
    let mut parts: Vec<Part> =
        some_text(audio, "transcript").map(|text| Part::Text { text, origin: Origin::Author }).into_iter().collect();
    parts.push(Part::Attachment {
        kind: "audio".to_owned(),
        media_type: None,
        name: None,
        bytes: base64_bytes(text(audio, "data")),
        reference: some_text(audio, "id"),
    });
    parts
}

fn list(told: Option<&Value>) -> &[Value] {
    told.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Reads an entry of `tool_calls`. `whole` is whether its arguments came to their end.
pub(super) fn tool_call(call: &Value, whole: bool, names: &mut CallNames, problems: &mut Problems) -> Part {
    let id = text(call, "id");
    if let Some(custom @ Value::Object(_)) = call.get("custom") {
        let input = custom.get("input").cloned().unwrap_or_default();
        let tool = tools::tool(text(custom, "name"), "", &input);
        let call_id = names.call(id, &tool.name, &input);
        return Part::ToolCall { call_id, tool, arguments: input };
    }
    let told = call.get("function").unwrap_or(&Value::Null);
    function(text(told, "name"), id, told.get("arguments"), whole, names, problems)
}

fn function(
    name: &str,
    id: &str,
    arguments: Option<&Value>,
    whole: bool,
    names: &mut CallNames,
    problems: &mut Problems,
) -> Part {
    let arguments = calls::arguments(arguments, whole, problems);
    let tool = tools::tool(name, "", &arguments);
    Part::ToolCall { call_id: names.call(id, name, &arguments), tool, arguments }
}

/// Reads the result of a tool (`tool`) or of a function of the old kind (`function`), which is told by its name.
pub(super) fn result(message: &Value, names: &mut CallNames) -> Part {
    Part::ToolResult {
        call_id: names.result(text(message, "tool_call_id"), text(message, "name")),
        content: message.get("content").cloned().unwrap_or_default(),
        is_error: None,
        spawned_subagent_id: None,
    }
}

/// Reads `content`: a text, parts, or nothing.
pub(super) fn content(message: &Value, origin: Origin, problems: &mut Problems) -> Vec<Part> {
    match message.get("content") {
        Some(Value::String(text)) => vec![Part::Text { text: text.clone(), origin }],
        Some(Value::Array(parts)) => parts.iter().map(|told| part(told, origin, problems)).collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(_) => {
            problems.count("unknown_block", "content");
            vec![Part::Unknown { block_type: "content".to_owned() }]
        }
    }
}

fn part(told: &Value, origin: Origin, problems: &mut Problems) -> Part {
    if let Some(text) = told.as_str() {
        return Part::Text { text: text.to_owned(), origin };
    }
    match text(told, "type") {
        "text" | "input_text" | "output_text" => Part::Text { text: text(told, "text").to_owned(), origin },
        "refusal" => Part::Text { text: text(told, "refusal").to_owned(), origin },
        "thinking" => Part::Reasoning { text: thinking(told) },
        "image_url" => at_url("image", told, "image_url"),
        "video_url" => at_url("video", told, "video_url"),
        "input_audio" => sound(told.get("input_audio").unwrap_or(told)),
        "file" => {
            let file = told.get("file").unwrap_or(told);
            attachment::by_url("file", text(file, "file_data"), some_text(file, "filename"), some_text(file, "file_id"))
        }
        kind => {
            problems.count("unknown_block", kind);
            Part::Unknown { block_type: kind.to_owned() }
        }
    }
}

/// `{"image_url": {"url": …}}`, or the URL without an object about it.
fn at_url(kind: &str, told: &Value, key: &str) -> Part {
    let held = told.get(key).unwrap_or(&Value::Null);
    attachment::by_url(kind, held.as_str().unwrap_or_else(|| text(held, "url")), None, None)
}

fn sound(told: &Value) -> Part {
    Part::Attachment {
        kind: "audio".to_owned(),
        media_type: some_text(told, "format").map(|format| format!("audio/{format}")),
        name: None,
        bytes: base64_bytes(text(told, "data")),
        reference: None,
    }
}

/// A text, or text parts within.
fn thinking(told: &Value) -> String {
    match told.get("thinking") {
        Some(Value::Array(parts)) => parts.iter().map(|part| json::text(part, "text")).collect(),
        _ => text(told, "thinking").to_owned(),
    }
}
