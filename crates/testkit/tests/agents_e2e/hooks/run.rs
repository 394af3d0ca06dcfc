//! One session of a real agent with Ursa's hooks in its settings and Ursa's edge before its model.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use ursa_testkit::agents::{AgentKind, AgentPrograms, AgentTask, Workspace};
use ursa_testkit::api::StoredSession;
use ursa_testkit::endpoint::{Endpoint, NOWHERE};
use ursa_testkit::files::copy_folder;
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::upstream::{Exchange, Upstream, UpstreamOptions};

use crate::{SCRIPT, SETTLE_LIMIT, expect};

/// Envelopes that are delivered again in one batch.
const BATCH: usize = 7;

/// Whether the server takes what hooks told while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collect {
    Live,
    /// For the whole session nobody is where the device delivers to; what it recorded is flushed afterwards.
    Away,
}

/// What came of it. The server has stopped.
pub(super) struct Ran {
    pub(super) workspace: Workspace,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) sessions: Vec<StoredSession>,
    pub(super) data: tempfile::TempDir,
    /// The device's state directory.
    state: tempfile::TempDir,
}

impl Ran {
    /// The server again, to which the device delivers everything once more, in this order.
    pub(super) async fn delivered_again(&self, envelopes: &[Value]) -> Vec<StoredSession> {
        let options = ServerOptions::for_upstream(self.data.path(), NOWHERE);
        let mut server = UrsaServer::start(options).await.unwrap();
        let key = std::fs::read_to_string(self.state.path().join("device.key")).unwrap();
        let ingest = server.ingest(Some(key.trim()));
        for batch in envelopes.chunks(BATCH) {
            let receipt = ingest.deliver(batch).await.unwrap();
            assert_eq!((receipt.accepted, receipt.duplicates, receipt.rejected.len()), (0, batch.len() as u64, 0));
        }
        let api = server.api().await.unwrap();
        api.wait_settled(SETTLE_LIMIT).await.unwrap();
        let sessions = api.sessions().await.unwrap();
        server.terminate().await.unwrap();
        sessions
    }
}

/// Where a template keeps what its server and its device have.
pub(super) fn data(template: &Path) -> PathBuf {
    template.join("data")
}

fn device(template: &Path) -> PathBuf {
    template.join("device")
}

/// A data folder that a server has begun and left, and a device that enrolled there: servers over copies of it give equal
/// facts equal ids, and know whose the device's key is.
pub(super) async fn template() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let mut server = UrsaServer::start(ServerOptions::for_upstream(&data, NOWHERE)).await.unwrap();
    let token = server.enroll_token("1").await.unwrap();
    let endpoint = Endpoint::enrolled(&device(dir.path()), server.base_url(), &token).await.unwrap();
    endpoint.point_at(server.base_url(), NOWHERE).unwrap();
    server.terminate().await.unwrap();
    // Preallocated, and empty.
    std::fs::remove_dir_all(data.join("journal")).unwrap();
    dir
}

pub(super) async fn session(kind: AgentKind, template: &Path, collect: Collect) -> Ran {
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let (data, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy_folder(&self::data(template), data.path()).unwrap();
    copy_folder(&device(template), state.path()).unwrap();
    let mut server = UrsaServer::start(ServerOptions::for_upstream(data.path(), &upstream.base_url())).await.unwrap();
    let endpoint = Endpoint::at(state.path()).unwrap();
    endpoint.point_at(NOWHERE, server.base_url()).unwrap();
    let workspace = with_hooks(kind, &endpoint, || {
        // From here on: the agent's base URL is the server's in any case.
        if collect == Collect::Away {
            endpoint.point_at(server.base_url(), NOWHERE).unwrap();
        }
    });
    let workspace = workspace.await;
    let api = server.api().await.unwrap();
    if collect == Collect::Away {
        api.wait_settled(SETTLE_LIMIT).await.unwrap();
        for session in api.sessions().await.unwrap() {
            assert_eq!(session.session["channels"], json!(["edge"]), "nothing was delivered yet");
        }
        endpoint.point_at(NOWHERE, server.base_url()).unwrap();
    }
    endpoint.flush().await.unwrap();
    let exchanges = upstream.exchanges();
    let sessions = api.wait_for_sessions(SETTLE_LIMIT, |sessions| expect::missing_answers(&exchanges, sessions)).await;
    let sessions = sessions.unwrap_or_else(|error| panic!("{error:#}\n{}", server.output()));
    server.terminate().await.unwrap();
    Ran { workspace, exchanges, sessions, data, state }
}

/// Installs hooks and base URL as a user does, then runs the agent while the device's daemon delivers, or tries to.
async fn with_hooks(kind: AgentKind, endpoint: &Endpoint, installed: impl FnOnce()) -> Workspace {
    let workspace = Workspace::fresh().await.unwrap();
    let programs = AgentPrograms::locate().unwrap().with_hooks(endpoint.program(), endpoint.state_dir());
    let mcp_server = Path::new(env!("CARGO_BIN_EXE_testkit-mcp"));
    let task = AgentTask { kind, base_url: None, prompt: SCRIPT, mcp_server };
    let agent = programs.prepare(&workspace, &task).await.unwrap();
    installed();
    let mut daemon = endpoint.daemon().unwrap();
    let run = agent.run().await.unwrap();
    assert_eq!(run.code, Some(0), "{kind:?}:\n{}\n{}", run.stdout, run.stderr);
    assert_eq!(daemon.try_wait().unwrap(), None, "the daemon ran to the end");
    tokio::time::timeout(Duration::from_mins(1), daemon.kill()).await.unwrap().unwrap();
    workspace
}
