//! Subagents that hooks and wire call by different names. The wire's name counts: hooks can come to it, the wire cannot
//! come to theirs.

use ursa_adapters::hooks::{Reading, Told};
use ursa_model::chain::PositionMaker;
use ursa_model::ids::ConversationScope;
use ursa_model::time::Timestamp;
use ursa_store::{Mark, MarkKey, StoreError};

use crate::draft::Draft;
use crate::fuse;

fn mark_of(maker: &PositionMaker, scope: &ConversationScope, subagent: &str) -> MarkKey {
    maker.id_mark("subagent", scope.as_str(), subagent)
}

/// A subagent by the name that it has on the wire, where that is known; else by that of the hooks.
pub(super) fn named(
    draft: &Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    subagent: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let Some(subagent) = subagent else { return Ok(None) };
    let known = draft.marks_at(mark_of(maker, scope, subagent))?;
    Ok(Some(known.into_iter().next().map_or_else(|| subagent.to_owned(), |mark| mark.value)))
}

/// Tells what is known of a subagent under its name in hooks again under that of the wire.
pub(super) fn rename(
    draft: &mut Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    reading: &Reading,
    at: Timestamp,
) -> Result<(), StoreError> {
    for fact in &reading.facts {
        let Told::Alias { hook, wire } = &fact.told else { continue };
        let key = mark_of(maker, scope, hook);
        // A second name for it is a mistake of the agent's; the first one stands.
        if hook == wire || !draft.marks_at(key)?.is_empty() {
            continue;
        }
        draft.mark(Mark { key, scope: scope.clone(), value: wire.clone(), at });
        fuse::rename_subagent(draft, scope, hook, wire)?;
    }
    Ok(())
}
