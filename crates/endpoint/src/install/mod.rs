//! Puts hooks and base URLs into the agents' own settings files, and takes them out again to the byte.
//!
//! First everything is planned: each file is read, and what would be in it afterwards is made and read again. Only if all
//! of that works is anything written: the ledger first, with a copy of each file as it was, then the files one by one,
//! each at once. See docs/INSTALL.md for what is written where.

pub mod diff;
pub mod edit;
pub mod files;
pub mod ledger;
pub mod report;
pub mod target;
pub mod trust;
pub mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ursa_adapters::hooks::plan::{AGENT_PLANS, AgentPlan, CodexLogin, Os, Version, agent_plan, command};

use crate::args::{InstallArgs, InstallChannel, Login, Scope, UninstallArgs};
use crate::spool::Lock;
use crate::state::{StateDir, StateError, System};
use target::{Edge, Machine, Wishes};

pub use ledger::LedgerError;
pub use report::{FileReport, Note, Outcome, Report};

/// How long another install is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Name of the lock in the state directory.
const LOCK_NAME: &str = "install.lock";
/// Variables of the environment that are looked at: those that move agents' folders, and Windows' own.
const VARIABLES: &[&str] =
    &["CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "GEMINI_CLI_HOME", "ProgramData", "ProgramFiles"];

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No such agent.
    #[error("there is no agent {0:?}; known: claude-code, cursor, copilot-cli, codex, gemini-cli, or all")]
    UnknownAgent(String),
    /// A version that cannot be read.
    #[error("{0:?} is not AGENT=VERSION, such as claude-code=2.1.330")]
    Version(String),
    /// Nobody's home.
    #[error("no home directory: set HOME, or use --scope machine")]
    NoHome,
    /// The program's place is not known, or cannot be written into settings.
    #[error(
        "the path of the program that hooks should call cannot be used: it must be whole, in UTF-8, and end in {}",
        command::PROGRAM
    )]
    Program,
    /// There is no file to write.
    #[error("it is not known which file {agent} reads for that on this system")]
    NoPlace {
        /// The agent's name.
        agent: &'static str,
    },
    /// Codex's sign-in decides.
    #[error(
        "for the whole machine the edge needs --codex-login: a ChatGPT sign-in and an API key need different providers"
    )]
    CodexLogin,
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another install is running.
    #[error("another install or uninstall is running")]
    Busy,
    /// The lock or a folder of the state directory.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The ledger.
    #[error("the ledger of what was installed cannot be used: {0}")]
    Ledger(#[from] LedgerError),
}

/// Installs.
///
/// # Errors
/// When the arguments cannot be met at all. What goes wrong with one file is in the report.
pub fn run(arguments: &InstallArgs) -> Result<Report, InstallError> {
    let plans = plans(&arguments.agents)?;
    let state = StateDir::resolve(arguments.state_dir.clone())?;
    let machine = machine(arguments.scope, arguments.program.clone())?;
    let edge = arguments.channels.contains(&InstallChannel::Edge).then(|| edge(&state)).transpose()?;
    let wishes = Wishes {
        scope: arguments.scope,
        hooks: arguments.channels.contains(&InstallChannel::Hooks),
        edge,
        replace: arguments.replace,
        state_dir: arguments.state_dir.as_ref().map(|_| state.root().to_path_buf()),
        versions: versions(&arguments.agent_version)?,
        codex_login: arguments.codex_login.map(|login| match login {
            Login::Chatgpt => CodexLogin::ChatGpt,
            Login::ApiKey => CodexLogin::ApiKey,
            Login::Variable => CodexLogin::Variable,
        }),
    };
    let work = work::Work { machine: &machine, state: state.root(), disk: &files::OsDisk, dry_run: arguments.dry_run };
    let _lock = lock(&state, arguments.dry_run)?;
    work.install(&plans, &wishes, arguments.trust_codex_hooks)
}

/// Uninstalls.
///
/// # Errors
/// When the arguments cannot be met at all. What goes wrong with one file is in the report.
pub fn uninstall(arguments: &UninstallArgs) -> Result<Report, InstallError> {
    let plans = plans(&arguments.agents)?;
    let state = StateDir::resolve(arguments.state_dir.clone())?;
    let machine = machine(arguments.scope, None)?;
    let work = work::Work { machine: &machine, state: state.root(), disk: &files::OsDisk, dry_run: arguments.dry_run };
    let _lock = lock(&state, arguments.dry_run)?;
    work.uninstall(&plans, arguments.scope)
}

fn plans(names: &[String]) -> Result<Vec<&'static AgentPlan>, InstallError> {
    if names.iter().any(|name| name == "all") {
        return Ok(AGENT_PLANS.to_vec());
    }
    let mut plans: Vec<&'static AgentPlan> = Vec::new();
    for name in names {
        let plan = agent_plan(name.trim()).ok_or_else(|| InstallError::UnknownAgent(name.clone()))?;
        if !plans.iter().any(|there| there.slug == plan.slug) {
            plans.push(plan);
        }
    }
    Ok(plans)
}

fn versions(told: &[String]) -> Result<BTreeMap<String, Version>, InstallError> {
    let read = |text: &String| {
        let (agent, version) = text.split_once('=')?;
        Some((agent_plan(agent)?.slug.to_owned(), version.parse().ok()?))
    };
    told.iter().map(|text| read(text).ok_or_else(|| InstallError::Version(text.clone()))).collect()
}

fn machine(scope: Scope, program: Option<PathBuf>) -> Result<Machine, InstallError> {
    let home = std::env::home_dir().filter(|home| home.is_absolute()).or_else(crate::user::home);
    let home = match (home, scope) {
        (Some(home), _) => home,
        (None, Scope::Machine) => PathBuf::new(),
        (None, Scope::User) => return Err(InstallError::NoHome),
    };
    let variables = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?))).collect();
    let program = program.map_or_else(std::env::current_exe, std::path::absolute)?;
    let os = match System::HERE {
        System::Linux => Os::Linux,
        System::Mac => Os::Mac,
        System::Windows => Os::Windows,
    };
    // By its name our hooks are known again.
    if program.file_stem().is_none_or(|name| name != command::PROGRAM) || program.to_str().is_none() {
        return Err(InstallError::Program);
    }
    Ok(Machine { os, home, variables, root: PathBuf::from("/"), program })
}

/// Where the edge is: on the server that this device is enrolled with, by the device's own key.
fn edge(state: &StateDir) -> Result<Edge, InstallError> {
    let server = state.settings()?.server.ok_or(StateError::NotEnrolled)?;
    let key = match state.device_key() {
        Ok(key) => Some(key),
        Err(StateError::NotEnrolled) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Edge { server: server.trim_end_matches('/').to_owned(), key })
}

fn lock(state: &StateDir, dry_run: bool) -> Result<Option<Lock>, InstallError> {
    if dry_run {
        return Ok(None);
    }
    state.make()?;
    Lock::acquire(&state.path(LOCK_NAME), LOCK_WAIT)?.map(Some).ok_or(InstallError::Busy)
}
