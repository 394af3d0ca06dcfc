//! A model call in words that no protocol owns: what every wire adapter reads its requests and answers into.
//!
//! A request keeps two things of each message: what it says ([`Message::parts`]) and how it was written
//! ([`Message::exact`], from which `/context` gives the request back, and [`Message::canonical`], by which resent
//! history is recognised).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::shared::Shared;

/// Who a message is from. `developer` is a system message, a tool's result is a user message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions. May come in mid-conversation.
    System,
    /// The person, the agent on the person's behalf, or a tool's result.
    User,
    /// The model.
    Assistant,
}

/// Whose words a piece of text in a user message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The person's, or what a parent agent told its subagent.
    Author,
    /// Put in by the agent: reminders, context, notifications, summaries.
    Injected,
}

/// One piece of a message or of an answer, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text, exactly.
        text: String,
        /// Whose words; meaningful in user messages only.
        origin: Origin,
    },
    /// Reasoning that can be read (a summary, or the thinking itself); empty when only an encrypted form came.
    Reasoning {
        /// The text.
        text: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Provider's call id; empty if it gave none.
        call_id: String,
        /// Which tool.
        tool: Tool,
        /// JSON arguments; free-form input (`custom_tool_call`) is a JSON string; text that should have been JSON and
        /// is not (cut short) is kept as a JSON string too, and is a problem of the capture.
        arguments: Value,
    },
    /// What the model was given back.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// As sent: a string or an array of blocks.
        content: Value,
        /// What the protocol says; `None` where it has no such field.
        is_error: Option<bool>,
        /// The subagent that the call started, where the result names it.
        spawned_subagent_id: Option<String>,
    },
    /// An image, document or other non-text part of a message.
    Attachment {
        /// `image`, `document`, `audio`, `file`, …
        kind: String,
        /// Media type, if told.
        media_type: Option<String>,
        /// File name, if told.
        name: Option<String>,
        /// Decoded size in bytes as far as it can be told without decoding; 0 if by reference.
        bytes: u64,
        /// URL or file id, if by reference.
        reference: Option<String>,
    },
    /// A block of a type that the adapter does not know. Kept, counted, never an error.
    Unknown {
        /// The block's own type.
        block_type: String,
    },
}

/// How a tool is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolType {
    /// Of the agent itself.
    Builtin,
    /// On an MCP server.
    Mcp,
    /// A function of the caller (SDK).
    #[default]
    Function,
    /// Run by the model's provider (web search, …).
    Server,
}

/// The command line that a tool call runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandLine {
    /// First word of the command, without its folder.
    pub program: String,
    /// The words, as far as a simple command line can be split without running a shell; else the whole text as one.
    pub argv: Vec<String>,
}

/// Which tool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tool {
    /// As the model called it (`Bash`, `mcp__github__search`, `exec_command`, …).
    pub name: String,
    /// How it is run.
    #[serde(rename = "type")]
    pub kind: ToolType,
    /// MCP server, for `mcp`.
    #[serde(default)]
    pub mcp_server: Option<String>,
    /// The tool's name on that server, for `mcp`.
    #[serde(default)]
    pub mcp_tool: Option<String>,
    /// Set when the call runs a command line.
    #[serde(default)]
    pub cli: Option<CommandLine>,
}

/// One message of a request (Responses: one input item).
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// What it says.
    pub parts: Vec<Part>,
    /// The message as sent, less what moves between requests (see [`ModelRequest::stripped`]).
    pub exact: Value,
    /// The message in a form that stays equal when an agent resends it: cache markers dropped, a lone text block and a
    /// plain string made one, object keys sorted, ids that the agent draws anew and reasoning left out.
    pub canonical: String,
}

/// What was stripped from a message before it was stored, to be put back in `/context`: at most a few per request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stripped {
    /// JSON pointer (RFC 6901) into the request's body, whose last token is the stripped key.
    pub pointer: String,
    /// The key's value.
    pub value: Value,
}

/// A request to a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelRequest {
    /// Requested model.
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// `system` or `instructions`, as sent.
    pub system: Option<Shared<Value>>,
    /// `tools`, as sent.
    pub tools: Option<Shared<Value>>,
    /// The conversation.
    pub messages: Vec<Shared<Message>>,
    /// True when the conversation was sent as one plain string (Responses `input: "…"`).
    pub messages_as_text: bool,
    /// Name of the body's key that held the messages (`messages`, `input`).
    pub messages_key: &'static str,
    /// What was cut from messages.
    pub stripped: Vec<Stripped>,
    /// Every other key of the body.
    pub params: Map<String, Value>,
    /// Responses: the answer that this request continues.
    pub previous_response_id: Option<String>,
}

/// Tokens, in the OpenTelemetry words. `None` where the provider said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Tokens of input as the provider counts them.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Tokens of output, reasoning included.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Input read from the provider's cache.
    #[serde(default)]
    pub cache_read_input_tokens: Option<u64>,
    /// Input written to the provider's cache.
    #[serde(default)]
    pub cache_creation_input_tokens: Option<u64>,
    /// Output spent on reasoning.
    #[serde(default)]
    pub reasoning_output_tokens: Option<u64>,
}

/// Why a call failed, as the provider says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallError {
    /// The provider's type or code (`overloaded_error`, …), or the edge's own code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The provider's message.
    pub message: String,
}

/// A model's answer, as far as it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelResponse {
    /// Message or response id.
    pub response_id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Blocks in order; only those that came whole, and the text of a cut one as far as it came.
    pub parts: Vec<Part>,
    /// `end_turn`, `tool_use`, `completed`, …
    pub finish_reason: Option<String>,
    /// Tokens as the provider last said them.
    pub usage: Option<Usage>,
    /// Set on an error answer or an error event in the stream.
    pub error: Option<CallError>,
    /// True when the answer came to its own end (`message_stop`, `response.completed`, a whole JSON document).
    pub complete: bool,
}

/// What a model call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Part of the conversation. Only these yield prompts.
    #[default]
    Turn,
    /// Naming the session.
    Title,
    /// Judging an action (auto mode).
    Classifier,
    /// Counting tokens.
    CountTokens,
    /// Seeing whether the server is there.
    Probe,
    /// Summing the conversation up (compaction).
    Summary,
    /// Anything else that is not a turn.
    Other,
}

/// Where an agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// A terminal program.
    Terminal,
    /// A desktop program or an editor.
    Desktop,
    /// A page in a browser.
    Browser,
    /// A program of the organisation's own, through an SDK.
    #[default]
    Sdk,
}

/// The agent behind a request, and its own names for what goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// One slug an agent, however its user agent spells it (`claude-code`); an SDK's slug when nothing tells more;
    /// `unrecognised` with the evidence kept when nothing is known.
    pub agent_slug: String,
    /// Name for people.
    pub agent_name: String,
    /// Version, if told.
    pub agent_version: Option<String>,
    /// Where it runs.
    pub agent_kind: AgentKind,
    /// How sure: 0 a hint (user agent of an SDK), 1 own user agent, 2 own headers or body fields.
    pub confidence: u8,
    /// Vendor's namespace and conversation id, where the request carries one.
    pub conversation: Option<(String, String)>,
    /// Vendor's conversation id of the session that this one was forked or started from.
    pub parent_conversation: Option<String>,
    /// Set inside a subagent.
    pub subagent_id: Option<String>,
    /// The agent's id of the turn, if told.
    pub turn: Option<String>,
    /// Working directory, if told.
    pub cwd: Option<String>,
    /// What the call is for.
    pub purpose: Purpose,
}

/// Something that an adapter could not read; a gap of the session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Short code (`truncated`, `unparsed_request`, `decode_limit`, `unknown_event`, …).
    pub kind: String,
    /// What and how much, for a person; no content.
    pub detail: String,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: &str, detail: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), detail: detail.into() }
    }
}
