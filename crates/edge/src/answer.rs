//! What the edge answers itself.

use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE};
use http::{Response, StatusCode};
use ursa_adapters::route::{Protocol, error_body};

use crate::body::EdgeBody;

/// Carries the code of [`EdgeError`].
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-ursa-error");

/// When to come back after a full journal or memory, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

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

    /// The answer, in the protocol's own error shape.
    pub(crate) fn response(self, protocol: Protocol) -> Response<EdgeBody> {
        let status = self.status();
        let body = error_body(protocol, status.as_u16(), self.code(), &self.to_string());
        let mut response = Response::new(EdgeBody::full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.code()));
        if self == Self::WebSocketRefused {
            // A 426 has to name what to use instead (RFC 9110, 15.5.22).
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        }
        if matches!(self, Self::JournalFull | Self::Overloaded) {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}
