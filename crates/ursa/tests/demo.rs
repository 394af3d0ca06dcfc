//! `ursa demo` as a process: what its simulated agents do has to be in the record, with nothing secret, and it ends
//! cleanly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use ursa_testkit::api::{ApiClient, StoredSession};

/// For all that is waited for. Far more than it takes.
const LIMIT: Duration = Duration::from_secs(90);

/// A running demo; killed when dropped.
struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    base_url: String,
    folder: PathBuf,
    fate: String,
}

impl Demo {
    async fn start(data_dir: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ursa"));
        command.args(["demo", "--listen", "127.0.0.1:0"]);
        if let Some(dir) = data_dir {
            command.arg("--data-dir").arg(dir);
        }
        // A setting that would keep the agents out, to see that the environment does not count.
        command.env("URSA_EDGE_LOOPBACK_WITHOUT_KEY", "false");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let signin = line(&mut lines, "ursa: sign in once at ").await;
        let base_url = line(&mut lines, "ursa: listening on ").await;
        assert!(signin.starts_with(&format!("{base_url}/signin?token=")), "{signin}");
        let told = line(&mut lines, "ursa: this is a demo with simulated agents; its data is in ").await;
        let (folder, fate) = told.rsplit_once(" (").unwrap();
        Self { child, lines, base_url, folder: PathBuf::from(folder), fate: fate.trim_end_matches(')').to_owned() }
    }

    async fn api(&self) -> ApiClient {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ursa"));
        command.args(["token", "create", "--role", "admin", "--data-dir"]).arg(&self.folder);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ApiClient::new(&self.base_url, String::from_utf8(output.stdout).unwrap().trim())
    }

    /// Asks it to stop; it has to end well, and to print nothing more.
    async fn terminate(mut self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await.expect("it does not stop").unwrap();
        assert_eq!(ended.code(), Some(0));
        assert_eq!(self.lines.next_line().await.unwrap(), None);
    }
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>, opening: &str) -> String {
    let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("it prints nothing").unwrap();
    let line = line.expect("it ended");
    line.strip_prefix(opening).unwrap_or_else(|| panic!("{line}")).to_owned()
}

fn slug(session: &StoredSession) -> &str {
    session.session["agent"]["slug"].as_str().unwrap_or_default()
}

fn titled<'a>(sessions: &'a [StoredSession], title: &str) -> Option<&'a StoredSession> {
    sessions.iter().find(|session| session.session["title"] == title)
}

/// The count of an agent's sessions, without the one that goes on.
fn of_agent(sessions: &[StoredSession], agent: &str) -> usize {
    sessions.iter().filter(|session| slug(session) == agent && !is_live(session)).count()
}

fn is_live(session: &StoredSession) -> bool {
    session.session["title"].as_str().is_some_and(|title| title.contains("small things"))
}

const AGENTS: [(&str, usize); 6] = [
    ("claude-code", 3),
    ("codex", 1),
    ("opencode", 1),
    ("copilot-cli", 1),
    ("anthropic-python", 4),
    ("openai-python", 2),
];

/// Title, then how many prompts, tool calls, calls of MCP servers, command lines and failed calls there are. The first
/// has a subagent, whose prompt and calls are among them.
const COUNTS: [(&str, [u64; 5]); 5] = [
    ("Cart discount applied twice", [4, 15, 1, 4, 1]),
    ("Deploy fails with 403", [1, 1, 0, 1, 0]),
    ("Old backups on the staging volume", [3, 5, 0, 3, 2]),
    ("Labels for the report's charts", [2, 3, 0, 0, 0]),
    ("Rename the flag --dryrun of scripts/close_month.sh to --dry-run and keep the old one working.", [1, 4, 1, 2, 1]),
];

fn counts(session: &StoredSession) -> [u64; 5] {
    ["prompts", "tool_calls", "mcp_calls", "cli_calls", "tool_errors"]
        .map(|count| session.session["counts"][count].as_u64().unwrap())
}

/// What is still missing.
fn missing(sessions: &[StoredSession]) -> Option<String> {
    for (agent, expected) in AGENTS {
        let found = of_agent(sessions, agent);
        if found != expected {
            return Some(format!("{found} sessions of {agent}, not {expected}"));
        }
    }
    for (title, expected) in COUNTS {
        let found = titled(sessions, title).map(counts);
        if found != Some(expected) {
            return Some(format!("{title}: {found:?}, not {expected:?}"));
        }
    }
    let codex = sessions.iter().find(|session| slug(session) == "codex").map(counts);
    if codex != Some([2, 8, 1, 4, 1]) {
        return Some(format!("codex: {codex:?}"));
    }
    // The last words of every session are there.
    let open = sessions.iter().find(|session| {
        // Of some their hooks tell the end, too.
        let mut words = session.events.iter().rev().map(|event| event["kind"].as_str().unwrap_or_default());
        let last = words.find(|kind| !["session_end", "notice"].contains(kind));
        !is_live(session) && last != Some("completion")
    });
    open.map(|session| format!("{} has not ended", session.session["title"]))
}

fn tool_calls<'a>(session: &'a StoredSession, name: &'a str) -> impl Iterator<Item = &'a Value> {
    session.of_kind("tool_call").filter(move |call| call["tool"]["name"] == name)
}

#[tokio::test]
async fn every_page_has_something_true_to_show() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path())).await;
    assert_eq!((demo.folder.as_path(), demo.fate.as_str()), (dir.path(), "kept"));
    let api = demo.api().await;
    let sessions = api.wait_for_sessions(LIMIT, missing).await.unwrap();

    let cart = titled(&sessions, "Cart discount applied twice").unwrap();
    people_and_places(cart);
    a_subagent_is_tied_to_its_call(cart);
    errors_and_gaps(&sessions);
    what_else_there_is(&sessions);
    no_key_anywhere(&api, &sessions).await;
    it_goes_on(&api).await;
    demo.terminate().await;
    assert!(dir.path().join("lock").exists(), "a folder that was given stays");
}

fn people_and_places(cart: &StoredSession) {
    assert_eq!(cart.session["user"]["email"], "ana@example.com");
    assert_eq!(cart.session["device"]["hostname"], "ana-laptop");
    assert_eq!(cart.session["cwd"], "/home/ana/src/storefront");
    assert_eq!(cart.session["mcp_servers"], serde_json::json!(["github"]));
    assert_eq!(cart.session["completeness"]["complete"], true);
    assert!(cart.session["usage"]["cache_read_input_tokens"].as_u64().unwrap() > 0);
}

fn a_subagent_is_tied_to_its_call(cart: &StoredSession) {
    let spawned = tool_calls(cart, "Agent").next().unwrap()["spawned_subagent_id"].as_str().unwrap();
    let inside = |kind| cart.of_kind(kind).filter(|event| event["subagent_id"] == spawned).count();
    assert_eq!([inside("prompt"), inside("tool_call"), inside("completion")], [1, 2, 1]);
    let of_others = cart.events.iter().filter(|event| event["subagent_id"].is_string());
    assert!(of_others.into_iter().all(|event| event["subagent_id"] == spawned));
}

fn errors_and_gaps(sessions: &[StoredSession]) {
    let cart = titled(sessions, "Cart discount applied twice").unwrap();
    let failed: Vec<&Value> = cart.of_kind("model_call").filter(|call| !call["error"].is_null()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["status_code"], &failed[0]["error"]["type"]), (&529.into(), &"overloaded_error".into()));

    let backups = titled(sessions, "Old backups on the staging volume").unwrap();
    assert_eq!(backups.session["completeness"]["complete"], false);
    assert_eq!(backups.session["completeness"]["gaps"][0]["kind"], "upstream_reset");
    let denied: Vec<&Value> = backups.of_kind("tool_call").filter(|call| call["status"] == "denied").collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["tool"]["cli"]["program"], "rm");
    let summed_up = backups.of_kind("model_call").filter(|call| call["purpose"] == "summary");
    assert_eq!(summed_up.count(), 1);
}

fn what_else_there_is(sessions: &[StoredSession]) {
    let codex = sessions.iter().find(|session| slug(session) == "codex").unwrap();
    let patch = tool_calls(codex, "apply_patch").next().unwrap();
    assert!(patch["arguments"].as_str().unwrap().starts_with("*** Begin Patch\n"));
    assert!(codex.session["usage"]["reasoning_output_tokens"].as_u64().unwrap() > 0);

    let charts = titled(sessions, "Labels for the report's charts").unwrap();
    let prompt = charts.of_kind("prompt").next().unwrap();
    assert_eq!(prompt["attachments"][0]["media_type"], "image/png");
    assert_eq!(tool_calls(charts, "web_search").next().unwrap()["tool"]["type"], "server");

    let deploy = titled(sessions, "Deploy fails with 403").unwrap();
    let output = deploy.of_kind("tool_call").next().unwrap()["result"].as_str().unwrap();
    assert!(output.contains('\u{1b}') && output.contains('\u{202e}') && output.contains("<img "), "{output}");
}

/// Neither the keys that were pasted, nor what stood where the agents' own keys stand.
async fn no_key_anywhere(api: &ApiClient, sessions: &[StoredSession]) {
    let mut told = String::new();
    for stored in sessions {
        told.push_str(&serde_json::to_string(&stored.events).unwrap());
        let id = stored.session["id"].as_str().unwrap();
        told.push_str(&String::from_utf8_lossy(&api.get_raw(&format!("/api/v1/sessions/{id}")).await.unwrap()));
        for call in stored.of_kind("model_call") {
            let path = format!("/api/v1/sessions/{id}/calls/{}/context", call["id"].as_str().unwrap());
            let (status, context) = api.request(http::Method::GET, &path, None).await.unwrap();
            assert!(matches!(status, 200 | 404), "{path}: {status}");
            told.push_str(&String::from_utf8_lossy(&context));
        }
    }
    for key in ["Demo0Demo0", "Demo1Demo1", "demo-key-of-nobody"] {
        assert!(!told.contains(key), "{key} can be read");
    }
    for mark in ["[redacted:anthropic_key]", "[redacted:github_token]"] {
        assert!(told.contains(mark), "{mark} is nowhere");
    }
}

/// The live session gets a tool call, and then another.
async fn it_goes_on(api: &ApiClient) {
    for calls in [1, 2] {
        let complaint = |sessions: &[StoredSession]| {
            let found =
                sessions.iter().filter(|session| is_live(session)).map(|session| counts(session)[1]).sum::<u64>();
            (found < calls).then(|| format!("{found} tool calls in the live session, not {calls}"))
        };
        api.wait_for_sessions(LIMIT, complaint).await.unwrap();
    }
}

#[tokio::test]
async fn a_temporary_folder_is_gone_at_the_end() {
    let demo = Demo::start(None).await;
    let folder = demo.folder.clone();
    assert_eq!(demo.fate, "removed at the end");
    assert!(folder.is_dir());
    demo.terminate().await;
    assert!(!folder.exists());
}
