//! Oddities that no recording has; recordings are read in `tests/recorded`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use ursa_model::message::{ModelRequest, ModelResponse, Part, Problem, Role, ToolType};

use super::{read_request, read_response};
use crate::wire::Answer;

fn request(body: &Value) -> (ModelRequest, Vec<Problem>) {
    let (request, problems) = read_request(body.to_string().as_bytes());
    (request.unwrap(), problems)
}

fn canonical(message: &Value) -> String {
    request(&json!({"messages": [message]})).0.messages.remove(0).into_inner().canonical
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

#[test]
fn cache_markers_are_stripped_where_they_move_and_nowhere_else() {
    let marker = json!({"type": "ephemeral"});
    let body = json!({
        "system": [{"type": "text", "text": "s", "cache_control": marker}],
        "messages": [{"role": "user", "cache_control": marker, "content": [
            {"type": "text", "text": "a", "cache_control": marker},
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "b", "cache_control": marker}]},
            {"type": "tool_use", "id": "u", "name": "n", "input": {"cache_control": "an argument"}},
        ]}],
    });
    let (request, problems) = request(&body);
    let pointers: Vec<_> = request.stripped.iter().map(|stripped| stripped.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/messages/0/cache_control",
            "/messages/0/content/0/cache_control",
            "/messages/0/content/1/content/0/cache_control",
        ]
    );
    for stripped in &request.stripped {
        assert_eq!(body.pointer(&stripped.pointer), Some(&stripped.value));
    }
    assert_eq!(request.messages[0].exact["content"][2]["input"]["cache_control"], "an argument");
    assert_eq!(request.system.unwrap()[0]["cache_control"], marker);
    assert_eq!(problems, []);
}

#[test]
fn what_moves_between_requests_does_not_change_the_canonical_form() {
    let text = canonical(&json!({"role": "user", "content": "hi"}));
    let marked = json!([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(text, canonical(&json!({"role": "user", "content": marked, "output_config": {"effort": "low"}})));
    assert_ne!(text, canonical(&json!({"role": "assistant", "content": "hi"})));

    let call = |input: Value| {
        json!({"role": "assistant", "content": [
        {"type": "text", "text": "x"}, {"type": "tool_use", "id": "toolu_1", "name": "Edit", "input": input}]})
    };
    let normalised = call(json!({"replace_all": false, "a": 1}));
    assert_eq!(canonical(&call(json!({"a": 1}))), canonical(&normalised));

    let result = |content: Value| {
        json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}]})
    };
    let block = canonical(&result(json!([{"type": "text", "text": "ok"}])));
    assert_eq!(canonical(&result(json!("ok"))), block);
    assert_ne!(canonical(&result(json!("no"))), block);

    let thought = json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "x"}]});
    assert_eq!(canonical(&thought), canonical(&json!({"role": "assistant", "content": "x"})));
}

#[test]
fn unknown_blocks_roles_and_shapes_are_kept_and_counted_once_a_kind() {
    let (request, problems) = request(&json!({"messages": [
        {"role": "oracle", "content": "x"},
        {"role": "user", "content": [{"type": "hologram"}, {"type": "hologram"}, 3]},
        "not a message",
    ], "novel": true}));
    assert_eq!(request.messages.len(), 3);
    assert_eq!(request.messages[1].parts[0], Part::Unknown { block_type: "hologram".to_owned() });
    assert_eq!(request.messages[2].exact, "not a message");
    assert_eq!(request.params["novel"], true);
    assert_eq!(kinds(&problems), ["unknown_block", "unknown_role"]);
    assert!(problems[0].detail.starts_with("4 (hologram"), "{}", problems[0].detail);
}

#[test]
fn system_messages_may_stand_in_mid_conversation() {
    let (request, _) =
        request(&json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}));
    assert_eq!(request.messages[1].role, Role::System);
}

#[test]
fn bodies_that_are_no_requests_are_problems() {
    for body in ["", "[]", "{\"a\"", "nope", "\u{feff}[]"] {
        let (request, problems) = read_request(body.as_bytes());
        assert!(request.is_none());
        assert_eq!(kinds(&problems), ["parse_failed"], "{body}");
    }
    let deep = format!("{{\"a\": {}", "[".repeat(500));
    assert!(read_request(deep.as_bytes()).1[0].detail.contains("depth"));
    let (request, problems) = request(&json!({"messages": "hi"}));
    assert_eq!((request.messages.len(), request.params["messages"].as_str()), (0, Some("hi")));
    assert_eq!(kinds(&problems), ["unparsed_request"]);
}

#[test]
fn attachments_are_measured_and_not_kept() {
    let (request, _) = request(&json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}},
        {"type": "document", "title": "t.pdf", "source": {"type": "url", "url": "https://x/t.pdf"}},
    ]}]}));
    let Part::Attachment { media_type, bytes, .. } = &request.messages[0].parts[0] else { panic!() };
    assert_eq!((media_type.as_deref(), *bytes), (Some("image/png"), 5));
    let Part::Attachment { name, reference, .. } = &request.messages[0].parts[1] else { panic!() };
    assert_eq!((name.as_deref(), reference.as_deref()), (Some("t.pdf"), Some("https://x/t.pdf")));
}

#[test]
fn tools_of_the_provider_are_told_from_the_agents() {
    let (response, problems) = answer(
        &json!({"type": "message", "id": "msg_1", "stop_reason": "end_turn", "content": [
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srv_1",
             "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}},
            {"type": "mcp_tool_use", "id": "mcp_1", "name": "echo", "server_name": "rig", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcp_1", "is_error": false, "content": []},
        ]})
        .to_string(),
    );
    assert_eq!(problems, []);
    let Part::ToolCall { tool, .. } = &response.parts[0] else { panic!() };
    assert_eq!(tool.kind, ToolType::Server);
    let Part::ToolResult { is_error, .. } = &response.parts[1] else { panic!() };
    assert_eq!(*is_error, Some(true));
    let Part::ToolCall { tool, .. } = &response.parts[2] else { panic!() };
    assert_eq!((tool.kind, tool.mcp_server.as_deref()), (ToolType::Mcp, Some("rig")));
    let Part::ToolResult { is_error, .. } = &response.parts[3] else { panic!() };
    assert_eq!(*is_error, Some(false));
}

#[test]
fn unknown_events_blocks_and_deltas_are_counted_once_a_kind() {
    let (response, problems) = stream(&[
        json!({"type": "message_start", "message": {"id": "m"}}),
        json!({"type": "novelty"}),
        json!({"type": "novelty"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "hologram"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "light_delta"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(response.parts, [Part::Unknown { block_type: "hologram".to_owned() }]);
    assert_eq!(kinds(&problems), ["unknown_block", "unknown_event"]);
    assert_eq!(problems[1].detail, "3 (novelty, light_delta)");
}

#[test]
fn the_last_usage_counts_field_by_field() {
    let (response, _) = stream(&[
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 7}}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
               "usage": {"output_tokens": 30, "input_tokens": 6, "output_tokens_details": {"thinking_tokens": 4}}}),
        json!({"type": "message_stop"}),
    ]);
    let usage = response.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens), (Some(6), Some(30), Some(7)));
    assert_eq!((usage.cache_creation_input_tokens, usage.reasoning_output_tokens), (None, Some(4)));
}

#[test]
fn errors_come_as_bodies_and_in_mid_stream() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let body = error.to_string();
    let (response, problems) = read_response(&Answer {
        status: 529,
        content_type: Some("application/json"),
        body: body.as_bytes(),
        whole: true,
    });
    assert_eq!((response.error.unwrap().kind.as_str(), response.complete), ("overloaded_error", true));
    assert_eq!(problems, []);

    let (response, problems) = stream(&[
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}),
        error,
    ]);
    assert_eq!((response.error.unwrap().message.as_str(), response.complete), ("busy", false));
    assert_eq!(response.parts.len(), 1);
    assert_eq!(problems, []);

    let (response, problems) = read_response(&Answer {
        status: 502,
        content_type: Some("text/html"),
        body: b"<html>bad gateway</html>",
        whole: true,
    });
    assert_eq!(response.error.unwrap().kind, "http_502");
    assert_eq!(kinds(&problems), ["unparsed_response"]);
}

#[test]
fn a_cut_tool_call_keeps_its_input_as_text() {
    let (response, problems) = stream(&[
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"command\": \"rm"}}),
    ]);
    let Part::ToolCall { arguments, tool, .. } = &response.parts[0] else { panic!() };
    assert_eq!((arguments.as_str(), &tool.cli), (Some("{\"command\": \"rm"), &None));
    assert_eq!(kinds(&problems), ["truncated", "arguments_not_json"]);
}

#[test]
fn more_blocks_than_an_answer_has_are_counted() {
    let start = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "x"}});
    let (response, problems) = stream(&vec![start; 10_002]);
    assert_eq!(response.parts.len(), 10_000);
    assert_eq!(problems[1], Problem::new("block_limit", "2 (content_block)"));
}

#[test]
fn bad_utf8_and_bad_events_are_told() {
    let body = b"data: {\"type\":\"ping\"}\n\ndata: {\"type\":\"p\xff\"}\n\ndata: nope\n\n";
    let (_, problems) = read_response(&Answer { status: 200, content_type: None, body, whole: true });
    assert_eq!(kinds(&problems), ["not_utf8", "truncated", "parse_failed", "unknown_event"]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("type"),
        Just("text"),
        Just("content"),
        Just("role"),
        Just("user"),
        Just("assistant"),
        Just("tool_use"),
        Just("tool_result"),
        Just("input"),
        Just("id"),
        Just("index"),
        Just("delta"),
        Just("content_block"),
        Just("content_block_start"),
        Just("content_block_delta"),
        Just("text_delta"),
        Just("input_json_delta"),
        Just("partial_json"),
        Just("thinking"),
        Just("usage"),
        Just("message_start"),
        Just("message"),
        Just("x"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u64..3).prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
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
    fn any_messages_are_read(messages in any_json(), events in proptest::collection::vec(any_json(), 0..6)) {
        request(&json!({"messages": messages}));
        request(&json!({"messages": [messages]}));
        stream(&events);
        answer(&json!({"content": messages}).to_string());
    }
}
