//! What is written: the units of a batch.

use serde::{Deserialize, Serialize};
use ursa_model::capture::Channel;
use ursa_model::event::{EventBody, EventKind, Witness};
use ursa_model::ids::{ConversationScope, EnvironmentId, EventId, FactId, ID_LEN, SessionId};
use ursa_model::observation::{ContextRef, Observation};
use ursa_model::session::{Gap, SessionAgent, SessionDevice, SessionUser};
use ursa_model::time::Timestamp;
use ursa_redact::Redacted;

/// A fact as it is stored: the whole grow-only set of its observations.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFact {
    /// Its id: the first of the ids by which it is found.
    pub id: FactId,
    /// The conversation.
    pub scope: ConversationScope,
    /// The set, ordered by observation id.
    pub observations: Vec<Observation>,
}

/// A fact to be written, with the events that follow from it. Replaces the stored fact of that id whole.
#[derive(Debug, Clone, PartialEq)]
pub struct FactWrite {
    /// The fact, after the join with what was stored.
    pub fact: StoredFact,
    /// Every id by which the fact is to be found again ([`RecordStore::facts`](crate::RecordStore::facts)), its own
    /// among them.
    pub found_by: Vec<FactId>,
    /// Facts that proved to be this one: they and their events are removed, their ids stay in `found_by`.
    pub replaces: Vec<FactId>,
    /// The events that follow from the set: one, or several equal prompts by rank; none for session attributes. Events
    /// that the stored fact had and that are not here are removed (their ids must be among `aliases`).
    pub events: Vec<EventWrite>,
    /// Older event ids and what they resolve to now.
    pub aliases: Vec<(EventId, EventId)>,
}

/// An event to be written. The store gives it a new `rev` only if it differs from what is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct EventWrite {
    /// Its id.
    pub id: EventId,
    /// Its session.
    pub session: SessionId,
    /// When it happened. Together with `ordinal` and `id` it orders the timeline.
    pub at: Timestamp,
    /// Order within one moment.
    pub ordinal: u32,
    /// What kind.
    pub kind: EventKind,
    /// Set inside a subagent.
    pub subagent_id: Option<String>,
    /// The event that led to it, if known (may be an alias).
    pub parent: Option<EventId>,
    /// Who saw it.
    pub witnesses: Vec<Witness>,
    /// What it says.
    pub body: EventBody,
    /// For model calls: what `/context` is rebuilt from.
    pub context: Option<ContextRef>,
    /// What full-text search finds it by.
    pub search: SearchText,
}

/// The searchable words of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchText(pub String);

/// The session's attributes, fused; sums and lists follow from its events and are the store's to keep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionAttributes {
    /// The vendor's own id.
    pub conversation_id: Option<String>,
    /// Joins sessions that continue one another; the session's own id as text when nothing tells more.
    pub thread_id: String,
    /// Fork or start.
    pub parent: Option<SessionId>,
    /// Which agent.
    pub agent: SessionAgent,
    /// Who ran it.
    pub user: Option<SessionUser>,
    /// On which machine.
    pub device: Option<SessionDevice>,
    /// The agent's own title. Where it is `None` the store shows the beginning of the first prompt.
    pub title: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Repository.
    pub repository: Option<String>,
    /// What is known to be missing.
    pub gaps: Vec<Gap>,
}

/// A session to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWrite {
    /// Its id.
    pub id: SessionId,
    /// Its conversation.
    pub scope: ConversationScope,
    /// Its attributes, replacing those stored.
    pub attributes: SessionAttributes,
}

/// A key of the chain's index: a MAC over a position in a conversation, never content.
pub type MarkKey = [u8; ID_LEN];

/// One entry of the index from chain positions to conversations. A set: writing the same mark again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The position.
    pub key: MarkKey,
    /// The conversation that has been there.
    pub scope: ConversationScope,
    /// What the mark tells besides (a response id, say); may be empty.
    pub value: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Address of a content item: a MAC of its redacted bytes under its thread's key (RULES 10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub [u8; ID_LEN]);

impl std::fmt::Display for ContentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&ursa_model::ids::hex(&self.0))
    }
}

impl std::fmt::Debug for ContentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A content item to be written once: a message, a system block, a tool list, a chain node, a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its address.
    pub id: ContentId,
    /// The thread whose key it is encrypted under.
    pub thread: ConversationScope,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Everything of one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Idempotence: a hash of what the batch was made from.
    pub id: [u8; ID_LEN],
    /// The tenant.
    pub environment: EnvironmentId,
    /// The server's time when the batch was made: decides the day file of events that are new.
    pub received: Timestamp,
    /// Facts with their events.
    pub facts: Vec<Redacted<FactWrite>>,
    /// Sessions.
    pub sessions: Vec<Redacted<SessionWrite>>,
    /// Sessions that proved to be another: older id, id now. Their rows are removed, their ids resolve.
    pub session_aliases: Vec<(SessionId, SessionId)>,
    /// New entries of the chain's index.
    pub marks: Vec<Mark>,
    /// Marks that no longer hold.
    pub unmarks: Vec<(MarkKey, ConversationScope)>,
    /// Content.
    pub items: Vec<Redacted<NewItem>>,
    /// Captures that became part of the record with this batch, and observations read from them, for the counters.
    pub captures: u64,
    /// See `captures`.
    pub observations: u64,
    /// Observations that told nothing new.
    pub duplicates: u64,
    /// Captures that belong to no session (`HEAD /`, routes that no adapter knows).
    pub unattributed: u64,
    /// Losses by reason.
    pub dropped: Vec<(String, u64)>,
    /// The pipeline's place in the journal once this batch is applied; opaque to the store, written last.
    pub cursor: Option<String>,
}

/// What [`RecordStore::append`](crate::RecordStore::append) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendReceipt {
    /// True when the batch had been applied before: nothing was changed.
    pub already_applied: bool,
    /// Events that were new.
    pub inserted: u64,
    /// Events that changed.
    pub changed: u64,
    /// Highest `rev` after the batch.
    pub last_rev: u64,
    /// Facts that were dropped because their day had been purged (RULES 15).
    pub past_retention: u64,
}

/// Channels as a set in one number, bit by bit in the order of [`Channel`]'s variants.
pub fn channel_bits(channels: impl IntoIterator<Item = Channel>) -> u32 {
    channels.into_iter().fold(0, |bits, channel| bits | 1 << channel as u32)
}

/// The reverse of [`channel_bits`].
pub fn channels_of(bits: u32) -> Vec<Channel> {
    Channel::ALL.into_iter().filter(|channel| bits & (1 << *channel as u32) != 0).collect()
}
