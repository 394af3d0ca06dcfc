//! Clients that keep one connection each and time what they get.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::cases::{BodyTemplate, Case};

/// Given up after this: a proxy that hangs must fail the run.
const REQUEST_LIMIT: Duration = Duration::from_mins(2);

/// What one client measured, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    /// From sending to the end of the answer.
    pub(crate) whole: Vec<u64>,
    /// From sending to the first byte of the body.
    pub(crate) first_byte: Vec<u64>,
    /// Between two chunks of a body.
    pub(crate) gaps: Vec<u64>,
}

/// Where to send to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Before `/v1/messages`.
    pub(crate) path_prefix: String,
    /// What this way needs beside an agent's own headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Target {
    fn request(&self, conversation_id: &str, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/v1/messages?beta=true", self.path_prefix))
            .header("host", self.address.to_string())
            .header("user-agent", "claude-cli/2.1.330 (external, sdk-cli)")
            .header("x-api-key", "bench-dummy-key")
            .header("anthropic-version", "2023-06-01")
            .header("x-claude-code-session-id", conversation_id)
            .header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// Runs the case's clients and gives their timings and the time it all took.
pub(crate) async fn run(target: &Target, case: &Case, length: Duration) -> anyhow::Result<(Timings, Duration)> {
    let barrier = Arc::new(Barrier::new(case.clients + 1));
    let clients: Vec<_> = (0..case.clients)
        .map(|_| tokio::spawn(client(target.clone(), case.clone(), length, Arc::clone(&barrier))))
        .collect();
    barrier.wait().await;
    let begun = Instant::now();
    let mut all = Timings::default();
    for client in clients {
        let timings = client.await??;
        all.whole.extend(timings.whole);
        all.first_byte.extend(timings.first_byte);
        all.gaps.extend(timings.gaps);
    }
    Ok((all, begun.elapsed()))
}

async fn client(target: Target, case: Case, length: Duration, barrier: Arc<Barrier>) -> anyhow::Result<Timings> {
    let conversation_id = uuid::Uuid::new_v4().to_string();
    let template = BodyTemplate::new(&case, &conversation_id);
    let connected = connect(target.address).await;
    // Every client gets here, connected or not, or the others would wait for ever.
    barrier.wait().await;
    let mut sender = connected?;
    let deadline = Instant::now() + length;
    let mut timings = Timings::default();
    for step in 0.. {
        let request = target.request(&conversation_id, template.body(step))?;
        let exchange = exchange(&mut sender, request, &mut timings);
        tokio::time::timeout(REQUEST_LIMIT, exchange).await.context("no answer in time")??;
        if case.once || Instant::now() >= deadline {
            break;
        }
    }
    Ok(timings)
}

/// Sends each request directly and then along a way, so that both see the same machine, and gives by how many
/// microseconds the first byte came later in each pair.
pub(crate) async fn pairs(
    direct: &Target,
    proxied: &Target,
    case: &Case,
    count: usize,
    pause: Duration,
) -> anyhow::Result<Vec<i64>> {
    let conversation_id = uuid::Uuid::new_v4().to_string();
    let template = BodyTemplate::new(case, &conversation_id);
    let (mut direct_sender, mut proxied_sender) = (connect(direct.address).await?, connect(proxied.address).await?);
    let mut added = Vec::with_capacity(count);
    // The first pair opens the proxy's connection.
    for step in 0..=count {
        let (mut without, mut with) = (Timings::default(), Timings::default());
        for (target, sender, timings) in
            [(direct, &mut direct_sender, &mut without), (proxied, &mut proxied_sender, &mut with)]
        {
            let request = target.request(&conversation_id, template.body(step))?;
            let exchange = exchange(sender, request, timings);
            tokio::time::timeout(REQUEST_LIMIT, exchange).await.context("no answer in time")??;
            tokio::time::sleep(pause).await;
        }
        let pair = without.first_byte.first().zip(with.first_byte.first()).filter(|_| step > 0);
        added.extend(pair.map(|(without, with)| with.cast_signed() - without.cast_signed()));
    }
    Ok(added)
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    timings: &mut Timings,
) -> anyhow::Result<()> {
    sender.ready().await?;
    let begun = Instant::now();
    let response = sender.send_request(request).await?;
    anyhow::ensure!(response.status() == 200, "status {}", response.status());
    let mut body = response.into_body();
    let mut last: Option<Instant> = None;
    while let Some(frame) = body.frame().await {
        frame?;
        let now = Instant::now();
        match last {
            None => timings.first_byte.push(micros(now - begun)),
            Some(last) => timings.gaps.push(micros(now - last)),
        }
        last = Some(now);
    }
    timings.whole.push(micros(begun.elapsed()));
    Ok(())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
