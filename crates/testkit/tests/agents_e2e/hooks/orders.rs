//! The captures of one session in other orders than the one they came in, more than once, and of one channel alone.

use std::collections::BTreeSet;
use std::path::Path;

use ursa_model::event::{EventBody, EventKind};

use super::Scenario;
use super::replay::{Capture, Record};

/// Batches as large as the server makes them at most.
const LARGE: usize = 256;

fn hooks(all: &[Capture]) -> Vec<&Capture> {
    all.iter().filter(|capture| capture.is_hook()).collect()
}

fn edge(all: &[Capture]) -> Vec<&Capture> {
    all.iter().filter(|capture| !capture.is_hook()).collect()
}

/// A shuffle that the seed repeats.
pub(super) fn shuffled<T>(mut order: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed | 1;
    for index in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(index, (state >> 33) as usize % (index + 1));
    }
    order
}

/// Every capture three times.
pub(super) fn thrice(all: &[Capture]) -> Vec<&Capture> {
    all.iter().flat_map(|capture| [capture; 3]).collect()
}

/// What devices deliver thrice and in any order, between the exchanges as the edge writes them.
fn delivered_anyhow(all: &[Capture], seed: u64) -> Vec<&Capture> {
    let edge = edge(all);
    let delivered = shuffled(hooks(all).into_iter().flat_map(|hook| [hook; 3]).collect(), seed);
    let each = delivered.len() / (edge.len() + 1) + 1;
    let mut delivered = delivered.chunks(each);
    let mut order = delivered.next().unwrap_or_default().to_vec();
    for exchange in edge {
        order.extend([exchange; 3]);
        order.extend(delivered.next().unwrap_or_default());
    }
    order
}

/// As it would have come if every capture had been delivered in its time.
fn in_time(all: &[Capture]) -> Vec<&Capture> {
    let mut order: Vec<&Capture> = all.iter().collect();
    order.sort_by_key(|capture| capture.at());
    order
}

pub(super) fn assert_same(expected: &[String], seen: &[String], what: &str) {
    let (missing, extra): (Vec<_>, Vec<_>) = (
        expected.iter().filter(|line| !seen.contains(line)).collect(),
        seen.iter().filter(|line| !expected.contains(line)).collect(),
    );
    assert!(missing.is_empty() && extra.is_empty(), "{what}: missing {missing:#?}\nnot expected {extra:#?}");
    assert!(expected == seen, "{what}: in another order, or not as often");
}

/// What the server told is what follows from its captures, and from those of another server that had been told
/// everything in its time.
pub(super) fn is_one_record(template: &Path, all: &[Capture], told: &[String], what: &str) {
    let orders = [("as they came", all.iter().collect()), ("each in its time", in_time(all))];
    for (name, order) in orders {
        assert_same(told, &Record::played(template, order, 1).seen(), &format!("{what}: {name}"));
    }
}

/// Any order and any number of the captures gives what the server told.
pub(super) fn in_any_order(template: &Path, all: &[Capture], told: &[String], seed: u64, what: &str) {
    let orders = [
        ("hooks after the session", edge(all).into_iter().chain(hooks(all)).collect(), LARGE),
        ("hooks before the edge", hooks(all).into_iter().chain(edge(all)).collect(), LARGE),
        ("thrice, hooks in any order", delivered_anyhow(all, seed), 5),
    ];
    for (name, order, most) in orders {
        assert_same(told, &Record::played(template, order, most).seen(), &format!("{what}: {name}"));
    }
    // The edge writes a call before its next one starts; if not even that holds, times are those of what came.
    let expected = Record::played(template, all, LARGE).seen_at_any_time();
    let found = Record::played(template, shuffled(thrice(all), seed), 3).seen_at_any_time();
    assert_same(&expected, &found, &format!("{what}: thrice in any order"));
}

/// Either channel alone gives prompts, tool calls and subagents the ids that both give, or, where the wire does not name
/// the conversation, ids that lead to the same.
pub(super) fn either_alone(template: &Path, all: &[Capture], scenario: &Scenario, what: &str) {
    let both = Record::played(template, all, LARGE);
    let told = [edge(all), hooks(all)].map(|first| {
        let alone = Record::played(template, first.iter().copied(), LARGE);
        let rest = all.iter().filter(|capture| capture.is_hook() != first[0].is_hook());
        let later = Record::played(template, first.iter().copied().chain(rest), LARGE);
        let kinds = [EventKind::ToolCall, EventKind::Prompt, EventKind::Completion];
        let leads_to = kinds.map(|kind| leads_to(&alone, &later, kind, what));
        if scenario.is_named {
            let kinds = [EventKind::ToolCall, EventKind::Prompt];
            assert!(kinds.iter().all(|kind| alone.ids(*kind).is_subset(&both.ids(*kind))), "{what}: other ids");
        }
        assert_eq!(alone.subagents(), both.subagents(), "{what}");
        leads_to
    });
    let [[wire_calls, wire_prompts, wire_completions], [hooked_calls, hooked_prompts, hooked_completions]] = told;
    let apart = (hooked_calls.difference(&wire_calls).count(), wire_calls.difference(&hooked_calls).count());
    assert_eq!(apart, scenario.calls_apart, "{what}");
    assert!(!hooked_prompts.is_empty() && hooked_prompts == wire_prompts, "{what}");
    assert!(hooked_completions.is_subset(&wire_completions), "{what}: a hook's completion is none of the wire's");
    assert!(hooked_calls.union(&wire_calls).eq(&both.ids(EventKind::ToolCall)), "{what}");
}

/// The events to which the ids lead `later` that one channel alone had given out.
fn leads_to(alone: &Record, later: &Record, kind: EventKind, what: &str) -> BTreeSet<String> {
    let given = alone.events().into_iter().filter(|event| event.body.kind() == kind);
    let led = given.map(|event| {
        let now = later.store.event(event.id).unwrap().unwrap_or_else(|| panic!("{what}: leads nowhere: {event:?}"));
        assert_eq!((now.body.kind(), text(&now.body)), (kind, text(&event.body)), "{what}");
        now.id.to_string()
    });
    led.collect()
}

fn text(body: &EventBody) -> &str {
    match body {
        EventBody::Prompt { text, .. } | EventBody::Completion { text, .. } => text.trim(),
        _ => "",
    }
}
