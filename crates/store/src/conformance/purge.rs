//! Retention.

use ursa_model::event::{EventBody, ToolStatus};

use super::sample::{ONE_DAY, SECOND, Talk, at, batch, content_id, context};
use crate::traits::PurgeReport;
use crate::{SessionFilter, Store};

const NEXT_DAY: i64 = ONE_DAY / SECOND;

fn fill(store: &dyn Store, talk: &Talk) {
    let mut call = talk.model_call("m", "model-a", 3);
    call.events[0].context = Some(context(b"head", b"manifest"));
    let facts = [talk.prompt("secret plan", 1), talk.tool_call("tool", None, ToolStatus::Completed, 2), call];
    let mut session = talk.attributes("agent", "ann");
    session.attributes.title = Some("secret title".into());
    let first = batch("b1", 10, facts).with_session(session);
    store.append(first.with_item(talk.item(b"head")).with_item(talk.item(b"manifest"))).unwrap();
}

pub(super) fn content(store: &dyn Store) {
    let talk = Talk::new("one");
    fill(store, &talk);
    store.append(batch("b2", NEXT_DAY, [talk.prompt("fresh words", NEXT_DAY)])).unwrap();
    let report = store.purge(Some("2026-11-24"), None).unwrap();
    assert_eq!(report, PurgeReport { content_days: vec!["2026-11-23".into()], ..PurgeReport::default() });
    assert_eq!(store.purge(Some("2026-11-24"), None).unwrap(), PurgeReport::default());
    let events = store.timeline(talk.session, 10, None).unwrap().items;
    assert_eq!(events.len(), 4);
    assert_eq!(events[0].body, EventBody::Prompt { text: String::new(), attachments: Vec::new() });
    let EventBody::ToolCall(call) = &events[1].body else { panic!("a tool call") };
    assert_eq!((call.tool.name.as_str(), &call.arguments, &call.result), ("Bash", &None, &None));
    assert_eq!(call.status, ToolStatus::Completed);
    assert_eq!(store.context_ref(talk.event_id("m")).unwrap(), None);
    assert_eq!(store.get(content_id(b"head")).unwrap(), None);
    let session = store.session(talk.session, at(0)).unwrap().unwrap();
    assert_eq!(session.title.as_deref(), Some("fresh words"));
    assert_eq!(
        (session.counts.prompts, session.usage.input_tokens, session.agent.slug.as_str()),
        (2, Some(100), "agent")
    );
    let all = SessionFilter::default();
    assert!(store.search("secret", &all, 10, None).unwrap().items.is_empty());
    assert_eq!(store.search("fresh", &all, 10, None).unwrap().items.len(), 1);
    late_witness(store, &talk);
    assert_eq!(store.stats().unwrap().events, 4);
}

/// What was purged is told again: dropped and counted, while what is new is kept.
fn late_witness(store: &dyn Store, talk: &Talk) {
    let before = store.changes(0, 100, None).unwrap().events;
    assert!(store.facts(&[talk.fact_id("secret plan")]).unwrap().is_empty());
    let receipt = store.append(batch("late", 2 * NEXT_DAY, [talk.prompt("secret plan", 1)])).unwrap();
    assert_eq!((receipt.past_retention, receipt.inserted), (1, 0));
    // Even when the clock says a day that was purged.
    let receipt = store.append(batch("clock", 20, [talk.prompt("other", 1)])).unwrap();
    assert_eq!((receipt.past_retention, receipt.inserted), (1, 0));
    assert_eq!(store.stats().unwrap().dropped["past_retention"], 2);
    assert_eq!(store.changes(0, 100, None).unwrap().events, before);
}

pub(super) fn metadata(store: &dyn Store) {
    let talk = Talk::new("one");
    fill(store, &talk);
    let captures = store.stats().unwrap().captures;
    let report = store.purge(None, Some("2026-11-24")).unwrap();
    let expected =
        PurgeReport { metadata_days: vec!["2026-11-23".into()], events_removed: 3, ..PurgeReport::default() };
    assert_eq!(report, expected);
    assert!(store.timeline(talk.session, 10, None).unwrap().items.is_empty());
    assert_eq!(store.session(talk.session, at(0)).unwrap(), None);
    assert_eq!(store.event(talk.event_id("m")).unwrap(), None);
    let stats = store.stats().unwrap();
    assert_eq!((stats.events, stats.sessions, stats.captures, stats.last_rev), (0, 0, captures, 3));
    late_witness(store, &talk);
    let receipt = store.append(batch("new", 2 * NEXT_DAY, [talk.prompt("new", 2 * NEXT_DAY)])).unwrap();
    assert_eq!((receipt.inserted, receipt.last_rev), (1, 4), "revisions go on");
}

pub(super) fn lives_on(store: &dyn Store) {
    let talk = Talk::new("one");
    fill(store, &talk);
    store.append(batch("b2", NEXT_DAY, [talk.prompt("fresh words", NEXT_DAY)])).unwrap();
    store.purge(Some("2026-11-24"), None).unwrap();
    store.purge(Some("2026-11-24"), Some("2026-11-24")).unwrap();
    let session = store.session(talk.session, at(0)).unwrap().unwrap();
    assert_eq!((session.agent.slug.as_str(), session.counts.prompts), ("agent", 1));
    assert_eq!(session.title.as_deref(), Some("fresh words"));
    assert_eq!(store.timeline(talk.session, 10, None).unwrap().items[0].seq, 1);
}
