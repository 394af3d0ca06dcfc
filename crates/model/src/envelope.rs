//! What a device, an extension or a script delivers to `POST /ingest/v1/captures`: one envelope a line of
//! `application/x-ndjson`, each one observation of one agent as it was told, unread.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::capture::{Channel, Principal};
use crate::ids::{EnvironmentId, ExchangeId, hash_parts};
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

/// Version of [`ReceivedEnvelope`]'s layout.
pub const RECEIVED_VERSION: u32 = 1;

/// An envelope as the server took it: the one frame of a capture of kind
/// [`Envelope`](crate::capture::FrameKind::Envelope).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceivedEnvelope {
    /// Version of this layout, now [`RECEIVED_VERSION`].
    pub version: u32,
    /// The tenant.
    pub environment: EnvironmentId,
    /// Who delivered it.
    pub principal: Principal,
    /// What was known of the device then, if a device key delivered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<ReceivedDevice>,
    /// When the server took it, by the server's clock.
    pub received: Timestamp,
    /// When it was seen, by the server's clock as well as can be told: the envelope's own time, unless
    /// [`Self::clock_skew`] is set.
    pub at: Timestamp,
    /// True when the sender's clock is so far off that the envelope's own time is not believed. `at` then keeps the
    /// order of the spool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock_skew: bool,
    /// What was delivered.
    pub envelope: Envelope,
}

/// A device, as the server knew it when it took an envelope. Its id is proven by its key, the rest it said itself when it
/// enrolled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedDevice {
    /// The device's id.
    pub id: String,
    /// Its host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its serial number, unless that is junk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Whose device it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ReportedUser>,
}

/// A person, as the device named them when it enrolled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedUser {
    /// Login name on the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl ReceivedEnvelope {
    /// The capture's id. Derived, so that an envelope that is delivered again is the same capture; the principal is part
    /// of it, so that no sender can pass off an envelope as another's.
    pub fn capture_id(&self) -> ExchangeId {
        envelope_capture_id(self.environment, &self.principal, self.envelope.id)
    }
}

/// The id of the capture that an envelope of `principal` becomes.
pub fn envelope_capture_id(environment: EnvironmentId, principal: &Principal, envelope: Uuid) -> ExchangeId {
    let (kind, id) = match principal {
        Principal::Loopback => ("loopback", ""),
        Principal::Key { id } => ("key", id.as_str()),
        Principal::Device { id } => ("device", id.as_str()),
    };
    let parts: &[&[u8]] = &[&environment.0, kind.as_bytes(), id.as_bytes(), envelope.as_bytes()];
    ExchangeId(hash_parts("ursa envelope 1", parts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LINE: &str = r#"{"id":"6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a01","channel":"hook","source":"claude-code",
        "event":"PreToolUse","at":"2026-11-23T08:00:00Z","seq":7,"meta":{"cwd":"/w","later":1},"body":{"b":2,"a":1.0}}"#;

    #[test]
    fn every_channel_has_one_name_and_its_place_in_sets() {
        for (place, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel as usize, place);
            let line = LINE.replace(r#""hook""#, &format!("\"{}\"", channel.as_str()));
            assert_eq!(serde_json::from_str::<Envelope>(&line).unwrap().channel, channel);
        }
    }

    #[test]
    fn a_received_envelope_keeps_the_body_as_it_was_told() {
        let envelope: Envelope = serde_json::from_str(LINE).unwrap();
        let received = ReceivedEnvelope {
            version: RECEIVED_VERSION,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Loopback,
            device: None,
            received: Timestamp(5),
            at: envelope.at,
            clock_skew: false,
            envelope,
        };
        let text = serde_json::to_string(&received).unwrap();
        let back: ReceivedEnvelope = serde_json::from_str(&text).unwrap();
        assert_eq!(back.envelope.body.get(), r#"{"b":2,"a":1.0}"#);
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!(back.capture_id(), received.capture_id());
    }

    #[test]
    fn the_same_envelope_of_another_sender_is_another_capture() {
        let environment = EnvironmentId::default_environment();
        let id = |principal: Principal| envelope_capture_id(environment, &principal, Uuid::nil());
        let ids = [
            id(Principal::Loopback),
            id(Principal::Key { id: "a".into() }),
            id(Principal::Device { id: "a".into() }),
            id(Principal::Device { id: "b".into() }),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
