//! What all threads share: configuration, upstreams, keys, the sink, counters.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ursa_adapters::route::Protocol;

use crate::answer::EdgeError;
use crate::caller::{KeyResolver, ResolvedKey, identify};
use crate::config::{Durability, EdgeConfig, OnOverflow, WebSockets};
use crate::http1::head::Request;
use crate::memory::MemoryBudget;
use crate::recorder::sink::FrameSink;
use crate::stats::{Counters, EdgeStats};
use crate::target::Target;
use crate::tls::{self, TlsError};
use crate::upstream::{ParseUpstreamError, Upstream, Upstreams};

/// An edge cannot be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An upstream is not usable.
    #[error("upstream not usable")]
    Upstream(#[from] ParseUpstreamError),
    /// TLS to upstreams cannot be set up.
    #[error("TLS to upstreams cannot be set up")]
    Tls(#[from] TlsError),
    /// The list of local upstreams names one that is not there.
    #[error("{name:?} is said to be a local upstream, and there is no upstream of that name")]
    LocalUpstream {
        /// The name as given.
        name: String,
    },
}

/// The proxy. [`serve`](crate::serve) puts it on the network.
pub struct Edge {
    pub(crate) config: EdgeConfig,
    pub(crate) sink: Arc<dyn FrameSink>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Set when the server cuts what is still open after the drain.
    pub(crate) cutting: Arc<AtomicBool>,
    pub(crate) memory: MemoryBudget,
    /// Host names that may lead to this machine.
    pub(crate) local_hosts: Arc<HashSet<String>>,
    upstreams: Upstreams,
    keys: Arc<dyn KeyResolver>,
}

impl Edge {
    /// Loads certificate authorities and checks the upstreams.
    ///
    /// # Errors
    /// The configuration names an upstream or a file that is not usable.
    pub fn new(
        config: EdgeConfig,
        keys: Arc<dyn KeyResolver>,
        sink: Arc<dyn FrameSink>,
    ) -> Result<Arc<Self>, BuildError> {
        let upstreams = Upstreams::new(&config.upstreams)?;
        let tls = tls::client(config.extra_ca_file.as_deref())?;
        let counters: Arc<Counters> = Arc::default();
        let cutting = Arc::default();
        let memory = MemoryBudget::new(config.memory_bytes_max, &counters);
        let host_of = |name: &String| {
            let host = upstreams.get(name).map(|upstream| upstream.authority().host().to_ascii_lowercase());
            host.ok_or_else(|| BuildError::LocalUpstream { name: name.clone() })
        };
        let local_hosts = Arc::new(config.local_upstreams.iter().map(host_of).collect::<Result<_, _>>()?);
        Ok(Arc::new(Self { config, sink, counters, tls, cutting, memory, local_hosts, upstreams, keys }))
    }

    /// The counters now.
    pub fn stats(&self) -> EdgeStats {
        self.counters.snapshot()
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.config.durability == Durability::Strict
    }

    /// True when nothing may pass that is not recorded.
    pub(crate) fn refuses_unrecorded(&self) -> bool {
        self.is_strict() || self.config.on_overflow == OnOverflow::Refuse
    }

    /// True when WebSockets are to be done without.
    pub(crate) fn refuses_websockets(&self) -> bool {
        self.config.websockets == WebSockets::Refuse
    }

    /// From now on an exchange that is dropped was cut by the server, not left by its client.
    pub(crate) fn begin_cutting(&self) {
        self.cutting.store(true, Ordering::Relaxed);
    }

    /// Protocol of the upstream a request means, for the shape of errors.
    pub(crate) fn protocol(&self, target: &Target<'_>) -> Protocol {
        self.upstreams.get(target.upstream).map_or(Protocol::Unknown, |upstream| upstream.protocol)
    }

    /// Who is calling, and where to.
    pub(crate) fn admit(
        &self,
        request: &Request,
        target: &Target<'_>,
        peer: SocketAddr,
    ) -> Result<(ResolvedKey, &Upstream), EdgeError> {
        let loopback = self.config.loopback;
        let caller = identify(&*self.keys, loopback, target.key, &request.fields, request.authority(), peer)?;
        let upstream = self.upstreams.get(target.upstream).ok_or(EdgeError::UnknownUpstream)?;
        Ok((caller, upstream))
    }
}
