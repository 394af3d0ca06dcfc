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

/// Learns what subagents are called on the wire, and tells what is known of them again under those names.
pub(super) fn learn(
    draft: &mut Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    reading: &Reading,
    at: Timestamp,
) -> Result<(), StoreError> {
    for fact in &reading.facts {
        match &fact.told {
            Told::Alias { hook, wire } => rename(draft, maker, scope, (hook, wire), at)?,
            Told::Task { hook, text } => {
                meet(draft, maker, scope, (TASK_OF_HOOK, TASK_OF_WIRE), (&maker.text_key(text), hook), at)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The wire tells what a subagent was asked, by the text's key.
pub(crate) fn asked_on_the_wire(
    draft: &mut Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    (task, wire): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    meet(draft, maker, scope, (TASK_OF_WIRE, TASK_OF_HOOK), (task, wire), at)
}

const TASK_OF_HOOK: &str = "task of hook";
const TASK_OF_WIRE: &str = "task of wire";

/// Subagents that were given one task are matched one to one, in their order.
fn meet(
    draft: &mut Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    (side, other): (&str, &str),
    (task, name): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let key = |side: &str| maker.id_mark(side, scope.as_str(), task);
    draft.mark(Mark { key: key(side), scope: scope.clone(), value: name.to_owned(), at });
    if is_matched(draft, maker, scope, name)? {
        return Ok(());
    }
    for mark in draft.marks_at(key(other))? {
        if !is_matched(draft, maker, scope, &mark.value)? {
            let pair = if side == TASK_OF_HOOK { (name, mark.value.as_str()) } else { (mark.value.as_str(), name) };
            return rename(draft, maker, scope, pair, at);
        }
    }
    Ok(())
}

fn is_matched(draft: &Draft, maker: &PositionMaker, scope: &ConversationScope, name: &str) -> Result<bool, StoreError> {
    let is_marked = |key: MarkKey| draft.marks_at(key).map(|marks| !marks.is_empty());
    Ok(is_marked(mark_of(maker, scope, name))? || is_marked(taken(maker, scope, name))?)
}

fn taken(maker: &PositionMaker, scope: &ConversationScope, wire: &str) -> MarkKey {
    maker.id_mark("subagent taken", scope.as_str(), wire)
}

fn rename(
    draft: &mut Draft,
    maker: &PositionMaker,
    scope: &ConversationScope,
    (hook, wire): (&str, &str),
    at: Timestamp,
) -> Result<(), StoreError> {
    let key = mark_of(maker, scope, hook);
    // A second name for it is a mistake of the agent's; the first one stands.
    if hook == wire || !draft.marks_at(key)?.is_empty() {
        return Ok(());
    }
    draft.mark(Mark { key, scope: scope.clone(), value: wire.to_owned(), at });
    draft.mark(Mark { key: taken(maker, scope, wire), scope: scope.clone(), value: hook.to_owned(), at });
    fuse::rename_subagent(draft, scope, hook, wire)
}
