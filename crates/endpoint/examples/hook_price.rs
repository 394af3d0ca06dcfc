//! What a hook costs an agent: wall time of `ursa-endpoint hook` as a process, at 1 KB and 1 MB of input, without and with
//! fsync; its resident memory; the size of the program. Beside it, in turn and so in the same minute, what no hook can go
//! below: `/bin/true`, and `cat` of the same input to a file.
//!
//! ```sh
//! cargo build --release -p ursa-endpoint && cargo run --release -p ursa-endpoint --example hook_price -- [CALLS] [DIR]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CALLS_DEFAULT: usize = 1000;

/// `ursa-endpoint hook`, as an agent calls it.
fn hook(program: &Path, state: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("hook").arg("--state-dir").arg(state).args(["claude-code", "PostToolUse"]);
    command.stdout(Stdio::piped());
    command
}

/// `cat` to a file.
fn cat(file: &Path) -> Command {
    let mut command = Command::new("cat");
    command.stdout(std::fs::File::create(file).unwrap());
    command
}

/// One call of a program: from before it is started until it has ended.
fn call(mut command: Command, input: &[u8]) -> Duration {
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // `true` does not read.
    let _ = stdin.write_all(input);
    drop(stdin);
    assert!(child.wait_with_output().unwrap().status.success());
    begun.elapsed()
}

fn quantile(sorted: &[Duration], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0
}

/// Highest resident memory of one call, in MiB, by the system's own `time`.
fn resident(program: &Path, state: &Path, input: &Path) -> Option<f64> {
    let input = std::fs::File::open(input).ok()?;
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M"]).arg(program).arg("hook").arg("--state-dir").arg(state).args(["claude-code", "Stop"]);
    let output = command.stdin(input).output().ok()?;
    String::from_utf8(output.stderr).ok()?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(1).collect()
}

/// Calls of 1 MB that fill the smallest spool.
const FILLERS: usize = 20;
/// What there is beside the hook.
const BASES: [&str; 2] = ["`/bin/true`", "`cat` to a file"];
/// Whether each record is synced, and what the spool is like.
const SPOOLS: [(&str, bool, u64); 3] =
    [("hook", false, 4096), ("hook, fsync", true, 4096), ("hook, spool full", false, 16)];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let calls = arguments.next().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS_DEFAULT);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("ursa-endpoint");
    let folder = parent.join(format!("hook-price-{}", std::process::id()));
    println!("| case | p50 ms | p99 ms | p50 / true's | resident MiB | load |\n|---|--:|--:|--:|--:|--:|");
    for (name, bytes) in [("1 KB", 1000), ("1 MB", 1_000_000)] {
        let input = format!(
            r#"{{"session_id":"s","hook_event_name":"PostToolUse","tool_response":{{"stdout":"{}"}}}}"#,
            "line of output\\n".repeat(bytes / 16)
        );
        let states = SPOOLS.map(|(kind, fsync, size_mib)| {
            let state = folder.join(format!("{bytes}-{kind}"));
            std::fs::create_dir_all(&state).unwrap();
            let settings = format!("[spool]\nfsync = {fsync}\nsize_mib = {size_mib}\n");
            std::fs::write(state.join("endpoint.toml"), settings).unwrap();
            state
        });
        // A spool that is full from the first measured call on.
        let filler = format!("{{\"text\":\"{}\"}}", "x".repeat(1_000_000));
        for _ in 0..FILLERS {
            call(hook(&program, &states[2]), filler.as_bytes());
        }
        // In turn, so that all see the same machine.
        let mut times = [const { Vec::new() }; BASES.len() + SPOOLS.len()];
        for _ in 0..calls {
            times[0].push(call(Command::new("/bin/true"), &[]));
            times[1].push(call(cat(&folder.join("copy")), input.as_bytes()));
            for (state, times) in states.iter().zip(&mut times[BASES.len()..]) {
                times.push(call(hook(&program, state), input.as_bytes()));
            }
        }
        let file = folder.join("input");
        std::fs::write(&file, &input).unwrap();
        for times in &mut times {
            times.sort_unstable();
        }
        let nothing = quantile(&times[0], 0.5);
        for (index, times) in times.iter().enumerate() {
            let state = index.checked_sub(BASES.len());
            let resident = state.and_then(|state| resident(&program, &states[state], &file));
            let resident = resident.map_or_else(|| "–".to_owned(), |mib| format!("{mib:.1}"));
            let case = state.map_or_else(|| BASES[index], |state| SPOOLS[state].0);
            let [half, most] = [0.5, 0.99].map(|part| quantile(times, part));
            println!("| {name}, {case} | {half:.2} | {most:.2} | {:.1} | {resident} | {} |", half / nothing, load());
        }
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
    }
    let size = std::fs::metadata(&program).unwrap().len() as f64 / f64::from(1 << 20);
    println!("\nprogram: {size:.1} MiB");
    std::fs::remove_dir_all(&folder).unwrap();
}
