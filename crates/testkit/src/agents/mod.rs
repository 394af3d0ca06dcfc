//! Drivers for the real agents: released programs in a fresh home and project, with dummy keys, on loopback only.

mod claude;
mod codex;
mod copilot;
mod gemini;
mod hooks;
mod mask;
mod opencode;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::process::Command;

pub use mask::mask;

/// The key that agents are given. It must never turn up in anything that Ursa writes.
pub const DUMMY_KEY: &str = "sk-ant-api03-testkit-dummy-credential-0000000000000000-AA";

/// One run of an agent takes seconds; past this it hangs.
const RUN_LIMIT: Duration = Duration::from_secs(150);

/// Which agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
    /// Claude Code, `-p`.
    ClaudeCode,
    /// As `ClaudeCode`, an older release that many still run.
    OlderClaudeCode,
    /// As `ClaudeCode`, with Amazon Bedrock for its provider.
    ClaudeCodeOnBedrock,
    /// As `ClaudeCode`, with Google's Vertex AI for its provider.
    ClaudeCodeOnVertex,
    /// Codex, `exec`, over HTTP.
    Codex,
    /// Codex, `exec`, over WebSocket if the upstream accepts one.
    CodexOverWebSocket,
    /// As `Codex`, with a model that runs its tools from JavaScript.
    CodexInCodeMode,
    /// Gemini CLI, `-p`.
    GeminiCli,
    /// Copilot CLI, `-p`, with an own provider.
    CopilotCli,
    /// opencode, `run`.
    Opencode,
}

impl AgentKind {
    /// The agent's name in the record, and the version that is installed.
    pub const fn slug_and_version(self) -> (&'static str, &'static str) {
        match self {
            Self::ClaudeCode | Self::ClaudeCodeOnBedrock | Self::ClaudeCodeOnVertex => ("claude-code", "2.1.330"),
            Self::OlderClaudeCode => ("claude-code", "2.1.197"),
            Self::Codex | Self::CodexOverWebSocket | Self::CodexInCodeMode => ("codex", "0.169.0"),
            Self::GeminiCli => ("gemini-cli", "0.61.0"),
            Self::CopilotCli => ("copilot-cli", "1.0.102"),
            Self::Opencode => ("opencode", "1.18.33"),
        }
    }

    /// The upstream that it is pointed at; the clouds' are not built in.
    pub const fn upstream(self) -> &'static str {
        match self {
            Self::ClaudeCode | Self::OlderClaudeCode | Self::Opencode => "anthropic",
            Self::Codex | Self::CodexOverWebSocket | Self::CodexInCodeMode | Self::CopilotCli => "openai",
            Self::GeminiCli => "gemini",
            Self::ClaudeCodeOnBedrock => "bedrock",
            Self::ClaudeCodeOnVertex => "vertex",
        }
    }

    /// Where its program lies among the installed packages.
    const fn program(self) -> &'static str {
        match self {
            Self::ClaudeCode | Self::ClaudeCodeOnBedrock | Self::ClaudeCodeOnVertex => {
                "@anthropic-ai/claude-code-linux-x64/claude"
            }
            Self::OlderClaudeCode => "claude-code-2-1-197/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
            Self::Codex | Self::CodexOverWebSocket | Self::CodexInCodeMode => {
                "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
            }
            Self::GeminiCli => "@google/gemini-cli/bundle/gemini.js",
            Self::CopilotCli => "@github/copilot-linux-x64/copilot",
            Self::Opencode => "opencode-linux-x64/bin/opencode",
        }
    }
}

/// The agents' programs.
#[derive(Debug, Clone)]
pub struct AgentPrograms {
    modules: PathBuf,
    hooks: Option<hooks::Hooks>,
}

impl AgentPrograms {
    /// Finds them in `$URSA_TEST_AGENTS/node_modules`, or where `scripts/agents` puts them: `agents` in the target folder
    /// that this program was built into. Errors when they are not there.
    pub fn locate() -> anyhow::Result<Self> {
        if let Some(dir) = std::env::var_os("URSA_TEST_AGENTS") {
            return Ok(Self { modules: PathBuf::from(dir).join("node_modules"), hooks: None });
        }
        let current = std::env::current_exe()?;
        let mut folders = current.ancestors().map(|dir| dir.join("agents/node_modules"));
        let modules = folders.find(|dir| dir.is_dir());
        Ok(Self { modules: modules.context("the real agents are not installed: run scripts/agents")?, hooks: None })
    }

    fn program(&self, kind: AgentKind) -> anyhow::Result<PathBuf> {
        let program = self.modules.join(kind.program());
        anyhow::ensure!(program.is_file(), "{} is missing: run scripts/agents", program.display());
        Ok(program)
    }
}

/// A fresh home with a small project in it, a git repository. Gone when dropped.
#[derive(Debug)]
pub struct Workspace {
    root: tempfile::TempDir,
}

impl Workspace {
    /// Makes one. Errors when files cannot be written or `git` fails.
    pub async fn fresh() -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("ursa-agent-").tempdir()?;
        let workspace = Self { root };
        let project = workspace.project();
        std::fs::create_dir_all(&project)?;
        std::fs::create_dir_all(workspace.temp())?;
        std::fs::write(project.join("README.md"), "# Demo\n\nTODO\n")?;
        std::fs::write(project.join("main.py"), "print(\"hi\")\n")?;
        for notes in ["CLAUDE.md", "AGENTS.md"] {
            std::fs::write(project.join(notes), "# Notes\nUse tabs.\n")?;
        }
        let identity = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"];
        git(&project, &["init", "-q", "-b", "main"]).await?;
        git(&project, &["add", "."]).await?;
        git(&project, &[identity.as_slice(), &["commit", "-q", "-m", "init"]].concat()).await?;
        Ok(workspace)
    }

    /// The agent's home folder.
    pub fn home(&self) -> &Path {
        self.root.path()
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    fn temp(&self) -> PathBuf {
        self.root.path().join("tmp")
    }
}

async fn git(dir: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("git").args(arguments).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").status();
    let status = status.await.context("run git")?;
    anyhow::ensure!(status.success(), "git {arguments:?}: {status}");
    Ok(())
}

/// What to run.
#[derive(Debug, Clone)]
pub struct AgentTask<'a> {
    /// Which agent.
    pub kind: AgentKind,
    /// The base URL that it is given: the upstream's, or `…/edge/{upstream}`. `None`: what `ursa-endpoint install` gives
    /// it, see [`AgentPrograms::with_hooks`].
    pub base_url: Option<&'a str>,
    /// The words of the prompt; `RIG-PROMPT` runs the whole script, `RIG-PLAIN` gets one plain answer.
    pub prompt: &'a str,
    /// The `testkit-mcp` program.
    pub mcp_server: &'a Path,
}

/// What an agent did.
#[derive(Debug)]
pub struct AgentRun {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output: JSON lines.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Wall time of its process.
    pub elapsed: Duration,
}

/// An agent whose settings are written, and that is not started yet.
#[derive(Debug)]
pub struct Prepared(Command);

impl Prepared {
    /// Runs it to its end. Errors when it cannot be started or does not end in time.
    pub async fn run(mut self) -> anyhow::Result<AgentRun> {
        let begun = Instant::now();
        let output = tokio::time::timeout(RUN_LIMIT, self.0.output()).await;
        let elapsed = begun.elapsed();
        let Output { status, stdout, stderr } = output.context("the agent did not end in time")??;
        Ok(AgentRun {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            elapsed,
        })
    }
}

impl AgentPrograms {
    /// [Prepares](Self::prepare) and runs an agent.
    pub async fn run(&self, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<AgentRun> {
        self.prepare(workspace, task).await?.run().await
    }

    /// Writes an agent's settings, and installs into them what is to be installed. Errors when that cannot be done.
    pub async fn prepare(&self, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Prepared> {
        let program = self.program(task.kind)?;
        let mut command = match task.kind {
            AgentKind::ClaudeCode
            | AgentKind::OlderClaudeCode
            | AgentKind::ClaudeCodeOnBedrock
            | AgentKind::ClaudeCodeOnVertex => claude::command(&program, workspace, task)?,
            AgentKind::Codex | AgentKind::CodexOverWebSocket | AgentKind::CodexInCodeMode => {
                codex::command(&program, workspace, task)?
            }
            AgentKind::GeminiCli => gemini::command(&program, workspace, task)?,
            AgentKind::CopilotCli => copilot::command(&program, workspace, task)?,
            AgentKind::Opencode => opencode::command(&program, workspace, task)?,
        };
        if let Some(hooks) = &self.hooks {
            command.envs(hooks.install(workspace, task).await?);
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", workspace.home())
            .env("TMPDIR", workspace.temp())
            .env("TERM", "xterm")
            .env("LANG", "C.UTF-8");
        command.current_dir(workspace.project()).stdin(Stdio::null()).kill_on_drop(true);
        Ok(Prepared(command))
    }
}

/// An empty environment, so that nothing of the caller's leaks into a run.
fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// The prompt with the project's folder in it, which the upstream's script needs.
fn prompt(workspace: &Workspace, task: &AgentTask<'_>) -> String {
    let (marker, rest) = task.prompt.split_once(' ').unwrap_or((task.prompt, ""));
    format!("{marker} dir={} {rest}", workspace.project().display())
}
