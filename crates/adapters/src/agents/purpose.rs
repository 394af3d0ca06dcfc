//! What a call is for: by its route, by its agent's own signs, then by what any client's probe looks like.
//!
//! Signs are of structure first (no tools, a schema for a title, a stop sequence): a prompt that only speaks of titles
//! or summaries is a turn.

use serde_json::Value;
use ursa_model::message::Purpose;

use super::Agent;
use super::evidence::Evidence;
use crate::route::Route;

/// What the call is for.
pub(super) fn purpose(evidence: &Evidence<'_>, agent: Option<&Agent>) -> Purpose {
    match evidence.route() {
        Some(route) if route.counts_tokens() => return Purpose::CountTokens,
        Some(Route::OpenAiCompact) => return Purpose::Summary,
        Some(_) => {}
        None => return off_route(evidence),
    }
    if let Some(purpose) = agent.and_then(|agent| (agent.purpose)(evidence)) {
        return purpose;
    }
    if is_probe(evidence) { Purpose::Probe } else { Purpose::Turn }
}

/// Requests whose bodies no adapter reads.
fn off_route(evidence: &Evidence<'_>) -> Purpose {
    match evidence.method_and_path() {
        ("HEAD", _) => Purpose::Probe,
        _ => Purpose::Other,
    }
}

/// One message, no tools, and room for one token: only whether an answer comes matters.
fn is_probe(evidence: &Evidence<'_>) -> bool {
    let is_one = |told: Option<&Value>| told.and_then(Value::as_u64) == Some(1);
    let keys = ["max_tokens", "max_output_tokens", "max_completion_tokens"];
    (keys.into_iter().any(|key| is_one(evidence.param(key))) || is_one(evidence.setting("maxOutputTokens")))
        && evidence.offers_no_tools()
        && evidence.request.is_some_and(|request| request.messages.len() == 1)
}
