//! What the upstream saw and what it answered: the truth that tests compare the store with.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::gemini::unnamed;

/// Tokens as the answer reported them, in the words of the API (`input_tokens` as the protocol counts it).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UsageSent {
    /// Input tokens as the protocol counts them: OpenAI's include cached ones, Anthropic's do not.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input read from a cache.
    pub cache_read_input_tokens: u64,
    /// Input written to a cache (Anthropic only).
    pub cache_creation_input_tokens: u64,
    /// Output spent on reasoning (OpenAI only).
    pub reasoning_output_tokens: u64,
}

impl UsageSent {
    /// Numbers that differ with the place in the conversation and stay the same when the conversation is run again, so
    /// that an agent prints the same totals directly and through a proxy.
    pub(super) fn at_place(messages: usize, step: usize, salt: u64) -> Self {
        let place = messages as u64 * 31 + step as u64 * 7 + salt * 131;
        Self {
            input_tokens: 11 + place % 89,
            output_tokens: 13 + place % 53,
            cache_read_input_tokens: 100 + place % 907,
            cache_creation_input_tokens: 1 + place % 211,
            reasoning_output_tokens: 1 + place % 11,
        }
    }
}

/// A tool call that the upstream asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolCallSent {
    /// The provider's call id.
    pub call_id: String,
    /// The tool, with its namespace in front where the protocol has one.
    pub name: String,
    /// Arguments: an object, or a string for freeform tools.
    pub arguments: Value,
}

/// What a model call was for, as the upstream judged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// A step of the conversation.
    Turn,
    /// A title, a probe, a summary or another side call.
    Side,
}

/// The answer to a model call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// `msg_…` or `resp_…`.
    pub response_id: String,
    /// What it was for.
    pub kind: AnswerKind,
    /// Its text blocks, in order.
    pub texts: Vec<String>,
    /// Its tool calls, in order.
    pub tool_calls: Vec<ToolCallSent>,
    /// What it reported.
    pub usage: UsageSent,
}

/// One request and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// Order of arrival, from 1.
    pub seq: u64,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
    /// Request headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body as it came over the wire.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The body decoded and parsed, if it was JSON.
    pub json: Option<Value>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body before its content encoding.
    #[serde(skip)]
    pub response_body: Vec<u8>,
    /// Was the whole answer handed to the connection?
    pub complete: bool,
    /// What it said, for a model call that succeeded.
    pub answer: Option<Answer>,
}

impl Exchange {
    /// A request header's first value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The vendor's session id: a header of Claude Code, Codex or opencode, the name of Copilot CLI's session folder.
    /// Gemini CLI tells none.
    pub fn conversation_id(&self) -> Option<&str> {
        let by_header = ["x-claude-code-session-id", "session-id", "x-parent-session-id", "x-session-id"];
        by_header.into_iter().find_map(|name| self.header(name)).or_else(|| self.session_folder())
    }

    fn session_folder(&self) -> Option<&str> {
        const UUID_CHARS: usize = 36;
        let body = std::str::from_utf8(&self.body).ok()?;
        body.split_once("/session-state/")?.1.get(..UUID_CHARS)
    }

    /// Results of tool calls that this request carries, by call id: Anthropic's `tool_result` blocks, OpenAI's
    /// `…_call_output` items and messages of a tool, the tools that a search found, Gemini's `functionResponse` parts.
    pub fn tool_results(&self) -> HashMap<String, Value> {
        let Some(json) = &self.json else { return HashMap::new() };
        let messages = json["messages"].as_array().into_iter().flatten();
        let of_tools = messages.clone().filter(|message| message["role"] == "tool");
        let of_tools = of_tools
            .filter_map(|message| Some((message["tool_call_id"].as_str()?.to_owned(), message["content"].clone())));
        let blocks = messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
        let items = json["input"].as_array().into_iter().flatten();
        let results = blocks.chain(items).filter_map(|item| {
            let (id, result) = match item["type"].as_str()? {
                "tool_result" => (&item["tool_use_id"], &item["content"]),
                "tool_search_output" => (&item["call_id"], &item["tools"]),
                kind if kind.ends_with("_call_output") => (&item["call_id"], &item["output"]),
                _ => return None,
            };
            Some((id.as_str()?.to_owned(), result.clone()))
        });
        results.chain(of_tools).chain(gemini_results(json)).collect()
    }
}

/// Results by the number of the call that they answer; the agent pairs them by ids of its own.
fn gemini_results(json: &Value) -> Vec<(String, Value)> {
    let contents = json["contents"].as_array().into_iter().flatten();
    let parts = contents.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    let mut numbers = HashMap::new();
    let mut results = Vec::new();
    for part in parts {
        if let Some(call) = part["functionCall"].as_object() {
            let number = numbers.len();
            numbers.insert(call.get("id").and_then(Value::as_str).unwrap_or_default(), number);
        }
        let told = &part["functionResponse"];
        let number = told["id"].as_str().and_then(|id| numbers.get(id));
        results.extend(number.map(|number| {
            let response = &told["response"];
            let output = response.get("output").or_else(|| response.get("error")).unwrap_or(response);
            (unnamed(*number), output.clone())
        }));
    }
    results
}

/// The exchanges of a run, in memory and, if asked for, as JSON lines in a folder.
#[derive(Debug)]
pub(super) struct ExchangeLog {
    exchanges: Mutex<Vec<Exchange>>,
    file: Option<Mutex<std::fs::File>>,
}

impl ExchangeLog {
    pub(super) fn new(dir: Option<&Path>) -> anyhow::Result<Self> {
        let file = match dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
                Some(Mutex::new(std::fs::File::create(dir.join("exchanges.jsonl"))?))
            }
            None => None,
        };
        Ok(Self { exchanges: Mutex::default(), file })
    }

    pub(super) fn push(&self, exchange: Exchange) {
        if let Some(file) = &self.file {
            let mut line = serde_json::to_vec(&exchange).unwrap_or_default();
            line.push(b'\n');
            // The file is for reading by eye; the log that tests use is the one in memory.
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        }
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }

    pub(super) fn snapshot(&self) -> Vec<Exchange> {
        let mut all = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by_key(|exchange| exchange.seq);
        all
    }
}
