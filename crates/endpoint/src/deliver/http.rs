//! Talking to the server: one client, its certificates and proxies, and what can go wrong.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::state::Settings;

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Longest time for a whole request and its answer.
const REQUEST_WAIT: Duration = Duration::from_mins(1);
/// Longest answer that is read, in bytes: a batch of which every line is refused.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Longest file of certificates, in bytes.
pub(crate) const CA_BYTES_MAX: u64 = 1 << 20;
/// Longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL with a host.
    #[error("`{0}` is not a server's URL such as https://ursa.example.com")]
    Url(String),
    /// Plain HTTP over a network.
    #[error(
        "{0} is not https: records and keys would travel readable. Use https, or enrol with --allow-plain-http if that is \
         really wanted"
    )]
    Plain(String),
    /// The file of certificates.
    #[error("certificates in {0}: {1}")]
    Certificates(String, String),
    /// The system has no certificates, and no file of them was named.
    #[error("no certificate authorities: {0}")]
    NoRoots(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The certificate is not trusted or does not fit. There is no way around it.
    #[error("the server's certificate is not accepted: {0}")]
    Tls(String),
    /// No connection, or it broke.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// When to come again, if the server said so.
    pub retry_after: Option<Duration>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// A client of the server that the settings name. `ca`: a PEM file beside the system's authorities, if it is there.
    ///
    /// # Errors
    /// Says what is wrong with the settings.
    pub fn new(server: &str, settings: &Settings, ca: &Path) -> Result<Self, ClientError> {
        let base = server.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| ClientError::Url(server.to_owned()))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(ClientError::Url(server.to_owned()));
        };
        let secure = scheme == "https";
        if !secure && scheme != "http" {
            return Err(ClientError::Url(server.to_owned()));
        }
        let loopback = is_loopback(host);
        if !secure && !loopback && !settings.allow_plain_http {
            return Err(ClientError::Plain(base));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(secure)
            // A redirect would carry the key to someone else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_global(Some(REQUEST_WAIT))
            .user_agent(concat!("ursa-endpoint/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy(secure, loopback));
        if secure {
            config = config.tls_config(tls(ca)?);
        }
        Ok(Self { agent: config.build().new_agent(), base })
    }

    /// Posts `body`.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).map_err(|error| failure(&error))?;
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| failure(&error))?;
        Ok(Answer { status, retry_after: retry_after.map(|wait| wait.min(RETRY_AFTER_MAX)), body })
    }
}

/// True for the machine itself.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The proxy of the environment, none to this machine itself. `HTTP_PROXY` is for http only.
fn proxy(secure: bool, loopback: bool) -> Option<ureq::Proxy> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let fits = !secure || ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().any(set);
    if loopback || !fits { None } else { ureq::Proxy::try_from_env() }
}

fn tls(ca: &Path) -> Result<TlsConfig, ClientError> {
    let system = rustls_native_certs::load_native_certs();
    let mut roots: Vec<_> =
        system.certs.iter().map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned()).collect();
    match crate::state::read_bounded(ca, CA_BYTES_MAX) {
        Ok(pem) => roots.extend(
            certificates(pem.as_bytes()).map_err(|error| ClientError::Certificates(ca.display().to_string(), error))?,
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(ClientError::Certificates(ca.display().to_string(), error.to_string())),
    }
    if roots.is_empty() {
        let why: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
        return Err(ClientError::NoRoots(if why.is_empty() {
            "the system has none".to_owned()
        } else {
            why.join("; ")
        }));
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .build())
}

/// The certificates of a PEM file; at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

fn failure(error: &ureq::Error) -> Failure {
    use ureq::Error;
    let tls = match error {
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => true,
        Error::Io(error) => error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>),
        _ => false,
    };
    if tls { Failure::Tls(error.to_string()) } else { Failure::Unreachable(error.to_string()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn made(server: &str, allow_plain_http: bool) -> Result<(), String> {
        let settings = Settings { allow_plain_http, ..Settings::default() };
        let client = Client::new(server, &settings, Path::new("/nowhere/ca.pem"));
        client.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_it_is_asked_for() {
        for server in ["http://127.0.0.1:4680", "http://localhost", "http://[::1]:80"] {
            assert_eq!(made(server, false), Ok(()));
        }
        assert!(made("http://ursa.example", false).unwrap_err().contains("not https"));
        assert_eq!(made("http://ursa.example", true), Ok(()));
        for server in ["ftp://ursa.example", "ursa.example", "", "https://"] {
            assert!(made(server, true).unwrap_err().contains("not a server's URL"), "{server}");
        }
    }
}
