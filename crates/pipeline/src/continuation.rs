//! Requests that continue an answer by its id, instead of sending what came before.
//!
//! When an answer that may be continued is whole, what a request would resend of it is put behind the request in both
//! chains, and left under the answer's id. A request that continues it begins there. So it stands where the same request
//! with all of its history would stand, and its context holds what the model saw.

use ursa_model::chain::{Position, PositionMaker, answers};
use ursa_model::ids::{ConversationScope, ID_LEN, hex};
use ursa_model::message::Message;
use ursa_model::shared::Shared;
use ursa_model::time::Timestamp;
use ursa_store::{ContentId, Mark, MarkKey, StoreError};

use crate::draft::Draft;
use crate::scope::Standing;

/// What is known of an answer that a request continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Continued {
    /// The position after it.
    pub(crate) position: Position,
    /// What the nearest answer is told by; empty if nothing was said yet.
    pub(crate) fingerprint: String,
    /// The last node of the context up to and including it, and whether that is exact. Absent where no content is kept.
    pub(crate) node: Option<(ContentId, bool)>,
    scope: ConversationScope,
}

impl Continued {
    /// What was left under an answer's id; the last, where several conversations had that id.
    pub(crate) fn find(draft: &Draft, maker: &PositionMaker, id: &str) -> Result<Option<Self>, StoreError> {
        Ok(draft.marks_at(key(maker, id))?.pop().and_then(Self::read))
    }

    /// Where the next request goes on, after one that stands there and was answered with `output`.
    pub(crate) fn after(
        standing: &Standing<'_>,
        output: &[Shared<Message>],
        scope: &ConversationScope,
        node: Option<(ContentId, bool)>,
    ) -> Self {
        let head = standing.head();
        let position = standing.maker.positions_from(head, output).pop().unwrap_or(head);
        let nearest = answers(output).pop().or_else(|| standing.answers.last().cloned());
        let fingerprint = nearest.map(|answer| answer.fingerprint);
        let fingerprint = fingerprint.or_else(|| standing.continued.map(|before| before.fingerprint.clone()));
        Self { position, fingerprint: fingerprint.unwrap_or_default(), node, scope: scope.clone() }
    }

    /// The node from which a context of that conversation goes on.
    pub(crate) fn node_in(&self, scope: &ConversationScope) -> Option<(ContentId, bool)> {
        // Content is kept by conversation: another's may be let go of at any time.
        self.node.filter(|_| self.scope == *scope)
    }

    /// Leaves it under the answer's id.
    pub(crate) fn leave(&self, draft: &mut Draft, maker: &PositionMaker, id: &str, at: Timestamp) {
        let node = match self.node {
            Some((node, exact)) => format!("{}{node}", if exact { '=' } else { '~' }),
            None => "-".to_owned(),
        };
        let value = format!("{} {node} {}", hex(&self.position), self.fingerprint);
        draft.mark(Mark { key: key(maker, id), scope: self.scope.clone(), value, at });
    }

    fn read(mark: Mark) -> Option<Self> {
        let mut parts = mark.value.splitn(3, ' ');
        let position = bytes(parts.next()?)?;
        let node = parts.next()?;
        let exact = node.starts_with('=');
        let node = node.strip_prefix(['=', '~']).and_then(bytes).map(|node| (ContentId(node), exact));
        let fingerprint = parts.next()?.to_owned();
        Some(Self { position, fingerprint, node, scope: mark.scope })
    }
}

fn key(maker: &PositionMaker, id: &str) -> MarkKey {
    maker.id_mark("response_after", "", id)
}

fn bytes(digits: &str) -> Option<[u8; ID_LEN]> {
    format!("cap_{digits}").parse::<ursa_model::ExchangeId>().ok().map(|id| id.0)
}
