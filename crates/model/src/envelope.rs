//! What a device, an extension or a script delivers to `POST /ingest/v1/captures`: one envelope a line of
//! `application/x-ndjson`, each one observation of one agent as it was told, unread.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::capture::Channel;
use crate::time::Timestamp;

/// Longest envelope, in bytes of its line, decompressed.
pub const ENVELOPE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest batch, in bytes, decompressed.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The source of what the endpoint program says of itself.
pub const ENDPOINT_SOURCE: &str = "ursa-endpoint";
/// The event by which the endpoint program tells what it had to drop; its body is [`Dropped`].
pub const DROPPED_EVENT: &str = "dropped";

/// One observation on one channel, as it was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Drawn by the sender; the same observation sent again has the same.
    pub id: Uuid,
    /// How it was seen.
    pub channel: Channel,
    /// The agent's slug (`claude-code`), a site's, or [`ENDPOINT_SOURCE`].
    pub source: String,
    /// The hook's event by the agent's own name (`PreToolUse`), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// When it was seen, by the sender's clock.
    pub at: Timestamp,
    /// Counts from 1 in each spool ([`EnvelopeMeta::spool`]) without holes; what is missing shows as a hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What the sender says of the circumstances.
    #[serde(default)]
    pub meta: EnvelopeMeta,
    /// What the agent said, as it said it: any JSON. Bytes that are no JSON are [`BinaryBody`].
    pub body: Box<RawValue>,
}

/// Circumstances of an envelope, all reported by its sender. Fields that are not known here are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeMeta {
    /// The spool that `seq` counts in: one for each user of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<Uuid>,
    /// Login name of the person that runs the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_user: Option<String>,
    /// Working directory of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The agent's version, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The sender's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_version: Option<String>,
    /// Bytes of the body before it was cut; absent when it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<u64>,
}

/// The body of an envelope whose bytes are no JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinaryBody {
    /// Always `base64`.
    pub encoding: String,
    /// The bytes.
    pub data: String,
}

/// The body of a [`DROPPED_EVENT`]: what a full or too old spool let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// How many envelopes.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// `size_limit`, `age_limit`, `damaged` or `write_failed`.
    pub reason: String,
}
