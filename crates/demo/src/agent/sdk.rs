//! A script that uses the Anthropic SDK for Python.

use serde_json::json;

use super::anthropic::Face;
use super::stainless;
use crate::script::Session;

pub(super) fn face(session: &Session) -> Face {
    let mut headers = stainless("python", "2.12.0", "CPython", "3.11.7");
    headers.extend(
        [
            ("user-agent", "Anthropic/Python 2.12.0"),
            ("anthropic-version", "2026-10-21"),
            ("x-api-key", "demo-key-of-nobody"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    Face {
        headers,
        body: json!({
            "model": session.model, "max_tokens": 16,
            "system": "Classify the ticket. Answer with one word: billing, bug, account or other.",
        }),
        opening: Vec::new(),
        before_prompt: String::new(),
        environment: None,
        is_one_shot: true,
        base_tokens: 24,
        title: None,
        counts_tokens: false,
        subagent: None,
        hooks: None,
    }
}
