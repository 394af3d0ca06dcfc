//! A lock that processes agree by: held with an open file, gone when the process is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// First and longest pause between two tries.
const PAUSE_MIN: Duration = Duration::from_micros(100);
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// A held lock.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held for its lock, which ends with it")] File);

impl Lock {
    /// Takes the lock of that file, which is made if need be. `None` when others held it for all of `wait`.
    ///
    /// # Errors
    /// When the file cannot be opened or the system cannot lock it.
    pub fn acquire(path: &Path, wait: Duration) -> io::Result<Option<Self>> {
        let file = open(path)?;
        let begun = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= wait => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
