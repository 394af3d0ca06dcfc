//! The stream of an answer's chunks, as far as it came.
//!
//! Each chunk adds to one or more choices. What a choice is made of is told in the order in which it began.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ursa_model::message::{ModelResponse, Origin, Part};

use super::content::{self, REASONING};
use super::response::{self, CHOICES_LIMIT};
use crate::wire::calls::CallNames;
use crate::wire::json::{some_text, text};
use crate::wire::problems::Problems;
use crate::wire::{Answer, Choice, events};

/// Most blocks of one choice; more are counted and left out, as each delta looks for its call among them.
const BLOCKS_LIMIT: usize = 10_000;

/// HTTP status that an error in the stream stands for: it had begun with 200.
const STREAM_STATUS: u16 = 200;

/// Reads a stream.
pub(super) fn read(answer: &Answer<'_>, problems: &mut Problems) -> (ModelResponse, Vec<Choice>) {
    let mut response = ModelResponse::default();
    let mut choices: BTreeMap<u64, Building> = BTreeMap::new();
    events::each(answer.body, problems, |name, data, problems| match data {
        None => response.complete = true,
        Some(data) => take(name, &data, &mut response, &mut choices, problems),
    });
    // Not every server ends with `[DONE]`. One that went on to its end after every choice was finished is complete.
    let finished = !choices.is_empty() && choices.values().all(|choice| choice.finish_reason.is_some());
    response.complete |= answer.whole && finished;
    if !response.complete && response.error.is_none() {
        let bytes = answer.body.len();
        problems.note("truncated", format!("the stream ends before its last event, after {bytes} bytes"));
    }
    if response.error.is_some() {
        response.complete = false;
    }
    (response, choices.into_values().map(|choice| choice.finish(problems)).collect())
}

fn take(
    name: &str,
    data: &Value,
    response: &mut ModelResponse,
    choices: &mut BTreeMap<u64, Building>,
    problems: &mut Problems,
) {
    response::head(response, data);
    let told_error = data.get("error").is_some_and(|error| !error.is_null());
    if told_error || name == "error" {
        response.error = Some(response::error(data, STREAM_STATUS));
    }
    let Some(Value::Array(told)) = data.get("choices") else {
        if !told_error && name != "error" && data.get("usage").is_none() {
            problems.count("unknown_event", if name.is_empty() { "chunk" } else { name });
        }
        return;
    };
    for choice in told {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
        if choices.len() >= CHOICES_LIMIT && !choices.contains_key(&index) {
            problems.count("choice_limit", "choice");
            continue;
        }
        choices.entry(index).or_default().take(choice, problems);
    }
}

/// A choice that is being built.
#[derive(Default)]
struct Building {
    pieces: Vec<Piece>,
    /// Where the thought, the text and the sound are among the pieces: of each there is one.
    thought: Option<usize>,
    text: Option<usize>,
    sound: Option<usize>,
    finish_reason: Option<String>,
}

enum Piece {
    Reasoning(String),
    Text(String),
    Other(Part),
    Sound { id: String, transcript: String, data: String },
    Call(Call),
}

/// A call that is being built. The old kind of function has no index and no id.
#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    /// Arguments, or the free input of a custom tool.
    input: String,
    custom: bool,
}

impl Building {
    fn take(&mut self, choice: &Value, problems: &mut Problems) {
        // A server that streams may still send a whole message.
        let delta = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        if let Some(thought) = REASONING.iter().find_map(|key| some_text(delta, key)) {
            self.thought(&thought, problems);
        }
        match delta.get("content") {
            Some(Value::String(text)) => self.said(text, problems),
            Some(Value::Array(_)) => {
                for part in content::content(delta, Origin::Author, problems) {
                    match part {
                        Part::Text { text, .. } => self.said(&text, problems),
                        Part::Reasoning { text } => self.thought(&text, problems),
                        other => {
                            self.begin(Piece::Other(other), problems);
                        }
                    }
                }
            }
            _ => {}
        }
        self.said(text(delta, "refusal"), problems);
        if let Some(audio @ Value::Object(_)) = delta.get("audio") {
            self.heard(audio, problems);
        }
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.call(call, problems);
        }
        if let Some(call @ Value::Object(_)) = delta.get("function_call") {
            self.call(&json!({"index": 0, "function": call}), problems);
        }
        if let Some(reason) = some_text(choice, "finish_reason") {
            self.finish_reason = Some(reason);
        }
    }

    /// Adds a piece and tells where; `None` when there are too many.
    fn begin(&mut self, piece: Piece, problems: &mut Problems) -> Option<usize> {
        if self.pieces.len() >= BLOCKS_LIMIT {
            problems.count("block_limit", "block");
            return None;
        }
        self.pieces.push(piece);
        Some(self.pieces.len() - 1)
    }

    fn thought(&mut self, text: &str, problems: &mut Problems) {
        if text.is_empty() {
            return;
        }
        match self.thought.and_then(|at| self.pieces.get_mut(at)) {
            Some(Piece::Reasoning(known)) => known.push_str(text),
            _ => self.thought = self.begin(Piece::Reasoning(text.to_owned()), problems),
        }
    }

    fn said(&mut self, text: &str, problems: &mut Problems) {
        if text.is_empty() {
            return;
        }
        match self.text.and_then(|at| self.pieces.get_mut(at)) {
            Some(Piece::Text(known)) => known.push_str(text),
            _ => self.text = self.begin(Piece::Text(text.to_owned()), problems),
        }
    }

    fn heard(&mut self, audio: &Value, problems: &mut Problems) {
        if let Some(Piece::Sound { transcript, data, .. }) = self.sound.and_then(|at| self.pieces.get_mut(at)) {
            transcript.push_str(text(audio, "transcript"));
            data.push_str(text(audio, "data"));
            return;
        }
        let of = |key| text(audio, key).to_owned();
        let sound = Piece::Sound { id: of("id"), transcript: of("transcript"), data: of("data") };
        self.sound = self.begin(sound, problems);
    }

    fn call(&mut self, told: &Value, problems: &mut Problems) {
        let custom = told.get("custom").filter(|custom| custom.is_object());
        let held = custom.or_else(|| told.get("function")).unwrap_or(&Value::Null);
        let input = held.get(if custom.is_some() { "input" } else { "arguments" });
        // Some servers send arguments as JSON, whole.
        let input = match input {
            Some(Value::String(written)) => written.clone(),
            Some(whole @ Value::Object(_)) => whole.to_string(),
            _ => String::new(),
        };
        let (index, id, name) = (told.get("index").and_then(Value::as_u64), text(told, "id"), text(held, "name"));
        let known = self.pieces.iter_mut().rev().find_map(|piece| match piece {
            Piece::Call(call) if index.is_none() || call.index == index => Some(call),
            _ => None,
        });
        if let Some(call) = known.filter(|call| call.goes_on(id, name, &input)) {
            call.add(id, name, &input);
            return;
        }
        let mut call = Call { index, custom: custom.is_some(), ..Call::default() };
        call.add(id, name, &input);
        self.begin(Piece::Call(call), problems);
    }

    fn finish(self, problems: &mut Problems) -> Choice {
        let whole = self.finish_reason.is_some();
        let mut names = CallNames::default();
        let mut parts = Vec::new();
        for piece in self.pieces {
            match piece {
                Piece::Reasoning(text) => parts.push(Part::Reasoning { text }),
                Piece::Text(text) => {
                    let told = content::split_thought(Part::Text { text, origin: Origin::Author });
                    parts.extend(told.into_iter().filter(|part| !content::is_empty_text(part)));
                }
                Piece::Other(part) => parts.push(part),
                Piece::Sound { id, transcript, data } => {
                    parts.extend(content::spoken(&json!({"id": id, "transcript": transcript, "data": data})));
                }
                Piece::Call(call) => parts.push(call.finish(whole, &mut names, problems)),
            }
        }
        Choice { parts, finish_reason: self.finish_reason }
    }
}

impl Call {
    /// Whether a delta of this call's index is more of it. Some servers give every call the index 0, and some no id:
    /// another id is another call, and so is a name with whole arguments after a call that has whole ones.
    fn goes_on(&self, id: &str, name: &str, input: &str) -> bool {
        if !id.is_empty() && !self.id.is_empty() && id != self.id {
            return false;
        }
        let is_whole = |text: &str| text.starts_with('{') && serde_json::from_str::<Value>(text).is_ok();
        name.is_empty() || self.name.is_empty() || !is_whole(input) || !is_whole(&self.input)
    }

    fn add(&mut self, id: &str, name: &str, input: &str) {
        // Each comes once, whole; some servers repeat them in every delta.
        if self.id.is_empty() {
            id.clone_into(&mut self.id);
        }
        if self.name.is_empty() {
            name.clone_into(&mut self.name);
        }
        self.input.push_str(input);
    }

    /// The call as the answer in one piece would hold it.
    fn finish(self, whole: bool, names: &mut CallNames, problems: &mut Problems) -> Part {
        let told = if self.custom {
            json!({"id": self.id, "custom": {"name": self.name, "input": self.input}})
        } else {
            json!({"id": self.id, "function": {"name": self.name, "arguments": self.input}})
        };
        content::tool_call(&told, whole, names, problems)
    }
}
