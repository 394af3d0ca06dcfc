//! F6, F7: either side leaves in the middle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::{Ending, Wire};

use crate::support::{
    Answer, LIMIT, STREAM_HEAD, Under, chunk, completions, conversation, gap_details, gaps, is_long, request, scaled,
};

/// Exchanges at the same time.
const PARALLEL: usize = 16;
/// Length of the stream that is cut, in bytes.
const STREAM_BYTES: usize = 4096;
/// How long an upstream may go on after its client left.
const CANCELLED_WITHIN: Duration = Duration::from_secs(1);

/// A stream of exactly [`STREAM_BYTES`] bytes for the k-th conversation.
fn stream(k: usize) -> Answer {
    let of = |last: usize| {
        let mut pieces: Vec<String> = (0..20).map(|n| format!("piece {n} of the answer; ")).collect();
        pieces.push("x".repeat(last));
        Answer::new(&format!("msg_cut_{k:05}"), &pieces.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let short = of(0).bytes().len();
    of(STREAM_BYTES - short)
}

/// The text in those events of a stream that are whole, but for the empty line behind them, within its first bytes.
fn text_in(answer: &Answer, bytes: usize) -> String {
    let mut end = 0;
    let whole = answer.events.iter().take_while(|event| {
        end += event.len();
        end - 2 <= bytes
    });
    let data = whole.filter_map(|event| event.lines().nth(1)?.strip_prefix("data: "));
    let events = data.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap());
    events.filter_map(|event| event["delta"]["text"].as_str().map(str::to_owned)).collect()
}

/// The k of a request whose prompt is `cut K`.
fn wanted_cut(body: &[u8]) -> usize {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["messages"][0]["content"].as_str().unwrap().strip_prefix("cut ").unwrap().parse().unwrap()
}

/// Sends the first k bytes of a stream, then breaks off: by a reset for every other k.
async fn cutting_upstream() -> RawUpstream {
    let script = |_, mut wire: Wire| async move {
        let Ok(Some(head)) = wire.head().await else { return };
        let k = wanted_cut(&wire.body(&head).await.unwrap().bytes);
        let mut sent = format!("{STREAM_HEAD}{STREAM_BYTES:x}\r\n").into_bytes();
        sent.extend_from_slice(&stream(k).bytes()[..k]);
        wire.send(sent).await.unwrap();
        wire.leave(k % 2 == 1).unwrap();
    };
    RawUpstream::start(script).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f06_upstream_resets_at_every_byte() {
    let upstream = cutting_upstream().await;
    let under = Under::start(&upstream.base_url(), "").await;
    let step = scaled(7, 1);
    let cuts: Vec<usize> = (0..STREAM_BYTES).filter(|k| k % step == 0 || *k < 32 || *k > STREAM_BYTES - 16).collect();
    let (address, room) = (under.address(), Arc::new(Semaphore::new(PARALLEL)));
    let mut clients = JoinSet::new();
    for k in cuts.clone() {
        let room = Arc::clone(&room);
        clients.spawn(async move {
            let _permit = room.acquire_owned().await.unwrap();
            let mut wire = Wire::connect(address).await.unwrap();
            let (head, body) = wire.exchange(request(&conversation(k), &format!("cut {k}"))).await.unwrap();
            assert_eq!(head.status(), 200, "k = {k}");
            assert_ne!(body.ending, Ending::Whole, "k = {k}: a cut answer must not look whole");
            assert!(body.bytes == stream(k).bytes()[..k], "k = {k}: {} bytes", body.bytes.len());
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let sessions = under.sessions().await;
    assert_eq!(under.counter("edge.upstream_reset").await, cuts.len() as u64);
    assert_eq!(sessions.len(), cuts.len());
    for session in &sessions {
        let k: usize = session.conversation_id()[24..].parse().unwrap();
        assert_eq!(gaps(session), ["upstream_reset"], "k = {k}");
        let detail = gap_details(session, "upstream_reset").concat();
        assert!(detail.contains(&format!(" {k} bytes")), "k = {k}: {detail}");
        assert_eq!(completions(session), text_in(&stream(k), k), "k = {k}: nothing is invented");
        assert_eq!(session.of_kind("model_call").count(), 1, "k = {k}");
    }
}

/// Sends one event and tells how long after the word on `left` its connection was ended.
async fn patient_upstream(cancelled: mpsc::Sender<Instant>) -> RawUpstream {
    let script = move |number, mut wire: Wire| {
        let cancelled = cancelled.clone();
        async move {
            let Ok(Some(head)) = wire.head().await else { return };
            wire.body(&head).await.unwrap();
            let first = Answer::new(&format!("msg_left_{number:05}"), &["first words"]).events[..3].concat();
            wire.send(STREAM_HEAD).await.unwrap();
            wire.send(chunk(first.as_bytes())).await.unwrap();
            wire.ended().await.unwrap();
            cancelled.send(Instant::now()).await.unwrap();
        }
    };
    RawUpstream::start(script).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_client_leaves_and_the_upstream_is_cancelled() {
    let (cancelled, mut seen) = mpsc::channel(64);
    let upstream = patient_upstream(cancelled).await;
    let under = Under::start(&upstream.base_url(), "").await;
    let clients = scaled(60, 500);
    let slowest = Arc::new(Mutex::new(Duration::ZERO));
    for number in 0..clients {
        let mut wire = under.wire().await;
        wire.send(request(&conversation(number), "a long answer, please")).await.unwrap();
        wire.head().await.unwrap().unwrap();
        wire.some(16).await.unwrap();
        let left = Instant::now();
        wire.leave(number % 2 == 1).unwrap();
        let at = tokio::time::timeout(LIMIT, seen.recv()).await.expect("the upstream is cancelled").unwrap();
        let mut slowest = slowest.lock().await;
        *slowest = slowest.max(at.saturating_duration_since(left));
    }
    let slowest = *slowest.lock().await;
    println!("{clients} clients left; the slowest upstream was cancelled after {slowest:?}");
    assert!(slowest <= CANCELLED_WITHIN, "cancelled after {slowest:?}");
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), clients);
    for session in &sessions {
        assert_eq!(gaps(session), ["client_abort"]);
        let detail = gap_details(session, "client_abort").concat();
        let sent = Answer::new("msg_left_00000", &["first words"]).events[..3].concat().len();
        assert!(detail.contains(&format!(" {sent} bytes")), "the bytes that went by are known: {detail}");
        assert_eq!(completions(session), "first words");
    }
    assert_eq!(under.counter("edge.client_abort").await, clients as u64);
    assert!(!is_long() || clients == 500);
}
