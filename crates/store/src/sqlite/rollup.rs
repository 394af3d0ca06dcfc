//! What a session's events of one day add up to.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use ursa_model::event::EventBody;
use ursa_model::ids::{ID_LEN, SessionId};
use ursa_model::message::Usage;
use ursa_model::session::SessionCounts;

use super::coding::unpack_json;
use crate::StoreError;

/// Longest title made from a prompt, in characters.
const TITLE_CHARS_MAX: usize = 120;
/// Prompts that are looked at for one with text.
const TITLE_PROMPTS_MAX: i64 = 8;

/// See the module. Rollups of several days [`add`](Rollup::add) up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Rollup {
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) counts: SessionCounts,
    pub(super) usage: Usage,
    pub(super) channels: u32,
    /// The models shown: that answered, else that were asked.
    pub(super) models: BTreeSet<String>,
    /// Models asked for: found by the filter, even if another answered.
    pub(super) asked_models: BTreeSet<String>,
    pub(super) tools: BTreeSet<String>,
    pub(super) mcp_servers: BTreeSet<String>,
    /// Last time that a channel said that the session ended.
    pub(super) ended_at: Option<i64>,
    /// Last prompt of the main thread: one after the end means that the session was resumed.
    pub(super) prompted_at: Option<i64>,
    /// Time, order and beginning of the first prompt that has text.
    pub(super) title: Option<(i64, u32, String)>,
}

impl Rollup {
    pub(super) fn ended(&self) -> bool {
        self.ended_at.is_some_and(|ended| self.prompted_at.is_none_or(|prompted| prompted <= ended))
    }

    /// Joins another day's.
    pub(super) fn add(&mut self, other: Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        let (to, from) = (&mut self.counts, &other.counts);
        to.prompts += from.prompts;
        to.completions += from.completions;
        to.model_calls += from.model_calls;
        to.tool_calls += from.tool_calls;
        to.tool_errors += from.tool_errors;
        to.mcp_calls += from.mcp_calls;
        to.cli_calls += from.cli_calls;
        let sum = |to: &mut Option<u64>, from: Option<u64>| {
            *to = Some(to.unwrap_or(0).saturating_add(from.unwrap_or(0)));
        };
        sum(&mut self.usage.input_tokens, other.usage.input_tokens);
        sum(&mut self.usage.output_tokens, other.usage.output_tokens);
        sum(&mut self.usage.cache_read_input_tokens, other.usage.cache_read_input_tokens);
        sum(&mut self.usage.cache_creation_input_tokens, other.usage.cache_creation_input_tokens);
        sum(&mut self.usage.reasoning_output_tokens, other.usage.reasoning_output_tokens);
        self.channels |= other.channels;
        self.models.extend(other.models);
        self.asked_models.extend(other.asked_models);
        self.tools.extend(other.tools);
        self.mcp_servers.extend(other.mcp_servers);
        self.ended_at = self.ended_at.max(other.ended_at);
        self.prompted_at = self.prompted_at.max(other.prompted_at);
        self.title = match (self.title.take(), other.title) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}

/// The rollup of a session's events in this day's file; `None` if it has none.
pub(super) fn of_day(db: &Connection, session: SessionId) -> Result<Option<Rollup>, StoreError> {
    let Some(mut rollup) = sums(db, session.0)? else { return Ok(None) };
    // Of the same values there are few rows: one pass over the index, which no column is missing of.
    let mut kinds = db.prepare_cached(
        "SELECT DISTINCT kind, channels, model, request_model, tool, mcp_tool, mcp_server FROM events WHERE session = ?",
    )?;
    let mut rows = kinds.query([session.0])?;
    while let Some(row) = rows.next()? {
        rollup.channels |= row.get::<_, u32>(1)?;
        let [model, request_model, tool, mcp_tool, mcp_server]: [Option<String>; 5] =
            [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?];
        match row.get::<_, String>(0)?.as_str() {
            "model_call" => {
                rollup.models.extend(model.or_else(|| request_model.clone()));
                rollup.asked_models.extend(request_model);
            }
            "completion" => rollup.models.extend(model),
            _ => {}
        }
        rollup.tools.extend([tool, mcp_tool].into_iter().flatten());
        rollup.mcp_servers.extend(mcp_server);
    }
    rollup.title = title(db, session.0)?;
    Ok(Some(rollup))
}

fn sums(db: &Connection, session: [u8; ID_LEN]) -> Result<Option<Rollup>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT min(at), max(at), sum(kind = 'prompt'), sum(kind = 'completion'), sum(kind = 'model_call'),
                 sum(kind = 'tool_call'), sum(kind = 'tool_call' AND status IN ('failed', 'denied')),
                 sum(coalesce(tool_type = 'mcp', 0)), sum(cli_program IS NOT NULL),
                 coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
                 coalesce(sum(cache_read_input_tokens), 0), coalesce(sum(cache_creation_input_tokens), 0),
                 coalesce(sum(reasoning_output_tokens), 0),
                 max(at) FILTER (WHERE kind = 'session_end'),
                 max(at) FILTER (WHERE kind = 'prompt' AND subagent IS NULL)
             FROM events WHERE session = ? HAVING count(*) > 0",
        )?
        .query_row([session], |row| {
            let count = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Rollup {
                first_at: row.get(0)?,
                last_at: row.get(1)?,
                counts: SessionCounts {
                    prompts: count(2)?,
                    completions: count(3)?,
                    model_calls: count(4)?,
                    tool_calls: count(5)?,
                    tool_errors: count(6)?,
                    mcp_calls: count(7)?,
                    cli_calls: count(8)?,
                },
                usage: Usage {
                    input_tokens: Some(count(9)?),
                    output_tokens: Some(count(10)?),
                    cache_read_input_tokens: Some(count(11)?),
                    cache_creation_input_tokens: Some(count(12)?),
                    reasoning_output_tokens: Some(count(13)?),
                },
                ended_at: row.get(14)?,
                prompted_at: row.get(15)?,
                ..Rollup::default()
            })
        })
        .optional()?)
}

fn title(db: &Connection, session: [u8; ID_LEN]) -> Result<Option<(i64, u32, String)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT at, ordinal, body FROM events WHERE session = ? AND kind = 'prompt' AND subagent IS NULL
         ORDER BY at, ordinal, id LIMIT ?",
    )?;
    let mut rows = statement.query(params![session, TITLE_PROMPTS_MAX])?;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(2)?;
        if let EventBody::Prompt { text, .. } = unpack_json(&body)?
            && let Some(title) = beginning(&text)
        {
            return Ok(Some((row.get(0)?, row.get(1)?, title)));
        }
    }
    Ok(None)
}

/// The beginning of a text on one line; `None` if there is nothing to read.
fn beginning(text: &str) -> Option<String> {
    let mut title = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count() + usize::from(chars > 0);
        if chars > 0 && chars + len > TITLE_CHARS_MAX {
            break;
        }
        if chars > 0 {
            title.push(' ');
        }
        title.extend(word.chars().take(TITLE_CHARS_MAX));
        chars += len;
        if chars > TITLE_CHARS_MAX {
            break;
        }
    }
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_title_is_a_prompts_beginning_on_one_line() {
        assert_eq!(beginning("  fix\n the   bug "), Some("fix the bug".to_owned()));
        assert_eq!(beginning(" \n"), None);
        assert_eq!(beginning(&"ü".repeat(500)).map(|title| title.chars().count()), Some(120));
        assert!(beginning(&"word ".repeat(100)).is_some_and(|title| title.len() <= 120 && title.ends_with("word")));
    }
}
