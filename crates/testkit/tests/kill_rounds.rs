//! Kill -9 under load, again and again: what clients saw finished is in the store, once, and nothing is there or
//! counted twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use ursa_testkit::api::StoredSession;
use ursa_testkit::load::{Load, LoadOptions, SeenExchange};
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::upstream::{Answer, ToolCallSent, Upstream, UpstreamOptions};

/// How long the last start may take to carry into the store what the kills left undone, and for each kill on top.
const SETTLE_LIMIT: Duration = Duration::from_mins(2);
const SETTLE_EACH: Duration = Duration::from_secs(2);
const LOAD_LIMIT: Duration = Duration::from_mins(1);
const CLIENTS: usize = 8;
/// The two segments that a server has made, in bytes.
const SEGMENTS_BYTES: u64 = 2 * (64 << 20);
/// More than an exchange of the load takes in the journal, the segment's head that a restart begins included, in bytes.
const EXCHANGE_BYTES: u64 = 64 << 10;

fn rounds() -> usize {
    std::env::var("URSA_KILL_ROUNDS").map_or(5, |rounds| rounds.parse().expect("URSA_KILL_ROUNDS is a number"))
}

struct Campaign {
    /// What the upstream answered or was about to, by response id.
    sent: HashMap<String, Answer>,
    seen: Vec<SeenExchange>,
    sessions: Vec<StoredSession>,
}

async fn kill_under_load(durability: &str, dir: &Path) -> Campaign {
    let delay = Duration::from_millis(1);
    let upstream = Upstream::start(UpstreamOptions { event_delay: delay, ..UpstreamOptions::default() }).await.unwrap();
    let mut options = ServerOptions::for_upstream(&dir.join("data"), &upstream.base_url());
    options.config = Some(format!("[edge]\ndurability = \"{durability}\"\n"));
    let mut seen = Vec::new();
    for round in 0..rounds() {
        let mut server = UrsaServer::start(options.clone()).await.unwrap();
        let base_url = server.edge("anthropic");
        let load = Load::start(&LoadOptions::new(base_url, CLIENTS, 1_000));
        // Another place in the clients' conversations each round, always with exchanges under way.
        load.wait_finished(10 + round * 7 % 40, LOAD_LIMIT).await.unwrap();
        server.kill().await.unwrap();
        seen.extend(load.stop().await.unwrap());
    }
    let server = UrsaServer::start(options).await.unwrap();
    let api = server.api().await.unwrap();
    let started = Instant::now();
    let limit = SETTLE_LIMIT + SETTLE_EACH * u32::try_from(rounds()).unwrap();
    api.wait_settled(limit).await.unwrap_or_else(|error| panic!("{error:#}\n{}", server.output()));
    let sessions = api.sessions().await.unwrap();
    let (count, settled) = (sessions.len(), started.elapsed());
    println!("{durability}: {} rounds, {} exchanges seen, {count} sessions; settled {settled:?}", rounds(), seen.len());
    let journal = std::fs::read_dir(dir.join("data/journal")).unwrap();
    let bytes: u64 = journal.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    // What each restart leaves behind is what was recorded; two segments are written or made ahead.
    assert!(bytes <= SEGMENTS_BYTES + seen.len() as u64 * EXCHANGE_BYTES, "{bytes} bytes of journal");
    let captures = api.get("/api/v1/stats").await.unwrap()["captures"].as_u64().unwrap();
    let replayed = server.admin(&["replay"]).await.unwrap();
    assert!(replayed.contains(&format!("replayed {captures} captures: 0 new")), "{captures} were counted: {replayed}");
    let sent = upstream.exchanges().into_iter().filter_map(|exchange| exchange.answer);
    let sent = sent.map(|answer| (answer.response_id.clone(), answer)).collect();
    Campaign { sent, seen, sessions }
}

impl Campaign {
    fn finished(&self) -> impl Iterator<Item = &SeenExchange> {
        self.seen.iter().filter(|exchange| exchange.finished)
    }

    /// How often each key occurs among the events of a kind.
    fn counts(&self, kind: &str, key: &str) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for event in self.sessions.iter().flat_map(|session| session.of_kind(kind)) {
            if let Some(value) = event[key].as_str() {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    fn nothing_is_there_twice(&self) {
        for (kind, key) in [("model_call", "response_id"), ("completion", "response_id"), ("tool_call", "call_id")] {
            let doubled: Vec<_> = self.counts(kind, key).into_iter().filter(|(_, count)| *count > 1).collect();
            assert!(doubled.is_empty(), "{kind}s that are there more than once: {doubled:?}");
        }
        let mut conversations = HashSet::new();
        for session in &self.sessions {
            assert!(conversations.insert(session.conversation_id()), "{} has two sessions", session.conversation_id());
        }
    }

    fn what_was_seen_is_there(&self) {
        let calls = self.counts("model_call", "response_id");
        let tools = self.counts("tool_call", "call_id");
        let stored = self.sessions.iter().flat_map(|session| session.of_kind("completion"));
        let texts: HashMap<_, _> =
            stored.map(|event| (event["response_id"].as_str(), event["text"].as_str())).collect();
        for exchange in self.finished() {
            let id = exchange.response_id.as_deref().expect("a finished answer has an id");
            assert!(calls.contains_key(id), "{id} of {} was seen, and is lost", exchange.conversation_id);
            for tool_id in &exchange.tool_ids {
                assert!(tools.contains_key(tool_id), "{tool_id} was seen, and is lost");
            }
            if !exchange.text.is_empty() {
                assert_eq!(texts.get(&Some(id)), Some(&Some(exchange.text.as_str())), "{id}");
            }
        }
    }

    /// An answer of which less is stored than was sent is marked in its session. (What left no trace at all cannot be.)
    fn what_is_half_has_a_gap(&self) {
        let mut halves = 0;
        for session in &self.sessions {
            let half = session.of_kind("model_call").filter_map(|event| event["response_id"].as_str());
            let half: Vec<_> =
                half.filter(|id| !self.sent.get(*id).is_some_and(|sent| is_whole(session, sent))).collect();
            halves += half.len();
            let completeness = &session.session["completeness"];
            assert!(
                half.is_empty() || completeness["complete"] == false,
                "half of {half:?} is missing: {completeness}"
            );
        }
        println!("{halves} answers are there in part, and say so");
    }
}

/// Are the answer's text and all its tool calls in the session?
fn is_whole(session: &StoredSession, sent: &Answer) -> bool {
    let mut completions =
        session.of_kind("completion").filter(|event| event["response_id"] == sent.response_id.as_str());
    let text = completions.next().map_or("", |event| event["text"].as_str().unwrap_or_default());
    let has_call = |call: &ToolCallSent| {
        session
            .of_kind("tool_call")
            .any(|event| event["call_id"] == call.call_id.as_str() && event["arguments"] == call.arguments)
    };
    text == sent.texts.concat() && sent.tool_calls.iter().all(has_call)
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_strict_loses_nothing_that_a_client_saw_finished() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = kill_under_load("strict", dir.path()).await;
    assert!(campaign.finished().count() >= rounds() * 10, "the load was real");
    campaign.nothing_is_there_twice();
    campaign.what_was_seen_is_there();
    campaign.what_is_half_has_a_gap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_behind_doubles_nothing_and_marks_what_is_half() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = kill_under_load("behind", dir.path()).await;
    campaign.nothing_is_there_twice();
    campaign.what_is_half_has_a_gap();
}
