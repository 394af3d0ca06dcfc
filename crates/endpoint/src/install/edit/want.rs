//! What should be in a file, and what in it is ours.

use serde_json::{Map, Value};
use ursa_adapters::hooks::plan::{is_edge_url, is_our_element, is_our_handler};

/// What becomes of another value at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It stays.
    Keep,
    /// The file is not changed.
    Refuse,
    /// It gives way until uninstall.
    Replace,
}

/// Something that should be in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// An element of the list at the path.
    Element {
        /// Keys from the outermost.
        path: Vec<String>,
        /// The element.
        value: Value,
    },
    /// A value at the path.
    Value {
        /// Keys from the outermost.
        path: Vec<String>,
        /// The value.
        value: Value,
        /// What becomes of another one.
        over: Over,
    },
    /// A line of the text at the path: a header, one for its name.
    Line {
        /// Keys from the outermost.
        path: Vec<String>,
        /// The line, `name: value`.
        line: String,
    },
}

impl Want {
    /// Does to the meaning of a file what is to be done to its text.
    pub(super) fn apply(&self, meaning: &mut Value) {
        match self {
            Self::Element { path, value } => {
                let Some(Value::Array(list)) = place(meaning, path, &Value::Array(Vec::new())) else { return };
                if !list.contains(value) {
                    list.push(value.clone());
                }
            }
            Self::Value { path, value, over } => {
                if let Some(there) = place(meaning, path, value)
                    && *over == Over::Replace
                {
                    *there = value.clone();
                }
            }
            Self::Line { path, line } => {
                if let Some(Value::String(text)) = place(meaning, path, &Value::String(line.clone())) {
                    *text = with_line(text, line);
                }
            }
        }
    }
}

impl Want {
    /// True if a file of that meaning has all of them.
    pub fn all_met(wants: &[Self], meaning: &Value) -> bool {
        let mut done = meaning.clone();
        for want in wants {
            want.apply(&mut done);
        }
        done == *meaning && wants.iter().all(|want| want.is_there(meaning))
    }

    /// What is refused changes nothing either, and yet is not there.
    fn is_there(&self, meaning: &Value) -> bool {
        match self {
            Self::Element { path, value } => {
                at(meaning, path).and_then(Value::as_array).is_some_and(|list| list.contains(value))
            }
            Self::Value { path, value, over } => {
                at(meaning, path).is_some_and(|there| there == value || *over == Over::Keep)
            }
            Self::Line { path, line } => {
                at(meaning, path).and_then(Value::as_str).is_some_and(|text| with_line(text, line) == text)
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &[String] {
        match self {
            Self::Element { path, .. } | Self::Value { path, .. } | Self::Line { path, .. } => path,
        }
    }
}

/// The value at the path, made if it is missing.
fn place<'v>(value: &'v mut Value, path: &[String], made: &Value) -> Option<&'v mut Value> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    let [key, rest @ ..] = path else { return Some(value) };
    let map = value.as_object_mut()?;
    let below = if rest.is_empty() { made.clone() } else { Value::Object(Map::new()) };
    place(map.entry(key.clone()).or_insert(below), rest, made)
}

/// The name of a header line, with its colon.
fn header_name(line: &str) -> &str {
    line.split_inclusive(':').next().unwrap_or(line)
}

/// The text with that line in it, and no other of its name.
pub(super) fn with_line(text: &str, line: &str) -> String {
    if text.lines().any(|there| there == line) {
        return text.to_owned();
    }
    let others = without_line(text, header_name(line));
    if others.is_empty() { line.to_owned() } else { format!("{others}\n{line}") }
}

/// The text without lines that begin so.
pub(super) fn without_line(text: &str, begins: &str) -> String {
    let begins = begins.to_ascii_lowercase();
    let kept = text.split('\n').filter(|line| !line.trim_start().to_ascii_lowercase().starts_with(&begins));
    kept.collect::<Vec<_>>().join("\n")
}

/// A setting that is ours if it has a certain value.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// A URL of our edge with this behind `/edge/`.
    EdgeUrl(Vec<String>, &'static str),
    /// Exactly this.
    Exact(Vec<String>, Value),
    /// A table whose `base_url` is one of our edge.
    EdgeTable(Vec<String>),
    /// Lines that begin so.
    Line(Vec<String>, &'static str),
    /// Exactly this, once no hooks are left.
    WithHooks(Vec<String>, Value),
    /// A table whose `trusted_hash` is this: Codex's note that a hook is trusted.
    Trust(Vec<String>, String),
}

impl OwnedValue {
    pub(super) fn path(&self) -> &[String] {
        match self {
            Self::EdgeUrl(path, _)
            | Self::Exact(path, _)
            | Self::EdgeTable(path)
            | Self::Line(path, _)
            | Self::WithHooks(path, _)
            | Self::Trust(path, _) => path,
        }
    }

    /// True if the value at the path is ours. `hooks`: whether the file has hooks.
    pub(super) fn is(&self, value: &Value, hooks: bool) -> bool {
        match self {
            Self::EdgeUrl(_, suffix) => value.as_str().is_some_and(|url| is_edge_url(url, suffix)),
            Self::Exact(_, ours) => value == ours,
            Self::EdgeTable(_) => {
                let url = value.get("base_url").and_then(Value::as_str);
                url.is_some_and(|url| ["openai/v1", "chatgpt"].iter().any(|suffix| is_edge_url(url, suffix)))
            }
            Self::Line(_, begins) => value.as_str().is_some_and(|text| without_line(text, begins) != text),
            Self::WithHooks(_, ours) => !hooks && value == ours,
            Self::Trust(_, hash) => value.get("trusted_hash").and_then(Value::as_str) == Some(hash),
        }
    }
}

/// What in a file is ours: all hooks that call our program, and these settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Owned {
    /// Settings.
    pub values: Vec<OwnedValue>,
}

/// The key of all hooks.
pub(super) const HOOKS: &str = "hooks";

impl Owned {
    /// True if a file of that meaning has no more of ours than is wanted.
    pub fn all_wanted(&self, wants: &[Want], meaning: &Value) -> bool {
        let wanted = wants.iter().filter(|want| matches!(want, Want::Element { .. })).count();
        let lists = meaning.get(HOOKS).and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values);
        let elements = lists.filter_map(Value::as_array).flatten();
        let ours: usize = elements
            .map(|element| match element.get(HOOKS).and_then(Value::as_array) {
                Some(handlers) => handlers.iter().filter(|handler| is_our_handler(handler)).count(),
                None => usize::from(is_our_handler(element)),
            })
            .sum();
        let stray = |owned: &&OwnedValue| {
            let there = at(meaning, owned.path()).is_some_and(|there| owned.is(there, true));
            there && !wants.iter().any(|want| want.path() == owned.path())
        };
        ours == wanted && !self.values.iter().any(|owned| stray(&owned))
    }

    /// The meaning of a file less what is ours and less what is empty without it.
    pub(super) fn pruned(&self, value: &Value, base: Option<&Value>) -> Value {
        let mut value = value.clone();
        if let Some(Value::Object(events)) = value.get_mut(HOOKS) {
            for list in events.values_mut().filter_map(Value::as_array_mut) {
                for element in list.iter_mut() {
                    if let Some(Value::Array(handlers)) = element.get_mut(HOOKS)
                        && !handlers.iter().all(is_our_handler)
                    {
                        handlers.retain(|handler| !is_our_handler(handler));
                    }
                }
                list.retain(|element| !is_our_element(element));
            }
            events.retain(|_, list| !is_empty(list));
        }
        let hooks = value.get(HOOKS).is_some_and(|hooks| !is_empty(hooks));
        for owned in &self.values {
            let there = at(&value, owned.path()).cloned();
            let before = base.and_then(|base| at(base, owned.path()));
            let restored = there.as_ref() == before && !matches!(owned, OwnedValue::Line(..));
            if restored || there.as_ref().is_some_and(|there| owned.is(there, hooks)) {
                remove(&mut value, owned.path(), owned, hooks);
            }
        }
        empty_removed(&mut value);
        value
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Null => true,
        _ => false,
    }
}

fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn remove(value: &mut Value, path: &[String], owned: &OwnedValue, hooks: bool) {
    let Some((key, above)) = path.split_last() else { return };
    let parent = above.iter().try_fold(value, |value, key| value.get_mut(key));
    let Some(map) = parent.and_then(Value::as_object_mut) else { return };
    if let (OwnedValue::Line(_, begins), Some(Value::String(text))) = (owned, map.get_mut(key))
        && owned.is(&Value::String(text.clone()), hooks)
    {
        *text = without_line(text, begins);
        if !text.is_empty() {
            return;
        }
    }
    map.remove(key);
}

/// Takes out empty tables, and empty lists below `hooks`, at the outermost two levels.
fn empty_removed(value: &mut Value) {
    let Value::Object(map) = value else { return };
    for below in map.values_mut() {
        if let Value::Object(below) = below {
            for (_, inner) in below.iter_mut() {
                if let Value::Object(inner) = inner {
                    inner.retain(|_, innermost| !matches!(innermost, Value::Object(map) if map.is_empty()));
                }
            }
            below.retain(|_, inner| !is_empty(inner));
        }
    }
    map.retain(|_, below| !is_empty(below));
    if map.is_empty() {
        *value = Value::Null;
    }
}
