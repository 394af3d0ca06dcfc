//! The command line of everything but `hook`, which is looked at before any of this is made.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Environment variable that names the state directory.
pub const STATE_DIR_VARIABLE: &str = "URSA_STATE_DIR";

/// The small program on each device: records what AI agents tell through their hooks.
#[derive(Debug, Parser)]
#[command(name = "ursa-endpoint", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where keys, settings and undelivered records are kept (URSA_STATE_DIR).
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes this device known to a server.
    Enroll(EnrollArgs),
    /// Puts hooks and base URLs into the agents' settings.
    Install(InstallArgs),
    /// Takes out again what `install` put in.
    Uninstall(UninstallArgs),
    /// Records one hook call from stdin and answers the agent. For agents, not for people.
    Hook {
        /// The agent's slug, such as claude-code.
        agent: String,
        /// The event; otherwise what the agent says on stdin.
        event: Option<String>,
    },
    /// Sends what has been recorded to the server.
    Flush(FlushArgs),
    /// Sends what is recorded for as long as it runs. For systemd, launchd or a scheduled task.
    Daemon(DaemonArgs),
    /// Hands a user's records to the daemon that started it.
    #[cfg(unix)]
    #[command(hide = true)]
    Relay,
}

/// Arguments of `daemon`.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Send what the hooks of every user of this machine record, too, with this device's key. As root.
    #[cfg(unix)]
    #[arg(long)]
    pub all_users: bool,
}

/// Arguments of `enroll`.
#[derive(Debug, Args)]
pub struct EnrollArgs {
    /// Base URL of the server, such as https://ursa.example.com.
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Enrolment token, from `ursa enroll-token create`; `-` reads it from stdin.
    #[arg(long, value_name = "T")]
    pub token: String,
    /// PEM file of certificate authorities to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Allow http:// to a server that is not this machine. Records and keys then travel readable.
    #[arg(long)]
    pub allow_plain_http: bool,
}

/// Arguments of `flush`.
#[derive(Debug, Args)]
pub struct FlushArgs {
    /// Started by a hook: keeps quiet, and stays a little while for what comes next.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// Whose settings are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scope {
    /// The settings of the user who runs the command.
    #[default]
    User,
    /// The settings of the machine, for all its users. Needs administrator's rights.
    Machine,
}

/// How an agent's doings are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InstallChannel {
    /// Hooks that call `ursa-endpoint hook`.
    Hooks,
    /// The agent's base URL points at the server's edge.
    Edge,
}

/// How Codex is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Login {
    /// With ChatGPT.
    Chatgpt,
    /// With an API key that Codex keeps.
    ApiKey,
    /// With an API key in OPENAI_API_KEY.
    Variable,
}

/// Arguments of `install`.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct InstallArgs {
    /// Which agents: slugs separated by commas, or `all`.
    #[arg(long, value_delimiter = ',', default_value = "all", value_name = "LIST")]
    pub agents: Vec<String>,
    /// Whose settings.
    #[arg(long, value_enum, default_value_t)]
    pub scope: Scope,
    /// Which channels.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "hooks")]
    pub channels: Vec<InstallChannel>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// I want these hooks to run in Codex: note them as trusted in its settings, without Codex's own question.
    #[arg(long)]
    pub trust_codex_hooks: bool,
    /// Let our base URL take the place of another that is set, until uninstall.
    #[arg(long)]
    pub replace: bool,
    /// How Codex is signed in; otherwise by what it keeps. For --channels edge.
    #[arg(long, value_enum)]
    pub codex_login: Option<Login>,
    /// Version of an agent, when it is not of today: only events that it knows are registered.
    #[arg(long, value_name = "AGENT=VERSION")]
    pub agent_version: Vec<String>,
    /// The program that hooks call, when it is not this one.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Filled from the global option: the state directory, when it is not the default one.
    #[arg(skip)]
    pub state_dir: Option<PathBuf>,
}

/// Arguments of `uninstall`.
#[derive(Debug, Clone, Args)]
pub struct UninstallArgs {
    /// Which agents: slugs separated by commas, or `all`.
    #[arg(long, value_delimiter = ',', default_value = "all", value_name = "LIST")]
    pub agents: Vec<String>,
    /// Whose settings.
    #[arg(long, value_enum, default_value_t)]
    pub scope: Scope,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Filled from the global option: the state directory, when it is not the default one.
    #[arg(skip)]
    pub state_dir: Option<PathBuf>,
}
