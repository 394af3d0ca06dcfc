//! Facts, revisions, marks, counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ursa_model::capture::Channel;
use ursa_model::event::{EventBody, EventKind};
use ursa_model::ids::ID_LEN;

use super::sample::{ONE_DAY, SECOND, Talk, at, batch, witness};
use crate::Store;
use crate::record::{AppendReceipt, Batch};

const NEXT_DAY: i64 = ONE_DAY / SECOND;

pub(super) fn batch_twice(store: &dyn Store) {
    let talk = Talk::new("one");
    let batch = batch("b", 10, [talk.prompt("hello", 1), talk.completion("hi there", 2)])
        .with_session(talk.attributes("agent", "ann"))
        .with_item(talk.item(b"item"));
    let first = store.append(batch.clone()).unwrap();
    assert_eq!(first, AppendReceipt { inserted: 2, last_rev: 2, ..AppendReceipt::default() });
    let stats = store.stats().unwrap();
    let second = store.append(batch).unwrap();
    assert_eq!(second, AppendReceipt { already_applied: true, last_rev: 2, ..AppendReceipt::default() });
    assert_eq!(store.stats().unwrap(), stats);
}

pub(super) fn redelivery(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("hello", 1), talk.prompt("again", 2)])).unwrap();
    let before = store.changes(0, 10, None).unwrap().events;
    let receipt = store.append(batch("b2", NEXT_DAY, [talk.prompt("again", 2), talk.prompt("hello", 1)])).unwrap();
    assert_eq!((receipt.inserted, receipt.changed, receipt.already_applied), (0, 0, false));
    assert_eq!(store.changes(0, 10, None).unwrap().events, before);
    assert_eq!(store.stats().unwrap().events, 2);
}

pub(super) fn replacement(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("hello", 1)])).unwrap();
    let mut wider = talk.prompt("hello", 1);
    let more = talk.completion("other", 1).fact.observations;
    wider.fact.observations.extend(more);
    // One event becomes two, of other ids; the first id resolves to the first of them.
    let [old] = [wider.events[0].clone()];
    let (mut one, mut two) = (old.clone(), old.clone());
    one.id = talk.event_id("hello#1");
    two.id = talk.event_id("hello#2");
    two.ordinal = 1;
    wider.aliases = vec![(old.id, one.id)];
    wider.events = vec![one.clone(), two.clone()];
    let receipt = store.append(batch("b2", 20, [wider.clone()])).unwrap();
    assert_eq!(receipt.inserted, 2);
    assert_eq!(store.event(old.id).unwrap().unwrap().id, one.id);
    assert_eq!(store.event(two.id).unwrap().unwrap().seq, 2);
    assert_eq!(store.facts(&[talk.fact_id("hello")]).unwrap(), [wider.fact]);
    assert_eq!(store.stats().unwrap().events, 2);
    assert_eq!(store.timeline(talk.session, 10, None).unwrap().items.len(), 2);
}

/// A fact under a new key that takes in the facts of `keys`, whose event replaces theirs.
fn merged(talk: &Talk, key: &str, keys: &[&str], seconds: i64) -> crate::FactWrite {
    let mut write = talk.prompt(key, seconds);
    write.replaces = keys.iter().map(|key| talk.fact_id(key)).collect();
    write.found_by.extend(write.replaces.clone());
    write.aliases = keys.iter().map(|old| (talk.event_id(old), talk.event_id(key))).collect();
    write
}

pub(super) fn merge(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("a", 1), talk.prompt("b", 2)])).unwrap();
    store.append(batch("b2", 11, [merged(&talk, "c", &["a", "b"], 1)])).unwrap();
    store.append(batch("b3", 12, [merged(&talk, "d", &["c"], 1)])).unwrap();
    check_merged(store, &talk);
}

pub(super) fn merge_across_days(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("a", 1)])).unwrap();
    store.append(batch("b2", NEXT_DAY, [talk.prompt("b", 2)])).unwrap();
    store.append(batch("b3", 3 * NEXT_DAY, [merged(&talk, "c", &["b", "a"], 1)])).unwrap();
    store.append(batch("b4", 4 * NEXT_DAY, [talk.prompt("x", 5), merged(&talk, "d", &["c"], 1)])).unwrap();
    store.append(batch("b5", 4 * NEXT_DAY, [merged(&talk, "d", &["c", "x"], 1)])).unwrap();
    check_merged(store, &talk);
}

pub(super) fn moved_event(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("a", 1)])).unwrap();
    store.append(batch("b2", NEXT_DAY, [talk.prompt("b", 2)])).unwrap();
    let before = store.changes(0, 10, None).unwrap().events;
    // The fact of the first day takes in that of the second, and with it its event as it is.
    let mut both = talk.prompt("a", 1);
    both.events.extend(talk.prompt("b", 2).events);
    both.replaces = vec![talk.fact_id("b")];
    both.found_by.push(talk.fact_id("b"));
    let receipt = store.append(batch("b3", 2 * NEXT_DAY, [both.clone()])).unwrap();
    assert_eq!((receipt.inserted, receipt.changed, receipt.last_rev), (0, 0, 2));
    assert_eq!(store.changes(0, 10, None).unwrap().events, before);
    assert_eq!(store.facts(&[talk.fact_id("b")]).unwrap(), [both.fact]);
    assert_eq!(store.timeline(talk.session, 10, None).unwrap().items, before);
    assert_eq!(store.search("b", &crate::SessionFilter::default(), 10, None).unwrap().items.len(), 1);
}

fn check_merged(store: &dyn Store, talk: &Talk) {
    let now = talk.event_id("d");
    for key in ["a", "b", "c", "d"] {
        assert_eq!(store.event(talk.event_id(key)).unwrap().unwrap().id, now, "{key}");
    }
    assert_eq!(store.stats().unwrap().events, 1);
    let timeline = store.timeline(talk.session, 10, None).unwrap();
    assert_eq!(timeline.items.iter().map(|event| event.id).collect::<Vec<_>>(), [now]);
    assert_eq!(store.facts_of(&talk.scope).unwrap().len(), 1);
    assert_eq!(store.facts(&[talk.fact_id("c"), talk.fact_id("d")]).unwrap().len(), 1);
    assert_eq!(store.session(talk.session, at(20)).unwrap().unwrap().counts.prompts, 1);
}

pub(super) fn found_by(store: &dyn Store) {
    let (talk, other) = (Talk::new("one"), Talk::new("two"));
    let mut fact = talk.prompt("hello", 1);
    fact.found_by.push(talk.fact_id("alias"));
    store.append(batch("b1", 10, [fact.clone(), talk.prompt("more", 2), other.prompt("hello", 1)])).unwrap();
    let ids = [talk.fact_id("alias"), talk.fact_id("hello"), talk.fact_id("unknown")];
    assert_eq!(store.facts(&ids).unwrap(), [fact.fact.clone()]);
    assert_eq!(store.facts_of(&talk.scope).unwrap().len(), 2);
    assert_eq!(store.facts_of(&Talk::new("three").scope).unwrap(), []);
    fact.found_by.pop();
    store.append(batch("b2", 11, [fact])).unwrap();
    assert_eq!(store.facts(&[talk.fact_id("alias")]).unwrap(), []);
}

pub(super) fn revisions(store: &dyn Store) {
    let talk = Talk::new("one");
    let mut fact = talk.prompt("hello", 1);
    let rev = |receipt: AppendReceipt| (receipt.inserted, receipt.changed, receipt.last_rev);
    assert_eq!(rev(store.append(batch("b1", 10, [fact.clone()])).unwrap()), (1, 0, 1));
    fact.events[0].context = Some(super::sample::context(b"head", b"manifest"));
    fact.events[0].search.0.push_str(" more");
    let items = batch("b2", 11, [fact.clone()]).with_item(talk.item(b"head")).with_item(talk.item(b"manifest"));
    assert_eq!(rev(store.append(items).unwrap()), (0, 0, 1));
    assert_eq!(store.context_ref(fact.events[0].id).unwrap(), fact.events[0].context);
    type Change = fn(&mut crate::EventWrite);
    let changes: [Change; 7] = [
        |event| event.witnesses.push(witness(Channel::Hook, "h", 3)),
        |event| event.at = at(2),
        |event| event.ordinal = 1,
        |event| event.session = Talk::new("two").session,
        |event| event.parent = Some(Talk::new("one").event_id("parent")),
        |event| event.subagent_id = Some("sub".into()),
        |event| event.body = EventBody::Prompt { text: "other".into(), attachments: Vec::new() },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        change(&mut fact.events[0]);
        let receipt = store.append(batch(&format!("c{index}"), 12, [fact.clone()])).unwrap();
        assert_eq!(rev(receipt), (0, 1, index as u64 + 2));
    }
    let event = store.event(fact.events[0].id).unwrap().unwrap();
    assert_eq!((event.rev, event.session_id), (8, Talk::new("two").session));
    assert!(store.session(talk.session, at(0)).unwrap().is_none());
}

pub(super) fn changes(store: &dyn Store) {
    let talk = Talk::new("one");
    for (index, text) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let day = index as i64 * NEXT_DAY;
        store.append(batch(text, day, [talk.prompt(text, 10 - index as i64)])).unwrap();
    }
    let mut again = talk.prompt("a", 10);
    again.events[0].witnesses.push(witness(Channel::Hook, "h", 3));
    store.append(batch("again", 5 * NEXT_DAY, [again])).unwrap();
    let told = |after, limit, session| {
        let changes = store.changes(after, limit, session).unwrap();
        (changes.events.into_iter().map(|event| (event.rev, event.seq)).collect::<Vec<_>>(), changes.through)
    };
    assert_eq!(told(0, 10, None), (vec![(2, 3), (3, 2), (4, 1), (5, 4)], 5));
    assert_eq!(told(0, 2, None), (vec![(2, 3), (3, 2)], 3));
    assert_eq!(told(4, 10, None), (vec![(5, 4)], 5));
    assert_eq!(told(5, 10, None), (vec![], 5));

    let (two, old) = (Talk::new("two"), Talk::new("old"));
    store.append(batch("e", 6 * NEXT_DAY, [two.prompt("e", 20), old.prompt("f", 21)])).unwrap();
    let alias = Batch { session_aliases: vec![(old.session, two.session)], ..batch("alias", 7 * NEXT_DAY, []) };
    store.append(alias).unwrap();
    assert_eq!(told(0, 10, Some(talk.session)), (vec![(2, 3), (3, 2), (4, 1), (5, 4)], 7), "the others are passed by");
    assert_eq!(told(0, 3, Some(talk.session)), (vec![(2, 3), (3, 2), (4, 1)], 4));
    for id in [old.session, two.session] {
        assert_eq!(told(2, 10, Some(id)), (vec![(6, 1), (7, 2)], 7), "with what it took in");
    }
    assert_eq!(told(0, 10, Some(Talk::new("none").session)), (vec![], 7));
}

pub(super) fn marks(store: &dyn Store) {
    let (one, two) = (Talk::new("one"), Talk::new("two"));
    let with = |name: &str, marks: Vec<_>, unmarks| Batch { marks, unmarks, ..batch(name, 10, []) };
    let marks = vec![two.mark(1, "v", 5), one.mark(1, "w", 5), one.mark(2, "", 1)];
    store.append(with("b1", marks.clone(), Vec::new())).unwrap();
    let later = Batch { received: at(NEXT_DAY), ..with("b2", marks, Vec::new()) };
    store.append(later).unwrap();
    let keys = [[1; ID_LEN], [2; ID_LEN], [3; ID_LEN]];
    assert_eq!(store.marks(&keys).unwrap(), [one.mark(2, "", 1), one.mark(1, "w", 5), two.mark(1, "v", 5)]);
    let gone = vec![([1; ID_LEN], one.scope.clone()), ([3; ID_LEN], one.scope.clone())];
    store.append(Batch { received: at(NEXT_DAY), ..with("b3", Vec::new(), gone) }).unwrap();
    assert_eq!(store.marks(&keys[..1]).unwrap(), [two.mark(1, "v", 5)]);
    let both = with("b4", vec![one.mark(4, "", 1)], vec![([4; ID_LEN], one.scope)]);
    store.append(both).unwrap();
    assert_eq!(store.marks(&[[4; ID_LEN]]).unwrap(), []);
}

pub(super) fn stats(store: &dyn Store) {
    let talk = Talk::new("one");
    let told = Batch {
        duplicates: 3,
        unattributed: 2,
        dropped: vec![("too_large".into(), 1), ("panicked".into(), 4)],
        ..batch("b1", 10, [talk.prompt("a", 1)])
    };
    store.append(told.clone()).unwrap();
    store.append(Batch { received: at(NEXT_DAY), id: [9; ID_LEN], ..told }).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.captures, stats.observations, stats.duplicates, stats.unattributed), (2, 2, 6, 4));
    assert_eq!(stats.dropped.into_iter().collect::<Vec<_>>(), [("panicked".into(), 8), ("too_large".into(), 2)]);
    assert_eq!((stats.events, stats.sessions, stats.last_rev), (1, 1, 1));
    let stats = store.stats().unwrap();
    store.timeline(talk.session, 10, None).unwrap();
    store.search("a", &crate::SessionFilter::default(), 10, None).unwrap();
    store.facts_of(&talk.scope).unwrap();
    assert_eq!(store.stats().unwrap(), stats, "reading changes nothing");
}

pub(super) fn cursor(store: &dyn Store) {
    assert_eq!(store.cursor().unwrap(), None);
    store.append(batch("b1", 10, [])).unwrap();
    assert_eq!(store.cursor().unwrap().as_deref(), Some("b1"));
    store.append(Batch { cursor: None, ..batch("b2", 10, []) }).unwrap();
    assert_eq!(store.cursor().unwrap().as_deref(), Some("b1"));
    let stats = store.stats().unwrap();
    assert_eq!((stats.captures, stats.events, stats.last_rev), (0, 0, 0));
}

pub(super) fn listeners(store: &dyn Store) {
    let told = Arc::new(AtomicU64::new(0));
    let listening = Arc::clone(&told);
    store.on_append(Box::new(move |rev| {
        listening.fetch_add(rev + 100, Ordering::SeqCst);
    }));
    let talk = Talk::new("one");
    let kind = talk.fact("n", 1, EventKind::Reasoning, EventBody::Reasoning { text: String::new() }, "");
    store.append(batch("b1", 10, [kind.clone()])).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 101);
    store.append(batch("b2", 10, [kind])).unwrap();
    store.append(batch("b3", 10, [])).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 101);
}
