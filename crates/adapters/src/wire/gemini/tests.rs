//! Oddities that no recording has; recordings are read in `tests/recorded`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use ursa_model::chain::{answers, fingerprint};
use ursa_model::message::{ModelRequest, Origin, Part, Problem, Role, ToolType, Usage};

use super::{read_request, read_response};
use crate::wire::{Answer, Reading, is_made_id};

fn request(body: &Value) -> (ModelRequest, Vec<Problem>) {
    let (request, problems) = read_request(body.to_string().as_bytes());
    (request.unwrap(), problems)
}

fn contents(contents: &Value) -> ModelRequest {
    let (read, problems) = request(&json!({ "contents": contents }));
    assert_eq!(problems, []);
    read
}

fn answer(status: u16, body: &str, whole: bool) -> Reading {
    read_response(&Answer { status, content_type: None, body: body.as_bytes(), whole })
}

fn events(objects: &[Value]) -> String {
    objects.iter().map(|object| format!("data: {object}\r\n\r\n")).collect::<Vec<_>>().concat()
}

fn candidate(parts: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if let Some(reason) = finish {
        candidate["finishReason"] = json!(reason);
    }
    json!({"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1"})
}

fn kinds(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.kind.as_str()).collect()
}

fn text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), origin: Origin::Author }
}

fn calls(parts: &[Part]) -> Vec<(&str, &str, &Value)> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall { call_id, tool, arguments } => Some((call_id.as_str(), tool.name.as_str(), arguments)),
            _ => None,
        })
        .collect()
}

fn results(message: &[Part]) -> Vec<(&str, &Value, Option<bool>)> {
    message
        .iter()
        .filter_map(|part| match part {
            Part::ToolResult { call_id, content, is_error, .. } => Some((call_id.as_str(), content, *is_error)),
            _ => None,
        })
        .collect()
}

#[test]
fn every_part() {
    let read = contents(&json!([
        {"parts": [
            {"text": "look"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"file_data": {"mime_type": "application/pdf", "file_uri": "https://x/y"}},
        ]},
        {"role": "model", "parts": [
            {"text": "hm", "thought": true},
            {"text": "", "thoughtSignature": "x"},
            {"executableCode": {"language": "PYTHON", "code": "1+1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
            {"function_call": {"name": "run_shell_command", "args": {"command": "ls"}}, "thoughtSignature": "x"},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "run_shell_command", "response": {"output": "a"}}},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        ]},
    ]));
    let attached: Vec<_> = read.messages[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Attachment { kind, bytes, reference, .. } => Some((kind.as_str(), *bytes, reference.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(attached, [("image", 2, None), ("document", 0, Some("https://x/y"))]);
    let model = &read.messages[1];
    assert_eq!((model.role, &model.parts[0]), (Role::Assistant, &Part::Reasoning { text: "hm".to_owned() }));
    let asked = calls(&model.parts);
    assert_eq!(
        (asked[0].1, asked[1].1, asked[1].2),
        ("code_execution", "run_shell_command", &json!({"command": "ls"}))
    );
    let Part::ToolCall { tool, .. } = &model.parts[1] else { panic!() };
    assert_eq!(tool.kind, ToolType::Server);
    assert_eq!(results(&model.parts), [(asked[0].0, &json!("2"), Some(false))]);
    // A picture beside a result is the tool's.
    assert_eq!(read.messages[2].parts.len(), 1);
    assert_eq!(results(&read.messages[2].parts), [(asked[1].0, &json!("a"), None)]);
}

#[test]
fn results_find_their_calls_without_ids_and_through_the_agents_own() {
    let call = |id: Value| json!({"functionCall": {"id": id, "name": "ls", "args": {"path": "/"}}});
    let gave =
        |id: Value, output: &str| json!({"functionResponse": {"id": id, "name": "ls", "response": {"output": output}}});
    let read = |ids: [Value; 2], order: [usize; 2]| {
        let given = [gave(ids[0].clone(), "one"), gave(ids[1].clone(), "two")];
        let given = [given[order[0]].clone(), given[order[1]].clone()];
        contents(&json!([{"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [call(ids[0].clone()), call(ids[1].clone())]}, {"role": "user", "parts": given}]))
    };
    let bare = read([Value::Null, Value::Null], [0, 1]);
    let asked: Vec<&str> = calls(&bare.messages[1].parts).iter().map(|(id, ..)| *id).collect();
    assert_ne!(asked[0], asked[1]);
    assert_eq!(results(&bare.messages[2].parts), [(asked[0], &json!("one"), None), (asked[1], &json!("two"), None)]);
    // With ids the order is free.
    let named = read([json!("ls_1_0"), json!("ls_1_1")], [1, 0]);
    assert_eq!(named.messages[1].canonical, bare.messages[1].canonical);
    assert_eq!(results(&named.messages[2].parts), [(asked[1], &json!("two"), None), (asked[0], &json!("one"), None)]);
}

#[test]
fn arguments_that_come_in_pieces_are_one_call() {
    let call = |call: Value| candidate(&json!([{"functionCall": call}]), None);
    let piece =
        |value: &str| json!({"partialArgs": [{"jsonPath": "$.command", "stringValue": value}], "willContinue": true});
    let opening = json!({"name": "run", "willContinue": true});
    let objects = [call(opening), call(piece("ls ")), call(piece("-la")), call(json!({}))];
    let told = answer(200, &events(&objects), false);
    let arguments = json!({"command": "ls -la"});
    assert_eq!(calls(&told.response.parts).iter().map(|call| call.2).collect::<Vec<_>>(), [&arguments]);
    assert!(!kinds(&told.problems).contains(&"arguments_not_json"), "{:?}", told.problems);
    let cut = answer(200, &events(&objects[..2]), false);
    assert_eq!(calls(&cut.response.parts)[0].2, &json!({"command": "ls "}));
    assert!(kinds(&cut.problems).contains(&"arguments_not_json"));
}

#[test]
fn failures_are_told_by_the_error_key() {
    let gave = |response: Value| {
        let read =
            contents(&json!([{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}]));
        let (_, content, is_error) = results(&read.messages[0].parts)[0];
        (content.clone(), is_error)
    };
    assert_eq!(gave(json!({"error": "no"})), (json!("no"), Some(true)));
    assert_eq!(gave(json!({"output": {"a": 1}})), (json!({"a": 1}), None));
    assert_eq!(gave(json!({"a": 1, "output": 2})), (json!({"a": 1, "output": 2}), None));
}

#[test]
fn what_an_agent_redraws_does_not_change_the_canonical_form() {
    let canonical =
        |parts: Value| contents(&json!([{"role": "model", "parts": parts}])).messages.remove(0).into_inner().canonical;
    assert_eq!(
        canonical(
            json!([{"text": "hm", "thought": true}, {"text": "a"}, {"text": "b"}, {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}, "thoughtSignature": "s"}])
        ),
        canonical(json!([{"text": "ab"}, {"functionCall": {"id": "f_1", "name": "f", "args": {"a": 2, "b": 1}}}])),
    );
    assert_ne!(
        canonical(json!([{"functionCall": {"name": "f", "args": {"a": 1}}}])),
        canonical(json!([{"functionCall": {"name": "f", "args": {"a": 2}}}]))
    );
    assert_ne!(canonical(json!([{"inlineData": {"data": "aa"}}])), canonical(json!([{"inlineData": {"data": "bb"}}])));
}

#[test]
fn a_wrapped_request_is_the_request_within() {
    let (read, problems) = request(&json!({"model": "gemini-x", "project": "p", "user_prompt_id": "u", "request": {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}], "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}], "session_id": "s-1"}}));
    assert_eq!(problems, []);
    assert_eq!(
        (read.model.as_deref(), read.messages.len(), read.messages[0].parts.clone()),
        (Some("gemini-x"), 1, vec![text("hi")])
    );
    assert_eq!(read.params["request"], json!({"session_id": "s-1"}));
    assert!(read.system.is_some() && read.tools.is_some());
    let (read, _) = request(
        &json!({"generateContentRequest": {"model": "models/gemini-x", "contents": [{"parts": [{"text": "hi"}]}]}}),
    );
    assert_eq!((read.model.as_deref(), read.messages.len()), (Some("gemini-x"), 1));
    let wrapped = json!({"response": candidate(&json!([{"text": "yes"}]), Some("STOP")), "traceId": "t"});
    for body in [wrapped.to_string(), events(std::slice::from_ref(&wrapped))] {
        let reading = answer(200, &body, true);
        assert_eq!((reading.response.parts, reading.response.complete), (vec![text("yes")], true));
        assert_eq!(reading.problems, []);
    }
}

#[test]
fn a_stream_is_the_same_as_events_and_as_a_list_in_pieces() {
    let mut last = candidate(&json!([{"functionCall": {"name": "f", "args": {}}}]), Some("STOP"));
    last["usageMetadata"] = json!({"promptTokenCount": 10, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3, "cachedContentTokenCount": 4, "totalTokenCount": 20});
    let objects = [
        candidate(&json!([{"text": "Think", "thought": true}]), None),
        candidate(&json!([{"text": "ing.", "thought": true}, {"text": "Do"}]), None),
        candidate(&json!([{"text": "ing."}]), None),
        last,
    ];
    let pieces = format!("[{}\n]", objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n,\r\n"));
    let whole = answer(200, &events(&objects), true);
    assert_eq!(whole, answer(200, &pieces, true));
    assert_eq!(whole.problems, []);
    let response = &whole.response;
    assert_eq!(response.parts[..2], [Part::Reasoning { text: "Thinking.".to_owned() }, text("Doing.")]);
    assert_eq!((calls(&response.parts)[0].1, response.parts.len()), ("f", 3));
    let usage = Usage {
        input_tokens: Some(12),
        output_tokens: Some(8),
        cache_read_input_tokens: Some(4),
        cache_creation_input_tokens: None,
        reasoning_output_tokens: Some(3),
    };
    assert_eq!((response.usage, response.complete), (Some(usage), true));
    assert_eq!((response.response_id.as_deref(), response.model.as_deref()), (Some("r1"), Some("gemini-x")));
    for cut in 0..pieces.len() {
        let part = answer(200, &pieces[..cut], false);
        assert!(!part.response.complete && kinds(&part.problems) == ["truncated"], "{cut}");
        let told = part.response.parts.iter().zip(&response.parts);
        assert!(
            part.response.parts.len() <= 3
                && told.enumerate().all(|(at, (cut, full))| match (cut, full) {
                    (Part::Text { text: cut, .. }, Part::Text { text: full, .. })
                    | (Part::Reasoning { text: cut }, Part::Reasoning { text: full }) => full.starts_with(cut),
                    _ => at == 2 && cut == full,
                })
        );
    }
}

#[test]
fn every_candidate_is_kept() {
    let both = json!({"candidates": [
        {"index": 1, "finishReason": "STOP", "content": {"parts": [{"text": "b"}]}},
        {"index": 0, "finishReason": "MAX_TOKENS", "content": {"parts": [{"text": "a"}]}}]});
    let reading = answer(200, &both.to_string(), true);
    assert_eq!(
        (reading.response.parts, reading.response.finish_reason.as_deref()),
        (vec![text("a")], Some("MAX_TOKENS"))
    );
    assert_eq!(reading.others[0].parts, [text("b")]);
}

#[test]
fn errors_blocks_and_counts() {
    let error = json!({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}});
    for body in [error.to_string(), json!([error]).to_string()] {
        let told = answer(429, &body, true).response.error.unwrap();
        assert_eq!((told.kind.as_str(), told.message.as_str()), ("RESOURCE_EXHAUSTED", "slow"));
    }
    assert_eq!(answer(500, "{}", true).response.error.unwrap().kind, "http_500");
    assert_eq!(answer(502, "<html>", true).response.error.unwrap().kind, "http_502");
    let broken = events(&[candidate(&json!([{"text": "par"}]), None), error]);
    let reading = answer(200, &broken, true);
    assert_eq!((reading.response.parts, reading.response.complete), (vec![text("par")], false));
    assert_eq!((reading.response.error.unwrap().message.as_str(), reading.problems), ("slow", vec![]));

    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 7}});
    for body in [blocked.to_string(), events(&[blocked])] {
        let response = answer(200, &body, true).response;
        assert_eq!((response.finish_reason.as_deref(), response.complete), (Some("PROHIBITED_CONTENT"), true));
        assert_eq!(response.error.unwrap().kind, "PROHIBITED_CONTENT");
    }
    let safe = json!({"promptFeedback": {"safetyRatings": []}, "candidates": [{"finishReason": "SAFETY"}]});
    let response = answer(200, &safe.to_string(), true).response;
    assert_eq!((response.error, response.finish_reason.as_deref()), (None, Some("SAFETY")));

    let count = answer(200, r#"{"totalTokens": 31, "cachedContentTokenCount": 3}"#, true);
    let usage = count.response.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_input_tokens, count.problems), (Some(31), Some(3), vec![]));
    assert_eq!(kinds(&answer(200, r#"{"novel": 1}"#, true).problems), ["unparsed_response"]);
}

#[test]
fn an_answer_is_found_again_when_it_is_resent() {
    let given = candidate(
        &json!([{"functionCall": {"name": "f", "args": {"n": 1.0}}}, {"functionCall": {"name": "f", "args": {"n": 1}}}]),
        Some("STOP"),
    );
    let given = answer(200, &given.to_string(), true).response;
    assert!(calls(&given.parts).iter().all(|(id, ..)| is_made_id(id)));
    let resent = contents(&json!([{"role": "user", "parts": [{"text": "go"}]}, {"role": "model", "parts": [
        {"functionCall": {"id": "f_1795395479001_0", "name": "f", "args": {"n": 1}}},
        {"functionCall": {"id": "f_1795395479001_1", "name": "f", "args": {"n": 1}}}]}]));
    assert_eq!(fingerprint(&given.parts).unwrap(), answers(&resent.messages)[0].fingerprint);
}

#[test]
fn what_is_not_known_is_kept_and_counted() {
    let (read, problems) =
        request(&json!({"contents": [{"role": "critic", "parts": [{"smell": 1}]}, {"role": "user"}, 7]}));
    assert_eq!(read.messages[0].parts, [Part::Unknown { block_type: "smell".to_owned() }]);
    assert_eq!((read.messages.len(), kinds(&problems)), (3, vec!["unknown_block", "unknown_role"]));
    let (read, problems) = request(&json!({"contents": "hi"}));
    assert_eq!((read.params["contents"].clone(), kinds(&problems)), (json!("hi"), vec!["unparsed_request"]));
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = proptest::sample::select(vec![
        "role",
        "user",
        "model",
        "parts",
        "text",
        "thought",
        "functionCall",
        "functionResponse",
        "name",
        "args",
        "id",
        "response",
        "error",
        "output",
        "inlineData",
        "fileData",
        "executableCode",
        "codeExecutionResult",
        "candidates",
        "content",
        "index",
        "finishReason",
        "promptFeedback",
        "blockReason",
        "usageMetadata",
        "totalTokens",
        "contents",
        "request",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        (0_u64..3).prop_map(Value::from),
        words.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 32, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((words.clone(), inner), 0..4).prop_map(|members| Value::Object(
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_read(told in any_json(), objects in proptest::collection::vec(any_json(), 0..6), cut in 0_usize..200) {
        request(&json!({"contents": told}));
        request(&json!({"request": {"contents": [told, {"role": "model", "parts": told}]}}));
        let list = Value::Array(objects.clone()).to_string();
        let bytes = list.as_bytes();
        read_response(&Answer { status: 200, content_type: None, body: &bytes[..cut.min(bytes.len())], whole: false });
        answer(200, &list, true);
        answer(200, &events(&objects), true);
        answer(400, &told.to_string(), true);
        answer(200, &json!({"candidates": [{"content": {"parts": told}}]}).to_string(), true);
    }
}
