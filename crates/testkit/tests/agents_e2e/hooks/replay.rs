//! What a server left in its journal, played again into empty stores in any order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use ursa_journal::{Journal, JournalConfig, OsDisk, Position};
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::event::{Event, EventKind};
use ursa_model::ids::EnvironmentId;
use ursa_model::keys::DataKeys;
use ursa_model::session::Session;
use ursa_model::time::Timestamp;
use ursa_pipeline::{Assembler, Exchange, Pipeline, PipelineSettings};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{SessionFilter, Store};
use ursa_testkit::api::StoredSession;
use ursa_testkit::files::copy_folder;

/// Bytes of journal that are read at once.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// More events than any session here has.
const EVENTS_LIMIT: usize = 10_000;
const TIMES: &[&str] = &["at", "seq", "turn", "started_at", "ended_at", "duration_ms", "last_event_at", "status"];

/// One capture on either channel.
#[derive(Clone)]
pub(super) enum Capture {
    Edge(Box<Exchange>),
    Hook(Box<ReceivedEnvelope>),
}

impl Capture {
    pub(super) fn is_hook(&self) -> bool {
        matches!(self, Self::Hook(_))
    }

    /// When the server took what a device delivered.
    pub(super) fn received(&self) -> Option<Timestamp> {
        match self {
            Self::Edge(_) => None,
            Self::Hook(received) => Some(received.received),
        }
    }

    /// What its device delivered.
    pub(super) fn envelope(&self) -> Option<Value> {
        match self {
            Self::Edge(_) => None,
            Self::Hook(received) => Some(serde_json::to_value(&received.envelope).unwrap()),
        }
    }

    /// When it was whole, by its sender.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Edge(exchange) => exchange.ended_at,
            Self::Hook(received) => received.at,
        }
    }
}

fn keys(data: &Path) -> DataKeys {
    let master = std::fs::read(data.join("keys/master.key")).unwrap();
    DataKeys::derive(&master.try_into().unwrap())
}

/// The captures of a stopped server, in the order in which it took them.
pub(super) fn captures(data: &Path) -> Vec<Capture> {
    let disk = Arc::new(OsDisk::open(data.join("journal")).unwrap());
    let journal = Journal::open(disk, &keys(data).journal, JournalConfig::default(), None).unwrap();
    let mut reader = journal.reader(Some(Position::default()));
    let mut assembler = Assembler::default();
    let mut captures = Vec::new();
    loop {
        let entries = reader.next_batch(READ_BYTES).unwrap();
        if entries.is_empty() {
            return captures;
        }
        for entry in entries {
            let frame = entry.frame.unwrap();
            captures.extend(assembler.push(entry.position, frame).into_iter().map(|ended| Capture::Edge(ended.into())));
            let (_, delivered) = assembler.take_delivered();
            captures.extend(delivered.into_iter().map(|received| Capture::Hook(received.into())));
        }
    }
}

/// A store and the pipeline over it.
pub(super) struct Record {
    pub(super) store: Arc<dyn Store>,
    pipeline: Pipeline,
    _dir: tempfile::TempDir,
}

impl Record {
    /// Over a copy of a template's data, which hold no record yet.
    fn empty(template: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_folder(&super::run::data(template), dir.path()).unwrap();
        let keys = keys(dir.path());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path(), &keys.store).unwrap());
        let settings = PipelineSettings {
            environment: EnvironmentId::default_environment(),
            masking_key: keys.masking,
            keep_processed_seconds: 0,
            metadata_only: Arc::new(|| false),
        };
        let pipeline = Pipeline::new(Arc::clone(&store), settings).unwrap();
        Self { store, pipeline, _dir: dir }
    }

    /// The captures in this order, in batches of at most `most` of one channel.
    pub(super) fn played<'c>(template: &Path, captures: impl IntoIterator<Item = &'c Capture>, most: usize) -> Self {
        let record = Self::empty(template);
        let captures: Vec<&Capture> = captures.into_iter().collect();
        for same in captures.chunk_by(|one, other| one.is_hook() == other.is_hook()) {
            for batch in same.chunks(most.max(1)) {
                record.play(batch);
            }
        }
        record
    }

    fn play(&self, batch: &[&Capture]) {
        let (mut exchanges, mut delivered) = (Vec::new(), Vec::new());
        for capture in batch {
            match capture {
                Capture::Edge(exchange) => exchanges.push((**exchange).clone()),
                Capture::Hook(received) => delivered.push((**received).clone()),
            }
        }
        let received = batch.iter().map(|capture| capture.at()).max().unwrap_or_default();
        if !exchanges.is_empty() {
            self.pipeline.run(&exchanges, &[], received, None).unwrap();
        }
        if !delivered.is_empty() {
            self.pipeline.run_delivered(&delivered, received, None).unwrap();
        }
    }

    pub(super) fn sessions(&self) -> Vec<Session> {
        // A time long after: no session counts as live.
        let now = Timestamp::from_micros(i64::MAX / 2);
        self.store.sessions(&SessionFilter::default(), 500, None, now).unwrap().items
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let timeline = |session: Session| self.store.timeline(session.id, EVENTS_LIMIT, None).unwrap().items;
        self.sessions().into_iter().flat_map(timeline).collect()
    }

    /// The ids of its events of one kind.
    pub(super) fn ids(&self, kind: EventKind) -> BTreeSet<String> {
        let events = self.events().into_iter().filter(|event| event.body.kind() == kind);
        events.map(|event| event.id.to_string()).collect()
    }

    /// The subagents that its events name.
    pub(super) fn subagents(&self) -> BTreeSet<String> {
        self.events().into_iter().filter_map(|event| event.subagent_id).collect()
    }

    /// All there is to see: sessions, each with its events.
    pub(super) fn seen(&self) -> Vec<String> {
        let sessions = self.sessions().into_iter();
        let told = sessions.flat_map(|session| {
            let events = self.store.timeline(session.id, EVENTS_LIMIT, None).unwrap().items;
            let events = events.iter().map(|event| serde_json::to_value(event).unwrap());
            std::iter::once(serde_json::to_value(&session).unwrap()).chain(events).collect::<Vec<_>>()
        });
        told.map(seen).collect()
    }

    /// As [`Self::seen`], without what follows from when captures were made: the edge tells times of what it sees first.
    pub(super) fn seen_at_any_time(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.seen().iter().map(|line| without(serde_json::from_str(line).unwrap(), TIMES)).collect();
        told.sort();
        told
    }
}

/// What the API tells of the same.
pub(super) fn seen_by_api(sessions: &[StoredSession]) -> Vec<String> {
    let told = sessions.iter().flat_map(|session| std::iter::once(&session.session).chain(&session.events));
    told.cloned().map(seen).collect()
}

/// A session or event without its witnesses and how often it changed: the rest has to be
/// equal whatever came when.
fn seen(told: Value) -> String {
    without(told, &["rev", "witnesses", "channels"])
}

fn without(mut told: Value, names: &[&str]) -> String {
    told.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
    told.to_string()
}
