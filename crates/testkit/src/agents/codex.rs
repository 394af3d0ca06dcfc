//! Codex, `exec`.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::{AgentKind, AgentTask, DUMMY_KEY, Workspace};

/// The one bundled model that calls tools directly; the others run them from JavaScript.
const MODEL: &str = "gpt-5.5";
/// One of those that do.
const CODE_MODE_MODEL: &str = "gpt-6.1-sol";

pub(super) fn command(program: &Path, workspace: &Workspace, task: &AgentTask<'_>) -> anyhow::Result<Command> {
    let home = workspace.home().join(".codex");
    std::fs::create_dir_all(&home)?;
    std::fs::write(home.join("config.toml"), config(workspace, task))?;
    let mut command = super::clean(program);
    let key = if task.base_url.is_some() { "TESTKIT_API_KEY" } else { "OPENAI_API_KEY" };
    command.env(key, DUMMY_KEY).args(["exec", "--json"]).arg(super::prompt(workspace, task));
    Ok(command)
}

fn config(workspace: &Workspace, task: &AgentTask<'_>) -> String {
    // A JSON string is a TOML basic string.
    let mcp_server = json!(task.mcp_server);
    let project = json!(workspace.project());
    let (chosen, provider) = task.base_url.map(|url| provider(task, url)).unwrap_or_default();
    let model = if task.kind == AgentKind::CodexInCodeMode { CODE_MODE_MODEL } else { MODEL };
    format!(
        r#"model = "{model}"
{chosen}
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

{provider}
[mcp_servers.testkit]
command = {mcp_server}

[projects.{project}]
trust_level = "trusted"
"#
    )
}

/// The line that chooses a provider of our own, and its table.
fn provider(task: &AgentTask<'_>, base_url: &str) -> (&'static str, String) {
    let base_url = json!(format!("{base_url}/v1"));
    let websockets = task.kind == AgentKind::CodexOverWebSocket;
    let table = format!(
        r#"[model_providers.testkit]
name = "testkit"
base_url = {base_url}
env_key = "TESTKIT_API_KEY"
wire_api = "responses"
supports_websockets = {websockets}
request_max_retries = 1
stream_max_retries = 1
"#
    );
    (r#"model_provider = "testkit""#, table)
}
