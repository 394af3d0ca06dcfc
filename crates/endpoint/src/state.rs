//! The state directory: where it is, and what is in it.
//!
//! | name | what |
//! |---|---|
//! | `endpoint.toml` | settings, written by `enroll`, for people to change |
//! | `device.key` | the device's key, readable by its owner only |
//! | `ca.pem` | certificate authorities to trust beside the system's |
//! | `spool/` | see [`crate::spool`] |
//! | `rejected/` | what the server refused for good |
//! | `flush.lock`, `flush.next`, `delivery.json` | see [`crate::deliver`] |

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::args::STATE_DIR_VARIABLE;
use crate::spool::{AGE, Limits, SIZE_BYTES, SIZE_BYTES_MIN};

/// Longest settings file that is read, in bytes.
const SETTINGS_BYTES_MAX: u64 = 64 * 1024;
/// Longest device key, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// The systems whose folders differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Linux and other Unixes.
    Linux,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl System {
    /// The one that this program runs on.
    pub const HERE: Self = if cfg!(target_os = "macos") {
        Self::Mac
    } else if cfg!(windows) {
        Self::Windows
    } else {
        Self::Linux
    };
}

/// The state directory where nothing else is said; `None` when the system tells no home. `variable` reads the
/// environment; `home` is the user's home by the system's own list.
pub fn default_directory(
    system: System,
    administrator: bool,
    variable: impl Fn(&str) -> Option<OsString>,
    home: impl FnOnce() -> Option<PathBuf>,
) -> Option<PathBuf> {
    // A relative path would mean another folder in each project.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.has_root());
    let home = || absolute("HOME").or_else(home);
    match (system, administrator) {
        (System::Linux, true) => Some(PathBuf::from("/var/lib/ursa")),
        (System::Mac, true) => Some(PathBuf::from("/Library/Application Support/Ursa")),
        (System::Linux, false) => absolute("XDG_STATE_HOME")
            .or_else(|| home().map(|home| home.join(".local/state")))
            .map(|dir| dir.join("ursa")),
        (System::Mac, false) => home().map(|home| home.join("Library/Application Support/Ursa")),
        (System::Windows, true) => variable("ProgramData").map(|dir| PathBuf::from(dir).join("Ursa")),
        (System::Windows, false) => variable("LOCALAPPDATA").map(|dir| PathBuf::from(dir).join("Ursa")),
    }
}

/// Settings: the file `endpoint.toml`. What is missing has its default; what is unknown is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Base URL of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The device's id on the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Whether http:// is allowed to a server that is not this machine.
    pub allow_plain_http: bool,
    /// Bounds of the spool.
    pub spool: SpoolSettings,
}

/// The section `[spool]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpoolSettings {
    /// Bound of the spool in MiB.
    pub size_mib: u64,
    /// Age in days at which records are dropped while the server cannot be reached.
    pub age_days: u64,
    /// Whether each record is on the disk before the agent is answered.
    pub fsync: bool,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self { size_mib: SIZE_BYTES >> 20, age_days: AGE.as_secs() / 86_400, fsync: false }
    }
}

impl SpoolSettings {
    /// As the spool wants them.
    pub fn limits(&self) -> Limits {
        Limits {
            size_bytes: self.size_mib.saturating_mul(1 << 20).max(SIZE_BYTES_MIN),
            age: Duration::from_secs(self.age_days.max(1).saturating_mul(86_400)),
            sync: self.fsync,
            ..Limits::default()
        }
    }
}

/// What can go wrong with the state directory.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is no home to put it in.
    #[error("no home directory: name a state directory with --state-dir or URSA_STATE_DIR")]
    NoHome,
    /// A file of it.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The settings cannot be understood.
    #[error("{path}: {error}")]
    Settings {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: Box<toml::de::Error>,
    },
    /// Not enrolled yet.
    #[error("this device is not enrolled: run `ursa-endpoint enroll --server URL --token T`")]
    NotEnrolled,
}

/// The state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The one that the flag names, else the environment, else the system's. Makes nothing.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(flag: Option<PathBuf>) -> Result<Self, StateError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let named = flag.or_else(|| variable(STATE_DIR_VARIABLE).map(PathBuf::from));
        let root = named
            .or_else(|| default_directory(System::HERE, crate::user::is_administrator(), variable, crate::user::home));
        let root = root.ok_or(StateError::NoHome)?;
        // The background flush runs elsewhere.
        Ok(Self { root: std::path::absolute(&root).unwrap_or(root) })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The spool's folder.
    pub fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    /// Makes the folder, for this user only.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(&self) -> Result<(), StateError> {
        make_private(&self.root).map_err(|error| StateError::File { path: self.root.clone(), error })
    }

    /// Reads the settings; defaults where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn settings(&self) -> Result<Settings, StateError> {
        let path = self.path("endpoint.toml");
        let text = match read_bounded(&path, SETTINGS_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
            Err(error) => return Err(StateError::File { path, error }),
        };
        toml::from_str(&text).map_err(|error| StateError::Settings { path, error: Box::new(error) })
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save_settings(&self, settings: &Settings) -> Result<(), StateError> {
        let path = self.path("endpoint.toml");
        let text = toml::to_string(settings)
            .map_err(io::Error::other)
            .and_then(|text| replace_private(&path, text.as_bytes()));
        text.map_err(|error| StateError::File { path, error })
    }

    /// The device's key.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn device_key(&self) -> Result<String, StateError> {
        let path = self.path("device.key");
        match read_bounded(&path, KEY_BYTES_MAX as u64) {
            Ok(key) if key.trim().is_empty() => Err(StateError::NotEnrolled),
            Ok(key) => Ok(key.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StateError::NotEnrolled),
            Err(error) => Err(StateError::File { path, error }),
        }
    }

    /// The settings, and the key that goes with them: while `enroll` changes servers, a key is never told to the wrong one.
    ///
    /// # Errors
    /// As [`StateDir::settings`] and [`StateDir::device_key`].
    pub fn enrolled(&self) -> Result<(Settings, String), StateError> {
        let settings = self.settings()?;
        let key = self.device_key()?;
        // `enroll` takes away the old key before it names another server, and puts the new key there last.
        if self.settings()?.server == settings.server { Ok((settings, key)) } else { Err(StateError::NotEnrolled) }
    }

    /// Forgets the device's key, if there is one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn forget_device_key(&self) -> Result<(), StateError> {
        let path = self.path("device.key");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StateError::File { path, error }),
            _ => Ok(()),
        }
    }

    /// Writes a file of the state directory, whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.path(name);
        replace_private(&path, bytes).map_err(|error| StateError::File { path, error })
    }
}

/// Reads a text file that must not be long.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    fs::File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Makes a folder, and those above it, for this user only.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Puts a file in the place of another at once, durable, readable by its owner only.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let new = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        // Nothing to be done when this fails too.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn directory(system: System, administrator: bool, set: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value));
        default_directory(system, administrator, variable, || Some(PathBuf::from("/passwd/home")))
            .map(|path| path.to_string_lossy().replace('\\', "/"))
    }

    #[test]
    fn each_system_has_its_folder() {
        let home =
            [("HOME", "/home/a"), ("LOCALAPPDATA", "C:/Users/a/AppData/Local"), ("ProgramData", "C:/ProgramData")];
        let found = |system, administrator| directory(system, administrator, &home).unwrap();
        assert_eq!(found(System::Linux, false), "/home/a/.local/state/ursa");
        assert_eq!(found(System::Linux, true), "/var/lib/ursa");
        assert_eq!(found(System::Mac, false), "/home/a/Library/Application Support/Ursa");
        assert_eq!(found(System::Mac, true), "/Library/Application Support/Ursa");
        assert_eq!(found(System::Windows, false), "C:/Users/a/AppData/Local/Ursa");
        assert_eq!(found(System::Windows, true), "C:/ProgramData/Ursa");
        let xdg = [("XDG_STATE_HOME", "/x"), ("HOME", "/home/a")];
        assert_eq!(directory(System::Linux, false, &xdg).unwrap(), "/x/ursa");
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "here")];
        assert_eq!(directory(System::Linux, false, &relative).unwrap(), "/passwd/home/.local/state/ursa");
        assert_eq!(directory(System::Windows, false, &[]), None);
    }

    #[test]
    fn settings_come_back_and_the_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(folder.path().join("deep/state"))).unwrap();
        assert_eq!(state.settings().unwrap(), Settings::default());
        assert!(matches!(state.device_key(), Err(StateError::NotEnrolled)));
        state.make().unwrap();
        let settings = Settings { server: Some("https://ursa.example".to_owned()), ..Settings::default() };
        state.save_settings(&settings).unwrap();
        assert_eq!(state.settings().unwrap(), settings);
        state.write_private("device.key", b"secret\n").unwrap();
        assert_eq!(state.device_key().unwrap(), "secret");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&state.path("device.key")), mode(state.root())), (0o600, 0o700));
        }
        fs::write(state.path("endpoint.toml"), "server = 7").unwrap();
        assert!(matches!(state.settings(), Err(StateError::Settings { .. })));
    }

    #[test]
    fn bounds_have_bounds() {
        let limits = SpoolSettings { size_mib: 0, age_days: 0, fsync: true }.limits();
        assert_eq!((limits.size_bytes, limits.age.as_secs(), limits.sync), (SIZE_BYTES_MIN, 86_400, true));
        assert_eq!(SpoolSettings::default().limits(), Limits::default());
    }
}
