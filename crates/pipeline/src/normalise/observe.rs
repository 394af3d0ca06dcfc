//! What one call tells: the new part of its request, the call itself, its answer.

use std::collections::HashMap;

use serde_json::Value;
use ursa_adapters::agents;
use ursa_adapters::wire::told_id;
use ursa_model::capture::{Assurance, Channel, EndReason, Principal};
use ursa_model::event::{Attachment, EventKind, ToolStatus};
use ursa_model::fuse::fact_ids;
use ursa_model::ids::{ConversationScope, EnvironmentId, hex};
use ursa_model::message::{Message, Origin, Part, Purpose, Role, Tool};
use ursa_model::observation::{Content, ContextRef, Key, ModelCallContent, Observation, SessionAttribute, Vantage};
use ursa_model::shared::Shared;
use ursa_store::StoreError;

use super::Stage;
use super::hooked;
use super::keys::Keys;
use super::read::Call;
use crate::draft::Draft;
use crate::scope::Standing;
use crate::settings::VERSION;
use crate::who;

/// Ordinals within one exchange: messages first, then the call, then the answer's blocks.
pub(super) const CALL_ORDINAL: u32 = 1_000_000;
pub(super) const REPLY_ORDINAL: u32 = 1_000_001;

/// Everything that the call tells.
pub(super) fn observe(
    draft: &Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: &ConversationScope,
    keys: &Keys,
    environment: EnvironmentId,
) -> Result<Vec<Observation>, StoreError> {
    let mut told = Observer { call, standing, scope, keys, observations: Vec::new() };
    told.session_attributes();
    if let Principal::Device { id } = &call.exchange.head.principal {
        for attribute in who::device_of_edge(draft.store.as_ref(), id)? {
            told.attribute(attribute);
        }
    }
    if call.is_turn() {
        told.prompts(draft, environment)?;
        told.history();
    }
    told.tool_results();
    told.model_call();
    if call.stage == Stage::Ended {
        told.answer();
    }
    told.gaps(standing.previous_unseen(draft)?);
    Ok(told.observations)
}

/// Puts the context into the observation of the call itself.
pub(super) fn add_context(observation: &mut Observation, context: Option<&ContextRef>) {
    if let Content::ModelCall(call) = &mut observation.content {
        call.context = context.cloned();
    }
}

pub(super) struct Observer<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) standing: &'a Standing<'a>,
    scope: &'a ConversationScope,
    pub(super) keys: &'a Keys,
    pub(super) observations: Vec<Observation>,
}

impl<'a> Observer<'a> {
    fn messages(&self) -> &'a [Shared<Message>] {
        self.call.request.as_ref().map(|request| request.messages.as_slice()).unwrap_or_default()
    }

    pub(super) fn make(
        &self,
        kind: Option<EventKind>,
        vantage: Vantage,
        keys: Vec<Key>,
        content: Content,
    ) -> Observation {
        Observation {
            scope: self.scope.clone(),
            subagent_id: kind.and(self.call.identity.subagent_id.clone()),
            kind,
            vantage,
            keys,
            own_key: None,
            content,
            at: if vantage == Vantage::WireReply { self.call.reply_at } else { self.call.at },
            ordinal: CALL_ORDINAL,
            capture: self.call.exchange.id,
            made_by: VERSION,
        }
    }

    pub(super) fn attribute(&mut self, attribute: SessionAttribute) {
        let told = self.make(None, Vantage::WireRequest, vec![Key::Session], Content::Session(attribute));
        self.observations.push(told);
    }

    fn session_attributes(&mut self) {
        let (identity, head) = (&self.call.identity, &self.call.exchange.head);
        self.attribute(SessionAttribute::Agent {
            slug: identity.agent_slug.clone(),
            name: identity.agent_name.clone(),
            version: identity.agent_version.clone(),
            kind: identity.agent_kind,
            confidence: identity.confidence,
        });
        if let Some((namespace, id)) = &identity.conversation {
            self.attribute(SessionAttribute::Conversation { id: id.clone() });
            if let Some(parent) = &identity.parent_conversation {
                let scope = ConversationScope::vendor(namespace, parent);
                self.attribute(SessionAttribute::Parent { scope });
            }
        }
        if let Some(path) = &identity.cwd {
            self.attribute(SessionAttribute::Cwd { path: path.clone() });
        }
        if let Some(id) = &head.reported_user {
            let email = id.contains('@').then(|| id.clone());
            let source = Assurance::Reported;
            self.attribute(SessionAttribute::User { id: id.clone(), email, name: None, source });
        }
        if let Some(id) = &head.reported_device {
            let (hostname, source) = (Some(id.clone()), Assurance::Reported);
            self.attribute(SessionAttribute::Device { id: id.clone(), hostname, serial: None, source });
        }
    }

    /// The author's words in the part of the request that is new.
    fn prompts(&mut self, draft: &Draft, environment: EnvironmentId) -> Result<(), StoreError> {
        let maker = self.standing.maker;
        let messages = self.messages();
        let inherited = agents::inherited(&self.call.identity, messages);
        let last = messages.iter().rposition(|message| message.role == Role::User);
        let mut seen_after: HashMap<(String, String), usize> = HashMap::new();
        for (index, message) in messages.iter().enumerate() {
            let Some(text) = author_text(message) else { continue };
            let key = maker.text_key(&text);
            let preceding = self.preceding_answer(index);
            let occurrence = seen_after.entry((key.clone(), preceding.clone())).or_default();
            *occurrence += 1;
            if index < self.keys.known_messages.max(inherited) {
                continue;
            }
            let vantage = if self.is_tail(index) { Vantage::WireRequest } else { Vantage::WireHistory };
            let content = Content::Prompt { text, attachments: attachments(message) };
            let mut told = self.make(Some(EventKind::Prompt), vantage, vec![Key::Text(key)], content);
            told.ordinal = index as u32;
            let mut own_key = maker.own_key(&preceding, *occurrence);
            // In a conversation that went on before, a message with no answer before it was cut off from what it
            // followed (compaction). What was there before is told by count; only the last can be new.
            if preceding.is_empty() && self.keys.conversation_answered {
                if Some(index) == last && self.is_tail(index) {
                    own_key = maker.own_key(&hex(&self.standing.positions[index + 1]), 0);
                } else if sightings(draft, environment, &told)? >= *occurrence {
                    continue;
                }
            }
            told.own_key = Some(own_key);
            self.observations.push(told);
        }
        Ok(())
    }

    /// After the last answer?
    fn is_tail(&self, index: usize) -> bool {
        self.standing.answers.last().is_none_or(|answer| index >= answer.end)
    }

    /// What the nearest answer before a message is told by.
    fn preceding_answer(&self, index: usize) -> String {
        let nearest = self.standing.answers.iter().rfind(|answer| answer.end <= index);
        match nearest {
            Some(answer) => answer.fingerprint.clone(),
            None => match (self.standing.continued, self.standing.previous) {
                (Some(continued), _) => continued.fingerprint.clone(),
                (None, Some(unseen)) => format!("previous:{unseen}"),
                (None, None) => String::new(),
            },
        }
    }

    /// Answers that were never seen when they were given: what the model said and asked for, as it is resent.
    fn history(&mut self) {
        let inherited = agents::inherited(&self.call.identity, self.messages());
        let mut texts: HashMap<String, usize> = HashMap::new();
        for answer in self.standing.answers {
            let parts: Vec<&Part> =
                self.messages()[answer.start..answer.end].iter().flat_map(|message| &message.parts).collect();
            let text = joined_text(&parts);
            let key = self.standing.maker.text_key(&text);
            let occurrence = texts.entry(key.clone()).or_default();
            *occurrence += 1;
            let was_seen = self.keys.known_answered && answer.start == self.keys.known_messages;
            if answer.start < self.keys.known_messages.max(inherited) || was_seen {
                continue;
            }
            if !text.trim().is_empty() {
                let content = Content::Completion {
                    text,
                    model: None,
                    response_id: None,
                    finish_reason: None,
                    purpose: Purpose::Turn,
                };
                let mut told =
                    self.make(Some(EventKind::Completion), Vantage::WireHistory, vec![Key::Text(key)], content);
                told.own_key = Some(format!("history:{occurrence}"));
                told.ordinal = answer.start as u32;
                self.observations.push(told);
            }
            let before = self.standing.before(answer);
            let calls = parts.iter().filter(|part| matches!(part, Part::ToolCall { .. }));
            for (block, part) in calls.enumerate() {
                let Part::ToolCall { call_id, tool, arguments } = part else { continue };
                let key = self.keys.resent(call_id, Some(&before), block);
                let content = asked(call_id, tool, arguments, None);
                let keys = self.call_keys(key, call_id, tool, arguments);
                let mut told = self.make(Some(EventKind::ToolCall), Vantage::WireHistory, keys, content);
                told.ordinal = answer.start as u32;
                self.observations.push(told);
            }
        }
    }

    /// A call's keys: its id, and what its hooks may tell it by instead.
    pub(super) fn call_keys(&self, key: Key, call_id: &str, tool: &Tool, arguments: &Value) -> Vec<Key> {
        let action = hooked::action_key(self.call, self.standing.maker, told_id(call_id), tool, arguments);
        std::iter::once(key).chain(action).collect()
    }

    /// Results in the part of the request that is new.
    fn tool_results(&mut self) {
        // What was copied from another thread was told there.
        let inherited = agents::inherited(&self.call.identity, self.messages());
        for (index, message) in self.messages().iter().enumerate().skip(inherited) {
            // The request that gave them first knows when; one after it may have been told before it.
            if index < self.keys.known_messages && !self.is_tail(index) {
                continue;
            }
            for part in &message.parts {
                let Part::ToolResult { call_id, content, is_error, spawned_subagent_id } = part else { continue };
                let (position, block, tool) = self.asked_where(index, call_id);
                let key = self.keys.resent(call_id, position.as_ref(), block);
                let vantage = if self.is_tail(index) { Vantage::WireRequest } else { Vantage::WireHistory };
                let told_error =
                    is_error.or_else(|| agents::result_is_error(&self.call.identity.agent_slug, tool, content));
                let denied = agents::is_denied(&value_text(content));
                let failed = told_error.unwrap_or(false) || denied;
                let status = match (denied, failed) {
                    (true, _) => ToolStatus::Denied,
                    (false, true) => ToolStatus::Failed,
                    (false, false) => ToolStatus::Completed,
                };
                let content = result(call_id, content, failed, status, spawned_subagent_id.clone());
                let mut told = self.make(Some(EventKind::ToolCall), vantage, vec![key], content);
                told.ordinal = index as u32;
                self.observations.push(told);
            }
        }
    }

    /// Where the call that a result answers was asked for: the position of that answer, the call's place in it. The result
    /// of a tool that the provider runs stands in the answer itself.
    fn asked_where(
        &self,
        index: usize,
        call_id: &str,
    ) -> (Option<ursa_model::chain::Position>, usize, Option<&'a Tool>) {
        for answer in self.standing.answers.iter().rev().filter(|answer| answer.start <= index) {
            let calls = self.messages()[answer.start..answer.end].iter().flat_map(|message| &message.parts).filter_map(
                |part| match part {
                    Part::ToolCall { call_id, tool, .. } => Some((call_id, tool)),
                    _ => None,
                },
            );
            for (block, (id, tool)) in calls.enumerate() {
                if id == call_id {
                    return (Some(self.standing.before(answer)), block, Some(tool));
                }
            }
        }
        (None, 0, None)
    }

    fn model_call(&mut self) {
        let (call, end) = (self.call, &self.call.exchange.end);
        let alone = call.exchange.id.to_string();
        let mut keys = vec![Key::Exchange(alone.clone())];
        let mut content = ModelCallContent {
            provider: call.provider.to_owned(),
            request_model: call.request.as_ref().and_then(|request| request.model.clone()),
            purpose: call.identity.purpose,
            stream: call.request.as_ref().is_some_and(|request| request.stream),
            ..ModelCallContent::default()
        };
        if call.stage == Stage::Ended {
            keys.extend(self.keys.request.clone().map(Key::Request));
            keys.push(Key::Response(self.keys.reply.clone().unwrap_or_else(|| format!("exchange:{alone}"))));
            content.response_model.clone_from(&call.response.model);
            content.response_id.clone_from(&call.response.response_id);
            content.status_code = call.exchange.response_head.as_ref().map(|(_, head)| head.status);
            content.latency_ms = Some(end.duration_micros / 1000);
            content.time_to_first_chunk_ms = end.first_byte_micros.map(|micros| micros / 1000);
            content.error.clone_from(&call.response.error);
            // Counting tokens uses none.
            content.usage = call.response.usage.filter(|_| !call.route.counts_tokens());
        }
        keys.sort();
        let mut told =
            self.make(Some(EventKind::ModelCall), Vantage::WireReply, keys, Content::ModelCall(Box::new(content)));
        told.at = call.at;
        self.observations.push(told);
    }

    fn gaps(&mut self, previous_unseen: bool) {
        let call = self.call;
        if previous_unseen {
            self.gap("previous_response_unseen", "the request continues an answer that was never seen");
        }
        if call.stage == Stage::Running {
            return;
        }
        if call.request.is_none() && call.exchange.end.reason != EndReason::Refused {
            self.gap("unparsed_request", &format!("request of {} bytes", call.exchange.end.request_bytes));
        }
        for problem in &call.problems {
            self.gap(&problem.kind, &problem.detail);
        }
    }

    fn gap(&mut self, kind: &str, detail: &str) {
        self.attribute(SessionAttribute::Gap {
            channel: Channel::Edge,
            kind: kind.to_owned(),
            detail: detail.to_owned(),
        });
    }
}

/// A call as it was asked for.
pub(super) fn asked(call_id: &str, tool: &Tool, arguments: &Value, response_id: Option<String>) -> Content {
    Content::ToolCall {
        tool: Some(tool.clone()),
        call_id: told_id(call_id).to_owned(),
        arguments: Some(arguments.clone()),
        executed_arguments: None,
        result: None,
        detail: None,
        is_error: None,
        status: ToolStatus::Requested,
        spawned_subagent_id: None,
        response_id,
    }
}

/// What a call gave.
pub(super) fn result(
    call_id: &str,
    content: &Value,
    failed: bool,
    status: ToolStatus,
    spawned_subagent_id: Option<String>,
) -> Content {
    Content::ToolCall {
        tool: None,
        call_id: told_id(call_id).to_owned(),
        arguments: None,
        executed_arguments: None,
        result: Some(content.clone()),
        detail: None,
        is_error: Some(failed),
        status,
        spawned_subagent_id,
        response_id: None,
    }
}

/// How many prompts of this text the wire has shown in this conversation and thread.
fn sightings(draft: &Draft, environment: EnvironmentId, told: &Observation) -> Result<usize, StoreError> {
    let ids = fact_ids(environment, told);
    let stored = draft.store.facts(&ids)?;
    let mut own: Vec<&str> = stored.iter().flat_map(|fact| &fact.observations).filter_map(wire_own_key).collect();
    let drafted = draft.observations.iter().map(ursa_redact::Redacted::get);
    own.extend(
        drafted.filter(|seen| seen.kind == told.kind && fact_ids(environment, seen) == ids).filter_map(wire_own_key),
    );
    own.sort_unstable();
    own.dedup();
    Ok(own.len())
}

fn wire_own_key(seen: &Observation) -> Option<&str> {
    (seen.vantage.channel() == Channel::Edge).then_some(seen.own_key.as_deref()).flatten()
}

/// The author's words of a user message; `None` when it has none (a tool's result, a reminder).
pub(super) fn author_text(message: &Message) -> Option<String> {
    if message.role != Role::User {
        return None;
    }
    let mut texts = Vec::new();
    let mut attached = false;
    for part in &message.parts {
        match part {
            Part::Text { text, origin: Origin::Author } => texts.push(text.as_str()),
            Part::Attachment { .. } => attached = true,
            _ => {}
        }
    }
    let text = texts.join("\n");
    (!text.trim().is_empty() || attached).then_some(text)
}

/// What came with the author's words.
fn attachments(message: &Message) -> Vec<Attachment> {
    let attachment = |part: &Part| match part {
        Part::Text { text, origin: Origin::Injected } => Some(Attachment {
            kind: "context".to_owned(),
            text: Some(text.clone()),
            media_type: None,
            name: None,
            bytes: text.len() as u64,
            reference: None,
        }),
        Part::Attachment { kind, media_type, name, bytes, reference } => Some(Attachment {
            kind: kind.clone(),
            text: None,
            media_type: media_type.clone(),
            name: name.clone(),
            bytes: *bytes,
            reference: reference.clone(),
        }),
        _ => None,
    };
    message.parts.iter().filter_map(attachment).collect()
}

/// The texts of an answer as one.
pub(super) fn joined_text(parts: &[&Part]) -> String {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// The text of a result: a string, or its text blocks.
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            items.iter().filter_map(|item| item.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
