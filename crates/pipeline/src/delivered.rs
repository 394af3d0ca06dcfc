//! One envelope that a device delivered, read into observations.

use ursa_model::capture::Channel;
use ursa_model::envelope::{DROPPED_EVENT, Dropped, ENDPOINT_SOURCE, ReceivedEnvelope};
use ursa_model::observation::{Content, Key, Observation, SessionAttribute, Vantage};
use ursa_store::StoreError;

use crate::draft::Draft;
use crate::hooks;
use crate::normalise::Normaliser;
use crate::settings::VERSION;

/// Under this an envelope is counted whose channel nothing reads yet. Its capture is kept for as long as any.
const UNREAD_CHANNEL: &str = "unread_channel";
/// Reasons for which the endpoint program drops.
const DROP_REASONS: &[&str] = &["size_limit", "age_limit", "damaged", "write_failed"];

impl Normaliser {
    /// Adds to the draft what the envelope tells.
    pub(crate) fn envelope(&self, draft: &mut Draft, received: &ReceivedEnvelope) -> Result<(), StoreError> {
        let envelope = &received.envelope;
        if envelope.source == ENDPOINT_SOURCE {
            draft.captures += 1;
            if envelope.event.as_deref() == Some(DROPPED_EVENT) {
                device_drops(draft, received);
            }
            return Ok(());
        }
        // What a page, a transcript or telemetry says of an agent is no word of its hooks.
        if envelope.channel != Channel::Hook {
            draft.captures += 1;
            draft.unattributed += 1;
            draft.dropped.push((UNREAD_CHANNEL.to_owned(), 1));
            return Ok(());
        }
        let before = draft.observations.len();
        hooks::observe(self, draft, received)?;
        if received.clock_skew
            && let Some(told) = draft.observations.get(before)
        {
            let gap = clock_skew(told.get(), received);
            draft.observations.push(self.redactor.observation(gap));
        }
        Ok(())
    }
}

/// What a device had to let go of is a loss like any other.
fn device_drops(draft: &mut Draft, received: &ReceivedEnvelope) {
    match serde_json::from_str::<Dropped>(received.envelope.body.get()) {
        Ok(dropped) => {
            let reason = DROP_REASONS.iter().find(|known| **known == dropped.reason).unwrap_or(&"other");
            draft.dropped.push((format!("device_{reason}"), dropped.count));
        }
        Err(_) => draft.unattributed += 1,
    }
}

/// Says of the session that its device's times were not believed.
fn clock_skew(told: &Observation, received: &ReceivedEnvelope) -> Observation {
    let detail = "the device's clock is off: times are those at which the server took what it told";
    Observation {
        scope: told.scope.clone(),
        subagent_id: None,
        kind: None,
        vantage: Vantage::HookBefore,
        keys: vec![Key::Session],
        own_key: None,
        content: Content::Session(SessionAttribute::Gap {
            channel: received.envelope.channel,
            kind: "clock_skew".to_owned(),
            detail: detail.to_owned(),
        }),
        at: received.at,
        ordinal: told.ordinal,
        capture: received.capture_id(),
        made_by: VERSION,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use ursa_model::Timestamp;
    use ursa_model::capture::{Channel, Frame, FrameKind, Principal};
    use ursa_model::envelope::{Envelope, RECEIVED_VERSION};
    use ursa_model::ids::EnvironmentId;
    use ursa_store::RecordStore;
    use ursa_store::sqlite::SqliteStore;

    use crate::{Assembler, Pipeline, PipelineSettings};

    use super::*;

    fn received(n: u128, source: &str, body: &str) -> ReceivedEnvelope {
        let text = format!(
            r#"{{"id":"{n:032x}","channel":"hook","source":"{source}","event":"dropped","at":"2026-11-23T08:00:00Z","body":{body}}}"#
        );
        let envelope: Envelope = serde_json::from_str(&text).unwrap();
        ReceivedEnvelope {
            version: RECEIVED_VERSION,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Device { id: "dev_1".into() },
            device: None,
            received: Timestamp(1_795_392_000_000_000),
            at: envelope.at,
            clock_skew: false,
            envelope,
        }
    }

    fn frame(received: &ReceivedEnvelope, payload: Vec<u8>) -> Frame {
        Frame { exchange: received.capture_id(), at: received.received, kind: FrameKind::Envelope, payload }
    }

    #[test]
    fn an_envelope_is_a_capture_of_one_frame_and_a_broken_one_is_settled() {
        let mut assembler = Assembler::default();
        let (one, at) = (received(1, "claude-code", "1"), ursa_journal::Position::default());
        assert!(assembler.push(at, frame(&one, serde_json::to_vec(&one).unwrap())).is_empty());
        assert!(assembler.push(at, frame(&one, b"{".to_vec())).is_empty());
        let (_, delivered) = assembler.take_delivered();
        assert_eq!((delivered.len(), delivered[0].capture_id()), (1, one.capture_id()));
        assert_eq!(
            (assembler.take_delivered().0.len(), assembler.take_settled(), assembler.problems()),
            (0, 1, (0, 1))
        );
        assert_eq!((assembler.open_exchanges(), assembler.low_water(at)), (0, at));
    }

    fn pipeline(dir: &std::path::Path) -> (Arc<SqliteStore>, Pipeline) {
        let store = Arc::new(SqliteStore::open(dir, &[7; 32]).unwrap());
        let settings = PipelineSettings {
            environment: EnvironmentId::default_environment(),
            masking_key: [1; 32],
            keep_processed_seconds: 0,
            metadata_only: Arc::new(|| false),
        };
        let pipeline = Pipeline::new(Arc::clone(&store) as Arc<dyn ursa_store::Store>, settings).unwrap();
        (store, pipeline)
    }

    #[test]
    fn only_what_a_hook_says_is_read_as_a_hooks_word() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pipeline) = pipeline(dir.path());
        let prompt = r#"{"session_id":"s","hook_event_name":"UserPromptSubmit","prompt":"hello"}"#;
        let told = |n: u128, channel: Channel| {
            let mut told = received(n, "claude-code", prompt);
            told.envelope.event = Some("UserPromptSubmit".to_owned());
            told.envelope.channel = channel;
            told
        };
        let others = [Channel::Browser, Channel::Transcript, Channel::Otel, Channel::Scan, Channel::Edr];
        let delivered: Vec<_> = (1..).zip(others).map(|(n, channel)| told(n, channel)).collect();
        let now = Timestamp(1_795_392_000_000_000);
        pipeline.run_delivered(&delivered, now, None).unwrap();
        let stats = store.stats().unwrap();
        assert_eq!((stats.captures, stats.observations, stats.events, stats.unattributed), (5, 0, 0, 5));
        assert_eq!(stats.dropped.get(UNREAD_CHANNEL), Some(&5));
        pipeline.run_delivered(&[told(9, Channel::Hook)], now, None).unwrap();
        assert!(store.stats().unwrap().events > 0, "the same from a hook is read");
    }

    #[test]
    fn what_a_device_dropped_is_counted_by_reason() {
        let dir = tempfile::tempdir().unwrap();
        let (store, pipeline) = pipeline(dir.path());
        let delivered = [
            received(1, ENDPOINT_SOURCE, r#"{"count":7,"bytes":100,"reason":"size_limit"}"#),
            received(2, ENDPOINT_SOURCE, r#"{"count":2,"bytes":10,"reason":"size_limit"}"#),
            received(3, ENDPOINT_SOURCE, r#"{"count":1,"bytes":10,"reason":"<script>"}"#),
            received(4, ENDPOINT_SOURCE, "[]"),
        ];
        pipeline.run_delivered(&delivered, Timestamp(1_795_392_000_000_000), None).unwrap();
        let stats = store.stats().unwrap();
        assert_eq!((stats.captures, stats.unattributed), (4, 1));
        let dropped: Vec<_> = stats.dropped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(dropped, [("device_other", 1), ("device_size_limit", 9)]);
        pipeline.replay(&[], &delivered, Timestamp(1_795_392_001_000_000)).unwrap();
        assert_eq!(store.stats().unwrap().dropped, stats.dropped, "a replay counts nothing again");
        assert_eq!(delivered[0].envelope.channel, Channel::Hook);
    }
}
