//! Oddities that no recording has; recordings are read in `tests/recorded`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use ursa_model::chain::{answers, fingerprint, is_weak_id};
use ursa_model::message::{ModelRequest, Origin, Part, Problem, Role, ToolType, Usage};

use super::{read_request, read_response};
use crate::wire::{Answer, Reading, is_made_id};

fn request(body: &Value) -> (ModelRequest, Vec<Problem>) {
    let (request, problems) = read_request(body.to_string().as_bytes());
    (request.unwrap(), problems)
}

fn messages(messages: &Value) -> ModelRequest {
    let (read, problems) = request(&json!({"model": "m", "messages": messages}));
    assert_eq!(problems, []);
    read
}

fn answer(status: u16, body: &str, whole: bool) -> Reading {
    read_response(&Answer { status, content_type: None, body: body.as_bytes(), whole })
}

fn chunks(chunks: &[Value], end: &str) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<Vec<_>>().concat() + end
}

fn delta(delta: &Value) -> Value {
    json!({"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": delta}]})
}

fn stream(events: &[Value]) -> Reading {
    answer(200, &chunks(events, "data: [DONE]\n\n"), true)
}

fn kinds(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.kind.as_str()).collect()
}

fn text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), origin: Origin::Author }
}

fn calls(parts: &[Part]) -> Vec<(&str, &str, &Value)> {
    let call = |part: &'_ Part| matches!(part, Part::ToolCall { .. });
    parts
        .iter()
        .filter(|part| call(part))
        .map(|part| match part {
            Part::ToolCall { call_id, tool, arguments } => (call_id.as_str(), tool.name.as_str(), arguments),
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn every_role_and_part() {
    let read = messages(&json!([
        {"role": "developer", "content": "rules"},
        {"role": "system", "content": [{"type": "text", "text": "more rules"}]},
        {"role": "user", "name": "ada", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ]},
        {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
            {"id": "call_000000000001a", "type": "function", "function": {"name": "bash", "arguments": "{\"command\":\"ls\"}"}},
            {"id": "call_000000000002a", "type": "custom", "custom": {"name": "apply_patch", "input": "*** Begin Patch"}},
        ]},
        {"role": "tool", "tool_call_id": "call_000000000001a", "content": [{"type": "text", "text": "ok"}]},
        {"role": "tool", "tool_call_id": "call_000000000002a", "content": "done"},
        {"role": "assistant", "content": "", "refusal": "No."},
    ]));
    use Role::{Assistant, System, User};
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [System, System, User, Assistant, User, User, Assistant]);
    assert_eq!(read.messages[0].parts, [Part::Text { text: "rules".to_owned(), origin: Origin::Injected }]);
    let attached: Vec<_> = read.messages[2]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Attachment { kind, media_type, bytes, reference, .. } => {
                Some((kind.as_str(), media_type.as_deref(), *bytes, reference.as_deref()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        attached,
        [
            ("image", Some("image/png"), 2, None),
            ("image", None, 0, Some("https://x/y.png")),
            ("audio", Some("audio/wav"), 2, None),
            ("file", Some("application/pdf"), 2, None),
            ("file", None, 0, Some("file-1")),
        ]
    );
    assert_eq!(read.messages[3].parts[0], Part::Reasoning { text: "hm".to_owned() });
    assert_eq!(
        calls(&read.messages[3].parts),
        [
            ("call_000000000001a", "bash", &json!({"command": "ls"})),
            ("call_000000000002a", "apply_patch", &json!("*** Begin Patch")),
        ]
    );
    assert_eq!(read.messages[6].parts, [text("No.")]);
}

#[test]
fn what_an_agent_redraws_does_not_change_the_canonical_form() {
    let canonical = |message: Value| messages(&json!([message])).messages.remove(0).into_inner().canonical;
    let call = |arguments: &str| json!([{"id": "call_000000000001a", "type": "function", "function": {"name": "f", "arguments": arguments}}]);
    let same = [
        [
            json!({"role": "system", "content": "a"}),
            json!({"role": "developer", "content": [{"type": "text", "text": "a"}]}),
        ],
        [
            json!({"role": "user", "content": "a"}),
            json!({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}),
        ],
        [
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": call("{\"a\": 1}")}),
            json!({"role": "assistant", "content": "", "reasoning": "x", "tool_calls": call("{\"a\":1}")}),
        ],
        [
            json!({"role": "assistant", "function_call": {"name": "f", "arguments": "{\"a\": 1}"}}),
            json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}}),
        ],
    ];
    for [one, other] in same {
        assert_eq!(canonical(one), canonical(other));
    }
    let different = |one: Value, other: Value| assert_ne!(canonical(one), canonical(other));
    different(json!({"role": "user", "content": "a"}), json!({"role": "user", "name": "b", "content": "a"}));
    different(
        json!({"role": "tool", "tool_call_id": "c", "content": "1"}),
        json!({"role": "tool", "tool_call_id": "c", "content": "2"}),
    );
    different(
        json!({"role": "assistant", "function_call": {"name": "f", "arguments": "1"}}),
        json!({"role": "assistant", "function_call": {"name": "f", "arguments": "2"}}),
    );
}

#[test]
fn functions_of_the_old_kind_are_told_by_name_and_arguments() {
    let read = messages(&json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "function_call": {"name": "look_up", "arguments": "{\"q\": \"x\"}"}},
        {"role": "function", "name": "look_up", "content": "found"},
    ]));
    let asked = calls(&read.messages[1].parts);
    let Part::ToolResult { call_id, content, .. } = &read.messages[2].parts[0] else { panic!() };
    assert_eq!((asked[0].0, asked[0].1, content), (call_id.as_str(), "look_up", &json!("found")));
    assert!(is_made_id(call_id) && is_weak_id(call_id));
    // The answer that asked, streamed in pieces, has the same name.
    let whole = stream(&[
        delta(&json!({"role": "assistant", "content": null, "function_call": {"name": "look_up", "arguments": ""}})),
        delta(&json!({"function_call": {"arguments": "{\"q\":"}})),
        delta(&json!({"function_call": {"arguments": "\"x\"}"}})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "function_call"}]}),
    ]);
    assert_eq!(calls(&whole.response.parts), asked);
    assert_eq!(whole.response.finish_reason.as_deref(), Some("function_call"));
    assert_eq!(whole.problems, []);
}

#[test]
fn calls_that_share_an_id_are_told_apart_within_their_answer() {
    let call = |id: &str, command: &str| json!({"id": id, "type": "function", "function": {"name": "bash", "arguments": json!({"command": command}).to_string()}});
    let read = messages(&json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [call("call_0", "ls"), call("call_0", "pwd"), call("", "id"), call("", "id")]},
        {"role": "tool", "tool_call_id": "call_0", "content": "1"},
        {"role": "tool", "tool_call_id": "call_0", "content": "2"},
        {"role": "tool", "tool_call_id": "", "content": "3"},
        {"role": "tool", "tool_call_id": "", "content": "4"},
        {"role": "assistant", "tool_calls": [call("call_0", "ls")]},
    ]));
    let mut asked: Vec<&str> = calls(&read.messages[1].parts).iter().map(|(id, ..)| *id).collect();
    let answered: Vec<&str> = read.messages[2..6]
        .iter()
        .map(|message| match &message.parts[0] {
            Part::ToolResult { call_id, .. } => call_id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, answered);
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 4);
    assert_eq!(calls(&read.messages[6].parts)[0].0, "call_0");
}

#[test]
fn a_stream_is_put_together_by_index() {
    let reading = stream(&[
        json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []}),
        delta(&json!({"role": "assistant", "content": "", "reasoning_content": "Let me"})),
        delta(&json!({"reasoning_content": " see."})),
        delta(&json!({"content": "Look"})),
        delta(&json!({"content": "ing."})),
        delta(
            &json!({"tool_calls": [{"index": 0, "id": "call_00000000000a1", "type": "function", "function": {"name": "bash", "arguments": ""}}]}),
        ),
        delta(
            &json!({"tool_calls": [{"index": 1, "id": "call_00000000000b1", "type": "function", "function": {"name": "cat", "arguments": "{}"}}]}),
        ),
        delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"command\":"}}]})),
        delta(&json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"ls\"}"}}]})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3}}}),
    ]);
    assert_eq!(reading.problems, []);
    let response = reading.response;
    assert_eq!(response.parts[..2], [Part::Reasoning { text: "Let me see.".to_owned() }, text("Looking.")]);
    assert_eq!(
        calls(&response.parts),
        [("call_00000000000a1", "bash", &json!({"command": "ls"})), ("call_00000000000b1", "cat", &json!({}))]
    );
    assert_eq!((response.response_id.as_deref(), response.model.as_deref()), (Some("chatcmpl-1"), Some("m")));
    assert_eq!((response.finish_reason.as_deref(), response.complete), (Some("tool_calls"), true));
    let usage = Usage {
        input_tokens: Some(9),
        output_tokens: Some(5),
        cache_read_input_tokens: Some(4),
        cache_creation_input_tokens: Some(2),
        reasoning_output_tokens: Some(3),
    };
    assert_eq!(response.usage, Some(usage));
}

#[test]
fn servers_that_number_every_call_zero() {
    for index in [json!(0), Value::Null] {
        let call = |id: &str, command: &str| {
            let arguments = json!({"command": command}).to_string();
            delta(
                &json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "bash", "arguments": arguments}}]}),
            )
        };
        for (one, two) in [("call_a", "call_b"), ("", "")] {
            let reading = stream(&[call(one, "ls"), call(two, "pwd")]);
            let asked = calls(&reading.response.parts);
            assert_eq!(asked.len(), 2, "{asked:?}");
            assert_eq!(asked[1].2, &json!({"command": "pwd"}));
        }
    }
    // A server that repeats id and name in each piece of one call.
    let piece = |arguments: &str| {
        delta(
            &json!({"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "bash", "arguments": arguments}}]}),
        )
    };
    let reading = stream(&[piece("{\"command\":"), piece("\"ls\"}")]);
    assert_eq!(calls(&reading.response.parts), [("call_a", "bash", &json!({"command": "ls"}))]);
}

#[test]
fn every_choice_is_kept_and_the_first_is_the_answer() {
    let choice = |index: u64, content: &str| json!({"index": index, "delta": {"content": content}});
    let reading = stream(&[
        json!({"id": "c", "choices": [choice(1, "Two"), choice(0, "One")]}),
        json!({"id": "c", "choices": [choice(1, ".")]}),
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"id": "c", "choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}),
    ]);
    assert_eq!((reading.response.parts, reading.response.finish_reason.as_deref()), (vec![text("One")], Some("stop")));
    assert_eq!(reading.others.len(), 1);
    assert_eq!(
        (reading.others[0].parts.clone(), reading.others[0].finish_reason.as_deref()),
        (vec![text("Two.")], Some("length"))
    );

    let document = json!({"id": "c", "choices": [
        {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "b"}},
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a"}}]});
    let reading = answer(200, &document.to_string(), true);
    assert_eq!((reading.response.parts, reading.others[0].parts.clone()), (vec![text("a")], vec![text("b")]));
}

#[test]
fn a_stream_may_end_without_done_but_not_before_its_choices_do() {
    let said = chunks(&[delta(&json!({"content": "hi"}))], "");
    let ended = said.clone() + &chunks(&[json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})], "");
    for (body, whole, complete) in [(&said, true, false), (&ended, true, true), (&ended, false, false)] {
        let reading = answer(200, body, whole);
        assert_eq!(reading.response.complete, complete);
        assert_eq!(kinds(&reading.problems), if complete { vec![] } else { vec!["truncated"] });
        assert_eq!(reading.response.parts, [text("hi")]);
    }
}

#[test]
fn errors_in_every_shape() {
    for (status, body, kind, message) in [
        (
            401,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            "invalid_api_key",
            "no",
        ),
        (
            400,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#,
            "invalid_request_error",
            "no",
        ),
        (429, r#"{"error":{"message":"slow","code":429}}"#, "http_429", "slow"),
        (404, r#"{"error":"model not found"}"#, "http_404", "model not found"),
        (400, r#"{"object":"error","message":"no","type":"BadRequestError","code":400}"#, "BadRequestError", "no"),
        (400, r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#, "INVALID_ARGUMENT", "no"),
        (422, r#"{"detail":"bad"}"#, "http_422", "bad"),
        (200, r#"{"error":{"message":"no","code":"x"}}"#, "x", "no"),
        (502, "<html>bad gateway</html>", "http_502", ""),
    ] {
        let error = answer(status, body, true).response.error.unwrap();
        assert_eq!((error.kind.as_str(), error.message.as_str()), (kind, message), "{body}");
    }
    let reading = stream(&[
        delta(&json!({"content": "par"})),
        json!({"error": {"message": "overloaded", "code": 502}, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}),
    ]);
    assert_eq!((reading.response.error.unwrap().kind.as_str(), reading.response.complete), ("http_502", false));
    assert_eq!(reading.response.parts, [text("par")]);
}

#[test]
fn no_arguments_are_an_empty_object_once_the_call_is_whole() {
    let begun =
        delta(&json!({"tool_calls": [{"index": 0, "id": "call_a", "function": {"name": "now", "arguments": ""}}]}));
    let ended = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let whole = stream(&[begun.clone(), ended]);
    assert_eq!((calls(&whole.response.parts)[0].2, whole.problems), (&json!({}), vec![]));
    let cut = answer(200, &chunks(&[begun], ""), false);
    assert_eq!(
        (calls(&cut.response.parts)[0].2, kinds(&cut.problems)),
        (&json!(""), vec!["truncated", "arguments_not_json"])
    );
}

#[test]
fn an_answer_is_found_again_when_it_is_resent() {
    let message = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "", "type": "function", "function": {"name": "f", "arguments": "{ \"n\": 1.0, \"a\": \"x\" }"}},
        {"id": "", "type": "function", "function": {"name": "f", "arguments": "{\"n\":1,\"a\":\"x\"}"}}]});
    let given = answer(
        200,
        &json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}).to_string(),
        true,
    );
    let mut resent = message;
    resent["tool_calls"][0]["function"]["arguments"] = json!("{\"a\":\"x\",\"n\":1}");
    let read = messages(&json!([{"role": "user", "content": "go"}, resent]));
    assert_eq!(fingerprint(&given.response.parts).unwrap(), answers(&read.messages)[0].fingerprint);
}

#[test]
fn a_thought_left_in_the_text_is_no_part_of_what_was_said() {
    let full = "<think>\nThe user greets.\n</think>\n\nHello!";
    let given = stream(&[delta(&json!({"content": &full[..12]})), delta(&json!({"content": &full[12..]}))]).response;
    assert_eq!(given.parts, [Part::Reasoning { text: "The user greets.".to_owned() }, text("Hello!")]);
    let resent = |content: &str| messages(&json!([{"role": "assistant", "content": content}])).messages.remove(0);
    assert_eq!(resent(full).canonical, resent("Hello!").canonical);
    assert_eq!(fingerprint(&given.parts), fingerprint(&resent("Hello!").parts));
    let cut = answer(200, &chunks(&[delta(&json!({"content": "<think>The us"}))], ""), false).response;
    assert_eq!(cut.parts, [Part::Reasoning { text: "The us".to_owned() }]);
    // Only at the head, and only the model's.
    assert_eq!(resent("Use <think> tags </think>").parts, [text("Use <think> tags </think>")]);
    let asked = messages(&json!([{"role": "user", "content": full}]));
    assert_eq!(asked.messages[0].parts, [text(full)]);
}

#[test]
fn what_is_not_known_is_kept_and_counted() {
    let (read, problems) = request(&json!({"messages": [
        {"role": "critic", "content": "x"}, {"role": "user", "content": [{"type": "smell"}]}, {"role": "user"}, 7], "tools": []}));
    assert_eq!(read.messages.len(), 4);
    assert_eq!(read.messages[1].parts, [Part::Unknown { block_type: "smell".to_owned() }]);
    assert_eq!(kinds(&problems), ["unknown_block", "unknown_role"]);
    let (read, problems) = request(&json!({"messages": "hi"}));
    assert_eq!((read.params["messages"].clone(), kinds(&problems)), (json!("hi"), vec!["unparsed_request"]));
    assert_eq!(kinds(&stream(&[json!({"novel": 1}), json!(7)]).problems), ["unknown_event"]);
    let (read, _) = request(
        &json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "call_a", "function": {"name": "mcp__x__y", "arguments": "{}"}}]}]}),
    );
    let Part::ToolCall { tool, .. } = &read.messages[0].parts[0] else { panic!() };
    assert_eq!((tool.kind, tool.mcp_server.as_deref()), (ToolType::Mcp, Some("x")));
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = proptest::sample::select(vec![
        "role",
        "user",
        "assistant",
        "tool",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "function_call",
        "name",
        "arguments",
        "id",
        "index",
        "delta",
        "message",
        "choices",
        "finish_reason",
        "usage",
        "audio",
        "refusal",
        "custom",
        "input",
        "image_url",
        "error",
        "reasoning_content",
        "x",
    ]);
    let leaf = prop_oneof![Just(Value::Null), (0_u64..3).prop_map(Value::from), words.clone().prop_map(Value::from)];
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
    fn anything_is_read(told in any_json(), events in proptest::collection::vec(any_json(), 0..6)) {
        request(&json!({"messages": told}));
        request(&json!({"messages": [told, {"role": "assistant", "tool_calls": told}]}));
        stream(&events);
        stream(&[json!({"choices": events}), json!({"choices": [{"delta": told}]})]);
        answer(200, &json!({"choices": [{"message": told}]}).to_string(), true);
        answer(400, &told.to_string(), true);
    }
}
