//! Gemini CLI, headless.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::{AgentTask, DUMMY_KEY, Workspace};

pub(super) fn command(program: &Path, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Command> {
    let home = workspace.home().join(".gemini");
    std::fs::create_dir_all(&home)?;
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
        "mcpServers": {"testkit": {"command": task.mcp_server, "args": [], "trust": true}},
    });
    std::fs::write(home.join("settings.json"), settings.to_string())?;
    let mut command = super::clean(Path::new("node"));
    command.arg(program);
    command.env("GEMINI_API_KEY", DUMMY_KEY).envs(task.base_url.map(|url| ("GOOGLE_GEMINI_BASE_URL", url)));
    command.env("GEMINI_CLI_TRUST_WORKSPACE", "true").env("GEMINI_CLI_NO_RELAUNCH", "true");
    command.arg("-p").arg(super::prompt(workspace, task));
    command.args(["--approval-mode", "yolo", "--output-format", "stream-json"]);
    Ok(command)
}
