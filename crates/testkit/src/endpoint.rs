//! The real endpoint program on a device of its own: enrolled, delivering, or kept from its server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tokio::process::{Child, Command};

/// Where no server is: a port that only an administrator could listen on, and nobody does.
pub const NOWHERE: &str = "http://127.0.0.1:1";

/// The endpoint program: `$URSA_ENDPOINT_BIN`, else the one built beside this program. Errors when there is none.
pub fn endpoint_program() -> anyhow::Result<PathBuf> {
    if let Some(program) = std::env::var_os("URSA_ENDPOINT_BIN").map(PathBuf::from) {
        anyhow::ensure!(program.is_file(), "URSA_ENDPOINT_BIN={} is no file", program.display());
        return Ok(program);
    }
    let current = std::env::current_exe()?;
    let mut beside = current.ancestors().skip(1).map(|dir| dir.join("ursa-endpoint"));
    beside.find(|program| program.is_file()).context("no `ursa-endpoint` was built: run `cargo build -p ursa-endpoint`")
}

/// A state directory of the program.
#[derive(Debug, Clone)]
pub struct Endpoint {
    program: PathBuf,
    state_dir: PathBuf,
}

impl Endpoint {
    /// A device that enrols at the server. Errors when the program is not built or does not succeed.
    pub async fn enrolled(state_dir: &Path, server: &str, token: &str) -> anyhow::Result<Self> {
        let endpoint = Self::at(state_dir)?;
        endpoint.run(&["enroll", "--server", server, "--token", token]).await?;
        Ok(endpoint)
    }

    /// A device that has enrolled before. Errors when the program is not built.
    pub fn at(state_dir: &Path) -> anyhow::Result<Self> {
        Ok(Self { program: endpoint_program()?, state_dir: state_dir.to_path_buf() })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its state directory.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Writes into its settings that its server is `now` instead of `before`. Errors when they do not name that one.
    pub fn point_at(&self, before: &str, now: &str) -> anyhow::Result<()> {
        let file = self.state_dir.join("endpoint.toml");
        let settings = std::fs::read_to_string(&file).context("the endpoint's settings")?;
        anyhow::ensure!(settings.contains(before), "{before} is not in the endpoint's settings:\n{settings}");
        Ok(std::fs::write(file, settings.replace(before, now))?)
    }

    /// Starts `daemon`. It is killed when dropped.
    pub fn daemon(&self) -> anyhow::Result<Child> {
        let mut command = self.command(&["daemon"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.spawn().context("start the endpoint's daemon")
    }

    /// Delivers what there is, to the last record. Errors with what the program says when it does not succeed.
    pub async fn flush(&self) -> anyhow::Result<()> {
        self.run(&["flush"]).await
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.command(arguments).output().await.context("run the endpoint")?;
        let told = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "ursa-endpoint {}: {}\n{told}", arguments.join(" "), output.status);
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Nothing of the caller's may lead it to another server.
        command.env_clear().args(arguments).arg("--state-dir").arg(&self.state_dir).stdin(Stdio::null());
        command
    }
}
