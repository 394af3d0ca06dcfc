//! Admin commands. They work while the server runs: what touches the record is asked of it through its control socket,
//! tokens and keys go straight into the store.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ursa_api::{issue_token, new_id, new_secret};
use ursa_journal::{Journal, OsDisk};
use ursa_model::time::Timestamp;
use ursa_store::sqlite::{AccessDb, SqliteStore};
use ursa_store::{AccessStore, DeviceStore, EnrollToken, RecordStore, Role, Store};

use crate::config::Config;
use crate::control::{self, Request};
use crate::secrets::Secrets;
use crate::{clock, devices, keys, replay, serve};

/// Opens the store of a data folder.
pub(crate) fn open_store(data_dir: &Path, secrets: &Secrets) -> Result<SqliteStore> {
    SqliteStore::open(data_dir, &secrets.store)
        .with_context(|| format!("cannot open the store in {}", data_dir.display()))
}

/// Tokens and settings, which other processes may change while the server holds the store.
fn access(config: &Config) -> Result<AccessDb> {
    let dir = &config.data_dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the data folder {}", dir.display()))?;
    // Before there is a store, so that a key is never made over one that was encrypted with another.
    Secrets::open(dir)?;
    AccessDb::open(dir).with_context(|| format!("cannot open the store in {}", dir.display()))
}

fn must_exist(config: &Config) -> Result<()> {
    let dir = &config.data_dir;
    anyhow::ensure!(dir.is_dir(), "there is no data folder {}; name it with --data-dir", dir.display());
    Ok(())
}

/// Makes a token; returns its secret.
pub(crate) fn create_token(config: &Config, role: &str) -> Result<String> {
    let role: Role = serde_json::from_value(serde_json::Value::String(role.to_owned())).context("no such role")?;
    let store = access(config)?;
    let (info, secret) = issue_token(&store, role, None, clock::now())?;
    store.audit(clock::now(), "cli", "create_token", &info.id)?;
    Ok(secret)
}

/// Makes a key for the edge; returns it.
pub(crate) fn create_key(config: &Config, name: &str) -> Result<String> {
    let store = access(config)?;
    keys::create(&store, name, clock::now())
}

/// How many machines may enrol with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uses {
    Some(u64),
    Unlimited,
}

/// When a token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// After so many microseconds.
    After(i64),
    At(Timestamp),
    Never,
}

/// A number of machines, or `unlimited`.
pub(crate) fn uses(text: &str) -> Result<Uses, String> {
    match text.parse() {
        _ if text == "unlimited" => Ok(Uses::Unlimited),
        Ok(uses) if uses > 0 => Ok(Uses::Some(uses)),
        _ => Err("expected a number from 1 on, or `unlimited`".to_owned()),
    }
}

/// A time to go, a time, or `never`.
pub(crate) fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    if let Ok(at) = text.parse() {
        return Ok(Expiry::At(at));
    }
    let units = [("m", 60), ("h", 3600), ("d", 24 * 3600)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
        count.checked_mul(seconds * 1_000_000)
    });
    found
        .map(Expiry::After)
        .ok_or_else(|| "expected 30m, 12h, 7d, a time such as 2026-12-01T00:00:00Z, or never".to_owned())
}

/// Makes a token with which devices enrol; returns it.
pub(crate) fn create_enroll_token(config: &Config, uses: Uses, expires: Expiry) -> Result<String> {
    let store = access(config)?;
    let now = clock::now();
    let (secret, hash) = new_secret(devices::TOKEN_PREFIX)?;
    let token = EnrollToken {
        id: new_id("ent_")?,
        uses_left: match uses {
            Uses::Some(uses) => Some(uses),
            Uses::Unlimited => None,
        },
        created_at: now,
        expires_at: match expires {
            Expiry::After(micros) => Some(now.plus_micros(micros)),
            Expiry::At(at) => Some(at),
            Expiry::Never => None,
        },
    };
    store.add_enroll_token(&token, &hash)?;
    store.audit(now, "cli", "create_enroll_token", &token.id)?;
    Ok(secret)
}

/// Ends keys of a device; says how many.
pub(crate) fn revoke_device_keys(config: &Config, id: &str) -> Result<String> {
    must_exist(config)?;
    let store = access(config)?;
    let now = clock::now();
    let ended = store.revoke_keys(id, now)?;
    anyhow::ensure!(ended > 0, "no key that holds has the id, or the device, {id}");
    store.audit(now, "cli", "revoke_device_keys", id)?;
    Ok(format!("ursa: {ended} keys ended; a running server knows within seconds"))
}

/// Runs the pipeline again over what the journal still holds; in the running server, if there is one.
pub(crate) fn replay(config: &Config) -> Result<String> {
    must_exist(config)?;
    if let Some(answer) = control::ask(&config.data_dir, Request::Replay)? {
        return Ok(answer);
    }
    let _lock = serve::lock(&config.data_dir)?;
    let secrets = Secrets::open(&config.data_dir)?;
    let store: Arc<dyn Store> = Arc::new(open_store(&config.data_dir, &secrets)?);
    let journal = open_journal(config, &secrets, store.as_ref())?;
    let pipeline = serve::pipeline(config, &secrets, Arc::clone(&store))?;
    let done = replay::run(&pipeline, &journal);
    let closed = journal.close();
    let done = done?;
    closed?;
    Ok(done.to_string())
}

/// What is wrong with the store; nothing, when all is well.
pub(crate) fn verify(config: &Config) -> Result<Vec<String>> {
    must_exist(config)?;
    let answer = control::ask(&config.data_dir, Request::Verify)?;
    if let Some(answer) = answer {
        return Ok(answer.lines().map(str::to_owned).collect());
    }
    let _lock = serve::lock(&config.data_dir)?;
    Ok(open_store(&config.data_dir, &Secrets::open(&config.data_dir)?)?.verify()?)
}

/// Opens the journal of a data folder, where the store's pipeline left off.
pub(crate) fn open_journal(config: &Config, secrets: &Secrets, store: &dyn Store) -> Result<Journal> {
    let dir = config.data_dir.join("journal");
    let disk = OsDisk::open(&dir).with_context(|| format!("cannot open the journal's folder {}", dir.display()))?;
    let disk = Arc::new(disk);
    let cursor = store.cursor()?.and_then(|text| serde_json::from_str(&text).ok());
    Journal::open(disk, &secrets.journal, serve::journal_config(config), cursor)
        .with_context(|| format!("cannot open the journal in {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_and_expiry_are_read() {
        assert_eq!(uses("1"), Ok(Uses::Some(1)));
        assert_eq!(uses("unlimited"), Ok(Uses::Unlimited));
        assert!(["0", "-1", "", "many", "1.5"].iter().all(|text| uses(text).is_err()));
        assert_eq!(expiry("30m"), Ok(Expiry::After(1_800_000_000)));
        assert_eq!(expiry("7d"), Ok(Expiry::After(604_800_000_000)));
        assert_eq!(expiry("never"), Ok(Expiry::Never));
        assert_eq!(expiry("1970-01-01T00:00:01Z"), Ok(Expiry::At(Timestamp(1_000_000))));
        assert!(["", "7", "0d", "-1h", "d", "9999999999999d", "tomorrow"].iter().all(|text| expiry(text).is_err()));
    }
}
