//! The body of `POST …/responses`.

use serde_json::{Map, Value};
use ursa_model::message::{Message, ModelRequest, Origin, Part, Problem, Role};
use ursa_model::shared::Shared;

use super::{canonical, items};
use crate::wire::json;
use crate::wire::problems::Problems;
use crate::wire::recall::{self, Body, Recall};

const INPUT: &str = "input";
const INSTRUCTIONS: &str = "instructions";

const LAYOUT: recall::Layout =
    recall::Layout { messages: INPUT, system: INSTRUCTIONS, read: |item, _, _, problems| read_item(item, problems) };

/// Reads a request. `None` when the body is not a JSON object.
pub fn read_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    read_next_request(body, &Recall::default())
}

/// As [`read_request`], with what was read of those before it.
pub(in crate::wire) fn read_next_request(body: &[u8], recall: &Recall) -> (Option<ModelRequest>, Vec<Problem>) {
    match recall::read(body, &LAYOUT, recall) {
        Some((read, problems)) => (Some(request(read, false)), problems.finish()),
        None => read_whole_request(body),
    }
}

pub(in crate::wire) fn read_whole_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    let mut problems = Problems::default();
    let read = json::object(body, &mut problems).map(|body| whole(body, &mut problems));
    (read.map(|(read, messages_as_text)| request(read, messages_as_text)), problems.finish())
}

/// The body, and whether the conversation is one plain string.
fn whole(mut body: Map<String, Value>, problems: &mut Problems) -> (Body, bool) {
    let mut messages_as_text = false;
    let messages = match body.shift_remove(INPUT) {
        Some(Value::Array(input)) => input.into_iter().map(|item| read_item(item, problems).into()).collect(),
        Some(Value::String(text)) => {
            messages_as_text = true;
            vec![as_text(text).into()]
        }
        Some(other) => {
            problems.note("unparsed_request", "input is neither text nor a list");
            body.insert(INPUT.to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    let system = body.shift_remove(INSTRUCTIONS).map(Shared::from);
    let tools = body.shift_remove("tools").map(Shared::from);
    (Body { messages, stripped: Vec::new(), system, tools, params: body }, messages_as_text)
}

fn request(Body { messages, stripped, system, tools, params }: Body, messages_as_text: bool) -> ModelRequest {
    ModelRequest {
        model: params.get("model").and_then(Value::as_str).map(str::to_owned),
        stream: params.get("stream").and_then(Value::as_bool).unwrap_or(false),
        system,
        tools,
        messages,
        messages_as_text,
        messages_key: INPUT,
        stripped,
        previous_response_id: params.get("previous_response_id").and_then(Value::as_str).map(str::to_owned),
        params,
    }
}

fn as_text(text: String) -> Message {
    let exact = Value::String(text.clone());
    let canonical = canonical::item(&exact);
    Message { role: Role::User, parts: vec![Part::Text { text, origin: Origin::Author }], exact, canonical }
}

fn read_item(exact: Value, problems: &mut Problems) -> Message {
    let parts = items::parts(&exact, problems);
    Message { role: items::role(&exact), parts, canonical: canonical::item(&exact), exact }
}
