//! What one exchange adds to the record, before it is fused.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ursa_model::event::EventKind;
use ursa_model::ids::ConversationScope;
use ursa_model::observation::{Key, Observation};
use ursa_store::{ContentId, Mark, MarkKey, NewItem, Redacted, Store, StoreError, StoredFact};

/// A conversation that proved to be another.
pub(crate) struct Merge {
    /// Its name until now.
    pub(crate) old: ConversationScope,
    /// The conversation that it is.
    pub(crate) now: ConversationScope,
    /// When it is a subagent of the conversation that proved to be called otherwise: its names until now, and now.
    pub(crate) subagent: Option<(String, String)>,
    /// What the store holds under the old name.
    pub(crate) facts: Vec<StoredFact>,
}

impl Merge {
    /// An observation under its name now; whether it had the old one.
    pub(crate) fn rename(&self, seen: &mut Observation) -> bool {
        if seen.scope != self.old {
            return false;
        }
        let Some((old, now)) = &self.subagent else {
            seen.scope = self.now.clone();
            return true;
        };
        if seen.subagent_id.as_ref() != Some(old) {
            return false;
        }
        seen.subagent_id = Some(now.clone());
        if matches!(seen.kind, Some(EventKind::SubagentStart | EventKind::SubagentStop)) {
            seen.keys = vec![Key::Call(now.clone())];
        }
        true
    }
}

/// What exchanges of one batch add. Exchanges are normalised one after the other, each seeing what those before it
/// added: the store knows nothing of them yet.
pub struct Draft {
    pub(crate) store: Arc<dyn Store>,
    /// Whether only metadata is kept.
    pub(crate) metadata_only: bool,
    /// Redacted observations.
    pub(crate) observations: Vec<Redacted<Observation>>,
    /// Content not yet stored.
    pub(crate) items: Vec<Redacted<NewItem>>,
    /// New entries of the chain's index.
    pub(crate) marks: Vec<Mark>,
    /// Entries that no longer hold.
    pub(crate) unmarks: Vec<(MarkKey, ConversationScope)>,
    /// Conversations that proved to be another.
    pub(crate) merges: Vec<Merge>,
    /// Captures without a session.
    pub(crate) unattributed: u64,
    /// Captures.
    pub(crate) captures: u64,
    /// Losses by reason.
    pub(crate) dropped: Vec<(String, u64)>,
    item_ids: HashSet<ContentId>,
    secrets: HashMap<ConversationScope, [u8; 32]>,
    /// What the store says that conversations proved to be: asked for with every mark.
    stored_names: RefCell<HashMap<ConversationScope, Option<ConversationScope>>>,
}

impl Draft {
    /// Empty, over a store.
    pub fn new(store: Arc<dyn Store>, metadata_only: bool) -> Self {
        Self {
            store,
            metadata_only,
            observations: Vec::new(),
            items: Vec::new(),
            marks: Vec::new(),
            unmarks: Vec::new(),
            merges: Vec::new(),
            unattributed: 0,
            captures: 0,
            dropped: Vec::new(),
            item_ids: HashSet::new(),
            secrets: HashMap::new(),
            stored_names: RefCell::new(HashMap::new()),
        }
    }

    /// Index entries of the store and of this draft for one position, ordered by time, then scope.
    pub(crate) fn marks_at(&self, key: MarkKey) -> Result<Vec<Mark>, StoreError> {
        let mut found = self.store.marks(&[key])?;
        found.extend(self.marks.iter().filter(|mark| mark.key == key).cloned());
        found.retain(|mark| !self.unmarks.contains(&(mark.key, mark.scope.clone())));
        for mark in &mut found {
            mark.scope = self.current(&mark.scope)?;
        }
        found.sort_by(|a, b| (a.at, &a.scope, &a.value).cmp(&(b.at, &b.scope, &b.value)));
        found.dedup();
        Ok(found)
    }

    /// The conversation that one without a vendor's name proved to be, if it did.
    pub(crate) fn current(&self, scope: &ConversationScope) -> Result<ConversationScope, StoreError> {
        let mut now = scope.clone();
        // A provisional conversation proves to be one with an answer, that one to be a named one.
        for _ in 0..2 {
            if now.is_named() {
                break;
            }
            let Some(next) = self.renamed(&now)? else { break };
            now = next;
        }
        Ok(now)
    }

    fn renamed(&self, scope: &ConversationScope) -> Result<Option<ConversationScope>, StoreError> {
        let key = scope_alias_key(scope);
        if let Some(mark) = self.marks.iter().rfind(|mark| mark.key == key) {
            return Ok(Some(mark.scope.clone()));
        }
        if let Some(known) = self.stored_names.borrow().get(scope) {
            return Ok(known.clone());
        }
        let stored = self.store.marks(&[key])?.pop().map(|mark| mark.scope);
        self.stored_names.borrow_mut().insert(scope.clone(), stored.clone());
        Ok(stored)
    }

    /// Adds an entry to the chain's index.
    pub(crate) fn mark(&mut self, mark: Mark) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    /// The secret that a thread's content is addressed under.
    pub(crate) fn secret(&mut self, thread: &ConversationScope) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = self.secrets.get(thread) {
            return Ok(*secret);
        }
        let secret = self.store.thread_secret(thread)?;
        self.secrets.insert(thread.clone(), secret);
        Ok(secret)
    }

    /// Which of these are stored already, or will be with this draft.
    pub(crate) fn stored_items(&self, ids: &[ContentId]) -> Result<HashSet<ContentId>, StoreError> {
        let mut known: HashSet<ContentId> = self.store.has(ids)?.into_iter().collect();
        known.extend(ids.iter().filter(|id| self.item_ids.contains(id)));
        Ok(known)
    }

    /// Adds a content item, once.
    pub(crate) fn item(&mut self, item: Redacted<NewItem>) {
        if self.item_ids.insert(item.get().id) {
            self.items.push(item);
        }
    }
}

/// Under which a provisional conversation's later name is kept in the chain's index. Provisional names are MACs: nothing
/// can be guessed from a hash of one.
pub(crate) fn scope_alias_key(scope: &ConversationScope) -> MarkKey {
    ursa_model::ids::hash_parts("ursa scope alias 1", &[scope.as_str().as_bytes()])
}
