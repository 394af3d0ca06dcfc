//! OpenAI Responses: output items, and an answer of them as one object or as events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Spent, event, fresh, pieces, tokens};
use crate::script::Say;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    id: String,
    model: String,
    /// The output items, as the object holds them and as the agent sends them back.
    pub(crate) items: Vec<Value>,
    spent: Spent,
}

impl Answer {
    /// What the script says, under fresh ids. `context` and `cached` are tokens.
    pub(crate) fn new(says: &[Say], model: &str, context: u64, cached: u64) -> Self {
        let items: Vec<Value> = says.iter().filter_map(item).collect();
        let weigh = |item: &Value| tokens(&item.to_string());
        // What is thought is longer than the summary of it.
        let reasoning = items.iter().filter(|item| item["type"] == "reasoning").map(weigh).sum::<u64>() * 3;
        let said: u64 = items.iter().filter(|item| item["type"] != "reasoning").map(weigh).sum();
        let spent = Spent { context, cached, output: said + reasoning, reasoning };
        Self { id: fresh("resp_"), model: model.to_owned(), items, spent }
    }

    /// The ids of the tool calls, in order, each with whether its input is freeform.
    pub(crate) fn calls(&self) -> Vec<(String, bool)> {
        let calls = self.items.iter().filter_map(|item| {
            let id = item["call_id"].as_str()?.to_owned();
            Some((id, item["type"] == "custom_tool_call"))
        });
        calls.collect()
    }

    fn response(&self, status: &str, output: &[Value]) -> Value {
        json!({
            "id": self.id, "object": "response", "created_at": 1_790_000_000, "status": status, "model": self.model,
            "output": output,
        })
    }

    fn completed(&self) -> Value {
        let mut response = self.response("completed", &self.items);
        response["usage"] = json!({
            "input_tokens": self.spent.context,
            "input_tokens_details": {"cached_tokens": self.spent.cached},
            "output_tokens": self.spent.output,
            "output_tokens_details": {"reasoning_tokens": self.spent.reasoning},
            "total_tokens": self.spent.context + self.spent.output,
        });
        response
    }

    /// The answer to a request that asked for no stream.
    pub(crate) fn object(&self) -> Bytes {
        Bytes::from(self.completed().to_string())
    }

    /// The answer as a stream.
    pub(crate) fn events(&self) -> Vec<Bytes> {
        let base = self.response("in_progress", &[]);
        let mut events = vec![
            json!({"type": "response.created", "response": base}),
            json!({"type": "response.in_progress", "response": base}),
        ];
        for (index, item) in self.items.iter().enumerate() {
            events.extend(item_events(index, item));
        }
        events.push(json!({"type": "response.completed", "response": self.completed()}));
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = json!(number);
        }
        events.iter().map(event).collect()
    }
}

/// An output item. Searches of the provider are acted by agents of the other protocol only.
fn item(say: &Say) -> Option<Value> {
    Some(match say {
        Say::Think(summary) => json!({
            "type": "reasoning", "id": fresh("rs_"), "summary": [{"type": "summary_text", "text": summary}],
            "encrypted_content": fresh("RGVtbw"),
        }),
        Say::Text(text) => json!({
            "type": "message", "id": fresh("msg_"), "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }),
        Say::Call(call) => {
            let call_id = fresh("call_");
            if let Value::String(input) = &call.input {
                return Some(json!({
                    "type": "custom_tool_call", "id": fresh("ctc_"), "status": "completed", "call_id": call_id,
                    "name": call.name, "input": input,
                }));
            }
            let mut item = json!({
                "type": "function_call", "id": fresh("fc_"), "status": "completed", "call_id": call_id,
                "name": call.name, "arguments": call.input.to_string(),
            });
            if let Some(namespace) = call.namespace {
                item["namespace"] = json!(namespace);
            }
            item
        }
        Say::Search(..) => return None,
    })
}

fn item_events(index: usize, item: &Value) -> Vec<Value> {
    let mut stub = item.clone();
    let inner = match item["type"].as_str() {
        Some("message") => {
            stub["content"] = json!([]);
            text_events(index, item)
        }
        Some("function_call") => {
            stub["arguments"] = json!("");
            input_events(index, item, "arguments", "response.function_call_arguments")
        }
        Some("custom_tool_call") => {
            stub["input"] = json!("");
            input_events(index, item, "input", "response.custom_tool_call_input")
        }
        _ => summary_events(index, item),
    };
    if !item["status"].is_null() {
        stub["status"] = json!("in_progress");
    }
    let mut events = vec![json!({"type": "response.output_item.added", "output_index": index, "item": stub})];
    events.extend(inner);
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    events
}

fn text_events(index: usize, item: &Value) -> Vec<Value> {
    let named = |kind: &str, field: &str, value: Value| json!({"type": kind, "item_id": item["id"], "output_index": index, "content_index": 0, field: value});
    let text = item["content"][0]["text"].as_str().unwrap_or_default();
    let empty = json!({"type": "output_text", "text": "", "annotations": []});
    let mut events = vec![named("response.content_part.added", "part", empty)];
    events.extend(pieces(text).into_iter().map(|piece| named("response.output_text.delta", "delta", json!(piece))));
    events.push(named("response.output_text.done", "text", json!(text)));
    events.push(named("response.content_part.done", "part", item["content"][0].clone()));
    events
}

fn input_events(index: usize, item: &Value, field: &str, kind: &str) -> Vec<Value> {
    let text = item[field].as_str().unwrap_or_default();
    let delta =
        |piece| json!({"type": format!("{kind}.delta"), "item_id": item["id"], "output_index": index, "delta": piece});
    let mut events: Vec<Value> = pieces(text).into_iter().map(delta).collect();
    events.push(json!({"type": format!("{kind}.done"), "item_id": item["id"], "output_index": index, field: text}));
    events
}

fn summary_events(index: usize, item: &Value) -> Vec<Value> {
    let named = |kind: &str, field: &str, value: Value| json!({"type": kind, "item_id": item["id"], "output_index": index, "summary_index": 0, field: value});
    let part = |text: &Value| json!({"type": "summary_text", "text": text});
    let text = &item["summary"][0]["text"];
    vec![
        named("response.reasoning_summary_part.added", "part", part(&json!(""))),
        named("response.reasoning_summary_text.delta", "delta", text.clone()),
        named("response.reasoning_summary_text.done", "text", text.clone()),
        named("response.reasoning_summary_part.done", "part", part(text)),
    ]
}
