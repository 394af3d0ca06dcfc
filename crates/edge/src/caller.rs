//! Who is calling (RULES 17).

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Uri};
use ursa_model::EnvironmentId;
use ursa_model::capture::Principal;

use crate::answer::EdgeError;
use crate::http1::head::Fields;

/// The header form of an ingest key.
pub(crate) const KEY_HEADER: &str = "x-ursa-key";

/// What a valid key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedKey {
    /// The key's own identity.
    pub principal: Principal,
    /// The tenant it belongs to.
    pub environment: EnvironmentId,
}

/// Knows the ingest keys. Called on the path of every request: it answers from memory and never blocks.
pub trait KeyResolver: Send + Sync {
    /// What `key` stands for, or `None` when it is not valid.
    fn resolve(&self, key: &str) -> Option<ResolvedKey>;
}

/// No key is valid.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl KeyResolver for NoKeys {
    fn resolve(&self, _key: &str) -> Option<ResolvedKey> {
        None
    }
}

/// Works out the caller. A key given by header goes before one given by path; without a key only loopback may call, if
/// `loopback` names its environment.
pub(crate) fn identify(
    keys: &dyn KeyResolver,
    loopback: Option<EnvironmentId>,
    path_key: Option<&str>,
    fields: &Fields,
    authority: Option<&str>,
    peer: SocketAddr,
) -> Result<ResolvedKey, EdgeError> {
    if let Some(value) = fields.get(KEY_HEADER) {
        return std::str::from_utf8(value).ok().and_then(|key| keys.resolve(key)).ok_or(EdgeError::BadKey);
    }
    if let Some(key) = path_key {
        return keys.resolve(key).ok_or(EdgeError::BadKey);
    }
    let environment = loopback.ok_or(EdgeError::KeyRequired)?;
    loopbacks_own(fields.lines().map(|line| (line.name, line.value)), authority, peer)?;
    Ok(ResolvedKey { principal: Principal::Loopback, environment })
}

/// Whether a request without a key is loopback's own (RULES 17).
///
/// # Errors
/// Why it is not.
pub fn without_key(headers: &HeaderMap, uri: &Uri, peer: SocketAddr) -> Result<(), EdgeError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    loopbacks_own(headers.iter().copied(), uri.authority().map(http::uri::Authority::as_str), peer)
}

/// `headers`: names in lower case. `authority`: the host in the target, for a request without a header for it.
fn loopbacks_own<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
    authority: Option<&str>,
    peer: SocketAddr,
) -> Result<(), EdgeError> {
    if !is_loopback(peer.ip()) {
        return Err(EdgeError::KeyRequired);
    }
    if headers.clone().any(|(name, _)| name == "origin") {
        return Err(EdgeError::ForbiddenOrigin);
    }
    if headers.clone().any(|(name, _)| is_forwarding_header(name)) || !host_is_loopback(headers, authority) {
        return Err(EdgeError::KeyRequired);
    }
    Ok(())
}

fn is_loopback(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

/// Something in between forwarded this, so the peer's address is not the caller's.
fn is_forwarding_header(name: &str) -> bool {
    matches!(name, "forwarded" | "via" | "x-real-ip" | "cf-connecting-ip" | "true-client-ip" | "x-client-ip")
        || name.starts_with("x-forwarded-")
}

/// A name that a web page cannot make resolve to us (DNS rebinding).
fn host_is_loopback<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>, authority: Option<&str>) -> bool {
    let mut hosts = headers.filter(|(name, _)| *name == "host").map(|(_, value)| value);
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => std::str::from_utf8(host).unwrap_or_default(),
        (None, None) => authority.unwrap_or_default(),
        _ => return false,
    };
    if host == "[::1]" || host.strip_prefix("[::1]:").is_some_and(is_port) {
        return true;
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct OneKey;

    impl KeyResolver for OneKey {
        fn resolve(&self, key: &str) -> Option<ResolvedKey> {
            let environment = EnvironmentId::derive(&[b"keyed"]);
            (key == "good").then(|| ResolvedKey { principal: Principal::Key { id: "k1".into() }, environment })
        }
    }

    fn call(peer: &str, path_key: Option<&str>, headers: &[(&'static str, &str)]) -> Result<Principal, EdgeError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 9);
        let loopback = Some(EnvironmentId::default_environment());
        identify(&OneKey, loopback, path_key, &Fields::from_map(&map), None, peer).map(|key| key.principal)
    }

    #[test]
    fn loopback_without_a_key_needs_a_loopback_host_and_nothing_in_between() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:4680", "127.9.9.9", "[::1]", "[::1]:1"] {
            assert_eq!(call("127.0.0.1", None, &[("host", host)]), Ok(Principal::Loopback), "{host}");
        }
        assert_eq!(call("::ffff:127.0.0.1", None, &[("host", "localhost")]), Ok(Principal::Loopback));
        for host in ["evil.example", "127.0.0.1.evil", "localhost.evil", "localhost:x", "", "10.0.0.1", "[::2]"] {
            assert_eq!(call("127.0.0.1", None, &[("host", host)]), Err(EdgeError::KeyRequired), "{host}");
        }
        assert_eq!(call("10.0.0.1", None, &[("host", "localhost")]), Err(EdgeError::KeyRequired));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(call("127.0.0.1", None, &twice), Err(EdgeError::KeyRequired));
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-real-ip",
            "cf-connecting-ip",
            "true-client-ip",
            "via",
        ] {
            let headers = [("host", "localhost"), (name, "x")];
            assert_eq!(call("127.0.0.1", None, &headers), Err(EdgeError::KeyRequired), "{name}");
        }
        let page = [("host", "localhost"), ("origin", "http://localhost")];
        assert_eq!(call("127.0.0.1", None, &page), Err(EdgeError::ForbiddenOrigin));
    }

    #[test]
    fn a_key_counts_wherever_the_caller_is_and_a_bad_one_is_refused() {
        let good = Ok(Principal::Key { id: "k1".into() });
        assert_eq!(call("10.0.0.1", Some("good"), &[]), good);
        assert_eq!(call("10.0.0.1", None, &[("x-ursa-key", "good"), ("origin", "x")]), good);
        assert_eq!(call("127.0.0.1", Some("bad"), &[("host", "localhost")]), Err(EdgeError::BadKey));
        assert_eq!(call("127.0.0.1", Some("good"), &[("x-ursa-key", "bad")]), Err(EdgeError::BadKey));
    }
}
