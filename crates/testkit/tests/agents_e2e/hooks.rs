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
use tokio::task::JoinSet;
use ursa_testkit::agents::{AgentKind, mask};

use super::{expect, skipped};

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

static SCENARIOS: [Scenario; 4] = [
    Scenario { kind: AgentKind::ClaudeCode, delegates: true, is_named: true, calls_apart: (0, 0) },
    // Searching for tools is the provider's.
    Scenario { kind: AgentKind::Codex, delegates: true, is_named: true, calls_apart: (0, 2) },
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
    // Two agents at once: much of a run is waiting.
    for pair in SCENARIOS.chunks(2) {
        let mut both = JoinSet::new();
        for scenario in pair {
            let template = Arc::clone(&template);
            both.spawn(async move { one_record(scenario, template.path(), seed).await });
        }
        both.join_all().await;
    }
}

async fn one_record(scenario: &Scenario, template: &Path, seed: u64) {
    let live = run::session(scenario.kind, template, Collect::Live);
    let late = run::session(scenario.kind, template, Collect::Away);
    let (live, late) = tokio::join!(live, late);
    let what = |ran: &str| format!("{:?}, {ran}, URSA_SIM_SEED={seed}", scenario.kind);
    for (ran, name) in [(&live, "live"), (&late, "server away")] {
        is_whole(scenario, ran);
        let (all, told) = (captures(ran.data.path()), seen_by_api(&ran.sessions));
        tokio::task::block_in_place(|| orders::is_one_record(template, &all, &told, &what(name)));
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

fn is_whole(scenario: &Scenario, ran: &Ran) {
    if scenario.delegates {
        expect::whole_script_ran(&ran.exchanges, &ran.workspace);
    } else {
        expect::script_ran(&ran.exchanges, &ran.workspace);
    }
    if scenario.is_named {
        expect::record_is_whole(&ran.exchanges, &ran.sessions);
    } else {
        expect::each_tool_call_once(&ran.exchanges, &ran.sessions);
    }
    expect::one_prompt(&ran.sessions, "tidy this project.");
    expect::agent_is(&ran.sessions, scenario.kind);
    let [session] = ran.sessions.as_slice() else { panic!("{} sessions", ran.sessions.len()) };
    for kind in ["session_start", "session_end"] {
        assert_eq!(session.of_kind(kind).count(), 1, "{kind}");
    }
    let by_both = |event: &serde_json::Value| {
        let witnesses = event["witnesses"].as_array().unwrap();
        ["edge", "hook"].iter().all(|channel| witnesses.iter().any(|witness| witness["channel"] == *channel))
    };
    let apart = session.of_kind("tool_call").filter(|event| !by_both(event)).count();
    assert_eq!(apart, scenario.calls_apart.0 + scenario.calls_apart.1);
    assert!(session.of_kind("prompt").all(by_both));
}

/// Its events, without what differs between any two runs of the same script: ids, times, and how many tokens the upstream
/// says a call had, which goes by how many came before it.
fn masked(ran: &Ran) -> Vec<String> {
    const VARYING: &[&str] = &["rev", "seq", "started_at", "ended_at", "usage"];
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
