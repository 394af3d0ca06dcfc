//! What must hold for any text: shared by the fuzz target and by the test that replays its seeds on stable Rust.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde_json::Value;
use ursa_model::chain::restore;
use ursa_model::message::Stripped;
use ursa_model::{EnvironmentId, EventId, ExchangeId, SessionId, Timestamp};

fn same_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().ok(), Some(value));
    }
}

/// Any text as an id or a time: what is read is written and read again as the same.
pub fn values(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    same_again::<EventId>(&text);
    same_again::<SessionId>(&text);
    same_again::<EnvironmentId>(&text);
    same_again::<ExchangeId>(&text);
    same_again::<Timestamp>(&text);
}

/// Any pointer (the first line) into any messages: put in where it fits, or said to be inexact.
pub fn restored(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some((pointer, messages)) = text.split_once('\n') else { return };
    let Ok(mut messages) = serde_json::from_str::<Value>(messages) else { return };
    let before = messages.clone();
    let stripped = [Stripped { pointer: pointer.to_owned(), value: Value::from("put back") }];
    if !restore(&mut messages, "messages", &stripped) {
        assert_eq!(messages, before);
    }
}
