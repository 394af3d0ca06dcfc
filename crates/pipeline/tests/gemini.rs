//! Conversations over Gemini, whose wire names no call.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Record, ask};
use ursa_model::event::{EventBody, ToolCallBody, ToolStatus};
use ursa_model::message::Purpose;
use ursa_pipeline::Exchange;

/// How the agent sends the calls back that the answer gave without ids.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Resends {
    /// As they came.
    Bare,
    /// With ids of its own.
    WithIds,
}

/// In which form the answer comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Object,
    Events,
    List,
    /// Events in Code Assist's wrapper, which tells a session.
    Wrapped,
}

const SESSION: &str = "5b7f1d0a-2f0e-4a4e-9a56-0c1b2d3e4f50";

fn exchange(at: i64, form: Form, contents: &Value, parts: &[Value]) -> Exchange {
    let mut exchange = ask(at, json!([])).answered("unused", json!([]));
    let method = if form == Form::Object { "generateContent" } else { "streamGenerateContent" };
    let head = &mut exchange.head;
    "gemini".clone_into(&mut head.protocol);
    head.path = match form {
        Form::Wrapped => format!("/v1internal:{method}"),
        _ => format!("/v1beta/models/gemini-x:{method}"),
    };
    head.headers = vec![("user-agent".to_owned(), "GeminiCLI-tui/0.61.0/gemini-x (linux; x64; terminal)".to_owned())];
    let tools = json!([{"functionDeclarations": [{"name": "run_shell_command"}]}]);
    let proper = json!({"contents": contents, "systemInstruction": {"parts": [{"text": "You are Gemini CLI, x"}]}, "tools": tools});
    let body = if form == Form::Wrapped {
        let mut inner = proper;
        inner["session_id"] = json!(SESSION);
        json!({"model": "gemini-x", "project": "p", "request": inner})
    } else {
        proper
    };
    exchange.request = body.to_string().into_bytes();
    exchange.response = answered(at, form, parts).into_bytes();
    exchange.response_head.as_mut().unwrap().1.headers.clear();
    exchange
}

/// A part an object; texts in two pieces.
fn answered(at: i64, form: Form, parts: &[Value]) -> String {
    let object = |parts: &[Value], last: bool| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        let mut usage = json!({"promptTokenCount": 10});
        if last {
            candidate["finishReason"] = json!("STOP");
            usage = json!({"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2});
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-x", "responseId": format!("r{at}Xyz01234567")})
    };
    if form == Form::Object {
        return object(parts, true).to_string();
    }
    let mut pieces: Vec<Value> = Vec::new();
    for part in parts {
        match part["text"].as_str() {
            Some(text) => {
                let (head, tail) = text.split_at(text.len() / 2);
                pieces.extend([json!({"text": head}), json!({"text": tail})]);
            }
            None => pieces.push(part.clone()),
        }
    }
    let last = pieces.len() - 1;
    let objects = pieces.iter().enumerate().map(|(at, piece)| object(std::slice::from_ref(piece), at == last));
    match form {
        Form::List => format!("[{}]", objects.map(|object| object.to_string()).collect::<Vec<_>>().join("\n,\r\n")),
        Form::Wrapped => {
            objects.map(|object| format!("data: {}\n\n", json!({ "response": object }))).collect::<Vec<_>>().concat()
        }
        _ => objects.map(|object| format!("data: {object}\n\n")).collect::<Vec<_>>().concat(),
    }
}

fn user(text: &str) -> Value {
    json!({"role": "user", "parts": [{"text": text}]})
}

fn run(command: &str) -> Value {
    json!({"functionCall": {"name": "run_shell_command", "args": {"command": command}}, "thoughtSignature": "c2ln"})
}

/// Three turns: two equal calls and another in the first, the same call twice, one after the other, in the second, none in
/// the third.
fn three_turns(form: Form, resends: Resends) -> Vec<Exchange> {
    let said = |text: &str| json!({ "text": text });
    let answers: [Vec<Value>; 6] = [
        vec![said("Let me look."), run("ls"), run("ls"), run("pwd")],
        vec![said("Two files.")],
        vec![run("ls")],
        vec![run("ls")],
        vec![said("Two files.")],
        vec![said("Welcome.")],
    ];
    let new: [&[&str]; 6] = [&[], &["one", "two", "/x"], &[], &["three"], &["four"], &[]];
    let prompts = [Some("count the files"), None, Some("again"), None, None, Some("thanks")];
    let mut contents: Vec<Value> = Vec::new();
    let mut exchanges = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let id = |answer: usize, call: usize| match resends {
            Resends::Bare => Value::Null,
            Resends::WithIds => json!(format!("run_shell_command_179539547900{answer}_{call}")),
        };
        let given: Vec<Value> = new[index]
            .iter()
            .enumerate()
            .map(|(call, output)| json!({"functionResponse": {"id": id(index - 1, call), "name": "run_shell_command", "response": {"output": output}}}))
            .collect();
        if !given.is_empty() {
            contents.push(json!({"role": "user", "parts": given}));
        }
        contents.extend(prompts[index].map(user));
        exchanges.push(exchange(index as i64 * 10, form, &json!(contents), answer));
        let mut resent = answer.clone();
        for (call, part) in resent.iter_mut().filter(|part| part.get("functionCall").is_some()).enumerate() {
            if resends == Resends::WithIds {
                part["functionCall"]["id"] = id(index, call);
            }
        }
        contents.push(json!({"role": "model", "parts": resent}));
    }
    exchanges
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

fn assert_three_turns(record: &Record, case: &str) {
    let session = record.only_session();
    assert_eq!(session.agent.slug, "gemini-cli");
    assert_eq!(record.prompts(&session), ["count the files", "again", "thanks"], "{case}");
    let counts = &session.counts;
    assert_eq!((counts.tool_calls, counts.cli_calls), (5, 5), "{case}");
    assert_eq!((counts.completions, counts.model_calls), (4, 6), "{case}");
    let told: Vec<(Value, Value)> = calls(record)
        .into_iter()
        .map(|call| {
            assert_eq!((call.status, call.call_id.as_str()), (ToolStatus::Completed, ""), "{case}");
            (call.arguments.unwrap()["command"].clone(), call.result.unwrap())
        })
        .collect();
    let expected = [("ls", "four"), ("ls", "one"), ("ls", "three"), ("ls", "two"), ("pwd", "/x")];
    assert_eq!(told, expected.map(|(command, output)| (json!(command), json!(output))), "{case}");
    assert_eq!((session.usage.input_tokens, session.usage.output_tokens), (Some(60), Some(30)), "{case}");
    assert!(session.completeness.complete, "{case}: {:?}", session.completeness);
}

const FORMS: [Form; 4] = [Form::Object, Form::Events, Form::List, Form::Wrapped];

#[test]
fn a_conversation_is_told_once_whatever_its_form() {
    for form in FORMS {
        for resends in [Resends::Bare, Resends::WithIds] {
            let case = format!("{form:?} {resends:?}");
            let exchanges = three_turns(form, resends);
            let record = Record::of(&exchanges);
            assert_three_turns(&record, &case);
            record.add(&exchanges);
            assert_three_turns(&record, &case);
            let at_once = Record::new();
            at_once.add(&exchanges);
            assert_three_turns(&at_once, &case);
            let conversation = record.only_session().conversation_id;
            assert_eq!(conversation.as_deref(), (form == Form::Wrapped).then_some(SESSION), "{case}");
        }
    }
}

#[test]
fn requests_out_of_order() {
    for form in [Form::Events, Form::Wrapped] {
        let exchanges = three_turns(form, Resends::WithIds);
        let expected = Record::of(&exchanges).told();
        for order in [[5, 4, 3, 2, 1, 0], [1, 0, 3, 2, 5, 4], [2, 3, 4, 5, 0, 1]] {
            let shuffled: Vec<Exchange> = order.iter().map(|index| exchanges[*index].clone()).collect();
            assert_eq!(Record::of(&shuffled).told(), expected, "{form:?} {order:?}");
        }
    }
}

#[test]
fn only_the_last_request_tells_the_whole_conversation() {
    let record = Record::of(&three_turns(Form::Events, Resends::WithIds)[5..]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["count the files", "again", "thanks"]);
    assert_eq!((session.counts.tool_calls, session.counts.completions, session.counts.model_calls), (5, 4, 1));
}

#[test]
fn code_that_the_provider_runs() {
    let answer = [
        json!({"executableCode": {"language": "PYTHON", "code": "print(1+1)"}}),
        json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2\n"}}),
        json!({"text": "It is 2."}),
    ];
    let resent = json!({"role": "model", "parts": answer});
    let record = Record::of(&[
        exchange(0, Form::Object, &json!([user("add")]), &answer),
        exchange(9, Form::Object, &json!([user("add"), resent, user("thanks")]), &[json!({"text": "Sure."})]),
    ]);
    let calls = calls(&record);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!((calls[0].tool.name.as_str(), calls[0].status), ("code_execution", ToolStatus::Completed));
    assert_eq!(calls[0].result, Some(json!("2\n")));
    let counts = record.only_session().counts;
    assert_eq!((counts.prompts, counts.completions, counts.model_calls), (2, 2, 2));
}

#[test]
fn counting_tokens_is_no_turn_and_uses_none() {
    let mut count = exchange(
        15,
        Form::Object,
        &json!([user("hi"), {"role": "model", "parts": [{"text": "Hello!"}]}, user("more")]),
        &[],
    );
    count.head.path = "/v1beta/models/gemini-x:countTokens".to_owned();
    count.response = br#"{"totalTokens": 31}"#.to_vec();
    let record = Record::of(&[exchange(0, Form::Events, &json!([user("hi")]), &[json!({"text": "Hello!"})]), count]);
    let session = record.only_session();
    assert_eq!((session.counts.prompts, session.counts.completions, session.counts.model_calls), (1, 1, 2));
    assert_eq!(session.usage.input_tokens, Some(10));
    let purposes = record.events(&session).into_iter().filter_map(|event| match event.body {
        EventBody::ModelCall(call) => Some(call.purpose),
        _ => None,
    });
    assert_eq!(purposes.collect::<Vec<_>>(), [Purpose::Turn, Purpose::CountTokens]);
}

#[test]
fn the_context_is_the_request() {
    for form in [Form::Events, Form::Wrapped] {
        let exchanges = three_turns(form, Resends::WithIds);
        let record = Record::of(&exchanges);
        let events = record.events(&record.only_session());
        let models: Vec<_> = events.iter().filter(|event| matches!(event.body, EventBody::ModelCall(_))).collect();
        for (event, exchange) in models.into_iter().zip(&exchanges) {
            let context = ursa_pipeline::context::read(record.store.as_ref(), event.id).unwrap().unwrap();
            let sent: Value = serde_json::from_slice(&exchange.request).unwrap();
            let proper = if form == Form::Wrapped { &sent["request"] } else { &sent };
            assert!(context.exact);
            let told = (&context.messages, &context.system, &context.tools);
            assert_eq!(told, (&proper["contents"], &proper["systemInstruction"], &proper["tools"]));
        }
    }
}
