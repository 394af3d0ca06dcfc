//! A session that goes on while one looks: a step every few seconds, its answers streaming word by word.

use std::time::Duration;

use crate::agent::{self, Tempo};
use crate::script::{ANA, Program, Session};
use crate::stage::{Over, Stage};
use crate::story;

/// Until the other sessions are there.
const BEGINS_AFTER: Duration = Duration::from_secs(3);
/// A step about every four seconds.
const TEMPO: Tempo = Tempo { delta: Duration::from_millis(50), step: Duration::from_secs(2) };
/// Later, when nobody may be looking any more: about every quarter of a minute.
const CALM: Tempo = Tempo { delta: Duration::from_millis(50), step: Duration::from_secs(12) };
/// Sessions at the first tempo: ten minutes or so.
const EAGER_SESSIONS: usize = 6;
/// Sessions in all: about a day. One takes 0.3 MB of the store, all of them less than 100 MB; then it is quiet, so that a
/// forgotten demo does not fill a disk.
const SESSIONS_LIMIT: usize = 300;

/// Acts one session after the other.
pub(crate) async fn act(stage: &Stage) -> Result<(), Over> {
    stage.pause(BEGINS_AFTER).await?;
    for number in 0..SESSIONS_LIMIT {
        let (title, turns) = story::live(number);
        let session = Session {
            program: Program::ClaudeCode,
            hooks: false,
            person: ANA,
            cwd: "/home/ana/src/storefront",
            model: "claude-sonnet-5",
            title: Some(title),
            turns,
        };
        let tempo = if number < EAGER_SESSIONS { TEMPO } else { CALM };
        agent::act(stage, &session, tempo).await?;
    }
    tracing::info!("the live session ends here: {SESSIONS_LIMIT} sessions are enough for a demo");
    Ok(())
}
