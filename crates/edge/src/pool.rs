//! A thread's connections to upstreams. Each has a task that reads and writes it; here are the ends that requests go in
//! by. A connection is lent to one exchange at a time and comes back when the answer's body is over or given up: hyper then
//! closes it, or says that it is ready.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use tokio::time::Instant;
use tower::Service;

use crate::body::BoxError;
use crate::config::Limits;
use crate::connect::Connector;
use crate::request_body::RequestBody;
use crate::upstream::Upstream;

/// Bodies are boxed: a connection has room for 32 requests on their way to it.
type Sender = SendRequest<Box<RequestBody>>;

/// Connections that are looked at for one request, while those that came back last are not ready yet.
const LOOKS_MAX: usize = 4;

/// All connections of a thread that no exchange uses, by the upstream's name.
pub(crate) struct Pool {
    connector: Connector,
    builder: Builder,
    idle_timeout: Duration,
    idle_max: usize,
    idle: Mutex<HashMap<String, VecDeque<Idle>>>,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

/// A connection in use.
pub(crate) struct Lease {
    sender: Option<Sender>,
    upstream: String,
    pool: Weak<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((pool, sender)) = self.pool.upgrade().zip(self.sender.take()) {
            pool.take_back(std::mem::take(&mut self.upstream), sender);
        }
    }
}

impl Pool {
    /// An empty pool, which closes what is too long unused by a task of its own.
    pub(crate) fn start(connector: Connector, limits: &Limits) -> Arc<Self> {
        let mut builder = Builder::new();
        builder
            .preserve_header_case(true)
            .max_buf_size(limits.upstream_buffer_bytes_max)
            .max_headers(limits.upstream_header_count_max);
        let pool = Arc::new(Self {
            connector,
            builder,
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

    /// Sends a request over an unused connection, or else over a new one, and waits for the head of the answer.
    ///
    /// # Errors
    /// No connection could be had, or it broke off.
    pub(crate) async fn send(
        self: &Arc<Self>,
        upstream: &Upstream,
        mut request: Request<Box<RequestBody>>,
    ) -> Result<(Response<Incoming>, Lease), BoxError> {
        while let Some(sender) = self.unused(&upstream.name) {
            let mut lease = self.lend(upstream, sender);
            let Some(sender) = &mut lease.sender else { break };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, lease)),
                Err(mut error) => match error.take_message() {
                    // The upstream had closed the connection, and has seen nothing of the request.
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        // In a box of its own: most requests never need the room.
        let mut sender = Box::pin(self.connect(upstream)).await?;
        let response = sender.send_request(request).await?;
        Ok((response, self.lend(upstream, sender)))
    }

    async fn connect(&self, upstream: &Upstream) -> Result<Sender, BoxError> {
        let stream = self.connector.clone().call(upstream.address()).await?;
        let (sender, connection) = self.builder.handshake(stream).await?;
        // How it ends is told to the exchange that uses it.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    fn lend(self: &Arc<Self>, upstream: &Upstream, sender: Sender) -> Lease {
        Lease { sender: Some(sender), upstream: upstream.name.clone(), pool: Arc::downgrade(self) }
    }

    /// The connection that was used last and is ready.
    fn unused(&self, upstream: &str) -> Option<Sender> {
        let mut all = self.idle();
        let idle = all.get_mut(upstream)?;
        let mut not_ready = Vec::new();
        let mut found = None;
        while found.is_none()
            && not_ready.len() < LOOKS_MAX
            && let Some(last) = idle.pop_back()
        {
            if last.since.elapsed() > self.idle_timeout {
                // So are all that came back before it.
                idle.clear();
            } else if last.sender.is_ready() {
                found = Some(last.sender);
            } else if !last.sender.is_closed() {
                not_ready.push(last);
            }
        }
        idle.extend(not_ready.into_iter().rev());
        found
    }

    fn take_back(&self, upstream: String, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut all = self.idle();
        let idle = all.entry(upstream).or_default();
        if idle.len() >= self.idle_max {
            idle.pop_front();
        }
        idle.push_back(Idle { sender, since: Instant::now() });
    }

    fn close_unused(&self) {
        for idle in self.idle().values_mut() {
            idle.retain(|idle| idle.since.elapsed() <= self.idle_timeout && !idle.sender.is_closed());
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
