//! Oddities that no recording has; recordings are read in `tests/recorded`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use ursa_model::message::{ModelRequest, ModelResponse, Origin, Part, Problem, Role, ToolType};

use super::{read_request, read_response};
use crate::wire::Answer;

fn request(body: &Value) -> (ModelRequest, Vec<Problem>) {
    let (request, problems) = read_request(body.to_string().as_bytes());
    (request.unwrap(), problems)
}

fn canonical(item: &Value) -> String {
    request(&json!({"input": [item]})).0.messages.remove(0).into_inner().canonical
}

fn answer(body: &str) -> (ModelResponse, Vec<Problem>) {
    read_response(&Answer { status: 200, content_type: None, body: body.as_bytes(), whole: true })
}

fn stream(events: &[Value]) -> (ModelResponse, Vec<Problem>) {
    answer(&events.iter().map(|event| format!("data: {event}\n\n")).collect::<Vec<_>>().concat())
}

fn kinds(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.kind.as_str()).collect()
}

fn text(text: &str) -> Part {
    Part::Text { text: text.to_owned(), origin: Origin::Author }
}

#[test]
fn input_is_text_or_items_and_each_item_is_a_message() {
    let (read, _) =
        request(&json!({"input": "hi", "instructions": "be brief", "previous_response_id": "resp_0", "model": "m"}));
    assert!(read.messages_as_text);
    assert_eq!((read.messages_key, read.previous_response_id.as_deref()), ("input", Some("resp_0")));
    assert_eq!(
        (read.system.map(ursa_model::Shared::into_inner), read.messages[0].exact.clone()),
        (Some(json!("be brief")), json!("hi"))
    );

    let (read, problems) = request(&json!({"input": [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "ok"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "configuration_update", "reasoning": {"effort": "high"}},
        {"type": "item_reference", "id": "msg_1"},
    ]}));
    let roles: Vec<_> = read.messages.iter().map(|message| message.role).collect();
    use Role::{Assistant, System, User};
    assert_eq!(roles, [System, User, Assistant, Assistant, User, Assistant, System, Assistant]);
    assert_eq!(read.messages[2].parts, [Part::Reasoning { text: String::new() }]);
    assert_eq!(problems, []);
}

#[test]
fn what_an_agent_redraws_does_not_change_the_canonical_form() {
    let sent = json!({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": "hi", "annotations": []}]});
    assert_eq!(canonical(&sent), canonical(&json!({"role": "assistant", "content": "hi"})));
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}]});
    let resent = json!({"type": "reasoning", "id": "rs_2", "content": null, "encrypted_content": "y",
        "internal_note": 1, "summary": [{"type": "summary_text", "text": "s"}]});
    assert_eq!(canonical(&thought), canonical(&resent));
    let call = |arguments: &str| json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments});
    assert_eq!(canonical(&call("{\"a\": 1}")), canonical(&call("{\"a\":1}")));
    let unnamed = |arguments: &str| json!({"type": "function_call", "name": "f", "arguments": arguments});
    assert_ne!(canonical(&unnamed("1")), canonical(&unnamed("2")));
    let reference = |id: &str| json!({"type": "item_reference", "id": id});
    assert_ne!(canonical(&reference("a")), canonical(&reference("b")));
    let novel = |id: &str, inner: &str| json!({"type": "novel", "id": id, "inner": {"id": inner}});
    assert_eq!(canonical(&novel("a", "x")), canonical(&novel("b", "x")));
    assert_ne!(canonical(&novel("a", "x")), canonical(&novel("a", "y")));
}

#[test]
fn calls_of_every_kind() {
    let (read, problems) = request(&json!({"input": [
        {"type": "function_call", "call_id": "1", "namespace": "mcp__rig", "name": "echo", "arguments": "{\"a\":1}"},
        {"type": "function_call", "call_id": "2", "namespace": "collaboration", "name": "spawn_agent", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "3", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "local_shell_call", "call_id": "4", "action": {"type": "exec", "command": ["bash", "-lc", "ls -a"]}},
        {"type": "web_search_call", "id": "ws_5", "action": {"type": "search", "query": "q"}},
        {"type": "mcp_call", "id": "mcp_6", "server_label": "s", "name": "n", "arguments": "{}", "output": "o", "error": null},
        {"type": "function_call", "call_id": "7", "name": "f", "arguments": "{\"cut"},
    ]}));
    let calls: Vec<_> = read
        .messages
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::ToolCall { call_id, tool, .. } => Some((call_id.as_str(), tool.name.as_str(), tool.kind)),
            _ => None,
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("1", "mcp__rig__echo", ToolType::Mcp),
            ("2", "spawn_agent", ToolType::Builtin),
            ("3", "apply_patch", ToolType::Function),
            ("4", "local_shell", ToolType::Builtin),
            ("ws_5", "web_search", ToolType::Server),
            ("mcp_6", "n", ToolType::Mcp),
            ("7", "f", ToolType::Function),
        ]
    );
    let Part::ToolCall { tool, .. } = &read.messages[3].parts[0] else { panic!() };
    assert_eq!(tool.cli.as_ref().unwrap().argv, ["ls", "-a"]);
    assert!(matches!(&read.messages[5].parts[1], Part::ToolResult { is_error: Some(false), .. }));
    let Part::ToolCall { arguments, .. } = &read.messages[6].parts[0] else { panic!() };
    assert_eq!(arguments, "{\"cut");
    assert_eq!(kinds(&problems), ["arguments_not_json"]);
}

#[test]
fn unknown_items_and_blocks_are_kept_and_counted() {
    let (read, problems) = request(&json!({"input": [
        {"type": "hologram"}, {"role": "user", "content": [{"type": "input_smell"}]}, 7,
    ]}));
    assert_eq!(read.messages[0].parts, [Part::Unknown { block_type: "hologram".to_owned() }]);
    assert_eq!(read.messages.len(), 3);
    assert_eq!(problems, [Problem::new("unknown_block", "3 (hologram, input_smell, unnamed)")]);
}

#[test]
fn a_cut_item_is_put_together_from_its_deltas() {
    let added = json!({"type": "response.output_item.added", "output_index": 0,
        "item": {"type": "message", "role": "assistant", "content": []}});
    let delta = |text: &str| json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text});
    let (response, problems) = stream(&[added, delta("a"), delta("b")]);
    assert_eq!((response.parts, response.complete), (vec![text("ab")], false));
    assert_eq!(kinds(&problems), ["truncated"]);

    let (response, problems) = stream(&[
        json!({"type": "response.output_item.added", "output_index": 0,
            "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{\"a\":"}),
    ]);
    let Part::ToolCall { call_id, arguments, .. } = &response.parts[0] else { panic!() };
    assert_eq!((call_id.as_str(), arguments.as_str()), ("c", Some("{\"a\":")));
    assert_eq!(kinds(&problems), ["truncated", "arguments_not_json"]);
}

#[test]
fn the_last_event_fills_in_what_no_item_event_brought() {
    let message =
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "whole"}]});
    let (response, problems) = stream(&[
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [message]}}),
    ]);
    assert_eq!(response.parts, [text("whole")]);
    assert_eq!((response.complete, response.finish_reason.as_deref()), (true, Some("completed")));
    assert_eq!(problems, []);
}

#[test]
fn every_way_to_end() {
    let (response, _) = stream(&[json!({"type": "response.incomplete", "response": {"status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"}}})]);
    assert_eq!((response.finish_reason.as_deref(), response.complete), (Some("max_output_tokens"), true));
    let (response, problems) = stream(&[json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "server_error", "message": "oops"}}})]);
    assert_eq!((response.error.unwrap().kind.as_str(), response.complete), ("server_error", true));
    assert_eq!(problems, []);
    let (response, problems) = stream(&[json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow"})]);
    assert_eq!((response.error.unwrap().message.as_str(), response.complete), ("slow", false));
    assert_eq!(problems, []);
    let body = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    let (response, _) = read_response(&Answer { status: 400, content_type: None, body: body.as_bytes(), whole: true });
    assert_eq!(response.error.unwrap().kind, "invalid_request_error");
    let (response, _) = answer(&json!({"id": "r", "status": "completed", "error": null, "output": []}).to_string());
    assert!(response.error.is_none() && response.complete);
}

#[test]
fn unknown_events_are_counted_and_progress_is_not() {
    let (_, problems) = stream(&[
        json!({"type": "response.web_search_call.searching"}),
        json!({"type": "response.content_part.added"}),
        json!({"type": "codex.rate_limits"}),
        json!({"type": "response.dance"}),
        json!({"type": "response.completed", "response": {}}),
    ]);
    assert_eq!(problems, [Problem::new("unknown_event", "1 (response.dance)")]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("type"),
        Just("text"),
        Just("content"),
        Just("role"),
        Just("user"),
        Just("message"),
        Just("function_call"),
        Just("arguments"),
        Just("call_id"),
        Just("output"),
        Just("output_index"),
        Just("delta"),
        Just("item"),
        Just("response.output_item.added"),
        Just("response.output_text.delta"),
        Just("response"),
        Just("summary"),
        Just("response.function_call_arguments.delta"),
        Just("response.completed"),
        Just("reasoning"),
        Just("x"),
    ];
    let leaf = prop_oneof![Just(Value::Null), (0_u64..3).prop_map(Value::from), words.clone().prop_map(Value::from),];
    leaf.prop_recursive(4, 24, 4, move |inner| {
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
    fn any_items_are_read(items in any_json(), events in proptest::collection::vec(any_json(), 0..6)) {
        request(&json!({"input": items}));
        request(&json!({"input": [items]}));
        stream(&events);
        answer(&json!({"output": items}).to_string());
    }
}
