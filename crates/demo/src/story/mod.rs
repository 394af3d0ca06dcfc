//! What happens: the sessions, word by word.

mod codex;
mod failing_test;
mod live;
mod others;
mod pasted_key;
mod trouble;

use crate::script::Session;

pub(crate) use live::turns as live;

/// The sessions that are acted as the demo begins.
pub(crate) fn sessions() -> Vec<Session> {
    vec![
        failing_test::session(),
        codex::session(),
        others::opencode(),
        others::copilot_cli(),
        others::anthropic_sdk(),
        others::openai_sdk(),
        pasted_key::session(),
        trouble::session(),
    ]
}
