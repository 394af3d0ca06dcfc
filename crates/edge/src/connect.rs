//! Connecting to upstreams, plain or with TLS.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::body::BoxError;
use crate::config::Limits;
use crate::resolve::{CheckedResolver, ForbiddenAddress};

/// Connects as configured. `local`: names that may lead to this machine.
pub(crate) fn connector(tls: &Arc<ClientConfig>, limits: &Limits, local: &Arc<HashSet<String>>) -> Connector {
    let resolver = CheckedResolver::new(GaiResolver::new(), Arc::clone(local));
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    Connector { tcp, tls: TlsConnector::from(Arc::clone(tls)), timeout: limits.connect_timeout }
}

/// The upstream did not accept the connection in time.
#[derive(Debug, thiserror::Error)]
#[error("connecting to the upstream took too long")]
struct ConnectTimeout;

/// True when `error` comes from a connection attempt that took too long.
pub(crate) fn is_connect_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    is_caused_by::<ConnectTimeout>(error)
}

/// True when `error` comes from a name that leads where it must not.
pub(crate) fn is_forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    is_caused_by::<ForbiddenAddress>(error)
}

fn is_caused_by<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<E>)
}

/// Resolves, connects and shakes hands.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<CheckedResolver>,
    tls: TlsConnector,
    timeout: Duration,
}

impl Connector {
    /// Connects to the host of a URI, in time.
    ///
    /// # Errors
    /// It cannot be reached, is not who it should be, or leads where it must not.
    pub(crate) fn connect(&self, uri: Uri) -> BoxFuture<'static, Result<UpstreamStream, BoxError>> {
        let tls = (uri.scheme() == Some(&Scheme::HTTPS)).then(|| self.tls.clone());
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        // Always ready: it holds nothing that is limited.
        let connecting = self.tcp.clone().call(uri);
        let connect = async move {
            let tcp = connecting.await?.into_inner();
            let stream = match tls {
                None => UpstreamStream::Plain(tcp),
                Some(tls) => UpstreamStream::Tls(Box::new(tls.connect(ServerName::try_from(host)?, tcp).await?)),
            };
            Ok(stream)
        };
        let timeout = self.timeout;
        Box::pin(async move { tokio::time::timeout(timeout, connect).await.map_err(|_| ConnectTimeout)? })
    }
}

/// A connection to an upstream.
#[derive(Debug)]
pub(crate) enum UpstreamStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            UpstreamStream::Plain($stream) => $call,
            UpstreamStream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
