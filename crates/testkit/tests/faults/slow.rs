//! F8, F9: sides that are slow, by nature or on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use ursa_testkit::fault_proxy::{Fault, FaultProxy};
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;
use ursa_testkit::server::ServerOptions;

use crate::support::{
    Answer, LAST_CHUNK, STREAM_HEAD, Under, agent_head, chunk, conversation, is_long, percentile, request, scaled,
};

/// Memory that one stream may take, in bytes.
const BYTES_A_STREAM: u64 = 64 * 1024;
/// Memory that a stream may take whose upstream sends megabytes that its client does not read, in bytes: what was read and
/// not taken, 64 KiB, and the part that waits for the record, 64 KiB, both with room to grow, and what the allocator keeps.
const BYTES_A_FULL_STREAM: u64 = 512 * 1024;
/// A slow side moves one byte in this time.
const ONE_BYTE: Duration = Duration::from_secs(1);
/// Receive buffer of a slow client, in bytes.
const SLOW_BUFFER: u32 = 4096;
/// What the machine's noise may add to the latency of others in a short run; the long one holds the factor alone.
const NOISE: Duration = Duration::from_millis(60);

/// Answers `big` with 8 MiB of stream as fast as they are taken, and anything else at once.
async fn generous_upstream() -> RawUpstream {
    let script = |number: usize, mut wire: Wire| async move {
        while let Ok(Some(head)) = wire.head().await {
            let body = wire.body(&head).await.unwrap();
            if !body.bytes.windows(3).any(|word| word == b"big") {
                let answer = Answer::new(&format!("msg_small_{number}"), &["small"]);
                wire.send(answer.sized()).await.unwrap();
                continue;
            }
            let piece = "many words ".repeat(372);
            let answer = Answer::new(&format!("msg_big_{number}"), &vec![piece.as_str(); 2048]);
            let mut sent = wire.send(STREAM_HEAD).await;
            for event in &answer.events {
                if sent.is_ok() {
                    sent = wire.send(chunk(event.as_bytes())).await;
                }
            }
            if sent.is_err() || wire.send(LAST_CHUNK).await.is_err() {
                return;
            }
        }
    };
    RawUpstream::start(script).await.unwrap()
}

/// Latencies of so many small exchanges over one connection.
async fn latencies(under: &Under, count: usize) -> Vec<Duration> {
    let mut wire = under.wire().await;
    let mut latencies = Vec::with_capacity(count);
    for number in 0..count {
        let begun = Instant::now();
        let (head, _) = wire.exchange(request(&conversation(number % 8), "little")).await.unwrap();
        latencies.push(begun.elapsed());
        assert_eq!(head.status(), 200);
    }
    latencies
}

/// Reads one byte at a time until told to stop.
async fn sip(mut wire: Wire, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) && wire.sip().await.is_ok() {
        tokio::time::sleep(ONE_BYTE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_slow_clients_and_slow_upstreams_cost_little_memory() {
    let generous = generous_upstream().await;
    let slow = FaultProxy::start(generous.address(), |_| Fault::Trickle(ONE_BYTE)).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::for_upstream(&dir.path().join("data"), &generous.base_url());
    options.upstreams.push(format!("slow=anthropic-messages+{}", slow.base_url()));
    // What has passed of an open exchange is the pipeline's to hold, up to its own limit (512 MiB over all): without it,
    // what is measured is what the streams themselves cost.
    options.config = Some("roles = [\"edge\", \"api\"]\n".to_owned());
    let under = Under::with(options, dir).await;
    let each = scaled(100, 1000);
    let mut before = latencies(&under, 300).await;
    under.quiet().await;
    let idle = under.process().memory();

    let mut waiting = Vec::new();
    for number in 0..each {
        let mut wire = under.wire().await;
        let to_slow = String::from_utf8(request(&conversation(4000 + number), "little")).unwrap();
        wire.send(to_slow.replace("/edge/anthropic/", "/edge/slow/")).await.unwrap();
        waiting.push(wire);
    }
    under.wait_counter("edge.open_exchanges", each as u64).await;
    under.quiet().await;
    let of_upstreams = under.process().memory().saturating_sub(idle);

    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for number in 0..each {
        let mut wire = Wire::connect_with_buffer(under.address(), SLOW_BUFFER).await.unwrap();
        wire.send(request(&conversation(1000 + number), "big")).await.unwrap();
        readers.spawn(sip(wire, Arc::clone(&stop)));
    }
    under.wait_counter("edge.open_exchanges", 2 * each as u64).await;
    under.quiet().await;
    let of_clients = under.process().memory().saturating_sub(idle + of_upstreams);
    let mut during = latencies(&under, 300).await;
    let (quiet, busy) = (percentile(&mut before, 99), percentile(&mut during, 99));
    let each = each as u64;
    println!("a slow upstream: {} KiB, a slow client: {} KiB", (of_upstreams / each) >> 10, (of_clients / each) >> 10);
    println!("p99 of others: {quiet:?} before, {busy:?} during");
    assert!(of_upstreams <= BYTES_A_STREAM * each, "{of_upstreams} bytes for {each} slow upstreams");
    assert!(of_clients <= BYTES_A_FULL_STREAM * each, "{of_clients} bytes for {each} slow clients");
    let noise = if is_long() { Duration::ZERO } else { NOISE };
    assert!(busy <= quiet * 2 + noise, "others' p99: {quiet:?} before, {busy:?} during");
    stop.store(true, Ordering::Relaxed);
}

/// Head and body limits in seconds: small ones in the short run, the defaults in the long one.
fn slow_limits() -> (u64, u64) {
    if is_long() { (10, 30) } else { (2, 3) }
}

/// How long after its limit a connection may still be open.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// Waits for the connection's end and tells when it came; sends a byte of a head every now and then until then.
async fn dawdle(mut wire: Wire, drip: bool) -> Duration {
    let begun = Instant::now();
    let drop_every = Duration::from_millis(500);
    loop {
        let waited = if drip { drop_every } else { Duration::from_mins(2) };
        match tokio::time::timeout(waited, wire.ended()).await {
            Ok(ended) => {
                ended.expect("the connection is closed in time");
                return begun.elapsed();
            }
            Err(_) => {
                if wire.send("x").await.is_err() {
                    return begun.elapsed();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f09_slow_loris_heads_and_bodies_are_closed_at_their_limits() {
    let upstream = generous_upstream().await;
    let (head_seconds, idle_seconds) = slow_limits();
    let config = format!("[edge]\nhead_seconds = {head_seconds}\nupload_idle_seconds = {idle_seconds}\n");
    let under = Under::start(&upstream.base_url(), &config).await;
    let count = scaled(300, 5000);
    let (mut heads, mut bodies) = (JoinSet::new(), JoinSet::new());
    for number in 0..count {
        let mut wire = under.wire().await;
        match number % 3 {
            0 => {
                wire.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
                heads.spawn(dawdle(wire, true));
            }
            1 => {
                heads.spawn(dawdle(wire, false));
            }
            _ => {
                let head = format!("{}Content-Length: 1000\r\n\r\n{{", agent_head(&conversation(5000 + number)));
                wire.send(head).await.unwrap();
                bodies.spawn(dawdle(wire, false));
            }
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let normal = async {
        while !stop.load(Ordering::Relaxed) {
            served.fetch_add(latencies(&under, 20).await.len(), Ordering::Relaxed);
        }
    };
    let closed = async {
        for (kind, seconds, open) in [("head", head_seconds, &mut heads), ("body", idle_seconds, &mut bodies)] {
            let limit = Duration::from_secs(seconds);
            while let Some(after) = open.join_next().await {
                let after = after.unwrap();
                assert!(after <= limit + CLOSED_WITHIN, "a slow {kind} was open for {after:?}");
                assert!(after + CLOSED_WITHIN >= limit, "a slow {kind} was closed after {after:?} already");
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(normal, closed);
    let served = served.load(Ordering::Relaxed);
    println!("{count} slow connections were closed; {served} others were served meanwhile, all well");
    assert!(served > 0);
}
