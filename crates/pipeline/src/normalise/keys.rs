//! The natural keys of one exchange's facts (RULES 2).

use std::collections::HashMap;

use ursa_adapters::wire::is_made_id;
use ursa_model::chain::{Landmark, Position, PositionMaker, is_weak_id};
use ursa_model::ids::{ConversationScope, hex};
use ursa_model::message::Part;
use ursa_model::observation::Key;
use ursa_store::{MarkKey, StoreError};

use super::read::Call;
use crate::draft::Draft;
use crate::scope::Standing;

/// Keys of an exchange's facts.
pub(super) struct Keys {
    /// How many of the request's messages were there before, in this conversation and thread.
    pub(super) known_messages: usize,
    /// True when the position up to which messages are known has been answered before: what follows is that answer.
    pub(super) known_answered: bool,
    /// True when any request of this conversation and thread has been answered before.
    pub(super) conversation_answered: bool,
    /// Names the answer: its id, with its position where the id alone says nothing. `None` without an answer.
    pub(super) reply: Option<String>,
    /// The request's id, likewise.
    pub(super) request: Option<String>,
    /// Ids of this exchange, to be marked with their position.
    pub(super) id_marks: Vec<(MarkKey, String)>,
    maker: PositionMaker,
    scope: ConversationScope,
    head: String,
    /// Where the answer was given that the request continues by its id; empty if it does not.
    previous: String,
    /// Positions at which call ids of this request's history were given, where one id was given at several.
    repeated: HashMap<String, Vec<String>>,
}

impl Keys {
    pub(super) fn new(
        draft: &Draft,
        call: &Call<'_>,
        standing: &Standing<'_>,
        scope: &ConversationScope,
    ) -> Result<Self, StoreError> {
        let subagent = call.identity.subagent_id.as_deref().unwrap_or_default();
        let known_messages = known(draft, standing, scope, subagent)?;
        let at_known = standing.positions.get(known_messages).copied().unwrap_or_default();
        let has = |key: MarkKey| -> Result<bool, StoreError> {
            Ok(draft.marks_at(key)?.iter().any(|mark| mark.scope == *scope))
        };
        let mut keys = Self {
            known_messages,
            known_answered: known_messages > 0
                && has(standing.maker.mark_in(Landmark::Answer(""), &at_known, scope.as_str(), subagent))?,
            conversation_answered: has(standing.maker.id_mark("answered", scope.as_str(), subagent))?,
            reply: None,
            request: None,
            id_marks: Vec::new(),
            maker: standing.maker.clone(),
            scope: scope.clone(),
            head: hex(&standing.head()),
            previous: standing.previous_marks(draft)?.pop().map(|mark| mark.value).unwrap_or_default(),
            repeated: HashMap::new(),
        };
        if let Some(id) = call.response.response_id.as_deref().filter(|id| !id.is_empty()) {
            keys.reply = Some(keys.placed(draft, standing, "response", id)?);
        }
        if let Some(id) = call.request_id().filter(|id| !is_weak_id(id)) {
            keys.request = Some(keys.placed(draft, standing, "request", id)?);
        }
        let others = call.others.iter().flat_map(|choice| &choice.parts);
        for part in call.response.parts.iter().chain(others) {
            if let Part::ToolCall { call_id, .. } = part
                && !is_weak_id(call_id)
            {
                keys.placed(draft, standing, "call", call_id)?;
            }
        }
        keys.find_repeated(draft, call, standing)?;
        Ok(keys)
    }

    /// An id, with this request's position where the id alone says nothing: weak by its looks, or given before
    /// elsewhere in this conversation.
    fn placed(&mut self, draft: &Draft, standing: &Standing<'_>, kind: &str, id: &str) -> Result<String, StoreError> {
        let mark = standing.maker.id_mark(kind, self.scope.as_str(), id);
        let given = draft.marks_at(mark)?;
        let elsewhere =
            given.iter().find(|known| known.scope == self.scope).is_some_and(|first| first.value != self.head);
        self.id_marks.push((mark, self.head.clone()));
        if kind == "call" && elsewhere {
            self.repeated.entry(id.to_owned()).or_default().push(self.head.clone());
        }
        Ok(if elsewhere || is_weak_id(id) { format!("{id}@{}", self.head) } else { id.to_owned() })
    }

    fn find_repeated(&mut self, draft: &Draft, call: &Call<'_>, standing: &Standing<'_>) -> Result<(), StoreError> {
        let messages = call.request.as_ref().map(|request| request.messages.as_slice()).unwrap_or_default();
        let start =
            standing.answers.iter().rfind(|answer| answer.end <= self.known_messages).map_or(0, |last| last.start);
        for part in messages.iter().skip(start).flat_map(|message| &message.parts) {
            let (Part::ToolCall { call_id, .. } | Part::ToolResult { call_id, .. }) = part else { continue };
            if is_weak_id(call_id) || self.repeated.contains_key(call_id) {
                continue;
            }
            let mark = standing.maker.id_mark("call", self.scope.as_str(), call_id);
            let given: Vec<String> = draft
                .marks_at(mark)?
                .into_iter()
                .filter(|known| known.scope == self.scope)
                .skip(1)
                .map(|known| known.value)
                .collect();
            if !given.is_empty() {
                self.repeated.insert(call_id.clone(), given);
            }
        }
        Ok(())
    }

    /// Key of a tool call that this exchange's answer asks for.
    pub(super) fn asked(&self, call_id: &str, block: usize) -> Key {
        self.call_key(call_id, &self.head, block)
    }

    /// Key of a tool call of the request's history, or of its result: `position` is where the answer that asked for it
    /// was given, `block` its place among that answer's calls.
    pub(super) fn resent(&self, call_id: &str, position: Option<&Position>, block: usize) -> Key {
        // What no answer of the request asked for, the one that it continues did.
        let position = position.map_or_else(|| self.previous.clone(), |position| hex(position));
        self.call_key(call_id, &position, block)
    }

    fn call_key(&self, call_id: &str, position: &str, block: usize) -> Key {
        let repeated = self.repeated.get(call_id).is_some_and(|given| given.iter().any(|known| known == position));
        if is_made_id(call_id) {
            // Made from the arguments: a short one could be guessed from it.
            Key::CallAt(self.maker.text_key(call_id), position.to_owned())
        } else if call_id.is_empty() {
            Key::CallAt(String::new(), format!("{position}#{block}"))
        } else if repeated || is_weak_id(call_id) {
            Key::CallAt(call_id.to_owned(), position.to_owned())
        } else {
            Key::Call(call_id.to_owned())
        }
    }
}

/// How many of the request's messages are the longest known prefix in this conversation and thread.
fn known(
    draft: &Draft,
    standing: &Standing<'_>,
    scope: &ConversationScope,
    subagent: &str,
) -> Result<usize, StoreError> {
    for (count, position) in standing.positions.iter().enumerate().skip(1).rev() {
        let mark = standing.maker.mark_in(Landmark::Prefix, position, scope.as_str(), subagent);
        if !draft.marks_at(mark)?.is_empty() {
            return Ok(count);
        }
    }
    Ok(0)
}
