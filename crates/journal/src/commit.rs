//! The thread that commits: seal, write, one sync for the whole group, tell the waiters.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use ursa_model::ExchangeId;
use ursa_model::capture::{Frame, FrameKind};

use crate::config::{BATCH_BYTES_MAX, END_RESERVE_BYTES, JournalConfig};
use crate::error::JournalError;
use crate::format::{FRAME_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES};
use crate::log::{Log, Position, SegmentInfo};
use crate::queue::{Queue, Queued, Work};
use crate::segment::{self, FileState, NewSegment, Room, file_name};
use crate::stats::count;

/// Exchanges that are remembered for a frame that was dropped: more than a server ever has open.
const TORN_MAX: usize = 1 << 16;

/// Why frames could not be committed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// The disk is full. Nothing of them counts; the next attempt starts at the same place.
    Full,
    /// The disk is not to be trusted any more.
    Fatal(Arc<str>),
}

impl CommitError {
    /// A write failed, before any sync of it.
    fn of_write(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::fatal("write", error),
        }
    }

    fn fatal(doing: &str, error: &io::Error) -> Self {
        Self::Fatal(Arc::from(format!("{doing}: {error}")))
    }
}

impl From<CommitError> for JournalError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full => Self::Full,
            CommitError::Fatal(reason) => Self::Failed { reason },
        }
    }
}

/// The segment that is written.
struct Active {
    segment: NewSegment,
    /// Its header on disk says where the segment before it ends.
    stated: bool,
    offset: u64,
    seal: u64,
    commits: u64,
    /// Somebody waited for one of its frames.
    awaited: bool,
}

impl Active {
    /// The first frame goes behind the header.
    fn new(segment: NewSegment, stated: bool) -> Self {
        Self { segment, stated, offset: SEGMENT_HEADER_BYTES, seal: 0, commits: 0, awaited: false }
    }

    /// How the room of the next segment is to be made, judged by this one: nobody is to wait longer than need be, and
    /// where nobody waits and much comes at once, every byte is written once and not twice.
    fn room_of_next(&self, config: &JournalConfig) -> Room {
        let large = self.offset - SEGMENT_HEADER_BYTES >= self.commits.max(1) * config.reserve_from_bytes;
        if large && !self.awaited { Room::Reserved } else { Room::Written }
    }

    /// Gives back what was preallocated and not used: a segment may be ended long before it is full. Not synced, as it is
    /// no part of the log; after a power loss the next start does it again.
    fn give_back_rest(self) {
        if self.offset < self.segment.bytes
            && let Err(error) = self.segment.file.cut(self.offset)
        {
            tracing::debug!(%error, "an ended segment keeps its size until the next start");
        }
    }
}

/// Frames as they were written.
struct Written {
    starts: Vec<u64>,
    end: u64,
}

/// Writes frames into segments.
pub(crate) struct Committer {
    log: Arc<Log>,
    config: JournalConfig,
    active: Active,
    ahead: Option<JoinHandle<io::Result<NewSegment>>>,
    next_number: u64,
    /// Keeps its size, which a batch bounds: new pages for every commit would cost more than what is written.
    buffer: Vec<u8>,
    /// Ends that found the disk full. They go first when there is space again, so that no capture stays open for ever.
    owed: Vec<Frame>,
    /// Exchanges of which a frame found the disk full. What comes of them later may fit again, but whoever waits for it
    /// believes that all before it is on disk, too.
    torn: BTreeSet<ExchangeId>,
}

impl Committer {
    /// Begins a new segment behind `previous`.
    pub(crate) fn begin(
        log: Arc<Log>,
        config: JournalConfig,
        number: u64,
        previous: Option<Position>,
    ) -> io::Result<Self> {
        let segment = segment::make(&*log.disk, &log.key, number, config.segment_bytes, previous, Room::Written)?;
        log.add_segment(SegmentInfo::empty(number));
        let active = Active::new(segment, true);
        let mut committer = Self {
            log,
            config,
            active,
            ahead: None,
            next_number: number + 1,
            buffer: Vec::new(),
            owed: Vec::new(),
            torn: BTreeSet::new(),
        };
        committer.prepare(Room::Written);
        Ok(committer)
    }

    /// Room for frames in the active segment, in bytes.
    fn room(&self) -> u64 {
        self.active.segment.bytes.saturating_sub(self.active.offset)
    }

    fn take_number(&mut self) -> u64 {
        // Never the same twice: a failed attempt may have left a file behind.
        self.next_number += 1;
        self.next_number - 1
    }

    /// Starts making the next segment in the background.
    fn prepare(&mut self, room: Room) {
        if !self.config.prepare_ahead {
            return;
        }
        let (log, number, bytes) = (Arc::clone(&self.log), self.take_number(), self.config.segment_bytes);
        self.ahead = thread::Builder::new()
            .name("journal-prepare".to_owned())
            .spawn(move || segment::make(&*log.disk, &log.key, number, bytes, None, room))
            .map_err(|error| tracing::warn!(%error, "the next segment will be made when it is needed"))
            .ok();
    }

    /// Goes on to the next segment.
    fn roll(&mut self) -> Result<(), CommitError> {
        let prepared = self.ahead.take().map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("panic"))));
        let mut segment = match prepared {
            Some(Ok(segment)) => segment,
            Some(Err(error)) if !matches!(CommitError::of_write(&error), CommitError::Full) => {
                return Err(CommitError::fatal("prepare a segment", &error));
            }
            // Space may have come back since then.
            Some(Err(_)) | None => {
                let (number, room) = (self.take_number(), self.active.room_of_next(&self.config));
                segment::make(&*self.log.disk, &self.log.key, number, self.config.segment_bytes, None, room)
                    .map_err(|error| CommitError::of_write(&error))?
            }
        };
        segment.header.previous =
            Some(Position { segment: self.active.segment.header.number, offset: self.active.offset });
        self.log.add_segment(SegmentInfo::empty(segment.header.number));
        let ended = mem::replace(&mut self.active, Active::new(segment, false));
        self.prepare(ended.room_of_next(&self.config));
        ended.give_back_rest();
        Ok(())
    }

    /// Writes and syncs frames that fit into the active segment. They are on disk on return.
    fn write(&mut self, frames: &[&Frame]) -> Result<Written, CommitError> {
        let begun = Instant::now();
        let active = &mut self.active;
        self.buffer.clear();
        let mut starts = Vec::with_capacity(frames.len());
        for frame in frames {
            let offset = active.offset + self.buffer.len() as u64;
            // Counted before the write: should it fail, the next attempt at this place has another nonce.
            active.seal += 1;
            starts.push(offset);
            active
                .segment
                .keys
                .seal(frame, offset, active.offset, active.seal, &mut self.buffer)
                .map_err(|_| CommitError::Fatal(Arc::from("cipher")))?;
        }
        let file = &*active.segment.file;
        if !active.stated {
            let area = active.segment.header.encode_area(&active.segment.keys);
            file.write_at(&area, 0).map_err(|error| CommitError::of_write(&error))?;
            active.stated = true;
        }
        file.write_at(&self.buffer, active.offset).map_err(|error| CommitError::of_write(&error))?;
        file.sync_data().map_err(|error| CommitError::fatal("sync", &error))?;
        active.offset += self.buffer.len() as u64;
        active.commits += 1;
        let written = self.buffer.len() as u64;
        // A frame larger than a batch is rare: its memory is not kept.
        self.buffer.clear();
        self.buffer.shrink_to(BATCH_BYTES_MAX);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.log.counters.committed(frames.len() as u64, written, micros);
        let end = Position { segment: active.segment.header.number, offset: active.offset };
        self.log.commit(end, frames.iter().map(|frame| frame.at));
        Ok(Written { starts, end: end.segment })
    }

    /// Writes frames of any number, over as many segments as they need. Those that are on disk leave `frames`.
    pub(crate) fn write_all(&mut self, frames: &mut Vec<Frame>) -> Result<(), CommitError> {
        while !frames.is_empty() {
            let room = self.room().min(BATCH_BYTES_MAX as u64);
            let mut bytes = 0;
            let fit = frames
                .iter()
                .take_while(|frame| {
                    bytes += (frame.payload.len() + FRAME_OVERHEAD_BYTES) as u64;
                    bytes <= room
                })
                .count();
            if fit == 0 {
                self.roll()?;
                continue;
            }
            self.write(&frames[..fit].iter().collect::<Vec<_>>())?;
            frames.drain(..fit);
        }
        Ok(())
    }

    /// Commits what comes out of the queue until it is closed or the disk fails.
    pub(crate) fn run(mut self, queue: &Queue) {
        let _guard = FailOnPanic(queue);
        loop {
            let outcome = match queue.take(self.room()) {
                Work::Done => break,
                Work::Roll => self.roll().map_err(|error| (error, Vec::new())),
                Work::Batch(batch) => self.commit(batch, queue),
            };
            match outcome {
                Ok(()) => {}
                Err((CommitError::Full, mut unwritten)) => {
                    // What waits behind cannot be written either, and must not wait for space that may never come.
                    unwritten.extend(queue.drain());
                    self.drop_full(unwritten, queue);
                }
                Err((CommitError::Fatal(reason), mut unwritten)) => {
                    tracing::error!(%reason, "the journal has failed and accepts nothing more");
                    queue.fail(&reason);
                    self.owed.clear();
                    unwritten.extend(queue.drain());
                    drop_failed(&self.log, unwritten, &reason, queue);
                }
            }
        }
        if let Err(error) = self.pay_owed() {
            tracing::warn!(?error, "ends of captures were not written; the next start closes them");
        }
    }

    fn commit(&mut self, batch: Vec<Queued>, queue: &Queue) -> Result<(), (CommitError, Vec<Queued>)> {
        if let Err(error) = self.pay_owed() {
            return Err((error, batch));
        }
        let bytes: usize = batch.iter().map(Queued::bytes).sum();
        let awaited = batch.iter().any(Queued::is_awaited);
        // What was owed may have taken the room.
        if self.room() < bytes as u64
            && let Err(error) = self.roll()
        {
            return Err((error, batch));
        }
        self.active.awaited |= awaited;
        match self.write(&batch.iter().map(|queued| &queued.frame).collect::<Vec<_>>()) {
            Ok(written) => {
                queue.release(bytes);
                for (queued, offset) in batch.into_iter().zip(written.starts) {
                    let is_torn = match queued.frame.kind {
                        FrameKind::End => self.torn.remove(&queued.frame.exchange),
                        _ => self.torn.contains(&queued.frame.exchange),
                    };
                    let position = Position { segment: written.end, offset };
                    queued.resolve(if is_torn { Err(JournalError::Full) } else { Ok(position) });
                }
                Ok(())
            }
            Err(error) => Err((error, batch)),
        }
    }

    fn pay_owed(&mut self) -> Result<(), CommitError> {
        let mut owed = mem::take(&mut self.owed);
        let outcome = self.write_all(&mut owed);
        self.owed = owed;
        outcome
    }

    /// A frame of the exchange is dropped.
    fn tear(&mut self, exchange: ExchangeId) {
        self.torn.insert(exchange);
        if self.torn.len() > TORN_MAX {
            // The oldest, as ids begin with a time: its End was refused, else it would have left.
            self.torn.pop_first();
        }
    }

    /// The disk is full: tells the waiters, and keeps the Ends of captures that are in the log for later.
    fn drop_full(&mut self, unwritten: Vec<Queued>, queue: &Queue) {
        count(&self.log.counters.disk_full, unwritten.len() as u64);
        tracing::warn!(frames = unwritten.len(), "the disk is full; frames are dropped");
        let mut owed_bytes: usize = self.owed.iter().map(|frame| frame.payload.len() + FRAME_OVERHEAD_BYTES).sum();
        let mut headless: Vec<ExchangeId> = Vec::new();
        for mut queued in unwritten {
            queue.release(queued.bytes());
            let exchange = queued.frame.exchange;
            match queued.frame.kind {
                FrameKind::End => drop(self.torn.remove(&exchange)),
                FrameKind::Envelope => {}
                _ => self.tear(exchange),
            }
            match queued.frame.kind {
                FrameKind::Head => {
                    headless.push(exchange);
                    queue.backlog.settle(1);
                }
                FrameKind::Envelope => queue.backlog.settle(1),
                FrameKind::End if !headless.contains(&exchange) && owed_bytes < END_RESERVE_BYTES => {
                    owed_bytes += queued.bytes();
                    let payload = mem::take(&mut queued.frame.payload);
                    self.owed.push(Frame { exchange, at: queued.frame.at, kind: FrameKind::End, payload });
                }
                _ => {}
            }
            queued.resolve(Err(JournalError::Full));
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Waited for, so that nothing touches the disk once the journal is closed. A segment that was prepared in vain
        // would cost its space until the next start.
        if let Some(Ok(Ok(segment))) = self.ahead.take().map(JoinHandle::join) {
            let name = file_name(segment.header.number, FileState::Whole);
            drop(segment);
            if let Err(error) = self.log.disk.remove(&name) {
                tracing::debug!(%error, "the prepared segment stays until the next start");
            }
        }
    }
}

/// Should the thread panic, nobody is left waiting for it.
struct FailOnPanic<'a>(&'a Queue);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(&Arc::from("the commit thread panicked"));
            drop(self.0.drain());
        }
    }
}

fn drop_failed(log: &Log, unwritten: Vec<Queued>, reason: &Arc<str>, queue: &Queue) {
    count(&log.counters.failed, unwritten.len() as u64);
    for queued in unwritten {
        queue.release(queued.bytes());
        if queued.frame.kind.begins_capture() {
            queue.backlog.settle(1);
        }
        queued.resolve(Err(JournalError::Failed { reason: Arc::clone(reason) }));
    }
}
