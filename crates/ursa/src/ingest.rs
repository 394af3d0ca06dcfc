//! The ingest API in this process: who may deliver, where it lies on the listener, what it remembers over a restart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderMap, Uri};
use ursa_collect::{Caller, Callers, Collect, CollectParts, Ledger, Refusal, SpoolRow, bearer};
use ursa_edge::{EdgeError, PeerAddr};
use ursa_journal::{Journal, Position};
use ursa_model::capture::{FrameKind, Principal};
use ursa_model::ids::EnvironmentId;
use ursa_store::{Store, StoredSpool};
use uuid::Uuid;

use crate::clock;
use crate::devices::{self, DeviceKeys, StoreEnrolment};
use crate::keys::KeyRing;
use crate::sink::JournalSink;

/// How often changed spools are kept. What a kill loses of them is found in the journal again.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How much of the journal's end is looked through at a start, in bytes: what was taken in more than [`KEEP_EVERY`].
const LOOK_BACK_BYTES: u64 = 16 << 20;
/// Bytes of journal that are read at once.
const READ_BYTES: usize = 4 << 20;

/// Who may deliver: devices, holders of a key for the edge, and loopback.
pub(crate) struct DeliveryKeys {
    pub(crate) devices: Arc<DeviceKeys>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) loopback: Option<EnvironmentId>,
}

impl Callers for DeliveryKeys {
    fn identify(&self, headers: &HeaderMap, uri: &Uri, peer: SocketAddr) -> Result<Caller, Refusal> {
        let environment = EnvironmentId::default_environment();
        match bearer(headers) {
            Some(Some(key)) => {
                if let Some(device) = self.devices.holder(key).map_err(|_| Refusal::Busy)? {
                    let principal = Principal::Device { id: device.id.clone() };
                    return Ok(Caller { environment, principal, device: Some(devices::received(device)) });
                }
                let id = self.keys.id_of(key).ok_or(Refusal::BadKey)?;
                Ok(Caller { environment, principal: Principal::Key { id }, device: None })
            }
            Some(None) => Err(Refusal::BadKey),
            None => {
                let environment = self.loopback.ok_or(Refusal::KeyRequired)?;
                ursa_edge::without_key(headers, uri, peer).map_err(|error| match error {
                    EdgeError::ForbiddenOrigin => Refusal::ForbiddenOrigin,
                    _ => Refusal::KeyRequired,
                })?;
                Ok(Caller { environment, principal: Principal::Loopback, device: None })
            }
        }
    }
}

/// The ingest API and the thread that keeps its spools.
pub(crate) struct Ingest {
    pub(crate) collect: Arc<Collect>,
    keeper: Keeper,
}

impl Ingest {
    /// Takes up what was kept, and what the journal tells of the moments after.
    pub(crate) fn start(store: &Arc<dyn Store>, journal: &Journal, callers: DeliveryKeys) -> Result<Self> {
        let ledger = Arc::new(Ledger::default());
        ledger.restore(kept(store.as_ref())?);
        look_back(journal, &ledger)?;
        let collect = Collect::new(CollectParts {
            sink: Arc::new(JournalSink(journal.writer())),
            callers: Arc::new(callers),
            enrolment: Arc::new(StoreEnrolment(Arc::clone(store))),
            ledger: Arc::clone(&ledger),
            clock: Arc::new(clock::now),
        });
        Ok(Self { collect, keeper: Keeper::start(Arc::clone(store), ledger)? })
    }

    /// Its place on the listener.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/ingest/{*path}", any(answer))
            .route("/ingest", any(answer))
            .with_state(Arc::clone(&self.collect))
    }

    /// Keeps what is not kept yet.
    pub(crate) fn stop(&mut self) {
        self.keeper.stop();
    }
}

async fn answer(State(collect): State<Arc<Collect>>, request: Request) -> Response {
    // A listener that does not say who calls would be one that nobody is known on.
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = request.extensions().get::<PeerAddr>().map_or(unknown, |peer| peer.0);
    collect.answer(request, peer).await.map(Body::new)
}

fn kept(store: &dyn Store) -> Result<Vec<SpoolRow>> {
    let row = |spool: StoredSpool| {
        let state = spool.state.and_then(|state| serde_json::from_str(&state).ok());
        SpoolRow { sender: spool.sender, spool: Uuid::from_bytes(spool.spool), state }
    };
    Ok(store.spools()?.into_iter().map(row).collect())
}

/// Finds the envelopes at the end of the journal: the last segments that hold so much.
fn look_back(journal: &Journal, ledger: &Ledger) -> Result<()> {
    let (mut from, mut bytes) = (None, 0);
    for segment in journal.segments().iter().rev() {
        from = Some(Position { segment: segment.number, offset: 0 });
        bytes += segment.bytes;
        if bytes >= LOOK_BACK_BYTES {
            break;
        }
    }
    let end = journal.committed();
    let mut reader = journal.reader(from);
    while reader.position() < end {
        let entries = reader.next_batch(READ_BYTES)?;
        if entries.is_empty() {
            break;
        }
        for frame in entries.into_iter().filter_map(|entry| entry.frame.ok()) {
            if frame.kind == FrameKind::Envelope
                && let Ok(received) = serde_json::from_slice(&frame.payload)
            {
                ledger.found(&received);
            }
        }
    }
    Ok(())
}

/// Keeps changed spools in the store.
struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn start(store: Arc<dyn Store>, ledger: Arc<Ledger>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("spools".to_owned()).spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                keep(store.as_ref(), &ledger);
                std::thread::park_timeout(KEEP_EVERY);
            }
            keep(store.as_ref(), &ledger);
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

fn keep(store: &dyn Store, ledger: &Ledger) {
    let rows = ledger.take_changed();
    if rows.is_empty() {
        return;
    }
    let stored = |row: &SpoolRow| StoredSpool {
        sender: row.sender.clone(),
        spool: row.spool.into_bytes(),
        state: row.state.as_ref().and_then(|state| serde_json::to_string(state).ok()),
    };
    if let Err(error) = store.set_spools(&rows.iter().map(stored).collect::<Vec<_>>()) {
        tracing::warn!(%error, "how far spools were delivered cannot be kept; it is tried again");
        ledger.put_back(&rows);
    }
}
