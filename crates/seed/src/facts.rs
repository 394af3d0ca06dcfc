//! Facts with one event each, as the pipeline would have made them.

use ursa_model::capture::Channel;
use ursa_model::event::{EventBody, Witness};
use ursa_model::fuse::search_text;
use ursa_model::ids::{ConversationScope, EnvironmentId, EventId, ExchangeId, FactId, SessionId, hash_parts};
use ursa_model::observation::{Content, Key, Observation, Vantage};
use ursa_model::time::Timestamp;
use ursa_store::{EventWrite, FactWrite, SearchText, StoredFact};

/// A conversation that is being written down.
pub(crate) struct Talk {
    pub(crate) scope: ConversationScope,
    pub(crate) session: SessionId,
    pub(crate) facts: Vec<FactWrite>,
}

/// Where and when an event stands.
pub(crate) struct Place<'a> {
    pub(crate) at: Timestamp,
    pub(crate) parent: Option<EventId>,
    pub(crate) subagent: Option<&'a str>,
}

impl Talk {
    pub(crate) fn new(namespace: &str, conversation: &str) -> Self {
        let scope = ConversationScope::vendor(namespace, conversation);
        let session = SessionId::of(EnvironmentId::default_environment(), &scope);
        Self { scope, session, facts: Vec::new() }
    }

    /// Adds an event; returns its id.
    pub(crate) fn add(&mut self, place: &Place<'_>, body: EventBody) -> EventId {
        let key = self.facts.len().to_string();
        let parts: [&[u8]; 2] = [self.scope.as_str().as_bytes(), key.as_bytes()];
        let (id, event) = (FactId::derive(&parts), EventId::derive(&parts));
        let capture = ExchangeId(hash_parts("ursa seed capture 1", &parts));
        let subagent_id = place.subagent.map(str::to_owned);
        let observation = Observation {
            scope: self.scope.clone(),
            subagent_id: subagent_id.clone(),
            kind: Some(body.kind()),
            vantage: Vantage::WireRequest,
            keys: vec![Key::Text(key)],
            own_key: None,
            // The store joins nothing that is not told twice, and nothing here is: the content may be left out.
            content: Content::Prompt { text: String::new(), attachments: Vec::new() },
            at: place.at,
            ordinal: 0,
            capture,
            made_by: 1,
        };
        let write = EventWrite {
            id: event,
            session: self.session,
            at: place.at,
            ordinal: 0,
            kind: body.kind(),
            subagent_id,
            parent: place.parent,
            witnesses: vec![Witness { channel: Channel::Edge, capture_id: capture, at: place.at }],
            search: SearchText(search_text(&body)),
            body,
            context: None,
        };
        self.facts.push(FactWrite {
            fact: StoredFact { id, scope: self.scope.clone(), observations: vec![observation] },
            found_by: vec![id],
            replaces: Vec::new(),
            events: vec![write],
            aliases: Vec::new(),
        });
        event
    }
}
