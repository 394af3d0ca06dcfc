//! What is Codex's own: code mode, compaction, and hanging up as soon as an answer has ended.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::talk::message;
use support::{Record, ask};
use ursa_model::capture::EndReason;
use ursa_model::event::{EventBody, ToolStatus};
use ursa_model::message::Purpose;
use ursa_pipeline::Exchange;

const SESSION: &str = "0199a2f4-6f0e-7a4e-9a56-0c1b2d3e4f50";

/// A request of Codex's to `path`, answered with these bytes.
fn exchange(at: i64, path: &str, kind: &str, input: &[Value], answer: &str) -> Exchange {
    let mut exchange = ask(at, json!([])).answered("unused", json!([]));
    let head = &mut exchange.head;
    "openai-responses".clone_into(&mut head.protocol);
    path.clone_into(&mut head.path);
    let metadata = json!({"request_kind": kind}).to_string();
    let told = [
        ("user-agent", "codex_exec/0.169.0 (Linux; x86_64)"),
        ("originator", "codex_exec"),
        ("session-id", SESSION),
        ("thread-id", SESSION),
        ("x-codex-turn-metadata", metadata.as_str()),
    ];
    head.headers = told.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let tools = json!([{"type": "custom", "name": "exec"}]);
    let body = json!({"model": "gpt-6.1-sol", "stream": true, "store": false, "tools": tools, "input": input});
    exchange.request = body.to_string().into_bytes();
    exchange.response = answer.as_bytes().to_vec();
    exchange.response_head.as_mut().unwrap().1.headers.clear();
    exchange
}

fn turn(at: i64, id: u32, input: &[Value], output: &[Value]) -> Exchange {
    exchange(at, "/v1/responses", "turn", input, &events(id, output))
}

fn events(id: u32, output: &[Value]) -> String {
    let base = json!({"id": format!("resp_{id:012}"), "model": "gpt-6.1-sol", "status": "in_progress"});
    let mut events = vec![json!({"type": "response.created", "response": base})];
    for (index, item) in output.iter().enumerate() {
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    let usage = json!({"input_tokens": 10, "output_tokens": 5});
    let last = json!({"id": base["id"], "model": base["model"], "status": "completed", "usage": usage});
    events.push(json!({"type": "response.completed", "response": last}));
    let events = events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
    events.collect::<Vec<_>>().concat()
}

fn said(id: u32, text: &str) -> Value {
    support::talk::said(id, text)
}

fn runs(id: u32, source: &str) -> Value {
    json!({"type": "custom_tool_call", "name": "exec", "call_id": format!("call_{id:012}"), "input": source,
        "status": "completed"})
}

fn ran(id: u32, output: &str) -> Value {
    let output = json!([{"type": "input_text", "text": output}]);
    json!({"type": "custom_tool_call_output", "call_id": format!("call_{id:012}"), "output": output})
}

fn gaps(record: &Record) -> Vec<String> {
    record.only_session().completeness.gaps.iter().map(|gap| gap.kind.clone()).collect()
}

#[test]
fn in_code_mode_a_call_is_the_program_that_the_model_wrote() {
    let source = "const r = await tools.exec_command({cmd: \"ls\"}); text(r);";
    let prompt = [message("developer", "You are Codex, a coding agent"), message("user", "tidy up")];
    let asked = [said(1, "Looking."), runs(1, source)];
    let again = [&prompt[..], &asked[..], &[ran(1, "README.md")]].concat();
    let record = Record::of(&[turn(0, 1, &prompt, &asked), turn(10, 2, &again, &[said(2, "Done.")])]);
    let session = record.only_session();
    let calls = record.events(&session).into_iter().filter_map(|event| match event.body {
        EventBody::ToolCall(call) => Some(call),
        _ => None,
    });
    let [call] = calls.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((call.tool.name.as_str(), call.status), ("exec", ToolStatus::Completed));
    assert_eq!((call.arguments, call.call_id.as_str()), (Some(json!(source)), "call_000000000001"));
    assert!(call.result.unwrap().to_string().contains("README.md"));
    assert_eq!((record.prompts(&session), gaps(&record)), (vec!["tidy up".to_owned()], vec![]));
}

/// Before: two turns. After: one that begins with what was kept, and a summary.
fn compacted(compaction: Exchange, kept: &[Value]) -> Record {
    let first = [message("user", "first")];
    let second = [&first[..], &[said(1, "One."), message("user", "second")]].concat();
    let third = [kept, &[message("user", "third")]].concat();
    let fourth = [&third[..], &[said(4, "Three."), message("user", "fourth")]].concat();
    Record::of(&[
        turn(0, 1, &first, &[said(1, "One.")]),
        turn(10, 2, &second, &[said(2, "Two.")]),
        compaction,
        turn(30, 4, &third, &[said(4, "Three.")]),
        turn(40, 5, &fourth, &[said(5, "Four.")]),
    ])
}

fn assert_compacted(record: &Record) {
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["first", "second", "third", "fourth"]);
    let purposes = record.events(&session).into_iter().filter_map(|event| match event.body {
        EventBody::ModelCall(call) => Some(call.purpose),
        _ => None,
    });
    let expected = [Purpose::Turn, Purpose::Turn, Purpose::Summary, Purpose::Turn, Purpose::Turn];
    assert_eq!(purposes.collect::<Vec<_>>(), expected);
    assert_eq!(gaps(record), Vec::<String>::new());
}

#[test]
fn compaction_by_the_provider() {
    let history = [message("user", "first"), said(1, "One."), message("user", "second"), said(2, "Two.")];
    let sealed = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "c2VhbGVk"});
    let kept = [message("user", "first"), message("user", "second"), sealed.clone()];
    let answer = json!({
        "id": "resp_000000000003", "object": "response.compaction", "created_at": 1, "output": kept,
        "usage": {"input_tokens": 100, "output_tokens": 7},
    });
    let by_route = exchange(20, "/v1/responses/compact", "compaction", &history, &answer.to_string());
    assert_compacted(&compacted(by_route, &kept));

    let triggered = [&history[..], &[json!({"type": "compaction_trigger"})]].concat();
    let by_trigger = exchange(20, "/v1/responses", "compaction", &triggered, &events(3, &[sealed]));
    assert_compacted(&compacted(by_trigger, &kept));
}

#[test]
fn compaction_by_a_question_to_the_model() {
    let ask = message("user", "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary.");
    let history = [message("user", "first"), said(1, "One."), message("user", "second"), said(2, "Two."), ask];
    let summary = "Another language model started to solve this problem and produced a summary: tidy.";
    let kept = [message("user", "first"), message("user", "second"), message("user", summary)];
    let compaction = exchange(20, "/v1/responses", "compaction", &history, &events(3, &[said(3, "tidy.")]));
    assert_compacted(&compacted(compaction, &kept));
}

#[test]
fn hanging_up_after_the_answers_own_end_is_no_gap_and_before_it_is_one() {
    let whole = events(1, &[said(1, "One.")]);
    let (cut, _) = whole.split_once("event: response.completed").unwrap();
    for (answer, expected) in [(whole.as_str(), vec![]), (cut, vec!["client_abort".to_owned()])] {
        let mut exchange = exchange(0, "/v1/responses", "turn", &[message("user", "first")], answer);
        exchange.end.reason = EndReason::ClientAbort;
        assert_eq!(gaps(&Record::of(&[exchange])), expected, "{answer}");
    }
}

#[test]
fn an_update_of_the_configuration_is_no_gap() {
    let update = json!({"type": "configuration_update", "reasoning": {"effort": "high"}});
    let input = [message("user", "first"), said(1, "One."), update, message("user", "second")];
    let record = Record::of(&[turn(0, 1, &input[..1], &[said(1, "One.")]), turn(10, 2, &input, &[said(2, "Two.")])]);
    assert_eq!(record.prompts(&record.only_session()), ["first", "second"]);
    assert_eq!(gaps(&record), Vec::<String>::new());
}

#[test]
fn what_a_child_inherits_is_its_parents_in_any_order() {
    const CHILD: &str = "0199a2f4-6f0e-7a4e-9a56-00000000c41d";
    let task = |path: &str| {
        let text = format!("Message Type: NEW_TASK\nTask name: {path}\nSender: /root\nPayload:\ncount lines");
        json!({"type": "agent_message", "recipient": path, "content": [{"type": "input_text", "text": text}]})
    };
    let parent = [message("user", "tidy up"), said(1, "Looking."), runs(1, "spawn()")];
    let given = [&parent[..], &[ran(1, "{}"), message("developer", "You are a child"), task("/root/count")]].concat();
    let more = [&given[..], &[said(2, "Two lines."), message("user", "sure?")]].concat();
    let mut child = [turn(10, 2, &given, &[said(2, "Two lines.")]), turn(20, 3, &more, &[said(3, "Yes.")])];
    for exchange in &mut child {
        let thread = exchange.head.headers.iter_mut().find(|(name, _)| name == "thread-id").unwrap();
        CHILD.clone_into(&mut thread.1);
    }
    let [first, second] = child;
    let exchanges = [turn(0, 1, &parent[..1], &parent[1..]), first, second];
    let record = Record::of(&exchanges);
    let told = record.told();
    let lines = told[0].1.join("\n");
    for once in ["tidy up", "Looking.", "count lines", "Two lines.", "sure?", "Yes."] {
        assert_eq!(lines.matches(once).count(), 1, "{once}: {lines}");
    }
    let backwards: Vec<_> = exchanges.into_iter().rev().collect();
    assert_eq!(Record::of(&backwards).told(), told);
}
