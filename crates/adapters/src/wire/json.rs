//! JSON as the wire adapters need it: parsed within a depth, and written in one canonical way.

use std::borrow::Cow;

use serde::de::Error as _;
use serde_json::{Map, Value};

use super::problems::Problems;

/// The problem that text was not given back as it was sent.
pub(super) const LOSSY_TEXT: &str = "lossy_text";

/// The parser's own bound on nesting; past it a body is a problem, not a crash.
const DEPTH_LIMIT: usize = 128;

/// Values, keys and brackets of one text that are read. Past it a body is a problem: a parsed value takes many times the
/// memory and time of its text, and no conversation is made of so many.
pub(super) const NODES_LIMIT: usize = 250_000;

/// The body without a byte order mark.
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Parses a body. What is no Unicode (bytes that are not UTF-8, half a surrogate pair, as an agent sends that cut a text
/// within a sign) is replaced and noted: one bad sign must not cost a conversation.
pub(crate) fn parse(body: &[u8], problems: &mut Problems) -> Result<Value, serde_json::Error> {
    let body = without_bom(body);
    if has_too_many_nodes(body) {
        return Err(serde_json::Error::custom(TOO_MANY_NODES));
    }
    serde_json::from_slice(body).or_else(|error| {
        let text = String::from_utf8_lossy(body);
        let (repaired, replaced) = with_replacements(&text);
        if replaced == 0 && std::str::from_utf8(body).is_ok() {
            return Err(error);
        }
        let value = serde_json::from_str(&repaired).map_err(|_| error)?;
        problems.note(LOSSY_TEXT, "signs that are no Unicode were replaced");
        Ok(value)
    })
}

const TOO_MANY_NODES: &str = "too many nodes";

/// True when there are more commas, colons and brackets outside of strings than are read. What is no JSON is counted in
/// some way or other: the parser says what is wrong with it.
fn has_too_many_nodes(text: &[u8]) -> bool {
    // Each takes a byte at least.
    text.len() > NODES_LIMIT && nodes(text) > NODES_LIMIT
}

/// Commas, colons and opening brackets outside of strings.
pub(super) fn nodes(text: &[u8]) -> usize {
    let (mut nodes, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b':' | b'[' | b'{' if !in_string => nodes += 1,
            _ => {}
        }
    }
    nodes
}

/// Parses text that is UTF-8, as [`parse`] does.
pub(super) fn parse_text(text: &str, problems: &mut Problems) -> Result<Value, serde_json::Error> {
    parse(text.as_bytes(), problems)
}

/// The object that a request's body is; a problem says why it is none.
pub(super) fn object(body: &[u8], problems: &mut Problems) -> Option<Map<String, Value>> {
    match parse(body, problems) {
        Ok(Value::Object(body)) => return Some(body),
        Ok(_) => problems.note("parse_failed", "not a JSON object"),
        Err(error) => problems.note("parse_failed", reason(&error)),
    }
    None
}

/// JSON text with every half of a surrogate pair replaced by U+FFFD, and how many there were.
fn with_replacements(text: &str) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
    // The code unit of an escape `\\uXXXX` at a place.
    let unit = |at: usize| -> Option<u16> {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut out, mut replaced, mut done, mut at) = (String::new(), 0, 0, 0);
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += offset;
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(&text[done..at]);
                out.push_str("\\ufffd");
                replaced += 1;
                at += 6;
                done = at;
            }
            Some(_) => at += 6,
            // An escape of one sign. It may be wider than a byte only in text that is not JSON.
            None => at += 2,
        }
    }
    if replaced == 0 {
        return (text.into(), 0);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    (out.into(), replaced)
}

/// Why parsing failed, without content.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    if error.to_string().starts_with("recursion limit") {
        return format!("depth over {DEPTH_LIMIT} at {place}");
    }
    if error.to_string().starts_with(TOO_MANY_NODES) {
        return format!("more than {NODES_LIMIT} values and keys");
    }
    match error.classify() {
        serde_json::error::Category::Eof => format!("JSON cut short at {place}"),
        _ => format!("not JSON at {place}"),
    }
}

/// The text under a key, empty if there is none.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The text under a key, if there is one that is not empty.
pub(super) fn some_text(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Writes a value with sorted keys, leaving out object members for which `drop` says so, at any depth.
pub(super) fn canonical(value: &Value, drop: &dyn Fn(&str, &Value) -> bool, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().filter(|(key, member)| !drop(key, member)).collect();
            members.sort_by(|one, other| one.0.cmp(other.0));
            out.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(key, out);
                out.push(':');
                canonical(member, drop, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, drop, out);
            }
            out.push(']');
        }
        Value::String(text) => push_string(text, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// Writes a JSON string.
pub(super) fn push_string(text: &str, out: &mut String) {
    match serde_json::to_string(text) {
        Ok(quoted) => out.push_str(&quoted),
        // Writing a string into memory does not fail; were it to, the text still tells messages apart.
        Err(_) => out.push_str(text),
    }
}

/// Content of a tool result: a string and a lone text block are the same.
pub(super) fn canonical_result(content: &Value, drop: &dyn Fn(&str, &Value) -> bool, out: &mut String) {
    if let Value::Array(blocks) = content
        && let [only] = blocks.as_slice()
        && matches!(text(only, "type"), "text" | "input_text" | "output_text")
        && let Some(text) = only.get("text").and_then(Value::as_str)
    {
        return push_string(text, out);
    }
    canonical(content, drop, out);
}

/// Decoded size of base64 text, without decoding it.
pub(super) fn base64_bytes(encoded: &str) -> u64 {
    let digits = encoded.bytes().filter(|byte| !matches!(byte, b'=' | b'\n' | b'\r')).count() as u64;
    digits * 3 / 4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn more_nodes_than_are_read_are_a_problem() {
        let read = |text: String| parse(text.as_bytes(), &mut Problems::default()).map_err(|error| reason(&error));
        let numbers = |count: usize| format!("[{}0]", "0,".repeat(count));
        assert!(read(numbers(NODES_LIMIT - 1)).is_ok());
        assert_eq!(read(numbers(NODES_LIMIT)), Err("more than 250000 values and keys".to_owned()));
        // What lies in strings does not count, whatever is escaped in them.
        assert!(read(format!("[{}]", json!(r#"a",[{:\"#.repeat(NODES_LIMIT)))).is_ok());
    }

    #[test]
    fn canonical_json_sorts_and_drops_at_any_depth() {
        let mut out = String::new();
        let value = json!({"b": [{"z": 1, "cache_control": {}, "a": "\"x\n"}], "a": null});
        canonical(&value, &|key, _| key == "cache_control", &mut out);
        assert_eq!(out, r#"{"a":null,"b":[{"a":"\"x\n","z":1}]}"#);
    }

    #[test]
    fn depth_is_told_apart_from_bad_syntax() {
        let deep = "[".repeat(1000);
        let why = |body: &[u8]| reason(&parse(body, &mut Problems::default()).unwrap_err());
        assert!(why(deep.as_bytes()).starts_with("depth"));
        assert!(why(b"{\"a\": nope}").starts_with("not JSON"));
        assert!(why(b"{\"a\"").starts_with("JSON cut short"));
    }

    #[test]
    fn half_a_sign_costs_that_sign_alone() {
        for (body, text) in [
            (&br#"["a \ud83d b"]"#[..], "a \u{fffd} b"),
            (&br#"["\udc00\ud83d\ude00\ud83d"]"#[..], "\u{fffd}\u{1f600}\u{fffd}"),
            (&br#"["\\ud83d \ud83d"]"#[..], "\\ud83d \u{fffd}"),
            (&b"[\"a \xff b\"]"[..], "a \u{fffd} b"),
        ] {
            let mut problems = Problems::default();
            assert_eq!(parse(body, &mut problems).unwrap(), json!([text]));
            assert_eq!(problems.finish()[0].kind, LOSSY_TEXT);
        }
        let mut problems = Problems::default();
        assert_eq!(parse(br#"["\ud83d\ude00"]"#, &mut problems).unwrap(), json!(["\u{1f600}"]));
        assert!(problems.finish().is_empty());
        assert!(parse(b"[\"\\ud83d\", \xff", &mut Problems::default()).is_err());
    }

    #[test]
    fn base64_sizes() {
        assert_eq!(base64_bytes("aGVsbG8="), 5);
        assert_eq!(base64_bytes(""), 0);
    }
}
