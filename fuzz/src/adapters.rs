//! What must hold for any bytes: shared by the fuzz targets and by the tests that replay their seeds on stable Rust.

use serde_json::Value;
use ursa_adapters::agents;
use ursa_adapters::body::{DecodeLimits, decode};
use ursa_adapters::event_stream;
use ursa_adapters::hooks;
use ursa_adapters::route::{Protocol, Route};
use ursa_adapters::tools;
use ursa_adapters::wire::responses_socket::{ANSWER_BYTES_LIMIT, Asked, CALLS_WAITING_LIMIT, Calls};
use ursa_adapters::wire::sse::Events;
use ursa_adapters::wire::websocket::{Compression, Damage, Decoder, Message, Side, negotiated};
use ursa_adapters::wire::{self, Answer, anthropic_messages, gemini, openai_chat, openai_responses};
use ursa_model::capture::{CaptureHead, Principal, ResponseHead};
use ursa_model::chain::restore;
use ursa_model::envelope::EnvelopeMeta;
use ursa_model::message::{ModelRequest, Problem};
use ursa_model::{EnvironmentId, Timestamp};

/// The ways in which an answer can come.
fn answers(body: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    let kinds = [
        (200, None),
        (200, Some("application/json")),
        (200, Some("text/event-stream")),
        (500, Some("text/event-stream")),
    ];
    kinds
        .into_iter()
        .flat_map(move |(status, content_type)| [true, false].map(|whole| Answer { status, content_type, body, whole }))
}

/// Every message can be compared, and a request that was read without a problem can be given back as it was.
fn request_holds(body: &[u8], (request, problems): (Option<ModelRequest>, Vec<Problem>), system: &str) {
    let Some(request) = request else {
        assert!(!problems.is_empty(), "a request that is not read says why");
        return;
    };
    assert!(request.messages.iter().all(|message| !message.canonical.is_empty()));
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(Value::Object(sent)) = serde_json::from_slice(body) else { return };
    if !problems.is_empty() || !sent.contains_key(request.messages_key) {
        return;
    }
    let mut given = request.params;
    let mut exact: Vec<Value> = request.messages.into_iter().map(|message| message.into_inner().exact).collect();
    let mut messages = if request.messages_as_text { exact.remove(0) } else { Value::Array(exact) };
    assert!(restore(&mut messages, request.messages_key, &request.stripped), "what was stripped finds its place");
    given.insert(request.messages_key.to_owned(), messages);
    given.extend(request.system.map(|told| (system.to_owned(), told.into_inner())));
    given.extend(request.tools.map(|told| ("tools".to_owned(), told.into_inner())));
    assert_eq!(Value::Object(given), Value::Object(sent));
}

/// Any body as a request and as an answer of the Messages API.
pub fn anthropic_messages(body: &[u8]) {
    request_holds(body, anthropic_messages::read_request(body), "system");
    for answer in answers(body) {
        anthropic_messages::read_response(&answer);
    }
}

/// Any body as a request and as an answer of the Responses API.
pub fn openai_responses(body: &[u8]) {
    request_holds(body, openai_responses::read_request(body), "instructions");
    for answer in answers(body) {
        openai_responses::read_response(&answer);
    }
}

/// Any body as a request and as an answer of Chat Completions.
pub fn openai_chat(body: &[u8]) {
    request_holds(body, openai_chat::read_request(body), "system");
    for answer in answers(body) {
        openai_chat::read_response(&answer);
    }
}

/// Any body as a request and as an answer of Gemini.
pub fn gemini(body: &[u8]) {
    let (request, problems) = gemini::read_request(body);
    if let Some(request) = &request {
        assert!(request.messages.iter().all(|message| !message.canonical.is_empty()));
    }
    assert!(request.is_some() || !problems.is_empty(), "a request that is not read says why");
    for answer in answers(body) {
        gemini::read_response(&answer);
    }
}

/// Any bytes as server-sent events: another line end changes nothing, and a cut leaves the events before it as they were.
/// The first byte says where the cut is.
pub fn sse(input: &[u8]) {
    let Some((cut, body)) = input.split_first() else { return };
    let read = |body: &[u8]| -> Vec<(String, String, bool)> {
        Events::new(body).map(|event| (event.name.into_owned(), event.data.into_owned(), event.closed)).collect()
    };
    let whole = read(body);
    assert!(whole.iter().rev().skip(1).all(|event| event.2), "only the last can be open");
    if !body.contains(&b'\r') {
        let text: Vec<u8> = body
            .iter()
            .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
            .copied()
            .collect();
        assert_eq!(read(&text), whole);
    }
    let mut before = read(&body[..usize::from(*cut).min(body.len())]);
    if before.last().is_some_and(|event| !event.2) {
        before.pop();
    }
    assert!(whole.starts_with(&before));
}

/// CRC-32 (IEEE), a bit at a time: enough for a few bytes.
fn crc32(bytes: &[u8]) -> [u8; 4] {
    let step = |sum: u32, _: u32| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step));
    (!sum).to_be_bytes()
}

/// Any bytes as headers and payload of frames whose lengths and checksums are right, and where each frame ends.
fn event_frames(mut input: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut body, mut ends) = (Vec::new(), Vec::new());
    while let [headers, payload, rest @ ..] = input {
        let headers = usize::from(*headers).min(rest.len());
        let length = headers + usize::from(*payload).min(rest.len() - headers);
        let number = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
        let mut frame = [number(length + 16), number(headers)].concat();
        frame.extend(crc32(&frame));
        frame.extend_from_slice(&rest[..length]);
        frame.extend(crc32(&frame));
        body.extend(frame);
        ends.push(body.len());
        input = &rest[length..];
    }
    (body, ends)
}

/// Bytes 0 and 1: where a body of frames is cut and where a bit of it flips. The rest: what the frames hold. Of a cut or
/// damaged body the events before are kept as they were, and what is wrong is said; each frame gives one event at most.
pub fn event_stream(input: &[u8]) {
    event_stream::to_events(input);
    let [cut, flipped, rest @ ..] = input else { return };
    let (body, ends) = event_frames(rest);
    let (whole, problem) = event_stream::to_events(&body);
    let events: Vec<_> = Events::new(&whole).collect();
    assert!(events.len() <= ends.len() && events.iter().all(|event| event.closed));
    let cut = usize::from(*cut).min(body.len());
    let (before, cut_problem) = event_stream::to_events(&body[..cut]);
    assert!(whole.starts_with(&before));
    assert!(cut_problem.is_some() || cut == 0 || ends.contains(&cut));
    assert!(problem.is_none() || cut < body.len() || cut_problem == problem);
    let mut damaged = body;
    if let Some(byte) = damaged.get_mut(usize::from(*flipped)) {
        *byte ^= 1 << (flipped % 8);
        let (before, problem) = event_stream::to_events(&damaged);
        assert!(whole.starts_with(&before) && problem.is_some());
    }
}

fn frames(side: Side, agreed: Option<Compression>, pieces: &[&[u8]]) -> (Vec<Message>, Option<Damage>) {
    let mut decoder = Decoder::new(side, agreed);
    let mut messages = Vec::new();
    for piece in pieces {
        if let Err(damage) = decoder.push(piece, &mut messages) {
            return (messages, Some(damage));
        }
    }
    if let Some(snapshot) = decoder.snapshot() {
        let mut resumed = Decoder::resume(side, agreed, &snapshot).expect("a snapshot reads on");
        let _ = resumed.push(pieces[0], &mut Vec::new());
    }
    (messages, None)
}

/// Any bytes as either direction of a WebSocket, in one piece and in two, compressed or not: the same messages. The first
/// byte says where the cut is, the second what was agreed on.
pub fn websocket(input: &[u8]) {
    let [cut, terms, bytes @ ..] = input else { return };
    let no_takeover = terms & 1 != 0;
    let agreed = (terms & 2 != 0).then(|| Compression {
        client_no_context_takeover: no_takeover,
        server_no_context_takeover: no_takeover,
        ..Compression::default()
    });
    let side = if terms & 4 != 0 { Side::Client } else { Side::Server };
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let whole = frames(side, agreed, &[bytes]);
    assert_eq!(whole, frames(side, agreed, &[first, second]));
    let mut calls = Calls::default();
    for message in whole.0 {
        if let Message::Text(message) | Message::Binary(message) = message {
            calls.asked(message.clone(), Timestamp::default());
            calls.answered(&message, Timestamp::default());
        }
    }
    calls.unanswered();
}

/// Any text as the terms of compression.
pub fn websocket_terms(input: &[u8]) {
    if let Some(agreed) = negotiated(&String::from_utf8_lossy(input)) {
        let bits = [agreed.client_window_bits, agreed.server_window_bits];
        assert!(bits.into_iter().flatten().all(|bits| (8..=15).contains(&bits)));
    }
}

/// Any messages on a connection of the Responses API, one a line, the server's behind a `<`: what is held stays bounded,
/// and what is given out can be read.
pub fn responses_socket(input: &[u8]) {
    let mut calls = Calls::default();
    let (mut begun, mut given) = (0_u64, Vec::new());
    for (at, line) in input.split(|byte| *byte == b'\n').enumerate() {
        let at = Timestamp::from_micros(at as i64);
        if let Some(message) = line.strip_prefix(b"<") {
            given.extend(calls.answered(message, at));
        } else {
            match calls.asked(line.to_vec(), at) {
                Asked::Call => begun += 1,
                Asked::CallTooMany(call) => {
                    begun += 1;
                    given.push(*call);
                }
                Asked::Other | Asked::Unreadable => {}
            }
        }
        assert_eq!(calls.begun(), begun);
        assert!(calls.waiting().count() <= CALLS_WAITING_LIMIT);
        assert!(calls.waiting().all(|call| call.answer.len() <= ANSWER_BYTES_LIMIT));
    }
    given.extend(calls.unanswered());
    assert_eq!(given.len() as u64, begun, "every call is given out once");
    for call in given {
        openai_responses::read_request(&call.request);
        let (status, content_type) = (call.status, Some(call.content_type));
        openai_responses::read_response(&Answer { status, content_type, body: &call.answer, whole: call.ended });
    }
}

/// Any bytes under any content encoding (the first line): never more than the limits allow.
pub fn decode_body(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let limits = DecodeLimits { output_bytes: 1 << 20, ratio: 100, ratio_free_bytes: 1 << 16 };
    let decoded = decode(&String::from_utf8_lossy(&input[..end]), &input[end + 1..], limits);
    assert!(decoded.bytes.len() <= limits.output_bytes || decoded.problem.is_none());
}

/// Any method (the first line) and path: a route is found or not, and only for `POST`.
pub fn route(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some((method, path)) = text.split_once('\n') else { return };
    for protocol in Protocol::ALL {
        let route = Route::find(protocol, method, path);
        assert!(route.is_none() || method == "POST");
        assert_eq!(Protocol::from_name(protocol.as_str()), Some(protocol));
    }
}

/// Any exchange: a path, header lines, an empty line, a body. Whoever it is taken for, all of it is read.
pub fn identify(input: &[u8]) {
    let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") else { return };
    let (head, body) = (String::from_utf8_lossy(&input[..end]), &input[end + 2..]);
    let mut lines = head.lines();
    let path = lines.next().unwrap_or_default();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    for protocol in Protocol::ALL {
        let head = CaptureHead {
            version: 1,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Loopback,
            upstream: "test".to_owned(),
            protocol: protocol.as_str().to_owned(),
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: headers.clone(),
            reported_user: None,
            reported_device: None,
            bodies_kept: true,
            upgrade: false,
            credentials: Vec::new(),
        };
        let route = Route::find(protocol, "POST", path);
        let mut request = route.and_then(|route| wire::read_request(route, path, body).0);
        let identity = agents::identify(&head, request.as_ref());
        if let Some(request) = &mut request {
            agents::refine_request(request, &identity);
        }
        if let Some(route) = route {
            let told = ResponseHead { status: 200, headers: headers.clone() };
            agents::refine_response(&mut wire::read_response(route, &told, body, true), &identity);
        }
        agents::title_of(&identity, &String::from_utf8_lossy(body));
    }
}

/// Any text of a user's message: the pieces join to it again, whoever sent it.
pub fn message_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    agents::is_denied(&text);
    for agent in agents::AGENTS.iter().copied().map(Some).chain([None]) {
        let joined: String = agents::split(&text, agent).into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(joined, text);
    }
}

/// Any tool name (the first line) and command: words are found or not.
pub fn command_line(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some((name, command)) = text.split_once('\n') else { return };
    let words: Vec<&str> = command.split(' ').collect();
    for arguments in [serde_json::json!({ "command": command }), serde_json::json!({ "command": words })] {
        tools::command_line(name, &arguments);
        tools::command_line("powershell", &arguments);
        if let Some(line) = tools::command_line("bash", &arguments) {
            assert!(line.argv.iter().all(|word| word.len() <= command.len()), "no word grows");
        }
        tools::tool(name, name, &arguments);
    }
}

/// Any bytes as what a hook was told: no agent's reading fails, what is not read says so, and texts and names that come
/// out are those that went in.
pub fn hooks(input: &[u8]) {
    let body = String::from_utf8_lossy(input);
    let meta = EnvelopeMeta::default();
    for agent in hooks::HOOK_AGENTS {
        let reading = hooks::read(agent.slug, Some("PreToolUse"), &body, &meta);
        let Some(known) = reading.agent else {
            panic!("a known source gives an agent");
        };
        if !matches!(serde_json::from_str::<Value>(&body), Ok(Value::Object(_))) {
            assert!(reading.facts.is_empty() && !reading.problems.is_empty(), "what is no object says so");
        }
        for fact in &reading.facts {
            if let hooks::Told::Call(call) = &fact.told {
                let arguments = call.arguments.clone().unwrap_or_default();
                let action = hooks::action(known, &call.told_name, &arguments);
                assert_eq!(action, hooks::action(known, &call.told_name, &arguments));
                hooks::codex::literals(&arguments.to_string());
            }
        }
    }
}
