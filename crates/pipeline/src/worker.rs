//! The thread that carries captures from the journal into the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ursa_journal::{Backlog, Journal, JournalError, JournalReader, JournalWriter, Position};
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::ids::{ExchangeId, hash_parts};
use ursa_model::time::Timestamp;
use ursa_redact::Redactor;
use ursa_store::{AppendReceipt, Store, StoreError};

use crate::assemble::{Assembler, Exchange};
use crate::context::Seen;
use crate::cursor::{self, Cursor};
use crate::draft::Draft;
use crate::fuse;
use crate::normalise::{Normaliser, Stage};
use crate::settings::PipelineSettings;

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

/// What can go wrong in the pipeline. Whatever is wrong with one capture is not an error but a gap.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The built-in rules of redaction do not compile.
    #[error("the redaction rules do not compile: {0}")]
    Rules(String),
    /// The thread could not be started.
    #[error("the pipeline's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// normalise → redact → fuse → append, for exchanges in hand.
pub struct Pipeline {
    store: Arc<dyn Store>,
    normaliser: Normaliser,
    /// Reading what is stored, joining and appending is one step: two at once would lose what the other joined.
    turn: Mutex<()>,
}

impl Pipeline {
    /// Over a store.
    ///
    /// # Errors
    /// If the store cannot give the environment's secrets.
    pub fn new(store: Arc<dyn Store>, settings: PipelineSettings) -> Result<Self, PipelineError> {
        let position_secret = store.position_secret()?;
        let redactor = Redactor::new().map_err(|error| PipelineError::Rules(error.to_string()))?;
        let seen = Seen::default();
        let normaliser = Normaliser { settings, redactor, seen, position_secret };
        Ok(Self { store, normaliser, turn: Mutex::new(()) })
    }

    /// Makes exchanges part of the record: those that ended, and those that still run (told of as far as they are
    /// known). `received` is the server's time; `cursor` is kept once all is applied.
    ///
    /// # Errors
    /// When the store fails; repeating the call completes it.
    pub fn run(
        &self,
        ended: &[Exchange],
        running: &[&Exchange],
        received: Timestamp,
        cursor: Option<String>,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = self.draft(ended, running)?;
        let names: Vec<u8> = ended
            .iter()
            .map(|exchange| (exchange.id, b'e'))
            .chain(running.iter().map(|exchange| (exchange.id, b'r')))
            .flat_map(|(id, stage)| id.0.into_iter().chain([stage]))
            .collect();
        let id = hash_parts("ursa batch 1", &[&names, &received.0.to_le_bytes()]);
        let batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, cursor)?;
        Ok(self.store.append(batch)?)
    }

    /// As [`Self::run`], for what devices delivered.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_delivered(
        &self,
        delivered: &[ReceivedEnvelope],
        received: Timestamp,
        cursor: Option<String>,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.empty_draft();
        self.deliver(&mut draft, delivered)?;
        let names: Vec<u8> = delivered.iter().flat_map(|envelope| envelope.capture_id().0).collect();
        let id = hash_parts("ursa delivered batch 1", &[&names, &received.0.to_le_bytes()]);
        let batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, cursor)?;
        Ok(self.store.append(batch)?)
    }

    /// Captures that were part of the record before, once more: what the adapters read otherwise now is changed, what
    /// they read the same stays untouched, and nothing is counted again.
    ///
    /// # Errors
    /// When the store fails.
    pub fn replay(
        &self,
        ended: &[Exchange],
        delivered: &[ReceivedEnvelope],
        received: Timestamp,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.draft(ended, &[])?;
        self.deliver(&mut draft, delivered)?;
        let id = hash_parts("ursa replay 1", &[&received.0.to_le_bytes()]);
        let mut batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, None)?;
        (batch.captures, batch.observations, batch.duplicates, batch.unattributed) = (0, 0, 0, 0);
        batch.dropped.clear();
        if batch.facts.is_empty() && batch.items.is_empty() {
            return Ok(AppendReceipt::default());
        }
        Ok(self.store.append(batch)?)
    }

    fn draft(&self, ended: &[Exchange], running: &[&Exchange]) -> Result<Draft, PipelineError> {
        let mut draft = self.empty_draft();
        for exchange in ended {
            self.normalise(&mut draft, exchange, Stage::Ended)?;
        }
        for exchange in running {
            self.normalise(&mut draft, exchange, Stage::Running)?;
        }
        Ok(draft)
    }

    fn empty_draft(&self) -> Draft {
        Draft::new(Arc::clone(&self.store), (self.normaliser.settings.metadata_only)())
    }

    fn deliver(&self, draft: &mut Draft, delivered: &[ReceivedEnvelope]) -> Result<(), PipelineError> {
        for envelope in delivered {
            let read = |draft: &mut Draft| self.normaliser.envelope(draft, envelope);
            fenced(draft, envelope.capture_id(), Stage::Ended, read)?;
        }
        Ok(())
    }

    /// A capture that no adapter survives is set aside and counted; it never blocks those behind it (RULES 16).
    fn normalise(&self, draft: &mut Draft, exchange: &Exchange, stage: Stage) -> Result<(), PipelineError> {
        fenced(draft, exchange.id, stage, |draft| self.normaliser.exchange(draft, exchange, stage))
    }
}

/// Runs `read` for one capture; when it panics, that capture is the only one that it costs.
fn fenced(
    draft: &mut Draft,
    capture: ExchangeId,
    stage: Stage,
    read: impl FnOnce(&mut Draft) -> Result<(), StoreError>,
) -> Result<(), PipelineError> {
    let captures = draft.captures;
    if let Ok(done) = catch_unwind(AssertUnwindSafe(|| read(draft))) {
        return Ok(done?);
    }
    tracing::error!(%capture, "a capture could not be read and was set aside");
    if stage == Stage::Ended {
        // It may have panicked before or after it was counted.
        draft.captures = captures + 1;
        draft.dropped.push(("set_aside".to_owned(), 1));
    }
    Ok(())
}

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
        let mut carrier = Carrier {
            reader: journal.reader(place),
            backlog: journal.backlog(),
            writer: journal.writer(),
            journal,
            pipeline,
            assembler: Assembler::after(from.map(|from| from.checkpoints).unwrap_or_default()),
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

struct Carrier {
    journal: Arc<Journal>,
    reader: JournalReader,
    writer: JournalWriter,
    backlog: Arc<Backlog>,
    pipeline: Arc<Pipeline>,
    assembler: Assembler,
    stop: Arc<AtomicBool>,
    stats: Arc<WorkerStats>,
    now: Box<dyn Fn() -> Timestamp + Send>,
    tidied: Timestamp,
}

impl Carrier {
    fn carry(&mut self) {
        while !self.stop.load(Ordering::SeqCst) {
            match self.read() {
                Ok((ended, settled)) => {
                    let delivered = self.assembler.take_delivered();
                    self.append(&ended, &delivered, settled);
                }
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be read");
                    std::thread::park_timeout(RETRY_LONGEST);
                }
            }
        }
    }

    /// What the journal has next: exchanges that ended, and how many captures are settled without one of their own.
    fn read(&mut self) -> Result<(Vec<Exchange>, u64), JournalError> {
        let mut entries = self.reader.next_batch(READ_BYTES)?;
        if entries.is_empty() {
            self.journal.wait_committed(self.reader.position(), IDLE);
            entries = self.reader.next_batch(READ_BYTES)?;
        }
        let mut ended = Vec::new();
        for entry in entries {
            match entry.frame {
                Ok(frame) => ended.extend(self.assembler.push(entry.position, frame)),
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
        let settled = self.assembler.take_settled();
        self.stats.open_exchanges.store(self.assembler.open_exchanges() as u64, Ordering::Relaxed);
        Ok((ended, settled))
    }

    fn append(&mut self, ended: &[Exchange], delivered: &[ReceivedEnvelope], settled: u64) {
        let now = (self.now)();
        let behind = self.assembler.low_water(self.reader.position());
        let place = Cursor::new(behind, self.assembler.checkpoints());
        let before = now.plus_micros(-RUNNING_AFTER_MICROS);
        let running = self.assembler.take_running(before);
        let mut chunks = ended.chunks(BATCH_EXCHANGES).peekable();
        if chunks.peek().is_none() && !running.is_empty() {
            self.append_batch(&[], &running, None);
        }
        while let Some(chunk) = chunks.next() {
            // The place moves only with the last batch: until then a stop reads all of them again.
            let is_last = chunks.peek().is_none();
            let cursor = (is_last && delivered.is_empty()).then_some(&place);
            let running: &[Exchange] = if is_last { &running } else { &[] };
            if !self.append_batch(chunk, running, cursor) {
                return;
            }
            // Calls of a connection are no captures of their own.
            self.backlog.settle(chunk.iter().filter(|exchange| exchange.connection.is_none()).count() as u64);
        }
        let mut chunks = delivered.chunks(BATCH_EXCHANGES).peekable();
        while let Some(chunk) = chunks.next() {
            let cursor = chunks.peek().is_none().then_some(&place);
            if !self.again(cursor, |received, cursor| self.pipeline.run_delivered(chunk, received, cursor)) {
                return;
            }
            self.backlog.settle(chunk.len() as u64);
        }
        self.backlog.settle(settled);
        if !ended.is_empty() || !delivered.is_empty() {
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

    fn append_batch(&self, ended: &[Exchange], running: &[Exchange], cursor: Option<&Cursor>) -> bool {
        let running: Vec<&Exchange> = running.iter().collect();
        self.again(cursor, |received, cursor| self.pipeline.run(ended, &running, received, cursor))
    }

    /// Appends, again and again until it succeeds or the pipeline is to stop.
    fn again(
        &self,
        cursor: Option<&Cursor>,
        append: impl Fn(Timestamp, Option<String>) -> Result<AppendReceipt, PipelineError>,
    ) -> bool {
        let cursor = cursor.and_then(|place| serde_json::to_string(place).ok());
        let mut pause = RETRY_FIRST;
        loop {
            match append((self.now)(), cursor.clone()) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use ursa_store::sqlite::SqliteStore;

    use super::*;

    #[test]
    fn f26_a_reader_that_panics_costs_its_own_capture_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut draft = Draft::new(Arc::new(SqliteStore::open(dir.path(), &[7; 32]).unwrap()), false);
        let id = |n| ExchangeId([n; 16]);
        let counted = |draft: &mut Draft| {
            draft.captures += 1;
            Ok(())
        };
        fenced(&mut draft, id(1), Stage::Ended, counted).unwrap();
        fenced(&mut draft, id(2), Stage::Ended, |_| panic!("before it was counted")).unwrap();
        fenced(&mut draft, id(3), Stage::Ended, |draft| {
            draft.captures += 1;
            panic!("after it was counted")
        })
        .unwrap();
        fenced(&mut draft, id(4), Stage::Running, |_| panic!("told of before its end")).unwrap();
        fenced(&mut draft, id(5), Stage::Ended, counted).unwrap();
        assert_eq!(draft.captures, 4, "each capture that ended is counted once");
        assert_eq!(draft.dropped, [("set_aside".to_owned(), 1), ("set_aside".to_owned(), 1)]);
        assert!(fenced(&mut draft, id(6), Stage::Ended, |_| Err(StoreError::Damaged("x".into()))).is_err());
    }
}
