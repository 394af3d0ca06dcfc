//! F1, F16, F17, F18 as far as they are about what devices deliver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ursa_testkit::ingest::{IngestClient, Spool};

use crate::support::{LIMIT, Under, conversation, scaled};

const UPSTREAM: &str = "http://127.0.0.1:9";

/// A session of Claude Code, as its hooks tell it.
fn session(spool: &mut Spool, number: usize, at: &str) -> Vec<Value> {
    let id = conversation(number);
    let mut hook = |event: &str, more: Value| {
        let mut body =
            json!({"session_id": id, "cwd": "/work", "hook_event_name": event, "permission_mode": "default"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spool.hook("claude-code", event, at, &body)
    };
    let tool =
        json!({"tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": format!("toolu_{number}")});
    let mut after = tool.clone();
    after["tool_response"] = json!({"stdout": "", "stderr": "", "interrupted": false});
    vec![
        hook("SessionStart", json!({"source": "startup"})),
        hook("UserPromptSubmit", json!({"prompt": format!("prompt {number}"), "prompt_id": format!("p{number}")})),
        hook("PreToolUse", tool),
        hook("PostToolUse", after),
        hook("SessionEnd", json!({"reason": "other"})),
    ]
}

/// The server's own time, as a device with the right clock would tell it.
async fn now(under: &Under) -> String {
    let token = under.server.token("admin").await.unwrap();
    drop(token);
    let audit = under.api.get("/api/v1/audit?limit=1").await.unwrap();
    audit["items"][0]["at"].as_str().unwrap().to_owned()
}

/// What must not change when the same comes again.
async fn record(under: &Under) -> (Value, Vec<Value>) {
    under.settled().await;
    let stats = under.api.get("/api/v1/stats").await.unwrap();
    let mut events = Vec::new();
    for session in under.api.sessions().await.unwrap() {
        events.extend(session.events);
    }
    (json!([stats["captures"], stats["events"], stats["sessions"], stats["dropped"]]), events)
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_batch_that_comes_again_is_one_with_the_same_receipt_before_and_after_kill_9() {
    let mut under = Under::start(UPSTREAM, "").await;
    let (mut spool, at) = (Spool::default(), now(&under).await);
    let mut lines = session(&mut spool, 1, &at);
    lines.push(spool.hook("ursa-endpoint", "dropped", &at, &json!({"count": 3, "bytes": 9, "reason": "size_limit"})));
    let sent = lines.len() as u64;
    let ingest = under.server.ingest(None);
    let first = ingest.deliver(&lines).await.unwrap();
    assert_eq!((first.accepted, first.duplicates), (sent, 0));
    let told = record(&under).await;
    assert_eq!(told.0[0], sent);
    assert_eq!(told.0[3]["device_size_limit"], 3);
    let again = |ingest: IngestClient, lines: Vec<Value>, receipt: String| async move {
        let again = ingest.deliver(&lines).await.unwrap();
        assert_eq!((again.accepted, again.duplicates, again.receipt), (0, sent, receipt));
    };
    for _ in 0..2 {
        lines.reverse();
        again(ingest.clone(), lines.clone(), first.receipt.clone()).await;
        assert_eq!(record(&under).await, told);
    }
    under.server.kill().await.unwrap();
    under.restart().await;
    again(under.server.ingest(None), lines.clone(), first.receipt.clone()).await;
    assert_eq!(record(&under).await, told);
    under.server.terminate().await.unwrap();
    under.restart().await;
    again(under.server.ingest(None), lines, first.receipt).await;
    assert_eq!(record(&under).await, told);
    let replayed = under.server.admin(&["replay"]).await.unwrap();
    assert!(replayed.contains(&format!("replayed {sent} captures: 0 new events, 0 changed")), "{replayed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_gap_shows_and_is_filled_whatever_the_order_and_a_kill_between() {
    let mut under = Under::start(UPSTREAM, "").await;
    let (mut spool, at) = (Spool::default(), now(&under).await);
    let lines: Vec<Value> = (0..6).flat_map(|number| session(&mut spool, number, &at)).collect();
    let deliver = |under: &Under, from: usize, to: usize| {
        let (ingest, lines) = (under.server.ingest(None), lines[from..to].to_vec());
        async move { ingest.deliver(&lines).await.unwrap() }
    };
    deliver(&under, 20, 30).await;
    deliver(&under, 0, 10).await;
    assert_eq!(under.counter("collect.missing").await, 10, "shown at once");
    assert_eq!(under.counter("collect.missing_by_loopback").await, 10, "and whose they are");
    deliver(&under, 10, 14).await;
    deliver(&under, 15, 20).await;
    assert_eq!(under.counter("collect.missing").await, 1, "one of one batch");
    under.server.kill().await.unwrap();
    under.restart().await;
    assert_eq!((under.counter("collect.missing").await, under.counter("collect.spools").await), (1, 1));
    deliver(&under, 14, 15).await;
    assert_eq!(under.counter("collect.missing").await, 0, "filled");
    let (told, _) = record(&under).await;
    assert_eq!(told[0], spool.made());
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_a_device_whose_clock_is_ten_years_off_is_recorded_by_the_servers_time() {
    let under = Under::start(UPSTREAM, "").await;
    let year = now(&under).await[..4].parse::<i32>().unwrap();
    for (number, off) in [-10, 10].into_iter().enumerate() {
        let mut spool = Spool::default();
        let at = format!("{}-06-01T00:00:00Z", year + off);
        under.server.ingest(None).deliver(&session(&mut spool, number, &at)).await.unwrap();
    }
    assert_eq!(under.counter("collect.clock_skew").await, 10);
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        let started = session.session["started_at"].as_str().unwrap();
        assert!(started.starts_with(&year.to_string()), "{started}");
        assert!(crate::support::gaps(session).contains(&"clock_skew".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_what_a_device_was_told_is_accepted_survives_kill_9() {
    let mut under = Under::start(UPSTREAM, "").await;
    let at = now(&under).await;
    let mut spools: Vec<(Spool, Vec<Value>)> = (0..4).map(|_| (Spool::default(), Vec::new())).collect();
    let mut number = 0;
    for _ in 0..scaled(3, 30) {
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = Vec::new();
        for (mut spool, mut unsent) in spools.drain(..) {
            let (ingest, stop, at) = (under.server.ingest(None), Arc::clone(&stop), at.clone());
            number += 100_000;
            let mut turn = number;
            senders.push(tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    if unsent.is_empty() {
                        turn += 1;
                        unsent = session(&mut spool, turn, &at);
                    }
                    match ingest.send(&unsent).await {
                        Ok(answer) if answer.status == 200 => unsent.clear(),
                        Ok(answer) => assert!([429, 503].contains(&answer.status), "{answer:?}"),
                        Err(_) => break,
                    }
                }
                (spool, unsent)
            }));
        }
        under.wait_counter("collect.batches", 20).await;
        under.server.kill().await.unwrap();
        stop.store(true, Ordering::SeqCst);
        for sender in senders {
            spools.push(sender.await.unwrap());
        }
        under.restart().await;
    }
    let mut made = 0;
    for (spool, unsent) in &spools {
        if !unsent.is_empty() {
            under.server.ingest(None).deliver(unsent).await.unwrap();
        }
        made += spool.made();
    }
    assert_eq!((under.counter("collect.missing").await, under.counter("collect.spools").await), (0, 4));
    under.settled().await;
    let sessions = under.api.sessions().await.unwrap();
    assert_eq!(sessions.len() as u64, made / 5, "none is missing, none is there twice");
    for session in &sessions {
        for kind in ["session_start", "prompt", "tool_call", "session_end"] {
            assert_eq!(session.of_kind(kind).count(), 1, "{kind} of {}", session.conversation_id());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_journal_that_is_full_answers_503_and_takes_the_same_batch_later() {
    let under = Under::start(UPSTREAM, "[journal]\nlag_bytes_limit = 200000\n[edge]\n").await;
    let (mut spool, at) = (Spool::default(), now(&under).await);
    let large = json!({"session_id": conversation(1), "text": "x".repeat(300_000)});
    let line = spool.hook("claude-code", "Notification", &at, &large);
    let answer = under.server.ingest(None).send(std::slice::from_ref(&line)).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (503, Some(2)), "{}", answer.body);
    let small = session(&mut spool, 1, &at);
    let until = Instant::now() + LIMIT;
    while under.server.ingest(None).send(&small).await.unwrap().status != 200 {
        assert!(Instant::now() < until, "what fits is taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(under.counter("collect.missing").await, 1, "what was refused shows as a gap");
}
