//! The real agents with Ursa's hooks in their settings and Ursa's edge before their model at once: one record, whatever
//! came when.

mod orders;
mod replay;
mod run;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use orders::assert_same;
use replay::{Capture, captures, seen_by_api};
use run::{Collect, Ran};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use ursa_testkit::agents::{AgentKind, mask};
use ursa_testkit::api::StoredSession;

use super::{expect, skipped};

/// How many agents are looked at at the same time.
const AT_ONCE: usize = 2;

/// What one agent lets its hooks know.
struct Scenario {
    kind: AgentKind,
    /// The script has it delegate to a subagent.
    delegates: bool,
    /// The wire names the conversation, as hooks do: either channel alone gives the same ids.
    is_named: bool,
    /// Tool calls that hooks alone see, and that the wire alone sees.
    calls_apart: (usize, usize),
}

static SCENARIOS: [Scenario; 5] = [
    Scenario { kind: AgentKind::ClaudeCode, delegates: true, is_named: true, calls_apart: (0, 0) },
    // Searching for tools is the provider's.
    Scenario { kind: AgentKind::Codex, delegates: true, is_named: true, calls_apart: (0, 2) },
    // Its scripts' own calls are told to hooks alone.
    Scenario { kind: AgentKind::CodexInCodeMode, delegates: true, is_named: true, calls_apart: (5, 5) },
    Scenario { kind: AgentKind::GeminiCli, delegates: false, is_named: false, calls_apart: (0, 0) },
    Scenario { kind: AgentKind::CopilotCli, delegates: false, is_named: true, calls_apart: (0, 0) },
];

#[tokio::test(flavor = "multi_thread")]
async fn four_agents_by_hooks_and_edge_are_one_record_whatever_came_when() {
    if skipped() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("URSA_SIM_SEED").map_or(now, |seed| seed.parse().unwrap());
    let template = Arc::new(run::template().await);
    // Much of a run is waiting.
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut records = JoinSet::new();
    for scenario in &SCENARIOS {
        let (template, turns) = (Arc::clone(&template), Arc::clone(&turns));
        records.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            one_record(scenario, template.path(), seed).await;
        });
    }
    records.join_all().await;
}

async fn one_record(scenario: &Scenario, template: &Path, seed: u64) {
    let live = run::session(scenario.kind, template, Collect::Live);
    let late = run::session(scenario.kind, template, Collect::Away);
    let (live, late) = tokio::join!(live, late);
    let what = |ran: &str| format!("{:?}, {ran}, URSA_SIM_SEED={seed}", scenario.kind);
    for (ran, collect) in [(&live, Collect::Live), (&late, Collect::Away)] {
        is_whole(scenario, ran);
        let (all, told) = (captures(ran.data.path()), seen_by_api(&ran.sessions));
        came_in_time(&all, collect);
        let what = what(&format!("{collect:?}"));
        tokio::task::block_in_place(|| orders::is_one_record(template, &all, &told, &what));
    }
    let (all, told) = (captures(live.data.path()), seen_by_api(&live.sessions));
    tokio::task::block_in_place(|| {
        orders::in_any_order(template, &all, &told, seed, &what("live"));
        orders::either_alone(template, &all, scenario, &what("live"));
    });
    let thrice = orders::shuffled(orders::thrice(&all), seed);
    let thrice: Vec<_> = thrice.into_iter().filter_map(Capture::envelope).collect();
    let again = live.delivered_again(&thrice).await;
    assert_same(&told, &seen_by_api(&again), &what("delivered again"));
    assert_same(&masked(&live), &masked(&late), &what("live and server away"));
}

/// What the agent did, as the upstream knows it, and what its hooks alone can tell are in the record once, of one session.
fn is_whole(scenario: &Scenario, ran: &Ran) {
    if scenario.delegates {
        expect::whole_script_ran(&ran.exchanges, &ran.workspace);
    } else {
        expect::script_ran(&ran.exchanges, &ran.workspace);
    }
    expect::record_is_whole(&ran.exchanges, &on_the_wire(scenario, &ran.sessions));
    expect::one_prompt(&ran.sessions, "tidy this project.");
    expect::agent_is(&ran.sessions, scenario.kind);
    let [session] = ran.sessions.as_slice() else { panic!("{} sessions", ran.sessions.len()) };
    assert!(!session.conversation_id().is_empty());
    for kind in ["session_start", "session_end"] {
        assert_eq!(session.of_kind(kind).count(), 1, "{kind}");
    }
    let seen_by = |event: &Value, channel: &str| {
        event["witnesses"].as_array().unwrap().iter().any(|witness| witness["channel"] == channel)
    };
    let unseen_by = |channel: &str| session.of_kind("tool_call").filter(|event| !seen_by(event, channel)).count();
    assert_eq!((unseen_by("edge"), unseen_by("hook")), scenario.calls_apart, "{:?}", scenario.kind);
    assert!(session.of_kind("prompt").all(|event| seen_by(event, "edge") && seen_by(event, "hook")));
    for event in session.of_kind("tool_call").filter(|event| is_scripted(event)) {
        let outer = session.events.iter().find(|outer| outer["id"] == event["parent_event_id"]).unwrap();
        assert_eq!(outer["tool"]["name"], "exec", "{event}");
    }
    let subagents = |kind| session.of_kind(kind).count();
    let begun = usize::from(scenario.delegates);
    assert_eq!((subagents("subagent_start"), subagents("subagent_stop")), (begun, begun));
}

/// A call that a script of the model's made.
fn is_scripted(event: &Value) -> bool {
    event["call_id"].as_str().is_some_and(|id| id.starts_with("exec-"))
}

/// What the wire can tell of these sessions: that is what the upstream's log is held against.
fn on_the_wire(scenario: &Scenario, sessions: &[StoredSession]) -> Vec<StoredSession> {
    let mut sessions = sessions.to_vec();
    for StoredSession { session, events } in &mut sessions {
        if !scenario.is_named {
            session["conversation_id"].take();
        }
        events.retain(|event| !is_scripted(event));
    }
    sessions
}

/// When the server took what hooks told: while the agent talked to its model, or not before it was done.
fn came_in_time(all: &[Capture], collect: Collect) {
    let last = all.iter().filter(|capture| !capture.is_hook()).map(Capture::at).max().unwrap();
    let early = all.iter().filter_map(Capture::received).filter(|received| *received < last).count();
    assert_eq!(early > 0, collect == Collect::Live, "{early} hooks were delivered during the session");
}

/// Its events, without what differs between any two runs of the same script: ids and times.
fn masked(ran: &Ran) -> Vec<String> {
    const VARYING: &[&str] = &["rev", "seq", "started_at", "ended_at"];
    let events = ran.sessions.iter().flat_map(|session| &session.events).cloned().map(|mut event| {
        let told = event.as_object_mut().unwrap();
        told.retain(|name, _| !VARYING.contains(&name.as_str()));
        // What Codex finds comes in any order.
        if told.get("tool").is_some_and(|tool| tool["name"] == "tool_search") {
            told.remove("result");
        }
        for witness in told["witnesses"].as_array_mut().unwrap() {
            *witness = witness["channel"].take();
        }
        for name in ["parent_event_id", "subagent_id", "spawned_subagent_id", "response_id"] {
            if let Some(id) = told.get_mut(name).filter(|id| !id.is_null()) {
                *id = "ID".into();
            }
        }
        event.to_string()
    });
    let mut events = mask(&events.collect::<Vec<_>>().join("\n"), &ran.workspace);
    events.sort();
    events
}
