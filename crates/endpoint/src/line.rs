//! The lines of the spool: an envelope as JSON, without its number, which is known only once it is appended.
//!
//! A hook whose call names the event does not look at what it was told: checking a megabyte is a fifth of the time that an
//! agent waits. Its body stands in the line as it came, JSON or not; whoever reads the spool asks [`checked`] first.

use serde::Serialize;
use serde_json::value::RawValue;
use ursa_model::capture::Channel;
use ursa_model::envelope::{BinaryBody, Envelope, EnvelopeMeta};
use ursa_model::time::Timestamp;
use uuid::Uuid;

use crate::cut::{CutLimits, Cutter};
use crate::hook::body;

/// Longest head of a line, in bytes: all but the body.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest body, in bytes.
pub const BODY_BYTES_MAX: usize = crate::spool::LINE_BYTES_MAX - HEAD_BYTES_MAX;
/// What is kept of a body that is cut for want of space.
const THINNED: CutLimits = CutLimits { string: 256, member: 1024, total: 2048 };
/// Characters that are kept of a body that is no JSON.
const THINNED_BINARY: usize = 256;

/// What stands before the body. In the head it cannot stand: quotes in its texts are escaped.
const BODY_KEY: &[u8] = b",\"body\":";

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

/// The line, in the body's own memory: an agent waits for each page of new one. Where `body` may be something else than
/// JSON on one line, the line is for [`checked`].
///
/// # Errors
/// When the head cannot be written as JSON, which no head does.
pub fn line(head: &Head<'_>, mut body: Vec<u8>) -> serde_json::Result<Vec<u8>> {
    let mut begin = serde_json::to_vec(head)?;
    begin.pop();
    begin.extend_from_slice(BODY_KEY);
    body.reserve_exact(begin.len() + 1);
    body.splice(0..0, begin);
    body.push(b'}');
    Ok(body)
}

/// The line as it may be delivered: what stood unlooked at in the place of the body is on one line now, and in base64 when
/// it is no JSON.
pub fn checked(mut line: Vec<u8>) -> Vec<u8> {
    let Some(at) = line.windows(BODY_KEY.len()).position(|bytes| bytes == BODY_KEY) else { return line };
    let (begin, end) = (at + BODY_KEY.len(), line.len() - 1);
    let told = &line[begin..end];
    let marked = told.len() - body::without_mark(told).len();
    if body::look(&told[marked..]).is_some() {
        line.drain(begin..begin + marked);
        body::on_one_line(&mut line);
        return line;
    }
    let head = [&line[..begin], b"null}"].concat();
    let binary = body::binary(told, told.len() as u64);
    let replaced = serde_json::from_slice::<Envelope>(&head).and_then(|mut envelope| {
        envelope.meta.truncated = envelope.meta.truncated.or(binary.truncated);
        envelope.body = serde_json::from_slice(&binary.json)?;
        serde_json::to_vec(&envelope)
    });
    replaced.unwrap_or(line)
}

/// Appends the line with its number, and the line's end, to `batch`.
pub fn push_numbered(batch: &mut Vec<u8>, seq: u64, line: &[u8]) {
    batch.extend_from_slice(b"{\"seq\":");
    batch.extend_from_slice(seq.to_string().as_bytes());
    batch.push(b',');
    batch.extend_from_slice(line.get(1..).unwrap_or_default());
    batch.push(b'\n');
}

/// The line, which was [`checked`], with its body cut to the small fields; `None` when there is nothing to gain.
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

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

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
    fn what_was_not_looked_at_is_an_envelope_once_it_is_checked() {
        let checked = |body: &[u8]| {
            let head = Head {
                id: Uuid::from_u128(7),
                channel: Channel::Hook,
                source: "a,\"body\":1",
                event: None,
                at: Timestamp::from_micros(0),
                meta: EnvelopeMeta { cwd: Some(",\"body\":{}".to_owned()), ..EnvelopeMeta::default() },
            };
            let line = checked(line(&head, body.to_vec()).unwrap());
            assert!(!line.contains(&b'\n') && line == super::checked(line.clone()));
            let envelope: Envelope = serde_json::from_slice(&line).unwrap();
            assert_eq!((&*envelope.source, envelope.seq), (head.source, None));
            (envelope.body.get().to_owned(), envelope.meta.truncated)
        };
        assert_eq!(checked(b"{\"a\":\n[1, 2]}").0, "{\"a\": [1, 2]}");
        assert_eq!(checked(b"\xEF\xBB\xBF{\"a\":1}\r\n").0, "{\"a\":1}");
        // The last one would be an envelope with a number of its own, were it not looked at apart.
        for told in [&b""[..], b"hello", b"\xFF\n\x00", b"{\"a\":1} {", b"1,\"seq\":9"] {
            let body = serde_json::from_str::<BinaryBody>(&checked(told).0).unwrap();
            assert_eq!((&*body.encoding, &*body.data), ("base64", &*STANDARD.encode(told)));
        }
        let long = vec![0xFF; BODY_BYTES_MAX];
        let (body, truncated) = checked(&long);
        assert!(body.len() <= BODY_BYTES_MAX);
        assert_eq!(truncated, Some(long.len() as u64));
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
