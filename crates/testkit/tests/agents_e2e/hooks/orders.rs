//! The captures of one session in other orders than the one they came in, more than once, and of one channel alone.

use std::path::Path;

use ursa_model::event::EventKind;

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

/// Either channel alone.
pub(super) fn either_alone(template: &Path, all: &[Capture], scenario: &Scenario, what: &str) {
    let both = Record::played(template, all, LARGE);
    let (wire, hooked) = (Record::played(template, edge(all), LARGE), Record::played(template, hooks(all), LARGE));
    if scenario.is_named {
        for (kind, apart) in [(EventKind::ToolCall, scenario.calls_apart), (EventKind::Prompt, (0, 0))] {
            let (wire, hooked, both) = (wire.ids(kind), hooked.ids(kind), both.ids(kind));
            assert!(!hooked.is_empty(), "{what}: hooks alone: {kind:?}");
            let only = (hooked.difference(&wire).count(), wire.difference(&hooked).count());
            assert_eq!(only, apart, "{what}: {kind:?}");
            assert!(hooked.union(&wire).eq(&both), "{what}: {kind:?}");
        }
        let subagents = both.subagents();
        assert_eq!((wire.subagents(), hooked.subagents()), (subagents.clone(), subagents), "{what}");
    }
    for first in [edge(all), hooks(all)] {
        let rest = all.iter().filter(|capture| capture.is_hook() != first[0].is_hook());
        let early = Record::played(template, first.iter().copied(), LARGE);
        let later = Record::played(template, first.iter().copied().chain(rest), LARGE);
        for event in early.events() {
            let now = later.store.event(event.id).unwrap();
            let is_kept = now.is_some_and(|now| now.body.kind() == event.body.kind());
            assert!(is_kept, "{what}: an id that was given out leads nowhere: {event:?}");
        }
    }
}
