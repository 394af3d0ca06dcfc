//! The JSON of a stream's events.

use serde_json::Value;

use super::json;
use super::problems::Problems;
use super::sse::Events;

/// What OpenAI's streams end with, in place of JSON.
const DONE: &str = "[DONE]";

/// Hands on the name and the JSON of each event, as far as the body goes; `None` stands for `[DONE]`.
pub(super) fn each(body: &[u8], problems: &mut Problems, mut take: impl FnMut(&str, Option<Value>, &mut Problems)) {
    let mut events = Events::new(body);
    for event in events.by_ref() {
        if event.data.trim() == DONE {
            take(&event.name, None, problems);
            continue;
        }
        match json::parse_text(&event.data, problems) {
            Ok(data) => take(&event.name, Some(data), problems),
            // The end of the body cut it off; that the answer is not complete is said by who reads it.
            Err(_) if !event.closed => {}
            Err(error) => problems.count("parse_failed", if error.is_eof() { "event_cut" } else { "event" }),
        }
    }
    if events.not_utf8 > 0 {
        problems.note("not_utf8", format!("{} events with bytes replaced", events.not_utf8));
    }
    if events.over_limit {
        problems.note("event_limit", "a limit on events stopped the reading");
    }
}
