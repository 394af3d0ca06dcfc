//! Agents whose tools differ in name and shape, and an older Claude Code.

use ursa_testkit::agents::AgentKind;
use ursa_testkit::upstream::{Upstream, UpstreamOptions};

use super::{SCRIPT, expect, prints_the_same, prints_the_same_and_is_recorded_whole, run, run_through, skipped};

/// Runs the agent directly and through Ursa, and compares: what it printed, what was sent with what is recorded.
async fn is_recorded(kind: AgentKind) {
    if skipped() {
        return;
    }
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let base_url = upstream.base_url();
    // Both at once: much of a run is waiting.
    let direct = run(kind, &base_url, SCRIPT);
    let through = run_through(kind, SCRIPT, UpstreamOptions::default());
    let ((direct, direct_workspace), through) = tokio::join!(direct, through);
    expect::script_ran(&upstream.exchanges(), &direct_workspace);
    expect::script_ran(&through.exchanges, &through.workspace);
    prints_the_same(kind, (&direct, &direct_workspace), &through);
    expect::record_is_whole(&through.exchanges, &through.sessions);
    expect::one_prompt(&through.sessions, "tidy this project.");
    expect::agent_is(&through.sessions, kind);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_claude_code_is_recorded_whole_and_notices_nothing() {
    if !skipped() {
        prints_the_same_and_is_recorded_whole(AgentKind::OlderClaudeCode, UpstreamOptions::default()).await;
    }
}

/// Clouds that sell Claude under paths and in frames of their own. What it prints is compared where it talks to Anthropic.
#[tokio::test(flavor = "multi_thread")]
async fn claude_code_on_the_clouds_is_recorded_whole() {
    if skipped() {
        return;
    }
    for kind in [AgentKind::ClaudeCodeOnBedrock, AgentKind::ClaudeCodeOnVertex] {
        let through = run_through(kind, SCRIPT, UpstreamOptions::default()).await;
        expect::whole_script_ran(&through.exchanges, &through.workspace);
        expect::record_is_whole(&through.exchanges, &through.sessions);
        expect::one_prompt(&through.sessions, "tidy this project.");
        expect::agent_is(&through.sessions, kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_cli_is_recorded_whole_and_notices_nothing() {
    is_recorded(AgentKind::GeminiCli).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_cli_is_recorded_whole_and_notices_nothing() {
    is_recorded(AgentKind::CopilotCli).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode_is_recorded_whole_and_notices_nothing() {
    is_recorded(AgentKind::Opencode).await;
}
