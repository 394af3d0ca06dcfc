//! Who the spool is: its id, its key and whose it is. Made once, under the spool's lock, and durable before its first use.

use std::io;

use serde::{Deserialize, Serialize};
use ursa_journal::Disk;
use uuid::Uuid;

use super::SpoolError;

const NAME: &str = "identity";
const NEW_NAME: &str = "identity.new";
/// Longest file that is read, in bytes.
const BYTES_MAX: usize = 4096;
const VERSION: u32 = 1;

/// The file `identity`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    version: u32,
    /// What `seq` counts in.
    pub(super) spool: Uuid,
    /// 64 hexadecimal digits.
    key: String,
    /// Login name of the person whose spool it is, as the system says.
    #[serde(default)]
    pub(super) os_user: Option<String>,
}

impl Identity {
    /// Reads it, or makes it. The caller holds the spool's lock.
    pub(super) fn open(disk: &dyn Disk, os_user: impl FnOnce() -> Option<String>) -> Result<Self, SpoolError> {
        match Self::read(disk)? {
            Some(identity) => Ok(identity),
            None => Self::make(disk, os_user()),
        }
    }

    /// Reads it without the lock; `None` when there is none, or a damaged one.
    pub(super) fn read(disk: &dyn Disk) -> Result<Option<Self>, SpoolError> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = vec![0; BYTES_MAX];
        let read = file.read_at(&mut bytes, 0)?;
        let Ok(identity) = serde_json::from_slice::<Self>(&bytes[..read]) else { return Ok(None) };
        if identity.version != VERSION {
            return Err(SpoolError::Version(identity.version));
        }
        Ok(identity.key().is_some().then_some(identity))
    }

    fn make(disk: &dyn Disk, os_user: Option<String>) -> Result<Self, SpoolError> {
        let key = blake3::Hash::from_bytes(random()?).to_hex().to_string();
        let identity = Self { version: VERSION, spool: Uuid::new_v4(), key, os_user };
        if let Err(error) = disk.remove(NEW_NAME)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        let file = disk.create(NEW_NAME)?;
        file.write_at(&serde_json::to_vec(&identity).map_err(io::Error::from)?, 0)?;
        file.sync_data()?;
        disk.rename(NEW_NAME, NAME)?;
        disk.sync_dir()?;
        Ok(identity)
    }

    /// The key that its segments' keys are made from.
    pub(super) fn key(&self) -> Option<[u8; 32]> {
        blake3::Hash::from_hex(&self.key).ok().map(|key| *key.as_bytes())
    }
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
