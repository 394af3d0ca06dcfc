//! A server under test, what it uses of the machine, and requests that look like an agent's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ursa_testkit::api::{ApiClient, StoredSession};
use ursa_testkit::raw_wire::{Body, Head, Wire};
use ursa_testkit::server::{ServerOptions, UrsaServer};

/// Nothing that is waited for takes longer unless it is broken.
pub const LIMIT: Duration = Duration::from_mins(1);
/// What is left to the pipeline after a load; the long campaign leaves it gigabytes.
const SETTLE_LIMIT: Duration = Duration::from_mins(15);
/// How often a condition is looked at again.
const LOOK: Duration = Duration::from_millis(5);

/// How long a server is watched to tell whether it is at rest.
const QUIET_LOOK: Duration = Duration::from_millis(200);

/// Clock ticks a second in `/proc`: the same on every Linux that this runs on.
const TICKS_A_SECOND: u64 = 100;

/// True for the long campaign.
pub fn is_long() -> bool {
    std::env::var("URSA_FAULT_SCALE").is_ok_and(|scale| scale == "long")
}

/// A number for the short run, and one for the long campaign.
pub fn scaled(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// True when the program is optimised as this test is: figures of time hold for such a build only.
pub const fn is_optimised() -> bool {
    !cfg!(debug_assertions)
}

/// A server with its folder, and what is asked of it.
pub struct Under {
    pub server: UrsaServer,
    pub api: ApiClient,
    pub options: ServerOptions,
    _dir: tempfile::TempDir,
}

impl Under {
    /// Its `anthropic` and `openai` lead to `upstream`; `config` is TOML.
    pub async fn start(upstream: &str, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ServerOptions::for_upstream(&dir.path().join("data"), upstream);
        options.config = Some(config.to_owned());
        Self::with(options, dir).await
    }

    pub async fn with(options: ServerOptions, dir: tempfile::TempDir) -> Self {
        Self::wrapped(options, dir, &[]).await
    }

    /// Started through another program, which must become the server.
    pub async fn wrapped(options: ServerOptions, dir: tempfile::TempDir, wrapper: &[&str]) -> Self {
        let server = UrsaServer::start_through(options.clone(), wrapper).await.unwrap();
        let api = server.api().await.unwrap();
        Self { server, api, options, _dir: dir }
    }

    /// Starts it again over the same data.
    pub async fn restart(&mut self) {
        self.server = UrsaServer::start(self.options.clone()).await.unwrap();
        self.api = self.server.api().await.unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address().unwrap()
    }

    pub async fn wire(&self) -> Wire {
        Wire::connect(self.address()).await.unwrap()
    }

    /// One request over a connection of its own.
    pub async fn exchange(&self, request: impl AsRef<[u8]>) -> (Head, Body) {
        self.wire().await.exchange(request).await.unwrap()
    }

    pub fn process(&self) -> Process {
        Process(self.server.pid().expect("the server runs"))
    }

    /// A counter of `/stats` (`edge.complete`, `journal.failed`, …).
    pub async fn counter(&self, name: &str) -> u64 {
        let stats = self.api.get("/api/v1/stats").await.unwrap();
        let (section, key) = name.split_once('.').expect("section.key");
        stats[section][key].as_u64().unwrap_or_else(|| panic!("no {name} in {stats}"))
    }

    /// Waits until a counter has reached a value.
    pub async fn wait_counter(&self, name: &str, at_least: u64) {
        let until = Instant::now() + LIMIT;
        loop {
            let now = self.counter(name).await;
            if now >= at_least {
                return;
            }
            assert!(Instant::now() < until, "{name} is {now}, not {at_least}\n{}", self.server.output());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// All sessions, once everything acknowledged is stored.
    pub async fn sessions(&self) -> Vec<StoredSession> {
        self.settled().await;
        self.api.sessions().await.unwrap()
    }

    pub async fn settled(&self) {
        self.api.wait_settled(SETTLE_LIMIT).await.unwrap_or_else(|error| panic!("{error:#}\n{}", self.server.output()));
    }

    /// Waits until the server does next to nothing.
    pub async fn quiet(&self) {
        let until = Instant::now() + LIMIT;
        let mut last = self.process().cpu();
        loop {
            tokio::time::sleep(QUIET_LOOK).await;
            let now = self.process().cpu();
            if now.saturating_sub(last) <= QUIET_LOOK / 5 {
                return;
            }
            last = now;
            assert!(Instant::now() < until, "the server does not come to rest");
        }
    }

    /// The one session of a conversation.
    pub async fn session(&self, conversation: &str) -> StoredSession {
        let found = self.sessions().await;
        let mut found = found.into_iter().filter(|session| session.conversation_id() == conversation);
        let session = found.next().unwrap_or_else(|| panic!("no session {conversation}\n{}", self.server.output()));
        assert!(found.next().is_none(), "{conversation} has two sessions");
        session
    }
}

/// What a process uses of the machine.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    fn status(self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Memory in use, in bytes.
    pub fn memory(self) -> u64 {
        self.status("RssAnon")
    }

    /// The most memory in use since [`Self::reset_peak`], in bytes, files that are mapped included.
    pub fn peak(self) -> u64 {
        self.status("VmHWM")
    }

    /// Begins a new measurement of the peak, and tells where it begins.
    pub fn reset_peak(self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
        self.peak()
    }

    /// Processor time used so far.
    pub fn cpu(self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
    }
}

/// A conversation id for a number.
pub fn conversation(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// What an agent asks for in its first turn.
pub fn prompt(text: &str) -> Value {
    json!({
        "model": "claude-opus-5", "max_tokens": 1024, "stream": true,
        "system": [{"type": "text", "text": "You are under test."}],
        "tools": [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": text}],
    })
}

/// Headers of an agent's request, without those of the body.
pub fn agent_head(conversation: &str) -> String {
    format!(
        "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nuser-agent: claude-cli/2.1.330 (external, \
         cli)\r\nx-app: cli\r\nanthropic-version: 2023-06-01\r\nx-claude-code-session-id: {conversation}\r\n\
         content-type: application/json\r\n"
    )
}

/// A whole request.
pub fn request_with(conversation: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("{}{headers}Content-Length: {}\r\n\r\n", agent_head(conversation), body.len()).into_bytes();
    request.extend_from_slice(body);
    request
}

/// A whole request with one prompt.
pub fn request(conversation: &str, text: &str) -> Vec<u8> {
    request_with(conversation, "", prompt(text).to_string().as_bytes())
}

/// A streamed answer of one text, in pieces.
pub struct Answer {
    pub events: Vec<String>,
}

impl Answer {
    pub fn new(id: &str, pieces: &[&str]) -> Self {
        let event = |kind: &str, data: Value| format!("event: {kind}\ndata: {data}\n\n");
        let mut events = vec![
            event(
                "message_start",
                json!({"type": "message_start", "message": {"id": id, "type": "message", "role": "assistant",
                    "model": "claude-opus-5", "content": [], "stop_reason": null,
                    "usage": {"input_tokens": 10, "output_tokens": 1}}}),
            ),
            event(
                "content_block_start",
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ),
        ];
        events.extend(pieces.iter().map(|piece| {
            let delta = json!({"type": "text_delta", "text": piece});
            event("content_block_delta", json!({"type": "content_block_delta", "index": 0, "delta": delta}))
        }));
        events.push(event("content_block_stop", json!({"type": "content_block_stop", "index": 0})));
        events.push(event(
            "message_delta",
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}}),
        ));
        events.push(event("message_stop", json!({"type": "message_stop"})));
        Self { events }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.events.concat().into_bytes()
    }

    /// As an answer with a length.
    pub fn sized(&self) -> Vec<u8> {
        let body = self.events.concat();
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .into_bytes()
    }
}

/// The head of a streamed answer.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Kinds of a session's gaps.
pub fn gaps(session: &StoredSession) -> Vec<String> {
    let gaps = session.session["completeness"]["gaps"].as_array().cloned().unwrap_or_default();
    gaps.iter().filter_map(|gap| gap["kind"].as_str().map(str::to_owned)).collect()
}

/// Details of a session's gaps of one kind.
pub fn gap_details(session: &StoredSession, kind: &str) -> Vec<String> {
    let gaps = session.session["completeness"]["gaps"].as_array().cloned().unwrap_or_default();
    let of_kind = gaps.iter().filter(|gap| gap["kind"] == kind);
    of_kind.filter_map(|gap| gap["detail"].as_str().map(str::to_owned)).collect()
}

/// The text of a session's completions.
pub fn completions(session: &StoredSession) -> String {
    session.of_kind("completion").filter_map(|event| event["text"].as_str()).collect()
}

/// The text of a session's prompts.
pub fn prompts(session: &StoredSession) -> Vec<String> {
    session.of_kind("prompt").filter_map(|event| event["text"].as_str().map(str::to_owned)).collect()
}

/// True when a program is there and works here; says that the test is skipped otherwise.
pub fn can_run(program: &str, arguments: &[&str]) -> bool {
    let ran = std::process::Command::new(program).args(arguments).output();
    let works = ran.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        let why = ran.map_or_else(|error| error.to_string(), |out| String::from_utf8_lossy(&out.stderr).into_owned());
        skip(&format!("`{program} {}` does not work here: {why}", arguments.join(" ")));
    }
    works
}

/// The value below which so many percent lie.
pub fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

/// Files under a folder.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Says that a test did nothing, and why.
pub fn skip(why: &str) {
    println!("SKIPPED: {why}");
}
