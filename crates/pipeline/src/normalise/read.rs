//! An exchange's bytes, decoded and parsed.

use ursa_adapters::route::{Protocol, Route};
use ursa_adapters::wire::{Choice, Reading, Recall};
use ursa_adapters::{agents, body, event_stream, wire};
use ursa_model::capture::{EndReason, ResponseHead};
use ursa_model::chain::{fingerprint, is_weak_id};
use ursa_model::message::{CallError, Identity, Message, ModelRequest, ModelResponse, Problem, Purpose};
use ursa_model::shared::Shared;
use ursa_model::time::Timestamp;

use super::Stage;
use crate::assemble::Exchange;
use crate::scope;
use crate::settings::PipelineSettings;

/// A call to a model, as far as it could be read.
pub(super) struct Call<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) stage: Stage,
    pub(super) route: Route,
    pub(super) provider: &'static str,
    pub(super) identity: Identity,
    pub(super) request: Option<ModelRequest>,
    pub(super) response: ModelResponse,
    /// Where several choices were asked for, all but the first.
    pub(super) others: Vec<Choice>,
    /// True when an answer came (not an error, not nothing).
    pub(super) answered: bool,
    /// When the request arrived.
    pub(super) at: Timestamp,
    /// When the answer began.
    pub(super) reply_at: Timestamp,
    pub(super) problems: Vec<Problem>,
    /// True when signs of the request that are no Unicode were replaced.
    pub(super) is_lossy: bool,
}

/// The route of an exchange, if an adapter reads it.
pub(super) fn route(exchange: &Exchange) -> Option<Route> {
    let head = &exchange.head;
    if head.upgrade || !head.bodies_kept {
        return None;
    }
    Route::find(Protocol::from_name(&head.protocol)?, &head.method, &head.path)
}

/// Decodes, masks and parses.
pub(super) fn call<'a>(
    exchange: &'a Exchange,
    route: Route,
    stage: Stage,
    settings: &PipelineSettings,
    recall: &Recall,
) -> Call<'a> {
    let mut problems = exchange.problems.clone();
    let request = read_request(exchange, route, settings, recall, &mut problems);
    let is_lossy = problems.iter().any(|problem| problem.kind == "lossy_text");
    let mut identity = agents::identify(&exchange.head, request.as_ref());
    identity.purpose = scope::purpose(route, &identity);
    let request = request.map(|mut request| {
        agents::refine_request(&mut request, &identity);
        request
    });
    let Reading { mut response, mut others, .. } = Reading::default();
    if stage == Stage::Ended {
        if let Some((_, head)) = &exchange.response_head {
            let mut reading = read_response(exchange, head, route, settings, &mut problems);
            agents::refine_response(&mut reading, &identity);
            (response, others) = (reading.response, reading.others);
            if head.status < 400 && !response.complete && response.error.is_some() {
                problems.push(Problem::new("stream_error", "the upstream broke the answer off with an error"));
            }
        }
        ending(exchange, &mut response, &mut problems);
    }
    let answered = exchange.response_head.as_ref().is_some_and(|(_, head)| head.status < 400)
        && response.error.is_none()
        && !(response.parts.is_empty() && others.is_empty());
    let reply_at = exchange.response_head.as_ref().map_or(exchange.ended_at, |(at, _)| *at);
    Call {
        exchange,
        stage,
        route,
        provider: wire::provider(route, &exchange.head.path),
        identity,
        request,
        response,
        others,
        answered,
        at: exchange.at,
        reply_at: reply_at.max(exchange.at),
        problems,
        is_lossy,
    }
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn read_request(
    exchange: &Exchange,
    route: Route,
    settings: &PipelineSettings,
    recall: &Recall,
    problems: &mut Vec<Problem>,
) -> Option<ModelRequest> {
    if exchange.request.is_empty() && !exchange.request_whole {
        return None;
    }
    let encoding = header(&exchange.head.headers, "content-encoding");
    let bytes = decoded(encoding, &exchange.request, exchange, settings, problems)?;
    let (request, found) = wire::read_next_request(route, &exchange.head.path, &bytes, recall);
    problems.extend(found);
    request
}

fn read_response(
    exchange: &Exchange,
    head: &ResponseHead,
    route: Route,
    settings: &PipelineSettings,
    problems: &mut Vec<Problem>,
) -> Reading {
    let encoding = header(&head.headers, "content-encoding");
    let Some(bytes) = decoded(encoding, &exchange.response, exchange, settings, problems) else {
        return Reading::default();
    };
    let bytes = unframed(bytes, head, exchange, settings, problems);
    let end = &exchange.end;
    let lost = end.response_bytes_cut + end.dropped_bytes + exchange.dropped_bytes;
    let whole = end.reason == EndReason::Complete && lost == 0;
    let mut reading = wire::read_response(route, head, &bytes, whole);
    // How it broke off is told once, by how the exchange ended.
    let found = std::mem::take(&mut reading.problems);
    problems.extend(found.into_iter().filter(|problem| whole || problem.kind != "truncated"));
    reading
}

/// The events of an answer that comes in binary frames. What lies in them was not masked by the edge.
fn unframed<'b>(
    bytes: std::borrow::Cow<'b, [u8]>,
    head: &ResponseHead,
    exchange: &Exchange,
    settings: &PipelineSettings,
    problems: &mut Vec<Problem>,
) -> std::borrow::Cow<'b, [u8]> {
    if !event_stream::is_named_by(header(&head.headers, "content-type")) {
        return bytes;
    }
    let (mut events, problem) = event_stream::to_events(&bytes);
    // How it broke off is told once, by how the exchange ended.
    let complete = exchange.end.reason == EndReason::Complete;
    problems.extend(problem.filter(|problem| complete || problem.kind != "truncated"));
    ursa_redact::mask_marked(&mut events, &exchange.head.credentials, &settings.masking_key);
    events.into()
}

/// What a later request would resend of the answer.
pub(super) fn output(exchange: &Exchange, settings: &PipelineSettings) -> Vec<Shared<Message>> {
    let encoding = exchange.response_head.as_ref().map(|(_, head)| header(&head.headers, "content-encoding"));
    let bytes = decoded(encoding.unwrap_or_default(), &exchange.response, exchange, settings, &mut Vec::new());
    let messages = bytes.map(|bytes| wire::openai_responses::output_messages(&bytes)).unwrap_or_default();
    messages.into_iter().map(Shared::from).collect()
}

/// The body without its content encoding. The edge masked identity-encoded bodies, except on upgraded connections; all
/// others are masked here.
fn decoded<'b>(
    encoding: &str,
    bytes: &'b [u8],
    exchange: &Exchange,
    settings: &PipelineSettings,
    problems: &mut Vec<Problem>,
) -> Option<std::borrow::Cow<'b, [u8]>> {
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        if exchange.connection.is_none() {
            return Some(bytes.into());
        }
        let mut bytes = bytes.to_vec();
        ursa_redact::mask_marked(&mut bytes, &exchange.head.credentials, &settings.masking_key);
        return Some(bytes.into());
    }
    let mut decoded = body::decode(encoding, bytes, body::DecodeLimits::default());
    let unknown = decoded.problem.as_ref().is_some_and(|problem| problem.kind == "unknown_encoding");
    problems.extend(
        decoded.problem.filter(|problem| exchange.end.reason == EndReason::Complete || problem.kind != "truncated"),
    );
    if unknown {
        return None;
    }
    ursa_redact::mask_marked(&mut decoded.bytes, &exchange.head.credentials, &settings.masking_key);
    Some(decoded.bytes.into())
}

/// How the exchange ended, as a gap or as the call's error.
fn ending(exchange: &Exchange, response: &mut ModelResponse, problems: &mut Vec<Problem>) {
    let end = &exchange.end;
    let after = format!("after {} bytes of the answer", end.response_bytes);
    match end.reason {
        // A refusal and an upstream that cannot be reached are the call's error, not a gap.
        EndReason::Complete | EndReason::UpstreamUnreachable | EndReason::Refused => {}
        // Some agents hang up as soon as the answer's own end has come: nothing is missing.
        EndReason::ClientAbort if response.complete => {}
        EndReason::ClientAbort => problems.push(Problem::new("client_abort", format!("the agent went away {after}"))),
        EndReason::UpstreamReset => {
            problems.push(Problem::new("upstream_reset", format!("the upstream broke off {after}")));
        }
        EndReason::Interrupted => {
            problems.push(Problem::new("interrupted", "the server stopped while the exchange ran"));
        }
    }
    if let Some(code) = &end.edge_error {
        let message = "answered by the edge itself".to_owned();
        response.error.get_or_insert(CallError { kind: code.clone(), message });
    }
    let (request, response) = (&end.request_sha256, &end.response_sha256);
    for (bytes, kind, what, hash) in [
        (end.request_bytes_cut, "request_cut", "bytes of the request past the capture limit", request),
        (end.response_bytes_cut, "response_cut", "bytes of the answer past the capture limit", response),
        (end.dropped_bytes, "journal_full", "bytes dropped because the journal was full", &None),
        (exchange.dropped_bytes, "memory_limit", "bytes dropped because too many exchanges were open", &None),
    ] {
        if bytes > 0 {
            let hash = hash.as_ref().map(|hash| format!("; SHA-256 of the whole: {hash}")).unwrap_or_default();
            problems.push(Problem::new(kind, format!("{bytes} {what}{hash}")));
        }
    }
}

impl Call<'_> {
    /// Whether the call is part of the conversation.
    pub(super) fn is_turn(&self) -> bool {
        self.identity.purpose == Purpose::Turn
    }

    /// What names the answer, for a conversation that has no id of its own. A server that gives one id again and again
    /// would make all that open alike one conversation, so there the exchange names it.
    pub(super) fn answer_id(&self, alone: &str) -> Option<String> {
        let own = self.response.response_id.as_deref().filter(|id| !is_weak_id(id));
        self.answered.then(|| own.unwrap_or(alone).to_owned())
    }

    /// How each of the answer's choices is recognised when it comes back.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = String> {
        let others = self.others.iter().map(|choice| choice.parts.as_slice());
        std::iter::once(self.response.parts.as_slice()).chain(others).filter_map(fingerprint)
    }

    /// The id by which a later request may continue the answer. Over HTTP the provider must have been let keep it.
    pub(super) fn continuable(&self) -> Option<&str> {
        let request = self.request.as_ref()?;
        let kept =
            self.exchange.connection.is_some() || request.params.get("store") != Some(&serde_json::Value::Bool(false));
        let whole = self.response.complete && self.response.error.is_none();
        let id = self.response.response_id.as_deref().filter(|id| !id.is_empty());
        id.filter(|_| self.route == Route::OpenAiResponses && kept && whole)
    }

    /// The upstream's id of the request.
    pub(super) fn request_id(&self) -> Option<&str> {
        let (_, head) = self.exchange.response_head.as_ref()?;
        ["request-id", "x-request-id"].into_iter().map(|name| header(&head.headers, name)).find(|id| !id.is_empty())
    }

    /// The answer that the request continues, by id.
    pub(super) fn previous(&self) -> Option<&str> {
        self.request.as_ref()?.previous_response_id.as_deref()
    }
}
