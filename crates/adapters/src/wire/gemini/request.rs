//! The body of `POST …:generateContent`, `…:streamGenerateContent` and `…:countTokens`.

use serde_json::{Map, Value};
use ursa_model::message::{Message, ModelRequest, Origin, Part, Problem, Role};
use ursa_model::shared::Shared;

use super::{canonical, parts};
use crate::wire::calls::CallNames;
use crate::wire::json;
use crate::wire::problems::Problems;

const CONTENTS: &str = "contents";

/// Keys under which the request proper stands: in the wrapper of Code Assist, and in that of `countTokens`.
const WRAPPERS: [&str; 2] = ["request", "generateContentRequest"];

/// Reads a request. `None` when the body is not a JSON object.
pub fn read_request(body: &[u8]) -> (Option<ModelRequest>, Vec<Problem>) {
    let mut problems = Problems::default();
    let request = json::object(body, &mut problems).map(|body| request(body, &mut problems));
    (request, problems.finish())
}

fn request(mut body: Map<String, Value>, problems: &mut Problems) -> ModelRequest {
    let wrapper = WRAPPERS
        .into_iter()
        .find(|key| !body.contains_key(CONTENTS) && body.get(*key).is_some_and(|inner| inner.get(CONTENTS).is_some()));
    let mut inner = wrapper.and_then(|key| body.get_mut(key)?.as_object_mut().map(std::mem::take)).unwrap_or_default();
    let proper = if wrapper.is_some() { &mut inner } else { &mut body };
    let mut model = proper.get("model").and_then(Value::as_str).map(str::to_owned);
    let mut take = |names: [&str; 2]| names.into_iter().find_map(|name| proper.shift_remove(name));
    let system = take(["systemInstruction", "system_instruction"]);
    let tools = take(["tools", "tools"]);
    let messages = match proper.shift_remove(CONTENTS) {
        Some(Value::Array(contents)) => read_contents(contents, problems),
        Some(other) => {
            problems.note("unparsed_request", "contents is not a list");
            proper.insert(CONTENTS.to_owned(), other);
            Vec::new()
        }
        None => Vec::new(),
    };
    if let Some(key) = wrapper {
        model = model.or_else(|| body.get("model").and_then(Value::as_str).map(str::to_owned));
        // What is left of it stays where it was.
        body.insert(key.to_owned(), Value::Object(inner));
    }
    ModelRequest {
        model: model.map(|model| model.strip_prefix("models/").map(str::to_owned).unwrap_or(model)),
        // The path says so, not the body.
        stream: false,
        system: system.map(Shared::from),
        tools: tools.map(Shared::from),
        messages,
        messages_as_text: false,
        messages_key: CONTENTS,
        stripped: Vec::new(),
        params: body,
        previous_response_id: None,
    }
}

fn read_contents(contents: Vec<Value>, problems: &mut Problems) -> Vec<Shared<Message>> {
    let mut names = CallNames::default();
    // True within a run of messages from the model, which is one answer.
    let mut answering = false;
    let mut messages = Vec::with_capacity(contents.len());
    for exact in contents {
        let role = role(&exact, problems);
        if role == Role::Assistant && !answering {
            names.answer();
        }
        answering = role == Role::Assistant;
        messages.push(read_message(exact, role, &mut names, problems).into());
    }
    messages
}

fn role(message: &Value, problems: &mut Problems) -> Role {
    match json::text(message, "role") {
        // A single turn needs no role.
        "user" | "function" | "" => Role::User,
        "model" => Role::Assistant,
        "system" => Role::System,
        other => {
            problems.count("unknown_role", other);
            Role::User
        }
    }
}

fn read_message(exact: Value, role: Role, names: &mut CallNames, problems: &mut Problems) -> Message {
    let origin = if role == Role::System { Origin::Injected } else { Origin::Author };
    let told = match exact.get("parts") {
        Some(Value::Array(told)) => told.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => {
            problems.count("unknown_block", "content");
            &[]
        }
    };
    let read: Vec<(Value, Option<Part>)> =
        told.iter().map(|told| (told.clone(), parts::part(told, origin, names, problems))).collect();
    let canonical = canonical::message(role, &read);
    // What a tool shows beside its result is the tool's, not something that the author attached.
    let has_result = told.iter().any(parts::is_result);
    let parts = read
        .into_iter()
        .filter_map(|(_, part)| part)
        .filter(|part| !(has_result && matches!(part, Part::Attachment { .. })))
        .collect();
    Message { role, parts, exact, canonical }
}
