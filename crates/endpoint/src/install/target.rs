//! Which files an agent's plan leads to on this machine, and what should be in them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use ursa_adapters::hooks::plan::{
    AgentPlan, CodexLogin, EdgePlan, EdgeSetting, EdgeValue, Format, HookPlan, MachineFile, Os, PROVIDER, Shell,
    UserFile, Version, command,
};

use super::InstallError;
use super::edit::{Over, Owned, OwnedValue, Want};
use super::files::Readers;
use crate::args::Scope;

/// Header that carries the key.
const KEY_HEADER: &str = "x-ursa-key:";

/// The machine as far as it matters here.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its system.
    pub os: Os,
    /// The user's home.
    pub home: PathBuf,
    /// Variables of the environment that move agents' folders; others are not looked at.
    pub variables: BTreeMap<String, OsString>,
    /// Put before whole paths: empty but in tests.
    pub root: PathBuf,
    /// The program that hooks call.
    pub program: PathBuf,
}

impl Machine {
    /// The path of a user's file.
    pub fn user_file(&self, file: &UserFile) -> PathBuf {
        let named = file.variable.and_then(|name| self.variables.get(name)).filter(|value| !value.is_empty());
        let folder = named.map_or_else(|| self.home.join(file.folder), |value| Path::new(value).join(file.kept));
        folder.join(file.file)
    }

    /// The path of a machine's file.
    fn machine_file(&self, file: &MachineFile) -> Option<PathBuf> {
        let path = file.on(self.os)?;
        let Some((variable, rest)) = path.strip_prefix('%').and_then(|rest| rest.split_once('%')) else {
            return Some(self.root.join(path.trim_start_matches('/')));
        };
        let folder = self.variables.get(variable).map(PathBuf::from);
        Some(folder?.join(rest.trim_start_matches('\\').replace('\\', std::path::MAIN_SEPARATOR_STR)))
    }

    fn file(&self, scope: Scope, user: &UserFile, machine: &MachineFile) -> Option<PathBuf> {
        match scope {
            Scope::User => Some(self.user_file(user)),
            Scope::Machine => self.machine_file(machine),
        }
    }
}

/// The edge, as agents are to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The server's base URL without a `/` at its end.
    pub server: String,
    /// The device's key.
    pub key: Option<String>,
}

impl Edge {
    fn url(&self, suffix: &str) -> String {
        format!("{}/edge/{suffix}", self.server)
    }

    fn header(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("{KEY_HEADER} {key}"))
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Whose settings.
    pub scope: Scope,
    /// Whether hooks are installed.
    pub hooks: bool,
    /// The edge, if base URLs are to lead there.
    pub edge: Option<Edge>,
    /// Whether base URLs of others give way.
    pub replace: bool,
    /// The state directory, if hooks must be told.
    pub state_dir: Option<PathBuf>,
    /// Versions of agents, by slug.
    pub versions: BTreeMap<String, Version>,
    /// How Codex is signed in, if told.
    pub codex_login: Option<CodexLogin>,
}

/// A file and what should be in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The agent.
    pub plan: &'static AgentPlan,
    /// Path by its plan; may be a link.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What should be in it.
    pub wants: Vec<Want>,
    /// What in it is ours.
    pub owned: Owned,
    /// Whether there is nothing in it but ours, by its name.
    pub own_file: bool,
    /// Who may read it.
    pub readers: Readers,
}

/// The files of one agent. Those for which nothing is wanted are there all the same: ours is taken out of them.
pub fn targets(plan: &'static AgentPlan, machine: &Machine, wishes: &Wishes) -> Result<Vec<Target>, InstallError> {
    let hooks = &plan.hooks;
    let mut targets = Vec::new();
    let path = machine.file(wishes.scope, &hooks.user, &hooks.machine);
    let path = path.ok_or(InstallError::NoPlace { agent: plan.name })?;
    let own_file = hooks.own_file;
    let readers = if wishes.scope == Scope::Machine { Readers::All } else { Readers::Usual };
    let wants = if wishes.hooks { hook_wants(plan, machine, wishes)? } else { Vec::new() };
    let owned = Owned { values: hook_values(hooks, machine, wishes.scope) };
    targets.push(Target { plan, path, format: hooks.format, wants, owned, own_file, readers });
    if let EdgePlan::Settings { user, machine: file, settings } = &plan.edge {
        let Some(path) = machine.file(wishes.scope, user, file) else {
            return if wishes.edge.is_some() { Err(InstallError::NoPlace { agent: plan.name }) } else { Ok(targets) };
        };
        let wants = match &wishes.edge {
            Some(edge) => edge_wants(plan, settings, edge, machine, wishes)?,
            None => Vec::new(),
        };
        let values = settings.iter().map(edge_value);
        // In the machine's files a key is everyone's whose agent it is for.
        let has_key = wishes.edge.as_ref().is_some_and(|edge| edge.key.is_some());
        let readers = if has_key && wishes.scope == Scope::User { Readers::Owner } else { readers };
        if let Some(target) = targets.iter_mut().find(|target| target.path == path) {
            target.readers = readers;
            target.wants.extend(wants);
            target.owned.values.extend(values);
        } else {
            let owned = Owned { values: values.collect() };
            targets.push(Target { plan, path, format: hooks.format, wants, owned, own_file: false, readers });
        }
    }
    Ok(targets)
}

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn hook_wants(plan: &AgentPlan, machine: &Machine, wishes: &Wishes) -> Result<Vec<Want>, InstallError> {
    let hooks = &plan.hooks;
    let shell = if machine.os == Os::Windows { hooks.windows_shell } else { Shell::Posix };
    let program = machine.program.to_str().ok_or(InstallError::Program)?;
    let state_dir = wishes.state_dir.as_ref().map(|dir| dir.to_str().ok_or(InstallError::Program)).transpose()?;
    let mut wants = Vec::new();
    if let Some(version) = hooks.file_version {
        wants.push(Want::Value { path: path(&["version"]), value: json!(version), over: Over::Keep });
    }
    if let Some((path, value)) = managed_folder(hooks, machine, wishes.scope) {
        wants.push(Want::Value { path, value, over: Over::Keep });
    }
    for event in hooks.events(wishes.versions.get(plan.slug).copied()) {
        let mut arguments = vec!["hook", plan.slug, event.name];
        if let Some(dir) = state_dir {
            arguments.extend(["--state-dir", dir]);
        }
        let value = hooks.element(event, machine.os, &command::line(shell, program, &arguments));
        wants.push(Want::Element { path: path(&["hooks", event.name]), value });
    }
    Ok(wants)
}

/// Codex documents that the folder of managed hooks' programs is named. 0.169.0 runs them without, and from other folders, so
/// what an organisation has named stays.
fn managed_folder(hooks: &HookPlan, machine: &Machine, scope: Scope) -> Option<(Vec<String>, Value)> {
    if hooks.format != Format::Toml || scope != Scope::Machine {
        return None;
    }
    let name = if machine.os == Os::Windows { "windows_managed_dir" } else { "managed_dir" };
    Some((path(&["hooks", name]), json!(machine.program.parent()?.to_str()?)))
}

/// Settings that go with the hooks.
fn hook_values(hooks: &HookPlan, machine: &Machine, scope: Scope) -> Vec<OwnedValue> {
    let version = hooks.file_version.map(|version| OwnedValue::WithHooks(path(&["version"]), json!(version)));
    let folder = managed_folder(hooks, machine, scope).map(|(path, value)| OwnedValue::Exact(path, value));
    version.into_iter().chain(folder).collect()
}

fn edge_value(setting: &EdgeSetting) -> OwnedValue {
    let path = path(setting.path);
    match setting.value {
        EdgeValue::Url(suffix) => OwnedValue::EdgeUrl(path, suffix),
        EdgeValue::HeaderLines => OwnedValue::Line(path, KEY_HEADER),
        EdgeValue::ProviderName => OwnedValue::Exact(path, json!(PROVIDER)),
        EdgeValue::Provider => OwnedValue::EdgeTable(path),
    }
}

fn edge_wants(
    plan: &AgentPlan,
    settings: &[EdgeSetting],
    edge: &Edge,
    machine: &Machine,
    wishes: &Wishes,
) -> Result<Vec<Want>, InstallError> {
    let over = if wishes.replace { Over::Replace } else { Over::Refuse };
    let mut wants = Vec::new();
    for setting in settings {
        let path = path(setting.path);
        let value = match setting.value {
            EdgeValue::Url(suffix) => json!(edge.url(suffix)),
            EdgeValue::HeaderLines => {
                wants.extend(edge.header().map(|line| Want::Line { path, line }));
                continue;
            }
            EdgeValue::ProviderName => json!(PROVIDER),
            EdgeValue::Provider => provider(edge, login(plan, machine, wishes)?),
        };
        wants.push(Want::Value { path, value, over });
    }
    Ok(wants)
}

/// Our provider for Codex. The built-in one cannot be moved: with a ChatGPT sign-in it passes over its base URL.
fn provider(edge: &Edge, login: CodexLogin) -> Value {
    let suffix = if login == CodexLogin::ChatGpt { "chatgpt" } else { "openai/v1" };
    let mut provider = json!({ "name": PROVIDER, "base_url": edge.url(suffix), "wire_api": "responses" });
    match login {
        CodexLogin::Variable => provider["env_key"] = json!("OPENAI_API_KEY"),
        CodexLogin::ChatGpt | CodexLogin::ApiKey => provider["requires_openai_auth"] = json!(true),
    }
    if let Some(key) = &edge.key {
        provider["http_headers"] = json!({ KEY_HEADER.trim_end_matches(':'): key });
    }
    provider
}

/// How Codex is signed in: as told, else by what it keeps. Only whether there is something is looked at, not what.
fn login(plan: &AgentPlan, machine: &Machine, wishes: &Wishes) -> Result<CodexLogin, InstallError> {
    if let Some(login) = wishes.codex_login {
        return Ok(login);
    }
    if wishes.scope == Scope::Machine {
        return Err(InstallError::CodexLogin);
    }
    let auth = machine.user_file(&plan.hooks.user).with_file_name("auth.json");
    let kept: Value = super::files::read(&auth)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let has = |name: &str| kept.get(name).is_some_and(|value| !value.is_null());
    Ok(match (has("tokens"), has("OPENAI_API_KEY")) {
        (true, _) => CodexLogin::ChatGpt,
        (false, true) => CodexLogin::ApiKey,
        (false, false) => CodexLogin::Variable,
    })
}

/// What a person must set by hand for the edge; `None` if nothing.
pub fn by_hand(plan: &AgentPlan, edge: &Edge) -> Option<String> {
    match &plan.edge {
        EdgePlan::Never(why) => Some((*why).to_owned()),
        EdgePlan::Settings { .. } => None,
        EdgePlan::Environment { lines, note } => {
            let mut out = String::from(
                "set in the environment that starts it (no settings file does, and shell profiles are yours):\n",
            );
            for line in lines.iter().filter(|line| !line.with_key_only || edge.key.is_some()) {
                let value = match line.value {
                    EdgeValue::Url(suffix) => edge.url(suffix),
                    // A key does not belong on a screen.
                    _ => format!("{KEY_HEADER} KEY"),
                };
                // Writing to a string does not fail.
                let _ = writeln!(out, "  {}={value}", line.name);
            }
            if edge.key.is_some() {
                out.push_str("  where KEY is what device.key in the state directory holds\n");
            }
            out.push_str(note);
            Some(out)
        }
    }
}
