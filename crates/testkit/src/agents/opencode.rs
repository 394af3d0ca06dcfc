//! opencode, `run`, with an own Anthropic provider.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use tokio::process::Command;

use super::{AgentTask, DUMMY_KEY, Workspace};

const MODEL: &str = "claude-sonnet-4-5";

pub(super) fn command(program: &Path, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Command> {
    let base_url = task.base_url.context("opencode has no hooks to install a base URL with")?;
    let home = workspace.home().join(".config/opencode");
    std::fs::create_dir_all(&home)?;
    let model = json!({
        "name": MODEL, "limit": {"context": 200_000, "output": 8_000}, "tool_call": true, "reasoning": true,
        "attachment": false, "temperature": true, "release_date": "2026-01-01", "cost": {"input": 1, "output": 1},
    });
    let config = json!({
        "model": format!("anthropic/{MODEL}"), "autoupdate": false, "share": "disabled", "snapshot": false,
        "permission": {"*": "allow"},
        "provider": {"anthropic": {
            "options": {"baseURL": format!("{base_url}/v1"), "apiKey": DUMMY_KEY}, "models": {MODEL: model},
        }},
        "mcp": {"testkit": {"type": "local", "command": [task.mcp_server], "enabled": true}},
    });
    std::fs::write(home.join("opencode.json"), config.to_string())?;
    let mut command = super::clean(program);
    // Without these it asks for a list of models, for a newer self and for language servers.
    command.env("OPENCODE_DISABLE_MODELS_FETCH", "1").env("OPENCODE_DISABLE_AUTOUPDATE", "1");
    command.env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    // Word by word: it puts quotes around an argument with a space in it.
    command.args(["run", "--format", "json"]).args(super::prompt(workspace, task).split_whitespace());
    Ok(command)
}
