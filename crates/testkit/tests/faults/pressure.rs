//! F24, F25, F26: too little memory, too little time, and content that is hard to search.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::{Ending, Wire};

use crate::support::{
    Answer, LAST_CHUNK, LIMIT, STREAM_HEAD, Under, chunk, completions, conversation, gaps, is_long, is_optimised,
    percentile, request, scaled,
};

/// Exchanges that are taken however much memory is in use (`ALWAYS_TAKEN_EXCHANGES` of the edge).
const ALWAYS_TAKEN: usize = 16;

/// Sends the beginning of an answer and, once it is told to, the rest; requests with `stay` never end.
async fn waiting_upstream(go: watch::Receiver<bool>) -> RawUpstream {
    let script = move |number, mut wire: Wire| {
        let mut go = go.clone();
        async move {
            while let Ok(Some(head)) = wire.head().await {
                let body = wire.body(&head).await.unwrap().bytes;
                let stays = body.windows(4).any(|word| word == b"stay");
                let answer = Answer::new(&format!("msg_wait_{number}"), &["begun", " and ended"]);
                wire.send(STREAM_HEAD).await.unwrap();
                wire.send(chunk(answer.events[..3].concat().as_bytes())).await.unwrap();
                if stays {
                    let _ = wire.ended().await;
                    return;
                }
                go.wait_for(|go| *go).await.unwrap();
                let rest = chunk(answer.events[3..].concat().as_bytes());
                if wire.send(rest).await.is_err() || wire.send(LAST_CHUNK).await.is_err() {
                    return;
                }
            }
        }
    };
    RawUpstream::start(script).await.unwrap()
}

/// Opens an exchange and waits for the beginning of its answer.
async fn begin(under: &Under, number: usize, text: &str) -> (u16, Wire, Vec<u8>) {
    let mut wire = under.wire().await;
    wire.send(request(&conversation(number), text)).await.unwrap();
    let head = wire.head().await.unwrap().unwrap();
    if head.status() != 200 {
        assert_eq!(head.get("retry-after"), Some("1"));
        assert_eq!(head.get("x-ursa-error"), Some("overloaded"));
        return (head.status(), wire, Vec::new());
    }
    let first = wire.some(1 << 20).await.unwrap();
    (200, wire, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_near_the_memory_budget_new_work_is_refused_and_open_streams_finish() {
    const BUDGET: u64 = 192 << 20;
    let (go, told) = watch::channel(false);
    let upstream = waiting_upstream(told).await;
    let under = Under::start(&upstream.base_url(), &format!("[edge]\nmemory_bytes_limit = {BUDGET}\n")).await;
    // What the pipeline holds of exchanges that are open fills the budget.
    let large = "filler words ".repeat((6 << 20) / 13);
    let mut open = Vec::new();
    let refused = loop {
        let (status, wire, first) = begin(&under, open.len(), &large).await;
        if status != 200 {
            break status;
        }
        open.push((wire, first));
        assert!(open.len() < 64, "nothing was refused with {} MiB in use", under.process().memory() >> 20);
    };
    let used = under.process().memory();
    println!("{} large exchanges open, {} of {} MiB in use", open.len(), used >> 20, BUDGET >> 20);
    assert_eq!(refused, 503);
    assert!(under.counter("edge.overloaded").await >= 1);
    assert!(open.len() >= ALWAYS_TAKEN, "so many are always taken");
    let reached = upstream.received().len();
    for number in 0..20 {
        let begun = Instant::now();
        assert_eq!(begin(&under, 1000 + number, "small").await.0, 503);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(upstream.received().len(), reached, "what is refused goes nowhere");
    // The API answers as before: whoever looks after the server can look.
    assert!(!under.api.get("/api/v1/stats").await.unwrap().is_null());

    go.send_replace(true);
    for (mut wire, first) in open {
        let rest = wire.rest_of_chunked(first).await.unwrap();
        assert!(String::from_utf8_lossy(&rest).contains("message_stop"), "an open stream finishes");
    }
    let until = Instant::now() + LIMIT;
    while begin(&under, 2000, "small").await.0 != 200 {
        let used = under.process().memory() >> 20;
        assert!(Instant::now() < until, "work is taken again; {used} MiB in use");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_sigterm_with_500_streams_drains() {
    const DRAIN: Duration = Duration::from_secs(2);
    const STREAMS: usize = 500;
    const STAYING: usize = 100;
    let (go, told) = watch::channel(false);
    let upstream = waiting_upstream(told).await;
    let config = format!("[edge]\ndrain_seconds = {}\n", DRAIN.as_secs());
    let mut under = Under::start(&upstream.base_url(), &config).await;
    let mut open = Vec::new();
    for number in 0..STREAMS {
        let text = if number < STAYING { "stay" } else { "leave" };
        let (status, wire, first) = begin(&under, number, text).await;
        assert_eq!(status, 200);
        open.push((number, wire, first));
    }
    let address = under.address();
    let mut ending = JoinSet::new();
    for (number, mut wire, mut bytes) in open {
        ending.spawn(async move {
            let rest = wire.rest().await.unwrap();
            bytes.extend_from_slice(&rest.bytes);
            (number, bytes.ends_with(LAST_CHUNK))
        });
    }
    let asked = Instant::now();
    let refused = tokio::spawn(async move {
        // Refused, or taken by the kernel and reset: never answered.
        let until = Instant::now() + LIMIT;
        while Wire::connect(address).await.is_ok() {
            assert!(Instant::now() < until, "it still accepts");
        }
        asked.elapsed()
    });
    let release = tokio::spawn(async move {
        let closed = refused.await.unwrap();
        go.send_replace(true);
        closed
    });
    let status = under.server.terminate().await.unwrap();
    let (took, closed) = (asked.elapsed(), release.await.unwrap());
    println!("no connection was taken any more after {closed:?}; stopped after {took:?}");
    assert_eq!(status.code(), Some(0), "{}", under.server.output());
    assert!(closed < Duration::from_secs(1) && closed < DRAIN);
    // What is left over is cut, then the pipeline has its own time to finish.
    assert!(took < DRAIN + Duration::from_secs(15), "{took:?}");
    while let Some(ended) = ending.join_next().await {
        let (number, whole) = ended.unwrap();
        assert_eq!(whole, number >= STAYING, "stream {number}");
    }
    under.restart().await;
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), STREAMS, "none is lost");
    for session in &sessions {
        let number: usize = session.conversation_id()[24..].parse().unwrap();
        let (text, expected) = (completions(session), if number < STAYING { "begun" } else { "begun and ended" });
        assert_eq!(text, expected, "stream {number}");
        let expected: &[&str] = if number < STAYING { &["interrupted"] } else { &[] };
        assert_eq!(gaps(session), expected, "stream {number}");
    }
}

/// Text that begins like a credential at every turn and is none.
fn hard_to_search(bytes: usize) -> String {
    let parts = ["sk-ant-", "AKIA", "eyJhbGciOi", "ghp_", "xoxb-", "-----BEGIN ", "AIza", "sk-proj-", "Bearer "];
    let mut text = String::with_capacity(bytes + 64);
    let mut number = 0_usize;
    while text.len() < bytes {
        text.push_str(parts[number % parts.len()]);
        text.push_str(&"aA0_-."[number % 5..]);
        number += 1;
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_content_that_is_hard_to_search_breaks_and_delays_no_stream() {
    let upstream = RawUpstream::answering(Answer::new("msg_hard", &["done"]).sized()).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    let small = |number: usize| request(&conversation(3000 + number), "small");
    let mut wire = under.wire().await;
    let mut quiet = Vec::new();
    for number in 0..100 {
        let begun = Instant::now();
        assert_eq!(wire.exchange(small(number % 4)).await.unwrap().0.status(), 200);
        quiet.push(begun.elapsed());
    }
    under.settled().await;
    // Two sizes: the time must grow with the size, not with its square.
    let mut times = Vec::new();
    for (number, bytes) in [scaled(1, 4) << 20, scaled(4, 16) << 20].into_iter().enumerate() {
        let cpu = under.process().cpu();
        assert_eq!(under.exchange(request(&conversation(number), &hard_to_search(bytes))).await.0.status(), 200);
        let mut busy = Vec::new();
        for number in 0..100 {
            let begun = Instant::now();
            let (head, body) = wire.exchange(small(number % 4)).await.unwrap();
            assert_eq!((head.status(), body.ending), (200, Ending::Whole));
            busy.push(begun.elapsed());
        }
        under.settled().await;
        let used = under.process().cpu().saturating_sub(cpu);
        let (before, during) = (percentile(&mut quiet, 95), percentile(&mut busy, 95));
        println!("{bytes} bytes: {used:?} of processor; p95 of others {before:?} before, {during:?} during");
        let noise = if is_long() && is_optimised() { 10 } else { 150 };
        assert!(during <= before * 2 + Duration::from_millis(noise), "{before:?} before, {during:?} during");
        let session = under.session(&conversation(number)).await;
        assert_eq!(session.of_kind("prompt").count(), 1);
        times.push(used);
    }
    assert!(times[1] <= times[0] * 10 + Duration::from_secs(1), "four times the size took {times:?}");
}
