//! The stream of an answer's events, as far as it came.

use serde_json::Value;
use ursa_model::message::{ModelResponse, Origin, Part};

use super::{blocks, response};
use crate::wire::events;
use crate::wire::json::{self, some_text, text};
use crate::wire::problems::Problems;

/// HTTP status that an error event stands for: the stream had begun with 200.
const STREAM_STATUS: u16 = 200;

/// Most blocks of one answer; more are counted and left out, as each delta looks for its block among them.
const BLOCKS_LIMIT: usize = 10_000;

/// A block that is being built.
struct Block {
    index: u64,
    start: Value,
    text: String,
    json: String,
    closed: bool,
}

/// Reads a stream.
pub(super) fn read(body: &[u8], problems: &mut Problems) -> ModelResponse {
    let mut response = ModelResponse::default();
    let mut blocks: Vec<Block> = Vec::new();
    events::each(body, problems, |name, data, problems| {
        if let Some(data) = data {
            take(name, data, &mut response, &mut blocks, problems);
        }
    });
    if !response.complete && response.error.is_none() {
        problems.note("truncated", format!("the stream ends before its last event, after {} bytes", body.len()));
    }
    response.parts = blocks.into_iter().filter_map(|block| block.finish(problems)).collect();
    response
}

fn take(name: &str, mut data: Value, response: &mut ModelResponse, blocks: &mut Vec<Block>, problems: &mut Problems) {
    let kind = some_text(&data, "type").unwrap_or_else(|| name.to_owned());
    let index = data.get("index").and_then(Value::as_u64).unwrap_or_default();
    match kind.as_str() {
        "message_start" => response::start(response, data.get("message").unwrap_or(&Value::Null)),
        "content_block_start" if blocks.len() >= BLOCKS_LIMIT => problems.count("block_limit", "content_block"),
        "content_block_start" => blocks.push(Block {
            index,
            start: data.get_mut("content_block").map(Value::take).unwrap_or_default(),
            text: String::new(),
            json: String::new(),
            closed: false,
        }),
        "content_block_delta" => {
            let delta = data.get("delta").unwrap_or(&Value::Null);
            match blocks.iter_mut().rev().find(|block| block.index == index) {
                Some(block) => block.add(delta, problems),
                None => problems.count("unknown_event", "content_block_delta_without_block"),
            }
        }
        "content_block_stop" => {
            if let Some(block) = blocks.iter_mut().rev().find(|block| block.index == index) {
                block.closed = true;
            }
        }
        "message_delta" => {
            let delta = data.get("delta").unwrap_or(&Value::Null);
            if let Some(reason) = some_text(delta, "stop_reason") {
                response.finish_reason = Some(reason);
            }
            response::merge_usage(&mut response.usage, data.get("usage"));
        }
        "message_stop" => response.complete = true,
        "ping" => {}
        "error" => response.error = Some(response::error(&data, STREAM_STATUS)),
        other => problems.count("unknown_event", other),
    }
}

impl Block {
    fn add(&mut self, delta: &Value, problems: &mut Problems) {
        match text(delta, "type") {
            "text_delta" => self.text.push_str(text(delta, "text")),
            "thinking_delta" => self.text.push_str(text(delta, "thinking")),
            "input_json_delta" => self.json.push_str(text(delta, "partial_json")),
            // Neither says anything that is kept.
            "signature_delta" | "citations_delta" => {}
            other => problems.count("unknown_event", other),
        }
    }

    /// The block as the answer in one piece would hold it.
    fn finish(mut self, problems: &mut Problems) -> Option<Part> {
        let kind = text(&self.start, "type").to_owned();
        let key = match kind.as_str() {
            "text" => Some("text"),
            "thinking" => Some("thinking"),
            _ => None,
        };
        if let Some(key) = key {
            let text = format!("{}{}", text(&self.start, key), self.text);
            if text.is_empty() && !self.closed {
                return None;
            }
            self.start[key] = Value::String(text);
        } else if kind.ends_with("tool_use") && (!self.json.is_empty() || !self.closed) {
            self.start["input"] = json::parse_text(&self.json, problems).unwrap_or_else(|_| {
                let how = if self.closed { "not JSON" } else { "cut short" };
                problems.note("arguments_not_json", format!("the input of a tool call is {how}"));
                Value::String(std::mem::take(&mut self.json))
            });
        }
        Some(blocks::part(&self.start, Origin::Author, problems))
    }
}
