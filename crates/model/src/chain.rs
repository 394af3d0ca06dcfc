//! The conversation as a chain: where a request stands in a conversation, what in it is new, and how its context is
//! given back.
//!
//! A model API is stateless, so each request carries the whole conversation again. Two chains are kept over its
//! messages, made from requests only (RULES 8):
//!
//! - **positions**: MACs over the *canonical* messages, by which a resent prefix is recognised. The MAC is keyed by the
//!   environment and scoped to the principal, so that equal text in two tenants cannot be told.
//! - **nodes**: content-addressed pairs of parent and *exact* message, by which `/context` is rebuilt. A message that
//!   comes back in another form (an array that became a string) forks this chain at that message only, so what is
//!   stored per request follows what is new, not what is resent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capture::Principal;
use crate::ids::{EnvironmentId, ID_LEN, hex};
use crate::message::{Message, Part, Role, Stripped};
use crate::shared::Shared;

/// A place in a conversation: everything up to and including one message.
pub type Position = [u8; ID_LEN];

/// Makes positions. Holds the environment's secret and the principal that was seen at capture.
#[derive(Clone)]
pub struct PositionMaker {
    secret: [u8; 32],
    start: Position,
}

impl PositionMaker {
    /// For one environment and principal. `secret` is the environment's position secret.
    pub fn new(secret: [u8; 32], environment: EnvironmentId, principal: &Principal) -> Self {
        let who = match principal {
            Principal::Loopback => "loopback".to_owned(),
            Principal::Key { id } => format!("key:{id}"),
            Principal::Device { id } => format!("device:{id}"),
        };
        let start = mac(&secret, &[b"start", &environment.0, who.as_bytes()]);
        Self { secret, start }
    }

    /// The positions before the first message and after each: `messages.len() + 1` of them. `previous` is the answer that
    /// the request continues by id, instead of sending what came before.
    pub fn positions(&self, messages: &[Shared<Message>], previous: Option<&str>) -> Vec<Position> {
        let start = match previous {
            None => self.start,
            Some(id) => mac(&self.secret, &[b"after", &self.start, id.as_bytes()]),
        };
        self.positions_from(start, messages)
    }

    /// As [`Self::positions`], of messages that follow a position.
    pub fn positions_from(&self, mut here: Position, messages: &[Shared<Message>]) -> Vec<Position> {
        let mut positions = Vec::with_capacity(messages.len() + 1);
        positions.push(here);
        for message in messages {
            let before = here;
            here = message.step(&self.secret, &before, |message| {
                mac(&self.secret, &[b"step", &before, message.canonical.as_bytes()])
            });
            positions.push(here);
        }
        positions
    }

    /// A key of the chain's index: `what` is seen at `position`.
    pub fn mark(&self, what: Landmark<'_>, position: &Position) -> Position {
        let (tag, text): (&[u8], &str) = match what {
            Landmark::Prefix => (b"prefix", ""),
            Landmark::Answer(fingerprint) => (b"answer", fingerprint),
            Landmark::Continued(fingerprint) => (b"continued", fingerprint),
            Landmark::Pending => (b"pending", ""),
        };
        mac(&self.secret, &[tag, position, text.as_bytes()])
    }

    /// As [`Self::mark`], for one conversation and thread alone: asking for it costs the same however many conversations
    /// have been at the position. Thousands of jobs that all ask the same are.
    pub fn mark_in(&self, what: Landmark<'_>, position: &Position, scope: &str, subagent: &str) -> Position {
        mac(&self.secret, &[b"in", &self.mark(what, position), scope.as_bytes(), subagent.as_bytes()])
    }

    /// What stands for a text in keys: a MAC, so that a short prompt cannot be guessed from its key. White space at the
    /// ends does not count: agents trim.
    pub fn text_key(&self, text: &str) -> String {
        hex(&mac(&self.secret, &[b"text", text.trim().as_bytes()]))
    }

    /// A wire sighting's own key of a text: what it follows, and which of the equal texts that follow it (RULES 3; the
    /// count tells apart equal prompts after equal answers, which servers with one answer give).
    pub fn own_key(&self, preceding_answer: &str, occurrence: usize) -> String {
        hex(&mac(&self.secret, &[b"own", preceding_answer.as_bytes(), &(occurrence as u64).to_le_bytes()]))
    }

    /// A key of the chain's index for a provider's id within a conversation.
    pub fn id_mark(&self, kind: &str, scope: &str, id: &str) -> Position {
        mac(&self.secret, &[b"id", kind.as_bytes(), scope.as_bytes(), id.as_bytes()])
    }
}

/// What can be known of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark<'a> {
    /// A request went this far.
    Prefix,
    /// A request that ended here was answered with this fingerprint.
    Answer(&'a str),
    /// The answer with this fingerprint was followed up.
    Continued(&'a str),
    /// A request that ended here has no answer yet.
    Pending,
}

fn mac(secret: &[u8; 32], parts: &[&[u8]]) -> Position {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut position = [0; ID_LEN];
    position.copy_from_slice(&hasher.finalize().as_bytes()[..ID_LEN]);
    position
}

/// How an answer is recognised when it comes back: by its ordered tool ids, else by its text (RULES 8). What is resent
/// is not byte for byte what was received, so nothing else counts. `None` for an answer with neither.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Option<String> {
    let mut ids = Vec::new();
    let mut text = String::new();
    for part in parts {
        match part {
            Part::ToolCall { call_id, .. } if !call_id.is_empty() => ids.push(call_id.as_str()),
            Part::Text { text: piece, .. } => text.push_str(piece),
            _ => {}
        }
    }
    if !ids.is_empty() {
        return Some(format!("tools:{}", ids.join(",")));
    }
    let text = text.trim();
    (!text.is_empty()).then(|| format!("text:{}", text_hash(text)))
}

/// The hash by which equal texts are told, as hexadecimal digits. White space at the ends does not count: agents trim.
pub fn text_hash(text: &str) -> String {
    hex(&crate::ids::hash_parts("ursa text 1", &[text.trim().as_bytes()]))
}

/// One answer within a request's messages: a run of messages from the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Index of its first message.
    pub start: usize,
    /// Index after its last.
    pub end: usize,
    /// See [`fingerprint`]; empty when there is nothing to tell it by.
    pub fingerprint: String,
}

/// The answers within a request's messages, in order.
pub fn answers(messages: &[Shared<Message>]) -> Vec<Answer> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < messages.len() {
        if messages[index].role != Role::Assistant {
            index += 1;
            continue;
        }
        let start = index;
        while index < messages.len() && messages[index].role == Role::Assistant {
            index += 1;
        }
        let parts = messages[start..index].iter().flat_map(|message| &message.parts);
        found.push(Answer { start, end: index, fingerprint: fingerprint(parts).unwrap_or_default() });
    }
    found
}

/// An id that says nothing by itself: empty, constant or counted anew each turn, as local servers give them. It counts
/// only together with its position in the chain (RULES 2).
pub fn is_weak_id(id: &str) -> bool {
    const SHORTEST_STRONG: usize = 10;
    if id.len() < SHORTEST_STRONG || !id.bytes().any(|byte| byte.is_ascii_digit()) {
        return true;
    }
    // A word and a short counter (`chatcmpl-123`, `functions.bash:0`): the counter starts again in each answer.
    let digits = id.bytes().rev().take_while(u8::is_ascii_digit).count();
    digits <= 4 && !id[..id.len() - digits].bytes().any(|byte| byte.is_ascii_digit())
}

/// What a call's context is rebuilt from, besides its messages. Stored as JSON under a content id of its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout, now 1.
    pub version: u32,
    /// `system` or `instructions`.
    pub system: Option<Piece>,
    /// `tools`.
    pub tools: Option<Piece>,
    /// Every other key of the body, as one item.
    pub params: Option<String>,
    /// Name of the body's key that held the messages.
    pub messages_key: String,
    /// True when the conversation was sent as one plain string.
    #[serde(default)]
    pub messages_as_text: bool,
    /// What was cut from messages and is to be put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stripped: Vec<Stripped>,
    /// True when the request cannot be given back as it was: it continues an answer that was never seen, or held signs
    /// that are no Unicode.
    #[serde(default)]
    pub inexact: bool,
}

/// A part of the body, by content ids (hexadecimal digits).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// One value.
    One(String),
    /// An array, one id an element.
    Array(Vec<String>),
}

/// Puts what was stripped back into the messages. `pointer`s start at the body, so their first token is the messages'
/// key. An entry that no longer fits is skipped and makes the answer inexact.
pub fn restore(messages: &mut Value, messages_key: &str, stripped: &[Stripped]) -> bool {
    let mut exact = true;
    let prefix = format!("/{messages_key}");
    for entry in stripped {
        let place = entry.pointer.strip_prefix(&prefix).and_then(|rest| rest.rsplit_once('/'));
        let object = place.and_then(|(parent, key)| {
            messages.pointer_mut(parent).and_then(Value::as_object_mut).map(|object| (object, key))
        });
        match object {
            Some((object, key)) => {
                object.insert(key.replace("~1", "/").replace("~0", "~"), entry.value.clone());
            }
            None => exact = false,
        }
    }
    exact
}

/// The answer of `/context` (RULES 9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// `system` or `instructions`; null if the request had none.
    pub system: Value,
    /// `tools`; null if the request had none.
    pub tools: Value,
    /// The conversation, as sent.
    pub messages: Value,
    /// Every other key of the body.
    pub params: Map<String, Value>,
    /// False when something of the request could not be given back.
    pub exact: bool,
    /// Where redaction put a mark: JSON pointers into this answer, and what was there.
    pub redactions: Vec<RedactionMark>,
}

/// One mark of redaction in a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionMark {
    /// JSON pointer into the context.
    pub path: String,
    /// What was there (`credential`, …).
    pub kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Origin, Tool};

    fn message(role: Role, text: &str) -> Shared<Message> {
        let message = Message {
            role,
            parts: vec![Part::Text { text: text.to_owned(), origin: Origin::Author }],
            exact: Value::Null,
            canonical: format!("{role:?}:{text}"),
        };
        message.into()
    }

    fn maker() -> PositionMaker {
        PositionMaker::new([7; 32], EnvironmentId::default_environment(), &Principal::Loopback)
    }

    #[test]
    fn a_resent_prefix_has_the_same_positions() {
        let first = [message(Role::User, "hi")];
        let second = [message(Role::User, "hi"), message(Role::Assistant, "hello"), message(Role::User, "more")];
        let (one, two) = (maker().positions(&first, None), maker().positions(&second, None));
        assert_eq!(one[..], two[..2]);
        assert_eq!(two.len(), 4);
    }

    #[test]
    fn principals_and_environments_do_not_share_positions() {
        let messages = [message(Role::User, "hi")];
        let other =
            PositionMaker::new([7; 32], EnvironmentId::default_environment(), &Principal::Key { id: "k1".to_owned() });
        assert_ne!(maker().positions(&messages, None), other.positions(&messages, None));
    }

    #[test]
    fn an_answer_is_told_by_its_tool_ids_before_its_text() {
        let call = Part::ToolCall { call_id: "toolu_1".to_owned(), tool: Tool::default(), arguments: Value::Null };
        let text = Part::Text { text: " ok\n".to_owned(), origin: Origin::Author };
        assert_eq!(fingerprint([&text, &call]).as_deref(), Some("tools:toolu_1"));
        let trimmed = Part::Text { text: "ok".to_owned(), origin: Origin::Author };
        assert_eq!(fingerprint([&text]), fingerprint([&trimmed]));
        assert_eq!(fingerprint([&Part::Reasoning { text: "hm".to_owned() }]), None);
    }

    #[test]
    fn weak_ids_are_known_by_their_looks() {
        for weak in ["", "call_0", "chatcmpl-123", "functions.bash:0", "msg_test", "resp_1", "toolu_abcdefgh"] {
            assert!(is_weak_id(weak), "{weak}");
        }
        for strong in ["toolu_mock000001_2", "msg_mock000001", "call_mock000003_2", "msg_01XFDUDYJgAACzvnptvVoYEL"] {
            assert!(!is_weak_id(strong), "{strong}");
        }
    }

    #[test]
    fn what_was_stripped_is_put_back() {
        let mut messages = serde_json::json!([{"content": [{"type": "text"}]}]);
        let stripped = [Stripped {
            pointer: "/messages/0/content/0/cache_control".to_owned(),
            value: serde_json::json!({"type": "ephemeral"}),
        }];
        assert!(restore(&mut messages, "messages", &stripped));
        assert_eq!(messages[0]["content"][0]["cache_control"]["type"], "ephemeral");
        let gone = [Stripped { pointer: "/messages/9/cache_control".to_owned(), value: Value::Null }];
        assert!(!restore(&mut messages, "messages", &gone));
    }
}
