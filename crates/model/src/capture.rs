//! What the edge writes into the journal: one capture is frames `head | request | request end | response head |
//! response | end` under one exchange id (RULES 11). An upgraded connection goes on after its response head with the bytes
//! of both directions as they come, for as long as it lasts.
//!
//! Heads and ends are JSON (small, rare, free to grow fields); bodies are the bytes as they went by, content encoding
//! untouched. No provider credential is in any of them: names are allow-listed, and the credential values of the very
//! request are masked in identity-encoded bodies before a frame is made. For encoded bodies the head carries
//! [`CredentialMark`]s, so that the pipeline can mask after decoding without ever having known the value.

use serde::{Deserialize, Serialize};

use crate::ids::{EnvironmentId, ExchangeId};
use crate::time::Timestamp;

/// A way we see traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The proxy.
    Edge,
    /// An agent's hook.
    Hook,
    /// The browser extension.
    Browser,
    /// The agent's own telemetry.
    Otel,
    /// The agent's transcript on disk.
    Transcript,
    /// The EDR's feed.
    Edr,
    /// What a device found installed.
    Scan,
}

impl Channel {
    /// All, in the order of the variants, which sets of them in the store follow: a new one comes last.
    pub const ALL: [Self; 7] =
        [Self::Edge, Self::Hook, Self::Browser, Self::Otel, Self::Transcript, Self::Edr, Self::Scan];

    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Hook => "hook",
            Self::Browser => "browser",
            Self::Otel => "otel",
            Self::Transcript => "transcript",
            Self::Edr => "edr",
            Self::Scan => "scan",
        }
    }
}

/// One frame of a capture, as it goes into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which capture it belongs to.
    pub exchange: ExchangeId,
    /// When the edge made it.
    pub at: Timestamp,
    /// What it holds.
    pub kind: FrameKind,
    /// [`CaptureHead`], [`ResponseHead`] or [`CaptureEnd`] as JSON, body bytes, or the pipeline's own, by `kind`.
    pub payload: Vec<u8>,
}

/// What a frame holds. The numbers are on disk: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// [`CaptureHead`] as JSON. The first frame of a capture.
    Head = 1,
    /// Bytes of the request body, in order.
    RequestPart = 2,
    /// The request body is whole; payload empty. Absent when it was cut short.
    RequestEnd = 3,
    /// [`ResponseHead`] as JSON.
    ResponseHead = 4,
    /// Bytes of the response body, in order.
    ResponsePart = 5,
    /// [`CaptureEnd`] as JSON. The last frame; a capture without one was interrupted.
    End = 6,
    /// Where the pipeline stands in a connection that stays open, written by the pipeline itself: from here on the
    /// connection can be read without what came before. Its layout is the pipeline's.
    Checkpoint = 7,
    /// A [`ReceivedEnvelope`](crate::envelope::ReceivedEnvelope) as JSON: a whole capture, delivered by a device. No
    /// other frame has its id.
    Envelope = 8,
}

impl FrameKind {
    /// True when a frame of this kind is the first of a capture.
    pub const fn begins_capture(self) -> bool {
        matches!(self, Self::Head | Self::Envelope)
    }

    /// From its number on disk.
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Head,
            2 => Self::RequestPart,
            3 => Self::RequestEnd,
            4 => Self::ResponseHead,
            5 => Self::ResponsePart,
            6 => Self::End,
            7 => Self::Checkpoint,
            8 => Self::Envelope,
            _ => return None,
        })
    }
}

/// How much a claim about who is calling can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Worked out from circumstances.
    Inferred,
    /// Said by the client.
    Reported,
    /// Proven by a key or an identity provider.
    Verified,
}

/// Who is calling, as far as the edge can tell when the request arrives. Never changes afterwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Principal {
    /// Loopback without a key.
    Loopback,
    /// An ingest key, by its id (never its value).
    Key {
        /// The key's id.
        id: String,
    },
    /// A device key, by the device's id.
    Device {
        /// The device's id.
        id: String,
    },
}

/// A credential value of the request, told without holding it: enough to find and mask it after decoding a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialMark {
    /// Length of the value in bytes.
    pub len: usize,
    /// BLAKE3 of the value, keyed with the environment's masking key; 16 bytes as hexadecimal digits.
    pub mac: String,
}

/// The first frame: what was asked, by whom, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureHead {
    /// Version of this layout, now 1.
    pub version: u32,
    /// The tenant.
    pub environment: EnvironmentId,
    /// Who is calling.
    pub principal: Principal,
    /// Name of the upstream (`anthropic`, `openai`, …).
    pub upstream: String,
    /// The upstream's wire protocol (`anthropic-messages`, `openai-responses`, …); `unknown` if none was named.
    pub protocol: String,
    /// HTTP method.
    pub method: String,
    /// Path under the upstream, without query.
    pub path: String,
    /// Allow-listed query parameters, in order.
    pub query: Vec<(String, String)>,
    /// Allow-listed request headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// `x-ursa-user`, reported by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_user: Option<String>,
    /// `x-ursa-device`, reported by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_device: Option<String>,
    /// True when an adapter knows the route, so that bodies are kept. On an upgraded connection: what it carries.
    pub bodies_kept: bool,
    /// True when the client asked to upgrade the connection.
    #[serde(default)]
    pub upgrade: bool,
    /// Marks of the request's own credential values.
    #[serde(default)]
    pub credentials: Vec<CredentialMark>,
}

/// The upstream's answer began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseHead {
    /// HTTP status code.
    pub status: u16,
    /// Allow-listed response headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

/// How a capture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Whole.
    Complete,
    /// The client went away before the answer was whole; the upstream was cancelled.
    ClientAbort,
    /// The upstream broke off in mid-answer.
    UpstreamReset,
    /// The upstream could not be reached, or broke off before it answered. The edge answered with its own error.
    UpstreamUnreachable,
    /// The edge refused (body too large, journal full while fail-closed, …); nothing or not all went upstream.
    Refused,
    /// The server stopped in between: written by recovery, or by the edge for what outlasted the drain.
    Interrupted,
}

/// The last frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureEnd {
    /// How it ended.
    pub reason: EndReason,
    /// Bytes of request body that went by (not only those kept).
    pub request_bytes: u64,
    /// Bytes of response body that went by (not only those kept).
    pub response_bytes: u64,
    /// From the request's arrival to the first byte of the response body, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_micros: Option<u64>,
    /// From the request's arrival to the end, in microseconds.
    pub duration_micros: u64,
    /// Bytes of request body that were not kept because of the capture limit.
    #[serde(default)]
    pub request_bytes_cut: u64,
    /// Bytes of response body that were not kept because of the capture limit.
    #[serde(default)]
    pub response_bytes_cut: u64,
    /// SHA-256 of the whole request body as it went by, if it was cut: hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_sha256: Option<String>,
    /// SHA-256 of the whole response body as it went by, if it was cut: hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_sha256: Option<String>,
    /// Bytes of either body that the recorder dropped because the journal was full.
    #[serde(default)]
    pub dropped_bytes: u64,
    /// Error of the edge itself (`x-ursa-error`), if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_error: Option<String>,
}
