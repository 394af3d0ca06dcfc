//! The edge channel: an agent's base URL points at the server.

use super::{MachineFile, UserFile};

/// Name of our provider in Codex's settings.
pub const PROVIDER: &str = "ursa";

/// How Codex is signed in: it decides which provider works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodexLogin {
    /// With ChatGPT. The built-in provider then asks ChatGPT for its host and passes over `openai_base_url`.
    ChatGpt,
    /// With an API key that `codex login` keeps.
    ApiKey,
    /// With an API key in `OPENAI_API_KEY`.
    Variable,
}

/// A value in a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeValue {
    /// The edge's URL with this behind `/edge/`.
    Url(&'static str),
    /// Headers, one a line, with the server's key among them. Left out when there is no key.
    HeaderLines,
    /// The name of our provider.
    ProviderName,
    /// The table of our provider, made for the login.
    Provider,
}

/// A setting of the edge channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeSetting {
    /// Where in the file.
    pub path: &'static [&'static str],
    /// What.
    pub value: EdgeValue,
}

/// A variable that a person must set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvironmentLine {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: EdgeValue,
    /// Left out when there is no key.
    pub with_key_only: bool,
}

/// How an agent's base URL is set.
#[derive(Debug)]
pub enum EdgePlan {
    /// It cannot be, and why.
    Never(&'static str),
    /// By its environment only: told to the person, never written.
    Environment {
        /// The variables.
        lines: &'static [EnvironmentLine],
        /// What else to do.
        note: &'static str,
    },
    /// In settings files, of the same format as the hooks'.
    Settings {
        /// One user's file.
        user: UserFile,
        /// The machine's.
        machine: MachineFile,
        /// What is set in either.
        settings: &'static [EdgeSetting],
    },
}

/// True for a URL that leads to an edge of ours, by its path.
pub fn is_edge_url(url: &str, suffix: &str) -> bool {
    url.split_once("/edge/").is_some_and(|(_, path)| {
        let path = path.trim_end_matches('/');
        path == suffix
            || path.strip_prefix("k/").and_then(|path| path.split_once('/')).is_some_and(|(_, rest)| rest == suffix)
    })
}
