//! Reads what the agent says, within bounds of size and time.

use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::cut::{CutLimits, Cutter};
use crate::line::BODY_BYTES_MAX;

/// Bytes that are read at once: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;
/// How many reads may wait.
const READS_WAITING: usize = 4;
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
        Self { total: 0, whole: Vec::new(), cutter: None }
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

/// Reads until the input ends, or for `wait` at most.
pub(super) fn read(mut source: impl Read + Send + 'static, wait: Duration) -> Input {
    let (sender, receiver) = sync_channel::<Vec<u8>>(READS_WAITING);
    let reader = move || {
        loop {
            let mut bytes = vec![0; READ_BYTES];
            match source.read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => bytes.truncate(read),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            if sender.send(bytes).is_err() {
                return;
            }
        }
    };
    let mut collector = Collector::new();
    if std::thread::Builder::new().spawn(reader).is_err() {
        return collector.end(false);
    }
    let begun = Instant::now();
    loop {
        match receiver.recv_timeout(wait.saturating_sub(begun.elapsed())) {
            Ok(bytes) => collector.take(&bytes),
            Err(RecvTimeoutError::Disconnected) => return collector.end(true),
            Err(RecvTimeoutError::Timeout) => return collector.end(false),
        }
        // An input that never stops coming must not keep the agent either.
        if begun.elapsed() >= wait {
            return collector.end(false);
        }
    }
}
