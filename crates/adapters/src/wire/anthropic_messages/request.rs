//! The body of `POST …/messages` and `…/messages/count_tokens`.

use serde_json::{Map, Value};
use ursa_model::message::{Message, ModelRequest, Origin, Part, Problem, Role, Stripped};
use ursa_model::shared::Shared;

use super::{blocks, canonical};
use crate::wire::problems::Problems;
use crate::wire::recall::{self, Body, Recall};
use crate::wire::{cache_control, json};

const MESSAGES: &str = "messages";
const SYSTEM: &str = "system";

const LAYOUT: recall::Layout = recall::Layout { messages: MESSAGES, system: SYSTEM, read: read_message };

/// Reads a request. `None` when the body is not a JSON object.
pub fn read_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    read_next_request(body, &Recall::default())
}

/// As [`read_request`], with what was read of those before it.
pub(in crate::wire) fn read_next_request(body: &[u8], recall: &Recall) -> (Option<ModelRequest>, Vec<Problem>) {
    match recall::read(body, &LAYOUT, recall) {
        Some((read, problems)) => (Some(request(read)), problems.finish()),
        None => read_whole_request(body),
    }
}

pub(in crate::wire) fn read_whole_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    let mut problems = Problems::default();
    let read = json::object(body, &mut problems).map(|body| whole(body, &mut problems));
    (read.map(request), problems.finish())
}

fn whole(mut body: Map<String, Value>, problems: &mut Problems) -> Body {
    let mut stripped = Vec::new();
    let messages = match body.shift_remove(MESSAGES) {
        Some(Value::Array(messages)) => messages
            .into_iter()
            .enumerate()
            .map(|(index, message)| read_message(message, index, &mut stripped, problems).into())
            .collect(),
        Some(other) => {
            problems.note("unparsed_request", "messages is not a list");
            body.insert(MESSAGES.to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    let system = body.shift_remove(SYSTEM).map(Shared::from);
    let tools = body.shift_remove("tools").map(Shared::from);
    Body { messages, stripped, system, tools, params: body }
}

fn request(Body { messages, stripped, system, tools, params }: Body) -> ModelRequest {
    ModelRequest {
        model: params.get("model").and_then(Value::as_str).map(str::to_owned),
        stream: params.get("stream").and_then(Value::as_bool).unwrap_or(false),
        system,
        tools,
        messages,
        messages_as_text: false,
        messages_key: MESSAGES,
        stripped,
        params,
        previous_response_id: None,
    }
}

fn read_message(mut exact: Value, index: usize, stripped: &mut Vec<Stripped>, problems: &mut Problems) -> Message {
    let name = json::text(&exact, "role").to_owned();
    let role = match name.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // `system` may stand in mid-conversation.
        "system" | "developer" => Role::System,
        other => {
            problems.count("unknown_role", other);
            Role::User
        }
    };
    let origin = if role == Role::System { Origin::Injected } else { Origin::Author };
    let parts = match exact.get("content") {
        Some(Value::String(text)) => vec![Part::Text { text: text.clone(), origin }],
        Some(Value::Array(content)) => content.iter().map(|block| blocks::part(block, origin, problems)).collect(),
        _ => {
            problems.count("unknown_block", "content");
            vec![Part::Unknown { block_type: "content".to_owned() }]
        }
    };
    let canonical = canonical::message(&name, exact.get("content").unwrap_or(&exact));
    cache_control::strip(&mut exact, &format!("/{MESSAGES}/{index}"), stripped);
    Message { role, parts, exact, canonical }
}
