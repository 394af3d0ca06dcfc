//! The output of an answer as a later request would resend it: what a request that continues the answer by id leaves
//! out.

use std::collections::BTreeMap;

use serde_json::Value;
use ursa_model::message::Message;

use super::{canonical, items};
use crate::wire::json;
use crate::wire::problems::Problems;
use crate::wire::sse::Events;

/// The items of a whole answer, content encoding taken off, in order; none of one that cannot be read.
pub fn output_messages(body: &[u8]) -> Vec<Message> {
    let body = json::without_bom(body).trim_ascii_start();
    let items = if body.starts_with(b"{") {
        let document = json::parse(body, &mut Problems::default()).unwrap_or_default();
        output(document)
    } else {
        streamed(body)
    };
    items.into_values().map(message).collect()
}

/// An item counts as it stands in its `output_item.done`, else in the last event's `output`.
fn streamed(body: &[u8]) -> BTreeMap<u64, Value> {
    let mut done = BTreeMap::new();
    for event in Events::new(body) {
        // Most events are deltas, which need not be parsed.
        if !event.data.contains("response.output_item.done") && !event.data.contains("\"output\"") {
            continue;
        }
        let Ok(mut data) = json::parse_text(&event.data, &mut Problems::default()) else { continue };
        match json::text(&data, "type") {
            "response.output_item.done" => {
                let index = data.get("output_index").and_then(Value::as_u64).unwrap_or_default();
                done.insert(index, data.get_mut("item").map(Value::take).unwrap_or_default());
            }
            "response.completed" | "response.incomplete" => {
                let last = output(data.get_mut("response").map(Value::take).unwrap_or_default());
                for (index, item) in last {
                    done.entry(index).or_insert(item);
                }
            }
            _ => {}
        }
    }
    done
}

fn output(mut response: Value) -> BTreeMap<u64, Value> {
    match response.get_mut("output").map(Value::take) {
        Some(Value::Array(items)) => (0..).zip(items).collect(),
        _ => BTreeMap::new(),
    }
}

fn message(exact: Value) -> Message {
    let parts = items::parts(&exact, &mut Problems::default());
    Message { role: items::role(&exact), parts, canonical: canonical::item(&exact), exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_and_a_document_give_the_items_once() {
        let document = br#"{"id":"resp_1","output":[{"type":"message","role":"assistant","content":[]},{"type":"function_call","call_id":"call_1"}]}"#;
        let stream = b"data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"call_id\":\"call_1\"}}\n\n\
            data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n\
            data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]},{\"type\":\"function_call\",\"call_id\":\"other\"}]}}\n\n";
        let from_document = output_messages(document);
        assert_eq!(from_document.len(), 2);
        assert_eq!(output_messages(stream), from_document);
        assert_eq!(output_messages(b"garbage"), []);
    }
}
