//! Answers: an object, a stream of them, a list of them that comes in pieces, a token count or an error.

use std::collections::BTreeMap;

use serde_json::Value;
use ursa_model::message::{CallError, ModelResponse, Origin, Part, Usage};

use super::list::Elements;
use super::{field, partial, parts};
use crate::wire::calls::CallNames;
use crate::wire::json::{self, some_text, text};
use crate::wire::problems::Problems;
use crate::wire::{Answer, Choice, Form, Reading, events};

/// Most candidates of one answer that are kept. Gemini allows `candidateCount` up to 8.
const CANDIDATES_LIMIT: usize = 128;

/// Reads an answer.
pub fn read_response(answer: &Answer<'_>) -> Reading {
    let mut problems = Problems::default();
    let mut told = Told { status: answer.status, ..Told::default() };
    match answer.form() {
        Form::Events => {
            events::each(answer.body, &mut problems, |_, data, problems| {
                if let Some(data) = data {
                    told.take(&data, problems);
                }
            });
            told.response.complete = told.is_finished();
        }
        Form::Json => match Elements::of(answer.body) {
            Some(elements) => list(elements, &mut told, &mut problems),
            None => match json::parse(answer.body, &mut problems) {
                Ok(body) => {
                    told.take(&body, &mut problems);
                    told.response.complete = true;
                }
                Err(error) => return Reading::new(answer.garbled(&error, &mut problems), Vec::new(), problems),
            },
        },
        Form::Other => return Reading::new(answer.unreadable(&mut problems), Vec::new(), problems),
    }
    told.finish(answer, problems)
}

fn list(mut elements: Elements<'_>, told: &mut Told, problems: &mut Problems) {
    for element in elements.by_ref() {
        match json::parse(element, problems) {
            Ok(element) => told.take(&element, problems),
            Err(_) => problems.count("parse_failed", "element"),
        }
    }
    if elements.over_limit {
        problems.note("event_limit", "a limit on elements stopped the reading");
    }
    told.response.complete = elements.closed;
}

/// What was told so far.
#[derive(Default)]
struct Told {
    status: u16,
    response: ModelResponse,
    candidates: BTreeMap<u64, Candidate>,
    counts: Counts,
    /// True when the prompt itself was refused.
    blocked: bool,
}

impl Told {
    /// Takes an object of the answer; each adds to what those before it said.
    fn take(&mut self, object: &Value, problems: &mut Problems) {
        // Code Assist wraps each.
        let object = object.get("response").filter(|inner| inner.is_object()).unwrap_or(object);
        let error = object.get("error").filter(|error| !error.is_null());
        let feedback = field(object, "promptFeedback", "prompt_feedback");
        let usage = field(object, "usageMetadata", "usage_metadata");
        let total = object.get("totalTokens").and_then(Value::as_u64);
        if let Some(error) = error {
            self.response.error = Some(call_error(error, self.status));
        }
        self.response.response_id = self.response.response_id.take().or_else(|| some_text(object, "responseId"));
        self.response.model = self.response.model.take().or_else(|| some_text(object, "modelVersion"));
        if let Some(feedback) = feedback {
            self.feedback(feedback);
        }
        if let Some(usage) = usage {
            self.counts.take(usage);
        }
        if total.is_some() {
            // `countTokens` answers with nothing else.
            self.counts.prompt = total;
            self.counts.cached = object.get("cachedContentTokenCount").and_then(Value::as_u64);
        }
        let candidates = object.get("candidates").and_then(Value::as_array);
        for candidate in candidates.into_iter().flatten() {
            self.candidate(candidate, problems);
        }
        let nothing = candidates.is_none() && error.is_none() && feedback.is_none() && usage.is_none();
        if nothing && total.is_none() && self.status < 400 {
            problems.note("unparsed_response", "an object that is no answer, count or error");
        }
    }

    fn feedback(&mut self, feedback: &Value) {
        let Some(reason) = field(feedback, "blockReason", "block_reason").and_then(Value::as_str) else { return };
        self.blocked = true;
        self.response.finish_reason = Some(reason.to_owned());
        let message = some_text(feedback, "blockReasonMessage").unwrap_or_default();
        self.response.error = Some(CallError { kind: reason.to_owned(), message });
    }

    fn candidate(&mut self, told: &Value, problems: &mut Problems) {
        let index = told.get("index").and_then(Value::as_u64).unwrap_or_default();
        if self.candidates.len() >= CANDIDATES_LIMIT && !self.candidates.contains_key(&index) {
            problems.count("choice_limit", "candidate");
            return;
        }
        let candidate = self.candidates.entry(index).or_default();
        let content = told.get("content").unwrap_or(&Value::Null);
        for part in content.get("parts").and_then(Value::as_array).into_iter().flatten() {
            candidate.take(part, problems);
        }
        if let Some(reason) = field(told, "finishReason", "finish_reason").and_then(Value::as_str) {
            candidate.finish_reason = Some(reason.to_owned());
        }
    }

    /// A stream has no event that ends it: it ends with its candidates.
    fn is_finished(&self) -> bool {
        let all = self.candidates.values().all(|candidate| candidate.finish_reason.is_some());
        self.blocked || !self.candidates.is_empty() && all
    }

    fn finish(mut self, answer: &Answer<'_>, mut problems: Problems) -> Reading {
        if self.response.error.is_none() && self.status >= 400 {
            self.response.error = Some(CallError { kind: format!("http_{}", self.status), message: String::new() });
        }
        if !self.response.complete && self.response.error.is_none() {
            let bytes = answer.body.len();
            problems.note("truncated", format!("the answer ends before its last piece, after {bytes} bytes"));
        }
        self.response.usage = self.counts.usage();
        self.candidates.values_mut().for_each(|candidate| candidate.close(&mut problems));
        let candidates = self.candidates.into_values();
        let choices = candidates.map(|told| Choice { parts: told.parts, finish_reason: told.finish_reason }).collect();
        Reading::new(self.response, choices, problems)
    }
}

/// A candidate that is being built.
#[derive(Default)]
struct Candidate {
    parts: Vec<Part>,
    names: CallNames,
    /// A call whose arguments still come.
    open: Option<partial::Open>,
    finish_reason: Option<String>,
}

impl Candidate {
    /// Adds a part. Texts come in pieces, one after the other.
    fn take(&mut self, told: &Value, problems: &mut Problems) {
        if let Some(call) = field(told, "functionCall", "function_call")
            && let Some(step) = partial::step(self.open.take(), call)
        {
            match step {
                partial::Step::Continues(open) => self.open = Some(open),
                partial::Step::Whole(call, damaged) => self.called(&call, damaged, problems),
            }
            return;
        }
        let Some(part) = parts::part(told, Origin::Author, &mut self.names, problems) else { return };
        match (self.parts.last_mut(), part) {
            (Some(Part::Text { text, .. }), Part::Text { text: piece, .. })
            | (Some(Part::Reasoning { text }), Part::Reasoning { text: piece }) => text.push_str(&piece),
            (_, part) => self.parts.push(part),
        }
    }

    /// Adds a call that came piece by piece.
    fn called(&mut self, call: &Value, damaged: bool, problems: &mut Problems) {
        if damaged {
            problems.note("arguments_not_json", "a piece of a call's arguments has no place that is known");
        }
        self.parts.push(parts::call_part(call, &mut self.names));
    }

    /// At the end of the answer: a call that never came to its end is told as far as it came.
    fn close(&mut self, problems: &mut Problems) {
        if let Some(open) = self.open.take() {
            problems.note("arguments_not_json", "the arguments of a function call are cut short");
            self.called(&open.cut(), false, problems);
        }
    }
}

/// Tokens as told last. Gemini counts thoughts beside the answer, and what tools put in beside the prompt.
#[derive(Default)]
struct Counts {
    prompt: Option<u64>,
    tools: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    cached: Option<u64>,
}

impl Counts {
    fn take(&mut self, told: &Value) {
        for (count, key) in [
            (&mut self.prompt, "promptTokenCount"),
            (&mut self.tools, "toolUsePromptTokenCount"),
            (&mut self.candidates, "candidatesTokenCount"),
            (&mut self.thoughts, "thoughtsTokenCount"),
            (&mut self.cached, "cachedContentTokenCount"),
        ] {
            if let Some(told) = told.get(key).and_then(Value::as_u64) {
                *count = Some(told);
            }
        }
    }

    fn usage(&self) -> Option<Usage> {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default())),
        };
        let usage = Usage {
            input_tokens: sum(self.prompt, self.tools),
            output_tokens: sum(self.candidates, self.thoughts),
            cache_read_input_tokens: self.cached,
            cache_creation_input_tokens: None,
            reasoning_output_tokens: self.thoughts,
        };
        (usage != Usage::default()).then_some(usage)
    }
}

/// `{"code": 429, "message": …, "status": "RESOURCE_EXHAUSTED"}`, or a text.
fn call_error(error: &Value, status: u16) -> CallError {
    let number = error.get("code").and_then(Value::as_u64).unwrap_or_else(|| u64::from(status));
    CallError {
        kind: some_text(error, "status").unwrap_or_else(|| format!("http_{number}")),
        message: error.as_str().unwrap_or_else(|| text(error, "message")).to_owned(),
    }
}
