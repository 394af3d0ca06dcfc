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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Say;

    /// A call in the last step of a turn would stay without its result until the next prompt, or for ever.
    #[test]
    fn every_turn_ends_in_words() {
        let live = (0..6).flat_map(|session| live(session).1);
        let turns = sessions().into_iter().flat_map(|session| session.turns).chain(live);
        for turn in turns {
            let calls = turn.steps.iter().map(|step| step.says.iter().any(|say| matches!(say, Say::Call(_))));
            let calls: Vec<bool> = calls.collect();
            assert_eq!(calls.last(), Some(&false), "{}", turn.prompt);
            // Words without a call end a turn.
            assert!(calls[..calls.len() - 1].iter().all(|calls| *calls), "{}", turn.prompt);
        }
    }
}
