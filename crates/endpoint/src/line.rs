//! The lines of the spool: an envelope as JSON, without its number, which is known only once it is appended.

use serde::Serialize;
use serde_json::value::RawValue;
use ursa_model::capture::Channel;
use ursa_model::envelope::{BinaryBody, Envelope, EnvelopeMeta};
use ursa_model::time::Timestamp;
use uuid::Uuid;

use crate::cut::{CutLimits, Cutter};

/// Longest head of a line, in bytes: all but the body.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest body, in bytes.
pub const BODY_BYTES_MAX: usize = crate::spool::LINE_BYTES_MAX - HEAD_BYTES_MAX;
/// What is kept of a body that is cut for want of space.
const THINNED: CutLimits = CutLimits { string: 256, member: 1024, total: 2048 };
/// Characters that are kept of a body that is no JSON.
const THINNED_BINARY: usize = 256;

/// All of an envelope but its number and its body.
#[derive(Debug, Serialize)]
pub struct Head<'h> {
    /// See [`Envelope`].
    pub id: Uuid,
    /// See [`Envelope`].
    pub channel: Channel,
    /// See [`Envelope`].
    pub source: &'h str,
    /// See [`Envelope`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'h str>,
    /// See [`Envelope`].
    pub at: Timestamp,
    /// See [`Envelope`].
    pub meta: EnvelopeMeta,
}

/// The line, in the body's own memory: an agent waits for each page of new one. `body` must be JSON on one line.
///
/// # Errors
/// When the head cannot be written as JSON, which no head does.
pub fn line(head: &Head<'_>, mut body: Vec<u8>) -> serde_json::Result<Vec<u8>> {
    let mut begin = serde_json::to_vec(head)?;
    begin.pop();
    begin.extend_from_slice(b",\"body\":");
    body.reserve_exact(begin.len() + 1);
    body.splice(0..0, begin);
    body.push(b'}');
    Ok(body)
}

/// Appends the line with its number, and the line's end, to `batch`.
pub fn push_numbered(batch: &mut Vec<u8>, seq: u64, line: &[u8]) {
    batch.extend_from_slice(b"{\"seq\":");
    batch.extend_from_slice(seq.to_string().as_bytes());
    batch.push(b',');
    batch.extend_from_slice(line.get(1..).unwrap_or_default());
    batch.push(b'\n');
}

/// The line with its body cut to the small fields; `None` when there is nothing to gain.
pub fn thinned(line: &[u8]) -> Option<Vec<u8>> {
    let mut envelope: Envelope = serde_json::from_slice(line).ok()?;
    let body = envelope.body.get();
    let cut = match serde_json::from_str::<BinaryBody>(body) {
        Ok(mut binary) if binary.encoding == "base64" => {
            binary.data.truncate(THINNED_BINARY);
            serde_json::to_string(&binary).ok()?
        }
        _ => {
            let mut cutter = Cutter::new(THINNED);
            cutter.feed(body.as_bytes());
            String::from_utf8(cutter.finish()).ok()?
        }
    };
    if cut.len() >= body.len() {
        return None;
    }
    envelope.meta.truncated.get_or_insert(body.len() as u64);
    envelope.body = RawValue::from_string(cut).ok()?;
    serde_json::to_vec(&envelope).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn made(body: &str) -> Vec<u8> {
        let head = Head {
            id: Uuid::from_u128(7),
            channel: Channel::Hook,
            source: "claude-code",
            event: Some("PreToolUse"),
            at: Timestamp::from_micros(1_795_392_000_000_000),
            meta: EnvelopeMeta { cwd: Some("/w".to_owned()), ..EnvelopeMeta::default() },
        };
        line(&head, body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_line_is_an_envelope_with_its_number() {
        let mut batch = Vec::new();
        push_numbered(&mut batch, 42, &made(r#"{"a":[1, 2]}"#));
        let text = String::from_utf8(batch).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let envelope: Envelope = serde_json::from_str(&text).unwrap();
        assert_eq!((envelope.seq, envelope.body.get()), (Some(42), r#"{"a":[1, 2]}"#));
        assert_eq!((envelope.id, envelope.event.as_deref()), (Uuid::from_u128(7), Some("PreToolUse")));
    }

    #[test]
    fn thinning_keeps_small_fields_and_says_what_was() {
        let body = serde_json::json!({"session_id": "s", "tool_response": "x".repeat(9000)}).to_string();
        let envelope: Envelope = serde_json::from_slice(&thinned(&made(&body)).unwrap()).unwrap();
        assert_eq!(envelope.meta.truncated, Some(body.len() as u64));
        assert!(envelope.body.get().len() < 400 && envelope.body.get().contains(r#""session_id":"s""#));
        let binary = serde_json::json!({"encoding": "base64", "data": "AAAA".repeat(1000)}).to_string();
        let envelope: Envelope = serde_json::from_slice(&thinned(&made(&binary)).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<BinaryBody>(envelope.body.get()).unwrap().data.len(), 256);
        assert_eq!(thinned(&made("{}")), None);
    }
}
