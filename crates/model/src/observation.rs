//! One fact, as one capture shows it.
//!
//! An observation's id leaves out which capture it came from and when: the same fact seen twice on the same vantage
//! point is one element of the set that [`crate::fuse`] joins.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::{Assurance, Channel};
use crate::event::{Attachment, EventKind, PermissionDecision, ToolStatus};
use crate::ids::{ConversationScope, ExchangeId, ID_LEN, hash_parts};
use crate::message::{AgentKind, CallError, Purpose, Tool, Usage};
use crate::time::Timestamp;

/// From where a fact was seen: finer than the channel, since a field's best source is a vantage point (RULES 5).
/// Order matters nowhere; each field names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vantage {
    /// The model's reply on the wire.
    WireReply,
    /// The new tail of a request on the wire.
    WireRequest,
    /// History that a request resends.
    WireHistory,
    /// A hook before the fact.
    HookBefore,
    /// A hook after the fact.
    HookAfter,
    /// A hook that tells what went to the model.
    HookBatch,
    /// The agent's own transcript.
    Transcript,
    /// The agent's telemetry.
    Telemetry,
    /// The browser extension.
    Page,
}

impl Vantage {
    /// The channel that a vantage point belongs to.
    pub const fn channel(self) -> Channel {
        match self {
            Self::WireReply | Self::WireRequest | Self::WireHistory => Channel::Edge,
            Self::HookBefore | Self::HookAfter | Self::HookBatch => Channel::Hook,
            Self::Transcript => Channel::Transcript,
            Self::Telemetry => Channel::Otel,
            Self::Page => Channel::Browser,
        }
    }
}

/// A natural key of a fact within its conversation. The order is the order of preference for the event's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Tool call: the provider's call id.
    Call(String),
    /// Tool call with an id that is constant, empty or counts per turn: counts only with its position in the chain.
    CallAt(String, String),
    /// Model call: the upstream's request id.
    Request(String),
    /// Model call, reasoning: message or response id; reasoning adds the block's number.
    Response(String),
    /// Model call: the exchange.
    Exchange(String),
    /// Prompt, completion: the text's hash. Several events may share it; they are told apart by rank (RULES 3).
    Text(String),
    /// Tool call, permission: the hash of tool and canonical arguments, for agents that tell no call id to every channel.
    /// Told apart by rank, like texts.
    Action(String),
    /// Lifecycle events: source and occurrence.
    Occurrence(String, u32),
    /// The session's own attributes and gaps.
    Session,
}

/// What a session's attribute is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attribute", rename_all = "snake_case")]
pub enum SessionAttribute {
    /// The agent.
    Agent {
        /// One slug an agent.
        slug: String,
        /// Name for people.
        name: String,
        /// Version, if told.
        version: Option<String>,
        /// Where it runs.
        kind: AgentKind,
        /// See [`crate::message::Identity::confidence`].
        confidence: u8,
    },
    /// The person.
    User {
        /// Login or id.
        id: String,
        /// E-mail, if told.
        email: Option<String>,
        /// Name, if told.
        name: Option<String>,
        /// How sure.
        source: Assurance,
    },
    /// The machine.
    Device {
        /// Device id or reported name.
        id: String,
        /// Host name, if told.
        hostname: Option<String>,
        /// Serial number, if told.
        serial: Option<String>,
        /// How sure.
        source: Assurance,
    },
    /// A title that the agent asked the model for.
    Title {
        /// The title.
        text: String,
    },
    /// Working directory.
    Cwd {
        /// The path.
        path: String,
    },
    /// The vendor's conversation id.
    Conversation {
        /// The id.
        id: String,
    },
    /// The session that this one was forked from or started by, by the vendor's id in its namespace.
    Parent {
        /// Its scope.
        scope: ConversationScope,
    },
    /// Something is known to be missing, cut short or unparsed.
    Gap {
        /// On which channel.
        channel: Channel,
        /// Short code.
        kind: String,
        /// For a person.
        detail: String,
    },
}

/// What was seen. Every field is optional where a vantage point may not show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
// Observations live in collections, where a box each would cost more than the spare bytes.
#[allow(clippy::large_enum_variant)]
pub enum Content {
    /// A prompt.
    Prompt {
        /// The author's words.
        text: String,
        /// What came with it: images, files, and text that the agent put in.
        attachments: Vec<Attachment>,
    },
    /// An answer with text.
    Completion {
        /// Its text blocks, one after the other.
        text: String,
        /// The model that answered.
        model: Option<String>,
        /// Message or response id.
        response_id: Option<String>,
        /// Why it ended.
        finish_reason: Option<String>,
        /// What the call was for.
        purpose: Purpose,
    },
    /// Reasoning that can be read.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A tool call or its result.
    ToolCall {
        /// Which tool; `None` where only the result was seen.
        tool: Option<Tool>,
        /// The provider's call id.
        call_id: String,
        /// Arguments.
        arguments: Option<Value>,
        /// What ran instead, if changed on the way.
        executed_arguments: Option<Value>,
        /// What the model was given.
        result: Option<Value>,
        /// The tool's own structured response.
        detail: Option<Value>,
        /// Whether it failed.
        is_error: Option<bool>,
        /// How far it got, as seen here.
        status: ToolStatus,
        /// The subagent that it started.
        spawned_subagent_id: Option<String>,
        /// Response in which the model asked for it.
        response_id: Option<String>,
    },
    /// One exchange with a model.
    ModelCall(Box<ModelCallContent>),
    /// A tool call ran inside another: what a script that the model wrote called.
    Inside {
        /// The other's call id.
        call_id: String,
    },
    /// A permission was asked or decided.
    Permission {
        /// Which tool; `None` where only the call's id was seen.
        tool: Option<Tool>,
        /// The provider's id of the call.
        call_id: Option<String>,
        /// Arguments.
        arguments: Option<Value>,
        /// How it was decided.
        decision: PermissionDecision,
        /// Why, if told.
        reason: Option<String>,
    },
    /// What the kind alone tells: a session or subagent that began or ended, a compaction, an error, a notice.
    Happened {
        /// The agent's own word: source, reason, trigger, type, code.
        word: Option<String>,
        /// For a person.
        message: String,
    },
    /// The session's own.
    Session(SessionAttribute),
}

/// See [`Content::ModelCall`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelCallContent {
    /// `anthropic`, `openai`, …
    pub provider: String,
    /// Requested model.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// Message or response id.
    pub response_id: Option<String>,
    /// What the call was for.
    pub purpose: Purpose,
    /// HTTP status.
    pub status_code: Option<u16>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// From request to end, milliseconds.
    pub latency_ms: Option<u64>,
    /// From request to the first byte of the answer's body, milliseconds.
    pub time_to_first_chunk_ms: Option<u64>,
    /// Tokens.
    pub usage: Option<Usage>,
    /// Why it failed.
    pub error: Option<CallError>,
    /// The request's context, by which `/context` is rebuilt; `None` until it is known.
    pub context: Option<ContextRef>,
}

/// Names what a call's context is rebuilt from: all content ids of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextRef {
    /// Head of the exact chain; `None` for a request without messages.
    pub head: Option<String>,
    /// Manifest: system, tools, params, stripped, shape.
    pub manifest: String,
}

/// One fact, as one capture shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The conversation.
    pub scope: ConversationScope,
    /// Set inside a subagent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_id: Option<String>,
    /// What kind of event it tells of; `None` for the session's own attributes.
    pub kind: Option<EventKind>,
    /// From where.
    pub vantage: Vantage,
    /// Natural keys; sharing one fuses.
    pub keys: Vec<Key>,
    /// For facts told apart by rank: this sighting's own key (RULES 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_key: Option<String>,
    /// What was seen.
    pub content: Content,
    /// When the fact happened, as far as this vantage point can tell.
    pub at: Timestamp,
    /// Place within its capture; orders facts of one moment.
    pub ordinal: u32,
    /// The capture.
    pub capture: ExchangeId,
    /// Version of what read it: adapters, canonicaliser, redactor (RULES 7). What a newer version reads out of the same
    /// capture takes the place of what an older one read.
    #[serde(default)]
    pub made_by: u32,
}

impl Observation {
    /// Begins the own key of a hook's second telling of what another of its events tells: those are counted apart.
    pub const BESIDE: &str = "~";

    /// hash(channel, keys, content), without capture or time (RULES 5).
    pub fn id(&self) -> [u8; ID_LEN] {
        let told = (&self.vantage, &self.keys, &self.own_key, &self.content, &self.subagent_id);
        // Serialising plain data to memory cannot fail; an empty text would only make two broken facts one.
        let text = serde_json::to_string(&told).unwrap_or_default();
        hash_parts("ursa observation 1", &[text.as_bytes()])
    }
}
