//! One thread: accepts, serves, drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
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
use super::http1::Http1;
use super::io::ClientIo;
use crate::body::{BoxError, EdgeBody, RequestBody};
use crate::config::ListenLimits;
use crate::edge::Edge;
use crate::forward::Worker;
use crate::target::PREFIX;

/// What every HTTP/2 connection begins with.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Pause after a failed accept (out of file descriptors, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// The service for everything that is not the edge's.
pub(super) trait Fallback: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn answer(&mut self, request: Request<RequestBody>) -> BoxFuture<'static, Response<EdgeBody>>;
}

impl<S, B> Fallback for S
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn answer(&mut self, request: Request<RequestBody>) -> BoxFuture<'static, Response<EdgeBody>> {
        let mut service = self.clone();
        Box::pin(async move {
            let answered = async {
                std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            };
            match answered.await {
                Ok(response) => response.map(EdgeBody::fallback),
                Err(never) => match never {},
            }
        })
    }
}

/// What the connections of a thread share.
pub(super) struct Serving<S> {
    pub(super) worker: Arc<Worker>,
    pub(super) fallback: S,
    edge: Arc<Edge>,
    tls: Option<TlsAcceptor>,
    pub(super) limits: ListenLimits,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Serves until stopped and drained. Dropping the runtime then cuts what is left, and each exchange records its end.
pub(super) fn run(runtime: Runtime, listening: Listening, fallback: impl Fallback) {
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

async fn accept_until_stopped(listening: Listening, fallback: impl Fallback, token: DrainToken) {
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

impl<S: Fallback> Serving<S> {
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
        let counters = Arc::clone(&self.edge.counters);
        let connection = ClientConnection::new(peer, counters, permit, drain);
        if prefix != H2_PREFACE {
            return Http1::new(self, connection, stream, prefix).serve().await;
        }
        let io = TokioIo::new(ClientIo::new(stream, prefix, Arc::clone(&connection)));
        let service = {
            let (serving, connection) = (Arc::clone(&self), Arc::clone(&connection));
            service_fn(move |request| Arc::clone(&serving).answer(request, Arc::clone(&connection)))
        };
        // Boxed: the task of a connection with HTTP/1 has no room for it.
        let http = Box::pin(http2_builder(&self.limits).serve_connection(io, service));
        let drain = http2::Connection::graceful_shutdown;
        Box::pin(Drive::new(http, drain, connection, self.limits.clone(), self.stopped.clone())).await;
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<ClientConnection>,
    ) -> Result<Response<EdgeBody>, Infallible> {
        let open = connection.open_exchange();
        let response = if request.uri().path().starts_with(PREFIX) {
            Box::pin(self.worker.pass_http2(request, connection.peer())).await
        } else {
            let mut request = request.map(RequestBody::http2);
            request.extensions_mut().insert(PeerAddr(connection.peer()));
            self.fallback.clone().answer(request).await
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
