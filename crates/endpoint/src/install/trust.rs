//! Codex's note that a user trusts a hook: a hash over the hook, under a key that says where it stands.

use std::fmt::Write;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};
use ursa_adapters::hooks::plan::is_our_handler;

/// Seconds that Codex gives a hook that names none.
const TIMEOUT_DEFAULT_S: u64 = 600;

/// A note of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// Key below `hooks.state`.
    pub key: String,
    /// Its `trusted_hash`.
    pub hash: String,
}

/// Notes of trust for all our hooks in a file of that meaning and place.
pub fn notes(config: &Path, meaning: &Value) -> Vec<Trusted> {
    let events = meaning.get("hooks").and_then(Value::as_object);
    let mut notes = Vec::new();
    for (event, groups) in events.into_iter().flatten() {
        for (group_index, group) in groups.as_array().into_iter().flatten().enumerate() {
            let handlers = group.get("hooks").and_then(Value::as_array);
            for (index, handler) in handlers.into_iter().flatten().enumerate().filter(|(_, one)| is_our_handler(one)) {
                let event = snake_case(event);
                let key = format!("{}:{event}:{group_index}:{index}", config.display());
                notes.push(Trusted { key, hash: hash(&event, group.get("matcher"), handler) });
            }
        }
    }
    notes
}

fn snake_case(event: &str) -> String {
    let mut out = String::new();
    for c in event.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// SHA-256 over the hook as compact JSON with sorted keys.
fn hash(event: &str, matcher: Option<&Value>, handler: &Value) -> String {
    let field = |name: &str| handler.get(name).cloned();
    let mut sorted = Map::new();
    sorted.insert("async".to_owned(), field("async").unwrap_or(json!(false)));
    sorted.insert("command".to_owned(), field("command").unwrap_or_default());
    sorted.extend(field("statusMessage").map(|message| ("statusMessage".to_owned(), message)));
    sorted.insert("timeout".to_owned(), field("timeout").unwrap_or(json!(TIMEOUT_DEFAULT_S)));
    sorted.insert("type".to_owned(), json!("command"));
    let mut identity = Map::new();
    identity.insert("event_name".to_owned(), json!(event));
    identity.insert("hooks".to_owned(), json!([sorted]));
    identity.extend(matcher.map(|matcher| ("matcher".to_owned(), matcher.clone())));
    let bytes = Value::Object(identity).to_string();
    let mut out = String::from("sha256:");
    for byte in digest(&SHA256, bytes.as_bytes()).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}
