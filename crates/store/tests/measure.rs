//! Figures, for a person to read.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::time::Instant;

use ursa_model::event::ToolStatus;
use ursa_store::conformance::sample::{Talk, at, batch};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{Batch, FactWrite, RecordStore, Redacted, SeenKind, SessionFilter};

/// Prints figures; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), &[7; 32]).unwrap();
    let talk = Talk::new("large");
    let started = Instant::now();
    for number in 0..250 {
        let facts = (0..20).map(|n| talk.completion(&format!("text {number} {n} {}", "word ".repeat(150)), number));
        store.append(Batch { cursor: None, ..batch("large", 10, facts).numbered(number) }).unwrap();
    }
    eprintln!("5,000 events of one session, 20 a batch: {:?}", started.elapsed());
    let started = Instant::now();
    let page = store.timeline(talk.session, 500, None).unwrap();
    eprintln!("first 500 of 5,000: {:?}", started.elapsed());
    let started = Instant::now();
    let second = store.timeline(talk.session, 50, page.next_cursor.as_deref()).unwrap();
    eprintln!("next 50: {:?}", started.elapsed());
    let started = Instant::now();
    store.event(second.items[0].id).unwrap();
    eprintln!("one event: {:?}", started.elapsed());
    let started = Instant::now();
    let facts =
        (0..10_000).map(|n| Talk::new(&format!("s{}", n / 40)).prompt(&format!("hay {n} {}", "word ".repeat(150)), n));
    let facts: Vec<_> = facts.collect();
    for (number, part) in facts.chunks(1000).enumerate() {
        store.append(batch("many", 10, part.to_vec()).numbered(number as i64)).unwrap();
    }
    eprintln!("10,000 events of 250 sessions, 1,000 a batch: {:?}", started.elapsed());
    for query in ["word", "hay 777", "\"word word\""] {
        let started = Instant::now();
        let found = store.search(query, &SessionFilter::default(), 50, None).unwrap().items.len();
        eprintln!("search {query}: {found} in {:?}", started.elapsed());
    }
    let started = Instant::now();
    store.sessions(&SessionFilter::default(), 50, None, at(0)).unwrap();
    eprintln!("50 sessions: {:?}", started.elapsed());
}

/// Prints how long what a page asks for takes: a session of 5,000 events, then 100,000 events in 10,000 sessions.
#[test]
#[ignore = "a measurement"]
fn measure_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), &[7; 32]).unwrap();
    let talk = Talk::new("long");
    for number in 0..50 {
        let facts = (0..100).map(|n| kinds(&talk, number * 100 + n));
        store.append(Batch { cursor: None, ..batch("long", number * 6_000, facts).numbered(number) }).unwrap();
    }
    pages_of(&store, &talk, "alone");
    let mut number = 0;
    for part in 0..100 {
        let mut many = batch("many", part * 6_000, []);
        for _ in 0..100 {
            let talk = Talk::new(&format!("s{number}"));
            let facts = (0..10).map(|n| Redacted::stored(kinds(&talk, number * 10 + n)));
            many.facts.extend(facts);
            many = many.with_session(talk.attributes(&format!("agent-{}", number % 7), &format!("u{}", number % 300)));
            number += 1;
        }
        store.append(many.numbered(1_000 + part)).unwrap();
    }
    pages_of(&store, &talk, "among 10,000 sessions");
    lists_of(&store);
}

fn timed<T>(what: &str, mut call: impl FnMut() -> T) -> T {
    let mut best = std::time::Duration::MAX;
    let mut last = None;
    for _ in 0..5 {
        let started = Instant::now();
        last = Some(call());
        best = best.min(started.elapsed());
    }
    eprintln!("{what}: {best:?}");
    last.unwrap()
}

/// The event of that number: a turn is a prompt, calls of a model, an answer, and tool calls.
fn kinds(talk: &Talk, number: i64) -> FactWrite {
    let filler = "word ".repeat(usize::try_from(number % 40).unwrap() * 20);
    match number % 10 {
        0 => talk.prompt(&format!("prompt {number} {filler}"), number),
        1 | 4 => talk.model_call(&format!("m{number}"), &format!("model-{}", number % 3), number),
        2 | 5 => talk.completion(&format!("answer {number} {filler}"), number),
        3 => talk.tool_call(&format!("mcp {number} {filler}"), Some("github"), ToolStatus::Completed, number),
        _ => talk.tool_call(&format!("cli {number} {filler}"), None, ToolStatus::Completed, number),
    }
}

fn pages_of(store: &SqliteStore, talk: &Talk, among: &str) {
    let outline = timed(&format!("outline, {among}"), || store.outline(talk.session, 50_000).unwrap());
    assert_eq!(outline.items.len(), 5_000);
    timed(&format!("outline as JSON, {among}"), || serde_json::to_vec(&outline.items).unwrap().len());
    let page = timed(&format!("50 from 2,500 on, {among}"), || store.timeline_from(talk.session, 2_500, 50).unwrap());
    timed(&format!("one event, {among}"), || store.event(page.items[0].id).unwrap());
    timed(&format!("the last change, {among}"), || store.changes(outline.rev - 1, 64, Some(talk.session)).unwrap());
    for query in ["word", "prompt 4990"] {
        let filter = SessionFilter { session: Some(talk.session), ..SessionFilter::default() };
        timed(&format!("find {query}, {among}"), || store.search(query, &filter, 200, None).unwrap());
    }
}

fn lists_of(store: &SqliteStore) {
    let all = SessionFilter::default();
    timed("50 sessions", || store.sessions(&all, 50, None, at(0)).unwrap());
    let github = SessionFilter { mcp_server: Some("github".into()), ..all.clone() };
    timed("50 sessions of a server", || store.sessions(&github, 50, None, at(0)).unwrap());
    let none = SessionFilter { tool: Some("none".into()), ..all.clone() };
    timed("sessions of an unknown tool", || store.sessions(&none, 50, None, at(0)).unwrap());
    let user = SessionFilter { user: Some("u7".into()), ..all.clone() };
    timed("50 sessions of a user", || store.sessions(&user, 50, None, at(0)).unwrap());
    for query in ["word", "answer 77772"] {
        let filter = SessionFilter { q: Some(query.into()), ..all.clone() };
        let page = timed(&format!("50 sessions with {query}"), || store.sessions(&filter, 50, None, at(0)).unwrap());
        let ids: Vec<_> = page.items.iter().map(|session| session.id).collect();
        timed(&format!("highlights of {query}"), || store.search_each(query, &ids, 3).unwrap());
        timed(&format!("search {query}"), || store.search(query, &all, 50, None).unwrap());
    }
    for kind in
        [SeenKind::Agent, SeenKind::User, SeenKind::Device, SeenKind::Model, SeenKind::Tool, SeenKind::McpServer]
    {
        timed(&format!("list of {kind:?}"), || store.seen(kind, 50, None).unwrap());
    }
}
