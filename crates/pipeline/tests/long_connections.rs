//! Connections that stay open: what holds the pipeline's place in the journal, and what a stop costs.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use support::socket::{Reading, Socket};
use support::talk::conversation;
use support::{Record, START};
use ursa_journal::{Journal, JournalConfig, OsDisk, Position};
use ursa_model::Timestamp;
use ursa_model::capture::{EndReason, Frame, FrameKind};
use ursa_pipeline::{Assembler, Exchange, Pipeline, PipelineSettings, Worker};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{SessionFilter, Store};

const SESSION: &str = "01a205bc-3093-7d43-9dc4-82e77a39225d";
/// Longer than the pause between checkpoints.
const LATER: Timestamp = Timestamp::from_micros(START + 3_600_000_000);

fn at(segment: u64, offset: u64) -> Position {
    Position { segment, offset }
}

/// The whole conversation without a stop.
fn whole(socket: &Socket) -> Vec<Exchange> {
    Reading::default().all(conversation(socket).concat())
}

/// Reads the opening, the prewarm and the first call.
fn begun(socket: &Socket) -> (Reading, Vec<Exchange>) {
    let mut reading = Reading::default();
    let exchanges = reading.all(conversation(socket)[..3].concat());
    (reading, exchanges)
}

#[test]
fn a_checkpoint_lets_go_of_what_came_before_and_reads_on_as_before() {
    let socket = Socket::codex(1, SESSION);
    let (mut reading, mut exchanges) = begun(&socket);
    assert_eq!(reading.assembler.low_water(at(0, 99)), at(0, 1), "the head");
    assert_eq!(reading.assembler.take_due(at(0, 99), LATER), [], "it holds no older segment");
    let due = reading.assembler.take_due(at(1, 0), LATER).pop().unwrap();
    assert_eq!(due.kind, FrameKind::Checkpoint);
    assert_eq!(reading.assembler.take_due(at(1, 0), LATER), [], "once in a while");
    assert_eq!(reading.assembler.low_water(at(1, 50)), at(0, 1), "it is not in the journal yet");

    let checkpoint = at(1, 7);
    assert_eq!(reading.assembler.push(checkpoint, due.clone()), []);
    assert_eq!(reading.assembler.low_water(at(1, 50)), checkpoint);
    assert_eq!(reading.assembler.checkpoints(), [(socket.id, checkpoint)]);

    // A stop: what came before is not read again.
    let mut resumed = Reading { assembler: Assembler::after(reading.assembler.checkpoints()), position: checkpoint };
    assert_eq!(resumed.assembler.push(checkpoint, due), []);
    let rest = [conversation(&socket)[3..].concat(), vec![socket.end(5000, EndReason::Interrupted)]].concat();
    exchanges.extend(resumed.all(rest));
    assert_eq!(exchanges, whole(&socket));
    assert_eq!((resumed.assembler.open_exchanges(), resumed.assembler.take_settled()), (0, 1));
}

#[test]
fn a_checkpoint_that_came_too_late_counts_for_nothing() {
    let socket = Socket::codex(1, SESSION);
    let (mut reading, mut exchanges) = begun(&socket);
    let due = reading.assembler.take_due(at(1, 0), LATER).pop().unwrap();
    let (create, rest) = (conversation(&socket)[3][0].clone(), conversation(&socket)[3][1..].to_vec());
    exchanges.extend(reading.push(create));
    reading.assembler.push(at(1, 7), due.clone());
    assert_eq!(reading.assembler.low_water(at(1, 50)), at(0, 1), "a call had begun in between");
    assert_eq!(reading.assembler.checkpoints(), []);
    exchanges.extend(reading.all(rest));
    exchanges.extend(reading.all(conversation(&socket)[4].clone()));
    assert_eq!(exchanges, whole(&socket));

    // Nobody counts on it after a stop either; the end that recovery writes settles the capture.
    let mut resumed = Assembler::after([]);
    assert_eq!(resumed.push(at(1, 7), due), []);
    assert_eq!(resumed.push(at(1, 8), socket.end(9000, EndReason::Interrupted)), []);
    assert_eq!((resumed.open_exchanges(), resumed.take_settled()), (0, 1));
}

#[test]
fn no_checkpoint_is_made_in_the_middle_of_a_call() {
    let socket = Socket::codex(1, SESSION);
    let (mut reading, _) = begun(&socket);
    let parts = conversation(&socket);
    reading.push(parts[3][0].clone());
    assert_eq!(reading.assembler.take_due(at(1, 0), LATER), []);
    reading.all(parts[3][1..].to_vec());
    let (half, other) = parts[4][0].payload.split_at(9);
    reading.push(socket.raw(4000, FrameKind::RequestPart, half));
    assert_eq!(reading.assembler.take_due(at(1, 0), LATER), []);
    reading.push(socket.raw(4000, FrameKind::RequestPart, other));
    assert_eq!(reading.all(parts[4][1..].to_vec()).len(), 1);
    assert_eq!(reading.assembler.take_due(at(1, 0), LATER).len(), 1);
}

/// The pipeline over a journal on disk.
struct Running {
    journal: Arc<Journal>,
    store: Arc<dyn Store>,
    worker: Worker,
}

impl Running {
    /// As a server starts, after a stop or for the first time.
    fn start(dir: &Path, clock: &Arc<AtomicI64>) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.join("store"), &[7; 32]).unwrap());
        let cursor: Option<Position> = store.cursor().unwrap().map(|text| serde_json::from_str(&text).unwrap());
        let disk = Arc::new(OsDisk::open(dir.join("journal")).unwrap());
        let config = JournalConfig { segment_bytes: Some(8192), ..JournalConfig::default() };
        let journal = Arc::new(Journal::open(disk, &[3; 32], config, cursor).unwrap());
        let settings = PipelineSettings {
            environment: ursa_model::EnvironmentId::default_environment(),
            masking_key: [9; 32],
            keep_processed_seconds: 0,
            metadata_only: Arc::new(|| false),
        };
        let pipeline = Arc::new(Pipeline::new(Arc::clone(&store), settings).unwrap());
        let now = Arc::clone(clock);
        let now = move || Timestamp::from_micros(now.load(Ordering::SeqCst));
        let worker = Worker::start(pipeline, Arc::clone(&journal), now).unwrap();
        Self { journal, store, worker }
    }

    fn write(&self, frames: impl IntoIterator<Item = Frame>) {
        let writer = self.journal.writer();
        for frame in frames {
            writer.append_urgent(frame).unwrap().durable_blocking().unwrap();
        }
    }

    /// Waits until the store tells that many model calls and completions.
    fn wait(&self, expected: (u64, u64)) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let sessions = self.store.sessions(&SessionFilter::default(), 10, None, LATER).unwrap().items;
            let counts = sessions.first().map(|session| (session.counts.model_calls, session.counts.completions));
            if counts == Some(expected) {
                return;
            }
            assert!(Instant::now() < until, "{counts:?} instead of {expected:?}");
            std::thread::yield_now();
        }
    }

    fn wait_until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !done(self) {
            assert!(Instant::now() < until, "{what}");
            std::thread::yield_now();
        }
    }

    /// As a killed process leaves it: nothing is closed in order.
    fn kill(mut self) {
        self.worker.stop();
    }

    fn told(&self) -> Vec<String> {
        let session = self.store.sessions(&SessionFilter::default(), 10, None, LATER).unwrap().items.remove(0);
        let mut lines: Vec<String> =
            self.store.timeline(session.id, 1000, None).unwrap().items.iter().map(support::line).collect();
        lines.sort();
        lines
    }
}

/// So many bytes that segments are filled.
fn others(running: &Running) {
    let socket = Socket::codex(9, SESSION);
    for step in 0..8 {
        // Parts without a head are of no exchange.
        running.write([socket.raw(step, FrameKind::RequestPart, &[0; 2000])]);
    }
}

#[test]
fn a_stop_in_the_middle_of_a_connection_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(START));
    let socket = Socket::codex(1, SESSION);
    let parts = conversation(&socket);
    let expected = {
        let record = Record::new();
        record.add(&whole(&socket));
        let mut lines: Vec<String> = record.events(&record.only_session()).iter().map(support::line).collect();
        lines.sort();
        lines
    };

    let running = Running::start(dir.path(), &clock);
    running.write(parts[..3].concat());
    running.wait((2, 1));
    others(&running);
    clock.store(LATER.0, Ordering::SeqCst);
    // The head lies in an old segment: a checkpoint is written, and with the next call the place moves on.
    let has_checkpoint = |running: &Running| {
        let mut reader = running.journal.reader(Some(Position::default()));
        let entries = reader.next_batch(1 << 20).unwrap();
        entries.iter().any(|entry| entry.frame.as_ref().is_ok_and(|frame| frame.kind == FrameKind::Checkpoint))
    };
    running.wait_until("no checkpoint came", has_checkpoint);
    running.write(parts[3].clone());
    running.wait((3, 2));
    running.wait_until("the head is still held", |running| {
        // Segments are looked through once in a while.
        clock.fetch_add(1_000_000, Ordering::SeqCst);
        let cursor = running.store.cursor().unwrap().unwrap();
        cursor.contains("checkpoints") && running.journal.segments()[0].number > 1
    });
    // Half of the last call is on disk when the process is killed, and the rest never comes.
    let (asked, answer) = parts[4].split_first().unwrap();
    running.write([asked.clone(), answer[0].clone()]);
    running.kill();

    let running = Running::start(dir.path(), &clock);
    running.wait((4, 2));
    assert_eq!(running.store.sessions(&SessionFilter::default(), 10, None, LATER).unwrap().items.len(), 1);
    running.wait_until("the backlog does not empty", |running| running.journal.backlog().pending() == 0);
    let told = running.told();
    // All but the last answer is as it would have been without the stop.
    let missing: Vec<&String> = expected.iter().filter(|line| !told.contains(line)).collect();
    let more: Vec<&String> = told.iter().filter(|line| !expected.contains(line)).collect();
    assert!(missing.len() == 2 && missing.iter().all(|line| line.contains("resp_000000000004")), "{missing:#?}");
    assert!(more.len() == 1 && more[0].contains(" call "), "{more:#?}");
    running.kill();
    let again = Running::start(dir.path(), &clock);
    again.wait((4, 2));
    assert_eq!(again.told(), told);
}
