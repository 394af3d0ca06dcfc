//! `application/vnd.amazon.eventstream`: the binary frames in which Bedrock streams, and the events that lie in them.
//!
//! A frame is total length, length of headers, CRC-32 of those eight bytes, headers, payload, CRC-32 of all before; the
//! numbers are 32 bits, big end first. The payload of a `chunk` is `{"bytes": BASE64}`, and what it holds is an event of
//! the model's own protocol. So a body of frames becomes the server-sent events that the vendor itself would have sent.
//!
//! Source: the AWS SDKs' description of the encoding ("Event stream encoding").

use serde_json::Value;
use ursa_model::message::Problem;

/// What Bedrock calls this form.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Length of the two lengths and of their checksum.
const PRELUDE_BYTES: usize = 12;
/// Length of the checksum at a frame's end.
const CHECKSUM_BYTES: usize = 4;
/// Largest frame. Bedrock's own limit is lower.
const FRAME_LIMIT: usize = 24 << 20;
/// Most headers of a frame.
const HEADERS_LIMIT: usize = 128;

/// Whether a `content-type` names this form.
pub fn is_named_by(content_type: &str) -> bool {
    content_type.trim().get(..CONTENT_TYPE.len()).is_some_and(|head| head.eq_ignore_ascii_case(CONTENT_TYPE))
}

/// The events in a body of frames, as server-sent events. A problem tells where the frames end early (`truncated`) or are
/// damaged (`parse_failed`); what came before is kept.
pub fn to_events(body: &[u8]) -> (Vec<u8>, Option<Problem>) {
    let mut events = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        match frame(rest) {
            Ok((frame, length)) => {
                frame.write_event(&mut events);
                rest = &rest[length..];
            }
            Err(kind) => {
                let at = body.len() - rest.len();
                return (events, Some(Problem::new(kind, format!("a frame of the event stream, at byte {at}"))));
            }
        }
    }
    (events, None)
}

/// What is told of a frame.
#[derive(Default)]
struct Frame<'a> {
    event_type: &'a str,
    exception_type: &'a str,
    payload: &'a [u8],
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

fn has_checksum(bytes: &[u8], told: Option<usize>) -> bool {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    usize::try_from(crc.sum()).ok() == told
}

/// The frame that the bytes begin with, and its length.
fn frame(bytes: &[u8]) -> Result<(Frame<'_>, usize), &'static str> {
    let (Some(length), Some(headers)) = (number(bytes, 0), number(bytes, 4)) else { return Err("truncated") };
    let checksum = number(bytes, 8);
    if checksum.is_none() {
        return Err("truncated");
    }
    let around = PRELUDE_BYTES + CHECKSUM_BYTES;
    let fits = (around..=FRAME_LIMIT).contains(&length) && headers <= length - around;
    if !fits || !has_checksum(&bytes[..8], checksum) {
        return Err("parse_failed");
    }
    let whole = bytes.get(..length).ok_or("truncated")?;
    let end = length - CHECKSUM_BYTES;
    if !has_checksum(&whole[..end], number(whole, end)) {
        return Err("parse_failed");
    }
    let mut frame = Frame { payload: &whole[PRELUDE_BYTES + headers..end], ..Frame::default() };
    frame.read_headers(&whole[PRELUDE_BYTES..PRELUDE_BYTES + headers]).ok_or("parse_failed")?;
    Ok((frame, length))
}

impl<'a> Frame<'a> {
    fn read_headers(&mut self, mut bytes: &'a [u8]) -> Option<()> {
        for _ in 0..HEADERS_LIMIT {
            let Some((length, rest)) = bytes.split_first() else { return Some(()) };
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (kind, rest) = rest.split_first()?;
            let (value, rest) = value(*kind, rest)?;
            let text = std::str::from_utf8(value).unwrap_or_default();
            match name {
                b":event-type" => self.event_type = text,
                b":exception-type" | b":error-code" => self.exception_type = text,
                _ => {}
            }
            bytes = rest;
        }
        None
    }

    fn write_event(&self, out: &mut Vec<u8>) {
        if !self.exception_type.is_empty() {
            let told = serde_json::from_slice::<Value>(self.payload).unwrap_or_default();
            let message = told.get("message").and_then(Value::as_str).unwrap_or_default();
            let error = serde_json::json!({
                "type": "error", "error": {"type": self.exception_type, "message": message},
            });
            return write("error", error.to_string().as_bytes(), out);
        }
        if self.event_type != "chunk" {
            return;
        }
        let Ok(told) = serde_json::from_slice::<Value>(self.payload) else { return };
        let Some(event) = told.get("bytes").and_then(Value::as_str).and_then(base64) else { return };
        let parsed = serde_json::from_slice::<Value>(&event).unwrap_or_default();
        write(parsed.get("type").and_then(Value::as_str).unwrap_or("message"), &event, out);
    }
}

fn write(name: &str, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    // A line end in a name or in JSON that was laid out would end the field.
    out.extend(name.bytes().filter(|byte| !byte.is_ascii_control()));
    out.extend_from_slice(b"\ndata: ");
    out.extend(data.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    out.extend_from_slice(b"\n\n");
}

/// The value of a header by its type, and what follows it.
fn value(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | 7 => {
            let (length, rest) = bytes.split_at_checked(2)?;
            let length = u16::from_be_bytes(length.try_into().ok()?);
            return rest.split_at_checked(usize::from(length));
        }
        9 => 16,
        _ => return None,
    };
    bytes.split_at_checked(length)
}

/// Bytes in the common alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(six)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xFF).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A frame with two headers, as Bedrock writes it.
    fn framed(name: &str, value: &str, payload: &[u8]) -> Vec<u8> {
        let mut headers = Vec::new();
        for (name, value) in [(":message-type", "event"), (name, value)] {
            headers.push(u8::try_from(name.len()).unwrap());
            headers.extend_from_slice(name.as_bytes());
            headers.push(7);
            headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            headers.extend_from_slice(value.as_bytes());
        }
        let length = PRELUDE_BYTES + headers.len() + payload.len() + CHECKSUM_BYTES;
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
        let sum = |bytes: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            crc.sum().to_be_bytes()
        };
        let prelude = sum(&bytes);
        bytes.extend_from_slice(&prelude);
        bytes.extend_from_slice(&headers);
        bytes.extend_from_slice(payload);
        let all = sum(&bytes);
        bytes.extend_from_slice(&all);
        bytes
    }

    #[test]
    fn frames_become_the_events_in_them_and_a_cut_or_damage_is_told() {
        // {"type":"ping"}
        let chunk = framed(":event-type", "chunk", br#"{"bytes":"eyJ0eXBlIjoicGluZyJ9","p":"abc"}"#);
        let other = framed(":event-type", "metadata", b"{}");
        let refused = framed(":exception-type", "throttlingException", br#"{"message":"Too many"}"#);
        let body = [chunk.clone(), other, refused].concat();
        let (events, problem) = to_events(&body);
        let expected = "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"throttlingException\",\"message\":\"Too many\"}}\n\n";
        assert_eq!((std::str::from_utf8(&events).unwrap(), problem), (expected, None));
        for cut in 1..chunk.len() {
            let (events, problem) = to_events(&body[..cut]);
            assert!(events.is_empty() && problem.unwrap().kind == "truncated", "{cut}");
        }
        for at in 0..chunk.len() {
            let mut damaged = chunk.clone();
            damaged[at] ^= 0x10;
            assert!(to_events(&damaged).1.is_some(), "{at}");
        }
    }

    #[test]
    fn only_its_own_content_type_names_it() {
        assert!(is_named_by(CONTENT_TYPE) && is_named_by("Application/VND.amazon.eventstream; x=1"));
        assert!(!is_named_by("text/event-stream") && !is_named_by("é"));
    }

    #[test]
    fn base64_is_read_padded_or_not() {
        assert_eq!(base64("TWE="), Some(b"Ma".to_vec()));
        assert_eq!(base64("TWFu"), Some(b"Man".to_vec()));
        assert_eq!(base64("TQ"), Some(b"M".to_vec()));
        assert_eq!(base64("T*"), None);
    }
}
