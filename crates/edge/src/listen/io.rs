//! The client's socket, watched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::ClientConnection;
use crate::flat;
use crate::timer::Timer;

/// How long a closing connection still reads. Closing a socket with unread bytes resets it, and a reset can take the
/// answer away from a client that is still sending its request.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes that a closing connection still reads.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Size of one lingering read, in bytes.
const LINGER_READ_BYTES: usize = 4 * 1024;

/// A client's stream with the bytes that were read from it to tell its protocol.
pub(super) struct ClientIo<T> {
    inner: T,
    connection: Arc<ClientConnection>,
    /// Read already, to be read again.
    prefix: Vec<u8>,
    /// Met behind the prefix, to be told by the next read.
    failed: Option<io::Error>,
    ended: bool,
    shut: bool,
    lingered: usize,
    linger: Timer,
}

impl<T> ClientIo<T> {
    pub(super) fn new(inner: T, prefix: Vec<u8>, connection: Arc<ClientConnection>) -> Self {
        Self {
            inner,
            connection,
            prefix,
            failed: None,
            ended: false,
            shut: false,
            lingered: 0,
            linger: Timer::default(),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ClientIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        if self.prefix.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
        } else {
            let len = self.prefix.len().min(buf.remaining());
            buf.put_slice(&self.prefix[..len]);
            self.prefix.drain(..len);
            if self.prefix.is_empty() {
                self.prefix = Vec::new();
                // With what follows it, if that is there: a few bytes alone would make hyper double its buffer, which
                // stays with the connection. An end is there to be met by the next read; an error has to be kept for it.
                if let Poll::Ready(Err(error)) = Pin::new(&mut self.inner).poll_read(cx, buf) {
                    self.failed = Some(error);
                }
            }
        }
        self.connection.has_read();
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.connection.has_written();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(flat::poll_write(&mut self.inner, cx, bufs))?;
        self.connection.has_written();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        // Called only when everything queued has been written.
        if self.connection.is_closing() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.shut = true;
            self.linger.arm(LINGER);
        }
        if self.connection.is_upgraded() {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; LINGER_READ_BYTES];
        while !self.ended && self.lingered < LINGER_BYTES_MAX && !self.linger.fired(cx) {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingered += buf.filled().len(),
                _ => self.ended = true,
            }
        }
        Poll::Ready(Ok(()))
    }
}
