//! Copilot CLI with an own provider of the OpenAI kind (Chat Completions), headless.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::{AgentTask, DUMMY_KEY, Workspace};

pub(super) fn command(program: &Path, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Command> {
    let home = workspace.home().join(".copilot");
    std::fs::create_dir_all(&home)?;
    let servers = json!({
        "mcpServers": {"testkit": {"type": "local", "command": task.mcp_server, "args": [], "tools": ["*"]}},
    });
    std::fs::write(home.join("mcp-config.json"), servers.to_string())?;
    let mut command = super::clean(program);
    // Without the first it looks for GitHub, without the second for a newer self.
    command.env("COPILOT_OFFLINE", "true").env("COPILOT_AUTO_UPDATE", "false");
    command.env("COPILOT_PROVIDER_TYPE", "openai").env("COPILOT_PROVIDER_WIRE_API", "completions");
    command.envs(task.base_url.map(|url| ("COPILOT_PROVIDER_BASE_URL", format!("{url}/v1"))));
    command.env("COPILOT_PROVIDER_API_KEY", DUMMY_KEY).env("COPILOT_MODEL", "gpt-5.4");
    command.arg("-p").arg(super::prompt(workspace, task));
    command.args(["--allow-all-tools", "--allow-all-paths", "--trust-folder", "--output-format", "json"]);
    Ok(command)
}
