//! Counters of the edge. Nothing that is dropped goes uncounted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use ursa_model::capture::{CaptureEnd, EndReason};

use crate::recorder::sink::SinkError;

/// A snapshot of the edge's counters since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeStats {
    /// Requests under `/edge/`.
    pub requests: u64,
    /// Exchanges that ended whole.
    pub complete: u64,
    /// Exchanges that the client left.
    pub client_abort: u64,
    /// Exchanges that the upstream broke off.
    pub upstream_reset: u64,
    /// Exchanges whose upstream was not reached or did not answer.
    pub upstream_unreachable: u64,
    /// Requests that the edge refused, with or without an exchange.
    pub refused: u64,
    /// Of the refused, those for want of memory.
    pub overloaded: u64,
    /// Exchanges whose upstream's name led where it must not.
    pub upstream_forbidden: u64,
    /// Exchanges cut by the end of the drain.
    pub interrupted: u64,
    /// Exchanges that are open now.
    pub open_exchanges: u64,
    /// Client connections that are open now.
    pub open_connections: u64,
    /// Bytes of request bodies that passed.
    pub request_bytes: u64,
    /// Bytes of answer bodies that passed.
    pub response_bytes: u64,
    /// Bytes not kept because of the capture limit.
    pub cut_bytes: u64,
    /// Bytes not recorded because the sink was full.
    pub dropped_bytes_full: u64,
    /// Bytes not recorded because the sink had failed.
    pub dropped_bytes_failed: u64,
    /// Exchanges not recorded at all because the sink was full.
    pub dropped_exchanges_full: u64,
    /// Exchanges not recorded at all because the sink had failed.
    pub dropped_exchanges_failed: u64,
    /// Ends not recorded because the sink was full or had failed; recovery closes such captures as interrupted.
    pub dropped_ends: u64,
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        /// The live counters behind [`EdgeStats`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $($name: AtomicU64),* }

        impl Counters {
            /// Their values now, each by itself.
            pub(crate) fn snapshot(&self) -> EdgeStats {
                EdgeStats { $($name: self.$name.load(Relaxed)),* }
            }
        }
    };
}

counters!(
    requests,
    complete,
    client_abort,
    upstream_reset,
    upstream_unreachable,
    refused,
    overloaded,
    upstream_forbidden,
    interrupted,
    open_exchanges,
    open_connections,
    request_bytes,
    response_bytes,
    cut_bytes,
    dropped_bytes_full,
    dropped_bytes_failed,
    dropped_exchanges_full,
    dropped_exchanges_failed,
    dropped_ends,
);

impl Counters {
    pub(crate) fn requested(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// A request was refused before there was an exchange.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// A request was refused for want of memory.
    pub(crate) fn overloaded(&self) {
        self.overloaded.fetch_add(1, Relaxed);
    }

    /// An upstream's name led where it must not.
    pub(crate) fn forbidden(&self) {
        self.upstream_forbidden.fetch_add(1, Relaxed);
    }

    /// Exchanges that are open now.
    pub(crate) fn open_exchanges(&self) -> u64 {
        self.open_exchanges.load(Relaxed)
    }

    pub(crate) fn opened(&self) {
        self.open_exchanges.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self, end: &CaptureEnd) {
        self.open_exchanges.fetch_sub(1, Relaxed);
        let outcome = match end.reason {
            EndReason::Complete => &self.complete,
            EndReason::ClientAbort => &self.client_abort,
            EndReason::UpstreamReset => &self.upstream_reset,
            EndReason::UpstreamUnreachable => &self.upstream_unreachable,
            EndReason::Refused => &self.refused,
            EndReason::Interrupted => &self.interrupted,
        };
        outcome.fetch_add(1, Relaxed);
        self.request_bytes.fetch_add(end.request_bytes, Relaxed);
        self.response_bytes.fetch_add(end.response_bytes, Relaxed);
        self.cut_bytes.fetch_add(end.request_bytes_cut + end.response_bytes_cut, Relaxed);
    }

    pub(crate) fn bytes_dropped(&self, error: SinkError, bytes: u64) {
        let counter = match error {
            SinkError::Full => &self.dropped_bytes_full,
            SinkError::Failed => &self.dropped_bytes_failed,
        };
        counter.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn exchange_dropped(&self, error: SinkError) {
        let counter = match error {
            SinkError::Full => &self.dropped_exchanges_full,
            SinkError::Failed => &self.dropped_exchanges_failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn end_dropped(&self) {
        self.dropped_ends.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_opened(&self) {
        self.open_connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.open_connections.fetch_sub(1, Relaxed);
    }
}
