//! A thread's connections to upstreams. A connection is lent to one exchange at a time, and driven by whoever waits for
//! its answer: what was read goes to the client at once, several events in one write, with no other task between. It comes
//! back when the answer's body is over or given up: hyper then closes it, or says that it is ready.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
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

/// Why no answer came, with the request if it was not sent.
type Unsent = TrySendError<Request<Box<RequestBody>>>;

/// Reads and writes a connection; over when it is closed. How it ends is told to the exchange that uses it.
type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

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

/// A connection: the end that requests go in by, and what reads and writes it. `None` once that is another task's, or over.
struct Connection {
    sender: Sender,
    driver: Option<Driver>,
}

impl Connection {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            self.driver = None;
        }
    }

    /// Sends a request and waits for the head of the answer.
    async fn send(&mut self, request: Request<Box<RequestBody>>) -> Result<Response<Incoming>, Unsent> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Takes note of what has come in the meantime: the end of the last answer, or of the connection.
    fn look(&mut self) {
        self.drive(&mut Context::from_waker(Waker::noop()));
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection in use.
pub(crate) struct Lease {
    connection: Option<Connection>,
    upstream: String,
    pool: Weak<Pool>,
}

impl Lease {
    /// Reads and writes the connection as far as it goes now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection {
            connection.drive(cx);
        }
    }

    /// Lets a task of its own drive the connection: where it must go on although nobody waits for the answer.
    pub(crate) fn detach(&mut self) {
        if let Some(driver) = self.connection.as_mut().and_then(|connection| connection.driver.take()) {
            tokio::spawn(driver);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((pool, connection)) = self.pool.upgrade().zip(self.connection.take()) {
            pool.take_back(std::mem::take(&mut self.upstream), connection);
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
        while let Some(mut connection) = self.unused(&upstream.name) {
            match connection.send(request).await {
                Ok(response) => return Ok((response, self.lend(upstream, connection))),
                Err(mut error) => match error.take_message() {
                    // The upstream had closed the connection, and has seen nothing of the request.
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        // In a box of its own: most requests never need the room.
        let mut connection = Box::pin(self.connect(upstream)).await?;
        let response = connection.send(request).await.map_err(TrySendError::into_error)?;
        Ok((response, self.lend(upstream, connection)))
    }

    async fn connect(&self, upstream: &Upstream) -> Result<Connection, BoxError> {
        let stream = self.connector.clone().call(upstream.address()).await?;
        let (sender, connection) = self.builder.handshake(stream).await?;
        Ok(Connection { sender, driver: Some(Box::pin(connection.with_upgrades())) })
    }

    fn lend(self: &Arc<Self>, upstream: &Upstream, connection: Connection) -> Lease {
        Lease { connection: Some(connection), upstream: upstream.name.clone(), pool: Arc::downgrade(self) }
    }

    /// The connection that was used last and is ready.
    fn unused(&self, upstream: &str) -> Option<Connection> {
        let mut all = self.idle();
        let idle = all.get_mut(upstream)?;
        let mut not_ready = Vec::new();
        let mut found = None;
        while found.is_none()
            && not_ready.len() < LOOKS_MAX
            && let Some(mut last) = idle.pop_back()
        {
            last.connection.look();
            if last.since.elapsed() > self.idle_timeout {
                // So are all that came back before it.
                idle.clear();
            } else if last.connection.sender.is_ready() {
                found = Some(last.connection);
            } else if !last.connection.sender.is_closed() {
                not_ready.push(last);
            }
        }
        idle.extend(not_ready.into_iter().rev());
        found
    }

    fn take_back(&self, upstream: String, mut connection: Connection) {
        connection.look();
        if connection.sender.is_closed() {
            return;
        }
        let mut all = self.idle();
        let idle = all.entry(upstream).or_default();
        if idle.len() >= self.idle_max {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since: Instant::now() });
    }

    fn close_unused(&self) {
        for idle in self.idle().values_mut() {
            idle.retain_mut(|idle| {
                idle.connection.look();
                idle.since.elapsed() <= self.idle_timeout && !idle.connection.sender.is_closed()
            });
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
