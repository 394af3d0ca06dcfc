//! The body of `POST …/chat/completions`.

use serde_json::{Map, Value};
use ursa_model::message::{Message, ModelRequest, Origin, Part, Problem, Role, Stripped};
use ursa_model::shared::Shared;

use super::{canonical, content};
use crate::wire::calls::CallNames;
use crate::wire::problems::Problems;
use crate::wire::{cache_control, json};

const MESSAGES: &str = "messages";

/// Reads a request. `None` when the body is not a JSON object.
pub fn read_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    let mut problems = Problems::default();
    let request = json::object(body, &mut problems).map(|body| request(body, &mut problems));
    (request, problems.finish())
}

fn request(mut body: Map<String, Value>, problems: &mut Problems) -> ModelRequest {
    let mut reader = Reader { names: CallNames::default(), answering: false, stripped: Vec::new() };
    let messages = match body.shift_remove(MESSAGES) {
        Some(Value::Array(messages)) => messages
            .into_iter()
            .enumerate()
            .map(|(index, message)| reader.message(message, index, problems).into())
            .collect(),
        Some(other) => {
            problems.note("unparsed_request", "messages is not a list");
            body.insert(MESSAGES.to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    ModelRequest {
        model: body.get("model").and_then(Value::as_str).map(str::to_owned),
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
        // System messages stand among the others.
        system: None,
        tools: body.shift_remove("tools").map(Shared::from),
        messages,
        messages_as_text: false,
        messages_key: MESSAGES,
        stripped: reader.stripped,
        params: body,
        previous_response_id: None,
    }
}

struct Reader {
    names: CallNames,
    /// True within a run of messages from the model, which is one answer.
    answering: bool,
    stripped: Vec<Stripped>,
}

impl Reader {
    fn message(&mut self, mut exact: Value, index: usize, problems: &mut Problems) -> Message {
        let name = json::text(&exact, "role").to_owned();
        let role = match name.as_str() {
            "user" | "tool" | "function" => Role::User,
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            other => {
                problems.count("unknown_role", other);
                Role::User
            }
        };
        if role == Role::Assistant && !self.answering {
            self.names.answer();
        }
        self.answering = role == Role::Assistant;
        let parts = match name.as_str() {
            "assistant" => content::answer(&exact, &mut self.names, problems),
            "tool" | "function" => vec![content::result(&exact, &mut self.names)],
            _ => said(&exact, role, problems),
        };
        let canonical = canonical::message(role, &exact, &parts);
        cache_control::strip(&mut exact, &format!("/{MESSAGES}/{index}"), &mut self.stripped);
        Message { role, parts, exact, canonical }
    }
}

fn said(message: &Value, role: Role, problems: &mut Problems) -> Vec<Part> {
    let origin = if role == Role::System { Origin::Injected } else { Origin::Author };
    if message.get("content").is_none() {
        problems.count("unknown_block", "content");
    }
    content::content(message, origin, problems)
}
