//! Eight agents' hooks at once on one enrolled device, while hooks, deliveries and the server are killed at random: what a
//! hook had answered for with 0 is in the record, once; the numbers of the spool have no hole in the end.
//!
//! `URSA_DEVICE_CALLS` sets the calls in all (600; the campaign: 10,000), `URSA_SIM_SEED` the seed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use ursa_testkit::endpoint::{Endpoint, NOWHERE};
use ursa_testkit::server::{ServerOptions, UrsaServer};

const CALLERS: usize = 8;
const CALLS: usize = 600;
const CAMPAIGN_CALLS: usize = 10_000;
/// The server dies at least so often, if need be after the last call: deliveries go on for that long.
const SERVERS_MIN: usize = 4;
/// Calls of one session.
const SESSION_CALLS: usize = 25;
/// Nothing that is waited for takes longer unless it is broken.
const LIMIT: Duration = Duration::from_mins(5);

fn calls() -> usize {
    std::env::var("URSA_DEVICE_CALLS").map_or(CALLS, |calls| calls.parse().expect("URSA_DEVICE_CALLS is a number"))
}

fn seed() -> u64 {
    std::env::var("URSA_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One address for a server that has another port after each start. Nobody is behind it while the server is dead.
struct Relay {
    address: SocketAddr,
    server: Arc<Mutex<Option<SocketAddr>>>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, server) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(None)));
        let target = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((mut device, _)) = listener.accept().await {
                let server: Option<SocketAddr> = *target.lock().unwrap();
                tokio::spawn(async move {
                    if let Some(server) = server
                        && let Ok(mut server) = TcpStream::connect(server).await
                    {
                        // A server that dies ends both directions, as it would without us.
                        let _ = tokio::io::copy_bidirectional(&mut device, &mut server).await;
                    }
                });
            }
        });
        Self { address, server }
    }

    fn leads_to(&self, server: Option<SocketAddr>) {
        *self.server.lock().unwrap() = server;
    }
}

/// The device, its calls and those who kill.
struct Device {
    program: PathBuf,
    state_dir: PathBuf,
    seed: u64,
    hooks_killed: AtomicUsize,
    deliveries_killed: AtomicUsize,
}

impl Device {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().args(arguments).arg("--state-dir").arg(&self.state_dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// One hook call. True when it ended by itself, with 0: from then on its record must not be lost.
    fn call(&self, caller: usize, number: usize, random: &mut Random) -> bool {
        let text = "x".repeat(if random.below(20) == 0 { 200_000 } else { random.below(2000) } as usize);
        let body = json!({
            "session_id": format!("{caller:08}-0000-4000-8000-{:012}", number / SESSION_CALLS), "cwd": "/work",
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "true", "text": text},
            "tool_use_id": name(caller, number),
        });
        let mut child =
            self.command(&["hook", "claude-code", "PreToolUse"]).stdin(Stdio::piped()).spawn().expect("start a hook");
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || drop(stdin.write_all(body.to_string().as_bytes())));
        if random.below(5) == 0 {
            std::thread::sleep(Duration::from_micros(random.below(8000)));
            let _ = child.kill();
            self.hooks_killed.fetch_add(1, Ordering::SeqCst);
        }
        let ended = child.wait().unwrap();
        writer.join().unwrap();
        ended.success()
    }

    /// All calls of one caller; gives those that answered.
    fn calls(&self, caller: usize, calls: usize) -> Vec<String> {
        let mut random = Random(self.seed ^ ((caller as u64) << 32));
        (0..calls).filter(|number| self.call(caller, *number, &mut random)).map(|number| name(caller, number)).collect()
    }

    /// Delivers and is killed, again and again, until it is calm.
    fn kill_deliveries(&self, calm: &AtomicBool) {
        let mut random = Random(self.seed ^ 0xf1);
        while !calm.load(Ordering::SeqCst) {
            let mut child = self.command(&["flush"]).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(120)));
            self.deliveries_killed.fetch_add(usize::from(child.kill().is_ok()), Ordering::SeqCst);
            child.wait().unwrap();
            if random.below(8) == 0 {
                self.kill_lingering();
            }
        }
    }

    /// Kills the deliveries that hooks have started.
    fn kill_lingering(&self) {
        for id in detached(&self.state_dir) {
            let killed = Command::new("kill").arg("-9").arg(id).stderr(Stdio::null()).status();
            self.deliveries_killed
                .fetch_add(usize::from(killed.is_ok_and(|status| status.success())), Ordering::SeqCst);
        }
    }
}

fn name(caller: usize, number: usize) -> String {
    format!("toolu_{caller:04}AbCdEf{number:010}")
}

/// The deliveries of that state directory that stay in the background.
fn detached(state_dir: &Path) -> Vec<String> {
    let folder = state_dir.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains(&folder) && line.contains("--detached") {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

impl Drop for Device {
    fn drop(&mut self) {
        self.kill_lingering();
    }
}

/// Kills the server and starts it again until all calls are done. Gives the one that runs then, and how many died.
async fn kill_servers(
    mut server: UrsaServer,
    options: &ServerOptions,
    relay: &Relay,
    done: &AtomicBool,
    seed: u64,
) -> (UrsaServer, usize) {
    let (mut random, mut killed) = (Random(seed ^ 0x5e), 0);
    while killed < SERVERS_MIN || !done.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(50 + random.below(1500))).await;
        server.kill().await.unwrap();
        killed += 1;
        relay.leads_to(None);
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        server = UrsaServer::start(options.clone()).await.unwrap();
        relay.leads_to(Some(server.address().unwrap()));
    }
    (server, killed)
}

/// How often each call is in the record.
async fn recorded(server: &UrsaServer) -> (BTreeMap<String, usize>, serde_json::Value) {
    let api = server.api().await.unwrap();
    let stats = api.wait_settled(LIMIT).await.unwrap_or_else(|error| panic!("{error:#}\n{}", server.output()));
    let mut recorded = BTreeMap::new();
    for session in api.sessions().await.unwrap() {
        for call in session.of_kind("tool_call") {
            *recorded.entry(call["call_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    (recorded, stats)
}

async fn delivered(endpoint: &Endpoint) {
    let until = Instant::now() + LIMIT;
    while let Err(error) = endpoint.flush().await {
        assert!(Instant::now() < until, "{error:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_what_a_hook_answered_for_is_recorded_once_whoever_is_killed() {
    let (calls, seed, dir) = (calls(), seed(), tempfile::tempdir().unwrap());
    println!("URSA_SIM_SEED={seed} URSA_DEVICE_CALLS={calls}");
    let options = ServerOptions::for_upstream(&dir.path().join("data"), NOWHERE);
    let server = UrsaServer::start(options.clone()).await.unwrap();
    let relay = Relay::start().await;
    relay.leads_to(Some(server.address().unwrap()));
    let token = server.enroll_token("1").await.unwrap();
    let url = format!("http://{}", relay.address);
    let endpoint = Endpoint::enrolled(&dir.path().join("device"), &url, &token).await.unwrap();
    let device = Arc::new(Device {
        program: endpoint.program().to_path_buf(),
        state_dir: endpoint.state_dir().to_path_buf(),
        seed,
        hooks_killed: AtomicUsize::default(),
        deliveries_killed: AtomicUsize::default(),
    });
    let (called, calm) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let device = Arc::clone(&device);
            tokio::task::spawn_blocking(move || device.calls(caller, calls.div_ceil(CALLERS)))
        })
        .collect();
    let deliveries = tokio::task::spawn_blocking({
        let (device, calm) = (Arc::clone(&device), Arc::clone(&calm));
        move || device.kill_deliveries(&calm)
    });
    let ended = async {
        let mut answered = BTreeSet::new();
        for caller in callers {
            answered.extend(caller.await.unwrap());
        }
        called.store(true, Ordering::SeqCst);
        answered
    };
    let (answered, (server, servers_killed)) =
        tokio::join!(ended, kill_servers(server, &options, &relay, &called, seed));
    calm.store(true, Ordering::SeqCst);
    deliveries.await.unwrap();
    device.kill_lingering();
    delivered(&endpoint).await;

    let (recorded, stats) = recorded(&server).await;
    let lost: Vec<_> = answered.iter().filter(|call| !recorded.contains_key(*call)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), answered.len());
    let doubled: Vec<_> = recorded.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let captures = stats["captures"].as_u64().unwrap();
    assert_eq!(captures as usize, recorded.len(), "each call is one capture: {stats}");
    assert_eq!((&stats["collect"]["missing"], &stats["collect"]["spools"]), (&json!(0), &json!(1)));
    assert_eq!(stats["dropped"], json!({}));
    let replayed = server.admin(&["replay"]).await.unwrap();
    assert!(replayed.contains(&format!("replayed {captures} captures: 0 new events, 0 changed")), "{replayed}");
    assert!(answered.len() > calls / 2, "most calls were not killed in time");
    println!(
        "{calls} calls: {} answered, {} recorded; killed: {} hooks, {} deliveries, {servers_killed} servers",
        answered.len(),
        recorded.len(),
        device.hooks_killed.load(Ordering::SeqCst),
        device.deliveries_killed.load(Ordering::SeqCst),
    );
    if calls < CAMPAIGN_CALLS {
        println!("skipped: {} calls more, which scripts/campaign makes", CAMPAIGN_CALLS - calls);
    }
}
