//! Many hooks at once, killed at random like the deliveries, and a server that fails at random: what a hook had answered
//! for arrives, once.
//!
//! 8 processes with 60 calls each; with `URSA_FAULT_SCALE=long` 1,250 each, 10,000 in all. `URSA_SIM_SEED` sets the seed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use support::server::{Reply, Server};
use support::{Device, wait_until};
use ursa_endpoint::deliver::DeliverError;

const CALLERS: u64 = 8;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One hook call. True when it ended by itself, with 0: from then on its record must not be lost.
fn call(device: &Device, name: &str, random: &mut Random) -> bool {
    let text = "x".repeat(if random.below(20) == 0 { 200_000 } else { random.below(2000) } as usize);
    let input = json!({"name": name, "text": text}).to_string();
    let mut command = device.command();
    command.args(["hook", "claude-code", "Stop"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if random.below(5) > 0 {
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        return child.wait().unwrap().success();
    }
    // Killed somewhere on its way.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    std::thread::sleep(Duration::from_micros(random.below(8000)));
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    writer.join().unwrap();
    ended.success()
}

#[test]
fn what_hooks_answered_for_arrives_once_whoever_is_killed() {
    let long = std::env::var("URSA_FAULT_SCALE").is_ok_and(|scale| scale == "long");
    let calls = if long { 1250 } else { 60 };
    let seed = std::env::var("URSA_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    println!("URSA_SIM_SEED={seed}");
    let dice = AtomicU64::new(seed);
    let calm = std::sync::Arc::new(AtomicBool::new(false));
    let is_calm = calm.clone();
    let server = Server::start(move |_, _| {
        let throw = Random(dice.fetch_add(1, Ordering::SeqCst)).below(6);
        match if is_calm.load(Ordering::SeqCst) { 9 } else { throw } {
            0 => Reply::Break,
            1 => Reply::TakeAndBreak,
            2 => Reply::Say(503, vec![("retry-after", "0".to_owned())], String::new()),
            _ => Reply::Take,
        }
    });
    let device = Device::enrolled(&server.url());
    let done = AtomicU64::new(0);
    let answered: BTreeSet<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (device, done) = (&device, &done);
                scope.spawn(move || {
                    let mut random = Random(seed ^ (caller << 32));
                    let names = (0..calls).map(|n| format!("{caller}-{n}"));
                    let answered = names.filter(|name| call(device, name, &mut random)).collect::<Vec<_>>();
                    done.fetch_add(1, Ordering::SeqCst);
                    answered
                })
            })
            .collect();
        // Deliveries, killed at random: those that hooks started, and these.
        let mut random = Random(seed ^ 0xf1);
        while done.load(Ordering::SeqCst) < CALLERS {
            let mut child = device.command().arg("flush").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(60)));
            let _ = child.kill();
            child.wait().unwrap();
            if random.below(10) == 0 {
                device.end_lingering();
            }
        }
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    calm.store(true, Ordering::SeqCst);
    device.end_lingering();
    wait_until("all is delivered", || !matches!(device.flush(), Err(DeliverError::Busy)));
    assert!(device.spooled().is_empty());

    let taken = server.taken.lock().unwrap();
    let hooks: Vec<_> = taken.envelopes.values().filter(|envelope| envelope["source"] == "claude-code").collect();
    let whole = hooks.iter().filter(|envelope| envelope["meta"]["truncated"].is_null());
    let names: Vec<_> = whole.filter_map(|envelope| envelope["body"]["name"].as_str().map(str::to_owned)).collect();
    let arrived: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(arrived.len(), names.len(), "a call arrived as two records");
    let lost: Vec<_> = answered.difference(&arrived).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
    let mut numbers: Vec<_> = taken.envelopes.values().map(|envelope| envelope["seq"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "the numbers have no holes");
    assert!(answered.len() as u64 > CALLERS * calls / 2, "most calls were not killed in time");
    println!("{} answered, {} arrived, {} came twice", answered.len(), names.len(), taken.duplicates);
}
