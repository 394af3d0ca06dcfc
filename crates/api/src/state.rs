//! What the API is given, and how it calls the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use ursa_model::ids::EventId;
use ursa_model::time::Timestamp;
use ursa_store::{Store, StoreError};

use crate::browser::UiFile;
use crate::limits::{LIVE_STREAMS_LIMIT, STORE_CALLS_LIMIT, STORE_TURN_WAIT};
use crate::problem::Problem;

/// Counters that live in the process, not in the store. Idle, nothing in them changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuntimeCounters {
    /// Acknowledged captures that are not yet appended.
    pub pending: u64,
    /// Losses before the store, by reason; added to those that the store counts.
    pub dropped: BTreeMap<String, u64>,
    /// The edge's own counters, by name.
    pub edge: BTreeMap<String, u64>,
    /// The journal's own counters, by name.
    pub journal: BTreeMap<String, u64>,
    /// The ingest API's own counters, by name.
    pub collect: BTreeMap<String, u64>,
}

/// Gives the process's counters. Called on an async thread: it must not block.
pub trait RuntimeStats: Send + Sync {
    /// The counters now.
    fn counters(&self) -> RuntimeCounters;
}

/// Rebuilds what a model saw in a call. Called on a thread where blocking is allowed.
pub trait ContextReader: Send + Sync {
    /// `{system, tools, messages, params, exact, redactions}` of a model call; `None` if none was kept.
    ///
    /// # Errors
    /// When the store fails.
    fn context(&self, event: EventId) -> Result<Option<serde_json::Value>, StoreError>;
}

/// Tells the time. The API reads no other clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the API needs from the program around it.
pub struct ApiParts {
    /// The record, tokens, audit log and settings.
    pub store: Arc<dyn Store>,
    /// The process's counters.
    pub runtime: Arc<dyn RuntimeStats>,
    /// Rebuilds contexts.
    pub context: Arc<dyn ContextReader>,
    /// The time.
    pub clock: Clock,
    /// True when bound to loopback only: `Host` must then be a loopback name (DNS rebinding).
    pub loopback_only: bool,
    /// True when browsers reach us by HTTPS: the session cookie is then `Secure`.
    pub tls: bool,
    /// The files of the web UI; empty for an API alone.
    pub ui: &'static [UiFile],
    /// Becomes true when the server stops: live streams end.
    pub shutdown: watch::Receiver<bool>,
}

/// [`ApiParts`] and the API's own bounds; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    parts: ApiParts,
    store_turns: Arc<Semaphore>,
    live_turns: Arc<Semaphore>,
    last_rev: watch::Receiver<u64>,
}

impl ApiState {
    /// Takes the parts, and listens to the store.
    pub fn new(parts: ApiParts) -> Self {
        let (sender, last_rev) = watch::channel(0);
        parts.store.on_append(Box::new(move |rev| {
            sender.send_if_modified(|last| {
                let grown = rev > *last;
                *last = rev.max(*last);
                grown
            });
        }));
        Self(Arc::new(Inner {
            parts,
            store_turns: Arc::new(Semaphore::new(STORE_CALLS_LIMIT)),
            live_turns: Arc::new(Semaphore::new(LIVE_STREAMS_LIMIT)),
            last_rev,
        }))
    }

    pub(crate) fn parts(&self) -> &ApiParts {
        &self.0.parts
    }

    pub(crate) fn live_turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.live_turns)
    }

    /// Wakes after each batch that changed something.
    pub(crate) fn last_rev(&self) -> watch::Receiver<u64> {
        self.0.last_rev.clone()
    }

    /// Runs `call` on a thread where blocking is allowed, at most [`STORE_CALLS_LIMIT`] at a time.
    pub(crate) async fn blocking<T, F>(&self, call: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&ApiParts) -> Result<T, Problem> + Send + 'static,
    {
        let turn = tokio::time::timeout(STORE_TURN_WAIT, Arc::clone(&self.0.store_turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("too many requests wait for the store"));
        };
        let state = self.clone();
        // The turn goes with the thread: a client that leaves ends neither.
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            call(&state.0.parts)
        })
        .await;
        done.unwrap_or_else(|panicked| Err(Problem::internal(&panicked)))
    }
}
