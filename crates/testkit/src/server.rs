//! The real server program: start it, kill it, ask it for a token.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::api::ApiClient;
use crate::ingest::IngestClient;

/// The line with which the server says that it is ready.
const READY: &str = "ursa: listening on ";
/// A start includes recovery of the journal.
const START_LIMIT: Duration = Duration::from_mins(1);
/// A drain on SIGTERM.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// The server program: `$URSA_BIN`, else the one built beside this program. Errors when there is none: a test that
/// needs it fails rather than passing without having looked.
pub fn ursa_program() -> anyhow::Result<PathBuf> {
    if let Some(program) = std::env::var_os("URSA_BIN").map(PathBuf::from) {
        anyhow::ensure!(program.is_file(), "URSA_BIN={} is no file", program.display());
        return Ok(program);
    }
    let current = std::env::current_exe()?;
    let mut beside = current.ancestors().skip(1).map(|dir| dir.join("ursa"));
    beside.find(|program| program.is_file()).context("no `ursa` was built: run `cargo build -p ursa --bin ursa`")
}

/// How to start a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Its data folder; the same one again for a restart.
    pub data_dir: PathBuf,
    /// `NAME=URL` for `--upstream`.
    pub upstreams: Vec<String>,
    /// A configuration file's text, written beside the data folder.
    pub config: Option<String>,
}

impl ServerOptions {
    /// A server whose `anthropic`, `openai` and `gemini` are the given base URL.
    pub fn for_upstream(data_dir: &Path, base_url: &str) -> Self {
        let upstreams = ["anthropic", "openai", "gemini"].map(|name| format!("{name}={base_url}")).into();
        Self { data_dir: data_dir.to_path_buf(), upstreams, config: None }
    }

    fn common_arguments(&self) -> anyhow::Result<Vec<std::ffi::OsString>> {
        let mut arguments = vec!["--data-dir".into(), self.data_dir.clone().into_os_string()];
        if let Some(config) = &self.config {
            let file = self.data_dir.with_extension("config.toml");
            std::fs::write(&file, config)?;
            arguments.extend(["--config".into(), file.into_os_string()]);
        }
        Ok(arguments)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct UrsaServer {
    options: ServerOptions,
    child: Child,
    base_url: String,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl UrsaServer {
    /// Starts a server and waits until it says that it listens. Errors with its output when it does not.
    pub async fn start(options: ServerOptions) -> anyhow::Result<Self> {
        Self::start_through(options, &[]).await
    }

    /// As [`UrsaServer::start`], through a program with arguments that becomes the server (`env X=Y`, `strace -D …`).
    pub async fn start_through(options: ServerOptions, wrapper: &[&str]) -> anyhow::Result<Self> {
        let program = ursa_program()?;
        let mut command = match wrapper {
            [] => Command::new(program),
            [wrapper, arguments @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        command.arg("serve").args(["--listen", "127.0.0.1:0"]).args(options.common_arguments()?);
        for upstream in &options.upstreams {
            command.arg("--upstream").arg(upstream);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start ursa")?;
        let (ready, mut is_ready) = watch::channel(None);
        let (stdout, stderr) = (Arc::default(), Arc::default());
        if let Some(pipe) = child.stdout.take() {
            tokio::spawn(keep_lines(pipe, Arc::clone(&stdout), Some(ready)));
        }
        let complaints = child.stderr.take().map(|pipe| tokio::spawn(keep_lines(pipe, Arc::clone(&stderr), None)));
        let waited = tokio::time::timeout(START_LIMIT, is_ready.wait_for(Option::is_some)).await;
        let base_url = waited.ok().and_then(Result::ok).and_then(|base_url| base_url.clone());
        let Some(base_url) = base_url else {
            // What it had to say may still be in the pipe.
            if let (Some(complaints), Ok(_)) = (complaints, tokio::time::timeout(STOP_LIMIT, child.wait()).await) {
                let _ = complaints.await;
            }
            anyhow::bail!("ursa did not start:\n{}\n{}", text(&stdout), text(&stderr));
        };
        Ok(Self { options, child, base_url, stdout, stderr })
    }

    /// `http://HOST:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The address that it listens on. Errors when the line it printed holds none.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.base_url.trim_start_matches("http://").parse().context("the address of ursa")
    }

    /// `…/edge/{upstream}`, the base URL to give an agent.
    pub fn edge(&self, upstream: &str) -> String {
        format!("{}/edge/{upstream}", self.base_url)
    }

    /// The process id, until it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has printed so far, standard output first.
    pub fn output(&self) -> String {
        format!("{}\n{}", text(&self.stdout), text(&self.stderr))
    }

    /// A new API token, through the command line as an administrator would. Errors when the command fails.
    pub async fn token(&self, role: &str) -> anyhow::Result<String> {
        self.admin(&["token", "create", "--role", role]).await
    }

    /// A new enrolment token, likewise. Errors when the command fails.
    pub async fn enroll_token(&self, uses: &str) -> anyhow::Result<String> {
        self.admin(&["enroll-token", "create", "--uses", uses]).await
    }

    /// Any admin command on its data; gives the last line that it prints. Errors when the command fails.
    pub async fn admin(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(ursa_program()?);
        command.args(arguments).args(self.options.common_arguments()?).stdin(Stdio::null());
        let output = command.output().await?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let shown = arguments.join(" ");
        anyhow::ensure!(output.status.success(), "ursa {shown}: {}\n{stdout}\n{stderr}", output.status);
        stdout
            .lines()
            .next_back()
            .map(|line| line.trim().to_owned())
            .with_context(|| format!("ursa {shown} printed nothing"))
    }

    /// A client of its ingest API, with a device's key or without one.
    pub fn ingest(&self, key: Option<&str>) -> IngestClient {
        IngestClient::new(&self.base_url, key)
    }

    /// A client of its REST API with an administrator's token. Errors as [`UrsaServer::token`] does.
    pub async fn api(&self) -> anyhow::Result<ApiClient> {
        Ok(ApiClient::new(&self.base_url, &self.token("admin").await?))
    }

    /// Kills it with no warning, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill ursa")
    }

    /// Asks it to drain and stop, and waits. Errors when it does not stop in time.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let pid = self.child.id().context("ursa has already ended")?;
        Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        let waited = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        Ok(waited.context("ursa did not stop on SIGTERM")??)
    }
}

fn text(kept: &Mutex<String>) -> String {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn keep_lines(
    pipe: impl AsyncRead + Unpin,
    kept: Arc<Mutex<String>>,
    ready: Option<watch::Sender<Option<String>>>,
) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let (Some(base_url), Some(ready)) = (line.strip_prefix(READY), &ready) {
            ready.send_replace(Some(base_url.trim().to_owned()));
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&line);
        kept.push('\n');
    }
}
