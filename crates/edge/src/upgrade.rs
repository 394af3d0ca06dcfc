//! Upgraded connections: bytes in both directions, until both sides have closed.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use ursa_model::capture::EndReason;

use crate::answer::EdgeError;
use crate::connect::UpstreamStream;
use crate::http1::wire::Wire;
use crate::recorder::{Direction, Exchange, Waiting};

/// Buffer of one direction, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// Where a tunnel broke.
enum Broken {
    Reading,
    Writing,
    /// What must not pass unrecorded could not be recorded.
    Recording,
}

/// A connection that left HTTP.
pub(crate) struct Tunnel {
    pub(crate) exchange: Arc<Exchange>,
    /// Nothing passes before it is durable.
    pub(crate) strict: bool,
    /// How old unrecorded bytes may become.
    pub(crate) checkpoint: Duration,
}

impl Tunnel {
    /// Carries the connection to its end and records how it ended.
    pub(crate) async fn carry<T>(self, client: &mut Wire<T>, upstream: Wire<UpstreamStream>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let (client_read, client_write) = tokio::io::split(client);
        let (upstream_read, upstream_write) = tokio::io::split(upstream);
        let up = async {
            let copied = self.copy(client_read, upstream_write, Direction::Request).await;
            copied.map_err(|broken| ended(&broken, EndReason::ClientAbort, EndReason::UpstreamReset))
        };
        let down = async {
            let copied = self.copy(upstream_read, client_write, Direction::Response).await;
            copied.map_err(|broken| ended(&broken, EndReason::UpstreamReset, EndReason::ClientAbort))
        };
        let (reason, error) =
            futures_util::future::try_join(up, down).await.err().unwrap_or((EndReason::Complete, None));
        // The bytes have passed; a record that fails now is counted by the recorder.
        let _ = self.exchange.finish(reason, error);
    }

    async fn copy<R, W>(&self, mut from: R, mut to: W, direction: Direction) -> Result<(), Broken>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut checkpoint: Option<Instant> = None;
        loop {
            let read = from.read(&mut buffer);
            let read = match checkpoint {
                Some(at) => tokio::time::timeout_at(at, read).await.ok(),
                None => Some(read.await),
            };
            let Some(read) = read else {
                self.hand_over(direction);
                checkpoint = None;
                continue;
            };
            let len = read.map_err(|_| Broken::Reading)?;
            if len == 0 {
                // The other direction may go on.
                return to.shutdown().await.map_err(|_| Broken::Writing);
            }
            let waiting = self.exchange.tunnelled(direction, &buffer[..len], len == BUFFER_BYTES);
            match waiting {
                _ if self.strict => self.durable(direction).await?,
                Waiting::Nothing => checkpoint = None,
                Waiting::Checkpoint => {
                    checkpoint.get_or_insert_with(|| Instant::now() + self.checkpoint);
                }
                Waiting::Due => {
                    self.hand_over(direction);
                    checkpoint = None;
                }
            }
            to.write_all(&buffer[..len]).await.map_err(|_| Broken::Writing)?;
            to.flush().await.map_err(|_| Broken::Writing)?;
        }
    }

    fn hand_over(&self, direction: Direction) {
        // A failure is remembered by the recorder and counted at the end.
        let _ = self.exchange.flush(direction, false);
    }

    /// Waits until all that came of a direction is on disk.
    async fn durable(&self, direction: Direction) -> Result<(), Broken> {
        let flushed = self.exchange.flush(direction, true).map_err(|_| Broken::Recording)?;
        match flushed {
            Some(durable) => durable.await.map_err(|_| Broken::Recording),
            None => Ok(()),
        }
    }
}

fn ended(broken: &Broken, reading: EndReason, writing: EndReason) -> (EndReason, Option<EdgeError>) {
    match broken {
        Broken::Reading => (reading, None),
        Broken::Writing => (writing, None),
        Broken::Recording => (EndReason::Refused, Some(EdgeError::JournalFailed)),
    }
}
