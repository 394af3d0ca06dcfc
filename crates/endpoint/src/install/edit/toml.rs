//! TOML. What is new is written as tables of its own at the end wherever TOML allows it, and else where the user's own
//! inline value is.

use std::fmt::Write;
use std::ops::Range;

use serde_json::Value;
use ursa_adapters::hooks::plan::{is_our_element, is_our_handler};

use super::list::{Comments, List};
use super::node::{Kind, Member, Node};
use super::toml_scan::{Block, blocks, converted};
use super::want::HOOKS;
use super::{EditError, Layout, Over, Owned, OwnedValue, Want, patched};

/// What the text means.
pub(super) fn value(text: &str) -> Result<Value, EditError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| EditError::Syntax {
        line: error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1),
        reason: error.message().to_owned(),
    })?;
    Ok(converted(&toml::Value::Table(table)))
}

fn list<'t>(text: &'t str, node: &Node) -> List<'t> {
    let (items, may_break) = match &node.kind {
        Kind::Object(members) => (members.iter().map(|member| member.range.clone()).collect(), false),
        Kind::Array(elements) => (elements.iter().map(|element| element.range.clone()).collect(), true),
        Kind::Scalar(_) => (Vec::new(), false),
    };
    List { text, range: node.range.clone(), items, comments: Comments::Hashes, may_break }
}

/// A key as it is written.
fn key_written(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { string_written(key) }
}

fn keys_written(keys: &[String]) -> String {
    keys.iter().map(|key| key_written(key)).collect::<Vec<_>>().join(".")
}

/// TOML's escapes are JSON's, but for one character that JSON leaves as it is.
fn string_written(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007F")
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => string_written(text),
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{} = {}", key_written(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A table with its lists of tables.
fn table_written(keys: &[String], is_array: bool, value: &Value, newline: &str) -> String {
    let header = keys_written(keys);
    let mut out = if is_array { format!("[[{header}]]{newline}") } else { format!("[{header}]{newline}") };
    let pairs: Vec<_> = value.as_object().into_iter().flatten().collect();
    let is_tables = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(Value::is_object));
    for (key, value) in pairs.iter().filter(|(_, value)| !is_tables(value)) {
        // Writing to a string does not fail.
        let _ = write!(out, "{} = {}{newline}", key_written(key), inline(value));
    }
    for (key, value) in pairs.iter().filter(|(_, value)| is_tables(value)) {
        let below = [keys, &[(*key).clone()]].concat();
        for element in value.as_array().into_iter().flatten() {
            out.push_str(&table_written(&below, true, element, newline));
        }
    }
    out
}

/// The text with a table behind its last line.
fn appended(text: &str, table: &str, newline: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    let gap = if text.trim().is_empty() { "" } else { newline };
    format!("{text}{end}{gap}{table}")
}

/// A value that is written with a key, wherever: the pair's table, the pair, and the value inside of it.
struct Inline<'b> {
    block: usize,
    pair: &'b Member,
    node: &'b Node,
    /// The inline table that has the node for a member, and at which place; `None` if the pair has it.
    holder: Option<(&'b Node, usize)>,
    /// Keys of the path that lie below the node.
    missing: usize,
}

/// The innermost inline value on the way to the path: the value itself, or an inline table that has to hold it.
fn inline_on_the_way<'b>(blocks: &'b [Block], path: &[String]) -> Option<Inline<'b>> {
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| !block.is_array) {
        for pair in &block.pairs {
            let keys = [block.keys.as_slice(), &pair.keys].concat();
            if keys.len() > path.len() || path[..keys.len()] != keys {
                continue;
            }
            let (mut node, mut missing, mut holder) = (&pair.node, path.len() - keys.len(), None);
            while missing > 0
                && let Some((place, member)) = node.towards(&path[path.len() - missing..])
            {
                holder = Some((node, place));
                (node, missing) = (&member.node, missing - member.keys.len());
            }
            return Some(Inline { block: index, pair, node, holder, missing });
        }
    }
    None
}

/// The text with what is wanted in it.
pub(super) fn with(text: &str, want: &Want) -> Result<String, EditError> {
    let meaning = value(text)?;
    let mut done = meaning.clone();
    want.apply(&mut done);
    if done == meaning {
        return refused(&meaning, want).map_or_else(|| Ok(text.to_owned()), Err);
    }
    let layout = Layout::of(text);
    match want {
        Want::Element { path, value } => with_element(text, path, value, &layout),
        Want::Value { path, value, over } => with_value(text, path, value, *over, &meaning, &layout),
        Want::Line { path, .. } => Err(EditError::Shape { path: path.join("."), expected: "in a JSON file" }),
    }
}

/// Why nothing would change although what is wanted is not there.
fn refused(meaning: &Value, want: &Want) -> Option<EditError> {
    let path = want.path();
    let mut at = meaning;
    for key in path {
        match at {
            Value::Object(map) => at = map.get(key)?,
            _ => return Some(EditError::Shape { path: path.join("."), expected: "in a table" }),
        }
    }
    match want {
        Want::Element { .. } if !at.is_array() => {
            Some(EditError::Shape { path: path.join("."), expected: "a list of tables" })
        }
        Want::Value { value, over: Over::Refuse, .. } if at != value => {
            Some(EditError::Taken { path: path.join("."), current: at.to_string() })
        }
        _ => None,
    }
}

fn with_element(text: &str, path: &[String], value: &Value, layout: &Layout) -> Result<String, EditError> {
    let blocks = blocks(text)?;
    if let Some(there) = inline_on_the_way(&blocks, path) {
        if there.missing == 0 {
            return Ok(patched(text, list(text, there.node).insert(layout, &|_| inline(value))));
        }
        return with_member(text, path, &there, &Value::Array(vec![value.clone()]), layout);
    }
    Ok(appended(text, &table_written(path, true, value, layout.newline), layout.newline))
}

/// Adds a member to an inline table.
fn with_member(
    text: &str,
    path: &[String],
    there: &Inline<'_>,
    value: &Value,
    layout: &Layout,
) -> Result<String, EditError> {
    let keys = &path[path.len() - there.missing..];
    if there.node.members().is_none() {
        let above = path[..path.len() - there.missing].join(".");
        return Err(EditError::Shape { path: above, expected: "a table" });
    }
    let write = |_: Option<&str>| format!("{} = {}", keys_written(keys), inline(value));
    let write: &dyn Fn(Option<&str>) -> String =
        if there.node.is_empty() { &|at| format!(" {} ", write(at)) } else { &write };
    Ok(patched(text, list(text, there.node).insert(layout, write)))
}

fn with_value(
    text: &str,
    path: &[String],
    value: &Value,
    over: Over,
    meaning: &Value,
    layout: &Layout,
) -> Result<String, EditError> {
    let blocks = blocks(text)?;
    let inline_there = inline_on_the_way(&blocks, path);
    if let Some(there) = &inline_there
        && there.missing > 0
    {
        return with_member(text, path, there, value, layout);
    }
    if path.iter().try_fold(meaning, |at, key| at.get(key)).is_some() {
        if over != Over::Replace {
            return Ok(text.to_owned());
        }
        return Ok(match inline_there {
            Some(there) => patched(text, vec![(there.node.range.clone(), inline(value))]),
            None => appended(
                &without_tables(text, &blocks, path),
                &table_written(path, false, value, layout.newline),
                layout.newline,
            ),
        });
    }
    if value.is_object() {
        return Ok(appended(text, &table_written(path, false, value, layout.newline), layout.newline));
    }
    let Some((key, above)) = path.split_last() else { return Ok(text.to_owned()) };
    let line = |keys: &[String]| format!("{} = {}{}", keys_written(keys), inline(value), layout.newline);
    if let Some(block) = blocks.iter().find(|block| block.keys == above && !block.is_array) {
        let first = block.keys.is_empty() && block.pairs.is_empty();
        let gap = if first && !text.is_empty() { layout.newline } else { "" };
        let broken = if block.end > 0 && !text[..block.end].ends_with('\n') { layout.newline } else { "" };
        return Ok(patched(
            text,
            vec![(block.end..block.end, format!("{broken}{}{gap}", line(std::slice::from_ref(key))))],
        ));
    }
    let dotted = |block: &Block| block.keys.is_empty() && block.pairs.iter().any(|pair| pair.keys.starts_with(above));
    if let Some(root) = blocks.iter().find(|block| dotted(block)) {
        let broken = if text[..root.end].ends_with('\n') { "" } else { layout.newline };
        return Ok(patched(text, vec![(root.end..root.end, format!("{broken}{}", line(path)))]));
    }
    let table = Value::Object(serde_json::Map::from_iter([(key.clone(), value.clone())]));
    Ok(appended(text, &table_written(above, false, &table, layout.newline), layout.newline))
}

/// The text without the tables at and below the path.
fn without_tables(text: &str, blocks: &[Block], path: &[String]) -> String {
    let gone = blocks.iter().filter(|block| !block.keys.is_empty() && block.keys.starts_with(path));
    patched(text, gone.map(|block| (with_gap(text, block), String::new())).collect())
}

/// A table with the blank line before it.
fn with_gap(text: &str, block: &Block) -> Range<usize> {
    let before = &text[..block.start];
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let previous = text[..line].strip_suffix('\n').map(|rest| rest.strip_suffix('\r').unwrap_or(rest));
    let gap = previous.filter(|rest| rest.is_empty() || rest.ends_with('\n')).map_or(line, str::len);
    gap..block.end
}

/// The text without what is ours.
pub(super) fn without(text: &str, owned: &Owned, base: Option<&str>) -> Result<String, EditError> {
    let base_text = base.unwrap_or_default();
    let base = Base { text: base_text, blocks: blocks(base_text)? };
    let mut text = text.to_owned();
    while let Some(next) = without_one(&text, &base)? {
        text = next;
    }
    for owned in &owned.values {
        text = without_value(&text, owned, &base)?;
    }
    Ok(text)
}

/// The text before ours was put in.
struct Base<'t> {
    text: &'t str,
    blocks: Vec<Block>,
}

impl Base<'_> {
    fn has_table(&self, keys: &[String]) -> bool {
        self.blocks.iter().any(|block| block.keys == keys)
    }

    fn has_inline(&self, path: &[String]) -> bool {
        inline_on_the_way(&self.blocks, path).is_some_and(|there| there.missing == 0)
    }
}

/// Takes out the first hooks of ours.
fn without_one(text: &str, base: &Base<'_>) -> Result<Option<String>, EditError> {
    let blocks = blocks(text)?;
    for (index, block) in blocks.iter().enumerate() {
        let edit = match block.keys.as_slice() {
            [hooks, event] if hooks == HOOKS && block.is_array => without_group(text, &blocks, index, event),
            _ => None,
        };
        if edit.is_some() {
            return Ok(edit);
        }
        for pair in block.pairs.iter().filter(|_| !block.is_array) {
            let keys = [block.keys.as_slice(), &pair.keys].concat();
            if let Some(edit) = without_inline(text, &keys, &pair.node) {
                return Ok(Some(without_empty(&edit, base)?));
            }
        }
    }
    Ok(None)
}

/// The group that begins with that table, if handlers of it are ours.
fn without_group(text: &str, blocks: &[Block], index: usize, event: &str) -> Option<String> {
    let group = &blocks[index];
    let handlers_keys = [HOOKS.to_owned(), event.to_owned(), HOOKS.to_owned()];
    let rest = &blocks[index + 1..];
    let end = rest.iter().position(|block| block.keys == group.keys).unwrap_or(rest.len());
    let handlers: Vec<&Block> = rest[..end].iter().filter(|block| block.keys == handlers_keys).collect();
    let ours: Vec<&Block> = handlers.iter().copied().filter(|block| is_our_handler(&block.value())).collect();
    if !handlers.is_empty() {
        let whole = ours.len() == handlers.len();
        let gone = ours.iter().copied().chain(whole.then_some(group));
        let edits: Vec<_> = gone.map(|block| (with_gap(text, block), String::new())).collect();
        return (!ours.is_empty()).then(|| patched(text, edits));
    }
    if is_our_element(&group.value()) {
        return Some(patched(text, vec![(with_gap(text, group), String::new())]));
    }
    let inline = group.pairs.iter().find(|pair| pair.keys == [HOOKS])?;
    without_elements(text, &inline.node, is_our_handler)
}

fn without_elements(text: &str, node: &Node, ours: fn(&Value) -> bool) -> Option<String> {
    let gone: Vec<bool> = node.elements()?.iter().map(|element| ours(&element.value())).collect();
    gone.contains(&true).then(|| patched(text, list(text, node).remove(&gone)))
}

/// Takes hooks of ours out of an inline value at those keys.
fn without_inline(text: &str, keys: &[String], node: &Node) -> Option<String> {
    match keys {
        [hooks] if hooks == HOOKS => node.members()?.iter().find_map(|member| without_list(text, &member.node)),
        [hooks, _] if hooks == HOOKS => without_list(text, node),
        _ => None,
    }
}

fn without_list(text: &str, node: &Node) -> Option<String> {
    let groups = node.elements()?.iter().filter(|group| !is_our_element(&group.value()));
    let partly = groups
        .filter_map(|group| group.member(HOOKS))
        .find_map(|member| without_elements(text, &member.node, is_our_handler));
    partly.or_else(|| without_elements(text, node, is_our_element))
}

/// Takes out empty inline lists and tables of hooks that were not there before.
fn without_empty(text: &str, base: &Base<'_>) -> Result<String, EditError> {
    let blocks = blocks(text)?;
    for block in blocks.iter().filter(|block| !block.is_array) {
        for pair in &block.pairs {
            let keys = [block.keys.as_slice(), &pair.keys].concat();
            if keys.first().is_none_or(|first| first != HOOKS) || keys.len() > 2 {
                continue;
            }
            for member in pair.node.members().unwrap_or_default() {
                let path = [keys.as_slice(), &member.keys].concat();
                if member.node.is_empty() && !base.has_inline(&path) {
                    let members = pair.node.members().unwrap_or_default();
                    let gone: Vec<bool> = members.iter().map(|other| other == member).collect();
                    return Ok(patched(text, list(text, &pair.node).remove(&gone)));
                }
            }
            if pair.node.is_empty() && !base.has_inline(&keys) {
                return Ok(patched(text, vec![(line_of(text, &pair.range), String::new())]));
            }
        }
    }
    Ok(text.to_owned())
}

/// The lines of a pair.
fn line_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |newline| range.end + newline + 1);
    start..end
}

/// Takes one setting out, or puts what was there before in its place.
fn without_value(text: &str, owned: &OwnedValue, base: &Base<'_>) -> Result<String, EditError> {
    let meaning = value(text)?;
    let path = owned.path();
    let hooks = meaning.get(HOOKS).is_some();
    let there = path.iter().try_fold(&meaning, |at, key| at.get(key));
    if !there.is_some_and(|there| owned.is(there, hooks)) {
        return Ok(text.to_owned());
    }
    let blocks = blocks(text)?;
    let Some(there) = inline_on_the_way(&blocks, path).filter(|there| there.missing == 0) else {
        let rest = without_tables(text, &blocks, path);
        let before = base.blocks.iter().filter(|block| block.keys.starts_with(path));
        let before: String = before.map(|block| &base.text[with_gap(base.text, block)]).collect();
        return Ok(format!("{rest}{before}"));
    };
    let before = inline_on_the_way(&base.blocks, path).filter(|there| there.missing == 0);
    if let Some(before) = before {
        return Ok(patched(text, vec![(there.node.range.clone(), base.text[before.node.range.clone()].to_owned())]));
    }
    let block = &blocks[there.block];
    if let Some((holder, place)) = there.holder {
        let gone: Vec<bool> = (0..holder.members().unwrap_or_default().len()).map(|index| index == place).collect();
        return Ok(patched(text, list(text, holder).remove(&gone)));
    }
    let lonely = block.pairs.len() == 1 && !block.keys.is_empty() && !base.has_table(&block.keys);
    // Its table was made for it, too. Comments between are the user's.
    let region = if lonely && !text[block.start..block.end].contains('#') {
        with_gap(text, block)
    } else {
        line_of(text, &there.pair.range)
    };
    let mut rest = patched(text, vec![(region.clone(), String::new())]);
    let first_of_root = block.keys.is_empty() && block.pairs.len() == 1 && !has_root_pairs(base);
    if first_of_root && region.start == 0 {
        // The blank line that was put behind it.
        let cut = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).map(str::to_owned);
        rest = cut.unwrap_or(rest);
    }
    Ok(rest)
}

fn has_root_pairs(base: &Base<'_>) -> bool {
    base.blocks.iter().any(|block| block.keys.is_empty() && !block.pairs.is_empty())
}
