//! `ursa serve`: all parts in one process.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use ursa_api::{ApiParts, ApiState, ContextReader, UiFile, issue_signin_token};
use ursa_edge::{Edge, EdgeConfig, KeyResolver, ListenConfig, ResolvedKey, TlsFiles, UpstreamConfig};
use ursa_journal::{Journal, JournalConfig};
use ursa_model::capture::Principal;
use ursa_model::ids::{EnvironmentId, EventId};
use ursa_pipeline::{Pipeline, PipelineSettings, Worker, context};
use ursa_store::{Store, StoreError};

use crate::config::{Config, Durability, OnOverflow, ProcessRole, WebSocket};
use crate::devices::DeviceKeys;
use crate::ingest::{DeliveryKeys, Ingest};
use crate::keys::KeyRing;
use crate::retention::Retention;
use crate::secrets::Secrets;
use crate::sink::JournalSink;
use crate::stats::Counters;
use crate::{admin, clock, control, replay, retention};

/// How long the pipeline is given to finish what the edge left, when the server stops.
const SETTLE_TIME: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const SETTLE_LOOK: Duration = Duration::from_millis(10);

/// How nice the pipeline is to the edge: a quarter of its share of the time when both want all of it.
#[cfg(target_os = "linux")]
const NICE_BEHIND: i32 = 6;

/// Runs until SIGTERM or SIGINT, then drains.
pub(crate) fn run(config: &Config) -> Result<()> {
    run_with(config, |_| Ok(()))
}

/// A server that takes connections.
pub(crate) struct Listening {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Turns true when the server is asked to stop.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// As [`run`]; `begin` is called once the server takes connections, in its runtime.
pub(crate) fn run_with(config: &Config, begin: impl FnOnce(Listening) -> Result<()>) -> Result<()> {
    start_log(&config.log)?;
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot make the data folder {}", config.data_dir.display()))?;
    let _lock = lock(&config.data_dir)?;
    let secrets = Secrets::open(&config.data_dir)?;
    let store: Arc<dyn Store> = Arc::new(admin::open_store(&config.data_dir, &secrets)?);
    let journal = Arc::new(admin::open_journal(config, &secrets, store.as_ref())?);
    let parts = Parts::start(config, &secrets, store, journal)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let served = runtime.block_on(listen(config, &secrets, &parts, begin));
    runtime.shutdown_timeout(Duration::from_secs(1));
    parts.stop();
    served
}

/// What runs behind the edge and the API.
struct Parts {
    store: Arc<dyn Store>,
    journal: Arc<Journal>,
    worker: Option<Worker>,
    _retention: Option<Retention>,
}

impl Parts {
    fn start(config: &Config, secrets: &Secrets, store: Arc<dyn Store>, journal: Arc<Journal>) -> Result<Self> {
        let pipeline = Arc::new(pipeline(config, secrets, Arc::clone(&store))?);
        let (mut worker, mut retention) = (None, None);
        if config.has(ProcessRole::Work) {
            worker = Some(behind(|| Worker::start(Arc::clone(&pipeline), Arc::clone(&journal), clock::now))??);
            retention = Some(Retention::start(Arc::clone(&store), Arc::clone(&journal))?);
        }
        let (answering, read) = (Arc::clone(&store), Arc::clone(&journal));
        control::listen(&config.data_dir, move |request| match request {
            control::Request::Replay => Ok(replay::run(&pipeline, &read)?.to_string()),
            control::Request::Verify => Ok(answering.verify()?.join("\n")),
        })?;
        Ok(Self { store, journal, worker, _retention: retention })
    }

    /// Lets the pipeline finish, then stops it.
    fn stop(mut self) {
        if let Some(worker) = &mut self.worker {
            let mut waited = Duration::ZERO;
            while self.journal.backlog().pending() > 0 && waited < SETTLE_TIME {
                std::thread::park_timeout(SETTLE_LOOK);
                waited += SETTLE_LOOK;
            }
            worker.stop();
        }
    }
}

/// Starts what works behind the journal, from a thread of low priority: what is started inherits it. When there is not
/// enough time for all, agents are served first and the record is caught up with later.
fn behind<T: Send>(start: impl FnOnce() -> T + Send) -> Result<T> {
    let started = std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            // On other systems the call means the whole process.
            #[cfg(target_os = "linux")]
            if let Err(error) = rustix::process::setpriority_process(None, NICE_BEHIND) {
                tracing::warn!(%error, "the pipeline runs with the priority of the edge");
            }
            start()
        });
        starting.join()
    });
    started.map_err(|_| anyhow!("the pipeline's start panicked"))
}

async fn listen(
    config: &Config,
    secrets: &Secrets,
    parts: &Parts,
    begin: impl FnOnce(Listening) -> Result<()>,
) -> Result<()> {
    let (stop, stopped) = watch::channel(false);
    let keys = EdgeKeys::start(&parts.store)?;
    let edge = edge(config, secrets, parts, Arc::clone(&keys))?;
    let mut ingest = config.has(ProcessRole::Collect).then(|| ingest(config, parts, &keys)).transpose()?;
    let loopback_only = config.listen.ip().is_loopback();
    let tls = Config::given(&config.tls.cert_file).zip(Config::given(&config.tls.key_file));
    let counters = Counters {
        journal: Arc::clone(&parts.journal),
        edge: config.has(ProcessRole::Edge).then(|| Arc::clone(&edge)),
        collect: ingest.as_ref().map(|ingest| Arc::clone(&ingest.collect)),
    };
    let api = ApiState::new(ApiParts {
        store: Arc::clone(&parts.store),
        runtime: Arc::new(counters),
        context: Arc::new(StoreContexts(Arc::clone(&parts.store))),
        clock: Arc::new(clock::now),
        loopback_only,
        tls: tls.is_some(),
        ui: ui_files(),
        shutdown: stopped.clone(),
    });
    let mut listen = ListenConfig::new(config.listen);
    listen.limits.drain_timeout = Duration::from_secs(config.edge.drain_seconds);
    listen.limits.header_read_timeout = Duration::from_secs(config.edge.head_seconds);
    listen.tls = tls.map(|(cert, key)| TlsFiles { cert, key });
    let scheme = if listen.tls.is_some() { "https" } else { "http" };
    let mut router = if config.has(ProcessRole::Api) { ursa_api::router(api) } else { axum::Router::new() };
    if let Some(ingest) = &ingest {
        router = router.merge(ingest.router());
    }
    let server = ursa_edge::serve(&listen, &edge, &router)?;
    let address = format!("{scheme}://{}", server.local_addr());
    // Who reads that it listens may end it at once.
    let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    announce(config, parts.store.as_ref(), &address, loopback_only)?;
    begin(Listening { address: server.local_addr(), stopped })?;
    wait_for_signal(signals).await;
    tracing::info!("stopping: open exchanges are given {} s", config.edge.drain_seconds);
    stop.send_replace(true);
    server.shutdown().await;
    if let Some(ingest) = &mut ingest {
        ingest.stop();
    }
    Ok(())
}

/// The desk, as the API serves it. Made once: the API keeps it for as long as the process runs.
fn ui_files() -> &'static [UiFile] {
    static FILES: LazyLock<Vec<UiFile>> = LazyLock::new(|| {
        let file = |file: &ursa_desk::File| UiFile {
            path: file.path,
            media_type: file.media_type,
            bytes: file.bytes,
            gzip: file.gzip,
        };
        ursa_desk::FILES.iter().map(file).collect()
    });
    &FILES
}

/// Says where the server is, and, on loopback, how to sign in.
fn announce(config: &Config, store: &dyn Store, address: &str, loopback_only: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if loopback_only && config.has(ProcessRole::Api) {
        let secret = issue_signin_token(store, clock::now())?;
        writeln!(out, "ursa: sign in once at {address}/signin?token={secret}")?;
    }
    writeln!(out, "ursa: listening on {address}")?;
    out.flush()?;
    Ok(())
}

async fn wait_for_signal((mut term, mut interrupt): (Signal, Signal)) {
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn edge(config: &Config, secrets: &Secrets, parts: &Parts, keys: Arc<EdgeKeys>) -> Result<Arc<Edge>> {
    let mut edge = EdgeConfig::new(secrets.masking);
    for (name, target) in &config.edge.upstreams {
        let upstream = format!("{name}={target}").parse::<UpstreamConfig>();
        edge.upstreams.push(upstream.with_context(|| format!("the upstream {name} is not valid"))?);
    }
    edge.loopback = loopback(config);
    edge.durability = match config.edge.durability {
        Durability::Behind => ursa_edge::Durability::Behind,
        Durability::Strict => ursa_edge::Durability::Strict,
    };
    edge.websockets = match config.edge.websocket {
        WebSocket::Record => ursa_edge::WebSockets::Record,
        WebSocket::Refuse => ursa_edge::WebSockets::Refuse,
    };
    edge.on_overflow = match config.edge.on_overflow {
        OnOverflow::Drop => ursa_edge::OnOverflow::Drop,
        OnOverflow::Refuse => ursa_edge::OnOverflow::Refuse,
    };
    edge.limits.kept_body_bytes_max = config.edge.kept_body_bytes_limit as u64;
    edge.limits.request_body_bytes_max =
        (config.edge.request_bytes_limit > 0).then_some(config.edge.request_bytes_limit);
    edge.limits.upload_idle_timeout = Duration::from_secs(config.edge.upload_idle_seconds);
    edge.memory_bytes_max =
        Some(config.edge.memory_bytes_limit).filter(|bytes| *bytes > 0).or_else(ursa_edge::container_memory_bytes);
    edge.local_upstreams.clone_from(&config.edge.local_upstreams);
    edge.extra_ca_file = Config::given(&config.edge.ca_file);
    let sink = Arc::new(JournalSink(parts.journal.writer()));
    Edge::new(edge, keys, sink).context("the edge cannot be set up")
}

/// The environment of what comes from this machine without a key, if that is accepted.
fn loopback(config: &Config) -> Option<EnvironmentId> {
    config.edge.loopback_without_key.then(EnvironmentId::default_environment)
}

fn ingest(config: &Config, parts: &Parts, keys: &EdgeKeys) -> Result<Ingest> {
    let callers =
        DeliveryKeys { devices: Arc::clone(&keys.devices), keys: Arc::clone(&keys.keys), loopback: loopback(config) };
    Ingest::start(&parts.store, &parts.journal, callers)
}

/// Keys that are valid on the edge, by the store: its own, and those of devices.
struct EdgeKeys {
    keys: Arc<KeyRing>,
    devices: Arc<DeviceKeys>,
}

impl EdgeKeys {
    fn start(store: &Arc<dyn Store>) -> Result<Arc<Self>> {
        let keys = Arc::new(KeyRing::new(Arc::clone(store)));
        Ok(Arc::new(Self { keys, devices: DeviceKeys::start(Arc::clone(store))? }))
    }
}

impl KeyResolver for EdgeKeys {
    fn resolve(&self, key: &str) -> Option<ResolvedKey> {
        let principal = match self.devices.holder(key) {
            Ok(Some(device)) => Principal::Device { id: device.id },
            Ok(None) => Principal::Key { id: self.keys.id_of(key)? },
            Err(_) => return None,
        };
        Some(ResolvedKey { principal, environment: EnvironmentId::default_environment() })
    }
}

/// Contexts, by the store.
struct StoreContexts(Arc<dyn Store>);

impl ContextReader for StoreContexts {
    fn context(&self, event: EventId) -> Result<Option<serde_json::Value>, StoreError> {
        let found = context::read(self.0.as_ref(), event)?;
        found
            .map(|context| serde_json::to_value(context).map_err(|error| StoreError::Damaged(error.to_string())))
            .transpose()
    }
}

/// The pipeline of a data folder.
pub(crate) fn pipeline(config: &Config, secrets: &Secrets, store: Arc<dyn Store>) -> Result<Pipeline> {
    let asked = Arc::clone(&store);
    // Settings that cannot be read must not let content in that was not to be kept.
    let metadata_only = move || {
        retention::settings(asked.as_ref()).is_none_or(|settings| settings.capture == ursa_api::CaptureMode::Metadata)
    };
    let settings = PipelineSettings {
        environment: EnvironmentId::default_environment(),
        masking_key: secrets.masking,
        keep_processed_seconds: config.journal.keep_processed_hours.saturating_mul(3600),
        metadata_only: Arc::new(metadata_only),
    };
    Ok(Pipeline::new(store, settings)?)
}

/// The journal's settings.
pub(crate) fn journal_config(config: &Config) -> JournalConfig {
    JournalConfig {
        commit_interval: Duration::from_millis(config.journal.commit_interval_ms),
        queue_bytes: config.journal.queue_bytes,
        lag_cap_bytes: config.journal.lag_bytes_limit,
        ..JournalConfig::default()
    }
}

/// One process a data folder. Held until the file is closed.
pub(crate) fn lock(data_dir: &Path) -> Result<File> {
    let file =
        File::create(data_dir.join("lock")).with_context(|| format!("cannot write to {}", data_dir.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another ursa already uses the data folder {}; stop it, or give another --data-dir",
                data_dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(anyhow!(error).context("the data folder cannot be locked")),
    }
}

fn start_log(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("the log filter {filter:?} is not valid"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}
