//! OpenAI Responses over HTTP: which step of the script a request asks for, and its answer as events or as one object.

mod script;

use bytes::Bytes;
use serde_json::{Value, json};

use super::log::{Answer, AnswerKind, ToolCallSent, UsageSent};
use super::reply::Reply;
use super::sse;

/// Answers `POST …/responses`; `id` is unique in the run.
pub(super) fn responses(request: &Value, id: &str) -> Reply {
    let (items, step) = script::items(request);
    let items: Vec<Value> = items.into_iter().enumerate().map(|(index, item)| with_ids(item, id, index)).collect();
    let count = request["input"].as_array().map_or(1, Vec::len);
    let usage = UsageSent { cache_creation_input_tokens: 0, ..UsageSent::at_place(count, step, 9) };
    // OpenAI counts cached input within the input.
    let usage = UsageSent { input_tokens: usage.input_tokens + usage.cache_read_input_tokens, ..usage };
    let answer = answer(&items, id, usage);
    let base = json!({
        "id": answer.response_id, "object": "response", "created_at": 1_790_000_000, "status": "in_progress",
        "model": request["model"], "output": [],
    });
    if request["stream"] == true {
        Reply::events(events(&items, &base, usage), answer)
    } else {
        let mut reply = Reply::json(200, &completed(&base, &items, usage));
        reply.answer = Some(answer);
        reply
    }
}

/// Answers a `response.create` that only warms up: no output.
pub(super) fn warmed_up(request: &Value, id: &str) -> Reply {
    let usage = UsageSent { cache_creation_input_tokens: 0, ..UsageSent::at_place(0, 0, 9) };
    let base = json!({
        "id": format!("resp_{id}"), "object": "response", "created_at": 1_790_000_000, "status": "in_progress",
        "model": request["model"], "output": [],
    });
    let mut answer = answer(&[], id, usage);
    answer.kind = AnswerKind::Side;
    Reply::events(events(&[], &base, usage), answer)
}

fn with_ids(mut item: Value, id: &str, index: usize) -> Value {
    let prefix = match item["type"].as_str() {
        Some("message") => "msg",
        Some("reasoning") => "rs",
        Some("function_call") => "fc",
        Some("custom_tool_call") => "ctc",
        _ => "tsc",
    };
    item["id"] = json!(format!("{prefix}_{id}_{index}"));
    if is_call(&item) {
        item["call_id"] = json!(format!("call_{id}_{index}"));
    }
    if item["type"] != "reasoning" {
        item["status"] = json!("completed");
    }
    item
}

fn is_call(item: &Value) -> bool {
    item["type"].as_str().is_some_and(|kind| kind.ends_with("_call"))
}

fn answer(items: &[Value], id: &str, usage: UsageSent) -> Answer {
    let texts = items.iter().filter(|item| item["type"] == "message");
    let texts = texts.filter_map(|item| item["content"][0]["text"].as_str().map(str::to_owned));
    let tool_calls = items.iter().filter(|item| is_call(item)).map(|item| ToolCallSent {
        call_id: item["call_id"].as_str().unwrap_or_default().to_owned(),
        name: match (item["namespace"].as_str(), item["name"].as_str()) {
            (Some(namespace), Some(name)) => format!("{namespace}.{name}"),
            (None, Some(name)) => name.to_owned(),
            _ => item["type"].as_str().unwrap_or_default().trim_end_matches("_call").to_owned(),
        },
        arguments: arguments(item),
    });
    Answer {
        response_id: format!("resp_{id}"),
        kind: AnswerKind::Turn,
        texts: texts.collect(),
        tool_calls: tool_calls.collect(),
        usage,
    }
}

/// A function's arguments parsed, a freeform tool's input as it is.
fn arguments(item: &Value) -> Value {
    match (&item["arguments"], &item["input"]) {
        (Value::String(json), _) => serde_json::from_str(json).unwrap_or(Value::Null),
        (Value::Null, input) => input.clone(),
        (arguments, _) => arguments.clone(),
    }
}

fn completed(base: &Value, items: &[Value], usage: UsageSent) -> Value {
    let mut response = base.clone();
    response["status"] = json!("completed");
    response["output"] = json!(items);
    response["usage"] = json!({
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_input_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    });
    response
}

fn events(items: &[Value], base: &Value, usage: UsageSent) -> Vec<Bytes> {
    let mut events = vec![
        json!({"type": "response.created", "response": base}),
        json!({"type": "response.in_progress", "response": base}),
    ];
    for (index, item) in items.iter().enumerate() {
        events.extend(item_events(index, item));
    }
    events.push(json!({"type": "response.completed", "response": completed(base, items, usage)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(sse::event).collect()
}

fn item_events(index: usize, item: &Value) -> Vec<Value> {
    let mut stub = item.clone();
    let inner = match item["type"].as_str() {
        Some("message") => {
            stub["content"] = json!([]);
            message_events(index, item)
        }
        Some("function_call") => {
            stub["arguments"] = json!("");
            input_events(index, item, "arguments", "response.function_call_arguments")
        }
        Some("custom_tool_call") => {
            stub["input"] = json!("");
            input_events(index, item, "input", "response.custom_tool_call_input")
        }
        Some("reasoning") => reasoning_events(index, item),
        _ => Vec::new(),
    };
    if item["type"] != "reasoning" {
        stub["status"] = json!("in_progress");
    }
    let mut events = vec![json!({"type": "response.output_item.added", "output_index": index, "item": stub})];
    events.extend(inner);
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    events
}

fn message_events(index: usize, item: &Value) -> Vec<Value> {
    let text = item["content"][0]["text"].as_str().unwrap_or_default();
    let event = |kind: &str, field: &str, value: Value| json!({"type": kind, "item_id": item["id"], "output_index": index, "content_index": 0, field: value});
    let empty = json!({"type": "output_text", "text": "", "annotations": []});
    let mut events = vec![event("response.content_part.added", "part", empty)];
    let deltas = sse::pieces(text, 12).into_iter();
    events.extend(deltas.map(|piece| event("response.output_text.delta", "delta", json!(piece))));
    events.push(event("response.output_text.done", "text", json!(text)));
    events.push(event("response.content_part.done", "part", item["content"][0].clone()));
    events
}

fn input_events(index: usize, item: &Value, field: &str, kind: &str) -> Vec<Value> {
    let text = item[field].as_str().unwrap_or_default();
    let pieces = sse::pieces(text, 20).into_iter();
    let delta =
        |piece| json!({"type": format!("{kind}.delta"), "item_id": item["id"], "output_index": index, "delta": piece});
    let mut events: Vec<Value> = pieces.map(delta).collect();
    events.push(json!({"type": format!("{kind}.done"), "item_id": item["id"], "output_index": index, field: text}));
    events
}

fn reasoning_events(index: usize, item: &Value) -> Vec<Value> {
    let event = |kind: &str, field: &str, value: Value| json!({"type": kind, "item_id": item["id"], "output_index": index, "summary_index": 0, field: value});
    let part = |text: &Value| json!({"type": "summary_text", "text": text});
    let text = &item["summary"][0]["text"];
    vec![
        event("response.reasoning_summary_part.added", "part", part(&json!(""))),
        event("response.reasoning_summary_text.delta", "delta", text.clone()),
        event("response.reasoning_summary_text.done", "text", text.clone()),
        event("response.reasoning_summary_part.done", "part", part(text)),
    ]
}
