//! One exchange, read into observations.

mod answer;
mod around;
mod hooked;
mod keys;
mod observe;
mod read;

pub(crate) use around::strip_content;

use ursa_adapters::agents;
use ursa_adapters::wire::Recall;
use ursa_model::chain::{Landmark, PositionMaker, answers};
use ursa_model::ids::{ConversationScope, hex};
use ursa_model::observation::ContextRef;
use ursa_redact::Redactor;
use ursa_store::{Mark, StoreError};

use crate::assemble::Exchange;
use crate::continuation::Continued;
use crate::draft::Draft;
use crate::scope::{Resolved, Standing, forked_from, recognised, resolve};
use crate::settings::PipelineSettings;
use crate::{context, fuse};
use read::Call;

/// Reads exchanges.
pub(crate) struct Normaliser {
    pub(crate) settings: PipelineSettings,
    pub(crate) redactor: Redactor,
    pub(crate) seen: context::Seen,
    pub(crate) recall: Recall,
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
        if exchange.is_only_problems() {
            self.connection_problems(draft, exchange);
            return Ok(());
        }
        let mut call = read::call(exchange, route, stage, &self.settings, &self.recall);
        let head = &exchange.head;
        let maker = PositionMaker::new(self.position_secret, self.settings.environment, &head.principal);
        let messages = call.request.as_ref().map(|request| request.messages.as_slice()).unwrap_or_default();
        let previous = call.previous().map(str::to_owned);
        let continued = match &previous {
            Some(id) => Continued::find(draft, &maker, id)?,
            None => None,
        };
        let positions = match &continued {
            Some(continued) => maker.positions_from(continued.position, messages),
            None => maker.positions(messages, previous.as_deref()),
        };
        let found = answers(messages);
        let standing = Standing {
            maker: &maker,
            positions: &positions,
            answers: &found,
            previous: previous.as_deref(),
            continued: continued.as_ref(),
        };

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
        let scope = hooked::joined(draft, &call, &standing, scope)?;
        merge(draft, &call, &standing, &scope, pending)?;

        let keys = keys::Keys::new(draft, &call, &standing, &scope)?;
        let mut observed = observe::observe(draft, &call, &standing, &scope, &keys, self.settings.environment)?;
        // A conversation that begins with a history was seen from its middle, or is a fork of the one that has it.
        let begins = keys.known_messages == 0 && !keys.conversation_answered && call.identity.subagent_id.is_none();
        if scope.is_named() && begins && call.is_turn() {
            let parent = forked_from(draft, &standing, &scope)?;
            observed.extend(parent.map(|parent| around::parent(&call, &scope, parent)));
        }
        hooked::tasks(draft, &call, &standing, &scope, &observed)?;
        observed.extend(hooked::scripted(draft, &call, &standing, &scope)?);
        leave_marks(draft, &call, &standing, &scope, &keys);
        let context = self.context(draft, &mut call, &standing, &scope)?;
        let metadata_only = draft.metadata_only;
        for mut observation in observed {
            observe::add_context(&mut observation, context.as_ref());
            if metadata_only {
                strip_content(&mut observation);
            }
            draft.observations.push(self.redactor.observation(observation));
        }
        Ok(())
    }

    /// Writes what the model saw, and leaves where a request goes on that continues the answer by its id.
    fn context(
        &self,
        draft: &mut Draft,
        call: &mut Call<'_>,
        standing: &Standing<'_>,
        scope: &ConversationScope,
    ) -> Result<Option<ContextRef>, StoreError> {
        let next = call.continuable().map(str::to_owned);
        let output = next.as_ref().map(|_| read::output(call.exchange, &self.settings)).unwrap_or_default();
        let before = standing.continued.and_then(|continued| continued.node_in(scope));
        let unknown = standing.previous.is_some() && before.is_none_or(|(_, exact)| !exact);
        let inexact = call.is_lossy || unknown;
        let around = context::Around { parent: before.map(|(node, _)| node), output: &output, inexact };
        let written = match call.request.take() {
            Some(request) if !call.route.counts_tokens() && !draft.metadata_only => {
                Some(context::write(draft, &self.redactor, &self.seen, scope, request, &around)?)
            }
            _ => None,
        };
        if let Some(id) = next {
            let node = written.as_ref().and_then(|written| written.after);
            Continued::after(standing, &output, scope, node.map(|node| (node, !inexact))).leave(
                draft,
                standing.maker,
                &id,
                call.at,
            );
        }
        Ok(written.map(|written| written.context))
    }

    /// What is to be told of a connection goes to the conversation that its handshake names; else it is counted.
    fn connection_problems(&self, draft: &mut Draft, exchange: &Exchange) {
        let identity = agents::identify(&exchange.head, None);
        if let Some((namespace, id)) = &identity.conversation {
            let scope = ConversationScope::vendor(namespace, id);
            for gap in around::connection_gaps(exchange, &scope) {
                draft.observations.push(self.redactor.observation(gap));
            }
            return;
        }
        for problem in &exchange.problems {
            draft.dropped.push((problem.kind.clone(), 1));
        }
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
    let maker = standing.maker;
    let mut put = |key, value: &str| {
        draft.mark(Mark { key, scope: scope.clone(), value: value.to_owned(), at: call.at });
    };
    // A call that only warms up is continued too.
    let id = call.response.response_id.as_ref().filter(|_| call.answered && call.is_turn());
    if let Some(id) = id.map(String::as_str).or(call.continuable()) {
        put(maker.id_mark("response_seen", "", id), &hex(&standing.head()));
    }
    if call.request.is_none() || !call.is_turn() {
        return;
    }
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
        put(maker.id_mark("answered", scope.as_str(), subagent), "");
        for (mark, value) in &keys.id_marks {
            put(*mark, value);
        }
    } else if scope.is_provisional() && standing.answers.is_empty() {
        put(maker.mark(Landmark::Pending, &head), "");
    }
}
