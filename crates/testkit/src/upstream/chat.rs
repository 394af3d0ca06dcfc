//! OpenAI Chat Completions: which step of the script a request asks for, and its answer as chunks or as one object.

use bytes::Bytes;
use serde_json::{Value, json};

use super::anthropic::{MARKERS, dir_of};
use super::log::{Answer, AnswerKind, ToolCallSent, UsageSent};
use super::offered::{self, Piece, Tool};
use super::reply::Reply;
use super::sse;

/// Answers `POST …/chat/completions`; `id` is unique in the run.
pub(super) fn completions(request: &Value, id: &str) -> Reply {
    let empty = Vec::new();
    let messages = request["messages"].as_array().unwrap_or(&empty);
    let (pieces, kind, step) = said(request, messages);
    let usage = UsageSent::at_place(messages.len(), step, 17);
    // OpenAI counts cached input within the input, and nothing for writing to the cache.
    let input_tokens = usage.input_tokens + usage.cache_read_input_tokens;
    let usage = UsageSent { input_tokens, cache_creation_input_tokens: 0, reasoning_output_tokens: 0, ..usage };
    let answer = answer(&pieces, id, kind, usage);
    if request["stream"] == true {
        let wants_usage = request["stream_options"]["include_usage"] == true;
        let usage = if wants_usage { usage } else { UsageSent::default() };
        Reply::events(chunks(request, &answer, wants_usage), Answer { usage, ..answer })
    } else {
        let mut reply = Reply::json(200, &object(request, &answer));
        reply.answer = Some(answer);
        reply
    }
}

fn said(request: &Value, messages: &[Value]) -> (Vec<Piece>, AnswerKind, usize) {
    let is_prompt = |message: &Value| {
        let content = message["content"].to_string();
        message["role"] == "user" && MARKERS.iter().any(|marker| content.contains(marker))
    };
    let prompt_at = messages.iter().rposition(is_prompt);
    let later = messages.iter().skip(prompt_at.map_or(0, |at| at + 1));
    let step = later.filter(|message| message["role"] == "assistant").count();
    let tools = tools(request);
    if tools.is_empty() {
        return (vec![Piece::Say("Tidy the project".to_owned())], AnswerKind::Side, step);
    }
    let prompt = prompt_at.map(|at| text_of(&messages[at]["content"])).unwrap_or_default();
    if !prompt.contains("RIG-PROMPT") {
        return (offered::plain(), AnswerKind::Turn, step);
    }
    (offered::step(&tools, &dir_of(&prompt), step), AnswerKind::Turn, step)
}

fn tools(request: &Value) -> Vec<Tool<'_>> {
    let declared = request["tools"].as_array().into_iter().flatten();
    let tools = declared.filter_map(|tool| {
        let freeform = tool["type"] == "custom";
        let told = if freeform { &tool["custom"] } else { &tool["function"] };
        Some(Tool { name: told["name"].as_str()?, schema: if freeform { &Value::Null } else { &told["parameters"] } })
    });
    tools.collect()
}

fn text_of(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    content.as_str().into_iter().chain(blocks).collect::<Vec<_>>().join("\n")
}

fn answer(pieces: &[Piece], id: &str, kind: AnswerKind, usage: UsageSent) -> Answer {
    let mut texts = Vec::new();
    let mut tool_calls = Vec::new();
    for piece in pieces {
        match piece {
            // The protocol has no field for it.
            Piece::Think(_) => {}
            Piece::Say(text) => texts.push(text.clone()),
            Piece::Call { name, arguments } => tool_calls.push(ToolCallSent {
                call_id: format!("call_{id}_{}", tool_calls.len()),
                name: name.clone(),
                arguments: arguments.clone(),
            }),
        }
    }
    Answer { response_id: format!("chatcmpl-{id}"), kind, texts, tool_calls, usage }
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.tool_calls.is_empty() { "stop" } else { "tool_calls" }
}

fn usage(sent: UsageSent) -> Value {
    json!({
        "prompt_tokens": sent.input_tokens,
        "completion_tokens": sent.output_tokens,
        "total_tokens": sent.input_tokens + sent.output_tokens,
        "prompt_tokens_details": {"cached_tokens": sent.cache_read_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": sent.reasoning_output_tokens},
    })
}

fn call(sent: &ToolCallSent) -> Value {
    match &sent.arguments {
        Value::String(input) => {
            json!({"id": sent.call_id, "type": "custom", "custom": {"name": sent.name, "input": input}})
        }
        arguments => json!({
            "id": sent.call_id, "type": "function", "function": {"name": sent.name, "arguments": arguments.to_string()},
        }),
    }
}

fn object(request: &Value, answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.texts.concat()});
    if !answer.tool_calls.is_empty() {
        message["tool_calls"] = answer.tool_calls.iter().map(call).collect();
    }
    json!({
        "id": answer.response_id, "object": "chat.completion", "created": 1_790_000_000, "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason(answer)}],
        "usage": usage(answer.usage),
    })
}

fn chunks(request: &Value, answer: &Answer, wants_usage: bool) -> Vec<Bytes> {
    let chunk = |choices: Value| {
        json!({
            "id": answer.response_id, "object": "chat.completion.chunk", "created": 1_790_000_000,
            "model": request["model"], "choices": choices,
        })
    };
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]));
    let mut told = vec![delta(json!({"role": "assistant", "content": ""}))];
    let texts = answer.texts.concat();
    if !texts.is_empty() {
        told.extend(sse::pieces(&texts, 12).into_iter().map(|piece| delta(json!({"content": piece}))));
    }
    for (index, sent) in answer.tool_calls.iter().enumerate() {
        told.extend(call_deltas(index, sent).into_iter().map(|call| delta(json!({"tool_calls": [call]}))));
    }
    told.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(answer)}])));
    if wants_usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage(answer.usage);
        told.push(last);
    }
    let events = told.iter().map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
    events.chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect()
}

/// A call in pieces: its name first, then its arguments.
fn call_deltas(index: usize, sent: &ToolCallSent) -> Vec<Value> {
    let mut first = call(sent);
    first["index"] = json!(index);
    let (kind, field) = if sent.arguments.is_string() { ("custom", "input") } else { ("function", "arguments") };
    let written = first[kind][field].as_str().unwrap_or_default().to_owned();
    first[kind][field] = json!("");
    let pieces = sse::pieces(&written, 20).into_iter().map(|piece| {
        let mut delta = json!({"index": index});
        delta[kind] = json!({field: piece});
        delta
    });
    std::iter::once(first).chain(pieces).collect()
}
