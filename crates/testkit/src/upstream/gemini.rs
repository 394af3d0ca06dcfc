//! Gemini `generateContent` and `streamGenerateContent`: which step of the script a request asks for, and its answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::anthropic::{MARKERS, dir_of};
use super::log::{Answer, AnswerKind, ToolCallSent, UsageSent};
use super::offered::{self, Piece, Tool};
use super::reply::Reply;
use super::sse;

/// Answers `POST …/models/{model}:{method}`; `None` for a method that has no answer here.
pub(super) fn answer_to(path: &str, request: &Value, id: &str) -> Option<Reply> {
    let (model, method) = path.rsplit('/').next()?.split_once(':')?;
    match method {
        "countTokens" => Some(Reply::json(200, &json!({"totalTokens": request.to_string().len() / 4}))),
        "generateContent" => Some(generate(request, id, model, false)),
        "streamGenerateContent" => Some(generate(request, id, model, true)),
        _ => None,
    }
}

/// True for a path that names a method that generates.
pub(super) fn is_model_call(path: &str) -> bool {
    path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")
}

fn generate(request: &Value, id: &str, model: &str, streams: bool) -> Reply {
    let empty = Vec::new();
    let contents = request["contents"].as_array().unwrap_or(&empty);
    let (pieces, kind, step) = said(request, contents);
    let usage = UsageSent::at_place(contents.len(), step, 23);
    let input_tokens = usage.input_tokens + usage.cache_read_input_tokens;
    let usage = UsageSent { input_tokens, cache_creation_input_tokens: 0, ..usage };
    let answer = answer(&pieces, contents, id, kind, usage);
    let chunks = chunks(&pieces, &answer, model);
    if streams {
        let events = chunks.iter().map(|chunk| Bytes::from(format!("data: {chunk}\r\n\r\n")));
        return Reply::events(events.collect(), answer);
    }
    let parts = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().cloned());
    let parts: Vec<Value> = parts.flatten().collect();
    let mut whole = chunks.last().cloned().unwrap_or_default();
    whole["candidates"][0]["content"]["parts"] = json!(parts);
    let mut reply = Reply::json(200, &whole);
    reply.answer = Some(answer);
    reply
}

fn said(request: &Value, contents: &[Value]) -> (Vec<Piece>, AnswerKind, usize) {
    let is_prompt = |content: &Value| {
        let parts = content["parts"].to_string();
        content["role"] == "user" && MARKERS.iter().any(|marker| parts.contains(marker)) && !has_result(content)
    };
    let prompt_at = contents.iter().rposition(is_prompt);
    let later = contents.iter().skip(prompt_at.map_or(0, |at| at + 1));
    let step = later.filter(|content| content["role"] == "model").count();
    let tools = tools(request);
    if tools.is_empty() {
        // The one question that the agent asks for itself: how hard the task is.
        let score = json!({"complexity_reasoning": "One folder.", "complexity_score": 10, "model_choice": "flash"});
        return (vec![Piece::Say(score.to_string())], AnswerKind::Side, step);
    }
    let prompt = prompt_at.map(|at| text_of(&contents[at])).unwrap_or_default();
    if !prompt.contains("RIG-PROMPT") {
        return (offered::plain(), AnswerKind::Turn, step);
    }
    (offered::step(&tools, &dir_of(&prompt), step), AnswerKind::Turn, step)
}

fn has_result(content: &Value) -> bool {
    content["parts"].as_array().is_some_and(|parts| parts.iter().any(|part| part["functionResponse"].is_object()))
}

fn text_of(content: &Value) -> String {
    let parts = content["parts"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn tools(request: &Value) -> Vec<Tool<'_>> {
    let entries = request["tools"].as_array().into_iter().flatten();
    let declared = entries.flat_map(|entry| entry["functionDeclarations"].as_array().into_iter().flatten());
    let tools = declared.filter_map(|told| {
        let schema = &told["parametersJsonSchema"];
        let schema = if schema.is_object() { schema } else { &told["parameters"] };
        Some(Tool { name: told["name"].as_str()?, schema })
    });
    tools.collect()
}

/// The protocol names no calls: a call is told by its number in the conversation ([`Answer::tool_calls`]).
fn answer(pieces: &[Piece], contents: &[Value], id: &str, kind: AnswerKind, usage: UsageSent) -> Answer {
    let parts = contents.iter().flat_map(|content| content["parts"].as_array().into_iter().flatten());
    let before = parts.filter(|part| part["functionCall"].is_object()).count();
    let mut texts = Vec::new();
    let mut tool_calls = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Think(_) => {}
            Piece::Say(text) => texts.push(text.clone()),
            Piece::Call { name, arguments } => tool_calls.push(ToolCallSent {
                call_id: unnamed(before + tool_calls.len()),
                name: name.clone(),
                arguments: arguments.clone(),
            }),
        }
    }
    Answer { response_id: format!("gemini{id}"), kind, texts, tool_calls, usage }
}

/// What stands for the id of the n-th call of a conversation, from 0.
pub(super) fn unnamed(number: usize) -> String {
    format!("#{number}")
}

fn chunks(pieces: &[Piece], answer: &Answer, model: &str) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut signed = false;
    for piece in pieces {
        match piece {
            Piece::Think(text) => parts.push(json!({"text": text, "thought": true})),
            Piece::Say(text) => parts.extend(sse::pieces(text, 16).into_iter().map(|piece| json!({"text": piece}))),
            Piece::Call { name, arguments } => {
                let mut part = json!({"functionCall": {"name": name, "args": arguments}});
                if !signed {
                    part["thoughtSignature"] = json!("c2lnbmF0dXJl");
                }
                signed = true;
                parts.push(part);
            }
        }
    }
    let count = parts.len();
    let chunk = |(at, part): (usize, Value)| {
        let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
        let mut chunk = json!({"modelVersion": model, "responseId": answer.response_id});
        if at + 1 == count {
            candidate["finishReason"] = json!("STOP");
            chunk["usageMetadata"] = usage(answer.usage);
        }
        chunk["candidates"] = json!([candidate]);
        chunk
    };
    parts.into_iter().enumerate().map(chunk).collect()
}

fn usage(sent: UsageSent) -> Value {
    json!({
        "promptTokenCount": sent.input_tokens,
        "cachedContentTokenCount": sent.cache_read_input_tokens,
        "candidatesTokenCount": sent.output_tokens - sent.reasoning_output_tokens,
        "thoughtsTokenCount": sent.reasoning_output_tokens,
        "totalTokenCount": sent.input_tokens + sent.output_tokens,
    })
}
