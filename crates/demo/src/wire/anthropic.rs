//! Anthropic Messages: content blocks, and an answer of them as one object or as events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Spent, event, fresh, pieces, tokens};
use crate::script::Say;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    id: String,
    model: String,
    /// The content blocks, as the object holds them and as the agent sends them back.
    pub(crate) blocks: Vec<Value>,
    spent: Spent,
}

impl Answer {
    /// What the script says, under fresh ids. `context` and `cached` are tokens.
    pub(crate) fn new(says: &[Say], model: &str, context: u64, cached: u64) -> Self {
        let blocks: Vec<Value> = says.iter().flat_map(blocks).collect();
        let output = blocks.iter().map(|block| tokens(&block.to_string())).sum();
        let spent = Spent { context, cached, output, reasoning: 0 };
        Self { id: fresh("msg_01"), model: model.to_owned(), blocks, spent }
    }

    /// The same answer given again, which has an id of its own.
    pub(crate) fn again(&self) -> Self {
        Self { id: fresh("msg_01"), ..self.clone() }
    }

    /// The ids of the tool calls, in order.
    pub(crate) fn call_ids(&self) -> Vec<String> {
        let calls = self.blocks.iter().filter(|block| block["type"] == "tool_use");
        calls.filter_map(|block| block["id"].as_str().map(str::to_owned)).collect()
    }

    fn stop_reason(&self) -> &'static str {
        if self.call_ids().is_empty() { "end_turn" } else { "tool_use" }
    }

    fn usage(&self, output: u64) -> Value {
        let written = self.spent.context.saturating_sub(self.spent.cached);
        let searches = self.blocks.iter().filter(|block| block["type"] == "server_tool_use").count();
        let mut usage = json!({
            "input_tokens": 4, "cache_creation_input_tokens": written,
            "cache_read_input_tokens": self.spent.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output, "service_tier": "standard",
        });
        if searches > 0 {
            usage["server_tool_use"] = json!({"web_search_requests": searches});
        }
        usage
    }

    fn message(&self, content: &[Value], stop_reason: Option<&str>, output: u64) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": null, "usage": self.usage(output),
        })
    }

    /// The answer to a request that asked for no stream.
    pub(crate) fn object(&self) -> Bytes {
        let message = self.message(&self.blocks, Some(self.stop_reason()), self.spent.output);
        Bytes::from(message.to_string())
    }

    /// The answer as a stream.
    pub(crate) fn events(&self) -> Vec<Bytes> {
        let start = json!({"type": "message_start", "message": self.message(&[], None, 1)});
        let mut events = vec![event(&start), event(&json!({"type": "ping"}))];
        for (index, block) in self.blocks.iter().enumerate() {
            events.extend(block_events(index, block).iter().map(event));
        }
        events.push(event(&json!({
            "type": "message_delta", "delta": {"stop_reason": self.stop_reason(), "stop_sequence": null},
            "usage": {"output_tokens": self.spent.output},
        })));
        events.push(event(&json!({"type": "message_stop"})));
        events
    }
}

fn blocks(say: &Say) -> Vec<Value> {
    match say {
        Say::Think(thinking) => vec![json!({"type": "thinking", "thinking": thinking, "signature": signature()})],
        Say::Text(text) => vec![json!({"type": "text", "text": text})],
        Say::Call(call) => {
            vec![json!({"type": "tool_use", "id": fresh("toolu_01"), "name": call.name, "input": call.input})]
        }
        Say::Search(query, found) => {
            let id = fresh("srvtoolu_01");
            let found = found.iter().map(|(title, url)| {
                json!({
                    "type": "web_search_result", "title": title, "url": url, "page_age": null,
                    "encrypted_content": signature(),
                })
            });
            let found: Vec<Value> = found.collect();
            vec![
                json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": query}}),
                json!({"type": "web_search_tool_result", "tool_use_id": id, "content": found}),
            ]
        }
    }
}

/// Stands for the opaque bytes with which the vendor signs thinking.
fn signature() -> String {
    fresh("RGVtbw")
}

fn block_events(index: usize, block: &Value) -> Vec<Value> {
    let mut stub = block.clone();
    let deltas: Vec<Value> = match block["type"].as_str() {
        Some("thinking") => {
            stub["thinking"] = json!("");
            stub["signature"] = json!("");
            let mut deltas = deltas(&block["thinking"], "thinking_delta", "thinking");
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            deltas
        }
        Some("text") => {
            stub["text"] = json!("");
            deltas(&block["text"], "text_delta", "text")
        }
        Some("tool_use" | "server_tool_use") => {
            stub["input"] = json!({});
            deltas(&json!(block["input"].to_string()), "input_json_delta", "partial_json")
        }
        // What a search found comes whole.
        _ => Vec::new(),
    };
    let mut events = vec![json!({"type": "content_block_start", "index": index, "content_block": stub})];
    let delta_event = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
    events.extend(deltas.into_iter().map(delta_event));
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

fn deltas(text: &Value, kind: &str, field: &str) -> Vec<Value> {
    let text = text.as_str().unwrap_or_default();
    pieces(text).into_iter().map(|piece| json!({"type": kind, field: piece})).collect()
}

/// What the API says when it has no room.
pub(crate) fn overloaded() -> Bytes {
    let error = json!({
        "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": fresh("req_01"),
    });
    Bytes::from(error.to_string())
}
