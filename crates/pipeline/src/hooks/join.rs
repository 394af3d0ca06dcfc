//! Conversations that have an id in hooks and none on the wire (Gemini CLI with an API key).
//!
//! What both tell is where the conversation runs, by the agent's own folder for the project, and what it was opened with.
//! A conversation of the wire that was opened with a prompt is that of the first session there which was asked the same
//! and is no other's yet, and the other way round: sessions that open alike in one place are matched one to one, in their
//! order. Such sessions may be matched crosswise when they are told in another order than they began; nothing that both
//! channels tell sets them apart.

use ursa_adapters::hooks::{Reading, Told};
use ursa_model::chain::PositionMaker;
use ursa_model::ids::{ConversationScope, hex};
use ursa_model::time::Timestamp;
use ursa_store::{Mark, MarkKey, StoreError};

use crate::draft::Draft;
use crate::fuse;

/// Who left a mark.
const HOOK: &str = "hook";
const WIRE: &str = "wire";

/// How many that were asked the same in one place are looked through.
const CANDIDATES_LIMIT: usize = 64;

fn asked(maker: &PositionMaker, place: &str, prompt: &str) -> MarkKey {
    maker.id_mark("asked in", place, &maker.text_key(prompt))
}

fn claim(maker: &PositionMaker, session: &ConversationScope, asked: &MarkKey) -> MarkKey {
    maker.id_mark("claimed", session.as_str(), &hex(asked))
}

/// A hook tells a prompt.
pub(super) fn tell(
    draft: &mut Draft,
    maker: &PositionMaker,
    session: &ConversationScope,
    reading: &Reading,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(place) = &reading.place else { return Ok(()) };
    for fact in &reading.facts {
        let (Told::Prompt { text }, None) = (&fact.told, &fact.subagent) else { continue };
        let key = asked(maker, place, text);
        draft.mark(Mark { key, scope: session.clone(), value: HOOK.to_owned(), at });
        if !draft.marks_at(claim(maker, session, &key))?.is_empty() {
            continue;
        }
        let candidates = draft.marks_at(key)?;
        let free =
            candidates.into_iter().take(CANDIDATES_LIMIT).find(|mark| mark.value == WIRE && !mark.scope.is_named());
        if let Some(mark) = free {
            draft.mark(Mark { key: claim(maker, session, &key), scope: session.clone(), value: String::new(), at });
            fuse::merge_scopes(draft, &mark.scope, session)?;
        }
    }
    Ok(())
}

/// The wire tells a conversation without an id, by what it was opened with. Gives the session that it is, or itself.
pub(crate) fn on_the_wire(
    draft: &mut Draft,
    maker: &PositionMaker,
    conversation: ConversationScope,
    (place, prompt): (&str, &str),
    at: Timestamp,
) -> Result<ConversationScope, StoreError> {
    let key = asked(maker, place, prompt);
    draft.mark(Mark { key, scope: conversation.clone(), value: WIRE.to_owned(), at });
    for mark in draft.marks_at(key)?.into_iter().filter(|mark| mark.value == HOOK).take(CANDIDATES_LIMIT) {
        let claim = claim(maker, &mark.scope, &key);
        if draft.marks_at(claim)?.is_empty() {
            draft.mark(Mark { key: claim, scope: mark.scope.clone(), value: String::new(), at });
            fuse::merge_scopes(draft, &conversation, &mark.scope)?;
            return Ok(mark.scope);
        }
    }
    Ok(conversation)
}
