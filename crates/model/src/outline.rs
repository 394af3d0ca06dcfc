//! What a list shows of an event: one line of it and its figures, without its content.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::Channel;
use crate::event::{Event, EventBody, EventKind, ModelCallBody, PermissionDecision, ToolCallBody, ToolStatus};
use crate::ids::{EventId, SessionId};
use crate::message::{Purpose, Tool, ToolType, Usage};
use crate::time::Timestamp;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 240;
/// Arguments that say best what a call is about, in the order in which they are looked for.
const TELLING_ARGUMENTS: [&str; 14] = [
    "command",
    "cmd",
    "file_path",
    "path",
    "filePath",
    "notebook_path",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
    "title",
    "name",
    "input",
];

/// Which tool, without the words of its command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutlineTool {
    /// As the model called it.
    pub name: String,
    /// How it is run.
    #[serde(rename = "type")]
    pub kind: ToolType,
    /// MCP server, for `mcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mcp_server: Option<String>,
    /// The tool's name on that server, for `mcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mcp_tool: Option<String>,
    /// The program, when the call runs a command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub program: Option<String>,
}

/// One event in the outline of its session. What a kind does not have is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutlineItem {
    /// The event's id.
    #[schema(value_type = String)]
    pub id: EventId,
    /// Grows with each change of the event.
    pub rev: u64,
    /// The session it belongs to.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Orders the timeline, from 1.
    pub seq: u64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What kind of fact.
    pub kind: EventKind,
    /// The prompt it belongs to.
    pub turn: u32,
    /// The event that led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false)]
    pub parent_event_id: Option<EventId>,
    /// Set inside a subagent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subagent_id: Option<String>,
    /// Channels that saw it, each once.
    pub channels: Vec<Channel>,
    /// One line of its content, at most [`TITLE_CHARS_MAX`] characters: the beginning of a text, a command, the path that
    /// a tool was given. Empty for those who may not read content.
    pub title: String,
    /// Size of its content: characters of its text, or of its parameters and response as JSON.
    pub chars: u64,
    /// Lines of its text; 0 where there is none.
    pub lines: u64,
    /// What came with a prompt, text that the agent put in aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub attachments: u64,
    /// Which tool was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tool: Option<OutlineTool>,
    /// The provider's id of the tool call, or of the one that a permission was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call_id: Option<String>,
    /// How far a tool call got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<ToolStatus>,
    /// How a permission was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decision: Option<PermissionDecision>,
    /// Short code of an error or a notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// Whether it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub is_error: Option<bool>,
    /// How long a tool ran, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duration_ms: Option<u64>,
    /// The subagent that the call started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spawned_subagent_id: Option<String>,
    /// Who was asked: `anthropic`, `openai`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider: Option<String>,
    /// The model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_model: Option<String>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// What the call was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub purpose: Option<Purpose>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status_code: Option<u16>,
    /// Why a model call failed: the error's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error_kind: Option<String>,
    /// From request to end, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub latency_ms: Option<u64>,
    /// From request to the first byte of the answer's body, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub time_to_first_chunk_ms: Option<u64>,
    /// Tokens of a model call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// Why a completion ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub finish_reason: Option<String>,
    /// Whether a stream was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stream: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl OutlineItem {
    /// The line of an event.
    pub fn of(event: &Event) -> Self {
        let mut channels: Vec<Channel> = event.witnesses.iter().map(|witness| witness.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        let mut item = Self {
            id: event.id,
            rev: event.rev,
            session_id: event.session_id,
            seq: event.seq,
            at: event.at,
            kind: event.body.kind(),
            turn: event.turn,
            parent_event_id: event.parent_event_id,
            subagent_id: event.subagent_id.clone(),
            channels,
            title: String::new(),
            chars: 0,
            lines: 0,
            attachments: 0,
            tool: None,
            call_id: None,
            status: None,
            decision: None,
            code: None,
            is_error: None,
            duration_ms: None,
            spawned_subagent_id: None,
            provider: None,
            request_model: None,
            model: None,
            purpose: None,
            status_code: None,
            error_kind: None,
            latency_ms: None,
            time_to_first_chunk_ms: None,
            usage: None,
            finish_reason: None,
            stream: None,
        };
        item.fill(&event.body);
        item
    }

    fn fill(&mut self, body: &EventBody) {
        match body {
            EventBody::Prompt { text, attachments } => {
                self.fill_text(text);
                self.attachments = attachments.iter().filter(|attachment| attachment.kind != "context").count() as u64;
            }
            EventBody::Completion { text, model, finish_reason, purpose, .. } => {
                self.fill_text(text);
                self.model.clone_from(model);
                self.finish_reason.clone_from(finish_reason);
                self.purpose = Some(*purpose);
            }
            EventBody::Reasoning { text } => self.fill_text(text),
            EventBody::ToolCall(call) => self.fill_tool_call(call),
            EventBody::ModelCall(call) => self.fill_model_call(call),
            EventBody::Permission(asked) => {
                self.title = told_by(&asked.tool, asked.arguments.as_ref());
                self.chars = asked.arguments.as_ref().map(size).unwrap_or_default();
                self.tool = Some(outline_tool(&asked.tool));
                self.call_id.clone_from(&asked.call_id);
                self.decision = Some(asked.decision);
            }
            EventBody::Error { code, message } | EventBody::Notice { code, message } => {
                self.fill_text(message);
                self.code = Some(one_line(code));
            }
            EventBody::SessionStart { source: word }
            | EventBody::SessionEnd { reason: word }
            | EventBody::SubagentStart { agent_type: word }
            | EventBody::SubagentStop { agent_type: word }
            | EventBody::Compaction { trigger: word } => {
                self.title = word.as_deref().map(one_line).unwrap_or_default();
            }
        }
    }

    fn fill_text(&mut self, text: &str) {
        self.title = one_line(text);
        self.chars = text.chars().count() as u64;
        self.lines = text.lines().count() as u64;
    }

    fn fill_tool_call(&mut self, call: &ToolCallBody) {
        let values = [&call.arguments, &call.executed_arguments, &call.result, &call.detail];
        self.chars = values.into_iter().flatten().map(size).sum();
        self.title = told_by(&call.tool, call.executed_arguments.as_ref().or(call.arguments.as_ref()));
        self.tool = Some(outline_tool(&call.tool));
        self.call_id = Some(call.call_id.clone());
        self.status = Some(call.status);
        self.is_error = call.is_error;
        self.duration_ms = call.duration_ms;
        self.spawned_subagent_id.clone_from(&call.spawned_subagent_id);
    }

    fn fill_model_call(&mut self, call: &ModelCallBody) {
        self.provider = Some(call.provider.clone());
        self.request_model.clone_from(&call.request_model);
        self.model.clone_from(&call.response_model);
        self.purpose = Some(call.purpose);
        self.status_code = call.status_code;
        self.error_kind = call.error.as_ref().map(|error| error.kind.clone());
        self.is_error = Some(call.error.is_some());
        self.latency_ms = call.latency_ms;
        self.time_to_first_chunk_ms = call.time_to_first_chunk_ms;
        self.usage = call.usage;
        self.stream = Some(call.stream);
    }
}

fn outline_tool(tool: &Tool) -> OutlineTool {
    OutlineTool {
        name: tool.name.clone(),
        kind: tool.kind,
        mcp_server: tool.mcp_server.clone(),
        mcp_tool: tool.mcp_tool.clone(),
        program: tool.cli.as_ref().map(|cli| cli.program.clone()),
    }
}

/// Characters of a value as compact JSON, escapes aside: an estimate is enough to lay out a page.
fn size(value: &Value) -> u64 {
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(_) => 6,
        Value::String(text) => text.chars().count() as u64 + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<u64>(),
        Value::Object(fields) => {
            2 + fields.iter().map(|(name, field)| name.chars().count() as u64 + size(field) + 4).sum::<u64>()
        }
    }
}

/// What a call is about, in one line.
fn told_by(tool: &Tool, arguments: Option<&Value>) -> String {
    if let Some(cli) = &tool.cli
        && !cli.argv.is_empty()
    {
        return one_line(&cli.argv.join(" "));
    }
    match arguments {
        Some(Value::String(text)) => one_line(text),
        Some(Value::Object(fields)) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
            let telling = TELLING_ARGUMENTS.into_iter().find_map(text);
            let first = || fields.values().find_map(Value::as_str);
            telling.or_else(first).map(one_line).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The beginning of a text on one line.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        // A space that no sign of the next word follows is none.
        let gap = usize::from(chars > 0);
        if chars + gap >= TITLE_CHARS_MAX {
            break;
        }
        if gap > 0 {
            line.push(' ');
        }
        chars += gap;
        for sign in word.chars().take(TITLE_CHARS_MAX - chars) {
            line.push(sign);
            chars += 1;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::message::CommandLine;

    #[test]
    fn a_title_is_one_line_and_bounded() {
        assert_eq!(one_line("  fix\n\tthe   bug \r\n"), "fix the bug");
        assert_eq!(one_line(&"ü".repeat(1_000_000)).chars().count(), TITLE_CHARS_MAX);
        for first in ["", "a", "ab", "abc", "abcd"] {
            let line = one_line(&format!("{first} {}", "word ".repeat(1000)));
            assert!((TITLE_CHARS_MAX - 1..=TITLE_CHARS_MAX).contains(&line.len()) && !line.ends_with(' '), "{line}");
        }
        assert_eq!(one_line(" \n "), "");
    }

    #[test]
    fn a_call_is_told_by_what_it_does() {
        let plain = Tool::default();
        let cli = CommandLine { program: "npm".to_owned(), argv: vec!["npm".to_owned(), "test".to_owned()] };
        let command = Tool { cli: Some(cli), ..Tool::default() };
        assert_eq!(told_by(&command, Some(&json!({"command": "cd x && npm test"}))), "npm test");
        assert_eq!(told_by(&plain, Some(&json!({"limit": 3, "file_path": "/src/a.rs"}))), "/src/a.rs");
        assert_eq!(told_by(&plain, Some(&json!({"n": 3, "anything": "else"}))), "else");
        assert_eq!(told_by(&plain, Some(&json!("*** Begin Patch\n*** End"))), "*** Begin Patch *** End");
        assert_eq!(told_by(&plain, None), "");
    }

    #[test]
    fn codes_and_decisions_are_structure_and_stay_apart_from_the_title() {
        let event = |body: EventBody| Event {
            id: EventId([1; 16]),
            rev: 1,
            session_id: SessionId([2; 16]),
            seq: 1,
            at: Timestamp(0),
            turn: 1,
            parent_event_id: None,
            subagent_id: None,
            witnesses: Vec::new(),
            body,
        };
        let notice = EventBody::Notice { code: "model_switch".to_owned(), message: "m".to_owned() };
        let item = OutlineItem::of(&event(notice));
        assert_eq!((item.code.as_deref(), item.title.as_str(), item.decision), (Some("model_switch"), "m", None));
        let asked = EventBody::Permission(Box::default());
        assert_eq!(OutlineItem::of(&event(asked)).decision, Some(PermissionDecision::Asked));
    }

    #[test]
    fn sizes_follow_the_json() {
        let value = json!({"a": ["xyz", 1, true, null], "b": {"c": "ü"}});
        assert!(size(&value).abs_diff(serde_json::to_string(&value).unwrap().chars().count() as u64) < 15);
    }
}
