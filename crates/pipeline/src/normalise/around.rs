//! What is told of a session beside its calls, and what is left of observations where no content is kept.

use ursa_model::capture::Channel;
use ursa_model::ids::ConversationScope;
use ursa_model::message::Problem;
use ursa_model::observation::{Content, Key, Observation, SessionAttribute, Vantage};

use super::observe::CALL_ORDINAL;
use super::read::Call;
use crate::assemble::Exchange;
use crate::settings::VERSION;

/// What is to be told of a connection, without a call.
pub(super) fn connection_gaps(exchange: &Exchange, scope: &ConversationScope) -> Vec<Observation> {
    let gap = |problem: &Problem| Observation {
        scope: scope.clone(),
        subagent_id: None,
        kind: None,
        vantage: Vantage::WireRequest,
        keys: vec![Key::Session],
        own_key: None,
        content: Content::Session(SessionAttribute::Gap {
            channel: Channel::Edge,
            kind: problem.kind.clone(),
            detail: problem.detail.clone(),
        }),
        at: exchange.at,
        ordinal: CALL_ORDINAL,
        capture: exchange.id,
        made_by: VERSION,
    };
    exchange.problems.iter().map(gap).collect()
}

/// The conversation that this one was forked from.
pub(super) fn parent(call: &Call<'_>, scope: &ConversationScope, parent: ConversationScope) -> Observation {
    Observation {
        scope: scope.clone(),
        subagent_id: None,
        kind: None,
        vantage: Vantage::WireRequest,
        keys: vec![Key::Session],
        own_key: None,
        content: Content::Session(SessionAttribute::Parent { scope: parent }),
        at: call.at,
        ordinal: CALL_ORDINAL,
        capture: call.exchange.id,
        made_by: VERSION,
    }
}

/// Leaves of an observation what is no content: who, when, which tool, how long, how many tokens.
pub(crate) fn strip_content(observation: &mut Observation) {
    match &mut observation.content {
        Content::Prompt { text, attachments } => {
            text.clear();
            attachments.clear();
        }
        Content::Completion { text, .. }
        | Content::Reasoning { text }
        | Content::Session(SessionAttribute::Title { text }) => text.clear(),
        Content::ToolCall { tool, arguments, executed_arguments, result, detail, .. } => {
            if let Some(line) = tool.as_mut().and_then(|tool| tool.cli.as_mut()) {
                line.argv.clear();
            }
            (*arguments, *executed_arguments, *result, *detail) = (None, None, None, None);
        }
        Content::ModelCall(call) => {
            if let Some(error) = &mut call.error {
                error.message.clear();
            }
        }
        Content::Permission { tool, arguments, reason, .. } => {
            if let Some(line) = tool.as_mut().and_then(|tool| tool.cli.as_mut()) {
                line.argv.clear();
            }
            (*arguments, *reason) = (None, None);
        }
        Content::Happened { message, .. } => message.clear(),
        Content::Inside { .. } | Content::Session(_) => {}
    }
}
