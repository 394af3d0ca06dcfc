//! Recordings of real agents: what they sent to the model and what they told their hooks, in one run.
//!
//! Recorded from the released programs talking to a scripted upstream. The two channels' clocks are unrelated there as
//! everywhere: the first exchange is set to just after the first prompt.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;
use ursa_model::capture::{CaptureEnd, CaptureHead, Channel, EndReason, Principal, ResponseHead};
use ursa_model::envelope::{Envelope, EnvelopeMeta, RECEIVED_VERSION, ReceivedEnvelope};
use ursa_model::event::{Event, EventBody};
use ursa_model::ids::{EnvironmentId, ExchangeId};
use ursa_model::time::Timestamp;
use ursa_pipeline::Exchange;
use ursa_store::sqlite::SqliteStore;
use uuid::Uuid;

use super::Record;

/// One capture on either channel.
#[derive(Clone)]
pub enum Capture {
    Edge(Box<Exchange>),
    Hook(Box<ReceivedEnvelope>),
}

impl Capture {
    pub fn is_hook(&self) -> bool {
        matches!(self, Self::Hook(_))
    }
}

/// A recording of that name, in the order of its times. `source` is the agent as the sender names it.
pub fn recording(name: &str, source: &str) -> Vec<Capture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/hooks/{name}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate();
    lines.map(|(place, line)| capture(place, serde_json::from_str(line).unwrap(), source)).collect()
}

fn capture(place: usize, line: Value, source: &str) -> Capture {
    let at = Timestamp::from_micros(line["at_ms"].as_i64().unwrap() * 1000);
    match line["hook"].as_str() {
        Some(event) => Capture::Hook(Box::new(hook(source, event, &line["body"], at, place))),
        None => Capture::Edge(Box::new(exchange(place, &line, at))),
    }
}

/// What a device delivers of one hook.
pub fn hook(source: &str, event: &str, body: &Value, at: Timestamp, place: usize) -> ReceivedEnvelope {
    let envelope = Envelope {
        id: Uuid::from_u128(place as u128 + 1),
        channel: Channel::Hook,
        source: source.to_owned(),
        event: Some(event.to_owned()),
        at,
        seq: Some(place as u64 + 1),
        meta: EnvelopeMeta { os_user: Some("dev".to_owned()), ..EnvelopeMeta::default() },
        body: serde_json::value::to_raw_value(body).unwrap(),
    };
    ReceivedEnvelope {
        version: RECEIVED_VERSION,
        environment: EnvironmentId::default_environment(),
        principal: Principal::Device { id: "dev_1".to_owned() },
        device: None,
        received: at,
        at,
        clock_skew: false,
        envelope,
    }
}

fn headers(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told.as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn exchange(place: usize, line: &Value, at: Timestamp) -> Exchange {
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let response = text("answer").into_bytes();
    let mut id = [0xe0; 16];
    id[..8].copy_from_slice(&(place as u64).to_be_bytes());
    Exchange {
        id: ExchangeId(id),
        connection: None,
        head: CaptureHead {
            version: 1,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Loopback,
            upstream: "recorded".to_owned(),
            protocol: text("exchange"),
            method: "POST".to_owned(),
            path: text("path"),
            query: Vec::new(),
            headers: headers(&line["headers"]),
            reported_user: None,
            reported_device: None,
            bodies_kept: true,
            upgrade: false,
            credentials: Vec::new(),
        },
        at,
        request: text("body").into_bytes(),
        request_whole: true,
        response_head: Some((
            at.plus_micros(100_000),
            ResponseHead {
                status: u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
                headers: headers(&line["answer_headers"]),
            },
        )),
        end: CaptureEnd {
            reason: EndReason::Complete,
            request_bytes: 0,
            response_bytes: response.len() as u64,
            first_byte_micros: Some(100_000),
            duration_micros: 200_000,
            request_bytes_cut: 0,
            response_bytes_cut: 0,
            request_sha256: None,
            response_sha256: None,
            dropped_bytes: 0,
            edge_error: None,
        },
        response,
        ended_at: at.plus_micros(200_000),
        dropped_bytes: 0,
        problems: Vec::new(),
    }
}

/// An empty store, with the secrets that every other of this process has: ids can be compared.
static EMPTY: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path(), &[7; 32]).unwrap());
    dir
});

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Record {
    /// Empty, with ids that compare with those of others made so.
    pub fn alike() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(EMPTY.path(), dir.path());
        Self::within(dir, false)
    }

    /// Each capture in a batch of its own, in this order.
    pub fn played<'c>(captures: impl IntoIterator<Item = &'c Capture>) -> Self {
        Self::played_in(captures, 1)
    }

    /// In batches of at most so many of one channel, in this order.
    pub fn played_in<'c>(captures: impl IntoIterator<Item = &'c Capture>, most: usize) -> Self {
        let record = Self::alike();
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
        if !exchanges.is_empty() {
            self.add(&exchanges);
        }
        if !delivered.is_empty() {
            let now = Timestamp::from_micros(super::START + 3_600_000_000);
            self.pipeline.run_delivered(&delivered, now, None).unwrap();
        }
    }

    /// All there is to see, witnesses and revisions aside, as JSON: what has to be equal whatever came when.
    pub fn seen(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for session in self.sessions() {
            let mut told = serde_json::to_value(&session).unwrap();
            // Any order of delivery is another history of arrivals.
            told.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "rev" | "channels"));
            seen.push(told.to_string());
            seen.extend(self.events(&session).iter().map(|event| seen_event(event).to_string()));
        }
        seen
    }

    /// As [`Self::seen`], without what follows from when captures were made: the edge tells times of what it sees first.
    pub fn seen_at_any_time(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for session in self.sessions() {
            seen.push(format!("{} {:?} {:?} {:?}", session.id, session.agent, session.counts, session.completeness));
            for event in self.events(&session) {
                let mut told = seen_event(&event);
                let times = ["at", "seq", "turn", "started_at", "ended_at", "duration_ms"];
                told.as_object_mut().unwrap().retain(|name, _| !times.contains(&name.as_str()));
                seen.push(told.to_string());
            }
        }
        seen.sort();
        seen
    }

    /// The ids of events of these kinds.
    pub fn ids(&self, fits: impl Fn(&Event) -> bool) -> Vec<String> {
        let sessions = self.sessions();
        let events = sessions.iter().flat_map(|session| self.events(session));
        let mut ids: Vec<String> = events.filter(|event| fits(event)).map(|event| event.id.to_string()).collect();
        ids.sort();
        ids
    }
}

fn seen_event(event: &Event) -> Value {
    let mut told = serde_json::to_value(event).unwrap();
    told.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "rev" | "witnesses"));
    told
}

pub fn is_tool_call(event: &Event) -> bool {
    matches!(event.body, EventBody::ToolCall(_))
}

pub fn is_prompt(event: &Event) -> bool {
    matches!(event.body, EventBody::Prompt { .. })
}
