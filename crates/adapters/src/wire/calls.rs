//! Names for calls that the wire leaves unnamed, and the arguments of calls.
//!
//! Gemini names no calls, the old functions of Chat Completions neither, and some servers name all calls of an answer
//! alike. Such a call is told by its tool, its canonical arguments and which of the equal calls of its answer it is: the
//! same in the answer and in the history that is resent, whatever id an agent put there meanwhile. That says nothing
//! outside its answer, so the made name looks weak to [`ursa_model::chain::is_weak_id`] (letters and a short counter),
//! and counts with its position only.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Number, Value};
use ursa_model::ids::hash_parts;

use super::json;
use super::problems::Problems;

/// Begins every made name. No provider's id does.
const MADE: char = '~';

/// Bytes of the hash that are told: two letters each.
const HASH_BYTES: usize = 10;

/// Calls without a result, of one answer, among which the one that a result answers is looked for.
const WAITING_LIMIT: usize = 10_000;

/// Largest number that is whole in every JSON reader.
const WHOLE_LIMIT: f64 = 9_007_199_254_740_992.0;

/// The call id as the provider gave it: empty for one that was made here.
pub fn told_id(call_id: &str) -> &str {
    if is_made_id(call_id) { "" } else { call_id }
}

/// Whether the id was made here, from the call's tool and arguments.
pub fn is_made_id(call_id: &str) -> bool {
    call_id.starts_with(MADE)
}

/// Names the calls of a conversation, answer by answer, and finds for each result the call that it answers.
#[derive(Debug, Default)]
pub(super) struct CallNames {
    /// Ids that calls of this answer have.
    given: HashSet<String>,
    /// How many calls of this answer had the same tool and arguments.
    made: HashMap<String, usize>,
    /// Calls without a result yet.
    waiting: VecDeque<Waiting>,
    /// Results before this answer's calls that answered none.
    lone: usize,
}

#[derive(Debug)]
struct Waiting {
    raw: String,
    tool: String,
    name: String,
}

impl CallNames {
    /// A new answer begins. What it calls is told apart within it.
    pub(super) fn answer(&mut self) {
        *self = Self::default();
    }

    /// A call's name: its own id, unless it has none, or one that another call of the answer has.
    pub(super) fn call(&mut self, raw: &str, tool: &str, arguments: &Value) -> String {
        if !raw.is_empty() && self.given.insert(raw.to_owned()) {
            self.wait(raw, tool, raw);
            return raw.to_owned();
        }
        self.unnamed_call(raw, tool, arguments)
    }

    /// The name of a call whose id, if it has one, need not be the one that it was given first.
    pub(super) fn unnamed_call(&mut self, raw: &str, tool: &str, arguments: &Value) -> String {
        let made = letters(tool, arguments);
        let count = self.made.entry(made.clone()).or_default();
        let name = format!("{MADE}{made}:{count}");
        *count += 1;
        self.wait(raw, tool, &name);
        name
    }

    fn wait(&mut self, raw: &str, tool: &str, name: &str) {
        self.waiting.push_back(Waiting { raw: raw.to_owned(), tool: tool.to_owned(), name: name.to_owned() });
    }

    /// The name of the call that a result answers: by its id, else the first one of that tool that waits; the first one
    /// that waits at all for a result that has neither.
    pub(super) fn result(&mut self, raw: &str, tool: &str) -> String {
        let first = |fits: &dyn Fn(&Waiting) -> bool| self.waiting.iter().take(WAITING_LIMIT).position(fits);
        let by_id = || first(&|call| !raw.is_empty() && call.raw == raw);
        let by_tool = || first(&|call| !tool.is_empty() && call.tool == tool);
        let by_order = || first(&|_| raw.is_empty() && tool.is_empty());
        if let Some(place) = by_id().or_else(by_tool).or_else(by_order)
            && let Some(call) = self.waiting.remove(place)
        {
            return call.name;
        }
        if !raw.is_empty() {
            return raw.to_owned();
        }
        // A result of no call: told by its place among those.
        self.lone += 1;
        format!("{MADE}{}:{}", letters(tool, &Value::Null), self.lone)
    }
}

/// Arguments in the one form that all channels can be brought to: keys sorted, whole numbers whole.
pub(crate) fn canonical_arguments(arguments: &Value) -> String {
    let mut written = String::new();
    json::canonical(&with_whole_numbers(arguments), &|_, _| false, &mut written);
    written
}

/// Tool and arguments as letters.
fn letters(tool: &str, arguments: &Value) -> String {
    let written = canonical_arguments(arguments);
    let hash = hash_parts("ursa made call id 1", &[tool.as_bytes(), written.as_bytes()]);
    let letter = |nibble: u8| char::from(b'a' + nibble);
    hash.iter().take(HASH_BYTES).flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

/// Numbers as any agent would write them: one that came as `1.0` goes back as `1`.
fn with_whole_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number)),
        Value::Array(items) => items.iter().map(with_whole_numbers).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, member)| (key.clone(), with_whole_numbers(member))).collect())
        }
        other => other.clone(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within the limit")]
fn whole(number: &Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < WHOLE_LIMIT => (float as i64).into(),
        _ => number.clone(),
    }
}

/// Arguments that are JSON inside a string. Of a whole call, no text means no arguments.
pub(super) fn arguments(told: Option<&Value>, whole: bool, problems: &mut Problems) -> Value {
    match told {
        Some(Value::String(written)) if whole && written.trim().is_empty() => Value::Object(serde_json::Map::new()),
        Some(Value::String(written)) => json::parse_text(written, problems).unwrap_or_else(|_| {
            problems.note("arguments_not_json", "the arguments of a function call are cut short or not JSON");
            Value::String(written.clone())
        }),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ursa_model::chain::is_weak_id;

    use super::*;

    #[test]
    fn equal_calls_of_an_answer_are_counted_and_their_results_come_in_order() {
        let mut names = CallNames::default();
        let first = names.call("", "ls", &json!({"b": 1.0, "a": 2}));
        let second = names.call("", "ls", &json!({"a": 2, "b": 1}));
        let other = names.call("", "cat", &json!({"a": 2, "b": 1}));
        assert!(first.ends_with(":0") && second.ends_with(":1") && other.ends_with(":0"));
        assert_eq!(first[..first.len() - 1], second[..second.len() - 1]);
        assert!([&first, &second, &other].iter().all(|name| is_weak_id(name) && is_made_id(name)));
        assert_eq!(names.result("", "cat"), other);
        assert_eq!(names.result("", "ls"), first);
        assert_eq!(names.result("", ""), second);
        names.answer();
        assert_eq!(names.call("", "ls", &json!({"a": 2, "b": 1})), first);
    }

    #[test]
    fn an_id_names_the_first_call_that_has_it() {
        let mut names = CallNames::default();
        assert_eq!(names.call("call_0", "ls", &Value::Null), "call_0");
        let second = names.call("call_0", "cat", &Value::Null);
        assert_eq!((told_id("call_0"), told_id(&second)), ("call_0", ""));
        assert_eq!(names.result("call_0", ""), "call_0");
        assert_eq!(names.result("call_0", ""), second);
        assert_eq!(names.result("call_9", ""), "call_9");
        assert!(is_weak_id(&names.result("", "ls")));
    }
}
