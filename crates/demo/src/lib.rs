//! Simulated agents and a scripted model, so that Ursa can be looked at with no key and no network.
//!
//! The agents speak the real wire protocols over HTTP, through the edge of the server that they are given, and what they
//! ask is answered by a scripted upstream on a loopback port in the same process. So everything that is shown went the way
//! that a real agent's work goes: edge, or hooks and their delivery, then journal, pipeline, store. Only what is said was written beforehand: see `story`.

mod agent;
mod live;
mod script;
mod stage;
mod story;
mod upstream;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use agent::Tempo;
use stage::{Over, Stage};
use upstream::Ready;

/// How fast the sessions go that are there from the beginning.
const QUICK: Tempo = Tempo { delta: Duration::from_millis(3), step: Duration::from_millis(60) };

/// A demo that has its port, and has not begun.
#[derive(Debug)]
pub struct Demo {
    listener: TcpListener,
    address: SocketAddr,
}

impl Demo {
    /// Takes a free port on loopback for the scripted upstream.
    ///
    /// # Errors
    /// If there is none.
    pub fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where the scripted upstream is: `http://HOST:PORT`. The server's `anthropic` and `openai` are to be this.
    pub fn upstream_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Begins, in the background of the runtime that calls it. `server` is the server's `http://HOST:PORT`, `now` tells
    /// the time as RFC 3339, which agents tell their model and their hooks; `stopped` turns true when the demo is to end.
    ///
    /// # Errors
    /// If the port cannot be served.
    pub fn start(self, server: &str, now: fn() -> String, stopped: watch::Receiver<bool>) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let ready = Arc::new(Ready::default());
        tokio::spawn(upstream::serve(listener, Arc::clone(&ready), stopped.clone()));
        let stage = Stage::new(server, ready, now, stopped);
        for session in story::sessions() {
            let stage = stage.clone();
            tokio::spawn(async move { told(agent::act(&stage, &session, QUICK).await) });
        }
        tokio::spawn(async move { told(live::act(&stage).await) });
        Ok(())
    }
}

fn told(ended: Result<(), Over>) {
    match ended {
        Ok(()) | Err(Over::Stopped) => {}
        Err(over) => tracing::warn!("a simulated agent gave up: {over}"),
    }
}
