//! Calls that come over WebSocket.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::socket::{Reading, Socket, recorded, recorded_over_http};
use support::talk::{asks, call, conversation, message, result, said};
use support::{Record, START};
use ursa_model::Timestamp;
use ursa_model::capture::{CaptureHead, CredentialMark, EndReason, Frame, FrameKind};
use ursa_model::event::{Event, EventBody};
use ursa_model::message::Purpose;
use ursa_pipeline::{Exchange, context};

const SESSION: &str = "01a205bc-3093-7d43-9dc4-82e77a39225d";

/// The same call over HTTP: everything that came before, sent again.
fn over_http(socket: &Socket, millis: i64, id: u32, input: &[Value], output: &[Value]) -> Exchange {
    let frames = [socket.opened(millis), call(socket, millis, Some(0), id, input, output)].concat();
    let mut exchange = Reading::default().all(frames).pop().unwrap();
    let mut body: Value = serde_json::from_slice(&exchange.request).unwrap();
    body.as_object_mut().unwrap().remove("previous_response_id");
    exchange.request = body.to_string().into_bytes();
    exchange.connection = None;
    exchange
}

/// The same over HTTP, from the second on.
fn http_conversation(number: u8, from: usize) -> Vec<Exchange> {
    let mut input = vec![message("developer", "You are Codex, a coding agent"), message("user", "tidy up")];
    let mut exchanges = Vec::new();
    for (id, output, next) in [
        (2, vec![said(2, "Looking."), asks(2, "ls")], vec![result(2, "README.md")]),
        (3, vec![said(3, "Done.")], vec![message("user", "tidy up")]),
        (4, vec![said(4, "Done again.")], vec![message("user", "thanks")]),
        (5, vec![said(5, "Welcome.")], vec![]),
    ] {
        let socket = Socket::codex(number + id as u8, SESSION);
        exchanges.push(over_http(&socket, i64::from(id) * 1000, id, &input, &output));
        input.extend(output);
        input.extend(next);
    }
    exchanges.split_off(from)
}

fn record(exchanges: &[Exchange]) -> Record {
    Record::of(exchanges)
}

fn gaps(record: &Record) -> Vec<String> {
    let mut kinds: Vec<String> = record.only_session().completeness.gaps.into_iter().map(|gap| gap.kind).collect();
    kinds.sort();
    kinds
}

fn calls(record: &Record) -> Vec<Event> {
    let events = record.events(&record.only_session());
    events.into_iter().filter(|event| matches!(event.body, EventBody::ModelCall(_))).collect()
}

#[test]
fn a_call_is_told_when_its_answer_is_whole_though_the_connection_stays_open() {
    let mut reading = Reading::default();
    let record = Record::new();
    let parts = conversation(&Socket::codex(1, SESSION));
    for (index, frames) in parts.into_iter().enumerate() {
        let exchanges = reading.all(frames);
        assert_eq!(exchanges.len(), usize::from(index > 0), "one call, told with its last event");
        record.add(&exchanges);
        assert_eq!(reading.assembler.open_exchanges(), 1);
    }
    let session = record.only_session();
    assert_eq!(session.conversation_id.as_deref(), Some(SESSION));
    assert_eq!((session.counts.prompts, session.counts.completions, session.counts.tool_calls), (2, 3, 1));
    assert_eq!((session.counts.model_calls, session.usage.input_tokens), (4, Some(40)));
    assert!(session.completeness.complete, "{:?}", session.completeness);
    let events = record.events(&session);
    let tool = events.iter().find_map(|event| match &event.body {
        EventBody::ToolCall(call) => Some(call),
        _ => None,
    });
    let tool = tool.unwrap();
    assert_eq!((tool.arguments.clone(), tool.result.clone()), (Some(json!({"cmd": "ls"})), Some(json!("README.md"))));
    let purposes: Vec<Purpose> = calls(&record)
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::ModelCall(call) => Some((call.purpose, call.latency_ms, call.time_to_first_chunk_ms)),
            _ => None,
        })
        .map(|(purpose, latency, first)| {
            assert_eq!(first, Some(10));
            assert!(latency.unwrap() >= 20);
            purpose
        })
        .collect();
    assert_eq!(purposes, [Purpose::Other, Purpose::Turn, Purpose::Turn, Purpose::Turn], "the prewarm is no turn");
}

#[test]
fn a_running_call_is_told_once_with_its_prompt() {
    let socket = Socket::codex(1, SESSION);
    let mut reading = Reading::default();
    let parts = conversation(&socket);
    let ended = reading.all(parts[..2].concat());
    let (create, answer) = parts[2].split_first().unwrap();
    assert_eq!(reading.push(create.clone()), []);
    assert!(reading.assembler.take_running(Timestamp::from_micros(START)).is_empty(), "it began later");
    let running = reading.assembler.take_running(Timestamp::from_micros(START + 60_000_000));
    assert_eq!(running.len(), 1);
    assert!(reading.assembler.take_running(Timestamp::from_micros(START + 60_000_000)).is_empty());
    let record = Record::new();
    let received = Timestamp::from_micros(START + 60_000_000);
    record.pipeline.run(&ended, &running.iter().collect::<Vec<_>>(), received, None).unwrap();
    assert_eq!(record.prompts(&record.only_session()), ["tidy up"]);
    record.add(&reading.all(answer.to_vec()));
    let session = record.only_session();
    assert_eq!((session.counts.prompts, session.counts.completions, session.counts.model_calls), (1, 1, 2));
}

#[test]
fn the_same_frames_again_change_nothing() {
    let frames = conversation(&Socket::codex(1, SESSION)).concat();
    let exchanges = Reading::default().all(frames.clone());
    let again = Reading::default().all(frames);
    assert_eq!(exchanges, again);
    let record = record(&exchanges);
    let revs =
        |record: &Record| -> Vec<u64> { record.events(&record.only_session()).iter().map(|event| event.rev).collect() };
    let before = revs(&record);
    record.add(&again);
    let receipt = record.pipeline.replay(&again, &[], Timestamp::from_micros(START)).unwrap();
    assert_eq!((receipt.inserted, receipt.changed), (0, 0));
    assert_eq!(revs(&record), before);
}

#[test]
fn a_context_holds_what_came_before() {
    let record = record(&Reading::default().all(conversation(&Socket::codex(1, SESSION)).concat()));
    let last = calls(&record).pop().unwrap();
    let context = context::read(record.store.as_ref(), last.id).unwrap().unwrap();
    let expected = json!([
        message("developer", "You are Codex, a coding agent"),
        message("user", "tidy up"),
        said(2, "Looking."),
        asks(2, "ls"),
        result(2, "README.md"),
        said(3, "Done."),
        message("user", "tidy up"),
    ]);
    assert_eq!(context.messages, expected);
    assert!(context.exact);
    assert_eq!(context.params["previous_response_id"], json!("resp_000000000003"));
    assert!(!context.params.contains_key("type"));
}

#[test]
fn falling_back_to_http_tells_nothing_twice() {
    let frames = conversation(&Socket::codex(1, SESSION));
    let all = record(&http_conversation(10, 0));
    let without_calls = |record: &Record| -> Vec<String> {
        let session = record.only_session();
        let lines = record.events(&session).iter().map(support::line).collect::<Vec<_>>();
        lines.into_iter().filter(|line| !line.contains(" Other ")).collect()
    };
    for switch in 0..3 {
        // Up to here over the socket, from here on over HTTP, with the call in between seen both ways.
        let mut exchanges = Reading::default().all(frames[..3 + switch].concat());
        exchanges.extend(http_conversation(20, switch));
        let both = record(&exchanges);
        assert_eq!(without_calls(&both), without_calls(&all), "switched after {switch}");
        assert!(both.only_session().completeness.complete);
    }
}

#[test]
fn the_recorded_session_tells_what_its_http_twin_tells() {
    let over_socket = record(&Reading::default().all(recorded()));
    let over_http = record(&recorded_over_http());
    let (socket, http) = (comparable(&over_socket), comparable(&over_http));
    // The scripts differ in one step: one waits for the subagent by a tool, the other sleeps.
    let mut http: Vec<String> = http.into_iter().map(|line| line.replace("wait_agent", "exec_command")).collect();
    http.sort();
    assert_eq!(socket, http);
    assert!(over_socket.only_session().completeness.complete, "{:?}", over_socket.only_session().completeness);
}

/// What does not depend on ids that each run draws anew: by thread, in order.
fn comparable(record: &Record) -> Vec<String> {
    let session = record.only_session();
    let mut lines: Vec<String> = record
        .events(&session)
        .iter()
        .filter_map(|event| {
            let thread = if event.subagent_id.is_some() { "sub" } else { "main" };
            let told = match &event.body {
                EventBody::Prompt { text, .. } => format!("prompt {text}"),
                EventBody::Completion { text, .. } => format!("completion {text}"),
                EventBody::Reasoning { text } => format!("reasoning {text}"),
                EventBody::ToolCall(call) => {
                    format!("tool {:?} {:?} {:?}", call.tool.name, call.tool.mcp_server, call.status)
                }
                EventBody::ModelCall(call) if call.purpose == Purpose::Turn => {
                    format!("call {:?} {:?}", call.request_model, call.status_code)
                }
                _ => return None,
            };
            Some(format!("{thread} {told}"))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn errors_and_breaks_are_the_calls_own() {
    let socket = Socket::codex(1, SESSION);
    let before = conversation(&socket)[..2].concat();
    let create = || call(&socket, 2000, Some(1), 2, &[message("user", "tidy up")], &[said(2, "Looking.")]);
    let limited = json!({"type": "error", "status": 429, "error": {"type": "usage_limit_reached", "message": "later"}});
    let failed = json!({"type": "response.failed", "response": {"id": "resp_000000000002", "status": "failed",
        "error": {"code": "server_is_overloaded", "message": "busy"}}});
    let two = |first: &Frame, second: Frame| vec![first.clone(), second];
    let frames = create();
    for (frames, error, status, gap) in [
        (two(&frames[0], socket.server(2100, &limited)), Some("usage_limit_reached"), Some(429), None),
        (two(&frames[0], socket.server(2100, &failed)), Some("server_is_overloaded"), Some(200), None),
        (two(&frames[0], socket.end(2100, EndReason::Interrupted)), None, None, Some("interrupted")),
        (
            two(&frames[0], socket.raw(2100, FrameKind::RequestPart, &[0x88, 0x80, 0, 0, 0, 0])),
            None,
            None,
            Some("client_abort"),
        ),
        (
            [&frames[..2], &[socket.end(2100, EndReason::UpstreamReset)]].concat(),
            None,
            Some(200),
            Some("upstream_reset"),
        ),
        (
            [&frames[..2], &[socket.raw(2100, FrameKind::ResponsePart, b"\xff\xff")]].concat(),
            None,
            Some(200),
            Some("websocket_damaged"),
        ),
    ] {
        let mut reading = Reading::default();
        let mut exchanges = reading.all(before.clone());
        exchanges.extend(reading.all(frames));
        exchanges.extend(reading.push(socket.end(3000, EndReason::Complete)));
        let record = record(&exchanges);
        let last = calls(&record).pop().unwrap();
        let EventBody::ModelCall(told) = &last.body else { unreachable!() };
        assert_eq!(told.error.as_ref().map(|error| error.kind.as_str()), error, "{told:?}");
        assert_eq!((told.status_code, record.prompts(&record.only_session()).len()), (status, 1));
        let gaps = gaps(&record);
        assert!(gap.is_none_or(|gap| gaps.iter().any(|kind| kind == gap)), "{gaps:?}");
        assert_eq!(reading.assembler.open_exchanges(), 0);
        assert_eq!(reading.assembler.take_settled(), 1);
    }
}

#[test]
fn damage_between_calls_is_a_gap_of_the_session() {
    let socket = Socket::codex(1, SESSION);
    let mut frames = conversation(&socket)[..3].concat();
    frames.push(socket.raw(2500, FrameKind::RequestPart, b"\xff\xff"));
    frames.extend(call(&socket, 3000, Some(2), 3, &[result(2, "README.md")], &[said(3, "Done.")]));
    let record = record(&Reading::default().all(frames));
    assert_eq!(gaps(&record), ["websocket_damaged"]);
    assert_eq!(calls(&record).len(), 2, "what follows cannot be read");
}

#[test]
fn an_answer_that_was_never_seen_is_a_gap() {
    let socket = Socket::codex(1, SESSION);
    let frames = [socket.opened(0), call(&socket, 1000, Some(7), 8, &[message("user", "hi")], &[said(8, "Hello.")])];
    let record = record(&Reading::default().all(frames.concat()));
    assert_eq!(gaps(&record), ["previous_response_unseen"]);
    let context = context::read(record.store.as_ref(), calls(&record)[0].id).unwrap().unwrap();
    assert!(!context.exact);
}

#[test]
fn an_upgrade_that_was_refused_is_no_call() {
    let socket = Socket::codex(1, SESSION);
    let frames = [socket.head(0), socket.answered(10, 426), socket.end(20, EndReason::Complete)];
    let mut reading = Reading::default();
    let exchanges = reading.all(frames);
    assert_eq!((exchanges.len(), reading.assembler.take_settled()), (1, 0));
    let record = Record::new();
    record.add(&exchanges);
    assert!(record.sessions().is_empty());
    assert_eq!(record.store.stats().unwrap().unattributed, 1);
}

#[test]
fn the_connections_own_credential_is_masked() {
    let secret = "sk-dummy-secret-value-1";
    let mark = |value: &str| CredentialMark {
        len: value.len(),
        // The masking key of the record under test.
        mac: blake3::keyed_hash(&[9; 32], value.as_bytes()).to_hex()[..32].to_owned(),
    };
    let socket = Socket::codex(1, SESSION);
    let mut frames = socket.opened(0);
    let mut head: CaptureHead = serde_json::from_slice(&frames[0].payload).unwrap();
    head.credentials.push(mark(secret));
    frames[0].payload = serde_json::to_vec(&head).unwrap();
    let words = format!("my key is {secret}, keep it");
    frames.extend(call(&socket, 1000, Some(0), 2, &[message("user", &words)], &[said(2, &words)]));
    let record = record(&Reading::default().all(frames));
    let session = record.only_session();
    let lines: Vec<String> = record.events(&session).iter().map(support::line).collect();
    assert!(lines.iter().any(|line| line.contains("my key is [redacted:")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(secret)), "{lines:?}");
    let context = context::read(record.store.as_ref(), calls(&record)[0].id).unwrap().unwrap();
    assert!(!context.messages.to_string().contains(secret));
}
