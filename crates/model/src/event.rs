//! Events as the API shows them: each fact once, with its witnesses.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::Channel;
use crate::ids::{EventId, ExchangeId, SessionId};
use crate::message::{CallError, Purpose, Tool, Usage};
use crate::time::Timestamp;

/// What kind of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// What the user asked.
    Prompt,
    /// What the model said.
    Completion,
    /// What the model thought, where it can be read.
    Reasoning,
    /// A tool call and its result.
    ToolCall,
    /// One exchange with a model.
    ModelCall,
    /// A channel said that the session began.
    SessionStart,
    /// A channel said that the session ended.
    SessionEnd,
    /// A permission was asked and decided.
    Permission,
    /// A subagent began.
    SubagentStart,
    /// A subagent ended.
    SubagentStop,
    /// The conversation was summed up and cut.
    Compaction,
    /// Something failed.
    Error,
    /// Anything else worth showing.
    Notice,
}

impl EventKind {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Completion => "completion",
            Self::Reasoning => "reasoning",
            Self::ToolCall => "tool_call",
            Self::ModelCall => "model_call",
            Self::SessionStart => "session_start",
            Self::SessionEnd => "session_end",
            Self::Permission => "permission",
            Self::SubagentStart => "subagent_start",
            Self::SubagentStop => "subagent_stop",
            Self::Compaction => "compaction",
            Self::Error => "error",
            Self::Notice => "notice",
        }
    }
}

/// How far a tool call got; the highest that any witness saw wins (RULES 5).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// Nothing told.
    #[default]
    Unknown,
    /// The model asked for it.
    Requested,
    /// A hook saw it start.
    Running,
    /// It gave a result.
    Completed,
    /// It gave an error.
    Failed,
    /// A person, a policy or a hook refused it.
    Denied,
}

/// What came with a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    /// `context` for text that the agent put in, else `image`, `document`, …
    pub kind: String,
    /// Text, for `context`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Media type, if told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// File name, if told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes; 0 if by reference.
    #[serde(default)]
    pub bytes: u64,
    /// URL or file id, if by reference. Never fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Who saw the fact, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Witness {
    /// On which channel.
    pub channel: Channel,
    /// In which capture.
    #[schema(value_type = String)]
    pub capture_id: ExchangeId,
    /// When that channel saw it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What an event says, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    /// What the user asked.
    Prompt {
        /// The author's words.
        text: String,
        /// What came with it.
        attachments: Vec<Attachment>,
    },
    /// What the model said: one per answer with text, its text blocks one after the other.
    Completion {
        /// The text.
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
    /// What the model thought.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A tool call and its result.
    ToolCall(Box<ToolCallBody>),
    /// One exchange with a model.
    ModelCall(Box<ModelCallBody>),
    /// A channel said that the session began.
    SessionStart {
        /// How, by the agent's own word (`startup`, `resume`, …).
        source: Option<String>,
    },
    /// A channel said that the session ended.
    SessionEnd {
        /// Why, by the agent's own word.
        reason: Option<String>,
    },
    /// A permission was asked and decided.
    Permission(Box<PermissionBody>),
    /// A subagent began.
    SubagentStart {
        /// What it is, by the agent's own word.
        agent_type: Option<String>,
    },
    /// A subagent ended.
    SubagentStop {
        /// What it is, by the agent's own word.
        agent_type: Option<String>,
    },
    /// The conversation was summed up and cut.
    Compaction {
        /// `manual` or `auto`, if told.
        trigger: Option<String>,
    },
    /// Something failed.
    Error {
        /// Short code.
        code: String,
        /// For a person.
        message: String,
    },
    /// Anything else worth showing.
    Notice {
        /// Short code.
        code: String,
        /// For a person.
        message: String,
    },
}

impl EventBody {
    /// What kind of fact it is.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Prompt { .. } => EventKind::Prompt,
            Self::Completion { .. } => EventKind::Completion,
            Self::Reasoning { .. } => EventKind::Reasoning,
            Self::ToolCall(_) => EventKind::ToolCall,
            Self::ModelCall(_) => EventKind::ModelCall,
            Self::SessionStart { .. } => EventKind::SessionStart,
            Self::SessionEnd { .. } => EventKind::SessionEnd,
            Self::Permission(_) => EventKind::Permission,
            Self::SubagentStart { .. } => EventKind::SubagentStart,
            Self::SubagentStop { .. } => EventKind::SubagentStop,
            Self::Compaction { .. } => EventKind::Compaction,
            Self::Error { .. } => EventKind::Error,
            Self::Notice { .. } => EventKind::Notice,
        }
    }
}

/// How a permission was decided; what is decided outranks what is asked.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PermissionDecision {
    /// It was asked; no channel told the answer.
    #[default]
    Asked,
    /// The call may run.
    Allowed,
    /// The call may not run.
    Denied,
}

/// See [`EventBody::Permission`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PermissionBody {
    /// The provider's id of the call that it was asked for, where a channel told it.
    pub call_id: Option<String>,
    /// How it was decided.
    pub decision: PermissionDecision,
    /// The tool that was to run.
    pub tool: Tool,
    /// What it was to run with.
    pub arguments: Option<Value>,
    /// Why, if told.
    pub reason: Option<String>,
}

/// See [`EventBody::ToolCall`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToolCallBody {
    /// Which tool.
    pub tool: Tool,
    /// The provider's call id.
    pub call_id: String,
    /// As the model asked.
    pub arguments: Option<Value>,
    /// What ran instead, if changed.
    pub executed_arguments: Option<Value>,
    /// What the model was given.
    pub result: Option<Value>,
    /// The tool's own structured response, where a hook told it.
    pub detail: Option<Value>,
    /// Whether it failed; `None` while there is no result.
    pub is_error: Option<bool>,
    /// How far it got.
    pub status: ToolStatus,
    /// When the model asked for it (or a hook saw it start).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When its result was first seen.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Between the two, milliseconds.
    pub duration_ms: Option<u64>,
    /// The subagent that the call started, where its result names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned_subagent_id: Option<String>,
}

/// See [`EventBody::ModelCall`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelCallBody {
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
    /// HTTP status; `None` while none came.
    pub status_code: Option<u16>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// From request to end, milliseconds.
    pub latency_ms: Option<u64>,
    /// From request to the first byte of the answer's body, milliseconds.
    pub time_to_first_chunk_ms: Option<u64>,
    /// Tokens, as the provider said them.
    pub usage: Option<Usage>,
    /// Why it failed.
    pub error: Option<CallError>,
}

/// An event, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// Always resolves, even after the fact proved to be another's.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Grows with each change.
    pub rev: u64,
    /// The session it belongs to.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Orders the timeline, from 1; may move when a late witness arrives.
    pub seq: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The prompt it belongs to: 1 from the first prompt of the main thread up to the next; 0 before.
    pub turn: u32,
    /// The event that led to this one.
    #[schema(value_type = Option<String>)]
    pub parent_event_id: Option<EventId>,
    /// Set inside a subagent.
    pub subagent_id: Option<String>,
    /// Who saw it.
    pub witnesses: Vec<Witness>,
    /// What it says.
    #[serde(flatten)]
    pub body: EventBody,
}
