//! A purged day's new file: what is left is copied into it, so that what was removed was never in it.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params};
use ursa_model::event::EventBody;

use super::coding::{from_json, pack_json, to_json, unpack_json};
use super::database::Database;
use super::days::open_day;
use crate::StoreError;
use crate::record::SessionAttributes;

/// How much of a day is removed. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purge {
    /// Texts, arguments, results, full text and observations.
    Content = 1,
    /// All but what keeps late witnesses out, and the counters.
    Metadata = 2,
}

/// Copies what stays of `old` into a new file at `path`; `seq` is the purge's own number.
pub(super) fn write(old: &Database, path: &Path, day: i64, purge: Purge, seq: i64) -> Result<(), StoreError> {
    let new = open_day(path, day)?;
    old.read(|old| {
        new.write(|tx| {
            copy_state(old, tx, purge, seq)?;
            for (table, columns) in
                [("dropped", 2), ("cursor", 3), ("applied", 2), ("session_aliases", 3), ("marks", 4), ("tombstones", 1)]
            {
                copy_table(old, tx, table, columns)?;
            }
            bury(old, tx, "SELECT id FROM fact_ids")?;
            match purge {
                Purge::Content => {
                    copy_table(old, tx, "event_aliases", 3)?;
                    copy_table(old, tx, "replaced", 2)?;
                    copy_sessions(old, tx)?;
                    copy_events(old, tx)
                }
                Purge::Metadata => bury(old, tx, "SELECT session FROM events UNION SELECT id FROM sessions"),
            }
        })
    })?;
    new.close()?;
    Ok(std::fs::File::open(path)?.sync_all()?)
}

fn copy_state(old: &Connection, new: &Transaction<'_>, purge: Purge, seq: i64) -> Result<(), StoreError> {
    let mut state =
        old.prepare("SELECT max(seq, ?), last_rev, ?, captures, observations, duplicates, unattributed FROM state")?;
    let values: Vec<i64> =
        state.query_row(params![seq, purge as i64], |row| (0..7).map(|column| row.get(column)).collect())?;
    new.execute(
        "UPDATE state SET seq = ?, last_rev = ?, purged = ?, captures = ?, observations = ?, duplicates = ?,
             unattributed = ?",
        rusqlite::params_from_iter(values),
    )?;
    Ok(())
}

fn copy_table(old: &Connection, new: &Transaction<'_>, table: &str, columns: usize) -> Result<(), StoreError> {
    let marks = vec!["?"; columns].join(", ");
    let mut insert = new.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
    let mut select = old.prepare(&format!("SELECT * FROM {table}"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| row.get::<_, Value>(column));
        insert.execute(rusqlite::params_from_iter(values.collect::<Result<Vec<_>, _>>()?))?;
    }
    Ok(())
}

fn bury(old: &Connection, new: &Transaction<'_>, query: &str) -> Result<(), StoreError> {
    let mut insert = new.prepare("INSERT OR IGNORE INTO tombstones VALUES (?)")?;
    let mut select = old.prepare(query)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        insert.execute([row.get::<_, Vec<u8>>(0)?])?;
    }
    Ok(())
}

/// A session's title is made from its texts.
pub(super) fn without_title(attributes: &str) -> Result<String, StoreError> {
    let attributes: SessionAttributes = from_json(attributes)?;
    to_json(&SessionAttributes { title: None, ..attributes })
}

fn copy_sessions(old: &Connection, new: &Transaction<'_>) -> Result<(), StoreError> {
    let mut select = old.prepare("SELECT id, scope, attributes, seq FROM sessions")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let attributes = without_title(&row.get::<_, String>(2)?)?;
        new.prepare_cached("INSERT INTO sessions VALUES (?, ?, ?, ?)")?.execute(params![
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, String>(1)?,
            attributes,
            row.get::<_, i64>(3)?
        ])?;
    }
    Ok(())
}

fn copy_events(old: &Connection, new: &Transaction<'_>) -> Result<(), StoreError> {
    let mut select = old.prepare("SELECT * FROM events")?;
    let columns: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let mut insert = new.prepare(&format!("INSERT INTO events VALUES ({marks})"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let values = columns.iter().enumerate().map(|(index, column)| match column.as_str() {
            "search_hash" | "context" => Ok(Value::Null),
            "body" => {
                let body: Vec<u8> = row.get(index)?;
                Ok(Value::Blob(pack_json(&without_content(unpack_json(&body)?))?))
            }
            _ => Ok(row.get(index)?),
        });
        insert.execute(rusqlite::params_from_iter(values.collect::<Result<Vec<_>, StoreError>>()?))?;
    }
    Ok(())
}

/// What stays of an event without its content: who, which tool and model, how it went, how much.
fn without_content(mut body: EventBody) -> EventBody {
    match &mut body {
        EventBody::Prompt { text, attachments } => {
            text.clear();
            attachments.clear();
        }
        EventBody::Completion { text, .. } | EventBody::Reasoning { text } => text.clear(),
        EventBody::ToolCall(call) => {
            (call.arguments, call.executed_arguments, call.result, call.detail) = (None, None, None, None);
            if let Some(cli) = &mut call.tool.cli {
                cli.argv.clear();
            }
        }
        EventBody::ModelCall(call) => {
            if let Some(error) = &mut call.error {
                error.message.clear();
            }
        }
        EventBody::Permission(asked) => {
            (asked.arguments, asked.reason) = (None, None);
            if let Some(cli) = &mut asked.tool.cli {
                cli.argv.clear();
            }
        }
        EventBody::Error { message, .. } | EventBody::Notice { message, .. } => message.clear(),
        EventBody::SessionStart { .. }
        | EventBody::SessionEnd { .. }
        | EventBody::SubagentStart { .. }
        | EventBody::SubagentStop { .. }
        | EventBody::Compaction { .. } => {}
    }
    body
}
