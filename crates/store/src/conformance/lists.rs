//! Sessions and timelines.

use ursa_model::capture::Channel;
use ursa_model::event::{EventBody, EventKind, ToolStatus};
use ursa_model::message::Usage;
use ursa_model::outline::OutlineItem;
use ursa_model::session::SessionStatus;

use super::sample::{ONE_DAY, SECOND, Talk, at, batch, witness};
use crate::record::Batch;
use crate::{Page, Seen, SeenKind, SessionFilter, Store, StoreError};

const NEXT_DAY: i64 = ONE_DAY / SECOND;

pub(super) fn summary(store: &dyn Store) {
    let talk = Talk::new("one");
    let mut hooked = talk.tool_call("t1", Some("github"), ToolStatus::Denied, 4);
    hooked.events[0].witnesses.push(witness(Channel::Hook, "h", 4));
    let facts = [
        talk.prompt("  fix \n the bug", 1),
        talk.model_call("m1", "model-a", 2),
        talk.completion("done", 3),
        hooked,
        talk.tool_call("t2", None, ToolStatus::Completed, 5),
    ];
    store.append(batch("b1", 10, facts).with_session(talk.attributes("agent", "ann"))).unwrap();
    store.append(batch("b2", NEXT_DAY, [talk.model_call("m2", "model-b", 60)])).unwrap();
    let session = store.session(talk.session, at(NEXT_DAY)).unwrap().unwrap();
    assert_eq!(session.title.as_deref(), Some("fix the bug"));
    assert_eq!((session.started_at, session.last_event_at), (at(1), at(60)));
    assert_eq!(session.models, ["model-a", "model-b"]);
    assert_eq!(session.mcp_servers, ["github"]);
    assert_eq!(session.channels, [Channel::Edge, Channel::Hook]);
    let counts = session.counts;
    assert_eq!((counts.prompts, counts.completions, counts.model_calls, counts.tool_calls), (1, 1, 2, 2));
    assert_eq!((counts.tool_errors, counts.mcp_calls, counts.cli_calls), (1, 1, 1));
    let usage = Usage {
        input_tokens: Some(200),
        output_tokens: Some(14),
        cache_read_input_tokens: Some(0),
        cache_creation_input_tokens: Some(0),
        reasoning_output_tokens: Some(0),
    };
    assert_eq!(session.usage, usage);
    assert_eq!((session.agent.slug.as_str(), session.completeness.complete), ("agent", true));
    let mut titled = talk.attributes("agent", "ann");
    titled.attributes.title = Some("The bug".into());
    store.append(batch("b3", NEXT_DAY, []).with_session(titled)).unwrap();
    let session = store.session(talk.session, at(NEXT_DAY)).unwrap().unwrap();
    assert_eq!(session.title.as_deref(), Some("The bug"));
}

pub(super) fn no_events(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, []).with_session(talk.attributes("agent", "ann"))).unwrap();
    assert_eq!(store.session(talk.session, at(10)).unwrap(), None);
    let none = Page { items: Vec::new(), next_cursor: None };
    assert_eq!(store.sessions(&SessionFilter::default(), 10, None, at(10)).unwrap(), none);
    assert_eq!(store.stats().unwrap().sessions, 0);
    store.append(batch("b2", NEXT_DAY, [talk.prompt("a", 1)])).unwrap();
    assert_eq!(store.session(talk.session, at(10)).unwrap().unwrap().agent.slug, "agent");
}

pub(super) fn session_aliases(store: &dyn Store) {
    let (old, now) = (Talk::new("old"), Talk::new("now"));
    let child = Talk::new("child");
    let mut forked = child.attributes("agent", "ann");
    forked.attributes.parent = Some(old.session);
    let first =
        batch("b1", 10, [old.prompt("a", 1), child.prompt("c", 9)]).with_session(old.attributes("agent", "ann"));
    store.append(first.with_session(forked)).unwrap();
    store.append(batch("b2", NEXT_DAY, [now.prompt("b", 2)])).unwrap();
    let alias = Batch { session_aliases: vec![(old.session, now.session)], ..batch("b3", NEXT_DAY, []) };
    store.append(alias.clone()).unwrap();
    store.append(Batch { id: [7; 16], received: at(2 * NEXT_DAY), ..alias }).unwrap();
    let session = store.session(old.session, at(10)).unwrap().unwrap();
    assert_eq!((session.id, session.counts.prompts), (now.session, 2));
    assert_eq!(session.agent.slug, "agent");
    assert_eq!(store.sessions(&SessionFilter::default(), 10, None, at(10)).unwrap().items.len(), 2);
    let timeline = store.timeline(old.session, 10, None).unwrap().items;
    assert_eq!(
        timeline.iter().map(|event| (event.seq, event.session_id)).collect::<Vec<_>>(),
        [(1, now.session), (2, now.session)]
    );
    assert_eq!(store.event(old.event_id("a")).unwrap().unwrap().session_id, now.session);
    let child = store.session(child.session, at(10)).unwrap().unwrap();
    assert_eq!(child.parent_session_id, Some(now.session));
}

/// Ten sessions, the tenth the newest; even ones by ann on model-a, odd ones by bob with an MCP tool.
fn ten(store: &dyn Store) -> Vec<Talk> {
    (0..10)
        .map(|number| {
            let talk = Talk::new(&number.to_string());
            let seconds = number * NEXT_DAY / 4;
            let (user, fact) = if number % 2 == 0 {
                ("ann", talk.model_call("m", "model-a", seconds))
            } else {
                ("bob", talk.tool_call("t", Some("github"), ToolStatus::Completed, seconds))
            };
            let text = if number % 3 == 0 { "a needle in here" } else { "only hay in here" };
            let facts = [fact, talk.prompt(text, seconds + 1)];
            store
                .append(
                    batch(user, seconds, facts)
                        .numbered(number)
                        .with_session(talk.attributes(&format!("agent-{}", number % 5), user)),
                )
                .unwrap();
            talk
        })
        .collect()
}

pub(super) fn filters(store: &dyn Store) {
    let talks = ten(store);
    let found = |filter: SessionFilter| {
        let mut numbers = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = store.sessions(&filter, 2, cursor.as_deref(), at(0)).unwrap();
            assert!(page.items.len() <= 2);
            numbers
                .extend(page.items.iter().map(|item| talks.iter().position(|talk| talk.session == item.id).unwrap()));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return numbers,
            }
        }
    };
    let all = SessionFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(found(SessionFilter { agent: text("agent-3"), ..all() }), [8, 3]);
    for user in ["ann", "ann@example.org"] {
        assert_eq!(found(SessionFilter { user: text(user), ..all() }), [8, 6, 4, 2, 0]);
    }
    for device in ["device of bob", "bob-host"] {
        assert_eq!(found(SessionFilter { device: text(device), ..all() }), [9, 7, 5, 3, 1]);
    }
    for model in ["model-a", "model-a-latest"] {
        assert_eq!(found(SessionFilter { model: text(model), ..all() }), [8, 6, 4, 2, 0]);
    }
    for tool in ["mcp__github__find", "find"] {
        assert_eq!(found(SessionFilter { tool: text(tool), ..all() }), [9, 7, 5, 3, 1]);
    }
    assert_eq!(found(SessionFilter { mcp_server: text("github"), ..all() }), [9, 7, 5, 3, 1]);
    assert_eq!(found(SessionFilter { channel: Some(Channel::Edge), ..all() }).len(), 10);
    assert_eq!(found(SessionFilter { channel: Some(Channel::Hook), ..all() }), [0usize; 0]);
    let (from, to) = (at(2 * NEXT_DAY / 4), at(5 * NEXT_DAY / 4));
    assert_eq!(found(SessionFilter { from: Some(from), to: Some(to), ..all() }), [4, 3, 2]);
    assert_eq!(found(SessionFilter { q: text("needle"), ..all() }), [9, 6, 3, 0]);
    assert_eq!(found(SessionFilter { q: text("needle"), user: text("bob"), ..all() }), [9, 3]);
    assert!(matches!(
        store.sessions(&SessionFilter { q: text("??"), ..all() }, 5, None, at(0)),
        Err(StoreError::BadQuery)
    ));
}

pub(super) fn status(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, [talk.prompt("a", 1)])).unwrap();
    let told = |seconds| {
        let session = store.session(talk.session, at(seconds)).unwrap().unwrap();
        let filter = SessionFilter { status: Some(session.status), ..SessionFilter::default() };
        assert_eq!(store.sessions(&filter, 1, None, at(seconds)).unwrap().items, std::slice::from_ref(&session));
        for other in [SessionStatus::Active, SessionStatus::Ended, SessionStatus::Idle] {
            let filter = SessionFilter { status: Some(other), ..SessionFilter::default() };
            let found = store.sessions(&filter, 1, None, at(seconds)).unwrap().items.len();
            assert_eq!(found, usize::from(other == session.status));
        }
        session.status
    };
    assert_eq!((told(2), told(300), told(301)), (SessionStatus::Active, SessionStatus::Active, SessionStatus::Idle));
    let end = talk.fact("end", 20, EventKind::SessionEnd, EventBody::SessionEnd { reason: None }, "");
    store.append(batch("b2", 30, [end])).unwrap();
    assert_eq!((told(21), told(9999)), (SessionStatus::Ended, SessionStatus::Ended));
    store.append(batch("b3", 50, [talk.prompt("resumed", 40)])).unwrap();
    assert_eq!((told(41), told(9999)), (SessionStatus::Active, SessionStatus::Idle));
}

pub(super) fn timeline(store: &dyn Store) {
    let talk = Talk::new("one");
    let mut sub = talk.prompt("sub", 6);
    sub.events[0].subagent_id = Some("s".into());
    let (mut tie, mut answer) = (talk.completion("tie", 5), talk.completion("answer", 9));
    tie.events[0].ordinal = 3;
    answer.events[0].parent = Some(talk.event_id("first"));
    // The last comes first, on another day.
    store.append(batch("b1", NEXT_DAY, [talk.prompt("second", 8), answer])).unwrap();
    store.append(batch("b2", 10, [tie, talk.prompt("first", 5), sub, talk.model_call("m", "x", 1)])).unwrap();
    let told = |limit| {
        let mut events = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = store.timeline(talk.session, limit, cursor.as_deref()).unwrap();
            events.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return events,
            }
        }
    };
    let events = told(100);
    let keys = ["m", "first", "tie", "sub", "second", "answer"].map(|key| talk.event_id(key));
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), keys);
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(events.iter().map(|event| event.turn).collect::<Vec<_>>(), [0, 1, 1, 1, 2, 2]);
    assert_eq!(events[5].parent_event_id, Some(keys[1]));
    for limit in 1..7 {
        assert_eq!(told(limit), events, "pages of {limit}");
    }
    for seq in 1..8 {
        let page = store.timeline_from(talk.session, seq, 2).unwrap();
        let start = usize::try_from(seq - 1).unwrap();
        assert_eq!(page.items, events[start.min(6)..(start + 2).min(6)], "from {seq}");
        if let Some(cursor) = page.next_cursor {
            assert_eq!(store.timeline(talk.session, 10, Some(&cursor)).unwrap().items, events[start + 2..]);
        }
    }
    let outline = store.outline(talk.session, 100).unwrap();
    assert_eq!(outline.items, events.iter().map(OutlineItem::of).collect::<Vec<_>>());
    assert_eq!((outline.rev, outline.cut), (store.stats().unwrap().last_rev, false));
    let cut = store.outline(talk.session, 4).unwrap();
    assert_eq!((&cut.items[..], cut.cut), (&outline.items[..4], true));
    let last = outline.items.last().map_or(0, |item| item.seq);
    assert_eq!((outline.last_seq, cut.last_seq), (last, last));
    for event in events {
        assert_eq!(store.event(event.id).unwrap(), Some(event));
    }
    assert!(store.timeline(Talk::new("none").session, 5, None).unwrap().items.is_empty());
    assert!(store.outline(Talk::new("none").session, 5).unwrap().items.is_empty());
}

pub(super) fn seen(store: &dyn Store) {
    for (index, (agent, user)) in [("a", "ann"), ("b", "bob"), ("a", "cyd")].into_iter().enumerate() {
        let talk = Talk::new(&index.to_string());
        let start = i64::try_from(index).unwrap() * 100;
        let facts = [
            talk.model_call("m", if index == 1 { "y" } else { "x" }, start),
            talk.tool_call("t", (index == 2).then_some("github"), ToolStatus::Completed, start + 10),
        ];
        store.append(batch(&index.to_string(), start, facts).with_session(talk.attributes(agent, user))).unwrap();
    }
    let told = |kind, limit| {
        let mut told = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = store.seen(kind, limit, cursor.as_deref()).unwrap();
            assert!(page.items.len() <= limit);
            told.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return told,
            }
        }
    };
    let figures = |seen: &[Seen]| {
        let figure = |seen: &Seen| (seen.key.clone(), seen.sessions, seen.first_seen_at, seen.last_seen_at);
        seen.iter().map(figure).collect::<Vec<_>>()
    };
    let figure = |key: &str, sessions, first, last| (key.to_owned(), sessions, at(first), at(last));
    for limit in 1..4 {
        let agents = told(SeenKind::Agent, limit);
        assert_eq!(figures(&agents), [figure("a", 2, 0, 210), figure("b", 1, 100, 110)]);
        let latest: Vec<_> = agents.into_iter().map(|seen| seen.latest.unwrap().user.unwrap().id).collect();
        assert_eq!(latest, ["cyd", "bob"], "the latest session of each");
        let models = figures(&told(SeenKind::Model, limit));
        let expected = [("x", 2, 0, 210), ("x-latest", 2, 0, 210), ("y", 1, 100, 110), ("y-latest", 1, 100, 110)];
        assert_eq!(models, expected.map(|(key, sessions, first, last)| figure(key, sessions, first, last)));
    }
    let keys = |kind| told(kind, 10).into_iter().map(|seen| seen.key).collect::<Vec<_>>();
    assert_eq!(keys(SeenKind::User), ["cyd", "bob", "ann"]);
    assert_eq!(keys(SeenKind::Device), ["device of cyd", "device of bob", "device of ann"]);
    assert_eq!(keys(SeenKind::Tool), ["find", "mcp__github__find", "Bash"], "an MCP tool by both its names");
    assert_eq!(keys(SeenKind::McpServer), ["github"]);
    assert!(matches!(store.seen(SeenKind::Tool, 5, Some("x")), Err(StoreError::BadCursor)));
    let cursor = store.seen(SeenKind::User, 1, None).unwrap().next_cursor.unwrap();
    assert!(matches!(store.seen(SeenKind::Device, 5, Some(&cursor)), Err(StoreError::BadCursor)));

    // What no event tells any more is gone; what nobody said is no value.
    let talk = Talk::new("2");
    store.append(batch("again", 300, [talk.tool_call("t", None, ToolStatus::Completed, 210)])).unwrap();
    assert_eq!((keys(SeenKind::McpServer), keys(SeenKind::Tool)), (vec![], vec!["Bash".to_owned()]));
    store.append(batch("nobody", 400, [Talk::new("nobody").prompt("a", 400)])).unwrap();
    assert_eq!((keys(SeenKind::Agent).len(), keys(SeenKind::User).len()), (2, 3));
}

pub(super) fn stable_paging(store: &dyn Store) {
    let talk = Talk::new("one");
    store.append(batch("b1", 10, (0..6).map(|n| talk.prompt(&format!("p{n}"), n * 10)))).unwrap();
    let first = store.timeline(talk.session, 2, None).unwrap();
    let cursor = first.next_cursor.unwrap();
    // One new before the cursor, one behind it, and a change of one that is still to come.
    let mut changed = talk.prompt("p3", 30);
    changed.events[0].witnesses.push(witness(Channel::Hook, "h", 31));
    store.append(batch("b2", 20, [talk.prompt("early", 5), talk.prompt("late", 35), changed])).unwrap();
    let rest = store.timeline(talk.session, 10, Some(&cursor)).unwrap().items;
    let told = rest.iter().map(|event| (event.id, event.seq)).collect::<Vec<_>>();
    let expected = [2u64, 3, 4, 5].map(|n| (talk.event_id(&format!("p{n}")), n + 1));
    assert_eq!(told, expected);
    assert_eq!(store.timeline(talk.session, 10, None).unwrap().items.len(), 8);
}

pub(super) fn bad_cursors(store: &dyn Store) {
    ten(store);
    let filter = SessionFilter::default();
    let sessions = store.sessions(&filter, 2, None, at(0)).unwrap().next_cursor.unwrap();
    let talk = Talk::new("0");
    for bad in ["", "x", "00", sessions.as_str()] {
        assert!(matches!(store.timeline(talk.session, 5, Some(bad)), Err(StoreError::BadCursor)));
        assert!(matches!(store.search("hay", &filter, 5, Some(bad)), Err(StoreError::BadCursor)));
        assert!(matches!(store.audit_log(5, Some(bad)), Err(StoreError::BadCursor)));
    }
    assert!(matches!(store.sessions(&filter, 5, Some("7b"), at(0)), Err(StoreError::BadCursor)));
}
