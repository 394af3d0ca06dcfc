//! Cache markers, which with each request move on to the newest message, and would make every message new twice.

use serde_json::Value;
use ursa_model::message::Stripped;

use super::json::text;

/// The key of a marker.
pub(super) const CACHE_CONTROL: &str = "cache_control";

/// Takes the markers off a message, its blocks, and the blocks within its tool results. `pointer` is where it stands in
/// the body.
pub(super) fn strip(message: &mut Value, pointer: &str, stripped: &mut Vec<Stripped>) {
    take_marker(message, pointer, stripped);
    for (index, block) in content_of(message).iter_mut().enumerate() {
        let pointer = format!("{pointer}/content/{index}");
        take_marker(block, &pointer, stripped);
        if text(block, "type") == "tool_result" {
            for (index, inner) in content_of(block).iter_mut().enumerate() {
                take_marker(inner, &format!("{pointer}/content/{index}"), stripped);
            }
        }
    }
}

fn content_of(value: &mut Value) -> &mut [Value] {
    match value.get_mut("content") {
        Some(Value::Array(blocks)) => blocks,
        _ => &mut [],
    }
}

fn take_marker(value: &mut Value, pointer: &str, stripped: &mut Vec<Stripped>) {
    if let Value::Object(object) = value
        && let Some(value) = object.shift_remove(CACHE_CONTROL)
    {
        stripped.push(Stripped { pointer: format!("{pointer}/{CACHE_CONTROL}"), value });
    }
}
