//! The ways to the upstream, and a measurement along one of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::process::Command;
use ursa_testkit::api::ApiClient;
use ursa_testkit::server::{ServerOptions, UrsaServer};

use super::cases::{self, Case};
use super::client::{self, Target};
use super::peers::{self, Peer};
use super::process::{self, Usage};
use super::report::{Sample, percentile};
use super::trouble::{Trouble, TroubledDisk};
use super::upstream;

/// How often memory is looked at during a load.
const MEMORY_EVERY: Duration = Duration::from_millis(250);
/// Ursa as it comes, and in other settings.
const URSA: [(&str, &str); 5] = [
    ("ursa", ""),
    // Nothing goes upstream that is not on disk.
    ("ursa-strict", "[edge]\ndurability = \"strict\"\n"),
    // A process that forwards and records, and no more; the journal is not worked off.
    ("ursa-edge", "roles = [\"edge\"]\n"),
    ("ursa-full", ""),
    ("ursa-stuck", ""),
];
/// Pairs of requests of the idle case, and the pause after each request: the work behind the journal is over then.
const IDLE_PAIRS: usize = 200;
const IDLE_PAUSE: Duration = Duration::from_millis(25);

/// A way to the upstream.
pub(crate) struct Way {
    pub(crate) name: String,
    target: Target,
    kind: Kind,
    /// Memory when it was started and warm, in kilobytes.
    warm_rss_kb: u64,
}

enum Kind {
    Direct,
    Peer(Box<Peer>),
    Ursa(Box<Ursa>),
}

struct Ursa {
    // Before the disk: dropped first.
    server: UrsaServer,
    /// To ask whether all is in the store; absent when it will not be.
    api: Option<ApiClient>,
    disk: Option<TroubledDisk>,
}

impl Way {
    async fn start(name: &str, dir: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let plain = |address| Target { address, path_prefix: String::new(), headers: Vec::new() };
        let (target, kind) = if name == "direct" {
            (plain(upstream), Kind::Direct)
        } else if let Some((_, config)) = URSA.iter().find(|(of, _)| *of == name) {
            start_ursa(name, config, dir, upstream).await?
        } else {
            let peer = peers::start(name, dir, upstream).await?;
            (peer.target.clone(), Kind::Peer(Box::new(peer)))
        };
        let mut way = Self { name: name.to_owned(), target, kind, warm_rss_kb: 0 };
        let warm_up = cases::warm_up();
        upstream::will_answer(warm_up.answer);
        if let Err(error) = client::run(&way.target, &warm_up, Duration::ZERO).await {
            println!("{name}: {error:#}");
        }
        way.warm_rss_kb = way.usage().rss_kb;
        if let Kind::Ursa(ursa) = &mut way.kind
            && let Some(disk) = &mut ursa.disk
        {
            disk.begin()?;
        }
        Ok(way)
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Direct | Kind::Ursa(_))
    }

    /// The proxy's process, if there is one.
    fn pid(&self) -> Option<u32> {
        match &self.kind {
            Kind::Direct => None,
            Kind::Peer(peer) => peer.child.id(),
            Kind::Ursa(ursa) => ursa.server.pid(),
        }
    }

    fn usage(&self) -> Usage {
        self.pid().map(process::usage).unwrap_or_default()
    }

    /// What each thread has used since `before`, most first.
    fn threads_since(&self, before: &[(String, u64)]) -> String {
        let mut threads = self.pid().map(process::threads).unwrap_or_default();
        for (thread, earlier) in threads.iter_mut().zip(before) {
            thread.1 = thread.1.saturating_sub(earlier.1);
        }
        threads.retain(|(_, micros)| *micros > 1_000);
        threads.sort_by_key(|(_, micros)| std::cmp::Reverse(*micros));
        threads.iter().map(|(name, micros)| format!("{name} {} ms", micros / 1_000)).collect::<Vec<_>>().join(", ")
    }
}

async fn start_ursa(name: &str, config: &str, dir: &Path, upstream: SocketAddr) -> anyhow::Result<(Target, Kind)> {
    let trouble = match name {
        "ursa-full" => Some(Trouble::Full),
        "ursa-stuck" => Some(Trouble::Stuck),
        _ => None,
    };
    let disk = trouble.map(|trouble| TroubledDisk::mount(trouble, dir)).transpose()?;
    let data_dir = disk.as_ref().map_or_else(|| dir.join("data"), TroubledDisk::data_dir);
    let mut options = ServerOptions::for_upstream(&data_dir, &format!("http://{upstream}"));
    options.config = (!config.is_empty()).then(|| config.to_owned());
    let server = UrsaServer::start(options).await?;
    let target = Target { address: server.address()?, path_prefix: "/edge/anthropic".to_owned(), headers: Vec::new() };
    let settles = disk.is_none() && name != "ursa-edge";
    let api = if settles { Some(server.api().await?) } else { None };
    Ok((target, Kind::Ursa(Box::new(Ursa { server, api, disk }))))
}

pub(crate) struct Ways {
    all: Vec<Way>,
    _dir: tempfile::TempDir,
}

impl Ways {
    /// Starts the proxies of the named ways.
    pub(crate) async fn start(upstream: SocketAddr, names: &[&str]) -> anyhow::Result<Self> {
        let known =
            |name: &&str| *name == "direct" || peers::NAMES.contains(name) || URSA.iter().any(|(of, _)| of == name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let ours = URSA.map(|(name, _)| name).join(", ");
            anyhow::bail!("no way {unknown:?}: direct, {}, {ours}", peers::NAMES.join(", "));
        }
        let dir = tempfile::Builder::new().prefix("ursa-bench-").tempdir()?;
        let mut all = Vec::new();
        for name in names {
            let own = dir.path().join(name);
            std::fs::create_dir(&own)?;
            all.push(Way::start(name, &own, upstream).await.with_context(|| (*name).to_owned())?);
        }
        Ok(Self { all, _dir: dir })
    }

    /// Ends the proxies with their workers, which outlive a parent that is only killed. Ursa ends when dropped.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        for way in &mut self.all {
            if let Kind::Peer(peer) = &mut way.kind
                && let Some(pid) = peer.child.id()
            {
                Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
                peer.child.wait().await?;
            }
        }
        Ok(())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Way> {
        self.all.iter()
    }

    /// By how many microseconds a way brings the first byte later than no proxy, in pairs of requests.
    pub(crate) async fn added(&self, way: &Way) -> anyhow::Result<Vec<i64>> {
        let direct =
            self.all.iter().find(|way| way.name == "direct").context("the idle case needs the way \"direct\"")?;
        let case = cases::idle();
        upstream::will_answer(case.answer);
        client::pairs(&direct.target, &way.target, &case, IDLE_PAIRS, IDLE_PAUSE).await
    }

    pub(crate) async fn measure(
        &self,
        way: &Way,
        case: &Case,
        length: Duration,
        settle_limit: Duration,
    ) -> anyhow::Result<Sample> {
        upstream::will_answer(case.answer);
        let threads = way.pid().map(process::threads).unwrap_or_default();
        let before = way.usage();
        let peak = tokio::spawn(peak_memory(way.pid()));
        let result = client::run(&way.target, case, length).await;
        peak.abort();
        let peak_rss_kb = PEAK_RSS_KB.swap(0, Ordering::Relaxed);
        let (mut timings, elapsed) = result?;
        let after = way.usage();
        println!("    {}", way.threads_since(&threads));
        let begun_settling = Instant::now();
        if let Kind::Ursa(ursa) = &way.kind
            && let Some(api) = &ursa.api
        {
            api.wait_settled(settle_limit).await?;
        }
        let settled = way.usage();
        let requests = timings.whole.len() as f64;
        let behind_us = after.behind_us - before.behind_us;
        let edge_us = (after.cpu_us - before.cpu_us).saturating_sub(behind_us);
        let events = case.answer.events() as f64 * requests;
        Ok(Sample {
            requests_per_second: requests / elapsed.as_secs_f64(),
            whole_p50_us: percentile(&mut timings.whole, 50),
            whole_p99_us: percentile(&mut timings.whole, 99),
            first_byte_p50_us: percentile(&mut timings.first_byte, 50),
            first_byte_p99_us: percentile(&mut timings.first_byte, 99),
            gap_p50_us: percentile(&mut timings.gaps, 50),
            gap_p99_us: percentile(&mut timings.gaps, 99),
            edge_us_per_request: edge_us as f64 / requests,
            edge_us_per_event: if events > 0.0 { edge_us as f64 / events } else { 0.0 },
            pipeline_us_per_request: behind_us as f64 / requests,
            cpu_us_per_request_settled: (settled.cpu_us - before.cpu_us) as f64 / requests,
            settle_ms: begun_settling.elapsed().as_millis() as f64,
            peak_rss_mb: peak_rss_kb as f64 / 1024.0,
            rss_kb_per_client: peak_rss_kb.saturating_sub(way.warm_rss_kb) as f64 / case.clients as f64,
        })
    }
}

/// Highest memory seen during the measurement under way; there is one at a time.
static PEAK_RSS_KB: AtomicU64 = AtomicU64::new(0);

async fn peak_memory(pid: Option<u32>) {
    let Some(pid) = pid else { return };
    loop {
        PEAK_RSS_KB.fetch_max(process::usage(pid).rss_kb, Ordering::Relaxed);
        tokio::time::sleep(MEMORY_EVERY).await;
    }
}
