//! What a request shows of its sender.

use serde_json::Value;
use ursa_model::capture::CaptureHead;
use ursa_model::message::{ModelRequest, Part, Role};

use crate::route::{Protocol, Route};

/// How strongly a request looks like an agent's. Later is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The user agent, which others imitate and SDKs share.
    UserAgent,
    /// The names of its tools.
    ToolNames,
    /// How its system prompt begins.
    SystemPrompt,
    /// A field of the body that only it writes.
    BodyField,
    /// A header that only it sends.
    OwnHeader,
}

impl Strength {
    /// As in [`ursa_model::message::Identity::confidence`].
    pub const fn confidence(self) -> u8 {
        match self {
            Self::UserAgent | Self::ToolNames | Self::SystemPrompt => 1,
            Self::BodyField | Self::OwnHeader => 2,
        }
    }
}

/// Messages at the head of the conversation in which system texts are looked for.
const SYSTEM_MESSAGES_LIMIT: usize = 32;

/// A request's head and body, with questions.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    head: &'a CaptureHead,
    /// The body, if it could be read.
    pub request: Option<&'a ModelRequest>,
}

impl<'a> Evidence<'a> {
    /// Of a request.
    pub fn new(head: &'a CaptureHead, request: Option<&'a ModelRequest>) -> Self {
        Self { head, request }
    }

    /// A header's value, if it is there and not empty.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.head.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether any header's name begins so.
    pub fn has_header_like(&self, prefix: &str) -> bool {
        self.head.headers.iter().any(|(name, _)| name.len() >= prefix.len() && name.starts_with(prefix))
    }

    /// The user agent, empty if there is none.
    pub fn user_agent(&self) -> &'a str {
        self.header("user-agent").unwrap_or_default()
    }

    /// What follows `<product>/` at the head of the user agent.
    pub fn user_agent_version(&self, product: &str) -> Option<String> {
        version_after(self.user_agent(), product)
    }

    /// The request line.
    pub fn method_and_path(&self) -> (&'a str, &'a str) {
        (&self.head.method, self.head.path.trim_end_matches('/'))
    }

    /// The route, if an adapter knows it.
    pub fn route(&self) -> Option<Route> {
        Route::find(Protocol::from_name(&self.head.protocol)?, &self.head.method, &self.head.path)
    }

    /// A parameter of the body, or of the request that Google's wrapper holds.
    pub fn param(&self, name: &str) -> Option<&'a Value> {
        let params = &self.request?.params;
        params.get(name).or_else(|| params.get("request")?.get(name))
    }

    /// A parameter of how the model is to answer, which Gemini keeps apart.
    pub fn setting(&self, name: &str) -> Option<&'a Value> {
        self.param("generationConfig")?.get(name)
    }

    /// Names in `tools`, or in the `functions` of old.
    pub fn tool_names(&self) -> impl Iterator<Item = &'a str> {
        let tools = self.request.and_then(|request| request.tools.as_deref()).or_else(|| self.param("functions"));
        let tools = tools.and_then(Value::as_array).into_iter().flatten();
        tools.flat_map(declared).filter_map(|tool| tool.get("name")?.as_str())
    }

    /// Whether all of these tools are offered.
    pub fn offers(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.tool_names().any(|known| known == *name))
    }

    /// True when the model may call nothing.
    pub fn offers_no_tools(&self) -> bool {
        self.request.is_some_and(|request| match request.tools.as_deref() {
            Some(Value::Array(tools)) => tools.is_empty(),
            Some(other) => other.is_null(),
            None => {
                let in_messages = request.messages.iter().any(|message| message.exact.get("tools").is_some());
                !in_messages && !request.params.contains_key("functions")
            }
        })
    }

    /// Texts of the system prompt: of `system`, `instructions` or `systemInstruction`, then of system messages at the conversation's head.
    pub fn system_texts(&self) -> impl Iterator<Item = &'a str> {
        let system = self.request.and_then(|request| request.system.as_deref());
        let (whole, blocks) = match system {
            Some(Value::String(text)) => (Some(text.as_str()), None),
            Some(Value::Array(blocks)) => (None, Some(blocks)),
            Some(Value::Object(content)) => (None, content.get("parts").and_then(Value::as_array)),
            _ => (None, None),
        };
        let blocks = blocks.into_iter().flatten().filter_map(|block| block.get("text")?.as_str());
        let messages = self.request.into_iter().flat_map(|request| &request.messages).take(SYSTEM_MESSAGES_LIMIT);
        let messages = messages.filter(|message| message.role == Role::System).flat_map(|message| &message.parts);
        whole.into_iter().chain(blocks).chain(messages.filter_map(text_of))
    }

    /// Whether a text of the system prompt begins so.
    pub fn system_begins(&self, opening: &str) -> bool {
        self.system_texts().any(|text| text.trim_start().starts_with(opening))
    }

    /// What follows `label` in the system prompt, up to the end of the line.
    pub fn system_line(&self, label: &str) -> Option<String> {
        self.system_texts().find_map(|text| line_after(text, label))
    }

    /// Texts of user messages at the conversation's head.
    pub fn user_texts(&self) -> impl Iterator<Item = &'a str> {
        let messages = self.request.into_iter().flat_map(|request| &request.messages).take(SYSTEM_MESSAGES_LIMIT);
        messages.filter(|message| message.role == Role::User).flat_map(|message| &message.parts).filter_map(text_of)
    }

    /// The last message, if it is the user's, as its only text.
    pub fn last_user_text(&self) -> Option<&'a str> {
        let message = self.request?.messages.last().filter(|message| message.role == Role::User)?;
        let mut texts = message.parts.iter().filter_map(text_of);
        texts.next_back()
    }
}

/// The tools that an entry of `tools` declares: one, under its type in Chat Completions, or a list in Gemini.
fn declared(entry: &Value) -> &[Value] {
    let list = ["functionDeclarations", "function_declarations"].into_iter().find_map(|key| entry.get(key)?.as_array());
    let single = || ["function", "custom"].into_iter().find_map(|key| entry.get(key).filter(|told| told.is_object()));
    list.map_or_else(|| std::slice::from_ref(single().unwrap_or(entry)), Vec::as_slice)
}

fn text_of(part: &Part) -> Option<&str> {
    match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    }
}

/// What follows `label` in a text, up to the end of the line.
pub(super) fn line_after(text: &str, label: &str) -> Option<String> {
    let line = text.split_once(label)?.1.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// What lies between two marks.
pub(super) fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    Some(text.split_once(open)?.1.split_once(close)?.0)
}

/// The version in `<product>/<version> …`.
pub(super) fn version_after(text: &str, product: &str) -> Option<String> {
    let version = text.strip_prefix(product)?.strip_prefix('/')?;
    let version: String = version.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '(' | '/' | ';')).collect();
    (!version.is_empty()).then_some(version)
}
