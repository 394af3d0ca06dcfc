//! The stream of an answer's events, as far as it came.
//!
//! An item counts as it stands in its `output_item.done`, else in the last event's `output`; an item that neither has
//! was cut off, and is put together from its deltas.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ursa_model::message::{ModelResponse, Part};

use super::{items, response};
use crate::wire::events;
use crate::wire::json::{some_text, text};
use crate::wire::problems::Problems;

/// An item that is being built.
#[derive(Default)]
struct Item {
    /// As it was when added, or when done.
    told: Value,
    done: bool,
    /// Deltas by kind of field and place in it.
    pieces: BTreeMap<(Field, u64), String>,
}

/// What deltas add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Text,
    Refusal,
    Summary,
    Reasoning,
    Arguments,
    Input,
    Code,
}

/// Events that bring deltas, and those that bring the whole of what the deltas made, under which key.
const DELTAS: &[(&str, Field, &str)] = &[
    ("response.output_text", Field::Text, "text"),
    ("response.refusal", Field::Refusal, "refusal"),
    ("response.reasoning_summary_text", Field::Summary, "text"),
    ("response.reasoning_text", Field::Reasoning, "text"),
    ("response.function_call_arguments", Field::Arguments, "arguments"),
    ("response.mcp_call_arguments", Field::Arguments, "arguments"),
    ("response.custom_tool_call_input", Field::Input, "input"),
    ("response.code_interpreter_call_code", Field::Code, "code"),
];

/// Ends of event names that only tell how far a thing has come.
const PROGRESS: &[&str] = &[
    ".added",
    ".done",
    ".in_progress",
    ".searching",
    ".generating",
    ".interpreting",
    ".partial_image",
    ".queued",
    ".completed",
    ".failed",
    ".metadata",
];

/// Reads a stream.
pub(super) fn read(body: &[u8], problems: &mut Problems) -> ModelResponse {
    let mut stream = Stream::default();
    events::each(body, problems, |name, data, problems| {
        if let Some(data) = data {
            stream.take(name, data, problems);
        }
    });
    let mut response = stream.response;
    if !response.complete && response.error.is_none() {
        problems.note("truncated", format!("the stream ends before its last event, after {} bytes", body.len()));
    }
    response.parts = stream.items.into_values().flat_map(|item| item.finish(problems)).collect();
    response
}

#[derive(Default)]
struct Stream {
    response: ModelResponse,
    items: BTreeMap<u64, Item>,
}

impl Stream {
    fn take(&mut self, name: &str, mut data: Value, problems: &mut Problems) {
        let kind = some_text(&data, "type").unwrap_or_else(|| name.to_owned());
        let index = data.get("output_index").and_then(Value::as_u64).unwrap_or_default();
        match kind.as_str() {
            "response.created" | "response.in_progress" | "response.queued" => {
                response::head(&mut self.response, data.get("response").unwrap_or(&Value::Null));
            }
            "response.output_item.added" => {
                self.items.entry(index).or_default().told = data.get_mut("item").map(Value::take).unwrap_or_default();
            }
            "response.output_item.done" => {
                let item = self.items.entry(index).or_default();
                item.told = data.get_mut("item").map(Value::take).unwrap_or_default();
                item.done = true;
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                self.end(data.get_mut("response").map(Value::take).unwrap_or_default());
            }
            "error" => self.response.error = Some(response::error(&data, "error")),
            kind => {
                if !self.delta(kind, index, &data) && !is_progress(kind) {
                    problems.count("unknown_event", kind);
                }
            }
        }
    }

    fn end(&mut self, mut told: Value) {
        response::head(&mut self.response, &told);
        self.response.complete = true;
        let output = match told.get_mut("output") {
            Some(Value::Array(output)) => std::mem::take(output),
            _ => Vec::new(),
        };
        for (index, last) in output.into_iter().enumerate() {
            let item = self.items.entry(index as u64).or_default();
            if !item.done {
                *item = Item { told: last, done: true, pieces: BTreeMap::new() };
            }
        }
    }

    /// True when the event is about deltas.
    fn delta(&mut self, kind: &str, index: u64, data: &Value) -> bool {
        let Some((of, step)) = kind.rsplit_once('.') else { return false };
        let Some((_, field, whole)) = DELTAS.iter().find(|(known, ..)| *known == of) else { return false };
        let place = ["content_index", "summary_index"].iter().find_map(|key| data.get(key)?.as_u64());
        let item = self.items.entry(index).or_default();
        let piece = item.pieces.entry((*field, place.unwrap_or_default())).or_default();
        match step {
            "delta" => piece.push_str(text(data, "delta")),
            "done" => {
                if let Some(told) = data.get(whole).and_then(Value::as_str) {
                    told.clone_into(piece);
                }
            }
            _ => return false,
        }
        true
    }
}

fn is_progress(kind: &str) -> bool {
    kind == "keepalive" || kind.starts_with("codex.") || PROGRESS.iter().any(|end| kind.ends_with(end))
}

impl Item {
    fn finish(mut self, problems: &mut Problems) -> Vec<Part> {
        if !self.done {
            self.fill();
        }
        if self.told.is_null() {
            return Vec::new();
        }
        items::parts(&self.told, problems)
    }

    /// Puts the deltas where the item would have them.
    fn fill(&mut self) {
        if !self.told.is_object() {
            // Its start was never seen: the deltas say what it was.
            self.told = json!({"type": match self.pieces.keys().next().map(|(field, _)| *field) {
                Some(Field::Text | Field::Refusal) => "message",
                Some(Field::Summary | Field::Reasoning) => "reasoning",
                Some(Field::Arguments) => "function_call",
                Some(Field::Input) => "custom_tool_call",
                Some(Field::Code) => "code_interpreter_call",
                None => return,
            }});
        }
        let mut content = Vec::new();
        let mut summary = Vec::new();
        for ((field, _), piece) in std::mem::take(&mut self.pieces) {
            match field {
                Field::Text => content.push(json!({"type": "output_text", "text": piece})),
                Field::Refusal => content.push(json!({"type": "refusal", "refusal": piece})),
                Field::Reasoning => content.push(json!({"type": "reasoning_text", "text": piece})),
                Field::Summary => summary.push(json!({"type": "summary_text", "text": piece})),
                Field::Arguments => self.told["arguments"] = Value::String(piece),
                Field::Input => self.told["input"] = Value::String(piece),
                Field::Code => self.told["code"] = Value::String(piece),
            }
        }
        if !content.is_empty() {
            self.told["content"] = Value::Array(content);
        }
        if !summary.is_empty() {
            self.told["summary"] = Value::Array(summary);
        }
    }
}
