//! The seeds of the fuzz targets, with what the targets check.

#[allow(unreachable_pub)]
#[path = "../../../../fuzz/src/adapters.rs"]
mod checks;

use std::path::Path;

/// Runs a check on each seed of a target.
fn replay<T>(target: &str, check: impl Fn(&[u8]) -> T) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{target} has no seeds");
    for file in files {
        check(&std::fs::read(file).unwrap());
    }
}

#[test]
fn anthropic_messages() {
    replay("anthropic_messages", checks::anthropic_messages);
}

#[test]
fn openai_responses() {
    replay("openai_responses", checks::openai_responses);
}

#[test]
fn openai_chat() {
    replay("openai_chat", checks::openai_chat);
}

#[test]
fn gemini() {
    replay("gemini", checks::gemini);
}

#[test]
fn sse() {
    replay("sse", checks::sse);
}

#[test]
fn event_stream() {
    replay("event_stream", checks::event_stream);
}

#[test]
fn websocket() {
    replay("websocket", checks::websocket);
}

#[test]
fn websocket_terms() {
    replay("websocket_terms", checks::websocket_terms);
}

#[test]
fn responses_socket() {
    replay("responses_socket", checks::responses_socket);
}

#[test]
fn decode_body() {
    replay("decode_body", checks::decode_body);
}

#[test]
fn route() {
    replay("route", checks::route);
}

#[test]
fn hooks() {
    replay("hooks", checks::hooks);
}

#[test]
fn identify() {
    replay("identify", checks::identify);
}

#[test]
fn message_text() {
    replay("message_text", checks::message_text);
}

#[test]
fn command_line() {
    replay("command_line", checks::command_line);
}
