//! Resent history is recognised: the canonical form of an old message does not change, and exact forms with what was
//! stripped give the request back.

use std::collections::BTreeMap;

use serde_json::Value;
use ursa_model::chain::{fingerprint, restore};
use ursa_model::message::{ModelRequest, Purpose, Role};

use crate::exchange::{Exchange, SCENARIOS, exchanges};

/// Turns of one conversation and subagent, in order. Gemini CLI tells no conversation; its recording is of one.
fn conversations(exchanges: Vec<Exchange>) -> Vec<Vec<(u64, ModelRequest, Exchange)>> {
    let mut by_thread: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mut exchange in exchanges {
        if exchange.identity.purpose == Purpose::Turn
            && (exchange.identity.conversation.is_some() || exchange.identity.agent_slug == "gemini-cli")
            && let Some(request) = exchange.request.take()
        {
            let thread = (exchange.identity.conversation.clone(), exchange.identity.subagent_id.clone());
            by_thread.entry(thread).or_default().push((exchange.seq, request, exchange));
        }
    }
    by_thread.into_values().collect()
}

#[test]
fn old_messages_stay_equal_from_request_to_request() {
    let mut compared = 0;
    for scenario in SCENARIOS {
        for turns in conversations(exchanges(scenario)) {
            for pair in turns.windows(2) {
                let ((before_seq, before, _), (after_seq, after, _)) = (&pair[0], &pair[1]);
                if after.messages.len() < before.messages.len() {
                    continue;
                }
                for (index, (old, new)) in before.messages.iter().zip(&after.messages).enumerate() {
                    let place = format!("{scenario}: message {index} of {before_seq} and {after_seq}");
                    assert_eq!(old.canonical, new.canonical, "{place}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 600, "only {compared} messages compared");
}

#[test]
fn different_messages_have_different_canonical_forms() {
    for scenario in SCENARIOS {
        for turns in conversations(exchanges(scenario)) {
            let (_, request, _) = turns.last().unwrap();
            let said = request.messages.iter().filter(|message| message.role != Role::System);
            let mut seen: Vec<&str> = said.map(|message| message.canonical.as_str()).collect();
            let all = seen.len();
            seen.sort_unstable();
            seen.dedup();
            // Claude Code repeats one question to a subagent that does not hand in its report.
            let repeated = if *scenario == "claude-code-interactive" { 4 } else { 0 };
            assert!(seen.len() + repeated >= all, "{scenario}: {} of {all}", seen.len());
        }
    }
}

#[test]
fn answers_are_found_again_in_the_next_request() {
    let mut found = 0;
    for scenario in SCENARIOS {
        for turns in conversations(exchanges(scenario)) {
            for pair in turns.windows(2) {
                let ((_, before, exchange), (seq, after, _)) = (&pair[0], &pair[1]);
                let Some(resent) = after.messages.get(before.messages.len()..) else { continue };
                let Some(response) = &exchange.response else { continue };
                let answer = resent.iter().take_while(|message| message.role == Role::Assistant);
                let resent = fingerprint(answer.flat_map(|message| &message.parts));
                assert_eq!(resent, fingerprint(&response.parts), "{scenario}: {seq}");
                found += 1;
            }
        }
    }
    assert!(found > 50, "only {found} answers found");
}

#[test]
fn every_request_can_be_given_back() {
    for scenario in SCENARIOS {
        for exchange in exchanges(scenario) {
            let Some(request) = exchange.request else { continue };
            assert_eq!(rebuilt(request), exchange.request_body, "{scenario}: {}", exchange.seq);
        }
    }
}

fn rebuilt(request: ModelRequest) -> Value {
    let mut body = request.params;
    let mut messages: Vec<Value> = request.messages.into_iter().map(|message| message.into_inner().exact).collect();
    let mut messages =
        if request.messages_as_text { messages.remove(0) } else { Value::Array(std::mem::take(&mut messages)) };
    assert!(restore(&mut messages, request.messages_key, &request.stripped));
    body.insert(request.messages_key.to_owned(), messages);
    let system = match request.messages_key {
        "input" => "instructions",
        "contents" => "systemInstruction",
        _ => "system",
    };
    body.extend(request.system.map(|told| (system.to_owned(), told.into_inner())));
    body.extend(request.tools.map(|told| ("tools".to_owned(), told.into_inner())));
    Value::Object(body)
}
