//! Simulated agents: each keeps its conversation and sends all of it again with every call, in the headers and bodies of
//! the program that it acts.

mod anthropic;
mod claude_code;
mod codex;
mod copilot_cli;
mod hooks;
mod opencode;
mod sdk;

use std::time::Duration;

use serde_json::{Value, json};

use crate::script::{Program, Say, Session, Turn};
use crate::stage::{Over, Stage};

/// How fast things go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tempo {
    /// Between two pieces of a stream.
    pub(crate) delta: Duration,
    /// What a tool takes, on average.
    pub(crate) step: Duration,
}

impl Tempo {
    /// What the tools of a step take: tools differ, and the same one always takes the same.
    fn tools(self, says: &[Say]) -> Duration {
        let given = |say: &Say| match say {
            Say::Call(call) => call.gives.to_string().len(),
            _ => 0,
        };
        let weight = says.iter().map(given).sum::<usize>() % 8;
        self.step / 2 + self.step * weight as u32 / 7
    }
}

/// An agent in its session.
enum Agent {
    Anthropic(Box<anthropic::Talk>),
    Responses(Box<codex::Talk>),
}

impl Agent {
    /// An agent at the beginning of a session of its own.
    fn new(stage: &Stage, session: &Session, tempo: Tempo) -> Self {
        let face = match session.program {
            Program::ClaudeCode => claude_code::face(stage, session),
            Program::OpenCode => opencode::face(session),
            Program::CopilotCli => copilot_cli::face(session, &stage.began),
            Program::AnthropicSdk => sdk::face(session),
            Program::Codex => return Self::Responses(Box::new(codex::Talk::codex(stage, session, tempo))),
            Program::OpenAiSdk => return Self::Responses(Box::new(codex::Talk::sdk(stage, session, tempo))),
        };
        Self::Anthropic(Box::new(anthropic::Talk::new(stage, session, face, tempo)))
    }

    /// What stands beside the conversation, as a session begins.
    async fn open(&self, prompt: &str, title: Option<&str>) -> Result<(), Over> {
        let Self::Anthropic(talk) = self else { return Ok(()) };
        talk.open().await?;
        match title {
            Some(title) => talk.ask_for_title(prompt, title).await,
            None => Ok(()),
        }
    }

    /// The session ends.
    async fn close(&self) -> Result<(), Over> {
        match self {
            Self::Anthropic(talk) => talk.close().await,
            Self::Responses(_) => Ok(()),
        }
    }

    /// One turn: a prompt and all that follows from it.
    async fn turn(&mut self, turn: &Turn) -> Result<(), Over> {
        match self {
            Self::Anthropic(talk) => talk.turn(turn).await,
            Self::Responses(talk) => talk.turn(turn).await,
        }
    }
}

/// Acts a whole session.
pub(crate) async fn act(stage: &Stage, session: &Session, tempo: Tempo) -> Result<(), Over> {
    let mut agent = Agent::new(stage, session, tempo);
    let prompt = session.turns.first().map(|turn| turn.prompt.as_str()).unwrap_or_default();
    agent.open(prompt, session.title.as_deref()).await?;
    for turn in &session.turns {
        agent.turn(turn).await?;
        // A person reads before they ask again.
        stage.pause(tempo.step).await?;
    }
    agent.close().await
}

/// Tools as a request of Anthropic Messages lists them.
fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| json!({"name": name, "description": format!("The tool {name}."), "input_schema": {"type": "object"}});
    names.iter().map(tool).collect()
}

/// A text block.
fn text_block(text: impl Into<String>) -> Value {
    json!({"type": "text", "text": text.into()})
}

/// Headers that the vendors' SDKs send with every request.
fn stainless(lang: &str, version: &str, runtime: &str, runtime_version: &str) -> Vec<(&'static str, String)> {
    [
        ("x-stainless-lang", lang),
        ("x-stainless-package-version", version),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", runtime),
        ("x-stainless-runtime-version", runtime_version),
        ("x-stainless-timeout", "600"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}
