//! What was read before: a request resends what the one before it carried, byte for byte, and that is not parsed again.
//!
//! A body is taken apart at its first level, key by key, and its list of messages message by message. What stands at a
//! place is compared with what stood there last time, which is kept with its bytes: a JSON object ends where its own bytes
//! end, so equal bytes are the same value, and the comparison is all the work. Everything that is not met before goes through
//! the parser, value by value. Whatever is not plainly a well-formed body (cut short, a key twice, too deep, too many
//! values, signs that are no Unicode) is left to the reader of whole bodies, which says what is wrong with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Map, Value};
use ursa_model::message::{Message, Stripped};
use ursa_model::shared::Shared;

use super::json::{NODES_LIMIT, nodes, without_bom};
use super::problems::Problems;

/// Bytes of memory that what was read before may take, roughly. Half of it is let go when the other half is full of what
/// came since.
const RECALL_BYTES_LIMIT: usize = 256 * 1024 * 1024;
/// Memory that a value takes for each byte of its text: the text, its parts, the message as sent and in canonical form,
/// and its variant.
const BYTES_A_BYTE: usize = 6;
/// Memory that it takes beside.
const ENTRY_BYTES: usize = 1024;
/// Nesting of a value that is read here; what is deeper is left to the reader of whole bodies, which has the real limit.
const DEPTH_LIMIT: usize = 100;

/// How a protocol's bodies are laid out.
pub(super) struct Layout {
    /// The key of the list of messages.
    pub(super) messages: &'static str,
    /// The key of the system prompt.
    pub(super) system: &'static str,
    /// Reads a message by itself: value, place in the list, what is cut from it, problems.
    pub(super) read: fn(Value, usize, &mut Vec<Stripped>, &mut Problems) -> Message,
}

/// The key of the tools, the same in all protocols.
const TOOLS: &str = "tools";

/// A body, read.
#[derive(Default)]
pub(super) struct Body {
    pub(super) messages: Vec<Shared<Message>>,
    pub(super) stripped: Vec<Stripped>,
    pub(super) system: Option<Shared<Value>>,
    pub(super) tools: Option<Shared<Value>>,
    /// Every other key.
    pub(super) params: Map<String, Value>,
}

#[derive(Default)]
struct Read {
    body: Body,
    problems: Problems,
}

/// What was read before, bounded in bytes.
#[derive(Default)]
pub struct Recall(Mutex<Known>);

impl std::fmt::Debug for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recall").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Known {
    messages: Generations<Message>,
    values: Generations<Value>,
    /// What stood under a key of this layout the last time.
    last: HashMap<(&'static str, &'static str), Weak<Entry<Value>>>,
}

/// One value, as it came and as it was read.
struct Entry<T> {
    bytes: Arc<[u8]>,
    /// Which layout it was read by: by the key of its messages, which tells them apart.
    layout: &'static str,
    value: Shared<T>,
    nodes: usize,
    /// What followed it the last time.
    next: Mutex<Weak<Entry<T>>>,
    /// The generation that it was last used in.
    generation: AtomicU64,
}

/// Entries by their bytes: what is used moves to the young ones, the old ones go at once.
struct Generations<T> {
    young: HashMap<Arc<[u8]>, Arc<Entry<T>>>,
    old: HashMap<Arc<[u8]>, Arc<Entry<T>>>,
    young_bytes: usize,
    /// Number of the young ones.
    generation: u64,
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_bytes: 0, generation: 0 }
    }
}

impl<T> Generations<T> {
    /// The entry that has these bytes.
    fn find(&mut self, bytes: &[u8], layout: &'static str) -> Option<Arc<Entry<T>>> {
        let found = self.young.get(bytes).or_else(|| self.old.get(bytes)).cloned()?;
        self.used(&found);
        (found.layout == layout).then_some(found)
    }

    /// Keeps an entry among the young ones.
    fn used(&mut self, entry: &Arc<Entry<T>>) {
        if entry.generation.load(Ordering::Relaxed) != self.generation
            && let Some(found) = self.old.remove(&entry.bytes)
        {
            self.put(found);
        }
    }

    fn put(&mut self, entry: Arc<Entry<T>>) {
        let cost = entry.bytes.len() * BYTES_A_BYTE + ENTRY_BYTES;
        // A quarter for each of two generations of messages and of other values.
        if self.young_bytes + cost > RECALL_BYTES_LIMIT / 4 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
            self.generation += 1;
        }
        if cost <= RECALL_BYTES_LIMIT / 4 {
            self.young_bytes += cost;
            entry.generation.store(self.generation, Ordering::Relaxed);
            self.young.insert(Arc::clone(&entry.bytes), entry);
        }
    }

    fn add(&mut self, bytes: &[u8], layout: &'static str, value: &Shared<T>, nodes: usize) -> Arc<Entry<T>> {
        let (bytes, value) = (Arc::from(bytes), value.clone());
        let (next, generation) = (Mutex::default(), AtomicU64::new(self.generation));
        let entry = Arc::new(Entry { bytes, layout, value, nodes, next, generation });
        self.put(Arc::clone(&entry));
        entry
    }
}

/// Reads a body; `None` if it is for the reader of whole bodies.
pub(super) fn read(body: &[u8], layout: &Layout, recall: &Recall) -> Option<(Body, Problems)> {
    let known = &mut *recall.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cursor = Cursor { body: without_bom(body), at: 0, nodes: 0 };
    let (mut read, mut keys) = (Read::default(), Vec::new());
    cursor.take(b'{')?;
    if !cursor.takes(b'}') {
        loop {
            let Value::String(key) = cursor.value()?.0 else { return None };
            cursor.take(b':')?;
            if keys.contains(&key) {
                return None;
            }
            member(&key, layout, &mut cursor, known, &mut read)?;
            keys.push(key);
            if !cursor.takes(b',') {
                break;
            }
        }
        cursor.take(b'}')?;
    }
    cursor.skip_space();
    (cursor.at == cursor.body.len() && cursor.nodes <= NODES_LIMIT).then_some((read.body, read.problems))
}

fn member(key: &str, layout: &Layout, cursor: &mut Cursor<'_>, known: &mut Known, read: &mut Read) -> Option<()> {
    if key == layout.messages {
        return list(layout, cursor, &mut known.messages, read);
    }
    if key == layout.system {
        read.body.system = Some(shared(layout, layout.system, cursor, known)?);
    } else if key == TOOLS {
        read.body.tools = Some(shared(layout, TOOLS, cursor, known)?);
    } else {
        read.body.params.insert(key.to_owned(), cursor.value()?.0);
    }
    Some(())
}

/// The list of messages.
fn list(layout: &Layout, cursor: &mut Cursor<'_>, known: &mut Generations<Message>, read: &mut Read) -> Option<()> {
    cursor.take(b'[')?;
    if cursor.takes(b']') {
        return Some(());
    }
    let mut before: Option<Arc<Entry<Message>>> = None;
    loop {
        let guess = before.as_ref().and_then(|before| lock(&before.next).upgrade());
        let entry = if let Some(entry) = cursor.known(guess, known, layout) {
            read.body.messages.push(entry.value.clone());
            Some(entry)
        } else {
            let (value, start) = cursor.value()?;
            message(layout, value, &cursor.body[start..cursor.at], known, read)
        };
        if let (Some(before), Some(entry)) = (&before, &entry) {
            *lock(&before.next) = Arc::downgrade(entry);
        }
        before = entry;
        if !cursor.takes(b',') {
            return cursor.take(b']');
        }
    }
}

/// A message that was not met before. Kept, unless there is more to it than itself: a problem is told each time, and what is
/// cut from it is told with its place.
fn message(
    layout: &Layout,
    value: Value,
    bytes: &[u8],
    known: &mut Generations<Message>,
    read: &mut Read,
) -> Option<Arc<Entry<Message>>> {
    let (mut problems, cut) = (Problems::default(), read.body.stripped.len());
    let place = read.body.messages.len();
    let message = Shared::from((layout.read)(value, place, &mut read.body.stripped, &mut problems));
    // Only what says itself where it ends.
    let is_plain = problems.is_empty() && read.body.stripped.len() == cut && bytes.first() == Some(&b'{');
    read.problems.merge(problems);
    read.body.messages.push(message.clone());
    is_plain.then(|| known.add(bytes, layout.messages, &message, nodes(bytes)))
}

/// The value of a key whose value is the same in many requests.
fn shared(layout: &Layout, key: &'static str, cursor: &mut Cursor<'_>, known: &mut Known) -> Option<Shared<Value>> {
    let place = (layout.messages, key);
    let guess = known.last.get(&place).and_then(Weak::upgrade);
    if let Some(entry) = cursor.known(guess, &mut known.values, layout) {
        known.last.insert(place, Arc::downgrade(&entry));
        return Some(entry.value.clone());
    }
    let (value, start) = cursor.value()?;
    let bytes = &cursor.body[start..cursor.at];
    let value = Shared::from(value);
    // Only what says itself where it ends.
    if matches!(*value, Value::Array(_) | Value::Object(_) | Value::String(_)) {
        let entry = known.values.add(bytes, layout.messages, &value, nodes(bytes));
        known.last.insert(place, Arc::downgrade(&entry));
    }
    Some(value)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place in a body, and what was counted up to it.
struct Cursor<'b> {
    body: &'b [u8],
    at: usize,
    nodes: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &[u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    /// Goes over this sign if it is next.
    fn takes(&mut self, sign: u8) -> bool {
        self.skip_space();
        let is_next = self.rest().first() == Some(&sign);
        if is_next {
            self.at += 1;
            self.nodes += usize::from(matches!(sign, b',' | b':' | b'[' | b'{'));
        }
        is_next
    }

    /// As [`Self::takes`], where nothing else may be next.
    fn take(&mut self, sign: u8) -> Option<()> {
        self.takes(sign).then_some(())
    }

    /// Parses the value that is next, and says where it begins.
    fn value(&mut self) -> Option<(Value, usize)> {
        self.skip_space();
        let start = self.at;
        let mut values = serde_json::Deserializer::from_slice(self.rest()).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let len = values.byte_offset();
        if is_deeper(&value, DEPTH_LIMIT) {
            return None;
        }
        self.nodes += nodes(&self.rest()[..len]);
        self.at += len;
        Some((value, start))
    }

    /// Goes over the value that is next if it was met before: the one that is guessed, or any.
    fn known<T>(
        &mut self,
        guess: Option<Arc<Entry<T>>>,
        known: &mut Generations<T>,
        layout: &Layout,
    ) -> Option<Arc<Entry<T>>> {
        self.skip_space();
        let guess = guess.filter(|entry| entry.layout == layout.messages && self.rest().starts_with(&entry.bytes));
        let entry = match guess {
            Some(entry) => {
                known.used(&entry);
                entry
            }
            None => known.find(&self.rest()[..end(self.rest())?], layout.messages)?,
        };
        self.at += entry.bytes.len();
        self.nodes += entry.nodes;
        Some(entry)
    }
}

/// Where the object, list or string ends that the text begins with, if the text is well-formed. Of any other text it says
/// something or nothing, which is only compared with what is well-formed.
fn end(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && !in_string {
            return matches!(byte, b'}' | b']' | b'"').then_some(at + 1);
        }
    }
    None
}

fn is_deeper(value: &Value, limit: usize) -> bool {
    let Some(below) = limit.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(map) => map.values().any(|member| is_deeper(member, below)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
