//! Events with their long parts cut, for pages that show the beginning of much; and the cut parts, piece by piece.

use serde::Serialize;
use serde_json::Value;
use ursa_model::event::Event;

use crate::limits::{CLIP_CHARS, CLIP_VALUE_FACTOR, CLIPPED_PARTS_LIMIT, PIECE_CHARS_DEFAULT, PIECE_CHARS_MAX};
use crate::params::Params;
use crate::problem::Problem;

/// Fields of a tool call that hold JSON of any size.
const VALUES: [&str; 4] = ["arguments", "executed_arguments", "result", "detail"];
/// Fields of an event that are never cut: what finds it and orders it.
const KEPT: [&str; 6] = ["id", "session_id", "parent_event_id", "subagent_id", "kind", "witnesses"];

/// A part of an event that was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Clipped {
    /// JSON pointer into the whole event.
    pointer: String,
    /// Characters of the whole part.
    chars: u64,
    /// True when the part is no string: what stands there is the beginning of its JSON text.
    as_text: bool,
}

/// An event, its long parts cut.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ClippedEvent {
    /// The event.
    #[serde(flatten)]
    #[schema(value_type = Event)]
    event: Value,
    /// What was cut; absent when nothing was asked to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clipped: Option<Vec<Clipped>>,
}

impl ClippedEvent {
    /// The event as asked: whole without `clip`.
    pub(crate) fn of(event: &Event, clip: Option<usize>) -> Result<Self, Problem> {
        let mut value = serde_json::to_value(event).map_err(|error| Problem::internal(&error))?;
        let clipped = clip.map(|chars| {
            let mut clipper = Clipper { chars, clipped: Vec::new() };
            clipper.event(&mut value);
            clipper.clipped
        });
        Ok(Self { event: value, clipped })
    }
}

/// The parameter `clip`, characters.
pub(crate) fn clip(params: &Params) -> Result<Option<usize>, Problem> {
    let clip = params.parsed("clip", "a number of characters")?;
    match clip {
        Some(chars) if !CLIP_CHARS.contains(&chars) => {
            let expected = format!("expected {} to {}", CLIP_CHARS.start(), CLIP_CHARS.end());
            Err(Problem::invalid("clip", expected))
        }
        clip => Ok(clip),
    }
}

struct Clipper {
    chars: usize,
    clipped: Vec<Clipped>,
}

impl Clipper {
    fn event(&mut self, event: &mut Value) {
        let Value::Object(fields) = event else { return };
        for (name, field) in fields.iter_mut() {
            if KEPT.contains(&name.as_str()) {
                continue;
            }
            let pointer = format!("/{}", escaped(name));
            if VALUES.contains(&name.as_str()) && self.too_large(field) {
                let text = pretty(field);
                self.note(pointer, count(&text), true);
                *field = Value::String(text.chars().take(self.chars).collect());
            } else {
                self.value(field, &pointer);
            }
        }
    }

    /// Whether a value would still be too large with its strings cut.
    fn too_large(&self, value: &Value) -> bool {
        !value.is_string() && !fits(value, self.chars, &mut self.chars.saturating_mul(CLIP_VALUE_FACTOR))
    }

    fn value(&mut self, value: &mut Value, pointer: &str) {
        match value {
            Value::String(text) => {
                // A text has at most as many characters as bytes.
                if text.len() > self.chars && self.clipped.len() < CLIPPED_PARTS_LIMIT {
                    let chars = count(text);
                    if chars > self.chars as u64 {
                        self.note(pointer.to_owned(), chars, false);
                        *text = text.chars().take(self.chars).collect();
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item, &format!("{pointer}/{index}"));
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    self.value(field, &format!("{pointer}/{}", escaped(name)));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn note(&mut self, pointer: String, chars: u64, as_text: bool) {
        self.clipped.push(Clipped { pointer, chars, as_text });
    }
}

/// Whether a value with its strings cut to `chars` has at most `left` characters; `left` is what is left of them.
fn fits(value: &Value, chars: usize, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len().min(chars) + 2,
        Value::Array(_) | Value::Object(_) => 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
    };
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| fits(item, chars, left)),
        Value::Object(fields) => fields.iter().all(|(name, field)| {
            left.checked_sub(name.len()).is_some_and(|rest| {
                *left = rest;
                fits(field, chars, left)
            })
        }),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A piece of one part of an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Piece {
    /// The piece.
    text: String,
    /// Characters before it.
    offset: u64,
    /// Characters of it.
    chars: u64,
    /// Characters of the whole part.
    total_chars: u64,
}

/// Which piece is asked for: `pointer`, `offset`, `chars`.
#[derive(Debug, Clone)]
pub(crate) struct PieceAsked {
    pointer: String,
    offset: usize,
    chars: usize,
}

impl PieceAsked {
    pub(crate) fn read(params: &Params) -> Result<Self, Problem> {
        let pointer = params.text("pointer").ok_or_else(|| Problem::invalid("pointer", "needed, such as /text"))?;
        let chars = params.parsed("chars", "a number of characters")?.unwrap_or(PIECE_CHARS_DEFAULT);
        if !(1..=PIECE_CHARS_MAX).contains(&chars) {
            return Err(Problem::invalid("chars", format!("expected 1 to {PIECE_CHARS_MAX}")));
        }
        let offset = params.parsed("offset", "a number of characters")?.unwrap_or(0);
        Ok(Self { pointer: pointer.to_owned(), offset, chars })
    }

    /// The piece of that event.
    pub(crate) fn of(&self, event: &Event) -> Result<Piece, Problem> {
        let event = serde_json::to_value(event).map_err(|error| Problem::internal(&error))?;
        let part = event.pointer(&self.pointer).ok_or_else(|| Problem::not_found("part of this event"))?;
        let text = match part {
            Value::String(text) => std::borrow::Cow::Borrowed(text.as_str()),
            other => std::borrow::Cow::Owned(pretty(other)),
        };
        let piece: String = text.chars().skip(self.offset).take(self.chars).collect();
        Ok(Piece { offset: self.offset as u64, chars: count(&piece), total_chars: count(&text), text: piece })
    }
}

fn pretty(value: &Value) -> String {
    // A value that serde_json made has only string keys: printing it cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn count(text: &str) -> u64 {
    text.chars().count() as u64
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn cut(mut value: Value, chars: usize) -> (Value, Vec<Clipped>) {
        let mut clipper = Clipper { chars, clipped: Vec::new() };
        clipper.event(&mut value);
        (value, clipper.clipped)
    }

    #[test]
    fn long_strings_are_cut_by_characters_and_told() {
        let (event, clipped) = cut(json!({"id": "x".repeat(50), "text": "ü".repeat(20), "kind": "prompt"}), 10);
        assert_eq!(event["text"], json!("ü".repeat(10)));
        assert_eq!(event["id"].as_str().unwrap().len(), 50, "ids stay whole");
        assert_eq!(clipped, [Clipped { pointer: "/text".to_owned(), chars: 20, as_text: false }]);
        assert_eq!(cut(json!({"text": "ü".repeat(10)}), 10).1, []);
    }

    #[test]
    fn a_string_deep_inside_is_found_by_its_pointer() {
        let event = json!({"result": {"a/b": [0, {"~": "y".repeat(30)}]}});
        let (shown, clipped) = cut(event.clone(), 10);
        assert_eq!(clipped.len(), 1);
        let pointer = &clipped[0].pointer;
        assert_eq!(event.pointer(pointer).unwrap().as_str().unwrap().len(), 30);
        assert_eq!(shown.pointer(pointer).unwrap(), &json!("y".repeat(10)));
    }

    #[test]
    fn a_value_of_many_parts_becomes_the_beginning_of_its_text() {
        let many: Vec<u32> = (0..10_000).collect();
        let (event, clipped) = cut(json!({"result": many, "arguments": {"a": 1}}), 10);
        assert_eq!(event["result"], json!(pretty(&json!(many)).chars().take(10).collect::<String>()));
        assert_eq!(event["arguments"], json!({"a": 1}));
        assert!(clipped[0].as_text && clipped[0].pointer == "/result" && clipped[0].chars > 10_000);
    }
}
