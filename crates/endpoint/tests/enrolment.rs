//! Enrolling anew: the key until now is shown to the server that gave it out and to no other, and deliveries that go on
//! meanwhile take up what changed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::server::{Reply, Server};
use support::{Device, Killed, wait_until};
use ursa_endpoint::deliver::due_in;
use ursa_endpoint::hook::now;
use ursa_model::time::Timestamp;

/// What a server was told: path, and the key shown.
type Shown = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A server that gives out `NAME-1`, `NAME-2`, …, takes every batch but the first `refused`.
fn server(name: &'static str, refused: usize) -> (Server, Shown) {
    let shown = Shown::default();
    let (into, given) = (shown.clone(), Mutex::new((0, 0)));
    let server = Server::start(move |request, _| {
        into.lock().unwrap().push((request.path.clone(), request.headers.get("authorization").cloned()));
        let mut given = given.lock().unwrap();
        if request.path == "/ingest/v1/enroll" {
            given.0 += 1;
            let body = format!(r#"{{"device_id":"dev_1","device_key":"{name}-{}"}}"#, given.0);
            return Reply::Say(200, Vec::new(), body);
        }
        given.1 += 1;
        if given.1 <= refused { Reply::Say(401, Vec::new(), String::new()) } else { Reply::Take }
    });
    (server, shown)
}

/// Enrols, and gives what is told.
fn enroll(device: &Device, server: &Server) -> String {
    let output = device.run(&["enroll", "--server", &server.url(), "--token", "t"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn at(path: &str, shown: &Shown) -> Vec<Option<String>> {
    let shown = shown.lock().unwrap();
    shown.iter().filter(|(asked, _)| asked.ends_with(path)).map(|(_, key)| key.clone()).collect()
}

/// The keys as they stand in headers; an empty one is none.
fn bearers(keys: &[&str]) -> Vec<Option<String>> {
    keys.iter().map(|key| (!key.is_empty()).then(|| format!("Bearer {key}"))).collect()
}

#[test]
fn the_key_until_now_is_shown_to_its_own_server_only() {
    let ((first, told_first), (second, told_second)) = (server("a", 0), server("b", 0));
    let device = Device::new();
    enroll(&device, &first);
    enroll(&device, &first);
    assert_eq!(at("enroll", &told_first), bearers(&["", "a-1"]));
    enroll(&device, &second);
    enroll(&device, &second);
    assert_eq!(at("enroll", &told_second), bearers(&["", "b-1"]));
    assert_eq!(device.state.device_key().unwrap(), "b-2");
    // What is no key any more is not shown; the server counts it as lost.
    device.state.write_private("device.key", b"two words").unwrap();
    enroll(&device, &second);
    assert_eq!(at("enroll", &told_second)[2], None);
}

#[test]
fn settings_that_hold_the_key_until_now_are_named_and_install_puts_the_new_one_there() {
    let (server, _) = server("key", 0);
    let device = Device::new();
    enroll(&device, &server);
    let home = device.state.root().with_file_name("home");
    std::fs::create_dir(&home).unwrap();
    let install = || {
        let mut command = device.command();
        command.env("HOME", &home).args(["install", "--agents", "claude-code", "--channels", "hooks,edge"]);
        assert!(command.output().unwrap().status.success());
    };
    install();
    let settings = home.join(".claude/settings.json");
    assert!(std::fs::read_to_string(&settings).unwrap().contains("x-ursa-key: key-1"));
    let told = enroll(&device, &server);
    let named = std::fs::canonicalize(&settings).unwrap().display().to_string();
    assert!(told.contains(&named) && told.contains("run `ursa-endpoint install"), "{told}");
    install();
    assert!(std::fs::read_to_string(&settings).unwrap().contains("x-ursa-key: key-2"));
    assert!(device.command().env("HOME", &home).arg("uninstall").output().unwrap().status.success());
    assert!(!enroll(&device, &server).contains("install"), "it stands nowhere");
}

#[test]
fn a_daemon_takes_up_another_server_and_its_key_together() {
    let ((first, told_first), (second, told_second)) = (server("a", 0), server("b", 0));
    let device = Device::new();
    enroll(&device, &first);
    let _daemon = Killed(device.command().arg("daemon").spawn().unwrap());
    device.hook(&["codex", "Stop"], b"{}");
    wait_until("the first has it", || first.count() == 1);
    enroll(&device, &second);
    device.hook(&["codex", "Stop"], b"{}");
    wait_until("the second has it", || second.count() == 1);
    let told = |shown| at("captures", shown).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    assert_eq!((told(&told_first), told(&told_second)), (bearers(&["a-1"]), bearers(&["b-1"])));
}

#[test]
fn a_revoked_device_that_enrols_again_delivers_at_once() {
    let (server, _shown) = server("a", 1);
    let device = Device::new();
    device.hook(&["codex", "Stop"], b"{}");
    enroll(&device, &server);
    assert!(!device.run(&["flush"]).status.success());
    assert!(due_in(&device.state) > Duration::from_mins(1), "asking again soon cannot help");
    enroll(&device, &server);
    assert!(due_in(&device.state).is_zero());
    device.hook(&["codex", "Stop"], b"{}");
    wait_until("both are there", || server.count() == 2);
}

#[test]
fn f18_each_batch_says_what_the_clock_shows() {
    let clocks: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
    let into = clocks.clone();
    let server = Server::start(move |request, _| {
        into.lock().unwrap().push(request.headers["x-ursa-sent-at"].parse().unwrap());
        Reply::Take
    });
    let device = Device::new();
    device.set(|settings| settings.server = Some(server.url()));
    device.hook(&["codex", "Stop"], b"{}");
    device.state.write_private("device.key", b"k").unwrap();
    let before = now();
    device.flush().unwrap();
    let clocks = clocks.lock().unwrap();
    assert!(clocks.len() == 1 && before <= clocks[0] && clocks[0] <= now(), "{clocks:?}");
}
