//! What Ursa's hooks cost a session of the real Claude Code: the same scripted session without hooks and with them, in turn
//! and so in the same minutes, by wall time of the agent's process. The device delivers while the agent runs, to something
//! that takes whatever comes: a server on the same two cores would be measured too.
//!
//! ```sh
//! scripts/bench hooks        # builds and installs what it needs; RUNS=20 for more of them
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ursa_testkit::agents::{AgentKind, AgentPrograms, AgentTask, Workspace};
use ursa_testkit::endpoint::endpoint_program;
use ursa_testkit::upstream::{Upstream, UpstreamOptions};

const RUNS_DEFAULT: usize = 12;
/// How long the last delivery may take.
const DELIVERED_LIMIT: Duration = Duration::from_secs(30);

/// Takes whatever is delivered, and counts it.
fn collector() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let counts = Arc::clone(&counts);
            std::thread::spawn(move || take(&stream.unwrap(), &counts));
        }
    });
    (url, taken)
}

fn take(mut stream: &TcpStream, taken: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        let line = line.to_ascii_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let lines = zstd::decode_all(&body[..]).unwrap().split(|byte| *byte == b'\n').count() - 1;
    let receipt = format!(r#"{{"accepted":{lines},"duplicates":0,"rejected":[]}}"#);
    let length = receipt.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {length}\r\n\r\n{receipt}").unwrap();
    taken.fetch_add(lines as u64, Ordering::SeqCst);
}

fn quantile(times: &[Duration], part: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * part).round() as usize].as_secs_f64()
}

async fn session(programs: &AgentPrograms, base_url: &str, mcp_server: &Path) -> Duration {
    let workspace = Workspace::fresh().await.unwrap();
    let prompt = "RIG-PROMPT tidy this project.";
    let task = AgentTask { kind: AgentKind::ClaudeCode, base_url: Some(base_url), prompt, mcp_server };
    let run = programs.run(&workspace, &task).await.unwrap();
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    run.elapsed
}

#[tokio::main]
async fn main() {
    let runs = std::env::var("RUNS").map_or(RUNS_DEFAULT, |runs| runs.parse().unwrap());
    let current = std::env::current_exe().unwrap();
    let mcp_server = current.parent().unwrap().with_file_name("testkit-mcp");
    let (url, taken) = collector();
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("endpoint.toml"), format!("server = \"{url}\"\n")).unwrap();
    std::fs::write(state.path().join("device.key"), "key-of-the-bench").unwrap();
    let bare = AgentPrograms::locate().unwrap();
    let hooked = bare.with_hooks(&endpoint_program().unwrap(), state.path());
    // Under our name: install takes no other.
    let nothing = state.path().join("ursa-endpoint");
    std::os::unix::fs::symlink("/bin/true", &nothing).unwrap();
    let idle = hooked.clone().calling(&nothing);
    let cases = [("without hooks", &bare), ("hooks that call `/bin/true`", &idle), ("hooks", &hooked)];
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let base_url = upstream.base_url();
    // The first of each reads programs from disk.
    for (_, programs) in cases {
        session(programs, &base_url, &mcp_server).await;
    }
    let mut times = cases.map(|_| Vec::new());
    for run in 0..runs {
        // Each goes first as often as the others.
        for turn in 0..cases.len() {
            let case = (run + turn) % cases.len();
            times[case].push(session(cases[case].1, &base_url, &mcp_server).await);
        }
    }
    let calls = delivered(&taken).await / (runs as u64 + 1);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("| Claude Code, same session | p50 s | least s | most s | more than without, for each call |");
    println!("|---|--:|--:|--:|--:|");
    let without = quantile(&times[0], 0.5);
    for ((name, _), times) in cases.iter().zip(&times) {
        let [least, half, most] = [0.0, 0.5, 1.0].map(|part| quantile(times, part));
        let each = (half - without) * 1000.0 / calls as f64;
        println!("| {name} | {half:.3} | {least:.3} | {most:.3} | {each:.1} ms |");
    }
    let load: Vec<&str> = load.split(' ').take(3).collect();
    println!("\n{runs} runs each, {calls} hook calls in a session, all delivered. Load {}", load.join(" "));
}

/// How many records came in all, once no more come.
async fn delivered(taken: &AtomicU64) -> u64 {
    let (begun, mut seen) = (Instant::now(), 0);
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = taken.load(Ordering::SeqCst);
        if now == seen || begun.elapsed() > DELIVERED_LIMIT {
            return now;
        }
        seen = now;
    }
}
