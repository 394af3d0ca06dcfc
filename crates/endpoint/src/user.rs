//! Who runs this program, by the system's own lists: never by the environment, whose values are not recorded.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Longest list of users that is read, in bytes.
#[cfg(unix)]
const USERS_BYTES_MAX: u64 = 4 << 20;
/// Longest name that is believed, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// True for root. On Windows it is not asked: scheduled tasks name their state directory.
pub fn is_administrator() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    return false;
}

/// The user's home by the list of users.
pub fn home() -> Option<PathBuf> {
    #[cfg(unix)]
    return entry().and_then(|entry| entry.split(':').nth(5).map(PathBuf::from)).filter(|home| home.is_absolute());
    #[cfg(not(unix))]
    return None;
}

/// The user's login name. May start a program of the system, so ask once and keep it.
pub fn login() -> Option<String> {
    #[cfg(unix)]
    if let Some(name) = entry().and_then(|entry| entry.split(':').next().map(str::to_owned)) {
        return Some(name);
    }
    let (program, argument) = if cfg!(windows) { ("whoami", None) } else { ("id", Some("-un")) };
    let output = Command::new(program).args(argument).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}

/// Users of the list: login name, number, home.
#[cfg(unix)]
pub(crate) fn listed() -> Vec<(String, u32, PathBuf)> {
    let users = crate::state::read_bounded(std::path::Path::new("/etc/passwd"), USERS_BYTES_MAX).unwrap_or_default();
    let read = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        Some((fields.first()?.to_string(), fields.get(2)?.parse().ok()?, PathBuf::from(fields.get(5)?)))
    };
    users.lines().filter_map(read).collect()
}

/// The line of the list of users for this user. Those of a directory service are not in it.
#[cfg(unix)]
fn entry() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let users = crate::state::read_bounded(std::path::Path::new("/etc/passwd"), USERS_BYTES_MAX).ok()?;
    users.lines().find(|line| line.split(':').nth(2) == Some(&id)).map(str::to_owned)
}
