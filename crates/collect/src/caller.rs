//! Who delivers.

use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use ursa_model::EnvironmentId;
use ursa_model::capture::Principal;
use ursa_model::envelope::ReceivedDevice;

/// Somebody who may deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub environment: EnvironmentId,
    /// Device, key or loopback.
    pub principal: Principal,
    /// What is known of the device, if it is one.
    pub device: Option<ReceivedDevice>,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no key, and without one this caller may not deliver.
    #[error("send `Authorization: Bearer KEY` with the key of an enrolled device")]
    KeyRequired,
    /// The key is not, or no longer, valid.
    #[error("the key is not valid, or no longer; enrol the device again")]
    BadKey,
    /// A web page asks, without a key.
    #[error("requests of web pages need a key")]
    ForbiddenOrigin,
    /// Too many unknown keys are being looked up. May pass.
    #[error("too many unknown keys; try again")]
    Busy,
}

/// Knows who may deliver. Called on an async thread: it answers from memory, with one small read at most.
pub trait Callers: Send + Sync {
    /// Who sent a request with these headers.
    ///
    /// # Errors
    /// Why they may not deliver.
    fn identify(&self, headers: &HeaderMap, uri: &Uri, peer: SocketAddr) -> Result<Caller, Refusal>;
}

/// The key in a request's `authorization`; `Some(None)` when there is something else in it.
pub fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let value = headers.get(AUTHORIZATION)?;
    let key = value.to_str().ok().and_then(|text| text.split_once(' '));
    let key = key.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(key.map(|(_, key)| key.trim()))
}
