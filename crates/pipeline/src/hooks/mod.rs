//! One envelope of a hook, read into observations: what an exchange is to [`crate::normalise`].
//!
//! What an event says is read by [`ursa_adapters::hooks`]; here it gets the scope and the keys by which the same fact is
//! found on the wire. Where hooks and wire have no id in common, what proves two facts, threads or conversations to be
//! one is in [`link`], [`thread`] and [`join`]; each of them comes to the same whichever side is told first.

mod facts;
pub(crate) mod join;
pub(crate) mod link;
pub(crate) mod thread;

use ursa_adapters::hooks::{self as adapters, HookAgent, Reading};
use ursa_model::chain::PositionMaker;
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::event::EventKind;
use ursa_model::ids::ConversationScope;
use ursa_model::message::Problem;
use ursa_model::observation::{Content, Key, Observation, SessionAttribute, Vantage};
use ursa_store::StoreError;

use crate::draft::Draft;
use crate::normalise::{Normaliser, strip_content};
use crate::settings::VERSION;
use crate::who;

/// How sure a hook's word on the agent is: as sure as a user agent. The wire's own headers know more of where it runs.
const CONFIDENCE: u8 = 1;

/// Adds to the draft what the envelope tells. Like [`Normaliser::exchange`] it counts the capture; an envelope that tells
/// nothing of a session is counted as unattributed, and nothing about its content is an error.
///
/// # Errors
/// When the store fails.
pub(crate) fn observe(
    normaliser: &Normaliser,
    draft: &mut Draft,
    received: &ReceivedEnvelope,
) -> Result<(), StoreError> {
    draft.captures += 1;
    let envelope = &received.envelope;
    let reading = adapters::read(&envelope.source, envelope.event.as_deref(), envelope.body.get(), &envelope.meta);
    let (Some(agent), Some(conversation)) = (reading.agent, reading.conversation.as_deref()) else {
        draft.unattributed += 1;
        draft.dropped.extend(reading.problems.into_iter().map(|problem| (problem.kind, 1)));
        return Ok(());
    };
    let scope = ConversationScope::vendor(agent.slug, conversation);
    let maker = PositionMaker::new(normaliser.position_secret, normaliser.settings.environment, &received.principal);
    let subagent = thread::named(draft, &maker, &scope, reading.subagent.as_deref())?;
    let mut observer = Observer {
        received,
        agent,
        reading: &reading,
        scope: &scope,
        maker: &maker,
        subagent,
        observations: Vec::new(),
    };
    observer.session(conversation);
    for (index, fact) in reading.facts.iter().enumerate() {
        observer.fact(draft, fact, index as u32)?;
    }
    for problem in &reading.problems {
        observer.gap(problem);
    }
    let observations = observer.observations;
    join::tell(draft, &maker, &scope, &reading, received.at)?;
    let metadata_only = draft.metadata_only;
    for mut observation in observations {
        if metadata_only {
            strip_content(&mut observation);
        }
        draft.observations.push(normaliser.redactor.observation(observation));
    }
    thread::learn(draft, &maker, &scope, &reading, received.at)
}

struct Observer<'a> {
    received: &'a ReceivedEnvelope,
    agent: &'static HookAgent,
    reading: &'a Reading,
    scope: &'a ConversationScope,
    maker: &'a PositionMaker,
    /// The event's subagent, by the name that it has on the wire if that is known.
    subagent: Option<String>,
    observations: Vec<Observation>,
}

impl Observer<'_> {
    fn make(&self, kind: Option<EventKind>, vantage: Vantage, keys: Vec<Key>, content: Content) -> Observation {
        Observation {
            scope: self.scope.clone(),
            subagent_id: kind.and(self.subagent.clone()),
            kind,
            vantage,
            keys,
            own_key: None,
            content,
            at: self.received.at,
            ordinal: 0,
            capture: self.received.capture_id(),
            made_by: VERSION,
        }
    }

    fn attribute(&mut self, attribute: SessionAttribute) {
        let told = self.make(None, Vantage::HookBefore, vec![Key::Session], Content::Session(attribute));
        self.observations.push(told);
    }

    fn gap(&mut self, problem: &Problem) {
        self.attribute(SessionAttribute::Gap {
            channel: self.received.envelope.channel,
            kind: problem.kind.clone(),
            detail: problem.detail.clone(),
        });
    }

    fn session(&mut self, conversation: &str) {
        self.attribute(SessionAttribute::Agent {
            slug: self.agent.slug.to_owned(),
            name: self.agent.name.to_owned(),
            version: self.reading.version.clone(),
            kind: self.agent.kind,
            confidence: CONFIDENCE,
        });
        self.attribute(SessionAttribute::Conversation { id: conversation.to_owned() });
        if let Some(path) = &self.reading.cwd {
            self.attribute(SessionAttribute::Cwd { path: path.clone() });
        }
        let os_user = self.received.envelope.meta.os_user.as_deref();
        let names_user = self.reading.email.is_some();
        for attribute in who::of_delivery(self.received.device.as_ref(), os_user) {
            // Whom the agent itself names says more than a login name does.
            if !(names_user && matches!(attribute, SessionAttribute::User { .. })) {
                self.attribute(attribute);
            }
        }
        if let Some(email) = &self.reading.email {
            self.attribute(SessionAttribute::User {
                id: email.clone(),
                email: Some(email.clone()),
                name: None,
                source: ursa_model::capture::Assurance::Reported,
            });
        }
    }
}
