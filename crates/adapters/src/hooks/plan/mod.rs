//! How hooks and a base URL get into agents' settings, as data: which files, which events from which version on, and in
//! what form. Pure: what reads and writes the files is `ursa-endpoint`.

pub mod command;
mod edge;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

pub use command::Shell;
pub use edge::{CodexLogin, EdgePlan, EdgeSetting, EdgeValue, EnvironmentLine, PROVIDER, is_edge_url};

use super::{claude_code, codex, copilot, cursor, gemini_cli};

/// The agents, in the order in which they are told.
pub const AGENT_PLANS: &[&AgentPlan] =
    &[&claude_code::plan::PLAN, &cursor::plan::PLAN, &copilot::plan::PLAN, &codex::plan::PLAN, &gemini_cli::plan::PLAN];

/// How long an agent waits for a hook, in seconds. A hook ends by itself before that, so this is for a machine in need.
pub const TIMEOUT_S: u32 = 10;

/// The plan of the agent of that slug or other name.
pub fn agent_plan(name: &str) -> Option<&'static AgentPlan> {
    AGENT_PLANS.iter().copied().find(|plan| plan.slug == name || plan.aliases.contains(&name))
}

/// An agent's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Version {
    type Err = ();

    /// Three numbers with points between; missing ones are zero, and what follows a `-` or `+` does not count.
    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().map_err(|_| ()));
        let version = Self(parts.next().ok_or(())??, parts.next().unwrap_or(Ok(0))?, parts.next().unwrap_or(Ok(0))?);
        if parts.next().is_some() { Err(()) } else { Ok(version) }
    }
}

/// The systems whose paths and shells differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux, WSL and other Unixes.
    Linux,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

/// How a settings file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON; comments and trailing commas are kept where they are.
    Json,
    /// TOML.
    Toml,
}

/// A file of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserFile {
    /// Environment variable that moves it: the variable names the folder in place of home and `folder`, less `kept`.
    pub variable: Option<&'static str>,
    /// What of the folder is kept below the variable's.
    pub kept: &'static str,
    /// Folder in the user's home.
    pub folder: &'static str,
    /// The file in it.
    pub file: &'static str,
}

/// A file of the machine, whole paths. On Windows they begin with a variable of the system's in `%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineFile {
    /// On Linux.
    pub linux: &'static str,
    /// On macOS.
    pub mac: &'static str,
    /// On Windows; `None` where it is not known.
    pub windows: Option<&'static str>,
}

impl MachineFile {
    /// The path on that system.
    pub fn on(&self, os: Os) -> Option<&'static str> {
        match os {
            Os::Linux => Some(self.linux),
            Os::Mac => Some(self.mac),
            Os::Windows => self.windows,
        }
    }
}

/// How the hooks of an event stand in the file, below `hooks.EVENT`, which is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Groups, each with a list `hooks` of handlers.
    Groups,
    /// Handlers.
    Flat,
}

/// One field of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The command line.
    Command,
    /// The command line, on Unixes only.
    UnixCommand,
    /// The command line, on Windows only.
    WindowsCommand,
    /// The time limit, in so many parts of a second.
    Timeout(u32),
    /// A fixed word.
    Text(&'static str),
}

/// What is done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is recorded.
    Record,
    /// It is left alone, and why.
    Leave(&'static str),
}

/// How a version is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// There from the first version that has hooks.
    First,
    /// From the vendor's list of changes or a public comparison.
    Told(Version),
    /// Seen in this version; when it came is not known.
    Seen(Version),
}

impl Since {
    /// The first version that surely has it.
    pub fn version(self, first: Version) -> Version {
        match self {
            Self::First => first,
            Self::Told(version) | Self::Seen(version) => version,
        }
    }
}

/// An event that an agent tells its hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookEvent {
    /// Its name in the settings.
    pub name: &'static str,
    /// From which version on it exists.
    pub since: Since,
    /// What is done with it.
    pub used: Use,
    /// The agent gives it no more than so many seconds.
    pub timeout_max_s: Option<u32>,
}

impl HookEvent {
    /// One that is recorded.
    pub const fn record(name: &'static str, since: Since) -> Self {
        Self { name, since, used: Use::Record, timeout_max_s: None }
    }

    /// One that is left alone.
    pub const fn leave(name: &'static str, since: Since, why: &'static str) -> Self {
        Self { name, since, used: Use::Leave(why), timeout_max_s: None }
    }
}

/// What a settings file may have that not every agent reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Comments in JSON.
    Comments,
    /// Commas behind the last member or element.
    TrailingCommas,
    /// A byte order mark.
    ByteOrderMark,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comments => "comments",
            Self::TrailingCommas => "commas behind the last item",
            Self::ByteOrderMark => "a byte order mark",
        })
    }
}

/// How hooks get into an agent's settings.
#[derive(Debug)]
pub struct HookPlan {
    /// One user's file.
    pub user: UserFile,
    /// The machine's file.
    pub machine: MachineFile,
    /// How both are written.
    pub format: Format,
    /// How hooks stand in it.
    pub shape: Shape,
    /// Fields of a handler.
    pub handler: &'static [(&'static str, Field)],
    /// The file's version field, which the agent wants.
    pub file_version: Option<u32>,
    /// Whether the user's file is for our hooks alone, by its name.
    pub own_file: bool,
    /// The shell that runs commands on Windows.
    pub windows_shell: Shell,
    /// The first version that has hooks.
    pub first: Version,
    /// From this version on an event that the agent does not know costs nothing. Before it, or if `None`, it may cost the
    /// whole file.
    pub tolerant: Option<Version>,
    /// What else of JSON it does not read: then it passes over the whole file. From tests with the version of the tables.
    pub unread: &'static [Unread],
    /// The switch in the same file with which a user turns all hooks off: where, and at which position.
    pub off: Option<(&'static [&'static str], bool)>,
    /// Another file in the same folder that may hold hooks. The agent reads both, and complains.
    pub twin: Option<&'static str>,
    /// The events.
    pub events: &'static [HookEvent],
}

impl HookPlan {
    /// The events to record in that version; in today's if none is told.
    pub fn events(&self, version: Option<Version>) -> impl Iterator<Item = &'static HookEvent> {
        let tolerant = self.tolerant;
        let first = self.first;
        self.events.iter().filter(move |event| {
            let there = version.is_none_or(|version| {
                tolerant.is_some_and(|tolerant| version >= tolerant) || version >= event.since.version(first)
            });
            there && event.used == Use::Record
        })
    }

    /// What is added to the list of an event's hooks.
    pub fn element(&self, event: &HookEvent, os: Os, command: &str) -> Value {
        let windows = os == Os::Windows;
        let mut handler = Map::new();
        for (name, field) in self.handler {
            let value = match field {
                Field::Command => json!(command),
                Field::UnixCommand if !windows => json!(format!("{command}{}", Shell::Posix.forgiven())),
                Field::WindowsCommand if windows => json!(format!("{command}{}", self.windows_shell.forgiven())),
                Field::UnixCommand | Field::WindowsCommand => continue,
                Field::Timeout(parts) => json!(event.timeout_max_s.unwrap_or(TIMEOUT_S).min(TIMEOUT_S) * parts),
                Field::Text(text) => json!(text),
            };
            handler.insert((*name).to_owned(), value);
        }
        match self.shape {
            Shape::Flat => Value::Object(handler),
            Shape::Groups => json!({ "hooks": [handler] }),
        }
    }
}

/// Everything about one agent.
#[derive(Debug)]
pub struct AgentPlan {
    /// Its one name in records.
    pub slug: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// What else it may be called.
    pub aliases: &'static [&'static str],
    /// Its hooks.
    pub hooks: HookPlan,
    /// Its base URL.
    pub edge: EdgePlan,
    /// What a person should know after hooks were installed for a user.
    pub user_note: Option<&'static str>,
    /// The same for the machine.
    pub machine_note: Option<&'static str>,
}

/// True for a list element of hooks, a group or a handler, all of whose commands are ours.
pub fn is_our_element(element: &Value) -> bool {
    let Some(fields) = element.as_object() else {
        return false;
    };
    match fields.get("hooks") {
        Some(Value::Array(handlers)) => !handlers.is_empty() && handlers.iter().all(is_our_handler),
        _ => is_our_handler(element),
    }
}

/// True for a handler whose command is ours.
pub fn is_our_handler(handler: &Value) -> bool {
    const COMMANDS: &[&str] = &["command", "bash", "powershell"];
    COMMANDS.iter().any(|name| handler.get(name).and_then(Value::as_str).is_some_and(command::is_ours))
}
