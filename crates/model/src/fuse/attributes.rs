//! A session's attributes out of what was observed of it.

use crate::ids::ConversationScope;
use crate::message::AgentKind;
use crate::observation::{Content, Observation, SessionAttribute};
use crate::session::{Gap, SessionAgent, SessionDevice, SessionUser};

use super::ObservationSet;

/// A session's attributes, each the best that was told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FusedAttributes {
    /// The vendor's conversation id.
    pub conversation_id: Option<String>,
    /// The conversation that this one was forked from or started by.
    pub parent: Option<ConversationScope>,
    /// Which agent.
    pub agent: SessionAgent,
    /// Who ran it.
    pub user: Option<SessionUser>,
    /// On which machine.
    pub device: Option<SessionDevice>,
    /// The agent's own title.
    pub title: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// What is known to be missing.
    pub gaps: Vec<Gap>,
}

/// The attributes that follow from the set. What is surer wins; of two equally sure the later told; then the smaller id.
pub fn session_attributes(set: &ObservationSet) -> FusedAttributes {
    let mut fused = FusedAttributes::default();
    let mut told: Vec<(&Observation, &SessionAttribute)> = set
        .values()
        .filter_map(|seen| match &seen.content {
            Content::Session(attribute) => Some((seen, attribute)),
            _ => None,
        })
        .collect();
    // The last write below wins, so the best comes last.
    told.sort_by_cached_key(|(seen, attribute)| (sureness(attribute), seen.at, std::cmp::Reverse(seen.id())));
    for (_, attribute) in told {
        apply(&mut fused, attribute);
    }
    fused.gaps.sort();
    fused.gaps.dedup();
    fused
}

const fn sureness(attribute: &SessionAttribute) -> u8 {
    match attribute {
        SessionAttribute::Agent { confidence, .. } => *confidence,
        SessionAttribute::User { source, .. } | SessionAttribute::Device { source, .. } => *source as u8,
        _ => 0,
    }
}

fn apply(fused: &mut FusedAttributes, attribute: &SessionAttribute) {
    match attribute {
        SessionAttribute::Agent { slug, name, version, kind, .. } => {
            // What does not tell the version does not take back what told it.
            let known = std::mem::take(&mut fused.agent);
            let version = version.clone().or(known.version.filter(|_| known.slug == *slug));
            fused.agent = agent(slug, name, version, *kind);
        }
        SessionAttribute::User { id, email, name, source } => {
            fused.user =
                Some(SessionUser { id: id.clone(), email: email.clone(), name: name.clone(), source: *source });
        }
        SessionAttribute::Device { id, hostname, serial, source } => {
            fused.device = Some(SessionDevice {
                id: id.clone(),
                hostname: hostname.clone(),
                serial: serial.clone(),
                source: *source,
            });
        }
        SessionAttribute::Title { text } => fused.title = Some(text.clone()),
        SessionAttribute::Cwd { path } => fused.cwd = Some(path.clone()),
        SessionAttribute::Conversation { id } => fused.conversation_id = Some(id.clone()),
        SessionAttribute::Parent { scope } => fused.parent = Some(scope.clone()),
        SessionAttribute::Gap { channel, kind, detail } => {
            fused.gaps.push(Gap { channel: *channel, kind: kind.clone(), detail: detail.clone() });
        }
    }
}

fn agent(slug: &str, name: &str, version: Option<String>, kind: AgentKind) -> SessionAgent {
    SessionAgent { slug: slug.to_owned(), name: name.to_owned(), version, kind }
}
