//! State that a client's connection shares with the exchanges on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::stats::Counters;

/// Held by everything a drain waits for.
pub(super) type DrainToken = mpsc::Sender<std::convert::Infallible>;

/// A client's connection. Lives until its last exchange is over.
pub(crate) struct ClientConnection {
    peer: SocketAddr,
    /// Exchanges that are open on it: only told of HTTP/2, where there may be many.
    open: AtomicUsize,
    /// Nothing was asked yet.
    fresh: AtomicBool,
    /// Changes with every write, so that a slow reader does not count as idle.
    writes: AtomicUsize,
    counters: Arc<Counters>,
    _permit: OwnedSemaphorePermit,
    _drain: DrainToken,
}

/// What a connection with HTTP/2 is doing, as far as its deadlines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for a request, or sends the rest of an answer.
    Idle {
        /// Changes while an answer is being sent.
        writes: usize,
    },
    /// The first request has not come yet.
    Fresh,
    /// At least one exchange is open.
    Busy,
}

impl ClientConnection {
    pub(super) fn new(
        peer: SocketAddr,
        counters: Arc<Counters>,
        permit: OwnedSemaphorePermit,
        drain: DrainToken,
    ) -> Arc<Self> {
        counters.connection_opened();
        Arc::new(Self {
            peer,
            open: AtomicUsize::new(0),
            fresh: AtomicBool::new(true),
            writes: AtomicUsize::new(0),
            counters,
            _permit: permit,
            _drain: drain,
        })
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A request's head is complete.
    pub(crate) fn open_exchange(self: &Arc<Self>) -> OpenExchange {
        self.open.fetch_add(1, Relaxed);
        self.fresh.store(false, Relaxed);
        OpenExchange(Arc::clone(self))
    }

    pub(super) fn has_written(&self) {
        self.writes.fetch_add(1, Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        if self.open.load(Relaxed) > 0 {
            Phase::Busy
        } else if self.fresh.load(Relaxed) {
            Phase::Fresh
        } else {
            Phase::Idle { writes: self.writes.load(Relaxed) }
        }
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        self.counters.connection_closed();
    }
}

/// An exchange is open on the connection for as long as this lives.
pub(crate) struct OpenExchange(Arc<ClientConnection>);

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
