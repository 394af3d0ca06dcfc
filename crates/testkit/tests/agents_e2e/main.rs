//! The real agents: what they print is the same directly and through Ursa, and what Ursa then tells over its API is what
//! the upstream sent and the agents did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod expect;
mod hooks;
mod others;

use std::path::Path;
use std::time::Duration;

use ursa_testkit::agents::{AgentKind, AgentPrograms, AgentRun, AgentTask, Workspace, mask};
use ursa_testkit::api::StoredSession;
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::upstream::{Exchange, Fault, FaultAction, FaultAt, Upstream, UpstreamOptions, WebSocket};

const SETTLE_LIMIT: Duration = Duration::from_secs(30);
const SCRIPT: &str = "RIG-PROMPT tidy this project.";

/// Set by someone who wants the other tests only.
fn skipped() -> bool {
    let skip = std::env::var_os("URSA_SKIP_AGENTS").is_some_and(|value| value == "1");
    if skip {
        println!("skipped: URSA_SKIP_AGENTS=1, the real agents were not run");
    }
    skip
}

async fn run(kind: AgentKind, base_url: &str, prompt: &str) -> (AgentRun, Workspace) {
    let workspace = Workspace::fresh().await.unwrap();
    let mcp_server = Path::new(env!("CARGO_BIN_EXE_testkit-mcp"));
    let task = AgentTask { kind, base_url: Some(base_url), prompt, mcp_server };
    let run = AgentPrograms::locate().unwrap().run(&workspace, &task).await.unwrap();
    assert_eq!(run.code, Some(0), "{kind:?}:\n{}\n{}", run.stdout, run.stderr);
    (run, workspace)
}

/// Runs an agent through a fresh Ursa and gives the run, what the upstream saw, and what Ursa stored.
struct Through {
    run: AgentRun,
    workspace: Workspace,
    exchanges: Vec<Exchange>,
    sessions: Vec<StoredSession>,
    _data: tempfile::TempDir,
}

async fn run_through(kind: AgentKind, prompt: &str, options: UpstreamOptions) -> Through {
    let upstream = Upstream::start(options).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut server = ServerOptions::for_upstream(&data.path().join("data"), &upstream.base_url());
    let base_url = upstream.base_url();
    server.upstreams.push(format!("bedrock=anthropic-messages+{base_url}"));
    server.upstreams.push(format!("vertex=anthropic-messages+{base_url}/v1"));
    let server = UrsaServer::start(server).await.unwrap();
    let (run, workspace) = run(kind, &server.edge(kind.upstream()), prompt).await;
    let exchanges = upstream.exchanges();
    let api = server.api().await.unwrap();
    let sessions = api.wait_for_sessions(SETTLE_LIMIT, |sessions| expect::missing_answers(&exchanges, sessions)).await;
    let sessions = sessions.unwrap_or_else(|error| panic!("{error:#}\n{}", server.output()));
    Through { run, workspace, exchanges, sessions, _data: data }
}

async fn prints_the_same_and_is_recorded_whole(kind: AgentKind, options: UpstreamOptions) {
    let upstream = Upstream::start(options.clone()).await.unwrap();
    let (direct, direct_workspace) = run(kind, &upstream.base_url(), SCRIPT).await;
    expect::whole_script_ran(&upstream.exchanges(), &direct_workspace);
    let through = run_through(kind, SCRIPT, options).await;
    expect::whole_script_ran(&through.exchanges, &through.workspace);
    let over_socket = through.exchanges.iter().any(|exchange| exchange.method == "WS");
    assert_eq!(over_socket, kind == AgentKind::CodexOverWebSocket);
    prints_the_same(kind, (&direct, &direct_workspace), &through);
    expect::record_is_whole(&through.exchanges, &through.sessions);
    expect::one_prompt(&through.sessions, "tidy this project.");
    expect::agent_is(&through.sessions, kind);
}

fn prints_the_same(kind: AgentKind, (direct, direct_workspace): (&AgentRun, &Workspace), through: &Through) {
    let expected = mask(&direct.stdout, direct_workspace).join("\n");
    let printed = mask(&through.run.stdout, &through.workspace).join("\n");
    assert!(expected == printed, "{kind:?} prints otherwise through Ursa:\n{expected}\n---\n{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_is_recorded_whole_and_notices_nothing() {
    if !skipped() {
        prints_the_same_and_is_recorded_whole(AgentKind::ClaudeCode, UpstreamOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_is_recorded_whole_and_notices_nothing() {
    if !skipped() {
        prints_the_same_and_is_recorded_whole(AgentKind::Codex, UpstreamOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_in_code_mode_is_recorded_whole_and_notices_nothing() {
    if !skipped() {
        prints_the_same_and_is_recorded_whole(AgentKind::CodexInCodeMode, UpstreamOptions::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_over_websocket_is_recorded_whole_and_notices_nothing() {
    if skipped() {
        return;
    }
    for websocket in [WebSocket::Plain, WebSocket::Deflate] {
        let options = UpstreamOptions { websocket, ..UpstreamOptions::default() };
        prints_the_same_and_is_recorded_whole(AgentKind::CodexOverWebSocket, options).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subagents_beside_their_parent_are_told_apart() {
    if skipped() {
        return;
    }
    let prompt = "RIG-BACKGROUND tidy this project.";
    let through = run_through(AgentKind::ClaudeCode, prompt, UpstreamOptions::default()).await;
    expect::record_is_whole(&through.exchanges, &through.sessions);
    expect::one_prompt(&through.sessions, "tidy this project.");
}

/// The agent is refused once, then cut off once in the middle of a text, and tries again both times.
fn troubled() -> UpstreamOptions {
    let fault = |call, action| Fault { at: FaultAt::Call(call), action };
    let faults = vec![fault(1, FaultAction::Status(529)), fault(3, FaultAction::ResetAfter(900))];
    UpstreamOptions { faults, ..UpstreamOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_and_a_cut_call_and_their_retries_are_calls_of_their_own() {
    if skipped() {
        return;
    }
    let through = run_through(AgentKind::ClaudeCode, SCRIPT, troubled()).await;
    expect::whole_script_ran(&through.exchanges, &through.workspace);
    expect::one_prompt(&through.sessions, "tidy this project.");
    expect::each_tool_call_once(&through.exchanges, &through.sessions);
    let [session] = through.sessions.as_slice() else { panic!("{} sessions", through.sessions.len()) };
    let calls: Vec<_> = session.of_kind("model_call").collect();
    assert_eq!(calls.len(), through.exchanges.len(), "each request to the upstream is one model call");
    let refused: Vec<_> = calls.iter().filter(|call| call["status_code"] == 529).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["error"]["type"], "overloaded_error", "{}", refused[0]);
    assert_eq!(session.session["completeness"]["complete"], false, "the cut answer is a gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_recorded_in_every_content_encoding() {
    if skipped() {
        return;
    }
    for name in ["gzip", "deflate", "br", "zstd"] {
        let encoding = ursa_testkit::upstream::ContentEncoding::from_name(name);
        let options = UpstreamOptions { encoding, ..UpstreamOptions::default() };
        let through = run_through(AgentKind::ClaudeCode, "RIG-PLAIN say it.", options).await;
        let mut model_calls = through.exchanges.iter().filter(|exchange| exchange.answer.is_some());
        let sent =
            model_calls.all(|exchange| exchange.response_headers.contains(&("content-encoding".into(), name.into())));
        assert!(sent, "{name}: the client did not accept it");
        expect::record_is_whole(&through.exchanges, &through.sessions);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_agents_run_the_whole_script_against_the_upstream_alone() {
    if skipped() {
        return;
    }
    for kind in [AgentKind::ClaudeCode, AgentKind::Codex] {
        let mut printed = Vec::new();
        for _ in 0..2 {
            let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
            let (run, workspace) = run(kind, &upstream.base_url(), SCRIPT).await;
            expect::whole_script_ran(&upstream.exchanges(), &workspace);
            printed.push(mask(&run.stdout, &workspace).join("\n"));
        }
        assert!(printed[0] == printed[1], "{kind:?} is masked too little:\n{}\n---\n{}", printed[0], printed[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code_gets_over_a_refusal_and_a_cut_on_its_own() {
    if skipped() {
        return;
    }
    let upstream = Upstream::start(troubled()).await.unwrap();
    let (_, workspace) = run(AgentKind::ClaudeCode, &upstream.base_url(), SCRIPT).await;
    expect::whole_script_ran(&upstream.exchanges(), &workspace);
    let exchanges = upstream.exchanges();
    assert_eq!(exchanges.iter().filter(|exchange| exchange.status == 529).count(), 1);
    assert_eq!(exchanges.iter().filter(|exchange| !exchange.complete).count(), 1);
}
