//! What every backend offers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ursa_model::capture::Channel;
use ursa_model::event::{Event, EventKind};
use ursa_model::ids::{ConversationScope, EventId, FactId, SessionId};
use ursa_model::observation::ContextRef;
use ursa_model::outline::OutlineItem;
use ursa_model::session::{Session, SessionStatus};
use ursa_model::time::Timestamp;

use crate::devices::DeviceStore;
use crate::record::{AppendReceipt, Batch, ContentId, Mark, MarkKey, StoredFact};

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend failed. Nothing of the call was applied, or what was applied is applied again by repeating it.
    #[error("the store failed: {0}")]
    Backend(String),
    /// What is stored is not what was written. `ursa verify` tells more.
    #[error("the store holds damaged data: {0}")]
    Damaged(String),
    /// A cursor that this store did not give out.
    #[error("the cursor is not valid")]
    BadCursor,
    /// The version of a setting was not the expected one.
    #[error("the setting was changed by someone else")]
    Conflict,
    /// A search text that cannot be searched for: empty, only signs, or longer than the backend's limits.
    #[error("the search text holds no word, or too many")]
    BadQuery,
    /// The data was made by a newer program.
    #[error("the store has version {found}, this program knows up to {known}")]
    TooNew {
        /// Version on disk.
        found: u32,
        /// Newest version known.
        known: u32,
    },
}

/// Where a page ends; opaque to clients.
pub type Cursor = String;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<Cursor>,
}

/// What sessions (and events, in search) must match; `None` matches all. All given ones must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// Agent slug.
    pub agent: Option<String>,
    /// User id or e-mail.
    pub user: Option<String>,
    /// Device id or host name.
    pub device: Option<String>,
    /// A model that answered or was asked.
    pub model: Option<String>,
    /// A channel that saw it.
    pub channel: Option<Channel>,
    /// A tool that was called.
    pub tool: Option<String>,
    /// An MCP server that was called.
    pub mcp_server: Option<String>,
    /// Started at or after.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    /// Full text: all words, `"phrases"` in quotes.
    pub q: Option<String>,
    /// Status at the time of asking.
    pub status: Option<SessionStatus>,
    /// One session only, by its id or an older one.
    pub session: Option<SessionId>,
    /// In search, events of this kind only; of sessions it asks nothing.
    pub kind: Option<EventKind>,
}

/// A whole session, one line an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The highest revision when it was read: what changes later has a higher one.
    pub rev: u64,
    /// The events, in order.
    pub items: Vec<OutlineItem>,
    /// True when the session has more events than were asked for.
    pub cut: bool,
    /// The place of its last event, whether asked for or not; 0 without any.
    pub last_seq: u64,
}

/// Events that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The events, by revision.
    pub events: Vec<Event>,
    /// Up to this revision nothing is left to tell: where to go on after.
    pub through: u64,
}

/// What sessions are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeenKind {
    /// Agents, by slug.
    Agent,
    /// Users, by id.
    User,
    /// Devices, by id.
    Device,
    /// Models that answered or were asked.
    Model,
    /// Tools that were called.
    Tool,
    /// MCP servers that were called.
    McpServer,
}

/// A value that sessions have.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The value.
    pub key: String,
    /// How many sessions have it.
    pub sessions: u64,
    /// When the first of them began.
    pub first_seen_at: Timestamp,
    /// When something last happened in one of them.
    pub last_seen_at: Timestamp,
    /// The one in which something happened last; for agents, users and devices.
    pub latest: Option<Session>,
}

/// An event that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchHit {
    /// The event.
    pub event: Event,
    /// Parts of its text around the words found: plain text, the words between U+E000 and U+E001 (private use, so that
    /// no content can be taken for a mark; such characters in content are replaced).
    pub highlights: Vec<String>,
}

/// Counters and sizes. Idle, nothing in it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreStats {
    /// Captures that became part of the record.
    pub captures: u64,
    /// Observations read from them.
    pub observations: u64,
    /// Events.
    pub events: u64,
    /// Sessions.
    pub sessions: u64,
    /// Observations that told nothing new.
    pub duplicates: u64,
    /// Captures that belong to no session.
    pub unattributed: u64,
    /// Losses by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Bytes on disk: day files, packs, meta.
    pub store_bytes: u64,
    /// Bytes of content packs among them.
    pub content_bytes: u64,
    /// Highest revision.
    pub last_rev: u64,
}

/// The record: events and what they follow from.
pub trait RecordStore: Send + Sync {
    /// The stored facts that any of these ids finds (aliases followed), each once, in no order.
    fn facts(&self, ids: &[FactId]) -> Result<Vec<StoredFact>, StoreError>;

    /// Every fact of a conversation: for the rare case that two conversations prove to be one.
    fn facts_of(&self, scope: &ConversationScope) -> Result<Vec<StoredFact>, StoreError>;

    /// Applies a batch whole, in the order: content synced → each day's rows, full text and batch id in one
    /// transaction → sessions and look-ups → cursor. Killed at any point, repeating it gives the same store.
    fn append(&self, batch: Batch) -> Result<AppendReceipt, StoreError>;

    /// Entries of the chain's index for these positions, ordered by time, then scope.
    fn marks(&self, keys: &[MarkKey]) -> Result<Vec<Mark>, StoreError>;

    /// The cursor of the last applied batch.
    fn cursor(&self) -> Result<Option<String>, StoreError>;

    /// A session, by its id or an older one.
    fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Sessions, newest first by (started_at, id).
    fn sessions(
        &self,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page<Session>, StoreError>;

    /// A session's timeline in order. The cursor pins a revision: events first appended after the first page was given
    /// are left out of the following ones; events that only changed since are shown as they are now.
    fn timeline(&self, session: SessionId, limit: usize, cursor: Option<&str>) -> Result<Page<Event>, StoreError>;

    /// As [`timeline`](Self::timeline), from the event with this `seq` on.
    fn timeline_from(&self, session: SessionId, seq: u64, limit: usize) -> Result<Page<Event>, StoreError>;

    /// A session's events in order, one line each, the first `limit`. What it costs follows `limit`, not the session.
    fn outline(&self, session: SessionId, limit: usize) -> Result<Outline, StoreError>;

    /// Values of one kind that sessions have, by (last_seen_at, newest first; key).
    fn seen(&self, kind: SeenKind, limit: usize, cursor: Option<&str>) -> Result<Page<Seen>, StoreError>;

    /// An event, by its id or an older one.
    fn event(&self, id: EventId) -> Result<Option<Event>, StoreError>;

    /// What an event's context is rebuilt from, if it is a model call with one.
    fn context_ref(&self, id: EventId) -> Result<Option<ContextRef>, StoreError>;

    /// Events that hold all words, newest first by (at, id). Of the filter, `from` and `to` are asked of the event's own
    /// time, all else of its session; without a time of asking, a status tells ended sessions from others only.
    fn search(
        &self,
        query: &str,
        filter: &SessionFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<SearchHit>, StoreError>;

    /// As [`search`](Self::search), but of each of these sessions its newest events that hold all words, at most `each`.
    fn search_each(&self, query: &str, sessions: &[SessionId], each: usize) -> Result<Vec<SearchHit>, StoreError>;

    /// Events with a revision above `after`, by revision: of one session, by its id or an older one, or of all.
    fn changes(&self, after: u64, limit: usize, session: Option<SessionId>) -> Result<Changes, StoreError>;

    /// Counters and sizes.
    fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Calls `listener` with the highest revision after each batch that changed something. Called on the appending
    /// thread: it must not block.
    fn on_append(&self, listener: Box<dyn Fn(u64) + Send + Sync>);

    /// Removes content (texts, arguments, results, full text, packs) of all UTC days before `content_before`, and
    /// everything of the days before `metadata_before` (days as `2026-11-23`). Afterwards the removed text is in no
    /// file of the store. Days that were purged stay purged: late witnesses are dropped and counted. Revisions stay:
    /// a purge is no change of the record.
    fn purge(&self, content_before: Option<&str>, metadata_before: Option<&str>) -> Result<PurgeReport, StoreError>;

    /// Checks what can be checked; findings as sentences, empty when all is well.
    fn verify(&self) -> Result<Vec<String>, StoreError>;
}

/// What [`RecordStore::purge`] removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PurgeReport {
    /// Days that lost their content.
    pub content_days: Vec<String>,
    /// Days that were removed whole.
    pub metadata_days: Vec<String>,
    /// Events removed.
    pub events_removed: u64,
}

/// Content by address, encrypted under its thread's key.
pub trait ContentStore: Send + Sync {
    /// Which of these are stored.
    fn has(&self, ids: &[ContentId]) -> Result<Vec<ContentId>, StoreError>;

    /// An item's bytes; `None` if it is not stored (any more).
    fn get(&self, id: ContentId) -> Result<Option<Vec<u8>>, StoreError>;

    /// The secret under which a thread's content is addressed; made at first asking, durable before content is stored
    /// under it.
    fn thread_secret(&self, thread: &ConversationScope) -> Result<[u8; 32], StoreError>;

    /// The secret under which the environment's chain positions are MACed.
    fn position_secret(&self) -> Result<[u8; 32], StoreError>;
}

/// What a bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, settings and tokens included.
    Admin,
    /// Reads content, works on alerts.
    Analyst,
    /// Reads metadata only: sessions and counts, no texts.
    Viewer,
    /// Reads metadata and the audit log.
    Auditor,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Grows.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who: a token's id, `cli`, `ui:<id>`.
    pub actor: String,
    /// What was done (`read_session`, `change_setting`, …).
    pub action: String,
    /// On what (an id).
    pub target: String,
}

/// Who may ask.
pub trait AccessStore: Send + Sync {
    /// Keeps a token by the hash of its secret (BLAKE3, 32 bytes). `single_use` tokens are gone once verified.
    fn add_token(&self, info: &TokenInfo, secret_hash: &[u8; 32], single_use: bool) -> Result<(), StoreError>;

    /// The token of that secret's hash, unless it ended before `now`.
    fn verify_token(&self, secret_hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenInfo>, StoreError>;

    /// Ends a token.
    fn remove_token(&self, id: &str) -> Result<bool, StoreError>;

    /// Adds a line to the audit log.
    fn audit(&self, at: Timestamp, actor: &str, action: &str, target: &str) -> Result<(), StoreError>;

    /// The audit log, newest first.
    fn audit_log(&self, limit: usize, cursor: Option<&str>) -> Result<Page<AuditEntry>, StoreError>;
}

/// Settings: small JSON documents with a version.
pub trait SettingsStore: Send + Sync {
    /// A document and its version; `None` if it was never set.
    fn setting(&self, name: &str) -> Result<Option<(u64, serde_json::Value)>, StoreError>;

    /// Sets a document if its version is still `expected` (0: not yet set). Returns the new version.
    fn set_setting(&self, name: &str, expected: u64, value: &serde_json::Value) -> Result<u64, StoreError>;
}

/// All of a backend.
pub trait Store: RecordStore + ContentStore + AccessStore + SettingsStore + DeviceStore {}

impl<T: RecordStore + ContentStore + AccessStore + SettingsStore + DeviceStore> Store for T {}
