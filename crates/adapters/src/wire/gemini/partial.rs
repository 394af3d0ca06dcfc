//! Calls whose arguments come piece by piece (`streamFunctionCallArguments`): pieces name the place that they belong to.
//!
//! The first object names the tool and says `willContinue`; each further one has `partialArgs`, a list of
//! `{jsonPath, stringValue | numberValue | boolValue | nullValue, willContinue?}`; one without `willContinue` ends the
//! call. Texts of one place that is said to continue are joined.

use serde_json::{Map, Value, json};

use super::field;
use crate::wire::json::text;

/// Deepest place in arguments that is followed.
const DEPTH_LIMIT: usize = 64;
/// Largest index into a list. A piece could name any.
const INDEX_LIMIT: usize = 10_000;

/// A call that is being put together.
#[derive(Debug)]
pub(super) struct Open {
    call: Map<String, Value>,
    /// True when a piece named a place that could not be followed.
    damaged: bool,
}

/// What a `functionCall` is to one that is open.
pub(super) enum Step {
    /// It goes on.
    Continues(Open),
    /// It is whole: the call, and whether a piece of it was lost.
    Whole(Value, bool),
}

/// Takes the next object of a call; `None` for a call that came at once.
pub(super) fn step(open: Option<Open>, told: &Value) -> Option<Step> {
    let pieces = field(told, "partialArgs", "partial_args").and_then(Value::as_array);
    let goes_on = field(told, "willContinue", "will_continue").and_then(Value::as_bool).unwrap_or(false);
    if open.is_none() && pieces.is_none() && !goes_on {
        return None;
    }
    let mut open = open.unwrap_or(Open { call: Map::new(), damaged: false });
    for key in ["name", "id"] {
        if !text(told, key).is_empty() {
            open.call.insert(key.to_owned(), json!(text(told, key)));
        }
    }
    let mut arguments = open.call.remove("args").unwrap_or_else(|| json!({}));
    if let Some(Value::Object(given)) = told.get("args") {
        let mut known = arguments.as_object().cloned().unwrap_or_default();
        known.extend(given.clone());
        arguments = Value::Object(known);
    }
    for piece in pieces.into_iter().flatten() {
        let path = field(piece, "jsonPath", "json_path").and_then(Value::as_str).unwrap_or_default();
        open.damaged |= put(&mut arguments, path, piece).is_none();
    }
    open.call.insert("args".to_owned(), arguments);
    Some(if goes_on { Step::Continues(open) } else { Step::Whole(Value::Object(open.call), open.damaged) })
}

impl Open {
    /// As far as it came.
    pub(super) fn cut(self) -> Value {
        Value::Object(self.call)
    }
}

/// Puts a piece where its path leads; `None` if it leads nowhere.
fn put(arguments: &mut Value, path: &str, piece: &Value) -> Option<()> {
    let mut place = arguments;
    for step in steps(path)? {
        place = match step {
            Place::Member(name) => {
                if place.is_null() {
                    *place = json!({});
                }
                place.as_object_mut()?.entry(name).or_insert(Value::Null)
            }
            Place::Item(index) => {
                if place.is_null() {
                    *place = json!([]);
                }
                let items = place.as_array_mut()?;
                while items.len() <= index {
                    items.push(Value::Null);
                }
                items.get_mut(index)?
            }
        };
    }
    let of = |camel, snake| field(piece, camel, snake);
    if let Some(more) = of("stringValue", "string_value").and_then(Value::as_str) {
        match place {
            Value::String(known) => known.push_str(more),
            other => *other = json!(more),
        }
    } else if let Some(value) = of("numberValue", "number_value").or_else(|| of("boolValue", "bool_value")) {
        *place = value.clone();
    } else {
        *place = Value::Null;
    }
    Some(())
}

enum Place {
    Member(String),
    Item(usize),
}

/// `$.a.b[0]` and `$['a']["b"]`.
fn steps(path: &str) -> Option<Vec<Place>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= DEPTH_LIMIT {
            return None;
        }
        if let Some(named) = rest.strip_prefix('.') {
            let end = named.find(['.', '[']).unwrap_or(named.len());
            steps.push(Place::Member(named.get(..end).filter(|name| !name.is_empty())?.to_owned()));
            rest = &named[end..];
        } else {
            let inner = rest.strip_prefix('[')?;
            if let Some(quote) = inner.chars().next().filter(|first| matches!(first, '\'' | '"')) {
                let (name, after) = inner[1..].split_once(quote)?;
                steps.push(Place::Member(name.to_owned()));
                rest = after.strip_prefix(']')?;
            } else {
                let (index, after) = inner.split_once(']')?;
                steps.push(Place::Item(index.parse().ok().filter(|index| *index < INDEX_LIMIT)?));
                rest = after;
            }
        }
    }
    Some(steps).filter(|steps| !steps.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(told: &[Value]) -> Option<(Value, bool)> {
        let mut open = None;
        for object in told {
            match step(open.take(), object)? {
                Step::Continues(next) => open = Some(next),
                Step::Whole(call, damaged) => return Some((call, damaged)),
            }
        }
        None
    }

    #[test]
    fn pieces_are_put_where_they_belong() {
        let whole = run(&[
            json!({"name": "ls", "willContinue": true}),
            json!({"partialArgs": [{"jsonPath": "$.a.b[1]", "stringValue": "on", "willContinue": true}], "willContinue": true}),
            json!({"partialArgs": [{"jsonPath": "$.a.b[1]", "stringValue": "e"}, {"jsonPath": "$['n']", "numberValue": 2}], "willContinue": true}),
            json!({"partialArgs": [{"jsonPath": "$.t", "boolValue": true}, {"jsonPath": "$.z", "nullValue": "NULL_VALUE"}]}),
        ]);
        let call = json!({"name": "ls", "args": {"a": {"b": [null, "one"]}, "n": 2, "t": true, "z": null}});
        assert_eq!(whole, Some((call, false)));
        assert!(run(&[json!({"name": "ls", "args": {}})]).is_none(), "a call that came at once is none of these");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told() {
        for path in ["", "a", "$", "$.", "$[x]", "$['a", "$[99999999]", "$.a.b"] {
            let pieces = json!([{"jsonPath": "$.a", "stringValue": "x"}, {"jsonPath": path, "stringValue": "y"}]);
            let (_, damaged) = run(&[json!({"name": "ls", "partialArgs": pieces})]).unwrap_or_default();
            assert!(damaged, "{path}");
        }
        assert!(steps(&format!("${}", ".a".repeat(DEPTH_LIMIT + 1))).is_none());
    }
}
