//! The environment's master key, and the keys that are derived from it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use ursa_model::keys::{DataKeys, KEY_BYTES};

/// Keys of one data folder. Never shown, never logged.
pub(crate) struct Secrets {
    /// For frames of the journal.
    pub(crate) journal: [u8; KEY_BYTES],
    /// Wraps the keys of the store.
    pub(crate) store: [u8; KEY_BYTES],
    /// For marks of credential values.
    pub(crate) masking: [u8; KEY_BYTES],
}

impl Secrets {
    /// Reads `keys/master.key`, or makes it, readable by its owner alone.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join("keys");
        let file = dir.join("master.key");
        let master = match fs::read(&file) {
            Ok(bytes) => <[u8; KEY_BYTES]>::try_from(bytes.as_slice())
                .ok()
                .with_context(|| format!("{} is damaged: it should hold {KEY_BYTES} bytes", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => make(data_dir, &dir, &file)?,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let DataKeys { journal, store, masking } = DataKeys::derive(&master);
        Ok(Self { journal, store, masking })
    }
}

fn make(data_dir: &Path, dir: &Path, file: &Path) -> Result<[u8; KEY_BYTES]> {
    // A new key over old data would make all of it unreadable without a word.
    if data_dir.join("store").exists() || data_dir.join("journal").exists() {
        bail!(
            "{} is missing, but {} holds data that was encrypted with it: put it back from your backup",
            file.display(),
            data_dir.display()
        );
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).ok().context("the system gives no random bytes")?;
    // Written aside and renamed, so that a crash leaves the whole key or none.
    let aside = file.with_extension("new");
    let _ = fs::remove_file(&aside);
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    new.write_all(&key)?;
    new.sync_all()?;
    fs::rename(&aside, file)?;
    for synced in [dir, data_dir] {
        File::open(synced)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Secrets::open(dir.path()).unwrap();
        let again = Secrets::open(dir.path()).unwrap();
        assert_eq!((first.journal, first.store), (again.journal, again.store));
        assert_ne!(first.journal, first.store);
        let mode = fs::metadata(dir.path().join("keys/master.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_key_is_not_replaced_over_data() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("store")).unwrap();
        assert!(Secrets::open(dir.path()).is_err());
    }
}
