//! Answers: a completion or an error, as JSON or as a stream.

use serde_json::Value;
use ursa_model::message::{CallError, ModelResponse, Usage};

use super::{content, stream};
use crate::wire::calls::CallNames;
use crate::wire::json::{self, some_text};
use crate::wire::problems::Problems;
use crate::wire::{Answer, Choice, Form, Reading};

/// Most choices of one answer that are kept. OpenAI allows `n` up to 128.
pub(super) const CHOICES_LIMIT: usize = 128;

/// Reads an answer.
pub fn read_response(answer: &Answer<'_>) -> Reading {
    let mut problems = Problems::default();
    let (response, choices) = match answer.form() {
        Form::Events => stream::read(answer, &mut problems),
        Form::Json => match json::parse(answer.body, &mut problems) {
            Ok(body) => document(&body, answer, &mut problems),
            Err(error) => (answer.garbled(&error, &mut problems), Vec::new()),
        },
        Form::Other => (answer.unreadable(&mut problems), Vec::new()),
    };
    Reading::new(response, choices, problems)
}

fn document(body: &Value, answer: &Answer<'_>, problems: &mut Problems) -> (ModelResponse, Vec<Choice>) {
    // Gemini's own server of this protocol puts an error into a list.
    let body = body.get(0).unwrap_or(body);
    let mut response = ModelResponse { complete: true, ..ModelResponse::default() };
    let told_error = body.get("error").is_some_and(|error| !error.is_null());
    if answer.status >= 400 || told_error && body.get("choices").is_none() {
        response.error = Some(error(body, answer.status));
        return (response, Vec::new());
    }
    head(&mut response, body);
    if told_error {
        response.error = Some(error(body, answer.status));
    }
    let Some(Value::Array(told)) = body.get("choices") else {
        problems.note("unparsed_response", "a JSON answer that is no completion and no error");
        return (response, Vec::new());
    };
    if told.len() > CHOICES_LIMIT {
        problems.count("choice_limit", "choice");
    }
    let mut told: Vec<&Value> = told.iter().take(CHOICES_LIMIT).collect();
    told.sort_by_key(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or_default());
    let choices = told.into_iter().map(|choice| {
        let message = choice.get("message").unwrap_or(&Value::Null);
        let parts = content::answer(message, &mut CallNames::default(), problems);
        Choice { parts, finish_reason: some_text(choice, "finish_reason") }
    });
    (response, choices.collect())
}

/// What a completion or a chunk of one says beside its choices.
pub(super) fn head(response: &mut ModelResponse, body: &Value) {
    // Azure's first chunk has an empty id and model.
    response.response_id = response.response_id.take().or_else(|| some_text(body, "id"));
    response.model = response.model.take().or_else(|| some_text(body, "model"));
    let told = body.get("usage").or_else(|| body.get("x_groq")?.get("usage"));
    if let Some(told @ Value::Object(_)) = told {
        response.usage = Some(usage(told));
    }
}

fn usage(told: &Value) -> Usage {
    let number = |key: &str| told.get(key).and_then(Value::as_u64);
    let detail = |group: &str, key: &str| told.get(group)?.get(key)?.as_u64();
    Usage {
        input_tokens: number("prompt_tokens"),
        output_tokens: number("completion_tokens"),
        // DeepSeek tells it beside the others.
        cache_read_input_tokens: detail("prompt_tokens_details", "cached_tokens")
            .or_else(|| number("prompt_cache_hit_tokens")),
        cache_creation_input_tokens: detail("prompt_tokens_details", "cache_write_tokens"),
        reasoning_output_tokens: detail("completion_tokens_details", "reasoning_tokens"),
    }
}

/// An error in OpenAI's shape, or in one of its imitators': bare, a text, with a number for a code.
pub(super) fn error(body: &Value, status: u16) -> CallError {
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
    let kind = some_text(error, "code").or_else(|| some_text(error, "type")).or_else(|| some_text(error, "status"));
    let number = error.get("code").and_then(Value::as_u64).unwrap_or_else(|| u64::from(status));
    let message = error.as_str().map(str::to_owned).or_else(|| some_text(error, "message"));
    CallError {
        kind: kind.unwrap_or_else(|| format!("http_{number}")),
        message: message.or_else(|| some_text(error, "detail")).unwrap_or_default(),
    }
}
