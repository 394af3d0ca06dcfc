//! JSON with comments and trailing commas.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use ursa_adapters::hooks::plan::{Unread, is_our_element, is_our_handler};

use super::list::{Comments, List};
use super::node::{Kind, Member, Node};
use super::want::{HOOKS, with_line, without_line};
use super::{DEPTH_MAX, EditError, Layout, Over, Owned, OwnedValue, Want, patched};

/// Comments and trailing commas; nothing else that is no JSON.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What the text means; null if there is nothing in it.
pub(super) fn value(text: &str) -> Result<Value, EditError> {
    Ok(parse(text)?.map_or(Value::Null, |node| node.value()))
}

/// True if the text has that.
pub(super) fn has(text: &str, what: Unread) -> bool {
    let strict = match what {
        Unread::Comments => ParseOptions { allow_comments: false, ..OPTIONS },
        Unread::TrailingCommas => ParseOptions { allow_trailing_commas: false, ..OPTIONS },
        Unread::ByteOrderMark => return false,
    };
    parse(text).is_ok() && parse_to_ast(text, &CollectOptions::default(), &strict).is_err()
}

/// The tree; `None` if there are only blanks and comments.
fn parse(text: &str) -> Result<Option<Node>, EditError> {
    check_depth(text)?;
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS)
        .map_err(|error| EditError::Syntax { line: error.line_display(), reason: error.kind().to_string() })?;
    parsed.value.as_ref().map(|value| node(value, text)).transpose()
}

/// The parser calls itself for each level.
fn check_depth(text: &str) -> Result<(), EditError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'\n' => in_string = false,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(EditError::Syntax { line: 0, reason: "nested too deep".to_owned() });
        }
    }
    Ok(())
}

fn node(value: &ast::Value<'_>, text: &str) -> Result<Node, EditError> {
    let range = value.start()..value.end();
    let kind = match value {
        ast::Value::Object(object) => {
            let members = object.properties.iter().map(|property| {
                let node = node(&property.value, text)?;
                let keys = vec![property.name.as_str().to_owned()];
                Ok(Member { range: property.start()..property.end(), keys, node })
            });
            Kind::Object(members.collect::<Result<_, EditError>>()?)
        }
        ast::Value::Array(array) => {
            Kind::Array(array.elements.iter().map(|element| node(element, text)).collect::<Result<_, EditError>>()?)
        }
        ast::Value::StringLit(string) => Kind::Scalar(Value::String(string.value.to_string())),
        ast::Value::BooleanLit(boolean) => Kind::Scalar(Value::Bool(boolean.value)),
        ast::Value::NullKeyword(_) => Kind::Scalar(Value::Null),
        ast::Value::NumberLit(_) => {
            let digits = text.get(range.clone()).unwrap_or_default();
            // JSON knows no largest number; what is larger than ours are is only ever compared with itself.
            let large = || serde_json::from_str::<&RawValue>(digits).map(|raw| Value::String(raw.get().to_owned()));
            let number = serde_json::from_str(digits).or_else(|_| large());
            Kind::Scalar(number.map_err(|_| EditError::Syntax { line: 0, reason: format!("{digits} is no number") })?)
        }
    };
    Ok(Node { range, kind })
}

fn list<'t>(text: &'t str, node: &Node) -> List<'t> {
    let items = match &node.kind {
        Kind::Object(members) => members.iter().map(|member| member.range.clone()).collect(),
        Kind::Array(elements) => elements.iter().map(|element| element.range.clone()).collect(),
        Kind::Scalar(_) => Vec::new(),
    };
    List { text, range: node.range.clone(), items, comments: Comments::Slashes, may_break: true }
}

/// The value on lines with that indentation, or on one line. Lists are on one line in any case: what we add is many small
/// things, and the file is the user's.
fn written(value: &Value, layout: &Layout, indent: Option<&str>) -> String {
    let Some(indent) = indent else { return value.to_string() };
    let Value::Object(map) = value else { return spaced(value) };
    let inner = format!("{indent}{}", layout.indent);
    let members = map.iter().map(|(key, value)| {
        let key = Value::String(key.clone());
        format!("{}{inner}{key}: {}", layout.newline, written(value, layout, Some(&inner)))
    });
    format!("{{{}{}{indent}}}", members.collect::<Vec<_>>().join(","), layout.newline)
}

/// On one line, with blanks.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| format!("{}: {}", Value::String(key.clone()), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn member_written(key: &str, value: &Value, layout: &Layout, indent: Option<&str>) -> String {
    let colon = if indent.is_some() { ": " } else { ":" };
    format!("{}{colon}{}", Value::String(key.to_owned()), written(value, layout, indent))
}

/// The path of an error.
fn told(path: &[String]) -> String {
    if path.is_empty() { "the file".to_owned() } else { path.join(".") }
}

/// The text with what is wanted in it.
pub(super) fn with(text: &str, want: &Want) -> Result<String, EditError> {
    let layout = Layout::of(text);
    let Some(root) = parse(text)? else { return Ok(with_root(text, want, &layout)) };
    let path = want.path();
    let mut node = &root;
    for (depth, key) in path.iter().enumerate() {
        if node.members().is_none() {
            return Err(EditError::Shape { path: told(&path[..depth]), expected: "an object" });
        }
        let Some(member) = node.member(key) else {
            let value = nested(&path[depth + 1..], want);
            let write = |indent: Option<&str>| member_written(key, &value, &layout, indent);
            return Ok(patched(text, list(text, node).insert(&layout, &write)));
        };
        node = &member.node;
    }
    with_at(text, node, want, &layout)
}

/// The text with a root, which it has not.
fn with_root(text: &str, want: &Want, layout: &Layout) -> String {
    let line_comment = text.trim_end().lines().last().is_some_and(|line| line.contains("//"));
    let gap = if line_comment && !text.ends_with('\n') { layout.newline } else { "" };
    format!("{text}{gap}{}{}", written(&nested(want.path(), want), layout, Some("")), layout.newline)
}

/// The value of the want below the rest of its path.
fn nested(path: &[String], want: &Want) -> Value {
    let innermost = match want {
        Want::Element { value, .. } => Value::Array(vec![value.clone()]),
        Want::Value { value, .. } => value.clone(),
        Want::Line { line, .. } => Value::String(line.clone()),
    };
    path.iter().rev().fold(innermost, |value, key| Value::Object(Map::from_iter([(key.clone(), value)])))
}

/// The text with what is wanted at a node that is there.
fn with_at(text: &str, node: &Node, want: &Want, layout: &Layout) -> Result<String, EditError> {
    let there = node.value();
    let new = match want {
        Want::Element { path, value } => {
            let elements = node.elements().ok_or_else(|| EditError::Shape { path: told(path), expected: "a list" })?;
            if elements.iter().any(|element| element.value() == *value) {
                return Ok(text.to_owned());
            }
            let write = |indent: Option<&str>| if indent.is_some() { spaced(value) } else { value.to_string() };
            return Ok(patched(text, list(text, node).insert(layout, &write)));
        }
        Want::Value { value, over, .. } if there == *value || *over == Over::Keep => return Ok(text.to_owned()),
        Want::Value { path, over: Over::Refuse, .. } => {
            return Err(EditError::Taken { path: told(path), current: there.to_string() });
        }
        Want::Value { value, .. } => value.to_string(),
        Want::Line { path, line } => {
            let lines = there.as_str().ok_or_else(|| EditError::Shape { path: told(path), expected: "a text" })?;
            let lines = with_line(lines, line);
            if there == lines {
                return Ok(text.to_owned());
            }
            Value::String(lines).to_string()
        }
    };
    Ok(patched(text, vec![(node.range.clone(), new)]))
}

/// The text without what is ours.
pub(super) fn without(text: &str, owned: &Owned, base: Option<&str>) -> Result<String, EditError> {
    let base_text = base;
    let base = Base { text: base_text.unwrap_or_default(), root: parse(base_text.unwrap_or_default())? };
    let mut text = text.to_owned();
    while let Some(next) = without_one_list(&text, &base)? {
        text = next;
    }
    for owned in &owned.values {
        text = without_value(&text, owned, &base)?;
    }
    if base_text.is_some_and(|_| base.root.is_none())
        && let Some(root) = parse(&text)?
        && root.is_empty()
        && !text[root.range.clone()].contains("//")
        && !text[root.range.clone()].contains("/*")
    {
        let rest = patched(&text, vec![(root.range, String::new())]);
        // The line's end that was put behind the root.
        text = if rest.trim().is_empty() { base.text.to_owned() } else { rest };
    }
    Ok(text)
}

/// The text before ours was put in.
struct Base<'t> {
    text: &'t str,
    root: Option<Node>,
}

impl Base<'_> {
    /// What stood at the path, as it was written.
    fn raw(&self, path: &[String]) -> Option<&str> {
        let node = self.root.as_ref()?.at(path)?;
        self.text.get(node.range.clone())
    }
}

/// Takes our hooks out of the first list that has some.
fn without_one_list(text: &str, base: &Base<'_>) -> Result<Option<String>, EditError> {
    let Some(root) = parse(text)? else { return Ok(None) };
    let hooks = root.members().unwrap_or_default().iter().filter(|member| member.keys == [HOOKS]);
    for event in hooks.flat_map(|hooks| hooks.node.members().unwrap_or_default()) {
        let Some(elements) = event.node.elements() else { continue };
        for group in elements.iter().filter(|element| !is_our_element(&element.value())) {
            let Some(handlers) = group.member(HOOKS).map(|member| &member.node) else { continue };
            let ours = marked(handlers, is_our_handler);
            if ours.contains(&true) {
                return Ok(Some(patched(text, list(text, handlers).remove(&ours))));
            }
        }
        let ours = marked(&event.node, is_our_element);
        if !ours.contains(&true) {
            continue;
        }
        let path = [HOOKS.to_owned(), event.keys.concat()];
        let text = patched(text, list(text, &event.node).remove(&ours));
        return Ok(Some(if ours.contains(&false) { text } else { without_empty(&text, &path, base)? }));
    }
    Ok(None)
}

fn marked(node: &Node, ours: fn(&Value) -> bool) -> Vec<bool> {
    node.elements().unwrap_or_default().iter().map(|element| ours(&element.value())).collect()
}

/// Takes out what is empty at the path and above, as far as it was not there before.
fn without_empty(text: &str, path: &[String], base: &Base<'_>) -> Result<String, EditError> {
    let Some(root) = parse(text)? else { return Ok(text.to_owned()) };
    let (Some(node), Some((key, above))) = (root.at(path), path.split_last()) else { return Ok(text.to_owned()) };
    let has_comment = text[node.range.clone()].contains(['/', '*']);
    if !node.is_empty() || has_comment {
        return Ok(text.to_owned());
    }
    if let Some(raw) = base.raw(path) {
        // As empty as it was, blanks and all.
        let was_empty = base.root.as_ref().and_then(|root| root.at(path)).is_some_and(Node::is_empty);
        let raw = if was_empty { raw } else { &text[node.range.clone()] };
        return Ok(patched(text, vec![(node.range.clone(), raw.to_owned())]));
    }
    let text = without_member(text, &root, above, key);
    if above.is_empty() { Ok(text) } else { without_empty(&text, above, base) }
}

/// Takes out the last member of that name.
fn without_member(text: &str, root: &Node, above: &[String], key: &str) -> String {
    let Some(parent) = root.at(above) else { return text.to_owned() };
    let members = parent.members().unwrap_or_default();
    let last = members.iter().rposition(|member| member.keys == [key]);
    if members.iter().filter(|member| member.keys == [key]).count() > 1 {
        // Without it another one of its name would count.
        return text.to_owned();
    }
    let gone: Vec<bool> = (0..members.len()).map(|index| Some(index) == last).collect();
    patched(text, list(text, parent).remove(&gone))
}

/// Takes one setting out, or puts what was there before in its place.
fn without_value(text: &str, owned: &OwnedValue, base: &Base<'_>) -> Result<String, EditError> {
    let Some(root) = parse(text)? else { return Ok(text.to_owned()) };
    let path = owned.path();
    let hooks = root.member(HOOKS).is_some_and(|hooks| !hooks.node.is_empty());
    let Some(node) = root.at(path).filter(|node| owned.is(&node.value(), hooks)) else { return Ok(text.to_owned()) };
    let raw = match owned {
        OwnedValue::Line(_, begins) => {
            let rest = without_line(node.value().as_str().unwrap_or_default(), begins);
            let was_there =
                base.raw(path).filter(|raw| serde_json::from_str::<String>(raw).is_ok_and(|was| was == rest));
            was_there.map(str::to_owned).or((!rest.is_empty()).then(|| Value::String(rest).to_string()))
        }
        _ => base.raw(path).map(str::to_owned),
    };
    if let Some(raw) = raw {
        return Ok(patched(text, vec![(node.range.clone(), raw)]));
    }
    let Some((key, above)) = path.split_last() else { return Ok(text.to_owned()) };
    let text = without_member(text, &root, above, key);
    if above.is_empty() { Ok(text) } else { without_empty(&text, above, base) }
}
