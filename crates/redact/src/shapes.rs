//! Credentials told by their shape.

use std::borrow::Cow;

use regex::{Captures, Regex};
use serde_json::Value;
use ursa_model::observation::Observation;

use crate::Redacted;

/// Version of the rules; part of what made an event (RULES 7). Grows with each change of [`SHAPES`].
pub const VERSION: u32 = 2;

/// Name and shape of each credential. None of them can hold a quote, a backslash or a control character, so that they
/// look the same in text and in JSON.
///
/// Sources: the providers' public key formats and secret-scanning pages.
const SHAPES: &[(&str, &str)] = &[
    ("anthropic_key", r"sk-ant-[A-Za-z0-9_\-]{16,}"),
    ("openrouter_key", r"sk-or-v1-[A-Za-z0-9]{32,}"),
    ("openai_key", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_\-]{20,}|sk-[A-Za-z0-9]{32,}"),
    // Those keys have 35 signs here. A longer run is masked whole: what stood behind would begin nowhere.
    ("google_api_key", r"AIza[A-Za-z0-9_\-]{35,}"),
    ("xai_key", r"xai-[A-Za-z0-9]{40,}"),
    ("groq_key", r"gsk_[A-Za-z0-9]{40,}"),
    ("hugging_face_token", r"hf_[A-Za-z0-9]{30,}"),
    ("github_token", r"(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"),
];

/// Masks what looks like a credential as `[redacted:NAME]`.
#[derive(Debug, Clone)]
pub struct Redactor {
    shapes: Regex,
}

impl Redactor {
    /// With the built-in rules.
    ///
    /// # Errors
    /// Only if the built-in rules do not compile, which a test rules out.
    pub fn new() -> Result<Self, regex::Error> {
        let alternatives: Vec<String> = SHAPES.iter().map(|(name, shape)| format!("(?P<{name}>{shape})")).collect();
        // A word character before it means that it is the end of something longer, not a credential.
        let shapes = Regex::new(&format!(r"(?-u:\b)(?:{})", alternatives.join("|")))?;
        Ok(Self { shapes })
    }

    /// A text with its credentials masked; borrowed if there was none.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.shapes.replace_all(text, |found: &Captures<'_>| {
            let name = SHAPES.iter().map(|(name, _)| *name).find(|name| found.name(name).is_some());
            format!("[redacted:{}]", name.unwrap_or("credential"))
        })
    }

    /// A JSON value with the credentials in its strings (keys too) masked.
    pub fn value(&self, value: Value) -> Redacted<Value> {
        Redacted::new(self.walk(value))
    }

    /// String by string: in JSON's own text an escape (`\\n`) before a key would hide where the key begins. The value came
    /// through a parser with a depth limit.
    fn walk(&self, value: Value) -> Value {
        match value {
            Value::String(text) => match self.text(&text) {
                Cow::Borrowed(_) => Value::String(text),
                Cow::Owned(masked) => Value::String(masked),
            },
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.walk(item)).collect()),
            Value::Object(map) => Value::Object(
                map.into_iter().map(|(key, item)| (self.text(&key).into_owned(), self.walk(item))).collect(),
            ),
            other => other,
        }
    }

    /// An observation with the credentials in its content masked. Its keys stay: they are hashes and ids.
    pub fn observation(&self, mut observation: Observation) -> Redacted<Observation> {
        // Masking keeps the shape of a value, so what is read back is the same content with other strings.
        if let Ok(content) = serde_json::to_value(&observation.content)
            && let Ok(masked) = serde_json::from_value(self.walk(content))
        {
            observation.content = masked;
        }
        Redacted::new(observation)
    }
}

/// The kinds of the marks in a text, in order.
pub fn marks_in(text: &str) -> Vec<&str> {
    const OPEN: &str = "[redacted:";
    const LONGEST_KIND: usize = 32;
    let mut kinds = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        rest = &rest[start + OPEN.len()..];
        match rest.find(']') {
            Some(end) if end <= LONGEST_KIND => kinds.push(&rest[..end]),
            _ => {}
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new().unwrap()
    }

    #[test]
    fn keys_are_masked_by_name() {
        // Put together here, so that no scanner takes this file for a leak.
        let text = format!("use {}-{} or {}{} now", "sk-ant", "api03-".repeat(4), "AIza", "Sy012".repeat(7));
        let masked = redactor().text(&text).into_owned();
        assert_eq!(masked, "use [redacted:anthropic_key] or [redacted:google_api_key] now");
        assert_eq!(marks_in(&masked), ["anthropic_key", "google_api_key"]);
    }

    #[test]
    fn a_key_right_behind_another_is_masked() {
        let text = format!("{}{}{}-{}", "AIza", "Sy012".repeat(7), "sk-ant", "api03-".repeat(4));
        assert_eq!(redactor().text(&text), "[redacted:google_api_key]");
    }

    #[test]
    fn what_only_looks_near_stays() {
        for text in
            ["task-ant-colony-of-many-many-ants", "sk-ant-", "risk-0123", "ask-abcdefghijklmnopqrstuvwxyz0123456789"]
        {
            assert!(matches!(redactor().text(text), Cow::Borrowed(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_key_survives_anywhere_in_a_value(before in "[^A-Za-z0-9_]{0,20}", key in "sk-ant-[A-Za-z0-9_-]{30}", after in "[ \"\\\\\n,;]?[a-z \"]{0,20}") {
            let value = serde_json::json!({"a": [format!("{before}{key}{after}")], key.clone(): {"b": key.clone()}});
            let masked = redactor().value(value).into_inner().to_string();
            prop_assert!(!masked.contains(&key));
            prop_assert!(serde_json::from_str::<Value>(&masked).is_ok());
        }

        #[test]
        fn redacting_twice_changes_nothing(text in "(sk-[a-z]{0,4}-?[A-Za-z0-9]{0,40}|[ -~]{0,20}){0,4}") {
            let once = redactor().text(&text).into_owned();
            prop_assert_eq!(redactor().text(&once), once.as_str());
        }
    }
}
