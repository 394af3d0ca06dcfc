//! What the edge answers itself.

use std::io::Write as _;

use http::StatusCode;
use ursa_adapters::route::{Protocol, error_body};

/// Carries the code of [`EdgeError`].
const ERROR_HEADER: &str = "x-ursa-error";

/// When to come back after a full journal or memory, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// Room for the head of an answer of the edge's own, in bytes.
const ANSWER_BYTES_USUAL: usize = 256;

/// An answer of the edge itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// No upstream of that name.
    #[error("Ursa: no upstream of that name is configured.")]
    UnknownUpstream,
    /// The key is not valid.
    #[error("Ursa: the ingest key is not valid.")]
    BadKey,
    /// There is no key, and one is required.
    #[error("Ursa: an ingest key is required (header x-ursa-key or path /edge/k/KEY/…).")]
    KeyRequired,
    /// A web page tried to use loopback without a key.
    #[error("Ursa: requests from web pages need an ingest key.")]
    ForbiddenOrigin,
    /// The upstream could not be reached, or broke off before it answered.
    #[error("Ursa: the upstream could not be reached or broke off before it answered.")]
    UpstreamUnreachable,
    /// The upstream did not accept the connection, or did not answer, in time.
    #[error("Ursa: the upstream did not answer in time.")]
    UpstreamTimeout,
    /// The upstream's name leads to this machine, its link or a metadata service.
    #[error("Ursa: the upstream's name leads to an address that is refused unless the upstream is said to be local.")]
    UpstreamForbidden,
    /// The memory budget is nearly spent.
    #[error("Ursa: the server is overloaded; try again soon.")]
    Overloaded,
    /// The request body is larger than configured.
    #[error("Ursa: the request body is larger than this server forwards.")]
    BodyTooLarge,
    /// The request body's framing is broken.
    #[error("Ursa: the request body is malformed or stopped arriving.")]
    BadBody,
    /// The path cannot be forwarded.
    #[error("Ursa: the path cannot be forwarded.")]
    BadPath,
    /// WebSockets are refused by configuration.
    #[error("Ursa: this server does not forward WebSockets; use HTTP.")]
    WebSocketRefused,
    /// The record is full, and the configuration says to refuse then.
    #[error("Ursa: the record is full, and this server does not forward unrecorded.")]
    JournalFull,
    /// The record failed, and the configuration says to refuse then.
    #[error("Ursa: the record failed, and this server does not forward unrecorded.")]
    JournalFailed,
}

impl EdgeError {
    /// The code in `x-ursa-error` and in the end frame.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownUpstream => "unknown_upstream",
            Self::BadKey => "bad_key",
            Self::KeyRequired => "key_required",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamForbidden => "upstream_forbidden",
            Self::Overloaded => "overloaded",
            Self::BodyTooLarge => "body_too_large",
            Self::BadBody => "bad_body",
            Self::BadPath => "bad_path",
            Self::WebSocketRefused => "websocket_refused",
            Self::JournalFull => "journal_full",
            Self::JournalFailed => "journal_failed",
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::UnknownUpstream => StatusCode::NOT_FOUND,
            Self::BadKey | Self::KeyRequired => StatusCode::UNAUTHORIZED,
            Self::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Self::UpstreamUnreachable | Self::UpstreamForbidden => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadBody | Self::BadPath => StatusCode::BAD_REQUEST,
            Self::WebSocketRefused => StatusCode::UPGRADE_REQUIRED,
            Self::JournalFull | Self::JournalFailed | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer's headers, apart from its length, and its body in the protocol's own error shape.
    pub(crate) fn content(self, protocol: Protocol) -> (Vec<(&'static str, &'static str)>, Vec<u8>) {
        let body = error_body(protocol, self.status().as_u16(), self.code(), &self.to_string());
        let mut headers = vec![("content-type", "application/json"), (ERROR_HEADER, self.code())];
        if self == Self::WebSocketRefused {
            // A 426 has to name what to use instead (RFC 9110, 15.5.22).
            headers.extend([("connection", "upgrade"), ("upgrade", "HTTP/1.1")]);
        }
        if matches!(self, Self::JournalFull | Self::Overloaded) {
            headers.push(("retry-after", RETRY_AFTER_SECONDS));
        }
        (headers, body)
    }

    /// The whole answer for a client of HTTP/1. `head_only`: it asked with HEAD.
    pub(crate) fn bytes(self, protocol: Protocol, head_only: bool, closes: bool) -> Vec<u8> {
        let (headers, body) = self.content(protocol);
        answer(self.status(), &headers, &body, head_only, closes)
    }
}

/// An answer for a client of HTTP/1.
pub(crate) fn answer(
    status: StatusCode,
    headers: &[(&str, &str)],
    body: &[u8],
    head_only: bool,
    closes: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(ANSWER_BYTES_USUAL + body.len());
    let reason = status.canonical_reason().unwrap_or_default();
    // Writing to memory does not fail.
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    let _ = write!(out, "content-length: {}\r\n", body.len());
    if closes {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if !head_only {
        out.extend_from_slice(body);
    }
    out
}
