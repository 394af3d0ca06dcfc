//! A TCP proxy that breaks what passes: it delays, trickles, closes or resets at an exact byte, by connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Size of one read, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// What happens to one connection, on the way back to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Nothing passes for so long.
    Delay(Duration),
    /// Reset after exactly so many bytes.
    ResetAfter(usize),
    /// Closed after exactly so many bytes.
    CloseAfter(usize),
    /// One byte at a time, with a pause before each.
    Trickle(Duration),
}

/// A running proxy; it stops, and its connections break, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    accept: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy to `upstream`; `fault` says what happens to which connection, numbered from 0. Errors when no port can be
    /// had.
    pub async fn start(
        upstream: SocketAddr,
        fault: impl Fn(usize) -> Fault + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind the proxy")?;
        let address = listener.local_addr()?;
        let fault = Arc::new(fault);
        let accept = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                connections.spawn(carry(client, upstream, fault(number)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, accept })
    }

    /// `http://HOST:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Carries one connection. An error ends it, which is what an error means to both sides.
async fn carry(mut client: TcpStream, upstream: SocketAddr, fault: Fault) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    if matches!(fault, Fault::ResetAfter(_)) {
        client.set_zero_linger()?;
    }
    // Halves that are owned would close their direction properly when dropped, before the reset.
    let ((client_reads, client_writes), (server_reads, server_writes)) = (client.split(), server.split());
    let there = pass(client_reads, server_writes, Fault::None);
    let back = pass(server_reads, client_writes, fault);
    tokio::select! {
        done = back => done,
        done = async { there.await?; std::future::pending().await } => done,
    }
}

async fn pass(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, fault: Fault) -> std::io::Result<()> {
    let mut left = match fault {
        Fault::ResetAfter(bytes) | Fault::CloseAfter(bytes) => bytes,
        _ => usize::MAX,
    };
    if let Fault::Delay(pause) = fault {
        tokio::time::sleep(pause).await;
    }
    let mut buffer = vec![0; READ_BYTES];
    while left > 0 {
        let length = buffer.len().min(left);
        let read = from.read(&mut buffer[..length]).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        left -= read;
        if let Fault::Trickle(pause) = fault {
            for byte in &buffer[..read] {
                tokio::time::sleep(pause).await;
                to.write_all(std::slice::from_ref(byte)).await?;
            }
        } else {
            to.write_all(&buffer[..read]).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::raw_upstream::RawUpstream;
    use crate::raw_wire::{Ending, Wire};

    #[tokio::test]
    async fn exactly_so_many_bytes_pass() {
        let upstream = RawUpstream::answering("0123456789").await.unwrap();
        let faults = [
            (Fault::ResetAfter(4), "0123", Ending::Reset),
            (Fault::CloseAfter(7), "0123456", Ending::Closed),
            (Fault::ResetAfter(0), "", Ending::Reset),
        ];
        let proxy = FaultProxy::start(upstream.address(), move |number| faults[number].0).await.unwrap();
        for (fault, passed, ending) in faults {
            let mut wire = Wire::connect(proxy.address).await.unwrap();
            wire.send("GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let body = wire.rest().await.unwrap();
            assert_eq!((body.bytes.as_slice(), body.ending), (passed.as_bytes(), ending), "{fault:?}");
        }
    }
}
