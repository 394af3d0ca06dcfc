//! Full text.

use ursa_model::event::{EventKind, ToolStatus};

use super::sample::{ONE_DAY, SECOND, Talk, at, batch};
use crate::{SessionFilter, Store, StoreError};

const NEXT_DAY: i64 = ONE_DAY / SECOND;

/// The seconds of what is found, in order, with pages of `limit`.
fn found(store: &dyn Store, query: &str, filter: &SessionFilter, limit: usize) -> Vec<i64> {
    let mut seconds = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.search(query, filter, limit, cursor.as_deref()).unwrap();
        seconds.extend(page.items.iter().map(|hit| hit.event.at.millis_since(at(0)) / 1000));
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return seconds,
        }
    }
}

pub(super) fn words(store: &dyn Store) {
    let talk = Talk::new("one");
    let facts = [
        talk.prompt("the quick brown fox", 1),
        talk.prompt("the brown quick FOX snake_case_word", 2),
        talk.completion("Grüße an den Fuchs: foo-bar", 3),
    ];
    store.append(batch("b1", 10, facts)).unwrap();
    let all = SessionFilter::default();
    for (query, expected) in [
        ("fox", &[2, 1][..]),
        ("Quick the", &[2, 1]),
        ("\"quick brown\"", &[1]),
        ("\"quick brown\" snake_case_word", &[]),
        ("snake", &[]),
        ("snake_case_word", &[2]),
        ("snake_ca*", &[2]),
        ("the QUI*", &[2, 1]),
        ("\"snake_ca*\"", &[]),
        ("foo-ba*", &[3]),
        ("grüße", &[3]),
        ("foo-bar", &[3]),
        ("bar-foo", &[]),
        ("absent", &[]),
    ] {
        assert_eq!(found(store, query, &all, 10), expected, "{query}");
    }
    let hit = store.search("quick fox", &all, 1, None).unwrap().items.remove(0);
    assert_eq!(hit.highlights, ["the brown \u{E000}quick\u{E001} \u{E000}FOX\u{E001} snake_case_word"]);
    assert_eq!((hit.event.seq, hit.event.turn), (2, 2));
    for bad in ["", "  ", "?!", "\"\""] {
        assert!(matches!(store.search(bad, &all, 1, None), Err(StoreError::BadQuery)));
    }
}

pub(super) fn within(store: &dyn Store) {
    let (one, two) = (Talk::new("one"), Talk::new("two"));
    let mut old = Talk::new("old");
    for (index, talk) in [&one, &two, &one, &old].into_iter().enumerate() {
        let seconds = index as i64 * NEXT_DAY;
        let facts = [
            talk.prompt(&format!("needle {index}"), seconds),
            talk.completion(&format!("a needle {index}"), seconds + 1),
        ];
        store.append(batch(&index.to_string(), seconds, facts).numbered(seconds)).unwrap();
    }
    let mut merge = batch("merge", 4 * NEXT_DAY, []).numbered(4 * NEXT_DAY);
    merge.session_aliases.push((old.session, two.session));
    store.append(merge).unwrap();
    let of = |session| SessionFilter { session: Some(session), ..SessionFilter::default() };
    let days = |days: &[i64]| days.iter().flat_map(|day| [day * NEXT_DAY + 1, day * NEXT_DAY]).collect::<Vec<_>>();
    assert_eq!(found(store, "needle", &of(one.session), 1), days(&[2, 0]));
    assert_eq!(found(store, "needle", &of(two.session), 10), days(&[3, 1]), "what it took in, too");
    assert_eq!(found(store, "needle", &of(old.session), 10), days(&[3, 1]), "an older id leads to it");
    let prompts = SessionFilter { kind: Some(EventKind::Prompt), ..of(one.session) };
    assert_eq!(found(store, "needle", &prompts, 10), [2 * NEXT_DAY, 0]);
    old.session = two.session;
    let hits = store.search_each("needle", &[one.session, old.session], 3).unwrap();
    let told = |talk: &Talk| hits.iter().filter(|hit| hit.event.session_id == talk.session).count();
    assert_eq!((hits.len(), told(&one), told(&old)), (6, 3, 3));
    assert!(hits.iter().all(|hit| hit.highlights[0].contains("\u{E000}needle\u{E001}")));
    assert_eq!(hits.iter().filter(|hit| hit.event.at < at(NEXT_DAY)).count(), 1, "the newest of each");
}

pub(super) fn pages(store: &dyn Store) {
    // Received in another order than it happened, over several days.
    for (index, seconds) in [50, 10, 40, 20, 30, 60].into_iter().enumerate() {
        let talk = Talk::new(if index % 2 == 0 { "even" } else { "odd" });
        let facts = [
            talk.prompt(&format!("needle {index}"), seconds),
            talk.tool_call(&format!("t{index}"), (index == 3).then_some("github"), ToolStatus::Completed, seconds),
        ];
        let user = if index % 2 == 0 { "ann" } else { "bob" };
        let received = index as i64 * NEXT_DAY;
        store
            .append(batch("b", received, facts).numbered(received).with_session(talk.attributes("agent", user)))
            .unwrap();
    }
    let all = SessionFilter::default();
    for limit in 1..8 {
        assert_eq!(found(store, "needle", &all, limit), [60, 50, 40, 30, 20, 10], "pages of {limit}");
    }
    let bob = SessionFilter { user: Some("bob".into()), ..all.clone() };
    assert_eq!(found(store, "needle", &bob, 1), [60, 20, 10]);
    let github = SessionFilter { mcp_server: Some("github".into()), ..all.clone() };
    assert_eq!(found(store, "needle", &github, 10), [60, 20, 10]);
    let between = SessionFilter { from: Some(at(20)), to: Some(at(50)), ..all.clone() };
    assert_eq!(found(store, "needle", &between, 2), [40, 30, 20]);
    let more = SessionFilter { q: Some("3".into()), ..all };
    assert_eq!(found(store, "needle", &more, 10), [20]);
}

pub(super) fn no_syntax(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("plain words NOT near or text here", 1)])).unwrap();
    let all = SessionFilter::default();
    for query in [
        "wor*",
        "plain NOT words",
        "plain OR absent",
        "text:plain",
        "^plain",
        "NEAR(plain words)",
        "-plain",
        "{text} : plain",
        "plain + words",
        "'plain",
        "a\"b\"c\"",
        "plain\0words",
        "(",
        "plain)",
    ] {
        match store.search(query, &all, 10, None) {
            Ok(_) | Err(StoreError::BadQuery) => {}
            Err(other) => panic!("{query}: {other}"),
        }
    }
    assert_eq!(found(store, "plain NOT words", &all, 10), [1], "NOT is a word");
    assert_eq!(found(store, "plain OR absent", &all, 10), [0i64; 0], "OR is a word");
    assert_eq!(found(store, "pla*", &all, 10), [1], "* after a beginning is all there is");
    for none in ["p*", "*ain", "pl*n", "\"pla*\""] {
        assert_eq!(found(store, none, &all, 10), [0i64; 0], "{none}");
    }
}

pub(super) fn follows_changes(store: &dyn Store) {
    let talk = Talk::new("one");
    let mut fact = talk.prompt("before", 1);
    store.append(batch("b1", 10, [fact.clone()])).unwrap();
    fact.events[0].search.0 = "after".into();
    store.append(batch("b2", 11, [fact.clone()])).unwrap();
    let all = SessionFilter::default();
    assert_eq!((found(store, "before", &all, 5), found(store, "after", &all, 5)), (vec![], vec![1]));
    fact.events.clear();
    fact.aliases.clear();
    store.append(batch("b3", 12, [fact])).unwrap();
    assert_eq!(found(store, "after", &all, 5), [0i64; 0]);
}
