//! The expectations themselves: a record made from the upstream's own log passes, and each kind of damage fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use ursa_testkit::api::StoredSession;
use ursa_testkit::load::{Load, LoadOptions};
use ursa_testkit::upstream::{Exchange, Upstream, UpstreamOptions};

use super::{answers, missing_answers, record_is_whole, results};

/// What Ursa would tell of these exchanges if it did everything right.
fn perfect_record(exchanges: &[Exchange]) -> Vec<StoredSession> {
    let results = results(exchanges);
    let mut sessions: Vec<StoredSession> = Vec::new();
    for (exchange, answer) in answers(exchanges) {
        let id = exchange.conversation_id().unwrap();
        let at = sessions.iter().position(|session| session.conversation_id() == id).unwrap_or_else(|| {
            let session = json!({"conversation_id": id, "completeness": {"complete": true, "gaps": []}, "usage": {}});
            sessions.push(StoredSession { session, events: Vec::new() });
            sessions.len() - 1
        });
        let usage = serde_json::to_value(answer.usage).unwrap();
        for (name, tokens) in usage.as_object().unwrap() {
            let total = sessions[at].session["usage"][name].as_u64().unwrap_or_default();
            sessions[at].session["usage"][name] = json!(total + tokens.as_u64().unwrap());
        }
        let response_id = &answer.response_id;
        let mut events = vec![json!({
            "kind": "model_call", "response_id": response_id, "status_code": 200, "purpose": "turn", "usage": usage,
        })];
        if !answer.texts.is_empty() {
            events.push(json!({"kind": "completion", "response_id": response_id, "text": answer.texts.concat()}));
        }
        for call in &answer.tool_calls {
            let tool = match call.name.strip_prefix("mcp__testkit__") {
                Some(name) => json!({"name": call.name, "type": "mcp", "mcp_server": "testkit", "mcp_tool": name}),
                None => json!({"name": call.name, "type": "builtin"}),
            };
            events.push(json!({
                "kind": "tool_call", "call_id": call.call_id, "arguments": call.arguments, "tool": tool,
                "result": results.get(&call.call_id), "status": "completed",
            }));
        }
        sessions[at].events.extend(events);
    }
    sessions
}

fn passes(exchanges: &[Exchange], sessions: &[StoredSession]) -> bool {
    catch_unwind(AssertUnwindSafe(|| record_is_whole(exchanges, sessions))).is_ok()
}

fn event_of<'a>(sessions: &'a mut [StoredSession], kind: &str) -> &'a mut Value {
    let events = &mut sessions.last_mut().unwrap().events;
    events.iter_mut().find(|event| event["kind"] == kind).unwrap()
}

#[tokio::test]
async fn a_perfect_record_passes_and_each_damage_fails() {
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    Load::start(&LoadOptions::new(upstream.base_url(), 2, 2)).join().await.unwrap();
    let exchanges = upstream.exchanges();
    let perfect = perfect_record(&exchanges);
    assert_eq!(perfect.len(), 4);
    record_is_whole(&exchanges, &perfect);
    assert_eq!(missing_answers(&exchanges, &perfect), None);
    type Damage = fn(&mut Vec<StoredSession>);
    let damages: [(&str, Damage); 8] = [
        ("a session is lost", |record| drop(record.pop())),
        ("a session is doubled", |record| record.push(record[0].clone())),
        ("a gap", |record| record[0].session["completeness"]["complete"] = json!(false)),
        ("an event is doubled", |record| {
            let event = event_of(record, "tool_call").clone();
            record[0].events.push(event);
        }),
        ("an argument differs", |record| event_of(record, "tool_call")["arguments"] = json!({})),
        ("a result differs", |record| event_of(record, "tool_call")["result"] = json!("other")),
        ("a text differs", |record| event_of(record, "completion")["text"] = json!("other")),
        ("a token too many", |record| {
            let tokens = record[0].session["usage"]["output_tokens"].as_u64().unwrap();
            record[0].session["usage"]["output_tokens"] = json!(tokens + 1);
        }),
    ];
    for (name, damage) in damages {
        let mut record = perfect.clone();
        damage(&mut record);
        assert!(!passes(&exchanges, &record), "{name}, and nothing noticed");
    }
}
