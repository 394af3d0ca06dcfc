//! One thread: accepts, serves, drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::PeerAddr;
use super::connection::{ClientConnection, DrainToken};
use super::drive::Drive;
use super::io::ClientIo;
use crate::body::{BoxError, EdgeBody};
use crate::config::ListenLimits;
use crate::edge::Edge;
use crate::forward::Worker;
use crate::target::PREFIX;

/// What every HTTP/2 connection begins with.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Pause after a failed accept (out of file descriptors, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// hyper's own lower bound for its buffer, in bytes.
const HTTP1_BUFFER_BYTES_MIN: usize = 8192;

/// How long blocking tasks of the fallback service may go on after the drain.
const BLOCKING_TASKS_GRACE: Duration = Duration::from_secs(1);

/// A thread's share of the server.
pub(super) struct Listening {
    pub(super) socket: std::net::TcpListener,
    pub(super) edge: Arc<Edge>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: ListenLimits,
    pub(super) connections: Arc<Semaphore>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// What the connections of a thread share.
struct Serving<S> {
    worker: Arc<Worker>,
    fallback: S,
    edge: Arc<Edge>,
    tls: Option<TlsAcceptor>,
    limits: ListenLimits,
    stopped: watch::Receiver<bool>,
}

/// Serves until stopped and drained. Dropping the runtime then cuts what is left, and each exchange records its end.
pub(super) fn run<S, B>(runtime: Runtime, listening: Listening, fallback: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let edge = Arc::clone(&listening.edge);
    let limits = listening.limits.clone();
    runtime.block_on(async {
        let (token, mut drained) = mpsc::channel(1);
        accept_until_stopped(listening, fallback, token).await;
        if timeout(limits.drain_timeout, drained.recv()).await.is_err() {
            edge.begin_cutting();
        }
    });
    runtime.shutdown_timeout(BLOCKING_TASKS_GRACE);
}

async fn accept_until_stopped<S, B>(listening: Listening, fallback: S, token: DrainToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Listening { socket, edge, tls, limits, connections, mut stopped } = listening;
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    let worker = Arc::new(Worker::new(Arc::clone(&edge)));
    let serving = Arc::new(Serving { worker, fallback, edge, tls, limits, stopped: stopped.clone() });
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return,
            accepted = accept(&socket, &connections) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                tokio::spawn(Arc::clone(&serving).connection(stream, peer, permit, token.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for room first: connections beyond the limit stay in the kernel's backlog.
async fn accept(
    socket: &TcpListener,
    connections: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

impl<S, B> Serving<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        drain: DrainToken,
    ) {
        let Some(acceptor) = self.tls.clone() else {
            return self.detect(stream, peer, permit, drain).await;
        };
        // Boxed, so that connections without TLS have no room for it.
        let accepting = Box::pin(timeout(self.limits.header_read_timeout, acceptor.accept(stream)));
        if let Ok(Ok(stream)) = accepting.await {
            Box::pin(self.detect(stream, peer, permit, drain)).await;
        }
    }

    /// Tells HTTP/2 from HTTP/1 by the first bytes.
    async fn detect<T>(
        self: Arc<Self>,
        mut stream: T,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        drain: DrainToken,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stopped = self.stopped.clone();
        let prefix = tokio::select! {
            biased;
            prefix = timeout(self.limits.header_read_timeout, read_prefix(&mut stream)) => prefix,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let Ok(Ok(prefix)) = prefix else { return };
        let http2 = prefix == H2_PREFACE;
        let counters = Arc::clone(&self.edge.counters);
        let connection = ClientConnection::new(peer, http2, counters, permit, drain);
        let io = TokioIo::new(ClientIo::new(stream, prefix, Arc::clone(&connection)));
        let service = {
            let (serving, connection) = (Arc::clone(&self), Arc::clone(&connection));
            service_fn(move |request| Arc::clone(&serving).answer(request, Arc::clone(&connection)))
        };
        // Boxed at once: each step of this task would otherwise have room for both kinds of connection.
        if http2 {
            let http = Box::pin(http2_builder(&self.limits).serve_connection(io, service));
            self.drive(http, connection, http2::Connection::graceful_shutdown).await;
        } else {
            let http = Box::pin(http1_builder(&self.limits).serve_connection(io, service).with_upgrades());
            self.drive(http, connection, http1::UpgradeableConnection::graceful_shutdown).await;
        }
    }

    async fn drive<C: Future>(&self, http: Pin<Box<C>>, connection: Arc<ClientConnection>, drain: fn(Pin<&mut C>)) {
        Drive::new(http, drain, connection, self.limits.clone(), self.stopped.clone()).await;
    }

    async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        connection: Arc<ClientConnection>,
    ) -> Result<Response<EdgeBody>, Infallible> {
        let open = connection.open_exchange();
        let response = if request.uri().path().starts_with(PREFIX) {
            // In a box of its own, which goes when the answer begins: hyper keeps the room of this future for as long as
            // the connection lasts.
            Box::pin(self.worker.handle(request, &connection)).await
        } else {
            request.extensions_mut().insert(PeerAddr(connection.peer()));
            let mut fallback = self.fallback.clone();
            std::future::poll_fn(|cx| fallback.poll_ready(cx)).await?;
            fallback.call(request).await?.map(EdgeBody::fallback)
        };
        Ok(response.map(|body| body.keep_open(open)))
    }
}

/// As many bytes as tell whether this is HTTP/2.
async fn read_prefix<T: AsyncRead + Unpin>(stream: &mut T) -> std::io::Result<Vec<u8>> {
    let mut prefix = vec![0; H2_PREFACE.len()];
    let mut len = 0;
    while len < prefix.len() && prefix[..len] == H2_PREFACE[..len] {
        match stream.read(&mut prefix[len..]).await? {
            0 => break,
            read => len += read,
        }
    }
    prefix.truncate(len);
    Ok(prefix)
}

fn http1_builder(limits: &ListenLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .preserve_header_case(true)
        .auto_date_header(false)
        // `Drive` keeps the deadlines: hyper's would also end connections that merely wait for their next request.
        .header_read_timeout(None)
        .max_headers(limits.header_count_max)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size((limits.header_bytes_max * 2).max(HTTP1_BUFFER_BYTES_MIN))
        .timer(TokioTimer::new());
    builder
}

fn http2_builder(limits: &ListenLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .auto_date_header(false)
        .max_concurrent_streams(limits.h2_streams_max)
        .initial_stream_window_size(limits.h2_stream_window_bytes)
        .initial_connection_window_size(limits.h2_connection_window_bytes)
        .max_send_buf_size(limits.h2_send_buffer_bytes_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .timer(TokioTimer::new());
    builder
}
