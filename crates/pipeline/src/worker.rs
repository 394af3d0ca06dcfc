//! The thread that carries captures from the journal into the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ursa_journal::{Backlog, Journal, JournalError, JournalReader, JournalWriter, Position};
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::time::Timestamp;
use ursa_store::AppendReceipt;

use crate::assemble::{Assembler, Exchange};
use crate::cursor::{self, Cursor, Part};
use crate::pipeline::{Pipeline, PipelineError};

/// Bytes of journal that are read at once.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// Most exchanges, or envelopes, of one batch.
const BATCH_EXCHANGES: usize = 256;
/// How long an exchange runs before it is told of without its answer.
const RUNNING_AFTER_MICROS: i64 = 300_000;
/// How long the thread sleeps at most when nothing is committed: the pace at which running exchanges are told of.
const IDLE: Duration = Duration::from_millis(250);
/// How often processed segments are looked through while nothing comes.
const TIDY_MICROS: i64 = 10_000_000;
/// A segment whose oldest frame is older than this is ended, so that it can be let go of: between a minute and an hour,
/// by how long processed captures are kept.
const SEGMENT_AGE_MICROS: std::ops::RangeInclusive<i64> = 60_000_000..=3_600_000_000;
/// First and longest pause before a failed append is tried again. It is never given up: the journal keeps what is to be
/// appended, and its cap bounds how much that can be.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Gauges of the thread.
#[derive(Debug, Default)]
pub struct WorkerStats {
    /// Exchanges that were read but are not yet whole.
    pub open_exchanges: AtomicU64,
    /// Appends that failed and were tried again.
    pub append_retries: AtomicU64,
    /// Damaged stretches of the journal that were passed over.
    pub damaged: AtomicU64,
}

/// The thread. Stops when dropped, after the batch in hand.
pub struct Worker {
    stop: Arc<AtomicBool>,
    stats: Arc<WorkerStats>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts it where the store's cursor says. `now` is the server's clock.
    ///
    /// # Errors
    /// If the thread cannot be started or the cursor cannot be read.
    pub fn start(
        pipeline: Arc<Pipeline>,
        journal: Arc<Journal>,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, PipelineError> {
        let (stop, stats) = (Arc::new(AtomicBool::new(false)), Arc::new(WorkerStats::default()));
        let from = cursor::kept(pipeline.store.as_ref())?;
        let place = from.as_ref().map(Cursor::position);
        let kept = from.unwrap_or_default();
        let mut carrier = Carrier {
            reader: journal.reader(place),
            backlog: journal.backlog(),
            writer: journal.writer(),
            journal,
            pipeline,
            assembler: Assembler::after(kept.checkpoints.clone()),
            kept,
            stop: Arc::clone(&stop),
            stats: Arc::clone(&stats),
            now: Box::new(now),
            tidied: Timestamp::default(),
        };
        let thread = std::thread::Builder::new().name("pipeline".to_owned()).spawn(move || carrier.carry())?;
        Ok(Self { stop, stats, thread: Some(thread) })
    }

    /// Its gauges.
    pub fn stats(&self) -> Arc<WorkerStats> {
        Arc::clone(&self.stats)
    }

    /// Stops after the batch in hand and waits for it.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the pipeline's thread panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What was read from the journal at once.
#[derive(Default)]
struct Read {
    /// Exchanges that ended, and where the frame lies that ended each.
    ended: Vec<Exchange>,
    ends: Vec<Position>,
    /// What devices delivered, and where each lies.
    delivered: Vec<ReceivedEnvelope>,
    places: Vec<Position>,
    /// How many captures are settled without an exchange of their own.
    settled: u64,
}

fn refs(exchanges: &[Exchange]) -> Vec<&Exchange> {
    exchanges.iter().collect()
}

struct Carrier {
    journal: Arc<Journal>,
    reader: JournalReader,
    writer: JournalWriter,
    backlog: Arc<Backlog>,
    pipeline: Arc<Pipeline>,
    assembler: Assembler,
    /// What the store keeps of where it is.
    kept: Cursor,
    stop: Arc<AtomicBool>,
    stats: Arc<WorkerStats>,
    now: Box<dyn Fn() -> Timestamp + Send>,
    tidied: Timestamp,
}

impl Carrier {
    fn carry(&mut self) {
        while !self.stop.load(Ordering::SeqCst) {
            match self.read() {
                Ok(read) => self.append(&read),
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be read");
                    std::thread::park_timeout(RETRY_LONGEST);
                }
            }
        }
    }

    /// What the journal has next.
    fn read(&mut self) -> Result<Read, JournalError> {
        let mut entries = self.reader.next_batch(READ_BYTES)?;
        if entries.is_empty() {
            self.journal.wait_committed(self.reader.position(), IDLE);
            entries = self.reader.next_batch(READ_BYTES)?;
        }
        let mut read = Read::default();
        for entry in entries {
            match entry.frame {
                Ok(frame) => {
                    read.ended.extend(self.assembler.push(entry.position, frame));
                    read.ends.resize(read.ended.len(), entry.position);
                }
                Err(damage) => {
                    self.stats.damaged.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(
                        bytes = damage.bytes,
                        segment = entry.position.segment,
                        "a part of the journal is damaged"
                    );
                }
            }
        }
        (read.places, read.delivered) = self.assembler.take_delivered();
        read.settled = self.assembler.take_settled();
        self.stats.open_exchanges.store(self.assembler.open_exchanges() as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn append(&mut self, read: &Read) {
        let now = (self.now)();
        let behind = self.assembler.low_water(self.reader.position());
        let checkpoints = self.assembler.checkpoints();
        let running = self.assembler.take_running(now.plus_micros(-RUNNING_AFTER_MICROS));
        if read.ended.is_empty() && !running.is_empty() {
            self.again(None, |pipeline, received, _| pipeline.run(&[], &refs(&running), received, None));
        }
        let exchanges = cursor::parts(&read.ends, self.kept.counted.exchanges, BATCH_EXCHANGES);
        let delivered = cursor::parts(&read.places, self.kept.counted.delivered, BATCH_EXCHANGES);
        // The place moves only with the last batch: until then a stop reads all of them again.
        let mut left = exchanges.len() + delivered.len();
        let mut place = |kept: &mut Cursor| {
            left -= 1;
            if left == 0 {
                kept.move_to(behind, checkpoints.clone());
            }
        };
        for part in exchanges {
            place(&mut self.kept);
            let is_last = part.range.end == read.ended.len();
            if !self.append_exchanges(&part, &read.ended[part.range.clone()], if is_last { &running } else { &[] }) {
                return;
            }
        }
        for part in delivered {
            place(&mut self.kept);
            if !self.append_delivered(&part, &read.delivered[part.range.clone()]) {
                return;
            }
        }
        self.backlog.settle(read.settled);
        if !read.ended.is_empty() || !read.delivered.is_empty() {
            self.journal.advance(behind);
        }
        for checkpoint in self.assembler.take_due(self.reader.position(), now) {
            // When it is not taken, the next is due after the usual time.
            if let Err(error) = self.writer.append(checkpoint) {
                tracing::debug!(%error, "a checkpoint was not taken");
            }
        }
        if now >= self.tidied.plus_micros(TIDY_MICROS) {
            self.tidied = now;
            self.trim(now, behind);
        }
    }

    fn append_exchanges(&mut self, part: &Part, ended: &[Exchange], running: &[Exchange]) -> bool {
        self.kept.counted.exchanges = self.kept.counted.exchanges.max(part.end);
        let is_appended = self.again(Some(&self.kept), |pipeline, received, cursor| {
            if part.is_counted {
                pipeline.run_again(ended, &refs(running), &[], received, cursor)
            } else {
                pipeline.run(ended, &refs(running), received, cursor)
            }
        });
        // Calls of a connection are no captures of their own.
        let settled = ended.iter().filter(|exchange| exchange.connection.is_none()).count();
        self.backlog.settle(if is_appended { settled as u64 } else { 0 });
        is_appended
    }

    fn append_delivered(&mut self, part: &Part, delivered: &[ReceivedEnvelope]) -> bool {
        self.kept.counted.delivered = self.kept.counted.delivered.max(part.end);
        let is_appended = self.again(Some(&self.kept), |pipeline, received, cursor| {
            if part.is_counted {
                pipeline.run_again(&[], &[], delivered, received, cursor)
            } else {
                pipeline.run_delivered(delivered, received, cursor)
            }
        });
        self.backlog.settle(if is_appended { delivered.len() as u64 } else { 0 });
        is_appended
    }

    /// Appends, again and again until it succeeds or the pipeline is to stop.
    fn again(
        &self,
        cursor: Option<&Cursor>,
        append: impl Fn(&Pipeline, Timestamp, Option<String>) -> Result<AppendReceipt, PipelineError>,
    ) -> bool {
        let cursor = cursor.and_then(|place| serde_json::to_string(place).ok());
        // The same for each try: it is part of the batch's name, by which what a failed try left is known.
        let received = (self.now)();
        let mut pause = RETRY_FIRST;
        loop {
            match append(&self.pipeline, received, cursor.clone()) {
                Ok(_) => return true,
                Err(error) => {
                    tracing::error!(%error, "a batch could not be appended, it is tried again");
                    self.stats.append_retries.fetch_add(1, Ordering::Relaxed);
                }
            }
            if self.stop.load(Ordering::SeqCst) {
                return false;
            }
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    /// Lets go of segments that are processed and older than they are to be kept.
    fn trim(&self, now: Timestamp, behind: Position) {
        let settings = &self.pipeline.normaliser.settings;
        // Where no content is to be kept, captures go as soon as they are processed.
        let keep = if (settings.metadata_only)() { 0 } else { settings.keep_processed_seconds };
        let keep = i64::try_from(keep).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let oldest = now.plus_micros(keep.saturating_neg());
        let age = keep.clamp(*SEGMENT_AGE_MICROS.start(), *SEGMENT_AGE_MICROS.end());
        let segments = self.journal.segments();
        let written = segments.last().and_then(|segment| segment.first_at);
        if written.is_some_and(|first| first < now.plus_micros(-age)) {
            self.journal.roll();
        }
        let kept = segments
            .into_iter()
            .find(|segment| segment.last_at.is_none_or(|last| last >= oldest))
            .map_or(behind, |segment| Position { segment: segment.number, offset: 0 });
        if let Err(error) = self.journal.trim(kept.min(behind)) {
            tracing::warn!(%error, "processed segments of the journal could not be removed");
        }
    }
}
