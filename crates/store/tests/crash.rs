//! A kill between any two steps of an append or a purge, and any order and duplication of batches: the store is the
//! same as one to which nothing happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use proptest::prelude::*;
use ursa_model::capture::Channel;
use ursa_model::event::ToolStatus;
use ursa_store::conformance::sample::{ONE_DAY, SECOND, Talk, at, batch, context, witness};
use ursa_store::sqlite::{Faults, SqliteStore, Step};
use ursa_store::{Batch, FactWrite, RecordStore, StoreError};

const KEY: [u8; 32] = [7; 32];
const NEXT_DAY: i64 = ONE_DAY / SECOND;

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, &KEY).unwrap()
}

/// Panics with the lines that only one of two dumps has.
fn assert_same(found: &str, expected: &str, when: &str) {
    let only = |one: &str, two: &str| {
        let two: std::collections::BTreeSet<_> = two.lines().collect();
        one.lines().filter(|line| !two.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(found == expected, "{when}: found {:#?}, expected {:#?}", only(found, expected), only(expected, found));
}

/// Stops after the `nth` step, counted from 0 over all of them.
fn stopping_at(nth: usize) -> (Faults, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    (Faults::new(move |_: Step| counted.fetch_add(1, Ordering::SeqCst) == nth), steps)
}

/// `key` takes in the facts of `keys`.
fn merged(talk: &Talk, key: &str, keys: &[&str], seconds: i64) -> FactWrite {
    let mut write = talk.prompt(key, seconds);
    write.replaces = keys.iter().map(|key| talk.fact_id(key)).collect();
    write.found_by.extend(write.replaces.clone());
    write.aliases = keys.iter().map(|old| (talk.event_id(old), talk.event_id(key))).collect();
    write
}

/// Batches that touch several days at once: merges, changes, aliases, marks, content.
fn history() -> Vec<Batch> {
    let (one, two) = (Talk::new("one"), Talk::new("two"));
    let mut call = one.model_call("m", "model-a", 4);
    call.events[0].context = Some(context(b"head", b"manifest"));
    let mut changed = one.prompt("a", 1);
    changed.events[0].witnesses.push(witness(Channel::Hook, "h", 2));
    let first = batch("b1", 10, [one.prompt("a", 1), one.prompt("b", 2), call])
        .with_session(one.attributes("agent", "ann"))
        .with_item(one.item(b"head"))
        .with_item(one.item(b"manifest"));
    let second = Batch {
        marks: vec![one.mark(1, "v", 1), two.mark(1, "w", 2)],
        dropped: vec![("too_large".into(), 2)],
        ..batch("b2", NEXT_DAY, [two.prompt("c", 3), one.tool_call("t", Some("github"), ToolStatus::Completed, 5)])
    };
    let third = Batch {
        unmarks: vec![([1; 16], one.scope.clone())],
        session_aliases: vec![(two.session, one.session)],
        ..batch("b3", 2 * NEXT_DAY, [changed, merged(&one, "d", &["b"], 2), one.prompt("e", 9)])
    };
    let fourth = batch("b4", 3 * NEXT_DAY, [merged(&one, "f", &["d", "e"], 2), one.prompt("g", 10)])
        .with_session(one.attributes("agent", "bob"))
        .with_item(one.item(b"more"));
    vec![first, second.with_item(two.item(b"two")), third, fourth]
}

#[test]
fn f01_a_kill_between_any_two_steps_changes_nothing() {
    let calm = tempfile::tempdir().unwrap();
    let store = open(calm.path());
    let mut dumps = Vec::new();
    for batch in history() {
        store.append(batch).unwrap();
        dumps.push(store.dump().unwrap());
    }
    let mut stops = 0;
    for (index, batch) in history().into_iter().enumerate() {
        for nth in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path());
            for earlier in history().into_iter().take(index) {
                store.append(earlier).unwrap();
            }
            drop(store);
            let (faults, counted) = stopping_at(nth);
            let store = SqliteStore::open_with(dir.path(), &KEY, faults).unwrap();
            let stopped = store.append(batch.clone()).is_err();
            drop(store);
            let store = open(dir.path());
            assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "batch {index}, stopped after step {nth}");
            store.append(batch.clone()).unwrap();
            assert_same(&store.dump().unwrap(), &dumps[index], &format!("batch {index}, stopped after step {nth}"));
            if !stopped {
                assert_eq!(counted.load(Ordering::SeqCst), nth);
                break;
            }
            stops += 1;
        }
    }
    assert!(stops > 20, "{stops} stops");
}

/// Whoever goes on from the cursor after a kill counts nothing again and leaves nothing out.
#[test]
fn f01_a_kill_between_any_two_steps_parts_no_cursor_from_what_was_counted_up_to_it() {
    let talk = Talk::new("one");
    let told = |store: &SqliteStore| (store.stats().unwrap().captures, store.cursor().unwrap());
    // The second is of an earlier day, as after a clock that was set back, and changes what the later day's file has.
    let mut changed = talk.prompt("a", 1);
    changed.events[0].witnesses.push(witness(Channel::Hook, "h", 2));
    let first = Batch { captures: 3, cursor: Some("3".into()), ..batch("b1", NEXT_DAY, [talk.prompt("a", 1)]) };
    let second = Batch { captures: 4, cursor: Some("7".into()), ..batch("b2", 10, [changed, talk.prompt("b", 2)]) };
    for nth in 0.. {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).append(first.clone()).unwrap();
        let store = SqliteStore::open_with(dir.path(), &KEY, stopping_at(nth).0).unwrap();
        let stopped = store.append(second.clone()).is_err();
        drop(store);
        // meta.db follows from the rest.
        for is_lost in [false, true] {
            if is_lost {
                for ending in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(dir.path().join(format!("meta.db{ending}")));
                }
            }
            let store = open(dir.path());
            let found = told(&store);
            assert!([(3, Some("3".into())), (7, Some("7".into()))].contains(&found), "{found:?} after step {nth}");
            if found.0 == 7 {
                store.append(Batch { captures: 0, cursor: None, id: [9; 16], ..second.clone() }).unwrap();
                let told_anew = store.stats().unwrap().last_rev;
                assert_eq!(told_anew, 3, "all of the batch was there after step {nth}");
            }
        }
        if !stopped {
            assert!(nth > 4);
            break;
        }
    }
}

#[test]
fn following_changes_misses_none_of_an_append_that_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let talk = Talk::new("one");
    let calm = open(dir.path());
    calm.append(batch("b1", 10, [talk.prompt("both a", 1)])).unwrap();
    calm.append(batch("b2", NEXT_DAY, [talk.prompt("both b", 2)])).unwrap();
    drop(calm);
    let store: Arc<OnceLock<SqliteStore>> = Arc::new(OnceLock::new());
    let followed = Arc::new(Mutex::new(vec![1]));
    let follow = {
        let (store, followed) = (Arc::clone(&store), Arc::clone(&followed));
        move || {
            let mut followed = followed.lock().unwrap();
            let last = *followed.last().unwrap();
            let store = store.get().unwrap();
            let changes = store.changes(last, 100, None).unwrap();
            followed.extend(changes.events.iter().map(|event| event.rev));
            let found = store.search("both", &ursa_store::SessionFilter::default(), 10, None).unwrap();
            assert!(found.items.iter().all(|hit| hit.event.seq > 0), "what is found has its place");
        }
    };
    let meanwhile = follow.clone();
    let commits = AtomicUsize::new(0);
    let faults = Faults::new(move |step| {
        // The second day is committed, the third is not, and `meta.db` knows of neither.
        if step == Step::DayCommitted && commits.fetch_add(1, Ordering::SeqCst) == 1 {
            meanwhile();
        }
        false
    });
    let store = store.get_or_init(|| SqliteStore::open_with(dir.path(), &KEY, faults).unwrap());
    let mut facts = [talk.prompt("both a", 1), talk.prompt("both b", 2), talk.prompt("both c", 3)];
    for fact in &mut facts[..2] {
        fact.events[0].witnesses.push(witness(Channel::Hook, "h", 2));
    }
    store.append(batch("b3", 2 * NEXT_DAY, facts)).unwrap();
    follow();
    assert_eq!(*followed.lock().unwrap(), [1, 3, 4, 5]);
}

#[test]
fn the_same_process_goes_on_after_a_failed_append() {
    let calm = tempfile::tempdir().unwrap();
    let expected = open(calm.path());
    for batch in history() {
        expected.append(batch).unwrap();
    }
    for nth in 0..30 {
        let dir = tempfile::tempdir().unwrap();
        let (faults, _) = stopping_at(nth);
        let store = SqliteStore::open_with(dir.path(), &KEY, faults).unwrap();
        for batch in history() {
            if let Err(error) = store.append(batch.clone()) {
                assert!(matches!(error, StoreError::Backend(_)), "{error}");
                store.append(batch).unwrap();
            }
        }
        assert_same(&store.dump().unwrap(), &expected.dump().unwrap(), &format!("failed after step {nth}"));
    }
}

#[test]
fn a_kill_between_any_two_steps_of_a_purge_is_made_good() {
    let prepared = |faults| {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        for batch in history() {
            store.append(batch).unwrap();
        }
        drop(store);
        let store = SqliteStore::open_with(dir.path(), &KEY, faults).unwrap();
        (dir, store)
    };
    let purge = |store: &SqliteStore| store.purge(Some("2026-11-25"), Some("2026-11-24"));
    let (_calm, calm) = prepared(Faults::default());
    purge(&calm).unwrap();
    for nth in 0.. {
        let (faults, _) = stopping_at(nth);
        let (dir, store) = prepared(faults);
        let stopped = purge(&store).is_err();
        drop(store);
        let store = open(dir.path());
        purge(&store).unwrap();
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "stopped after step {nth}");
        // The number of the purge itself may differ: it was begun twice.
        let told = |store: &SqliteStore| {
            let dump = store.dump().unwrap();
            let lines = dump.lines().filter(|line| !line.contains("state|") && !line.starts_with("days|"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(&store), told(&calm), "stopped after step {nth}");
        if !stopped {
            assert!(nth > 3);
            break;
        }
    }
}

#[test]
fn meta_db_is_made_again_from_the_day_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for batch in history() {
        store.append(batch).unwrap();
    }
    store.purge(Some("2026-11-24"), None).unwrap();
    let before = store.dump().unwrap();
    drop(store);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("store/meta.db{ending}")));
    }
    let store = open(dir.path());
    assert_eq!(store.dump().unwrap(), before);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    let last_rev = store.stats().unwrap().last_rev;
    let receipt = store.append(batch("new", 5 * NEXT_DAY, [Talk::new("one").prompt("new", 90)])).unwrap();
    assert_eq!((receipt.inserted, receipt.last_rev), (1, last_rev + 1));
}

/// One sighting: of which conversation, which prompt, on which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sighting(u8, u8, u8);

/// What the pipeline does with sightings: it joins what is stored with what is new.
fn append_sightings(store: &SqliteStore, name: &str, sightings: &[Sighting]) {
    let mut facts: std::collections::BTreeMap<_, FactWrite> = std::collections::BTreeMap::new();
    for Sighting(talk, prompt, channel) in sightings {
        let talk = Talk::new(&format!("talk {talk}"));
        let text = format!("prompt {prompt}");
        let fresh = talk.prompt(&text, i64::from(*prompt));
        let id = fresh.fact.id;
        let write = facts.entry(id).or_insert_with(|| {
            let mut write = fresh.clone();
            write.fact.observations = store.facts(&[id]).unwrap().pop().map_or(Vec::new(), |fact| fact.observations);
            write
        });
        let mut observation = fresh.fact.observations[0].clone();
        observation.ordinal = u32::from(*channel);
        write.fact.observations.push(observation);
    }
    for write in facts.values_mut() {
        let set = &mut write.fact.observations;
        set.sort_by_key(|observation| observation.ordinal);
        set.dedup();
        let channels = [Channel::Edge, Channel::Hook, Channel::Otel, Channel::Transcript];
        write.events[0].witnesses =
            set.iter().map(|seen| witness(channels[seen.ordinal as usize], "w", i64::from(seen.ordinal))).collect();
    }
    let batch = Batch { captures: 0, observations: 0, ..batch(name, 10, facts.into_values()) };
    store.append(batch).unwrap();
}

/// What anybody can see, revisions aside: those tell the order of arrival.
fn seen(store: &SqliteStore) -> String {
    let mut text = String::new();
    for session in store.sessions(&ursa_store::SessionFilter::default(), 100, None, at(10)).unwrap().items {
        writeln!(text, "{session:?}").unwrap();
        for mut event in store.timeline(session.id, 100, None).unwrap().items {
            event.rev = 0;
            writeln!(text, "{event:?}").unwrap();
        }
        for mut fact in store.facts_of(&Talk::new(session.conversation_id.as_deref().unwrap_or("")).scope).unwrap() {
            fact.observations.sort_by_key(|seen| seen.ordinal);
            writeln!(text, "{fact:?}").unwrap();
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_duplication_gives_the_same_record(
        sightings in prop::collection::vec((0u8..3, 0u8..4, 0u8..4), 1..16),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        cut in 1usize..5,
    ) {
        let sightings: Vec<_> = sightings.into_iter().map(|(a, b, c)| Sighting(a, b, c)).collect();
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (straight, shuffled) = (open(one.path()), open(two.path()));
        append_sightings(&straight, "all", &sightings);
        let mut picked: Vec<_> = order.iter().map(|index| *index.get(&sightings)).collect();
        picked.extend(sightings.iter().rev());
        for (number, part) in picked.chunks(cut).enumerate() {
            append_sightings(&shuffled, &format!("part {number}"), part);
        }
        prop_assert_eq!(seen(&straight), seen(&shuffled));
        prop_assert_eq!(shuffled.verify().unwrap(), Vec::<String>::new());
    }
}
