//! A thread's unused connections to upstreams. One in use belongs to its exchange, and comes back when the answer is whole.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;
use std::time::Duration;

use futures_util::task::noop_waker_ref;
use tokio::time::Instant;

use crate::body::BoxError;
use crate::config::Limits;
use crate::connect::{Connector, UpstreamStream};
use crate::http1::wire::Wire;
use crate::upstream::Upstream;

/// Bytes that are looked at to see whether an unused connection was closed. There should be none.
const LOOK_BYTES: usize = 1;

/// All connections of a thread that no exchange uses, by the upstream's name.
pub(crate) struct Pool {
    connector: Connector,
    idle_timeout: Duration,
    idle_max: usize,
    idle: Mutex<HashMap<String, VecDeque<Idle>>>,
}

struct Idle {
    wire: Wire<UpstreamStream>,
    since: Instant,
}

impl Idle {
    /// True while the upstream has neither closed the connection nor said anything that nobody asked for.
    fn is_open(&mut self) -> bool {
        self.wire.poll_fill(&mut Context::from_waker(noop_waker_ref()), LOOK_BYTES).is_pending()
    }
}

impl Pool {
    /// An empty pool, which closes what is too long unused by a task of its own.
    pub(crate) fn start(connector: Connector, limits: &Limits) -> Arc<Self> {
        let pool = Arc::new(Self {
            connector,
            idle_timeout: limits.upstream_idle_timeout,
            idle_max: limits.upstream_idle_connections_max,
            idle: Mutex::default(),
        });
        tokio::spawn(close_unused(Arc::downgrade(&pool), limits.upstream_idle_timeout));
        pool
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last and is open.
    pub(crate) fn unused(&self, upstream: &str) -> Option<Wire<UpstreamStream>> {
        let mut all = self.idle();
        let idle = all.get_mut(upstream)?;
        while let Some(mut last) = idle.pop_back() {
            if last.since.elapsed() > self.idle_timeout {
                // So are all that came back before it.
                idle.clear();
            } else if last.is_open() {
                return Some(last.wire);
            }
        }
        None
    }

    /// A new connection.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub(crate) async fn connect(&self, upstream: &Upstream) -> Result<Wire<UpstreamStream>, BoxError> {
        Ok(Wire::new(self.connector.connect(upstream.address()).await?, Vec::new()))
    }

    /// Takes back a connection whose last exchange is whole on both sides.
    pub(crate) fn take_back(&self, upstream: &str, wire: Wire<UpstreamStream>) {
        if !wire.is_clean() {
            return;
        }
        let mut all = self.idle();
        if !all.contains_key(upstream) {
            all.insert(upstream.to_owned(), VecDeque::new());
        }
        let Some(idle) = all.get_mut(upstream) else { return };
        if idle.len() >= self.idle_max {
            idle.pop_front();
        }
        idle.push_back(Idle { wire, since: Instant::now() });
    }

    fn close_unused(&self) {
        for idle in self.idle().values_mut() {
            idle.retain_mut(|idle| idle.since.elapsed() <= self.idle_timeout && idle.is_open());
        }
    }
}

async fn close_unused(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.close_unused();
    }
}
