//! Reads what the agent says, within bounds of size and time.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use crate::cut::{CutLimits, Cutter};
use crate::line::{BODY_BYTES_MAX, HEAD_BYTES_MAX};

/// Bytes that are read at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;
/// What is kept of a long input as it was, for the case that it is no JSON. In bytes.
const PREFIX_BYTES: usize = 256 * 1024;
/// How an input longer than [`BODY_BYTES_MAX`] is cut: at worst to the sum of total, member and two strings.
const LONG: CutLimits = CutLimits { string: 128 * 1024, member: 1024 * 1024, total: 5 * 512 * 1024 };

/// What came.
#[derive(Debug)]
pub(super) struct Input {
    /// Bytes that came, kept or not.
    pub(super) total: u64,
    /// The end of the input was seen.
    pub(super) ended: bool,
    /// What was kept.
    pub(super) kept: Kept,
}

/// What was kept of the input.
#[derive(Debug)]
pub(super) enum Kept {
    /// All of it.
    Whole(Vec<u8>),
    /// It was longer than [`BODY_BYTES_MAX`].
    Cut {
        /// If it was JSON, it still is.
        json: Vec<u8>,
        /// How it began.
        prefix: Vec<u8>,
    },
}

/// Collects the pieces of an input.
pub(super) struct Collector {
    total: u64,
    whole: Vec<u8>,
    cutter: Option<Cutter>,
}

impl Collector {
    pub(super) fn new() -> Self {
        // Room for the longest body and what is put around it: memory that is not written to costs nothing, and memory
        // that grows is moved, which all threads wait for.
        Self { total: 0, whole: Vec::with_capacity(BODY_BYTES_MAX + HEAD_BYTES_MAX), cutter: None }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if let Some(cutter) = &mut self.cutter {
            cutter.feed(bytes);
        } else if self.whole.len() + bytes.len() <= BODY_BYTES_MAX {
            self.whole.extend_from_slice(bytes);
        } else {
            let mut cutter = Cutter::new(LONG);
            cutter.feed(super::body::without_mark(&self.whole));
            cutter.feed(bytes);
            self.whole.truncate(PREFIX_BYTES);
            self.whole.shrink_to_fit();
            self.cutter = Some(cutter);
        }
    }

    pub(super) fn end(self, ended: bool) -> Input {
        let kept = match self.cutter {
            None => Kept::Whole(self.whole),
            Some(cutter) => Kept::Cut { json: cutter.finish(), prefix: self.whole },
        };
        Input { total: self.total, ended, kept }
    }
}

/// What has come so far. Reading waits for the agent and can only be ended by ending the process: whoever does not want
/// to wait any longer takes what there is.
pub(super) struct Shared(Mutex<Option<Collector>>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Collector::new())))
    }

    /// What came. `None` when another thread has it.
    pub(super) fn take(&self, ended: bool) -> Option<Input> {
        let collector = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        collector.map(|collector| collector.end(ended))
    }

    /// Reads until the input ends. `None` when it was taken before.
    pub(super) fn read(&self, mut source: impl Read) -> Option<Input> {
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let read = match source.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.take(&bytes[..read]);
        }
        self.take(true)
    }
}
