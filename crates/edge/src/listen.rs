//! Listening: one thread per core, each with its own runtime, listening socket and upstream connections, so that both
//! legs of an exchange stay on one thread.

mod connection;
mod drive;
mod fallback;
mod http1;
mod io;
mod socket;
mod worker;

use std::io as std_io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::body::{BoxError, RequestBody};
use crate::config::ListenConfig;
use crate::edge::Edge;
use crate::tls::{self, TlsError};
use worker::Listening;

pub(crate) use connection::OpenExchange;

/// The client's address, as a request extension for the fallback service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address as configured.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: std_io::Error,
    },
    /// The certificate or key is not usable.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// A thread or its runtime cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std_io::Error),
}

/// A running server. Dropping it begins the drain without waiting for it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets open exchanges finish within the drain limit, then cuts and records the rest.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|t| t.join().err()).count());
        if joined.await.unwrap_or(1) > 0 {
            tracing::error!("a listening thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Listens as configured: what lies under `/edge/` goes to `edge`, everything else to `fallback`, HTTP/1.1 and HTTP/2.
/// Returns once every thread listens.
///
/// # Errors
/// The address, the certificate or a thread cannot be had; nothing listens then.
pub fn serve<S, B>(config: &ListenConfig, edge: &Arc<Edge>, fallback: &S) -> Result<Server, ServeError>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let tls = config.tls.as_ref().map(tls::server).transpose()?.map(TlsAcceptor::from);
    let count = config.threads.map_or_else(|| thread::available_parallelism().map_or(1, Into::into), Into::into);
    let bind = |source| ServeError::Bind { addr: config.addr, source };
    let sockets = socket::listen(config.addr, count).map_err(bind)?;
    let addr = sockets.first().map_or(Ok(config.addr), std::net::TcpListener::local_addr).map_err(bind)?;
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(config.limits.connections_max));
    let mut server = Server { addr, stop, threads: Vec::with_capacity(count) };
    for (number, socket) in sockets.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Thread)?;
        let listening = Listening {
            socket,
            edge: Arc::clone(edge),
            tls: tls.clone(),
            limits: config.limits.clone(),
            connections: Arc::clone(&connections),
            stopped: stopped.clone(),
        };
        let fallback = fallback.clone();
        let thread = thread::Builder::new().name(format!("ursa-edge-{number}"));
        let handle = thread.spawn(move || worker::run(runtime, listening, fallback)).map_err(ServeError::Thread)?;
        server.threads.push(handle);
    }
    Ok(server)
}
