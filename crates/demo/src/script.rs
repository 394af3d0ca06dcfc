//! The words of the script: sessions, turns, steps, and what comes of each tool call.
//!
//! A step is one exchange with the model. What the model says and what its tool calls give stand side by side, so that a
//! story reads from top to bottom; the simulated agent and the scripted upstream each take their half of it.

use serde_json::{Value, json};

/// Which agent acts the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    ClaudeCode,
    Codex,
    OpenCode,
    CopilotCli,
    AnthropicSdk,
    OpenAiSdk,
}

/// Who runs it, and on which machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: &'static str,
    pub(crate) device: &'static str,
}

pub(crate) const ANA: Person = Person { user: "ana@example.com", device: "ana-laptop" };
pub(crate) const BEN: Person = Person { user: "ben@example.com", device: "ben-desktop" };
pub(crate) const CHIARA: Person = Person { user: "chiara@example.com", device: "chiara-macbook" };
pub(crate) const BATCH: Person = Person { user: "batch@example.com", device: "worker-02" };

/// One session of one agent.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) program: Program,
    /// Whether it also tells what it does to its hooks. Only [`Program::ClaudeCode`] can.
    pub(crate) hooks: bool,
    pub(crate) person: Person,
    pub(crate) cwd: &'static str,
    pub(crate) model: &'static str,
    /// What a call of its own for a title is answered with.
    pub(crate) title: Option<String>,
    pub(crate) turns: Vec<Turn>,
}

/// A prompt and the steps that it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) kind: TurnKind,
    pub(crate) prompt: String,
    /// Content blocks before the prompt's words, an image say.
    pub(crate) attached: Vec<Value>,
    pub(crate) steps: Vec<Step>,
}

/// Whose words begin the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnKind {
    /// A person's.
    Prompt,
    /// The agent asks for a summary, and goes on with that alone.
    Compaction,
}

/// One exchange with the model.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) says: Vec<Say>,
    pub(crate) trouble: Trouble,
}

/// What goes wrong before the step succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// The model answers 529 first.
    Overloaded,
    /// The connection breaks in the middle of the first answer.
    Cut,
}

/// A piece of the model's answer.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Think(String),
    Text(String),
    Call(Box<Call>),
    /// A search that the provider itself runs: the query, and titles with addresses.
    Search(&'static str, Vec<(&'static str, &'static str)>),
}

/// A tool call and what comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Of the Responses protocol: the MCP server.
    pub(crate) namespace: Option<&'static str>,
    /// A string for the freeform tools of the Responses protocol.
    pub(crate) input: Value,
    pub(crate) gives: Value,
    pub(crate) is_error: bool,
    /// Whether a person is asked before it runs. One that is asked for and fails was refused, and did not run.
    pub(crate) asks: bool,
    pub(crate) subagent: Option<Subagent>,
}

/// What a call starts beside the session.
#[derive(Debug, Clone)]
pub(crate) struct Subagent {
    pub(crate) prompt: &'static str,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn turn(prompt: impl Into<String>, steps: Vec<Step>) -> Turn {
    Turn { kind: TurnKind::Prompt, prompt: prompt.into(), attached: Vec::new(), steps }
}

pub(crate) fn step(says: Vec<Say>) -> Step {
    Step { says, trouble: Trouble::None }
}

impl Step {
    pub(crate) fn after(mut self, trouble: Trouble) -> Self {
        self.trouble = trouble;
        self
    }
}

pub(crate) fn think(text: &str) -> Say {
    Say::Think(text.to_owned())
}

pub(crate) fn text(text: impl Into<String>) -> Say {
    Say::Text(text.into())
}

/// A call that a person is asked about first.
pub(crate) fn asked(mut say: Say) -> Say {
    if let Say::Call(call) = &mut say {
        call.asks = true;
    }
    say
}

/// A call whose result is a text.
pub(crate) fn call(name: &'static str, input: Value, gives: impl Into<String>) -> Say {
    gives_value(name, input, json!(gives.into()))
}

/// A call whose result is a list of content blocks.
pub(crate) fn gives_value(name: &'static str, input: Value, gives: Value) -> Say {
    Say::Call(Box::new(Call { name, namespace: None, input, gives, is_error: false, asks: false, subagent: None }))
}

/// A call that fails.
pub(crate) fn fails(name: &'static str, input: Value, gives: &str) -> Say {
    let gives = json!(gives);
    Say::Call(Box::new(Call { name, namespace: None, input, gives, is_error: true, asks: false, subagent: None }))
}

/// A call of a tool on an MCP server, as Codex names them.
pub(crate) fn of_server(namespace: &'static str, name: &'static str, input: Value, gives: &str) -> Say {
    let gives = json!([
        {"type": "input_text", "text": "Wall time: 0.2140 seconds\nOutput:"}, {"type": "input_text", "text": gives}
    ]);
    Say::Call(Box::new(Call {
        name,
        namespace: Some(namespace),
        input,
        gives,
        is_error: false,
        asks: false,
        subagent: None,
    }))
}

/// Claude Code's tool that starts a subagent. What it gives is the subagent's last text.
pub(crate) fn delegates(description: &str, prompt: &'static str, steps: Vec<Step>) -> Say {
    let input = json!({"description": description, "subagent_type": "Explore", "prompt": prompt});
    Say::Call(Box::new(Call {
        name: "Agent",
        namespace: None,
        input,
        gives: Value::Null,
        is_error: false,
        asks: false,
        subagent: Some(Subagent { prompt, steps }),
    }))
}

/// What Codex's shell tool writes around a command's output.
pub(crate) fn shell_output(exit_code: i32, output: &str) -> String {
    let tokens = output.len() / 4 + 1;
    format!(
        "Chunk ID: 7e21ab\nWall time: 0.4127 seconds\nProcess exited with code {exit_code}\n\
         Original token count: {tokens}\nOutput:\n{output}"
    )
}

/// A command of Codex.
pub(crate) fn shell(command: &str, exit_code: i32, output: &str) -> Say {
    call("exec_command", json!({"cmd": command}), shell_output(exit_code, output))
}

/// A picture, so that an image has something to show.
pub(crate) fn image() -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}})
}

/// A bar chart of four bars: PNG, base64.
const PICTURE: &str = concat!(
    "iVBORw0KGgoAAAANSUhEUgAAAGAAAABACAMAAADS6oI8AAAACVBMVEX6+vpaWmQ8btwchpVcAAAARElEQVR42u3NMQoAIAwEwcT/",
    "P9rGIo2gEMFitrwQJkKSSqMEAAB+Am6eAAAAALA7AwCAjhUAAAAAAMAZkKt6zuxbnwMT34IOcSsotbcAAAAASUVORK5CYII=",
);
