//! Makes the body of an envelope of what the agent said, and finds the event's name in it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::stdin::{Input, Kept};
use crate::line::BODY_BYTES_MAX;

/// Longest name of an event that is believed, in bytes.
pub(super) const EVENT_BYTES_MAX: usize = 128;
/// What some shells put before text that they pipe.
const MARK: &[u8] = b"\xEF\xBB\xBF";
/// Where agents write the event's name: Claude Code, Codex, Gemini CLI, Cursor and Copilot CLI in its PascalCase form;
/// VS Code; Copilot CLI's permissionRequest.
const EVENT_KEYS: [&str; 3] = ["hook_event_name", "hookEventName", "hookName"];

/// The body of an envelope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// JSON on one line.
    pub(crate) json: Vec<u8>,
    /// Bytes of the input, when the body is not all of it.
    pub(crate) truncated: Option<u64>,
    /// The event's name, where the agent said it.
    pub(crate) event: Option<String>,
}

/// Makes it. With `named` the event is known, and what came whole is left as it is, for [`crate::line::checked`].
pub(super) fn body(input: Input, named: bool) -> Body {
    let total = input.total;
    match input.kept {
        Kept::Whole(json) if named && input.ended => Body { json, truncated: None, event: None },
        Kept::Whole(bytes) => {
            if let Some(event) = look(without_mark(&bytes)) {
                // An agent that leaves the pipe open has still said all it had to say.
                let mut json = bytes;
                json.drain(..json.len() - without_mark(&json).len());
                on_one_line(&mut json);
                return Body { json, truncated: None, event };
            }
            if input.ended {
                return binary(&bytes, total);
            }
            let mut cutter = crate::cut::Cutter::new(crate::cut::CutLimits::NONE);
            cutter.feed(without_mark(&bytes));
            cut(cutter.finish(), &bytes, total)
        }
        Kept::Cut { json, prefix } => cut(json, &prefix, total),
    }
}

/// A body that was cut, when it is JSON; else how it began.
fn cut(json: Vec<u8>, prefix: &[u8], total: u64) -> Body {
    match look(&json) {
        Some(event) if json.len() <= BODY_BYTES_MAX => Body { json, truncated: Some(total), event },
        _ => Body { truncated: Some(total), ..binary(prefix, total) },
    }
}

/// Bytes that are no JSON, as many as a body may hold.
pub(crate) fn binary(bytes: &[u8], total: u64) -> Body {
    const AROUND: usize = 64;
    let kept = &bytes[..bytes.len().min((BODY_BYTES_MAX - AROUND) / 4 * 3)];
    let json = format!(r#"{{"encoding":"base64","data":"{}"}}"#, STANDARD.encode(kept));
    let truncated = (kept.len() as u64 != total).then_some(total);
    Body { json: json.into_bytes(), truncated, event: None }
}

/// The bytes without a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// Line ends can only stand between tokens, where a space is as good.
pub(crate) fn on_one_line(json: &mut [u8]) {
    for byte in json {
        // Written in any case: so it is done many at once.
        *byte = if matches!(*byte, b'\n' | b'\r') { b' ' } else { *byte };
    }
}

/// `None` when it is no JSON; else the event's name, if it is an object that tells one.
#[allow(clippy::option_option, reason = "no JSON and no name are two things")]
pub(crate) fn look(json: &[u8]) -> Option<Option<String>> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace());
    let event = if first == Some(&b'{') {
        deserializer.deserialize_map(Look).ok()?
    } else {
        deserializer.deserialize_ignored_any(IgnoredAny).ok()?;
        None
    };
    deserializer.end().ok()?;
    // A raw value must be text; what was passed over was not looked at.
    std::str::from_utf8(json).ok()?;
    Some(event)
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if event.is_none() && EVENT_KEYS.contains(&key.as_ref()) {
                let value = map.next_value::<&RawValue>()?;
                event = serde_json::from_str::<String>(value.get()).ok().filter(|name| is_name(name));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(event)
    }
}

/// True for what can be an event's name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= EVENT_BYTES_MAX && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::{Value, json};

    use super::super::stdin::Collector;
    use super::*;

    fn made(pieces: &[&[u8]], ended: bool) -> (Value, Body) {
        let mut collector = Collector::new();
        for piece in pieces {
            collector.take(piece);
        }
        let body = body(collector.end(ended), false);
        assert!(body.json.len() <= BODY_BYTES_MAX && !body.json.contains(&b'\n'));
        (serde_json::from_slice(&body.json).unwrap(), body)
    }

    #[test]
    fn json_stays_as_it_is_but_on_one_line() {
        let (_, body) = made(&[b"\xEF\xBB\xBF{ \"hook_event_name\":\n \"Stop\", \"x\": \"\\u00e9\" }\r\n"], true);
        assert_eq!(String::from_utf8(body.json).unwrap(), "{ \"hook_event_name\":  \"Stop\", \"x\": \"\\u00e9\" }  ");
        assert_eq!((body.event.as_deref(), body.truncated), (Some("Stop"), None));
        let (_, unclosed) = made(&[br#"{"hookEventName":"Stop"}"#], false);
        assert_eq!((unclosed.event.as_deref(), unclosed.truncated), (Some("Stop"), None));
        let (_, odd) = made(&[br#"{"hook_event_name": 5, "hookName": "permissionRequest"}"#], true);
        assert_eq!(odd.event.as_deref(), Some("permissionRequest"));
    }

    #[test]
    fn what_came_whole_with_its_event_named_is_not_looked_at() {
        for (ended, looked_at) in [(true, false), (false, true)] {
            let mut collector = Collector::new();
            collector.take(b"no\njson");
            let body = body(collector.end(ended), true);
            assert_eq!(body.json != b"no\njson", looked_at);
        }
    }

    #[test]
    fn what_is_no_json_is_base64() {
        for bytes in [&b""[..], b"hello", b"\xFF\xFE\x00", b"{\"a\":1} {\"b\":2}", b"{\"a\":\"\xFF\"}"] {
            let (value, body) = made(&[bytes], true);
            assert_eq!(value, json!({"encoding": "base64", "data": STANDARD.encode(bytes)}));
            assert_eq!(body.truncated, None);
        }
    }

    #[test]
    fn what_stops_midway_keeps_what_came() {
        let (value, body) = made(&[br#"{"session_id":"s","hook_event_name":"PreToolUse","tool_input":{"comm"#], false);
        assert_eq!((value["session_id"].as_str(), body.event.as_deref()), (Some("s"), Some("PreToolUse")));
        assert_eq!(body.truncated, Some(68));
    }

    #[test]
    fn a_long_input_keeps_its_small_fields() {
        let filler = vec![b'x'; 1 << 20];
        let mut pieces: Vec<&[u8]> = vec![br#"{"session_id":"s","tool_response":{"stdout":""#];
        pieces.extend(std::iter::repeat_n(&filler[..], 8));
        pieces.push(br#""},"hook_event_name":"PostToolUse"}"#);
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (value, body) = made(&pieces, true);
        assert_eq!((value["session_id"].as_str(), body.event.as_deref()), (Some("s"), Some("PostToolUse")));
        assert_eq!(body.truncated, Some(total as u64));
        // And the same amount of what is no JSON.
        let (value, body) = made(&[&filler[..]; 8], true);
        assert_eq!((value["encoding"].as_str(), body.truncated), (Some("base64"), Some(8 << 20)));
    }

    #[test]
    fn very_many_keys_are_cut() {
        let many = (0..300_000).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
        let (value, body) = made(&[format!("{{\"session_id\":\"s\",{many}}}").as_bytes()], true);
        assert_eq!(value["session_id"], "s");
        assert!(body.truncated.is_some());
    }
}
