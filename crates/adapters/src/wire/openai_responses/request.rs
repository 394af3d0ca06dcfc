//! The body of `POST …/responses`.

use serde_json::{Map, Value};
use ursa_model::message::{Message, ModelRequest, Origin, Part, Problem, Role};

use super::{canonical, items};
use crate::wire::json;
use crate::wire::problems::Problems;

const INPUT: &str = "input";

/// Reads a request. `None` when the body is not a JSON object.
pub fn read_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    let mut problems = Problems::default();
    let request = json::object(body, &mut problems).map(|body| request(body, &mut problems));
    (request, problems.finish())
}

fn request(mut body: Map<String, Value>, problems: &mut Problems) -> ModelRequest {
    let mut messages_as_text = false;
    let messages = match body.shift_remove(INPUT) {
        Some(Value::Array(input)) => input.into_iter().map(|item| read_item(item, problems)).collect(),
        Some(Value::String(text)) => {
            messages_as_text = true;
            vec![as_text(text)]
        }
        Some(other) => {
            problems.note("unparsed_request", "input is neither text nor a list");
            body.insert(INPUT.to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    ModelRequest {
        model: body.get("model").and_then(Value::as_str).map(str::to_owned),
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
        system: body.shift_remove("instructions"),
        tools: body.shift_remove("tools"),
        messages,
        messages_as_text,
        messages_key: INPUT,
        stripped: Vec::new(),
        previous_response_id: body.get("previous_response_id").and_then(Value::as_str).map(str::to_owned),
        params: body,
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
