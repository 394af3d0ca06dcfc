//! Settings of the process: documented defaults, then the file, then environment variables, then flags.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml::{Table, Value};

/// The documented default file; what `ursa config show --defaults` prints, and what every run starts from.
pub(crate) const DEFAULTS: &str = include_str!("defaults.toml");

/// Settings of the process. What an environment (tenant) may set itself lies in the store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) roles: Vec<ProcessRole>,
    pub(crate) store: String,
    pub(crate) log: String,
    pub(crate) tls: Tls,
    pub(crate) edge: EdgeSection,
    pub(crate) journal: JournalSection,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProcessRole {
    Edge,
    Collect,
    Work,
    Api,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) cert_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EdgeSection {
    pub(crate) durability: Durability,
    pub(crate) on_overflow: OnOverflow,
    pub(crate) websocket: WebSocket,
    pub(crate) loopback_without_key: bool,
    pub(crate) kept_body_bytes_limit: usize,
    pub(crate) request_bytes_limit: u64,
    pub(crate) drain_seconds: u64,
    pub(crate) head_seconds: u64,
    pub(crate) upload_idle_seconds: u64,
    pub(crate) memory_bytes_limit: u64,
    pub(crate) local_upstreams: Vec<String>,
    pub(crate) ca_file: PathBuf,
    pub(crate) upstreams: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    Behind,
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnOverflow {
    Drop,
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WebSocket {
    Record,
    Refuse,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalSection {
    pub(crate) commit_interval_ms: u64,
    pub(crate) queue_bytes: usize,
    pub(crate) lag_bytes_limit: u64,
    pub(crate) keep_processed_hours: u64,
}

/// What flags say; `None` says nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    pub(crate) listen: Option<String>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) store: Option<String>,
    pub(crate) upstreams: Vec<String>,
}

/// The settings that hold. `variables` are the process's environment.
pub(crate) fn load(flags: &Flags, variables: &BTreeMap<String, String>) -> Result<Config> {
    let mut table: Table = DEFAULTS.parse().context("the built-in defaults")?;
    if let Some(file) = &flags.config {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let over: Table = text.parse().with_context(|| format!("{} is not valid TOML", file.display()))?;
        merge(&mut table, over);
    }
    from_variables(&mut table, "URSA", variables)?;
    from_flags(&mut table, flags)?;
    let config: Config = Value::Table(table).try_into().context("a setting is not valid")?;
    check(&config)?;
    Ok(config)
}

fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => merge(inner, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// A variable takes the type that its key has in the defaults; lists are separated by commas.
fn from_variables(table: &mut Table, prefix: &str, variables: &BTreeMap<String, String>) -> Result<()> {
    for (key, value) in table.iter_mut() {
        let name = format!("{prefix}_{}", key.to_uppercase());
        if let Value::Table(inner) = value {
            from_variables(inner, &name, variables)?;
            continue;
        }
        let Some(text) = variables.get(&name) else { continue };
        *value = match value {
            Value::Integer(_) => Value::Integer(text.parse().with_context(|| format!("{name} is not a number"))?),
            Value::Boolean(_) => Value::Boolean(text.parse().with_context(|| format!("{name} is not true or false"))?),
            Value::Array(_) => list(text.split(',')),
            _ => Value::String(text.clone()),
        };
    }
    Ok(())
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(items.map(|item| Value::String(item.trim().to_owned())).collect())
}

fn from_flags(table: &mut Table, flags: &Flags) -> Result<()> {
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    set("listen", flags.listen.clone().map(Value::String));
    set("data_dir", flags.data_dir.as_ref().map(|dir| Value::String(dir.to_string_lossy().into_owned())));
    set("roles", flags.roles.as_ref().map(|roles| list(roles.iter().map(String::as_str))));
    set("store", flags.store.clone().map(Value::String));
    let upstreams = table.get_mut("edge").and_then(|edge| edge.get_mut("upstreams")).and_then(Value::as_table_mut);
    let upstreams = upstreams.context("the setting edge.upstreams is not a table")?;
    for flag in &flags.upstreams {
        let (name, target) = flag
            .split_once('=')
            .with_context(|| format!("--upstream {flag:?} is not NAME=URL, say anthropic=https://api.anthropic.com"))?;
        upstreams.insert(name.to_owned(), Value::String(target.to_owned()));
    }
    Ok(())
}

fn check(config: &Config) -> Result<()> {
    if config.tls.cert_file.as_os_str().is_empty() != config.tls.key_file.as_os_str().is_empty() {
        bail!("tls.cert_file and tls.key_file belong together: set both or neither");
    }
    let store = config.store.trim_end_matches("://").trim_end_matches(':');
    if store != "sqlite" {
        bail!("the store {:?} is not known; this version has \"sqlite\"", config.store);
    }
    if config.roles.is_empty() {
        bail!("a process needs at least one role: edge, collect, work, api");
    }
    Ok(())
}

impl Config {
    /// A path that is set, or `None` for the empty one.
    pub(crate) fn given(path: &Path) -> Option<PathBuf> {
        (!path.as_os_str().is_empty()).then(|| path.to_path_buf())
    }

    /// Whether the process has a role.
    pub(crate) fn has(&self, role: ProcessRole) -> bool {
        self.roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn with(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config> {
        load(flags, &variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let config = with(&Flags::default(), &[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:4680");
        assert_eq!(config.edge.durability, Durability::Behind);
        assert_eq!(config.edge.websocket, WebSocket::Record);
        assert_eq!(config.journal.commit_interval_ms, 5);
        assert!(config.has(ProcessRole::Edge) && config.has(ProcessRole::Api));
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ursa.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\n[edge]\ndurability = \"strict\"\n").unwrap();
        let mut flags = Flags { config: Some(file), ..Flags::default() };
        assert_eq!(with(&flags, &[]).unwrap().listen.port(), 1);
        let variables =
            [("URSA_LISTEN", "127.0.0.1:2"), ("URSA_JOURNAL_COMMIT_INTERVAL_MS", "9"), ("URSA_ROLES", "edge, work")];
        let config = with(&flags, &variables).unwrap();
        assert_eq!((config.listen.port(), config.journal.commit_interval_ms), (2, 9));
        assert_eq!(config.roles, [ProcessRole::Edge, ProcessRole::Work]);
        assert_eq!(config.edge.durability, Durability::Strict);
        flags.listen = Some("127.0.0.1:3".to_owned());
        flags.upstreams = vec!["lab=openai-chat+http://127.0.0.1:8000".to_owned()];
        let config = with(&flags, &variables).unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.edge.upstreams["lab"], "openai-chat+http://127.0.0.1:8000");
    }

    #[test]
    fn mistakes_are_named() {
        for (variable, value, says) in [
            ("URSA_JOURNAL_COMMIT_INTERVAL_MS", "soon", "URSA_JOURNAL_COMMIT_INTERVAL_MS"),
            ("URSA_EDGE_DURABILITY", "maybe", "maybe"),
            ("URSA_EDGE_WEBSOCKET", "perhaps", "perhaps"),
            ("URSA_STORE", "oracle", "oracle"),
            ("URSA_TLS_CERT_FILE", "cert.pem", "tls.key_file"),
        ] {
            let error = format!("{:#}", with(&Flags::default(), &[(variable, value)]).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
        let flags = Flags { upstreams: vec!["anthropic".to_owned()], ..Flags::default() };
        assert!(with(&flags, &[]).is_err());
    }
}
