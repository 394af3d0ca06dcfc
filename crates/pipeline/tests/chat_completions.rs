//! Conversations over Chat Completions, where a reasonable reading of the wire breaks.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Record, ask, user};
use ursa_model::event::{EventBody, ToolCallBody, ToolStatus};
use ursa_pipeline::Exchange;

/// An exchange over Chat Completions.
fn chat(at: i64, messages: &Value, answer: &str) -> Exchange {
    let mut exchange = ask(at, json!([])).answered("unused", json!([]));
    "openai-chat".clone_into(&mut exchange.head.protocol);
    "/v1/chat/completions".clone_into(&mut exchange.head.path);
    exchange.head.headers = vec![("user-agent".to_owned(), "OpenAI/Python 2.54.0".to_owned())];
    exchange.request = json!({"model": "m", "messages": messages}).to_string().into_bytes();
    exchange.response = answer.as_bytes().to_vec();
    // Servers of this protocol tell no id of the request.
    exchange.response_head.as_mut().unwrap().1.headers.clear();
    exchange
}

fn completion(id: &str, messages: &[Value]) -> String {
    let choices: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| json!({"index": index, "finish_reason": "stop", "message": message}))
        .collect();
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    json!({"id": id, "object": "chat.completion", "model": "m", "choices": choices, "usage": usage}).to_string()
}

/// The same as chunks of a stream: a character at a time, calls in two pieces.
fn chunked(id: &str, message: &Value) -> String {
    let chunk = |delta: Value, end: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": end});
        format!("data: {}\n\n", json!({"id": id, "object": "chat.completion.chunk", "model": "m", "choices": [choice]}))
    };
    let mut body = chunk(json!({"role": "assistant", "content": ""}), None);
    for letter in message["content"].as_str().unwrap_or_default().chars() {
        body += &chunk(json!({"content": letter.to_string()}), None);
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let arguments = call["function"]["arguments"].as_str().unwrap();
        let (head, tail) = arguments.split_at(arguments.len() / 2);
        let begun = json!({"index": index, "id": call["id"], "type": "function", "function": {"name": call["function"]["name"], "arguments": head}});
        body += &chunk(json!({"tool_calls": [begun]}), None);
        body += &chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": tail}}]}), None);
    }
    body += &chunk(json!({}), Some("stop"));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    body + &format!("data: {}\n\ndata: [DONE]\n\n", json!({"id": id, "choices": [], "usage": usage}))
}

fn said(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

fn call(id: &str, command: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "bash", "arguments": json!({"command": command}).to_string()}})
}

fn asked(calls: &[Value]) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

fn gave(id: &str, content: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn calls(record: &Record) -> Vec<ToolCallBody> {
    let events = record.events(&record.only_session());
    let mut calls: Vec<ToolCallBody> = events
        .into_iter()
        .filter_map(|event| match event.body {
            EventBody::ToolCall(call) => Some(*call),
            _ => None,
        })
        .collect();
    calls.sort_by_key(|call| format!("{:?} {:?}", call.arguments, call.result));
    calls
}

fn results(record: &Record) -> Vec<Value> {
    let mut results: Vec<Value> = calls(record).into_iter().filter_map(|call| call.result).collect();
    results.sort_by_key(Value::to_string);
    results
}

/// Three turns: two equal and one other call in the first, two rounds of tools in the second, none in the third. Call ids
/// by `id(answer, call)`.
fn three_turns(answer: fn(usize, &Value) -> String, id: fn(usize, usize) -> String) -> Vec<Exchange> {
    let answers = [
        asked(&[call(&id(0, 0), "ls"), call(&id(0, 1), "ls"), call(&id(0, 2), "pwd")]),
        said("Two files."),
        asked(&[call(&id(2, 0), "ls")]),
        asked(&[call(&id(3, 0), "ls")]),
        said("Two files."),
        said("Welcome."),
    ];
    let between: [Vec<Value>; 6] = [
        vec![json!({"role": "system", "content": "Be brief."}), user("count the files")],
        vec![gave(&id(0, 0), "one"), gave(&id(0, 1), "two"), gave(&id(0, 2), "/x")],
        vec![user("again")],
        vec![gave(&id(2, 0), "three")],
        vec![gave(&id(3, 0), "four")],
        vec![user("thanks")],
    ];
    let mut messages = Vec::new();
    let mut exchanges = Vec::new();
    for (index, (new, given)) in between.into_iter().zip(&answers).enumerate() {
        messages.extend(new);
        exchanges.push(chat(index as i64 * 10, &json!(messages), &answer(index, given)));
        messages.push(given.clone());
    }
    exchanges
}

fn assert_three_turns(record: &Record, case: &str) {
    let session = record.only_session();
    let counts = &session.counts;
    assert_eq!(record.prompts(&session), ["count the files", "again", "thanks"], "{case}");
    assert_eq!((counts.tool_calls, counts.cli_calls), (5, 5), "{case}");
    assert_eq!((counts.completions, counts.model_calls), (3, 6), "{case}");
    assert_eq!(results(record), [json!("/x"), json!("four"), json!("one"), json!("three"), json!("two")], "{case}");
    let given = calls(record);
    assert!(given.iter().all(|call| call.status == ToolStatus::Completed), "{case}");
    let of_pwd: Vec<_> = given.iter().filter(|call| call.arguments == Some(json!({"command": "pwd"}))).collect();
    assert_eq!((of_pwd.len(), of_pwd[0].result.clone()), (1, Some(json!("/x"))), "{case}");
    assert_eq!((session.usage.input_tokens, session.usage.output_tokens), (Some(60), Some(30)), "{case}");
    assert!(session.completeness.complete, "{case}: {:?}", session.completeness);
}

#[test]
fn a_conversation_is_told_once_whatever_ids_a_server_gives() {
    let own_answers: fn(usize, &Value) -> String =
        |index, message| completion(&format!("chatcmpl-{index}f3a9c0de77"), std::slice::from_ref(message));
    let streamed: fn(usize, &Value) -> String =
        |index, message| chunked(&format!("chatcmpl-{index}f3a9c0de77"), message);
    let constant: fn(usize, &Value) -> String = |_, message| completion("chatcmpl-123", std::slice::from_ref(message));
    let constant_long: fn(usize, &Value) -> String = |_, message| chunked("chatcmpl-00000000000001", message);
    let own_ids: fn(usize, usize) -> String = |answer, call| format!("call_{answer}{call}Xyz0123456789abc");
    let per_answer: fn(usize, usize) -> String = |_, call| format!("call_{call}");
    let one_for_all: fn(usize, usize) -> String = |_, _| "call_0".to_owned();
    let none: fn(usize, usize) -> String = |_, _| String::new();
    for (answers, kind) in
        [(own_answers, "own"), (streamed, "streamed"), (constant, "constant"), (constant_long, "constant, long")]
    {
        for (ids, of_calls) in [(own_ids, "own"), (per_answer, "per answer"), (one_for_all, "one"), (none, "none")] {
            let case = format!("answers {kind}, calls {of_calls}");
            let exchanges = three_turns(answers, ids);
            assert_three_turns(&Record::of(&exchanges), &case);
            let at_once = Record::new();
            at_once.add(&exchanges);
            assert_three_turns(&at_once, &case);
            at_once.add(&exchanges);
            assert_three_turns(&at_once, &case);
        }
    }
}

#[test]
fn requests_out_of_order() {
    let exchanges = three_turns(
        |index, message| completion(&format!("chatcmpl-{index}f3a9c0de77"), std::slice::from_ref(message)),
        |_, _| String::new(),
    );
    let expected = Record::of(&exchanges).told();
    for order in [[5, 4, 3, 2, 1, 0], [1, 0, 3, 2, 5, 4], [2, 3, 4, 5, 0, 1]] {
        let shuffled: Vec<Exchange> = order.iter().map(|index| exchanges[*index].clone()).collect();
        assert_eq!(Record::of(&shuffled).told(), expected, "{order:?}");
    }
}

#[test]
fn only_the_last_request_tells_the_whole_conversation() {
    let exchanges = three_turns(|_, message| chunked("chatcmpl-123", message), |_, _| "call_0".to_owned());
    let record = Record::of(&exchanges[5..]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["count the files", "again", "thanks"]);
    assert_eq!((session.counts.tool_calls, session.counts.completions, session.counts.model_calls), (5, 3, 1));
    assert_eq!(results(&record).len(), 5);
}

#[test]
fn two_chats_that_open_alike_on_a_server_with_one_id() {
    let turns = |at: i64, answer: &str, more: &str| {
        let first = chat(at, &json!([user("hi")]), &completion("chatcmpl-123", &[said(answer)]));
        let messages = json!([user("hi"), said(answer), user(more)]);
        [first, chat(at + 5, &messages, &completion("chatcmpl-123", &[said("Sure.")]))]
    };
    for (one, two) in [("Hello!", "Good day."), ("Hello!", "Hello!")] {
        let ([a1, a2], [b1, b2]) = (turns(0, one, "about cats"), turns(1, two, "about dogs"));
        let record = Record::of(&[a1, b1, a2, b2]);
        let mut prompts: Vec<Vec<String>> = record.sessions().iter().map(|session| record.prompts(session)).collect();
        prompts.sort();
        assert_eq!(prompts, [["hi", "about cats"], ["hi", "about dogs"]]);
        assert!(record.sessions().iter().all(|session| session.counts.model_calls == 2));
    }
}

#[test]
fn several_choices_of_which_the_second_is_followed_up() {
    let choices = [said("Red."), said("Blue."), said("Red.")];
    let first = chat(0, &json!([user("name a colour")]), &completion("chatcmpl-af3a9c0de77", &choices));
    let messages = json!([user("name a colour"), said("Blue."), user("why?")]);
    let second = chat(5, &messages, &completion("chatcmpl-bf3a9c0de77", &[said("It is calm.")]));
    for order in [[first.clone(), second.clone()], [second, first]] {
        let record = Record::of(&order);
        let session = record.only_session();
        assert_eq!(record.prompts(&session), ["name a colour", "why?"]);
        assert_eq!((session.counts.completions, session.counts.model_calls), (4, 2));
        assert_eq!(session.usage.output_tokens, Some(10));
    }
}

#[test]
fn functions_of_the_old_kind() {
    let asked = json!({"role": "assistant", "content": null, "function_call": {"name": "look_up", "arguments": "{\"q\":\"x\"}"}});
    let gave = |text: &str| json!({"role": "function", "name": "look_up", "content": text});
    let mut messages = vec![user("look it up, twice")];
    let mut exchanges =
        vec![chat(0, &json!(messages), &completion("chatcmpl-af3a9c0de77", std::slice::from_ref(&asked)))];
    messages.extend([asked.clone(), gave("one")]);
    exchanges.push(chat(1, &json!(messages), &completion("chatcmpl-bf3a9c0de77", std::slice::from_ref(&asked))));
    messages.extend([asked, gave("two")]);
    exchanges.push(chat(2, &json!(messages), &completion("chatcmpl-cf3a9c0de77", &[said("Both.")])));
    let record = Record::of(&exchanges);
    let counts = record.only_session().counts;
    assert_eq!((counts.prompts, counts.tool_calls, counts.completions, counts.model_calls), (1, 2, 1, 3));
    assert_eq!(results(&record), [json!("one"), json!("two")]);
    // What was made to tell them apart is nobody's id.
    assert!(calls(&record).iter().all(|call| call.call_id.is_empty()));
}

#[test]
fn the_context_is_the_request() {
    let exchanges = three_turns(|_, message| chunked("chatcmpl-123", message), |_, call| format!("call_{call}"));
    let record = Record::of(&exchanges);
    let events = record.events(&record.only_session());
    let models: Vec<_> = events.iter().filter(|event| matches!(event.body, EventBody::ModelCall(_))).collect();
    for (event, exchange) in models.into_iter().zip(&exchanges) {
        let context = ursa_pipeline::context::read(record.store.as_ref(), event.id).unwrap().unwrap();
        let sent: Value = serde_json::from_slice(&exchange.request).unwrap();
        assert!(context.exact);
        assert_eq!((&context.messages, &context.params["model"]), (&sent["messages"], &sent["model"]));
    }
}
