//! Which conversation a request belongs to (RULES 1, 8).

use ursa_adapters::route::Route;
use ursa_model::chain::{Answer, Landmark, Position, PositionMaker};
use ursa_model::ids::ConversationScope;
use ursa_model::message::{Identity, Purpose};
use ursa_store::{Mark, StoreError};

use crate::continuation::Continued;
use crate::draft::Draft;

/// Where a request stands.
pub(crate) struct Standing<'a> {
    /// Makes positions and marks.
    pub(crate) maker: &'a PositionMaker,
    /// Positions before the first message and after each.
    pub(crate) positions: &'a [Position],
    /// The answers within the request.
    pub(crate) answers: &'a [Answer],
    /// The answer that the request continues by id (Responses), instead of sending what came before.
    pub(crate) previous: Option<&'a str>,
    /// What is known of that answer.
    pub(crate) continued: Option<&'a Continued>,
}

impl Standing<'_> {
    /// The position after the last message.
    pub(crate) fn head(&self) -> Position {
        self.positions.last().copied().unwrap_or_default()
    }

    /// Where the continued answer was given: the conversations, each with the position as hexadecimal digits.
    pub(crate) fn previous_marks(&self, draft: &Draft) -> Result<Vec<Mark>, StoreError> {
        let Some(previous) = self.previous else { return Ok(Vec::new()) };
        draft.marks_at(self.maker.id_mark("response_seen", "", previous))
    }

    /// True when the request continues an answer that was never seen: what came before it is not known.
    pub(crate) fn previous_unseen(&self, draft: &Draft) -> Result<bool, StoreError> {
        Ok(self.previous.is_some() && self.previous_marks(draft)?.is_empty())
    }

    /// The position before an answer.
    pub(crate) fn before(&self, answer: &Answer) -> Position {
        self.positions.get(answer.start).copied().unwrap_or_default()
    }
}

/// The conversation of a request, and what else it settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The conversation.
    pub(crate) scope: ConversationScope,
    /// Requests without an answer, known under a scope of their own until now, that this one answers.
    pub(crate) pending: Vec<ConversationScope>,
}

/// The conversation of a request. `reply` is the id of its answer, if it came; `alone` names the exchange.
///
/// `None` for a call that is no turn and belongs to no known conversation (a lone `count_tokens`).
pub(crate) fn resolve(
    draft: &Draft,
    identity: &Identity,
    standing: &Standing<'_>,
    reply: Option<&str>,
    alone: &str,
) -> Result<Option<Resolved>, StoreError> {
    if let Some((namespace, id)) = &identity.conversation {
        let scope = ConversationScope::vendor(namespace, id);
        return Ok(Some(Resolved { scope, pending: Vec::new() }));
    }
    if let Some(Mark { scope, .. }) = standing.previous_marks(draft)?.pop() {
        return Ok(Some(Resolved { scope, pending: Vec::new() }));
    }
    if let Some(scope) = continued(draft, standing)? {
        return Ok(Some(Resolved { scope, pending: Vec::new() }));
    }
    if identity.purpose != Purpose::Turn {
        let prefix = standing.maker.mark(Landmark::Prefix, &standing.head());
        return Ok(draft.marks_at(prefix)?.pop().map(|mark| Resolved { scope: mark.scope, pending: Vec::new() }));
    }
    if let Some(first) = standing.answers.first() {
        // History that was never seen: told by its opening, until the request that it answered is seen.
        let opening = standing.maker.mark(Landmark::Answer(&first.fingerprint), &standing.before(first));
        let scope = draft.current(&ConversationScope::opening(&opening))?;
        return Ok(Some(Resolved { scope, pending: Vec::new() }));
    }
    opened(draft, standing, reply, alone).map(Some)
}

/// Of conversations that stand equal, how many (the latest) a follow-up is tried against.
const CANDIDATES_LIMIT: usize = 64;

/// A conversation that this request follows up: an answer in it was given there.
fn continued(draft: &Draft, standing: &Standing<'_>) -> Result<Option<ConversationScope>, StoreError> {
    for answer in standing.answers.iter().rev() {
        let before = standing.before(answer);
        let key = standing.maker.mark(Landmark::Answer(&answer.fingerprint), &before);
        let candidates = draft.marks_at(key)?;
        if candidates.is_empty() {
            continue;
        }
        let been = |what: Landmark<'_>, position: &Position, scope: &ConversationScope| {
            draft.marks_at(standing.maker.mark_in(what, position, scope.as_str(), "")).map(|marks| !marks.is_empty())
        };
        // Equal chats with equal answers cannot be told apart: each answer is followed up once before one is twice.
        let mut fresh = None;
        for candidate in candidates.iter().rev().take(CANDIDATES_LIMIT).rev() {
            // The same request again (a retry): where it was before.
            if been(Landmark::Prefix, &standing.head(), &candidate.scope)? {
                return Ok(Some(candidate.scope.clone()));
            }
            let is_followed = been(Landmark::Continued(&answer.fingerprint), &before, &candidate.scope)?;
            if fresh.is_none() && !is_followed {
                fresh = Some(candidate);
            }
        }
        return Ok(fresh.or(candidates.first()).map(|mark| mark.scope.clone()));
    }
    Ok(None)
}

/// A conversation that this request opens.
fn opened(draft: &Draft, standing: &Standing<'_>, reply: Option<&str>, alone: &str) -> Result<Resolved, StoreError> {
    let head = standing.head();
    let waiting = draft.marks_at(standing.maker.mark(Landmark::Pending, &head))?;
    let pending: Vec<ConversationScope> = waiting.into_iter().map(|mark| mark.scope).collect();
    if let Some(reply) = reply {
        return Ok(Resolved { scope: draft.current(&ConversationScope::answer(&head, reply))?, pending });
    }
    if let Some(scope) = pending.into_iter().next() {
        return Ok(Resolved { scope, pending: Vec::new() });
    }
    let own = standing.maker.id_mark("alone", "", alone);
    let scope = draft.current(&ConversationScope::opening(&own))?;
    Ok(Resolved { scope, pending: Vec::new() })
}

/// Conversations that were known by their unseen history only, and that this request, now that its answer is seen,
/// proves to be this one.
pub(crate) fn recognised(
    draft: &Draft,
    standing: &Standing<'_>,
    fingerprint: &str,
    scope: &ConversationScope,
) -> Result<Vec<ConversationScope>, StoreError> {
    let key = standing.maker.mark(Landmark::Answer(fingerprint), &standing.head());
    let provisional = ConversationScope::opening(&key);
    let own = standing.maker.mark_in(Landmark::Answer(fingerprint), &standing.head(), provisional.as_str(), "");
    let known = !draft.marks_at(own)?.is_empty();
    Ok(if known && provisional != *scope { vec![provisional] } else { Vec::new() })
}

/// The conversation that one was forked from: its history was answered there.
pub(crate) fn forked_from(
    draft: &Draft,
    standing: &Standing<'_>,
    scope: &ConversationScope,
) -> Result<Option<ConversationScope>, StoreError> {
    for answer in standing.answers.iter().rev() {
        let key = standing.maker.mark(Landmark::Answer(&answer.fingerprint), &standing.before(answer));
        let given = draft.marks_at(key)?;
        if given.iter().any(|mark| mark.scope == *scope) {
            return Ok(None);
        }
        if let Some(mark) = given.into_iter().find(|mark| mark.scope.is_named()) {
            return Ok(Some(mark.scope));
        }
    }
    Ok(None)
}

/// Which purpose a route forces, whatever the body looks like.
pub(crate) fn purpose(route: Route, identity: &Identity) -> Purpose {
    if route.counts_tokens() { Purpose::CountTokens } else { identity.purpose }
}
