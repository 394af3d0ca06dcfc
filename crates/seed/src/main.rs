//! `testkit-seed`: fills a data folder with sessions that look like real ones, in less time than traffic would take.
//!
//! What is under test downstream of it (the API, the desk) sees what the pipeline would have written: the batches go in
//! through the store's own trait. The edge, the journal and the pipeline are not exercised.

#![allow(clippy::print_stdout, reason = "a program for people and scripts")]

mod facts;
mod random;
mod session;
mod words;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Parser;
use ursa_model::ids::{EnvironmentId, hash_parts};
use ursa_model::keys::{DataKeys, KEY_BYTES};
use ursa_model::time::Timestamp;
use ursa_store::sqlite::SqliteStore;
use ursa_store::{Batch, FactWrite, RecordStore, Redacted, SessionWrite};

use crate::random::Random;
use crate::session::Plan;

/// Over how long the sessions are spread, in microseconds: a week.
const SPREAD_MICROS: i64 = 7 * 24 * 3_600_000_000;
/// Facts of one batch: what a busy pipeline commits at once.
const BATCH_FACTS: usize = 1000;

/// Fills a data folder with sessions. The folder must have its keys (`ursa token create --role admin --data-dir DIR`
/// makes them), and no server may be running on it.
#[derive(Parser)]
#[command(name = "testkit-seed")]
struct Args {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How many sessions
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// How many events each has
    #[arg(long, default_value_t = 100)]
    events_per_session: usize,
    /// One more session, the newest, with so many events; its id is printed on the last line
    #[arg(long, value_name = "EVENTS")]
    long_session: Option<usize>,
    /// The same seed gives the same sessions, but for the times
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let store = open(&args.data_dir)?;
    let now = now();
    let mut random = Random::new(args.seed);
    let mut writer = Writer::new(&store, now);
    for number in 0..args.sessions {
        // Spread evenly, the newest last; each takes as long as it takes.
        let share = SPREAD_MICROS / i64::try_from(args.sessions.max(1))?;
        let age = SPREAD_MICROS - share * i64::try_from(number)?;
        let plan = Plan { number, events: args.events_per_session, begins: now.plus_micros(-age), ends_by: now };
        writer.session(session::write(&plan, &mut random))?;
    }
    let mut last = None;
    if let Some(events) = args.long_session {
        let begins = now.plus_micros(-6 * 3_600_000_000);
        let plan = Plan { number: args.sessions, events, begins, ends_by: now };
        last = Some(writer.session(session::write(&plan, &mut random))?);
    }
    writer.flush()?;
    println!("{} sessions, {} events", args.sessions + usize::from(last.is_some()), writer.events);
    if let Some(id) = last {
        println!("{id}");
    }
    Ok(())
}

/// Opens the store with the key that the server derives from the folder's master key.
fn open(data_dir: &Path) -> Result<SqliteStore> {
    let file = data_dir.join("keys/master.key");
    let master = std::fs::read(&file).with_context(|| {
        format!("cannot read {}; `ursa token create --role admin --data-dir …` makes it", file.display())
    })?;
    let master = <[u8; KEY_BYTES]>::try_from(master.as_slice());
    let master = master.ok().with_context(|| format!("{} is damaged", file.display()))?;
    SqliteStore::open(data_dir, &DataKeys::derive(&master).store)
        .with_context(|| format!("cannot open the store in {}", data_dir.display()))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Collects facts and appends them in batches.
struct Writer<'a> {
    store: &'a SqliteStore,
    received: Timestamp,
    facts: Vec<Redacted<FactWrite>>,
    sessions: Vec<Redacted<SessionWrite>>,
    batches: u64,
    events: usize,
}

impl<'a> Writer<'a> {
    fn new(store: &'a SqliteStore, received: Timestamp) -> Self {
        Self { store, received, facts: Vec::new(), sessions: Vec::new(), batches: 0, events: 0 }
    }

    fn session(&mut self, made: session::Made) -> Result<ursa_model::ids::SessionId> {
        let id = made.session.id;
        self.sessions.push(Redacted::stored(made.session));
        for fact in made.facts {
            self.received = fact.events.first().map_or(self.received, |event| event.at);
            self.events += fact.events.len();
            self.facts.push(Redacted::stored(fact));
            if self.facts.len() >= BATCH_FACTS {
                self.flush()?;
            }
        }
        Ok(id)
    }

    fn flush(&mut self) -> Result<()> {
        let facts = std::mem::take(&mut self.facts);
        let count = facts.len() as u64;
        self.batches += 1;
        self.store.append(Batch {
            id: hash_parts("ursa seed batch 1", &[&self.batches.to_le_bytes(), &self.received.0.to_le_bytes()]),
            environment: EnvironmentId::default_environment(),
            received: self.received,
            facts,
            sessions: std::mem::take(&mut self.sessions),
            session_aliases: Vec::new(),
            marks: Vec::new(),
            unmarks: Vec::new(),
            items: Vec::new(),
            captures: count,
            observations: count,
            duplicates: 0,
            unattributed: 0,
            dropped: Vec::new(),
            cursor: None,
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ursa_store::SessionFilter;

    use super::*;

    #[test]
    fn what_is_written_is_a_sound_store() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), &[7; 32]).unwrap();
        let mut random = Random::new(1);
        let mut writer = Writer::new(&store, now());
        for number in 0..12 {
            let begins = now().plus_micros(-SPREAD_MICROS);
            let plan = Plan { number, events: 120, begins, ends_by: now() };
            writer.session(session::write(&plan, &mut random)).unwrap();
        }
        writer.flush().unwrap();
        let sessions = store.sessions(&SessionFilter::default(), 100, None, now()).unwrap().items;
        assert_eq!(sessions.len(), 12);
        assert!(sessions.iter().all(|session| session.counts.tool_calls > 0 && session.counts.prompts > 0));
        let timeline = store.timeline(sessions.first().unwrap().id, 500, None).unwrap().items;
        assert_eq!(timeline.len(), 120);
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    }
}
