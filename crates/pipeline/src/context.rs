//! What the model saw in a call: written as content-addressed items, each once, and read back (RULES 8, 9).
//!
//! Items of a thread, each encrypted by the store under the thread's key:
//!
//! | item | bytes |
//! |---|---|
//! | message, system block, tool, params | its JSON, redacted |
//! | node | id of the parent node (16 bytes, zero for the first), id of the message (16 bytes) |
//! | manifest | [`Manifest`] as JSON |
//!
//! A call holds the id of its last node and of its manifest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use ursa_model::chain::{Context, Manifest, Piece, RedactionMark, restore};
use ursa_model::ids::{ConversationScope, EventId, ID_LEN, hex};
use ursa_model::message::{Message, ModelRequest};
use ursa_model::observation::ContextRef;
use ursa_model::shared::Shared;
use ursa_redact::{Redacted, Redactor, marks_in};
use ursa_store::{ContentId, NewItem, Store, StoreError};

use crate::draft::Draft;

/// Longest chain that is walked back: a bound against a damaged store that points in circles.
const CHAIN_LIMIT: usize = 1_000_000;

/// What is around a request's own messages.
#[derive(Debug, Default)]
pub(crate) struct Around<'a> {
    /// The last node of what came before, where the request continues an answer by its id.
    pub(crate) parent: Option<ContentId>,
    /// What a request that continues this one's answer by its id leaves out of that answer.
    pub(crate) output: &'a [Shared<Message>],
    /// True when the context cannot be given back as it was.
    pub(crate) inexact: bool,
}

/// A context that is in the draft.
#[derive(Debug)]
pub(crate) struct Written {
    /// What the call holds of it.
    pub(crate) context: ContextRef,
    /// The node after the answer's output, if there is anything before or in it.
    pub(crate) after: Option<ContentId>,
}

/// Writes a request's context into the draft: what is not yet stored of it.
pub(crate) fn write(
    draft: &mut Draft,
    redactor: &Redactor,
    seen: &Seen,
    scope: &ConversationScope,
    request: ModelRequest,
    around: &Around<'_>,
) -> Result<Written, StoreError> {
    let secret = draft.secret(scope)?;
    let mut writer = Writer { redactor, seen, secret, items: Vec::new(), bytes: Vec::new() };
    // Behind other messages a plain string is one among them.
    let continues = around.parent.is_some();
    let messages = request.messages.iter().map(|message| match &message.exact {
        Value::String(text) if continues => Source::Own(json!({"role": "user", "content": text})),
        _ => Source::Message(message.clone()),
    });
    let head = writer.chain(around.parent, messages);
    let after = writer.chain(head, around.output.iter().cloned().map(Source::Message));
    let manifest = Manifest {
        version: 1,
        system: request.system.map(|system| writer.piece(&system)),
        tools: request.tools.map(|tools| writer.piece(&tools)),
        params: (!request.params.is_empty())
            .then(|| writer.value(Source::Own(Value::Object(request.params))).to_string()),
        messages_key: request.messages_key.to_owned(),
        messages_as_text: request.messages_as_text && !continues,
        stripped: request.stripped,
        inexact: around.inexact,
    };
    let manifest = serde_json::to_value(&manifest).unwrap_or_default();
    let manifest = writer.value(Source::Own(manifest));
    let items = writer.items;
    let ids: Vec<ContentId> = items.iter().map(|item| item.id).collect();
    let stored = draft.stored_items(&ids)?;
    for Item { id, content } in items.into_iter().filter(|item| !stored.contains(&item.id)) {
        let bytes = match content {
            ItemContent::Redacted(bytes) => bytes,
            // It was stored once, and purged since.
            ItemContent::Seen(value) => redacted_bytes(redactor, value.get().clone()),
        };
        let thread = scope.clone();
        draft.item(bytes.map(|bytes| NewItem { id, thread, bytes }));
    }
    let context = ContextRef { head: head.map(|id| id.to_string()), manifest: manifest.to_string() };
    Ok(Written { context, after })
}

/// Under which id an item was stored, by the MAC of its bytes before redaction: what is resent with each request is not
/// redacted each time. Whether the store still has it is asked each time. Holds MACs alone, and two generations of
/// [`SEEN_LIMIT`], so that what is used stays.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<[HashMap<[u8; ID_LEN], ContentId>; 2]>);

/// Items of one generation of [`Seen`]: some 4 MiB.
const SEEN_LIMIT: usize = 65_536;

impl Seen {
    fn get(&self, mac: [u8; ID_LEN]) -> Option<ContentId> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        if let Some(id) = young.get(&mac) {
            return Some(*id);
        }
        let id = *old.get(&mac)?;
        Self::put(&mut generations, mac, id);
        Some(id)
    }

    fn add(&self, mac: [u8; ID_LEN], id: ContentId) {
        Self::put(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), mac, id);
    }

    fn put(generations: &mut [HashMap<[u8; ID_LEN], ContentId>; 2], mac: [u8; ID_LEN], id: ContentId) {
        if generations[0].len() >= SEEN_LIMIT {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(mac, id);
    }
}

struct Item {
    id: ContentId,
    content: ItemContent,
}

enum ItemContent {
    Redacted(Redacted<Vec<u8>>),
    /// As it came: to be redacted should the store not have it.
    Seen(Source),
}

/// A value to be written.
#[derive(Clone)]
enum Source {
    /// Of this request alone.
    Own(Value),
    Message(Shared<Message>),
    /// An item of a list, or what is no list.
    Piece(Shared<Value>, Option<usize>),
}

impl Source {
    fn get(&self) -> &Value {
        match self {
            Self::Own(value) => value,
            Self::Message(message) => &message.exact,
            Self::Piece(value, None) => value,
            Self::Piece(value, Some(index)) => value.get(*index).unwrap_or(&Value::Null),
        }
    }
}

fn redacted_bytes(redactor: &Redactor, value: Value) -> Redacted<Vec<u8>> {
    redactor.value(value).map(|value| value.to_string().into_bytes())
}

struct Writer<'a> {
    redactor: &'a Redactor,
    seen: &'a Seen,
    secret: [u8; 32],
    items: Vec<Item>,
    /// Room for the bytes of one item.
    bytes: Vec<u8>,
}

impl Writer<'_> {
    fn chain(&mut self, mut parent: Option<ContentId>, messages: impl Iterator<Item = Source>) -> Option<ContentId> {
        for message in messages {
            let message = self.message(message);
            let mut bytes = parent.map_or([0; ID_LEN], |id| id.0).to_vec();
            bytes.extend_from_slice(&message.0);
            // Two ids: nothing that a redactor could find.
            let node = self.redactor.value(Value::Null).map(|_| bytes);
            parent = Some(self.item(node));
        }
        parent
    }

    /// The id of a message: where it was asked for before in this thread, that is kept with it.
    fn message(&mut self, source: Source) -> ContentId {
        let Source::Message(message) = &source else { return self.value(source) };
        if let Some(&[id]) = message.ids(&self.secret).as_deref() {
            self.items.push(Item { id: ContentId(id), content: ItemContent::Seen(source) });
            return ContentId(id);
        }
        let message = message.clone();
        let id = self.value(source);
        message.keep_ids(&self.secret, Arc::new([id.0]));
        id
    }

    fn piece(&mut self, value: &Shared<Value>) -> Piece {
        let len = value.as_array().map(Vec::len);
        let source = |index: usize| Source::Piece(value.clone(), len.map(|_| index));
        let known = value.ids(&self.secret).filter(|known| known.len() == len.unwrap_or(1));
        let ids: Vec<ContentId> = if let Some(known) = known {
            let known = known.iter().map(|id| ContentId(*id));
            let items = known.clone().enumerate();
            self.items.extend(items.map(|(index, id)| Item { id, content: ItemContent::Seen(source(index)) }));
            known.collect()
        } else {
            let ids: Vec<ContentId> = (0..len.unwrap_or(1)).map(|index| self.value(source(index))).collect();
            value.keep_ids(&self.secret, ids.iter().map(|id| id.0).collect());
            ids
        };
        let mut told = ids.iter().map(ContentId::to_string);
        match len {
            Some(_) => Piece::Array(told.collect()),
            None => Piece::One(told.next().unwrap_or_default()),
        }
    }

    fn value(&mut self, value: Source) -> ContentId {
        self.bytes.clear();
        // Writing to memory cannot fail; an unread value would only be redacted each time.
        let mac = serde_json::to_writer(&mut self.bytes, value.get()).ok().map(|()| mac(&self.secret, &self.bytes));
        if let Some(id) = mac.and_then(|mac| self.seen.get(mac)) {
            self.items.push(Item { id, content: ItemContent::Seen(value) });
            return id;
        }
        let id = self.item(redacted_bytes(self.redactor, value.get().clone()));
        if let Some(mac) = mac {
            self.seen.add(mac, id);
        }
        id
    }

    fn item(&mut self, bytes: Redacted<Vec<u8>>) -> ContentId {
        let id = ContentId(mac(&self.secret, bytes.get()));
        self.items.push(Item { id, content: ItemContent::Redacted(bytes) });
        id
    }
}

/// MAC of bytes under a thread's secret: of an item's redacted bytes, its id.
fn mac(secret: &[u8; 32], bytes: &[u8]) -> [u8; ID_LEN] {
    let mut mac = [0; ID_LEN];
    mac.copy_from_slice(&blake3::keyed_hash(secret, bytes).as_bytes()[..ID_LEN]);
    mac
}

/// Reads the context of a model call back; `None` if the event is no model call or has none.
pub fn read(store: &dyn Store, event: EventId) -> Result<Option<Context>, StoreError> {
    let Some(found) = store.context_ref(event)? else { return Ok(None) };
    let mut reader = Reader { store, exact: true };
    let Some(manifest) = reader.json(&found.manifest)? else { return Ok(None) };
    let manifest: Manifest =
        serde_json::from_value(manifest).map_err(|error| StoreError::Damaged(format!("a manifest: {error}")))?;
    let system = reader.piece(manifest.system)?;
    let tools = reader.piece(manifest.tools)?;
    let params = match manifest.params {
        Some(id) => reader.json(&id)?,
        None => None,
    };
    let mut messages = reader.messages(found.head.as_deref())?;
    let mut exact = reader.exact && restore(&mut messages, &manifest.messages_key, &manifest.stripped);
    if manifest.messages_as_text {
        messages = messages.get_mut(0).map(Value::take).unwrap_or_default();
    }
    exact &= !manifest.inexact;
    let params = match params {
        Some(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let redactions = redactions(&json!({"system": system, "tools": tools, "messages": messages, "params": params}));
    Ok(Some(Context { system, tools, messages, params, exact, redactions }))
}

struct Reader<'a> {
    store: &'a dyn Store,
    exact: bool,
}

impl Reader<'_> {
    fn bytes(&mut self, id: ContentId) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.store.get(id)?;
        self.exact &= bytes.is_some();
        Ok(bytes)
    }

    /// An item that is gone (past retention) is null, and the context inexact.
    fn json(&mut self, id: &str) -> Result<Option<Value>, StoreError> {
        let Some(bytes) = self.bytes(parse(id)?)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|error| StoreError::Damaged(format!("a content item: {error}")))
    }

    fn piece(&mut self, piece: Option<Piece>) -> Result<Value, StoreError> {
        match piece {
            None => Ok(Value::Null),
            Some(Piece::One(id)) => Ok(self.json(&id)?.unwrap_or_default()),
            Some(Piece::Array(ids)) => {
                let items: Result<Vec<Value>, StoreError> =
                    ids.iter().map(|id| Ok(self.json(id)?.unwrap_or_default())).collect();
                items.map(Value::Array)
            }
        }
    }

    fn messages(&mut self, head: Option<&str>) -> Result<Value, StoreError> {
        let mut messages = Vec::new();
        let mut next = head.map(parse).transpose()?;
        while let Some(node) = next {
            if messages.len() >= CHAIN_LIMIT {
                return Err(StoreError::Damaged("a chain without end".to_owned()));
            }
            let Some(bytes) = self.bytes(node)? else { break };
            let (parent, message) = bytes
                .split_first_chunk::<ID_LEN>()
                .and_then(|(parent, rest)| Some((*parent, <[u8; ID_LEN]>::try_from(rest).ok()?)))
                .ok_or_else(|| StoreError::Damaged("a chain node of the wrong size".to_owned()))?;
            messages.push(self.json(&hex(&message))?.unwrap_or_default());
            next = (parent != [0; ID_LEN]).then_some(ContentId(parent));
        }
        messages.reverse();
        Ok(Value::Array(messages))
    }
}

fn parse(id: &str) -> Result<ContentId, StoreError> {
    let text = format!("cap_{id}");
    let parsed = text.parse::<ursa_model::ExchangeId>();
    parsed.map(|id| ContentId(id.0)).map_err(|_| StoreError::Damaged(format!("a content id: {id:?}")))
}

/// Where marks of redaction stand.
fn redactions(value: &Value) -> Vec<RedactionMark> {
    let mut found = Vec::new();
    walk(value, &mut String::new(), &mut found);
    found
}

fn walk(value: &Value, path: &mut String, found: &mut Vec<RedactionMark>) {
    let mut step = |key: &str, item: &Value| {
        let len = path.len();
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        walk(item, path, found);
        path.truncate(len);
    };
    match value {
        Value::String(text) => found
            .extend(marks_in(text).into_iter().map(|kind| RedactionMark { path: path.clone(), kind: kind.to_owned() })),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| step(&index.to_string(), item)),
        Value::Object(map) => map.iter().for_each(|(key, item)| step(key, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
