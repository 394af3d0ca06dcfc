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
