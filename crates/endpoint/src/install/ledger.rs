//! What `install` did, in the state directory: for each file what its bytes were before and after. It is written before
//! the first file is changed, so that whatever happens between, `uninstall` knows every byte that was there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::Disk;

/// The folder in the state directory.
const FOLDER: &str = "install";
/// The ledger in it.
const NAME: &str = "ledger.json";
/// Longest ledger, in bytes.
const BYTES_MAX: u64 = 4 << 20;
/// Contents of one file that are remembered as ours.
const AFTER_MAX: usize = 8;
/// Form of the ledger.
const VERSION: u32 = 1;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Hash of its bytes before, whose copy is in the folder; `None` if there was no file.
    pub before: Option<String>,
    /// Hashes of what `install` made of them: one, or more if it ran again with other settings.
    pub after: Vec<String>,
    /// Folders that were made for it, the outermost first.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// Its mode before it was taken from others for the key in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Slug of the agent whose settings it holds.
    pub agent: String,
    /// Whether they are the machine's.
    pub machine: bool,
}

/// A change that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Change<'c> {
    /// The bytes before; `None` if there is no file.
    pub before: Option<&'c [u8]>,
    /// The bytes after.
    pub after: &'c [u8],
    /// The mode before, if it is taken from others.
    pub mode: Option<u32>,
    /// Slug of the agent.
    pub agent: &'c str,
    /// Whether the settings are the machine's.
    pub machine: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    files: BTreeMap<PathBuf, Entry>,
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    stored: Stored,
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file of it cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It makes no sense. Whether to go on without it is for a person to say: it knows what stood in the files before.
    #[error(
        "{path}: {error}. To go on without it, move the folder {} away and run this again: what is ours is then known by \
         its command line and its URLs, and the files as they were before stay in the folder that you moved",
        .path.parent().unwrap_or(.path).display()
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A newer program wrote it.
    #[error("{0}: written by another version of ursa-endpoint; use that one")]
    Version(PathBuf),
}

impl LedgerError {
    fn file(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_path_buf(), error }
    }
}

/// The hash by which bytes are known again.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl Ledger {
    /// Reads it; an empty one if there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read: what was before must not be forgotten.
    pub fn open(state: &Path) -> Result<Self, LedgerError> {
        let folder = state.join(FOLDER);
        let path = folder.join(NAME);
        let text = match crate::state::read_bounded(&path, BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { folder, stored: Stored { version: VERSION, ..Stored::default() } });
            }
            // Not text, or far too long.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge) => {
                return Err(LedgerError::Damaged { path, error: serde_json::Error::io(error) });
            }
            Err(error) => return Err(LedgerError::file(&path, error)),
        };
        let stored: Stored = match serde_json::from_str(&text) {
            Ok(stored) => stored,
            Err(error) => return Err(LedgerError::Damaged { path, error }),
        };
        if stored.version != VERSION {
            return Err(LedgerError::Version(path));
        }
        Ok(Self { folder, stored })
    }

    /// What is known of a file.
    pub fn entry(&self, file: &Path) -> Option<&Entry> {
        self.stored.files.get(file)
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = (&PathBuf, &Entry)> {
        self.stored.files.iter()
    }

    /// The bytes that a file had before; `None` if there was none, or if the copy is gone or not what it was.
    pub fn before(&self, entry: &Entry) -> Option<Vec<u8>> {
        let wanted = entry.before.as_ref()?;
        let bytes = std::fs::read(self.folder.join(wanted)).ok()?;
        (hash(&bytes) == *wanted).then_some(bytes)
    }

    /// Notes a change that is about to be made, and saves what is there before. Not on the disk until [`Ledger::save`].
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn note(&mut self, file: &Path, change: &Change<'_>, disk: &dyn Disk) -> Result<(), LedgerError> {
        let before = change.before.map(hash);
        if let (Some(bytes), Some(name)) = (change.before, &before) {
            let copy = self.folder.join(name);
            if !copy.exists() {
                disk.private(&copy, bytes).map_err(|error| LedgerError::file(&copy, error))?;
            }
        }
        let (agent, machine) = (change.agent.to_owned(), change.machine);
        let folders = super::files::missing_folders(file);
        let mut entry = Entry { before, after: Vec::new(), folders, mode: change.mode, agent, machine };
        if let Some(old) = self.stored.files.remove(file) {
            if old.before == entry.before {
                entry.after = old.after;
            }
            entry.mode = old.mode.or(entry.mode);
            entry.folders = if old.folders.is_empty() { entry.folders } else { old.folders };
        }
        entry.after.push(hash(change.after));
        entry.after.dedup();
        let excess = entry.after.len().saturating_sub(AFTER_MAX);
        entry.after.drain(..excess);
        self.stored.files.insert(file.to_path_buf(), entry);
        Ok(())
    }

    /// Forgets a file that is as it was.
    pub fn forget(&mut self, file: &Path) {
        self.stored.files.remove(file);
    }

    /// Writes it, durable, and removes copies that nothing needs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, disk: &dyn Disk) -> Result<(), LedgerError> {
        let path = self.folder.join(NAME);
        if self.stored.files.is_empty() && !path.exists() {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&self.stored).map_err(io::Error::from);
        let written = text.and_then(|text| disk.private(&path, &text));
        written.map_err(|error| LedgerError::file(&path, error))?;
        self.sweep();
        Ok(())
    }

    fn sweep(&self) {
        let needed: Vec<&String> = self.stored.files.values().filter_map(|entry| entry.before.as_ref()).collect();
        for copy in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = copy.file_name();
            let is_copy = name.len() == blake3::OUT_LEN * 2 && name.to_str().is_some();
            if is_copy && !needed.iter().any(|needed| name == needed.as_str()) {
                // A copy too many harms nobody.
                let _ = std::fs::remove_file(copy.path());
            }
        }
    }
}
