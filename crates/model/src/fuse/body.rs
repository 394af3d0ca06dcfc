//! What an event says: each field by its own order of vantage points, ties by the smallest content hash (RULES 5).

use serde_json::Value;

use crate::event::{EventBody, EventKind, ModelCallBody, PermissionBody, ToolCallBody, ToolStatus};
use crate::message::Usage;
use crate::observation::{Content, ModelCallContent, Observation, Vantage};
use crate::time::Timestamp;

use Vantage::{HookAfter, HookBatch, HookBefore, Page, Telemetry, Transcript, WireHistory, WireReply, WireRequest};

/// The text of a prompt as it went to the model comes before what a hook or a page says of it.
const PROMPT_TEXT: &[Vantage] = &[WireRequest, HookBefore, Page, WireHistory, Transcript, Telemetry];
/// The answer itself comes before what is resent of it.
const COMPLETION_TEXT: &[Vantage] = &[WireReply, Page, WireHistory, HookAfter, Transcript, Telemetry];
/// As the model asked for them.
const ARGUMENTS: &[Vantage] = &[WireReply, HookBefore, HookAfter, WireHistory, WireRequest, Transcript];
/// What the model was given.
const RESULT: &[Vantage] = &[WireRequest, WireHistory, HookBatch, Transcript];
/// The tool's own response.
const DETAIL: &[Vantage] = &[HookAfter, Transcript];

/// The body of an event of that kind; `None` when the observations tell of something else.
pub(super) fn body(kind: EventKind, members: &[&Observation]) -> Option<EventBody> {
    match kind {
        EventKind::Prompt => Some(prompt(members)),
        EventKind::Completion => Some(completion(members)),
        EventKind::Reasoning => Some(EventBody::Reasoning {
            text: best(members, COMPLETION_TEXT, |content| match content {
                Content::Reasoning { text } => Some(text.clone()),
                _ => None,
            })
            .unwrap_or_default(),
        }),
        EventKind::ToolCall => Some(EventBody::ToolCall(Box::new(tool_call(members)))),
        EventKind::ModelCall => Some(EventBody::ModelCall(Box::new(model_call(members)))),
        EventKind::Permission => Some(EventBody::Permission(Box::new(permission(members)))),
        EventKind::SessionStart => happened(members).map(|(source, _)| EventBody::SessionStart { source }),
        EventKind::SessionEnd => happened(members).map(|(reason, _)| EventBody::SessionEnd { reason }),
        EventKind::SubagentStart => happened(members).map(|(agent_type, _)| EventBody::SubagentStart { agent_type }),
        EventKind::SubagentStop => happened(members).map(|(agent_type, _)| EventBody::SubagentStop { agent_type }),
        EventKind::Compaction => happened(members).map(|(trigger, _)| EventBody::Compaction { trigger }),
        EventKind::Error => {
            happened(members).map(|(code, message)| EventBody::Error { code: code.unwrap_or_default(), message })
        }
        EventKind::Notice => {
            happened(members).map(|(code, message)| EventBody::Notice { code: code.unwrap_or_default(), message })
        }
    }
}

/// The word and the message of what the kind alone tells; `None` when none of the observations tells of it.
fn happened(members: &[&Observation]) -> Option<(Option<String>, String)> {
    let word = best(members, &[], |content| match content {
        Content::Happened { word, .. } => word.clone(),
        _ => None,
    });
    let message = best(members, &[], |content| match content {
        Content::Happened { message, .. } => Some(message.clone()),
        _ => None,
    })?;
    Some((word, message))
}

/// What the call that it was asked for is called by: of several that ran the same, the last before it was asked.
fn permission(members: &[&Observation]) -> PermissionBody {
    macro_rules! field {
        ($name:ident) => {
            best(members, &[HookBefore, HookAfter], |content| match content {
                Content::Permission { $name, .. } => $name.clone(),
                _ => None,
            })
        };
    }
    let decisions = members.iter().filter_map(|seen| match &seen.content {
        Content::Permission { decision, .. } => Some(*decision),
        _ => None,
    });
    let calls = members.iter().filter_map(|seen| match &seen.content {
        Content::Permission { call_id: Some(id), .. } => Some((seen.at, id.clone())),
        _ => None,
    });
    PermissionBody {
        call_id: calls.max().map(|(_, id)| id),
        decision: decisions.max().unwrap_or_default(),
        tool: field!(tool).unwrap_or_default(),
        arguments: field!(arguments),
        reason: field!(reason),
    }
}

/// The value of the first vantage point in `order` that has one. Of several there, the earliest sighting; at one moment
/// the smallest observation id.
fn best<T>(members: &[&Observation], order: &[Vantage], read: impl Fn(&Content) -> Option<T>) -> Option<T> {
    members
        .iter()
        .filter_map(|seen| {
            let rank = order.iter().position(|vantage| *vantage == seen.vantage).unwrap_or(order.len());
            read(&seen.content).map(|value| ((rank, seen.at, seen.id()), value))
        })
        .min_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, value)| value)
}

fn prompt(members: &[&Observation]) -> EventBody {
    let text = best(members, PROMPT_TEXT, |content| match content {
        Content::Prompt { text, .. } => Some(text.clone()),
        _ => None,
    });
    let attachments = best(members, PROMPT_TEXT, |content| match content {
        Content::Prompt { attachments, .. } if !attachments.is_empty() => Some(attachments.clone()),
        _ => None,
    });
    // Agents trim what they resend, and hooks are told it trimmed: which of them was seen first must not show.
    let text = text.unwrap_or_default().trim().to_owned();
    EventBody::Prompt { text, attachments: attachments.unwrap_or_default() }
}

fn completion(members: &[&Observation]) -> EventBody {
    macro_rules! field {
        ($name:ident) => {
            best(members, COMPLETION_TEXT, |content| match content {
                Content::Completion { $name, .. } => $name.clone(),
                _ => None,
            })
        };
    }
    let text = best(members, COMPLETION_TEXT, |content| match content {
        Content::Completion { text, .. } => Some(text.clone()),
        _ => None,
    });
    let purpose = best(members, COMPLETION_TEXT, |content| match content {
        Content::Completion { purpose, .. } => Some(*purpose),
        _ => None,
    });
    EventBody::Completion {
        text: text.unwrap_or_default(),
        model: field!(model),
        response_id: field!(response_id),
        finish_reason: field!(finish_reason),
        purpose: purpose.unwrap_or_default(),
    }
}

fn tool_call(members: &[&Observation]) -> ToolCallBody {
    macro_rules! field {
        ($order:expr, $name:ident) => {
            best(members, $order, |content| match content {
                Content::ToolCall { $name, .. } => $name.clone(),
                _ => None,
            })
        };
    }
    let call_id = best(members, ARGUMENTS, |content| match content {
        Content::ToolCall { call_id, .. } => Some(call_id.clone()),
        _ => None,
    });
    let status = members.iter().filter_map(|seen| match &seen.content {
        Content::ToolCall { status, .. } => Some(*status),
        _ => None,
    });
    let (started_at, ended_at) = tool_times(members);
    let between = started_at.zip(ended_at).map(|(start, end)| end.millis_since(start));
    ToolCallBody {
        tool: field!(ARGUMENTS, tool).unwrap_or_default(),
        call_id: call_id.unwrap_or_default(),
        arguments: field!(ARGUMENTS, arguments),
        executed_arguments: field!(&[HookAfter, Transcript], executed_arguments).or_else(|| changed(members)),
        result: field!(RESULT, result),
        detail: field!(DETAIL, detail),
        is_error: field!(RESULT, is_error),
        status: status.max().unwrap_or(ToolStatus::Unknown),
        started_at,
        ended_at,
        duration_ms: between.and_then(|millis| u64::try_from(millis).ok()),
        spawned_subagent_id: field!(RESULT, spawned_subagent_id),
    }
}

/// What ran, where a hook after the call tells other arguments than one before it: another hook changed them.
fn changed(members: &[&Observation]) -> Option<Value> {
    let told = |vantage: Vantage| {
        let there: Vec<&Observation> = members.iter().filter(|seen| seen.vantage == vantage).copied().collect();
        best(&there, &[], |content| match content {
            Content::ToolCall { arguments, .. } => arguments.clone(),
            _ => None,
        })
    };
    let (before, after) = (told(HookBefore)?, told(HookAfter)?);
    (before != after).then_some(after)
}

/// A hook's times are nearer to the tool than the model's request for it and the next request with its result.
fn tool_times(members: &[&Observation]) -> (Option<Timestamp>, Option<Timestamp>) {
    let first = |order: &[Vantage], is_result: bool| {
        order.iter().find_map(|vantage| {
            members
                .iter()
                .filter(|seen| seen.vantage == *vantage && has_result(&seen.content) == Some(is_result))
                .map(|seen| seen.at)
                .min()
        })
    };
    (first(&[HookBefore, WireReply, Transcript], false), first(&[HookAfter, HookBatch, WireRequest, Transcript], true))
}

const fn has_result(content: &Content) -> Option<bool> {
    match content {
        Content::ToolCall { result, detail, .. } => Some(result.is_some() || detail.is_some()),
        _ => None,
    }
}

fn model_call(members: &[&Observation]) -> ModelCallBody {
    // A call is told twice by the edge: when the request is whole, and when it ended. The latter knows more.
    let ended = |content: &Content| match content {
        Content::ModelCall(call) if call.latency_ms.is_some() => Some((**call).clone()),
        _ => None,
    };
    let begun = |content: &Content| match content {
        Content::ModelCall(call) => Some((**call).clone()),
        _ => None,
    };
    let call: ModelCallContent = best(members, &[], ended).or_else(|| best(members, &[], begun)).unwrap_or_default();
    let usage = members.iter().filter_map(|seen| match &seen.content {
        Content::ModelCall(call) => call.usage,
        _ => None,
    });
    ModelCallBody {
        provider: call.provider,
        request_model: call.request_model,
        response_model: call.response_model,
        response_id: call.response_id,
        purpose: call.purpose,
        status_code: call.status_code,
        stream: call.stream,
        latency_ms: call.latency_ms,
        time_to_first_chunk_ms: call.time_to_first_chunk_ms,
        usage: usage.reduce(highest),
        error: call.error,
    }
}

/// Providers repeat usage as it grows: the highest of each is the last.
fn highest(a: Usage, b: Usage) -> Usage {
    Usage {
        input_tokens: a.input_tokens.max(b.input_tokens),
        output_tokens: a.output_tokens.max(b.output_tokens),
        cache_read_input_tokens: a.cache_read_input_tokens.max(b.cache_read_input_tokens),
        cache_creation_input_tokens: a.cache_creation_input_tokens.max(b.cache_creation_input_tokens),
        reasoning_output_tokens: a.reasoning_output_tokens.max(b.reasoning_output_tokens),
    }
}

/// The words that full-text search finds an event by.
pub fn search_text(body: &EventBody) -> String {
    match body {
        EventBody::Prompt { text, .. } | EventBody::Completion { text, .. } | EventBody::Reasoning { text } => {
            text.clone()
        }
        EventBody::ToolCall(call) => {
            let mut text = call.tool.name.clone();
            for value in [&call.arguments, &call.executed_arguments, &call.result].into_iter().flatten() {
                strings_of(value, &mut text);
            }
            text
        }
        EventBody::ModelCall(call) => {
            let mut text = call.response_model.clone().or_else(|| call.request_model.clone()).unwrap_or_default();
            if let Some(error) = &call.error {
                text.push('\n');
                text.push_str(&error.message);
            }
            text
        }
        EventBody::Permission(asked) => {
            let mut text = asked.tool.name.clone();
            if let Some(arguments) = &asked.arguments {
                strings_of(arguments, &mut text);
            }
            text
        }
        EventBody::Error { code, message } | EventBody::Notice { code, message } => format!("{code}\n{message}"),
        EventBody::SessionStart { source: word }
        | EventBody::SessionEnd { reason: word }
        | EventBody::SubagentStart { agent_type: word }
        | EventBody::SubagentStop { agent_type: word }
        | EventBody::Compaction { trigger: word } => word.clone().unwrap_or_default(),
    }
}

/// Every string in a JSON value, a line each. The value came through a parser with a depth limit.
fn strings_of(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push('\n');
            text.push_str(string);
        }
        Value::Array(items) => items.iter().for_each(|item| strings_of(item, text)),
        Value::Object(map) => map.values().for_each(|item| strings_of(item, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
