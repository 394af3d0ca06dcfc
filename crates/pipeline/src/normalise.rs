//! One exchange, read into observations.

mod answer;
mod keys;
mod observe;
mod read;

use ursa_model::chain::{Landmark, PositionMaker, answers};
use ursa_model::ids::{ConversationScope, hex};
use ursa_redact::Redactor;
use ursa_store::{Mark, StoreError};

use crate::assemble::Exchange;
use crate::draft::Draft;
use crate::scope::{Resolved, Standing, recognised, resolve};
use crate::settings::PipelineSettings;
use crate::{context, fuse};
use read::Call;

/// Reads exchanges.
pub(crate) struct Normaliser {
    pub(crate) settings: PipelineSettings,
    pub(crate) redactor: Redactor,
    pub(crate) position_secret: [u8; 32],
}

/// Whether an exchange is told of while it still runs, or once it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request is whole; its answer is not. Told so that a long answer's prompt shows at once.
    Running,
    /// It ended, one way or another.
    Ended,
}

impl Normaliser {
    /// Adds to the draft what the exchange tells.
    pub(crate) fn exchange(&self, draft: &mut Draft, exchange: &Exchange, stage: Stage) -> Result<(), StoreError> {
        let Some(route) = read::route(exchange) else {
            if stage == Stage::Ended {
                draft.captures += 1;
                draft.unattributed += 1;
            }
            return Ok(());
        };
        let mut call = read::call(exchange, route, stage, &self.settings);
        let head = &exchange.head;
        let maker = PositionMaker::new(self.position_secret, self.settings.environment, &head.principal);
        let messages = call.request.as_ref().map(|request| request.messages.as_slice()).unwrap_or_default();
        let previous = call.previous().map(str::to_owned);
        let (positions, found) = (maker.positions(messages, previous.as_deref()), answers(messages));
        let standing =
            Standing { maker: &maker, positions: &positions, answers: &found, previous: previous.as_deref() };

        let alone = exchange.id.to_string();
        let answered_by = call.answer_id(&alone);
        let resolved = resolve(draft, &call.identity, &standing, answered_by.as_deref(), &alone)?;
        // A conversation without a vendor's id is known by its answer: until that came there is nothing to tell.
        if stage == Stage::Running && (call.identity.conversation.is_none() || resolved.is_none()) {
            return Ok(());
        }
        if stage == Stage::Ended {
            draft.captures += 1;
        }
        let Some(Resolved { scope, pending }) = resolved else {
            draft.unattributed += 1;
            return Ok(());
        };
        merge(draft, &call, &standing, &scope, pending)?;

        let keys = keys::Keys::new(draft, &call, &standing, &scope)?;
        let observed = observe::observe(draft, &call, &standing, &scope, &keys, self.settings.environment)?;
        leave_marks(draft, &call, &standing, &scope, &keys);
        let inexact = call.is_lossy || standing.previous_unseen(draft)?;
        let metadata_only = draft.metadata_only;
        let context = match call.request.take() {
            Some(request) if !route.counts_tokens() && !metadata_only => {
                Some(context::write(draft, &self.redactor, &scope, request, inexact)?)
            }
            _ => None,
        };
        for mut observation in observed {
            observe::add_context(&mut observation, context.as_ref());
            if metadata_only {
                observe::strip_content(&mut observation);
            }
            draft.observations.push(self.redactor.observation(observation));
        }
        Ok(())
    }
}

/// Conversations that this exchange proves to be `scope`.
fn merge(
    draft: &mut Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: &ConversationScope,
    pending: Vec<ConversationScope>,
) -> Result<(), StoreError> {
    let mut merged = pending;
    for answer in call.fingerprints().filter(|_| call.is_turn()) {
        merged.extend(recognised(draft, standing, &answer, scope)?);
    }
    let waiting = standing.maker.mark(Landmark::Pending, &standing.head());
    for old in merged {
        if old == *scope {
            continue;
        }
        draft.unmarks.push((waiting, old.clone()));
        fuse::merge_scopes(draft, &old, scope)?;
    }
    Ok(())
}

/// What later requests find this one by. Only turns leave marks: a `count_tokens` over the same messages must not make
/// the turn's own messages old.
fn leave_marks(
    draft: &mut Draft,
    call: &Call<'_>,
    standing: &Standing<'_>,
    scope: &ConversationScope,
    keys: &keys::Keys,
) {
    if call.request.is_none() || !call.is_turn() {
        return;
    }
    let maker = standing.maker;
    let mut put = |key, value: &str| {
        draft.mark(Mark { key, scope: scope.clone(), value: value.to_owned(), at: call.at });
    };
    let subagent = call.identity.subagent_id.as_deref().unwrap_or_default();
    // Only what is new: the positions before were marked by the requests before.
    for position in standing.positions.iter().skip(keys.known_messages + 1) {
        put(maker.mark_in(Landmark::Prefix, position, scope.as_str(), subagent), "");
    }
    let head = standing.head();
    put(maker.mark(Landmark::Prefix, &head), "");
    if let Some(answer) = standing.answers.last() {
        let before = standing.positions[answer.start];
        put(maker.mark_in(Landmark::Continued(&answer.fingerprint), &before, scope.as_str(), ""), "");
        if scope.is_provisional()
            && let Some(first) = standing.answers.first()
        {
            let (what, before) = (Landmark::Answer(&first.fingerprint), standing.positions[first.start]);
            put(maker.mark(what, &before), "");
            put(maker.mark_in(what, &before, scope.as_str(), ""), "");
        }
    }
    if call.answered {
        let id = keys.reply.as_deref().unwrap_or_default();
        for answer in call.fingerprints() {
            put(maker.mark(Landmark::Answer(&answer), &head), id);
        }
        put(maker.mark_in(Landmark::Answer(""), &head, scope.as_str(), subagent), id);
        if let Some(id) = &call.response.response_id {
            put(maker.id_mark("response_seen", "", id), &hex(&head));
        }
        put(maker.id_mark("answered", scope.as_str(), subagent), "");
        for (mark, value) in &keys.id_marks {
            put(*mark, value);
        }
    } else if scope.is_provisional() && standing.answers.is_empty() {
        put(maker.mark(Landmark::Pending, &head), "");
    }
}
