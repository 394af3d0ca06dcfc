//! Puts the hooks of `ursa-endpoint` into an agent's settings, as its user would.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;

use super::{AgentKind, Workspace};

/// The endpoint's program and its state directory.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub(super) endpoint: PathBuf,
    pub(super) state_dir: PathBuf,
}

impl Hooks {
    /// Installs into the workspace's home. Comes after the agent's own settings, which are written anew for each run.
    pub(super) async fn install(&self, workspace: &Workspace, kind: AgentKind) -> anyhow::Result<()> {
        let (agent, _) = kind.slug_and_version();
        let mut command = super::clean(&self.endpoint);
        command.args(["install", "--agents", agent, "--state-dir"]).arg(&self.state_dir);
        // The consent of a user who is not there.
        command.arg("--trust-codex-hooks");
        command.env("HOME", workspace.home()).stdin(Stdio::null());
        let output = command.output().await.context("run the endpoint's install")?;
        let told = String::from_utf8_lossy(&output.stdout);
        anyhow::ensure!(output.status.success(), "install: {}\n{told}", output.status);
        Ok(())
    }
}

impl super::AgentPrograms {
    /// The same programs, with the hooks of that endpoint installed before each run. Not for agents without hooks.
    #[must_use]
    pub fn with_hooks(&self, endpoint: &Path, state_dir: &Path) -> Self {
        let hooks = Hooks { endpoint: endpoint.to_path_buf(), state_dir: state_dir.to_path_buf() };
        Self { hooks: Some(hooks), ..self.clone() }
    }
}
