//! The queue between those who append and the thread that commits, bounded in bytes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use ursa_model::capture::{Frame, FrameKind};

use crate::backlog::Backlog;
use crate::config::{BATCH_BYTES_MAX, END_RESERVE_BYTES, JournalConfig};
use crate::error::{AppendError, JournalError};
use crate::format::FRAME_OVERHEAD_BYTES;
use crate::log::{Health, Log, Position};
use crate::stats::count;

type Outcome = Result<Position, JournalError>;

/// A frame that waits for its commit.
pub(crate) struct Queued {
    pub(crate) frame: Frame,
    /// Absent when nobody will ask.
    done: Option<oneshot::Sender<Outcome>>,
    number: u64,
}

impl Queued {
    /// Bytes it counts in the queue, which are also its bytes on disk.
    pub(crate) fn bytes(&self) -> usize {
        self.frame.payload.len() + FRAME_OVERHEAD_BYTES
    }

    /// True when somebody has a ticket for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.done.is_some()
    }

    /// Tells whoever waits.
    pub(crate) fn resolve(self, outcome: Outcome) {
        if let Some(done) = self.done {
            // Nobody may be waiting any more: a ticket can be dropped.
            let _ = done.send(outcome);
        }
    }
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Queued>,
    /// Bytes in `frames` and in the batch that is being committed.
    bytes: usize,
    /// Bytes in `frames`.
    waiting: usize,
    /// Since when the first of `frames` waits.
    since: Option<Instant>,
    /// Since when the committing thread works at what it took; `None` while it waits for more.
    working_since: Option<Instant>,
    /// Somebody waited as long as anybody is to wait, and nothing has been committed since.
    waited_in_vain: bool,
    next_number: u64,
    /// Somebody waits for frames below this number.
    urgent_below: u64,
    /// The segment is to end, full or not.
    roll: bool,
    closed: bool,
    failed: Option<Arc<str>>,
}

impl Inner {
    fn refuses(&self) -> bool {
        self.closed || self.failed.is_some()
    }
}

/// What the committing thread is to do next.
pub(crate) enum Work {
    /// Commit these.
    Batch(Vec<Queued>),
    /// Go on to the next segment: the next frame does not fit into the room, or someone asked.
    Roll,
    /// All is done and nothing more will come.
    Done,
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    work: Condvar,
    config: JournalConfig,
    log: Arc<Log>,
    pub(crate) backlog: Arc<Backlog>,
}

impl Queue {
    pub(crate) fn new(config: JournalConfig, log: Arc<Log>, backlog: Arc<Backlog>) -> Self {
        Self { inner: Mutex::default(), work: Condvar::new(), config, log, backlog }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Self::push`], with a ticket.
    fn push_awaited(self: &Arc<Self>, frame: Frame, urgent: bool) -> Result<Ticket, AppendError> {
        let (done, waiter) = oneshot::channel();
        let number = self.push(frame, urgent, Some(done))?;
        Ok(Ticket { queue: Arc::clone(self), waiter, number })
    }

    /// Queues a frame and answers its number.
    fn push(&self, frame: Frame, urgent: bool, done: Option<oneshot::Sender<Outcome>>) -> Result<u64, AppendError> {
        let counters = &self.log.counters;
        if frame.payload.len() > self.config.payload_bytes_max() {
            return Err(refuse(&counters.too_large, AppendError::TooLarge));
        }
        let bytes = frame.payload.len() + FRAME_OVERHEAD_BYTES;
        let reserve = if frame.kind == FrameKind::End { END_RESERVE_BYTES } else { 0 };
        let mut inner = self.lock();
        if inner.refuses() {
            return Err(refuse(&counters.failed, AppendError::Failed));
        }
        let queued = inner.bytes + bytes;
        if queued > self.config.queue_bytes + reserve {
            return Err(refuse(&counters.queue_full, AppendError::Full));
        }
        if self.log.lag_bytes() + queued as u64 > self.config.lag_cap_bytes + reserve as u64 {
            return Err(refuse(&counters.lagging, AppendError::Full));
        }
        if frame.kind.begins_capture() {
            self.backlog.begin(1);
        }
        let number = inner.next_number;
        inner.next_number += 1;
        let first = inner.frames.is_empty();
        let before = inner.waiting;
        inner.bytes = queued;
        inner.waiting += bytes;
        inner.since.get_or_insert_with(Instant::now);
        inner.frames.push_back(Queued { frame, done, number });
        if urgent {
            inner.urgent_below = number + 1;
        }
        // The thread is woken only when there is a reason, not for every frame, and not while it would wait for us.
        let wake = first || urgent || (before < self.config.commit_bytes && inner.waiting >= self.config.commit_bytes);
        drop(inner);
        if wake {
            self.work.notify_one();
        }
        Ok(number)
    }

    /// Makes the commit of that frame urgent. Answers how long to wait for it: not at all while the disk hangs for longer
    /// than anybody is to wait, so that each request is not told anew how long that is.
    fn hurry(&self, number: u64) -> Duration {
        let mut inner = self.lock();
        let limit = self.config.durable_within;
        let hangs = inner.waited_in_vain || inner.working_since.is_some_and(|since| since.elapsed() >= limit);
        if inner.frames.front().is_some_and(|front| front.number <= number) && inner.urgent_below <= number {
            inner.urgent_below = number + 1;
            self.work.notify_one();
        }
        if hangs { Duration::ZERO } else { limit }
    }

    fn overdue(&self) -> JournalError {
        let mut inner = self.lock();
        // The clock of the committing thread may have begun later than that of who waited. With nothing left to commit
        // the outcome came just too late, and nothing would take the mark away again.
        inner.waited_in_vain = inner.bytes > 0;
        drop(inner);
        count(&self.log.counters.overdue, 1);
        JournalError::Overdue
    }

    /// Waits for a batch that fits into `room` bytes.
    pub(crate) fn take(&self, room: u64) -> Work {
        let mut inner = self.lock();
        inner.working_since = None;
        let work = loop {
            if std::mem::take(&mut inner.roll) {
                break Work::Roll;
            }
            let Some(front) = inner.frames.front() else {
                if inner.refuses() {
                    break Work::Done;
                }
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let urgent = front.number < inner.urgent_below || inner.waiting >= self.config.commit_bytes || inner.closed;
            let waited = inner.since.map_or(self.config.commit_interval, |since| since.elapsed());
            if urgent || waited >= self.config.commit_interval {
                break Self::cut_batch(&mut inner, room);
            }
            let left = self.config.commit_interval.saturating_sub(waited);
            inner = self.work.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        inner.working_since = Some(Instant::now());
        work
    }

    fn cut_batch(inner: &mut Inner, room: u64) -> Work {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let first = inner.frames.front().map_or(0, Queued::bytes);
        let limit = room.min(BATCH_BYTES_MAX.max(first));
        let mut bytes = 0;
        let mut batch = Vec::new();
        while let Some(queued) = inner.frames.pop_front_if(|queued| bytes + queued.bytes() <= limit) {
            bytes += queued.bytes();
            batch.push(queued);
        }
        if batch.is_empty() {
            return Work::Roll;
        }
        inner.waiting -= bytes;
        if inner.frames.is_empty() {
            inner.since = None;
        }
        Work::Batch(batch)
    }

    /// The frames of a batch are no longer held.
    pub(crate) fn release(&self, bytes: usize) {
        let mut inner = self.lock();
        inner.bytes = inner.bytes.saturating_sub(bytes);
        inner.working_since = None;
        inner.waited_in_vain = false;
    }

    /// Takes all that waits, without writing it.
    pub(crate) fn drain(&self) -> Vec<Queued> {
        let mut inner = self.lock();
        inner.waiting = 0;
        inner.since = None;
        inner.frames.drain(..).collect()
    }

    /// Refuses everything from now on.
    pub(crate) fn fail(&self, reason: &Arc<str>) {
        self.lock().failed.get_or_insert_with(|| Arc::clone(reason));
    }

    /// Ends the segment that is written.
    pub(crate) fn roll(&self) {
        self.lock().roll = true;
        self.work.notify_one();
    }

    /// Accepts nothing more; what is queued is committed still.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    pub(crate) fn health(&self) -> Health {
        let inner = self.lock();
        match (&inner.failed, inner.closed) {
            (Some(reason), _) => Health::Failed { reason: Arc::clone(reason) },
            (None, true) => Health::Failed { reason: Arc::from("closed") },
            (None, false) => Health::Working,
        }
    }

    /// Why the journal failed, if it did.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.lock().failed.clone()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }
}

fn refuse(counter: &AtomicU64, error: AppendError) -> AppendError {
    count(counter, 1);
    error
}

/// Appends frames. Cheap to clone, never blocks, for async and sync code alike.
#[derive(Clone)]
pub struct JournalWriter {
    queue: Arc<Queue>,
}

impl JournalWriter {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// Queues a frame for the next commit, at most `commit_interval` away. Frames of one writer are committed in the
    /// order of their appends; a frame after one that was dropped may still be committed, but is acknowledged to nobody.
    ///
    /// # Errors
    /// The frame is dropped and counted: [`AppendError::Full`] when the queue or the pipeline's lag is at its bound,
    /// [`AppendError::Failed`] when the journal has failed or is closed, [`AppendError::TooLarge`].
    pub fn append(&self, frame: Frame) -> Result<Ticket, AppendError> {
        self.queue.push_awaited(frame, false)
    }

    /// As [`Self::append`], for a frame that nobody will wait for: that costs less.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_unawaited(&self, frame: Frame) -> Result<(), AppendError> {
        self.queue.push(frame, false, None).map(drop)
    }

    /// As [`Self::append`], and the commit starts at once, together with whatever else is queued.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_urgent(&self, frame: Frame) -> Result<Ticket, AppendError> {
        self.queue.push_awaited(frame, true)
    }

    /// Largest payload of one frame, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        self.queue.config.payload_bytes_max()
    }
}

/// Stands for one frame on its way to the disk. May be dropped at no cost.
#[must_use = "a frame is durable only once its ticket says so; drop the ticket if that does not matter"]
pub struct Ticket {
    queue: Arc<Queue>,
    waiter: oneshot::Receiver<Outcome>,
    number: u64,
}

impl Ticket {
    /// Waits until the frame, and all that was queued before it for its exchange, is on disk, and makes its commit urgent.
    /// The position is where the frame begins. For a tokio runtime that has timers.
    ///
    /// # Errors
    /// [`JournalError::Full`] when the disk was full, [`JournalError::Failed`] when the journal failed: in both cases
    /// the frame is dropped and counted, though a restart may find it if the write had reached the disk. Also `Full`
    /// when this frame found room, but not each before it of its exchange.
    /// [`JournalError::Overdue`] when the disk hangs: then the frame stays queued.
    pub async fn durable(self) -> Outcome {
        let limit = self.queue.hurry(self.number);
        match tokio::time::timeout(limit, self.waiter).await {
            Ok(outcome) => outcome.unwrap_or_else(|_| closed()),
            Err(_) => Err(self.queue.overdue()),
        }
    }

    /// As [`Self::durable`], blocking the thread. Not for async code.
    ///
    /// # Errors
    /// As [`Self::durable`].
    pub fn durable_blocking(self) -> Outcome {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let limit = self.queue.hurry(self.number);
        let begun = Instant::now();
        let mut waiting = pin!(self.waiter);
        loop {
            match waiting.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => return outcome.unwrap_or_else(|_| closed()),
                Poll::Pending if begun.elapsed() >= limit => return Err(self.queue.overdue()),
                Poll::Pending => thread::park_timeout(limit.saturating_sub(begun.elapsed())),
            }
        }
    }
}

fn closed() -> Outcome {
    Err(JournalError::Failed { reason: Arc::from("closed") })
}
