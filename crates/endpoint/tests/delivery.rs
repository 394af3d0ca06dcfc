//! Delivery against a server that answers as the test says: everything arrives, once, whatever happens on the way.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::server::{Reply, Server};
use support::{Device, wait_until};
use ursa_endpoint::deliver::{DeliverError, Failure, SendError, Standing, due_in};
use ursa_endpoint::exit;

fn record(device: &Device, count: usize) {
    for n in 0..count {
        let body = json!({"n": n}).to_string();
        assert!(device.hook(&["claude-code", "Stop"], body.as_bytes()).status.success());
    }
}

/// A device whose hooks do not deliver on their own, as delivery is put off.
fn quiet(server: &Server) -> Device {
    let device = Device::new();
    device.set(|settings| settings.server = Some(server.url()));
    device
}

fn with_key(device: &Device) {
    device.state.write_private("device.key", b"device-key-1").unwrap();
}

#[test]
fn a_batch_has_the_key_and_the_numbers() {
    let server = Server::start(|request, _| {
        assert_eq!(request.path, "/ingest/v1/captures");
        assert_eq!(request.headers["authorization"], "Bearer device-key-1");
        assert_eq!(request.headers["content-type"], "application/x-ndjson");
        assert!(request.headers["user-agent"].starts_with("ursa-endpoint/"));
        Reply::Take
    });
    let device = quiet(&server);
    record(&device, 5);
    let before = device.spooled();
    with_key(&device);
    assert_eq!(device.flush().unwrap().delivered, 5);
    let taken = server.taken.lock().unwrap();
    let mut arrived: Vec<_> = taken.envelopes.values().cloned().collect();
    arrived.sort_by_key(|envelope| envelope["seq"].as_u64());
    assert_eq!(arrived, before);
    assert_eq!((taken.requests, device.spooled().len()), (1, 0));
}

#[test]
fn many_records_are_many_batches_and_the_spool_is_emptied() {
    let server = Server::start(|request, _| {
        assert!(request.envelopes().len() <= 1000 && request.body.len() < 9 << 20);
        Reply::Take
    });
    let device = quiet(&server);
    let big = json!({"text": "y".repeat(3 << 20)}).to_string();
    for _ in 0..5 {
        device.hook(&["claude-code", "Stop"], big.as_bytes());
    }
    record(&device, 3);
    with_key(&device);
    assert_eq!(device.flush().unwrap().delivered, 8);
    let left: u64 = support::files(&device.state.spool()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(left < 5 << 20, "{left} bytes stay: only the segment that is appended to may");
}

#[test]
fn what_broke_on_the_way_is_sent_again_and_arrives_once() {
    let server = Server::start(|_, number| match number {
        1 => Reply::Break,
        2 => Reply::TakeAndBreak,
        3 => Reply::Say(500, Vec::new(), String::new()),
        4 => Reply::Say(200, Vec::new(), "<html>Please sign in to this network</html>".to_owned()),
        5 => Reply::Say(200, Vec::new(), r#"{"accepted":1,"duplicates":0,"rejected":[]}"#.to_owned()),
        6 => Reply::Say(302, vec![("location", "http://127.0.0.1:1/".to_owned())], String::new()),
        _ => Reply::Take,
    });
    let device = quiet(&server);
    record(&device, 20);
    with_key(&device);
    for _ in 0..6 {
        device.flush().unwrap_err();
        assert_eq!(device.spooled().len(), 20, "nothing leaves without a receipt");
    }
    assert_eq!(Standing::read(&device.state).failures, 6);
    assert_eq!(device.flush().unwrap().delivered, 20);
    assert_eq!((server.count(), server.taken.lock().unwrap().duplicates), (20, 20));
    assert_eq!(Standing::read(&device.state).failures, 0);
}

#[test]
fn a_batch_that_is_too_large_is_split() {
    let server = Server::start(|request, _| {
        let lines = request.envelopes();
        let huge = lines.iter().any(|line| line["body"]["n"] == 7);
        if lines.len() > 3 || huge { Reply::Say(413, Vec::new(), String::new()) } else { Reply::Take }
    });
    let device = quiet(&server);
    record(&device, 20);
    with_key(&device);
    let sent = device.flush().unwrap();
    assert_eq!((sent.delivered, sent.rejected), (19, 1));
    assert_eq!((server.count(), device.spooled().len()), (19, 0));
    let kept = support::files(&device.state.path("rejected"));
    let kept: Value = serde_json::from_slice(&fs::read(&kept[0]).unwrap()).unwrap();
    assert_eq!((&kept["reason"], &kept["envelope"]["body"]["n"]), (&json!("status 413"), &json!(7)));
}

#[test]
fn refused_records_are_put_aside_and_not_sent_again() {
    let server = Server::start(|_, number| if number == 1 { Reply::Reject(vec![2, 4]) } else { Reply::Take });
    let device = quiet(&server);
    record(&device, 5);
    with_key(&device);
    let output = device.run(&["flush"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 records delivered, 2 refused"));
    assert_eq!(support::files(&device.state.path("rejected")).len(), 2);
    assert_eq!(Standing::read(&device.state).rejected, 2);
    device.flush().unwrap();
    assert_eq!((server.count(), server.taken.lock().unwrap().requests), (3, 1));
}

#[test]
fn each_failure_has_its_code_and_puts_the_next_try_off() {
    let say = |status, headers| {
        move |_: &support::server::Request, _| Reply::Say(status, Vec::clone(&headers), String::new())
    };
    let cases = [
        (401, vec![], exit::NOT_ALLOWED, 800..901),
        (403, vec![], exit::NOT_ALLOWED, 800..901),
        (429, vec![("retry-after", "120".to_owned())], exit::UNREACHABLE, 110..121),
        (503, vec![("retry-after", "999999".to_owned())], exit::UNREACHABLE, 3500..3601),
        (502, vec![], exit::UNREACHABLE, 1..6),
        (404, vec![], exit::STRANGE, 1..6),
    ];
    for (status, headers, code, seconds) in cases {
        let server = Server::start(say(status, headers));
        let device = quiet(&server);
        record(&device, 1);
        with_key(&device);
        let output = device.run(&["flush"]);
        assert_eq!(output.status.code(), Some(i32::from(code)), "{status}");
        assert!(!output.stderr.is_empty());
        assert!(seconds.contains(&due_in(&device.state).as_secs()), "{status}: {:?}", due_in(&device.state));
        // A hook starts nothing meanwhile.
        record(&device, 3);
        assert_eq!(server.taken.lock().unwrap().requests, 1);
        assert_eq!(device.spooled().len(), 4);
    }
    let device = Device::enrolled("http://127.0.0.1:1");
    assert_eq!(device.run(&["flush"]).status.code(), Some(i32::from(exit::OK)), "nothing to deliver");
    let device = Device::new();
    assert_eq!(device.run(&["flush"]).status.code(), Some(i32::from(exit::NOT_ENROLLED)));
}

#[test]
fn a_hook_starts_a_delivery_that_outlives_it_and_takes_what_follows() {
    let server = Server::start(|_, _| Reply::Take);
    let device = Device::enrolled(&server.url());
    record(&device, 1);
    wait_until("the first record arrives", || server.count() == 1);
    record(&device, 3);
    wait_until("the others follow, without another hook", || server.count() == 4);
    // It is one process that stays: the lock is held.
    assert!(matches!(device.flush(), Err(DeliverError::Busy)));
}

#[test]
fn a_daemon_delivers_for_as_long_as_it_runs() {
    let server = Server::start(|_, number| if number == 1 { Reply::Break } else { Reply::Take });
    let device = Device::enrolled(&server.url());
    let _daemon = support::Killed(device.command().arg("daemon").spawn().unwrap());
    record(&device, 2);
    wait_until("the first try fails", || Standing::read(&device.state).failures == 1);
    let put_off = due_in(&device.state);
    assert!(put_off > Duration::from_secs(1));
    wait_until("the second brings them", || server.count() == 2);
    record(&device, 2);
    wait_until("and so on", || server.count() == 4);
}

/// F19: the server is away while hooks work; nothing is lost below the bound, and it all arrives when it is back.
#[test]
fn f19_the_server_is_away_and_comes_back() {
    let away = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let gone = away.clone();
    let server = Server::start(
        move |_, _| {
            if gone.load(std::sync::atomic::Ordering::SeqCst) { Reply::Break } else { Reply::Take }
        },
    );
    let device = Device::enrolled(&server.url());
    let mut slowest = Duration::ZERO;
    for n in 0..60 {
        let begun = Instant::now();
        record(&device, 1);
        slowest = slowest.max(begun.elapsed());
        if n % 20 == 19 {
            // Delivery tries now and then, and fails.
            let _ = device.flush();
        }
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}: hooks do not wait for the server");
    device.end_lingering();
    away.store(false, std::sync::atomic::Ordering::SeqCst);
    wait_until("a delivery can run", || !matches!(device.flush(), Err(DeliverError::Busy)));
    assert_eq!(server.count(), 60);
    let taken = server.taken.lock().unwrap();
    let mut numbers: Vec<_> = taken.envelopes.values().map(|envelope| envelope["seq"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
}

#[test]
fn nobody_listening_is_unreachable() {
    let device = Device::enrolled("http://127.0.0.1:1");
    record(&device, 1);
    wait_until("no delivery runs", || {
        matches!(device.flush(), Err(DeliverError::Send(SendError::Failure(Failure::Unreachable(_)))))
    });
    assert_eq!(device.spooled().len(), 1);
}

#[test]
fn a_proxy_of_the_environment_is_used_and_loopback_is_spared() {
    let server = Server::start(|_, _| Reply::Take);
    let device = quiet(&server);
    record(&device, 1);
    with_key(&device);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
        line
    });
    let flush = |no_proxy: &str| {
        let mut command = device.command();
        command.arg("flush").env("HTTPS_PROXY", &proxy).env("NO_PROXY", no_proxy).output().unwrap()
    };
    assert_eq!(flush("").status.code(), Some(0), "loopback goes directly");
    // A name that only a proxy could know.
    device.set(|settings| settings.server = Some("https://ursa.invalid".to_owned()));
    device.hook(&["codex", "Stop"], b"{}");
    wait_until("no delivery runs", || flush("ursa.invalid").status.code() == Some(i32::from(exit::UNREACHABLE)));
    assert!(!asked.is_finished(), "NO_PROXY is heeded");
    assert_eq!(flush("").status.code(), Some(i32::from(exit::UNREACHABLE)));
    assert_eq!(asked.join().unwrap().trim(), "CONNECT ursa.invalid:443 HTTP/1.1");
}
