//! Puts the hooks of `ursa-endpoint` into an agent's settings, as its user would.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;

use super::{AgentTask, Workspace};

/// The endpoint's program and its state directory.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub(super) endpoint: PathBuf,
    pub(super) state_dir: PathBuf,
    /// What the hooks call, when it is not the endpoint.
    pub(super) calling: Option<PathBuf>,
}

impl Hooks {
    /// Installs into the workspace's home: hooks, and the base URL if the task names none. Comes after the agent's own
    /// settings, which are written anew for each run. Gives the variables that install asks its user to set.
    pub(super) async fn install(
        &self,
        workspace: &Workspace,
        task: &AgentTask<'_>,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let (agent, _) = task.kind.slug_and_version();
        let mut command = super::clean(&self.endpoint);
        command.args(["install", "--agents", agent, "--state-dir"]).arg(&self.state_dir);
        command.args(["--channels", if task.base_url.is_none() { "hooks,edge" } else { "hooks" }]);
        if let Some(program) = &self.calling {
            command.arg("--program").arg(program);
        }
        // The consent of a user who is not there.
        command.arg("--trust-codex-hooks");
        command.env("HOME", workspace.home()).stdin(Stdio::null());
        let output = command.output().await.context("run the endpoint's install")?;
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "install: {}\n{told}{errors}", output.status);
        let key = std::fs::read_to_string(self.state_dir.join("device.key")).unwrap_or_default();
        let variables =
            told.lines().filter_map(|line| line.trim_start().split_once('=')).filter(|(name, _)| is_name(name));
        Ok(variables.map(|(name, value)| (name.to_owned(), value.replace("KEY", key.trim()))).collect())
    }
}

/// True for the name of a variable, and for no word of a sentence.
fn is_name(text: &str) -> bool {
    text.contains('_') && text.chars().all(|char| char.is_ascii_uppercase() || char == '_')
}

impl super::AgentPrograms {
    /// The same programs, with the hooks of that endpoint installed before each run, and its server for their base URL where
    /// a task names none. Not for agents without hooks.
    #[must_use]
    pub fn with_hooks(&self, endpoint: &Path, state_dir: &Path) -> Self {
        let hooks = Hooks { endpoint: endpoint.to_path_buf(), state_dir: state_dir.to_path_buf(), calling: None };
        Self { hooks: Some(hooks), ..self.clone() }
    }

    /// The same, but the hooks call that program, whose name must be `ursa-endpoint`: for telling what an agent pays for any hook.
    #[must_use]
    pub fn calling(mut self, program: &Path) -> Self {
        if let Some(hooks) = &mut self.hooks {
            hooks.calling = Some(program.to_path_buf());
        }
        self
    }
}
