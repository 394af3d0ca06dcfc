//! Answers: JSON, and `application/problem+json` (RFC 9457) for every error.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use crate::caller::Refusal;
use crate::limits::{BATCH_BYTES_MAX, RETRY_AFTER_SECONDS};
use crate::lines::LinesError;
use crate::sink::SinkError;

/// Every answer is in memory.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request failed. Holds nothing of what was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    detail: String,
    /// Seconds after which it is worth another try.
    retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let retry_after = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            .then_some(RETRY_AFTER_SECONDS);
        Self { status, detail: detail.into(), retry_after }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn busy(detail: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
    }

    pub(crate) fn too_large() -> Self {
        let detail = format!("a batch holds at most {BATCH_BYTES_MAX} bytes, decompressed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    pub(crate) fn failed(detail: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub(crate) fn answer(&self) -> Answer {
        #[derive(Serialize)]
        struct Shown<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            detail: &'a str,
        }
        let shown = Shown {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut answer = json(self.status, &shown);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"ursa\""));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        answer
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::KeyRequired | Refusal::BadKey => StatusCode::UNAUTHORIZED,
            Refusal::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Refusal::Busy => StatusCode::TOO_MANY_REQUESTS,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<LinesError> for Problem {
    fn from(error: LinesError) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
    }
}

impl From<SinkError> for Problem {
    fn from(error: SinkError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut answer = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
