//! What hooks and wire have to tell each other of one exchange.

use serde_json::Value;
use ursa_adapters::agents;
use ursa_adapters::hooks::{action_of_call, codex, copilot};
use ursa_model::chain::PositionMaker;
use ursa_model::event::EventKind;
use ursa_model::ids::ConversationScope;
use ursa_model::message::{Part, Tool};
use ursa_model::observation::{Content, Key, Observation, Vantage};
use ursa_store::StoreError;

use super::observe::author_text;
use super::read::Call;
use crate::draft::Draft;
use crate::hooks::link::{self, Place};
use crate::hooks::{join, thread};
use crate::scope::Standing;
use crate::settings::VERSION;

/// The session in hooks that a conversation without an id is, if it is one; else itself.
pub(super) fn joined(
    draft: &mut Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: ConversationScope,
) -> Result<ConversationScope, StoreError> {
    // A conversation whose opening is not known yet may prove to be another first.
    if scope.is_named() || scope.is_provisional() || !call.is_turn() {
        return Ok(scope);
    }
    let Some(request) = &call.request else { return Ok(scope) };
    let before = standing.answers.first().map_or(request.messages.len(), |answer| answer.start);
    let opening = request.messages.iter().take(before).find_map(|message| author_text(message));
    match (agents::place(&call.identity.agent_slug, request), opening) {
        (Some(place), Some(prompt)) => join::on_the_wire(draft, standing.maker, scope, (&place, &prompt), call.at),
        _ => Ok(scope),
    }
}

/// Tells hooks what subagents were asked, where they are called otherwise there.
pub(super) fn tasks(
    draft: &mut Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: &ConversationScope,
    observed: &[Observation],
) -> Result<(), StoreError> {
    let Some(wire) = &call.identity.subagent_id else { return Ok(()) };
    if call.identity.agent_slug != copilot::CLI.slug {
        return Ok(());
    }
    for seen in observed.iter().filter(|seen| seen.kind == Some(EventKind::Prompt)) {
        if let Some(Key::Text(task)) = seen.keys.first() {
            thread::asked_on_the_wire(draft, standing.maker, scope, (task, wire), call.at)?;
        }
    }
    Ok(())
}

/// What else a call is found by, for agents whose hooks do not tell its id or where that says nothing.
pub(super) fn action_key(
    call: &Call<'_>,
    maker: &PositionMaker,
    call_id: &str,
    tool: &Tool,
    arguments: &Value,
) -> Option<Key> {
    let action = action_of_call(&call.identity.agent_slug, call_id, &tool.name, arguments)?;
    Some(Key::Action(maker.text_key(&action)))
}

/// The calls that scripts of this answer made, as far as hooks have told them.
pub(super) fn scripted(
    draft: &mut Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: &ConversationScope,
) -> Result<Vec<Observation>, StoreError> {
    let mut told = Vec::new();
    if call.identity.agent_slug != codex::AGENT.slug {
        return Ok(told);
    }
    let place = Place { maker: standing.maker, scope, turn: call.identity.turn.as_deref() };
    for part in &call.response.parts {
        let Part::ToolCall { call_id, tool, arguments: Value::String(script) } = part else { continue };
        if !codex::is_script(&tool.name) {
            continue;
        }
        for inner in link::script(draft, &place, script, call_id, call.reply_at)? {
            told.push(link::inside(
                Observation {
                    scope: scope.clone(),
                    subagent_id: call.identity.subagent_id.clone(),
                    kind: None,
                    vantage: Vantage::WireReply,
                    keys: Vec::new(),
                    own_key: None,
                    content: Content::Inside { call_id: call_id.clone() },
                    at: call.reply_at,
                    ordinal: 0,
                    capture: call.exchange.id,
                    made_by: VERSION,
                },
                &inner,
                call_id.clone(),
                call.reply_at,
            ));
        }
    }
    Ok(told)
}
