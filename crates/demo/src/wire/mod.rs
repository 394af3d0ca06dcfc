//! Answers of the model as the two wire protocols say them.

pub(crate) mod anthropic;
pub(crate) mod responses;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

/// Characters of a delta: what models stream at a time, roughly.
const DELTA_CHARS: usize = 24;

/// An event with its name, which is its `type`.
fn event(value: &Value) -> Bytes {
    let name = value["type"].as_str().unwrap_or("message");
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}

/// The deltas of a text; at least one.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    characters.chunks(DELTA_CHARS).map(|piece| piece.iter().collect()).collect()
}

/// An id that no other run has, so that a data folder can be used for a second demo.
pub(crate) fn fresh(prefix: &str) -> String {
    format!("{prefix}{}", &Uuid::new_v4().simple().to_string()[..24])
}

/// What a text weighs in tokens, roughly.
pub(crate) fn tokens(text: &str) -> u64 {
    text.len() as u64 / 4 + 1
}

/// What is told of a call's cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// The conversation up to here, with the system prompt.
    pub(crate) context: u64,
    /// How much of it an earlier call brought into the provider's cache.
    pub(crate) cached: u64,
    pub(crate) output: u64,
    /// Of the output, what was thought.
    pub(crate) reasoning: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::{call, text, think};

    fn events(events: &[Bytes]) -> Vec<Value> {
        let data = |event: &Bytes| {
            let text = String::from_utf8_lossy(event).into_owned();
            text.split_once("data: ").and_then(|(_, data)| serde_json::from_str(data.trim_end()).ok())
        };
        events.iter().filter_map(data).collect()
    }

    fn joined(events: &[Value], kind: &str, pointer: &str) -> String {
        let of_kind = events.iter().filter(|event| event["type"] == kind);
        of_kind.filter_map(|event| event.pointer(pointer)?.as_str()).collect()
    }

    #[test]
    fn the_deltas_of_a_stream_join_to_the_whole() {
        let words = "Naïve words, längér than one delta has room for.";
        let says = [think("First."), text(words), call("Bash", json!({"command": "ls -la /a/b/c"}), "x")];

        let answer = anthropic::Answer::new(&says, "m", 10, 4);
        let told = events(&answer.events());
        assert_eq!(joined(&told, "content_block_delta", "/delta/text"), words);
        assert_eq!(joined(&told, "content_block_delta", "/delta/partial_json"), answer.blocks[2]["input"].to_string());
        assert_eq!(told.iter().rev().nth(1).map(|event| &event["delta"]["stop_reason"]), Some(&json!("tool_use")));

        let answer = responses::Answer::new(&says, "m", 10, 4);
        let told = events(&answer.events());
        assert_eq!(joined(&told, "response.output_text.delta", "/delta"), words);
        assert_eq!(joined(&told, "response.function_call_arguments.delta", "/delta"), answer.items[2]["arguments"]);
        assert_eq!(told.last().map(|event| &event["response"]["output"]), Some(&json!(answer.items)));
    }
}
