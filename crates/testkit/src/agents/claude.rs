//! Claude Code, headless.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::{AgentKind, AgentTask, DUMMY_KEY, Workspace};

pub(super) fn command(program: &Path, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Command> {
    let servers =
        json!({"mcpServers": {"testkit": {"type": "stdio", "command": task.mcp_server, "args": [], "env": {}}}});
    let mcp_config = workspace.home().join("mcp.json");
    std::fs::write(&mcp_config, servers.to_string())?;
    let mut command = super::clean(program);
    provider(&mut command, task);
    // Without the first of these it calls several hosts besides the base URL; the second keeps the program as pinned.
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    // Lets it skip permissions as root, which is who CI is.
    command.env("IS_SANDBOX", "1");
    command.arg("-p").arg(super::prompt(workspace, task));
    command.args(["--output-format", "stream-json", "--verbose", "--permission-mode", "bypassPermissions"]);
    command.arg("--mcp-config").arg(mcp_config);
    Ok(command)
}

/// Where its model is. The clouds' own sign-in is left out, as behind a gateway that signs.
fn provider(command: &mut Command, task: &AgentTask<'_>) {
    let Some(base_url) = task.base_url else {
        command.env("ANTHROPIC_API_KEY", DUMMY_KEY);
        return;
    };
    match task.kind {
        AgentKind::ClaudeCodeOnBedrock => command
            .env("CLAUDE_CODE_USE_BEDROCK", "1")
            .env("CLAUDE_CODE_SKIP_BEDROCK_AUTH", "1")
            .env("ANTHROPIC_BEDROCK_BASE_URL", base_url)
            .env("AWS_REGION", "us-east-1"),
        AgentKind::ClaudeCodeOnVertex => command
            .env("CLAUDE_CODE_USE_VERTEX", "1")
            .env("CLAUDE_CODE_SKIP_VERTEX_AUTH", "1")
            .env("ANTHROPIC_VERTEX_BASE_URL", base_url)
            .env("ANTHROPIC_VERTEX_PROJECT_ID", "testkit")
            .env("CLOUD_ML_REGION", "us-east5"),
        _ => command.env("ANTHROPIC_BASE_URL", base_url).env("ANTHROPIC_API_KEY", DUMMY_KEY),
    };
}
