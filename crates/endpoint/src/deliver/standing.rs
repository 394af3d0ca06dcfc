//! When to try again. The time stands in the modification time of the file `flush.next`, where a hook sees it with one
//! look; the rest in `delivery.json`. Both outlive the process, so that a dead server is not asked at each hook.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::state::{StateDir, read_bounded};

const NEXT: &str = "flush.next";
const FILE: &str = "delivery.json";
const BYTES_MAX: u64 = 16 * 1024;
/// Pause after the first failure, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// The longest pause between two tries.
pub(super) const PAUSE_MAX: Duration = Duration::from_mins(15);
/// Longest that a server may keep a device waiting. A time further ahead is a wrong clock's.
const AHEAD_MAX: Duration = Duration::from_hours(1);
/// How long a hook that starts a delivery keeps others from starting one too.
const CLAIM: Duration = Duration::from_secs(2);
/// Longest error text that is kept, in characters.
const TEXT_MAX: usize = 500;

/// How delivery stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Tries that failed since the last that did not.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Records that the server took, those it had already included.
    pub delivered: u64,
    /// Records that the server refused for good.
    pub rejected: u64,
}

impl Standing {
    /// Reads it; a new one where there is none of use.
    pub fn read(state: &StateDir) -> Self {
        let text = read_bounded(&state.path(FILE), BYTES_MAX).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// A batch arrived.
    pub fn delivered(&mut self, state: &StateDir, records: u64, rejected: u64) {
        self.failures = 0;
        self.last_error = None;
        self.delivered += records;
        self.rejected += rejected;
        self.write(state);
    }

    /// A try failed: the next one is put off, for as long as the server wants or longer each time.
    pub fn failed(&mut self, state: &StateDir, error: &str, wanted: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error.chars().take(TEXT_MAX).collect());
        let pause = wanted.unwrap_or_else(|| pause(self.failures, random_part()));
        self.write(state);
        // Put off for less when this fails: the server is asked once more than need be.
        let _ = put_off(state, pause);
        pause
    }

    fn write(&self, state: &StateDir) {
        // Figures and a text for people: delivery does not depend on them.
        if let Ok(json) = serde_json::to_vec(self) {
            let _ = state.write_private(FILE, &json);
        }
    }
}

/// Doubles with each failure up to [`PAUSE_MAX`]; of that between half and all, by `part` (0 to 1), so that a fleet does
/// not come back in one moment.
fn pause(failures: u32, part: f64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
    doubled.mul_f64(0.5 + part.clamp(0.0, 1.0) / 2.0)
}

fn random_part() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the pause is the longest.
    if getrandom::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// How long until the next try; zero when it is due.
pub fn due_in(state: &StateDir) -> Duration {
    let next = std::fs::metadata(state.path(NEXT)).and_then(|file| file.modified());
    let left = next.ok().and_then(|next| next.duration_since(SystemTime::now()).ok()).unwrap_or_default();
    if left > AHEAD_MAX { Duration::ZERO } else { left }
}

/// Nothing is to be waited for any more.
pub(crate) fn clear(state: &StateDir) {
    let _ = std::fs::remove_file(state.path(NEXT));
}

/// Keeps other hooks from starting a delivery as well.
pub(super) fn claim(state: &StateDir) -> io::Result<()> {
    put_off(state, CLAIM)
}

fn put_off(state: &StateDir, pause: Duration) -> io::Result<()> {
    File::create(state.path(NEXT))?.set_modified(SystemTime::now() + pause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let longest: Vec<u64> = (1..=9).map(|failures| pause(failures, 1.0).as_secs()).collect();
        assert_eq!(longest, [5, 10, 20, 40, 80, 160, 320, 640, 900]);
        assert_eq!(pause(u32::MAX, 1.0), PAUSE_MAX);
        assert_eq!(pause(1, 0.0), PAUSE_MIN / 2);
    }

    #[test]
    fn what_was_put_off_is_put_off_for_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(folder.path().to_owned())).unwrap();
        assert_eq!(due_in(&state), Duration::ZERO);
        let mut standing = Standing::read(&state);
        standing.failed(&state, "no route", None);
        assert!(due_in(&state) > Duration::from_secs(1) && due_in(&state) <= PAUSE_MIN);
        assert_eq!(Standing::read(&state), standing);
        standing.failed(&state, "busy", Some(Duration::from_mins(10)));
        assert!(due_in(&state) > Duration::from_secs(590));
        // A clock that was years ahead must not silence the device.
        put_off(&state, Duration::from_hours(9000)).unwrap();
        assert_eq!(due_in(&state), Duration::ZERO);
        clear(&state);
        standing.delivered(&state, 3, 1);
        let read = Standing::read(&state);
        assert_eq!((read.failures, read.last_error, read.delivered, read.rejected), (0, None, 3, 1));
    }
}
