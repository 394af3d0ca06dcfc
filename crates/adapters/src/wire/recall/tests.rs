#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;
use ursa_model::message::{ModelRequest, Problem};

use super::*;
use crate::wire::{anthropic_messages, openai_responses};

type Told = (Option<ModelRequest>, Vec<Problem>);

/// Reads a body as each protocol: with what was read before, and whole.
fn both(body: &[u8], recall: &Recall) -> [(Told, Told); 2] {
    [
        (anthropic_messages::read_next_request(body, recall), anthropic_messages::read_whole_request(body)),
        (openai_responses::read_next_request(body, recall), openai_responses::read_whole_request(body)),
    ]
}

fn assert_same(body: &[u8], recall: &Recall) {
    for (next, whole) in both(body, recall) {
        assert_eq!(next, whole, "{}", String::from_utf8_lossy(body));
        // Also the order of keys, which equality of maps does not tell.
        assert_eq!(format!("{next:?}"), format!("{whole:?}"));
    }
}

fn message() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#"{"role":"user","content":"hi"}"#.to_owned()),
        Just(r#"{ "role" : "user", "content" : "h\"i\\" }"#.to_owned()),
        Just(r#"{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#.to_owned()),
        Just(r#"{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"b":1,"a":[]}}]}"#.to_owned()),
        Just(r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]}"#.to_owned()),
        Just(r#"{"role":"alien","content":[{"type":"odd"}]}"#.to_owned()),
        Just(r#"{"type":"function_call","call_id":"call_1","name":"ls","arguments":"{\"a\":1}"}"#.to_owned()),
        Just(r#"{"type":"function_call","call_id":"call_1","name":"ls","arguments":"{\"a\":"}"#.to_owned()),
        Just(r#"{"role":"user","content":"half \ud83d"}"#.to_owned()),
        Just(r#"{"role":"user","role":"assistant","content":"twice"}"#.to_owned()),
        Just(r#"{"role":"user","content":1e400}"#.to_owned()),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just(r#""text""#.to_owned()),
        "[a-zé{}\\[\\],: \"\\\\]{0,8}".prop_map(|text| json!({"role": "user", "content": text}).to_string()),
    ]
}

fn member() -> impl Strategy<Value = String> {
    let list = || prop::collection::vec(message(), 0..6).prop_map(|messages| messages.join(" , "));
    prop_oneof![
        list().prop_map(|list| format!(r#""messages":[{list}]"#)),
        list().prop_map(|list| format!(r#""input": [{list}]"#)),
        Just(r#""messages":{}"#.to_owned()),
        Just(r#""input":"plain""#.to_owned()),
        Just(r#""system":"be brief""#.to_owned()),
        Just(r#""system":[{"type":"text","text":"x"}]"#.to_owned()),
        Just(r#""system":7"#.to_owned()),
        Just(r#""instructions":null"#.to_owned()),
        Just(r#""tools":[{"name":"Bash"}]"#.to_owned()),
        Just(r#""stream":true"#.to_owned()),
        Just(r#""model":"m""#.to_owned()),
        Just(r#""m\u006fdel":"m""#.to_owned()),
        Just(r#""max_tokens":1.0"#.to_owned()),
    ]
}

proptest! {
    /// Whatever came before, whatever comes, cut or not: what is read is what a reader of whole bodies reads.
    #[test]
    fn what_was_read_before_changes_nothing(
        bodies in prop::collection::vec((prop::collection::vec(member(), 0..6), prop::option::of(0..400_usize)), 1..8),
    ) {
        let recall = Recall::default();
        for (members, cut) in bodies {
            let body = format!(" {{{}}}\n", members.join(","));
            let body = &body.as_bytes()[..cut.unwrap_or(body.len()).min(body.len())];
            assert_same(body, &recall);
            assert_same(body, &recall);
        }
    }
}

fn body(messages: &[Value]) -> Vec<u8> {
    json!({"model": "m", "system": "s", "tools": [{"name": "Bash"}], "messages": messages}).to_string().into_bytes()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[test]
fn a_resent_message_is_the_very_same() {
    let recall = Recall::default();
    let read = |messages: &[Value]| anthropic_messages::read_next_request(&body(messages), &recall).0.unwrap();
    let first = read(&[user("a"), user("b")]);
    let second = read(&[user("a"), user("b"), user("c")]);
    for (one, two) in first.messages.iter().zip(&second.messages) {
        assert!(std::ptr::eq(&raw const **one, &raw const **two), "not parsed again");
    }
    assert!(std::ptr::eq(&raw const **first.system.as_ref().unwrap(), &raw const **second.system.as_ref().unwrap()));
    assert_eq!(second.messages[2], user_message("c"));
}

fn user_message(text: &str) -> Message {
    anthropic_messages::read_whole_request(&body(&[user(text)])).0.unwrap().messages.remove(0).into_inner()
}

#[test]
fn too_many_values_and_too_deep_ones_are_told_as_ever() {
    let recall = Recall::default();
    let many = json!({"role": "user", "content": vec![json!({}); 60_000]});
    for count in [1, 2, 3, 5, 4] {
        assert_same(&body(&vec![many.clone(); count]), &recall);
    }
    for depth in [90, 98, 99, 100, 101, 124, 125, 126, 127, 128, 129, 1000] {
        let deep =
            format!(r#"{{"messages":[{{"role":"user","content":{}1{}}}]}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_same(deep.as_bytes(), &recall);
    }
}

#[test]
fn memory_is_bounded() {
    let recall = Recall::default();
    let long = "x".repeat(200_000);
    for number in 0..200 {
        let read = anthropic_messages::read_next_request(&body(&[user(&format!("{number}{long}"))]), &recall);
        assert!(read.1.is_empty());
    }
    let known = recall.0.lock().unwrap();
    let kept = known.messages.young.values().chain(known.messages.old.values()).map(|entry| entry.bytes.len());
    let kept: usize = kept.sum();
    assert!(kept * BYTES_A_BYTE <= RECALL_BYTES_LIMIT / 2 && kept > 0, "{kept}");
}
