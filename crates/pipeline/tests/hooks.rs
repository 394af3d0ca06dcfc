//! Hooks and edge give one record of each fact: recordings of real agents, their channels told in any order, again and
//! again, and one without the other.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::Record;
use support::recording::{Capture, is_prompt, is_tool_call, recording};
use ursa_model::event::{Event, EventBody};

/// What a recording holds, counted by hand from the scenario: prompts, completions, model calls, tool calls, failed or
/// denied ones.
struct Scenario {
    name: &'static str,
    source: &'static str,
    truth: [u64; 5],
    /// Tool calls that hooks tell and the wire does not (what a script called), and the other way round.
    calls_apart: (usize, usize),
}

const fn scenario(name: &'static str, source: &'static str, truth: [u64; 5], calls_apart: (usize, usize)) -> Scenario {
    Scenario { name, source, truth, calls_apart }
}

const SCENARIOS: &[Scenario] = &[
    scenario("claude-code-main", "claude-code", [2, 6, 10, 9, 2], (0, 0)),
    scenario("claude-code-interactive", "claude-code", [3, 16, 48, 9, 2], (0, 0)),
    scenario("claude-code-permission-default", "claude-code", [2, 6, 10, 9, 6], (0, 0)),
    scenario("claude-code-hook-exit2", "claude-code", [2, 6, 10, 9, 2], (0, 0)),
    scenario("codex-main", "codex", [2, 3, 12, 10, 2], (0, 2)),
    scenario("codex-code-mode", "codex", [1, 3, 10, 14, 1], (6, 6)),
    scenario("gemini-cli-main", "gemini-cli", [1, 4, 9, 8, 3], (0, 1)),
    scenario("copilot-cli-anthropic-pascal-repo", "copilot", [2, 5, 11, 9, 2], (0, 0)),
    scenario("copilot-cli-completions-camel-user", "copilot", [2, 4, 11, 9, 2], (0, 0)),
];

fn hooks(all: &[Capture]) -> Vec<&Capture> {
    all.iter().filter(|capture| capture.is_hook()).collect()
}

fn edge(all: &[Capture]) -> Vec<&Capture> {
    all.iter().filter(|capture| !capture.is_hook()).collect()
}

/// A deterministic shuffle.
fn shuffled<T>(mut order: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed | 1;
    for index in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(index, (state >> 33) as usize % (index + 1));
    }
    order
}

/// Every capture three times.
fn thrice(all: &[Capture]) -> Vec<&Capture> {
    all.iter().chain(all).chain(all).collect()
}

/// What devices deliver comes late, thrice and in any order, between the exchanges, which the edge itself writes.
fn delivered_anyhow(all: &[Capture], seed: u64) -> Vec<&Capture> {
    let delivered: Vec<&Capture> = hooks(all).into_iter().flat_map(|hook| [hook; 3]).collect();
    let mut delivered = shuffled(delivered, seed).into_iter();
    let exchanges = edge(all);
    let each = delivered.len() / (exchanges.len() + 1) + 1;
    let mut order: Vec<&Capture> = delivered.by_ref().take(each).collect();
    for exchange in exchanges {
        order.extend([exchange, exchange]);
        order.extend(delivered.by_ref().take(each));
    }
    order.extend(delivered);
    order
}

fn assert_same(one: &Record, other: &Record, what: &str) {
    let (one, other) = (one.seen(), other.seen());
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(a, b, "{what}");
    }
    assert_eq!(one.len(), other.len(), "{what}");
}

fn one_record_whatever_came_when(name: &str) {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name == name) {
        let all = recording(scenario.name, scenario.source);
        let record = Record::played(&all);
        let session = record.only_session();
        let counts = &session.counts;
        let told = [counts.prompts, counts.completions, counts.model_calls, counts.tool_calls, counts.tool_errors];
        assert_eq!(told, scenario.truth, "{}", scenario.name);
        assert!(session.completeness.complete, "{} {:?}", scenario.name, session.completeness);

        let later = edge(&all).into_iter().chain(hooks(&all));
        let earlier = hooks(&all).into_iter().chain(edge(&all));
        assert_same(&record, &Record::played_in(later, 256), scenario.name);
        assert_same(&record, &Record::played(earlier), scenario.name);
        assert_same(&record, &Record::played_in(delivered_anyhow(&all, 7), 5), scenario.name);

        let expected = record.seen_at_any_time();
        for order in [all.iter().rev().collect(), shuffled(thrice(&all), 11)] {
            let seen = Record::played_in(order, 3).seen_at_any_time();
            let (missing, extra): (Vec<_>, Vec<_>) = (
                expected.iter().filter(|line| !seen.contains(line)).collect(),
                seen.iter().filter(|line| !expected.contains(line)).collect(),
            );
            assert!(missing.is_empty() && extra.is_empty(), "{}: {missing:#?} {extra:#?}", scenario.name);
            assert_eq!(seen.len(), expected.len(), "{}", scenario.name);
        }
    }
}

#[test]
fn claude_code_main_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("claude-code-main");
}

#[test]
fn claude_code_interactive_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("claude-code-interactive");
}

#[test]
fn claude_code_permission_default_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("claude-code-permission-default");
}

#[test]
fn claude_code_hook_exit2_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("claude-code-hook-exit2");
}

#[test]
fn codex_main_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("codex-main");
}

#[test]
fn codex_code_mode_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("codex-code-mode");
}

#[test]
fn gemini_cli_main_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("gemini-cli-main");
}

#[test]
fn copilot_cli_anthropic_pascal_repo_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("copilot-cli-anthropic-pascal-repo");
}

#[test]
fn copilot_cli_completions_camel_user_is_one_record_whatever_came_when() {
    one_record_whatever_came_when("copilot-cli-completions-camel-user");
}

fn subagents(record: &Record) -> BTreeSet<String> {
    let sessions = record.sessions();
    sessions.iter().flat_map(|session| record.events(session)).filter_map(|event| event.subagent_id).collect()
}

#[test]
fn either_channel_alone_gives_the_same_ids() {
    for scenario in SCENARIOS {
        let all = recording(scenario.name, scenario.source);
        let (wire, hooked) = (Record::played(edge(&all)), Record::played(hooks(&all)));
        let both = Record::played(&all);
        for (fits, apart) in [(is_tool_call as fn(&Event) -> bool, scenario.calls_apart), (is_prompt, (0, 0))] {
            // The wire of the one has no conversation id, the events of the other no word on what the wire calls a
            // subagent: there ids become aliases, which the next test is about.
            if scenario.name.starts_with("gemini") || scenario.name.contains("pascal") {
                continue;
            }
            let of = |record: &Record| -> BTreeSet<String> { record.ids(fits).into_iter().collect() };
            let (wire, hooked, both) = (of(&wire), of(&hooked), of(&both));
            assert!(!hooked.is_empty() && hooked.is_subset(&both), "{}: hooks", scenario.name);
            assert!(wire.is_subset(&both), "{}: wire", scenario.name);
            let only = (hooked.difference(&wire).count(), wire.difference(&hooked).count());
            assert_eq!(only, apart, "{}", scenario.name);
        }
        if !scenario.name.contains("pascal") {
            assert_eq!(subagents(&wire), subagents(&hooked), "{}", scenario.name);
        }
        assert_eq!(subagents(&both), subagents(&wire), "{}", scenario.name);
    }
}

#[test]
fn every_id_that_was_given_out_resolves_to_the_same_fact() {
    for scenario in SCENARIOS {
        let all = recording(scenario.name, scenario.source);
        for first in [edge(&all), hooks(&all)] {
            let early = Record::played(first.iter().copied());
            let rest = all.iter().filter(|capture| capture.is_hook() != first[0].is_hook());
            let both = Record::played(first.iter().copied().chain(rest));
            for session in early.sessions() {
                assert!(both.store.session(session.id, session.started_at).unwrap().is_some(), "{}", scenario.name);
                for event in early.events(&session) {
                    let now = both.store.event(event.id).unwrap();
                    let kept = now.is_some_and(|now| {
                        now.body.kind() == event.body.kind() && text(&now.body) == text(&event.body)
                    });
                    assert!(kept, "{}: {event:?}", scenario.name);
                }
            }
        }
    }
}

fn text(body: &EventBody) -> &str {
    match body {
        EventBody::Prompt { text, .. } | EventBody::Completion { text, .. } => text.trim(),
        _ => "",
    }
}

/// Calls of a script of the model's hang on the call that ran the script.
#[test]
fn what_a_script_called_hangs_on_the_script() {
    let all = recording("codex-code-mode", "codex");
    for order in [all.iter().collect::<Vec<_>>(), all.iter().rev().collect()] {
        let record = Record::played(order);
        let events = record.events(&record.only_session());
        let script_of = |event: &Event| {
            let parent = events.iter().find(|outer| Some(outer.id) == event.parent_event_id)?;
            match (&event.body, &parent.body) {
                (EventBody::ToolCall(inner), EventBody::ToolCall(outer)) if outer.tool.name == "exec" => {
                    let said = inner.arguments.as_ref()?.as_object()?.values().find_map(|value| value.as_str())?;
                    Some((
                        event.subagent_id == parent.subagent_id,
                        outer.arguments.as_ref()?.as_str()?.contains(&said[..5]),
                    ))
                }
                _ => None,
            }
        };
        let inside: Vec<(bool, bool)> = events.iter().filter_map(script_of).collect();
        assert_eq!(inside, [(true, true); 6]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Whatever of a recording arrives, however often and in which order: what is there is what it would be in the
    /// order of its times.
    #[test]
    fn any_part_in_any_order_is_one_record(
        name in prop::sample::select(&[(0_usize, 0_u64), (4, 0), (6, 0), (8, 0)][..]),
        keep in prop::collection::vec(any::<bool>(), 100),
        seed: u64,
        batch in 1..9_usize,
    ) {
        let scenario = &SCENARIOS[name.0];
        let all = recording(scenario.name, scenario.source);
        // Exchanges are whole or not there at all: a request answers the one before it.
        let kept: Vec<Capture> = all
            .into_iter()
            .zip(&keep)
            .filter(|(capture, keep)| **keep || !capture.is_hook())
            .map(|(capture, _)| capture)
            .collect();
        let expected = Record::played_in(kept.iter(), 64);
        let seen = Record::played_in(delivered_anyhow(&kept, seed), batch);
        prop_assert_eq!(expected.seen(), seen.seen());
    }
}
