//! What must hold for any text: shared by the fuzz target and by the test that replays its seeds on stable Rust.

use std::sync::LazyLock;

use serde_json::Value;
use ursa_model::capture::CredentialMark;
use ursa_model::ids::hex;
use ursa_redact::{MARK, Redactor, marks_in, mask_marked};

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new().expect("the built-in rules compile"));
const KEY: [u8; 32] = [7; 32];

/// Any text, as it is and as JSON: masking again changes nothing, every mark is found again, and JSON keeps its shape.
pub fn redactor(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let once = REDACTOR.text(&text).into_owned();
    assert_eq!(REDACTOR.text(&once), once);
    assert!(marks_in(&once).len() >= marks_in(&text).len());
    if let Ok(value) = serde_json::from_slice::<Value>(input) {
        let masked = REDACTOR.value(value.clone()).into_inner();
        assert_eq!(shape(&masked), shape(&value));
        assert_eq!(REDACTOR.value(masked.clone()).into_inner(), masked);
    }
}

/// How a value nests, without its texts. Keys that are masked may fall together, so objects tell only their kind.
fn shape(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(shape).collect::<Vec<_>>().join(","),
        Value::Object(_) => "{}".to_owned(),
        Value::String(_) => "\"".to_owned(),
        other => other.to_string(),
    }
}

/// A value (the first line) and a text: the value is nowhere in it any more, and nothing else has changed.
pub fn marked(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let (value, text) = (&input[..end], &input[end + 1..]);
    let mac = hex(&blake3::keyed_hash(&KEY, value).as_bytes()[..16]);
    let marks = [CredentialMark { len: value.len(), mac }];
    let mut masked = text.to_vec();
    let found = mask_marked(&mut masked, &marks, &KEY);
    // Longer runs are data, and a value with other signs is no credential.
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=|:%".contains(byte);
    if (1..8192).contains(&value.len()) && text.len() < 16 * 1024 && value.iter().all(is_sign) {
        assert_eq!(masked, replaced(text, value));
    } else if found == 0 {
        assert_eq!(masked, text);
    }
}

/// The obvious way, to compare with.
fn replaced(text: &[u8], value: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((first, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(value) {
            out.extend(MARK.as_bytes());
            rest = behind;
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    out
}
