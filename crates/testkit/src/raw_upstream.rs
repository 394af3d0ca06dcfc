//! An upstream that is a script over sockets: it answers what no HTTP library would, and knows every byte that came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::raw_wire::{Tap, Wire};

/// A running script; it and its connections stop when dropped.
#[derive(Debug)]
pub struct RawUpstream {
    address: SocketAddr,
    taps: Arc<Mutex<Vec<Tap>>>,
    accept: tokio::task::JoinHandle<()>,
}

impl RawUpstream {
    /// Runs `script` for each connection, numbered from 0. Errors when no port can be had.
    pub async fn start<F, S>(script: F) -> anyhow::Result<Self>
    where
        F: Fn(usize, Wire) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind the upstream")?;
        let address = listener.local_addr()?;
        let taps: Arc<Mutex<Vec<Tap>>> = Arc::default();
        let kept = Arc::clone(&taps);
        let accept = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let tap = Tap::default();
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tap));
                if let Ok(wire) = Wire::over(stream) {
                    connections.spawn(script(number, wire.tapped(tap)));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, taps, accept })
    }

    /// Answers every request on every connection with the same bytes.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> anyhow::Result<Self> {
        let answer: Arc<[u8]> = answer.into().into();
        let script = move |_, mut wire: Wire| {
            let answer = Arc::clone(&answer);
            async move {
                while let Ok(Some(head)) = wire.head().await {
                    if wire.body_into(&head, |_| {}).await.is_err() || wire.send(&answer).await.is_err() {
                        return;
                    }
                }
            }
        };
        Self::start(script).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came over each connection, by order of connecting; of long ones the first mebibyte.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        taps.iter().map(|tap| tap.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.accept.abort();
    }
}
