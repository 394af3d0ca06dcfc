//! Tokens, audit log and settings as the embedded store keeps them, able to fail on demand; and a record in memory that
//! remembers what it was asked. What a real backend does with a filter or a cursor is the conformance suite's matter;
//! here it is what the API asks and shows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use ursa_model::event::Event;
use ursa_model::ids::{ConversationScope, EventId, FactId, SessionId};
use ursa_model::observation::ContextRef;
use ursa_model::outline::OutlineItem;
use ursa_model::session::Session;
use ursa_model::time::Timestamp;
use ursa_store::sqlite::SqliteStore;
use ursa_store::traits::PurgeReport;
use ursa_store::{
    AccessStore, AppendReceipt, AuditEntry, Batch, Changes, ContentId, ContentStore, Device, DeviceStore, EnrolOutcome,
    EnrollToken, KeyHolder, KeyUse, Mark, MarkKey, NewEnrolment, Outline, Page, RecordStore, SearchHit, Seen, SeenKind,
    SessionFilter, SettingsStore, StoreError, StoreStats, StoredFact, StoredSpool, TokenInfo,
};

type Listener = Box<dyn Fn(u64) + Send + Sync>;

#[derive(Default)]
struct Inner {
    sessions: Vec<Session>,
    events: Vec<Event>,
    asked: Option<SessionFilter>,
    listeners: Vec<Listener>,
}

pub(crate) struct FakeStore {
    inner: Mutex<Inner>,
    embedded: SqliteStore,
    _folder: TempDir,
    pub(crate) audit_fails: AtomicBool,
}

impl FakeStore {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let embedded = SqliteStore::open(folder.path(), &[7; 32]).unwrap();
        Self { inner: Mutex::default(), embedded, _folder: folder, audit_fails: AtomicBool::new(false) }
    }

    pub(crate) fn add_session(&self, session: Session) {
        self.inner.lock().unwrap().sessions.push(session);
    }

    /// Adds or replaces an event, and wakes the listeners with the lock released.
    pub(crate) fn append_event(&self, event: Event) {
        let rev = event.rev;
        let mut inner = self.inner.lock().unwrap();
        inner.events.retain(|known| known.id != event.id);
        inner.events.push(event);
        let listeners = std::mem::take(&mut inner.listeners);
        drop(inner);
        for listener in &listeners {
            listener(rev);
        }
        self.inner.lock().unwrap().listeners = listeners;
    }

    /// The filter of the last list or search.
    pub(crate) fn asked(&self) -> SessionFilter {
        self.inner.lock().unwrap().asked.clone().unwrap()
    }

    /// `actor action target` of each audit line, oldest first.
    pub(crate) fn audit_lines(&self) -> Vec<String> {
        let log = self.embedded.audit_log(500, None).unwrap().items;
        log.iter().rev().map(|line| format!("{} {} {}", line.actor, line.action, line.target)).collect()
    }
}

/// A page of `all`, the cursor being how many came before.
fn page<T: Clone>(all: &[T], limit: usize, cursor: Option<&str>) -> Result<Page<T>, StoreError> {
    let skip: usize = cursor.map_or(Ok(0), |text| text.parse().map_err(|_| StoreError::BadCursor))?;
    let items: Vec<T> = all.iter().skip(skip).take(limit).cloned().collect();
    let end = skip + items.len();
    Ok(Page { next_cursor: (end < all.len()).then(|| end.to_string()), items })
}

impl RecordStore for FakeStore {
    fn facts(&self, _: &[FactId]) -> Result<Vec<StoredFact>, StoreError> {
        Ok(Vec::new())
    }
    fn facts_of(&self, _: &ConversationScope) -> Result<Vec<StoredFact>, StoreError> {
        Ok(Vec::new())
    }
    fn append(&self, _: Batch) -> Result<AppendReceipt, StoreError> {
        Err(StoreError::Backend("use append_event".into()))
    }
    fn marks(&self, _: &[MarkKey]) -> Result<Vec<Mark>, StoreError> {
        Ok(Vec::new())
    }
    fn cursor(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
    fn session(&self, id: SessionId, _: Timestamp) -> Result<Option<Session>, StoreError> {
        Ok(self.inner.lock().unwrap().sessions.iter().find(|session| session.id == id).cloned())
    }
    fn sessions(
        &self,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
        _: Timestamp,
    ) -> Result<Page<Session>, StoreError> {
        let mut inner = self.inner.lock().unwrap();
        inner.asked = Some(filter.clone());
        page(&inner.sessions, limit, cursor)
    }
    fn timeline(&self, session: SessionId, limit: usize, cursor: Option<&str>) -> Result<Page<Event>, StoreError> {
        let inner = self.inner.lock().unwrap();
        let mut events: Vec<Event> = inner.events.iter().filter(|event| event.session_id == session).cloned().collect();
        events.sort_by_key(|event| event.seq);
        page(&events, limit, cursor)
    }
    fn timeline_from(&self, session: SessionId, seq: u64, limit: usize) -> Result<Page<Event>, StoreError> {
        self.timeline(session, limit, Some(&(seq - 1).to_string()))
    }
    fn outline(&self, session: SessionId, limit: usize) -> Result<Outline, StoreError> {
        let page = self.timeline(session, limit, None)?;
        let (rev, cut) = (self.stats()?.last_rev, page.next_cursor.is_some());
        let last_seq = self.timeline(session, usize::MAX, None)?.items.last().map_or(0, |event| event.seq);
        Ok(Outline { rev, items: page.items.iter().map(OutlineItem::of).collect(), cut, last_seq })
    }
    fn seen(&self, kind: SeenKind, limit: usize, cursor: Option<&str>) -> Result<Page<Seen>, StoreError> {
        let inner = self.inner.lock().unwrap();
        let seen = |session: &Session| Seen {
            key: format!("{kind:?}"),
            sessions: 1,
            first_seen_at: session.started_at,
            last_seen_at: session.last_event_at,
            latest: Some(session.clone()),
        };
        page(&inner.sessions.iter().map(seen).collect::<Vec<_>>(), limit, cursor)
    }
    fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        Ok(self.inner.lock().unwrap().events.iter().find(|event| event.id == id).cloned())
    }
    fn context_ref(&self, _: EventId) -> Result<Option<ContextRef>, StoreError> {
        Ok(None)
    }
    fn search(
        &self,
        query: &str,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<SearchHit>, StoreError> {
        if !query.chars().any(char::is_alphanumeric) {
            return Err(StoreError::BadQuery);
        }
        let mut inner = self.inner.lock().unwrap();
        inner.asked = Some(filter.clone());
        let hit = |event: &Event| SearchHit {
            event: event.clone(),
            highlights: vec![format!("before \u{e000}{query}\u{e001} after")],
        };
        page(&inner.events.iter().map(hit).collect::<Vec<_>>(), limit, cursor)
    }
    fn search_each(&self, query: &str, sessions: &[SessionId], _: usize) -> Result<Vec<SearchHit>, StoreError> {
        let asked = self.inner.lock().unwrap().asked.clone();
        let hits = self.search(query, &SessionFilter::default(), 500, None)?.items;
        self.inner.lock().unwrap().asked = asked;
        Ok(hits.into_iter().filter(|hit| sessions.contains(&hit.event.session_id)).collect())
    }
    fn changes(&self, after: u64, limit: usize, session: Option<SessionId>) -> Result<Changes, StoreError> {
        let inner = self.inner.lock().unwrap();
        let known = inner.events.iter().map(|event| event.rev).max().unwrap_or(0);
        let wanted = |event: &&Event| event.rev > after && session.is_none_or(|session| event.session_id == session);
        let mut events: Vec<Event> = inner.events.iter().filter(wanted).cloned().collect();
        events.sort_by_key(|event| event.rev);
        events.truncate(limit);
        let through = if events.len() == limit { events[limit - 1].rev } else { known.max(after) };
        Ok(Changes { events, through })
    }
    fn stats(&self) -> Result<StoreStats, StoreError> {
        let inner = self.inner.lock().unwrap();
        Ok(StoreStats {
            events: inner.events.len() as u64,
            last_rev: inner.events.iter().map(|event| event.rev).max().unwrap_or(0),
            dropped: [("past_retention".to_owned(), 2)].into(),
            ..StoreStats::default()
        })
    }
    fn on_append(&self, listener: Listener) {
        self.inner.lock().unwrap().listeners.push(listener);
    }
    fn purge(&self, _: Option<&str>, _: Option<&str>) -> Result<PurgeReport, StoreError> {
        Ok(PurgeReport::default())
    }
    fn verify(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

impl ContentStore for FakeStore {
    fn has(&self, _: &[ContentId]) -> Result<Vec<ContentId>, StoreError> {
        Ok(Vec::new())
    }
    fn get(&self, _: ContentId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
    fn thread_secret(&self, _: &ConversationScope) -> Result<[u8; 32], StoreError> {
        Ok([0; 32])
    }
    fn position_secret(&self) -> Result<[u8; 32], StoreError> {
        Ok([0; 32])
    }
}

impl AccessStore for FakeStore {
    fn add_token(&self, info: &TokenInfo, hash: &[u8; 32], single_use: bool) -> Result<(), StoreError> {
        self.embedded.add_token(info, hash, single_use)
    }
    fn verify_token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError> {
        self.embedded.verify_token(hash, now)
    }
    fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.embedded.remove_token(id)
    }
    fn audit(&self, at: Timestamp, actor: &str, action: &str, target: &str) -> Result<(), StoreError> {
        if self.audit_fails.load(Ordering::SeqCst) {
            return Err(StoreError::Backend("disk full, says /var/secret/path".into()));
        }
        self.embedded.audit(at, actor, action, target)
    }
    fn audit_log(&self, limit: usize, cursor: Option<&str>) -> Result<Page<AuditEntry>, StoreError> {
        self.embedded.audit_log(limit, cursor)
    }
}

impl SettingsStore for FakeStore {
    fn setting(&self, name: &str) -> Result<Option<(u64, Value)>, StoreError> {
        self.embedded.setting(name)
    }
    fn set_setting(&self, name: &str, expected: u64, value: &Value) -> Result<u64, StoreError> {
        self.embedded.set_setting(name, expected, value)
    }
}

impl DeviceStore for FakeStore {
    fn add_enroll_token(&self, token: &EnrollToken, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        self.embedded.add_enroll_token(token, secret_hash)
    }
    fn enroll(&self, enrolment: &NewEnrolment, now: Timestamp) -> Result<EnrolOutcome, StoreError> {
        self.embedded.enroll(enrolment, now)
    }
    fn key_holder(&self, key_hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyHolder>, StoreError> {
        self.embedded.key_holder(key_hash, now)
    }
    fn note_key_use(&self, key_id: &str, new_device: &str, now: Timestamp) -> Result<KeyUse, StoreError> {
        self.embedded.note_key_use(key_id, new_device, now)
    }
    fn revoke_keys(&self, id: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.embedded.revoke_keys(id, now)
    }
    fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        self.embedded.device(id)
    }
    fn spools(&self) -> Result<Vec<StoredSpool>, StoreError> {
        self.embedded.spools()
    }
    fn set_spools(&self, spools: &[StoredSpool]) -> Result<(), StoreError> {
        self.embedded.set_spools(spools)
    }
}
