//! The scripted upstream as a program, to point an agent or a proxy at by hand.
#![allow(clippy::print_stdout, reason = "the address is this program's output")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use ursa_testkit::upstream::{ContentEncoding, Fault, FaultAction, FaultAt, Upstream, UpstreamOptions, WebSocket};

/// A scripted model upstream on loopback.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Part of every id; random if not given.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Folder for `exchanges.jsonl`.
    #[arg(long)]
    log_dir: Option<PathBuf>,
    /// Pause between two events, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Content encoding of answers: gzip, deflate, br or zstd.
    #[arg(long, value_parser = encoding)]
    encoding: Option<ContentEncoding>,
    /// What becomes of requests for a WebSocket.
    #[arg(long, value_enum, default_value = "refused")]
    websocket: WebSocket,
    /// Error to give once, at the model call given by `--error-at`.
    #[arg(long)]
    error_status: Option<u16>,
    /// The model call, from 1, that gets `--error-status`.
    #[arg(long, default_value_t = 1)]
    error_at: u64,
}

fn encoding(name: &str) -> Result<ContentEncoding, String> {
    ContentEncoding::from_name(name).ok_or_else(|| format!("no encoding {name:?}: gzip, deflate, br, zstd"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let fault = |status| Fault { at: FaultAt::Call(arguments.error_at), action: FaultAction::Status(status) };
    let options = UpstreamOptions {
        listen: arguments.listen,
        id_prefix: arguments.prefix,
        encoding: arguments.encoding,
        websocket: arguments.websocket,
        event_delay: Duration::from_millis(arguments.delay_ms),
        faults: arguments.error_status.map(fault).into_iter().collect(),
        log_dir: arguments.log_dir,
    };
    let upstream = Upstream::start(options).await?;
    println!("testkit-upstream: listening on {}", upstream.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
