//! Qwen Code.

use ursa_model::message::{AgentKind, Identity, Purpose};

use super::evidence::{Evidence, Strength};
use super::{Agent, Marker, no_mcp_name, no_spawned};

/// What is known of Qwen Code. Its requests carry no session id.
pub(super) const AGENT: Agent = Agent {
    slug: "qwen-code",
    name: "Qwen Code",
    kind: AgentKind::Terminal,
    recognise,
    identify,
    purpose,
    markers: &[
        Marker::Tag("system-reminder"),
        Marker::OwnOpening("This is the Qwen Code. We are setting up the context for our chat."),
    ],
    mcp_name: no_mcp_name,
    spawned: no_spawned,
};

fn recognise(evidence: &Evidence<'_>) -> Option<Strength> {
    if evidence.system_begins("You are Qwen Code") {
        return Some(Strength::SystemPrompt);
    }
    evidence.user_agent().starts_with("QwenCode/").then_some(Strength::UserAgent)
}

fn identify(evidence: &Evidence<'_>, identity: &mut Identity) {
    identity.agent_version = evidence.user_agent_version("QwenCode");
}

/// It sums up by the prompt of the program that it was made from.
fn purpose(evidence: &Evidence<'_>) -> Option<Purpose> {
    let is_summary = evidence.system_begins("You are the component that summarizes internal chat history")
        || evidence.system_begins("You are a specialized system component responsible for distilling chat history");
    (evidence.offers_no_tools() && is_summary).then_some(Purpose::Summary)
}
