//! A session's row in `meta.db`: its summary as the API shows it, and the columns by which lists filter.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use ursa_model::ids::SessionId;
use ursa_model::session::{Completeness, Session, SessionStatus};
use ursa_model::time::Timestamp;

use super::coding::{from_json, to_json};
use super::lookups::{session_days, session_group};
use super::rollup::Rollup;
use crate::StoreError;
use crate::record::{SessionAttributes, channels_of};

/// A session in which nothing happened for this long is idle, in microseconds.
pub(super) const ACTIVE_MICROS: i64 = 5 * 60 * 1_000_000;

/// The attributes last written to a session, with the number of the append that wrote them.
pub(super) fn attributes(
    meta: &Connection,
    session: SessionId,
) -> Result<Option<(i64, SessionAttributes)>, StoreError> {
    let found: Option<(i64, String)> = meta
        .prepare_cached(
            "SELECT seq, attributes FROM session_attributes WHERE session = ? ORDER BY seq DESC, day DESC LIMIT 1",
        )?
        .query_row([session.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(seq, attributes)| Ok((seq, from_json(&attributes)?))).transpose()
}

/// Makes a session's row again. A session without any event has none.
pub(super) fn refresh(meta: &Transaction<'_>, session: SessionId) -> Result<(), StoreError> {
    let mut rollup: Option<Rollup> = None;
    let mut latest: Option<(i64, SessionAttributes)> = attributes(meta, session)?;
    let own = latest.is_some();
    for member in session_group(meta, session)? {
        for (_, more) in session_days(meta, member)? {
            match &mut rollup {
                Some(rollup) => rollup.add(more),
                None => rollup = Some(more),
            }
        }
        // Until the session that others proved to be has attributes of its own, theirs stand in.
        if !own && let Some(more) = attributes(meta, member)? {
            latest = latest.filter(|latest| latest.0 >= more.0).or(Some(more));
        }
    }
    let Some(rollup) = rollup else { return forget(meta, session) };
    let attributes = latest.map(|(_, attributes)| attributes).unwrap_or_default();
    put_values(meta, session, &rollup)?;
    let ended = rollup.ended();
    let row = summary(session, attributes, rollup);
    meta.prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
        session.0,
        row.started_at.as_micros(),
        row.last_event_at.as_micros(),
        ended,
        row.agent.slug,
        row.user.as_ref().map(|user| &user.id),
        row.user.as_ref().and_then(|user| user.email.as_ref()),
        row.device.as_ref().map(|device| &device.id),
        row.device.as_ref().and_then(|device| device.hostname.as_ref()),
        to_json(&row)?
    ])?;
    Ok(())
}

/// Removes a session's row.
pub(super) fn forget(meta: &Transaction<'_>, session: SessionId) -> Result<(), StoreError> {
    meta.prepare_cached("DELETE FROM sessions WHERE id = ?")?.execute([session.0])?;
    meta.prepare_cached("DELETE FROM session_values WHERE session = ?")?.execute([session.0])?;
    Ok(())
}

/// Writes what is new and removes what is gone: most appends change none of it.
fn put_values(meta: &Transaction<'_>, session: SessionId, rollup: &Rollup) -> Result<(), StoreError> {
    let named = [
        ("model", &rollup.models),
        ("model", &rollup.asked_models),
        ("tool", &rollup.tools),
        ("mcp_server", &rollup.mcp_servers),
    ];
    let named = named.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
    let channels = channels_of(rollup.channels);
    let mut values: BTreeSet<(&str, &str)> = named.collect();
    values.extend(channels.iter().map(|channel| ("channel", channel.as_str())));
    let stored: BTreeSet<(String, String)> = meta
        .prepare_cached("SELECT name, value FROM session_values WHERE session = ?")?
        .query_map([session.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let stored: BTreeSet<(&str, &str)> = stored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in stored.difference(&values) {
        meta.prepare_cached("DELETE FROM session_values WHERE session = ? AND name = ? AND value = ?")?
            .execute(params![session.0, name, value])?;
    }
    for (name, value) in values.difference(&stored) {
        meta.prepare_cached("INSERT INTO session_values VALUES (?, ?, ?)")?.execute(params![session.0, name, value])?;
    }
    Ok(())
}

fn summary(id: SessionId, attributes: SessionAttributes, rollup: Rollup) -> Session {
    let ended = rollup.ended();
    Session {
        id,
        conversation_id: attributes.conversation_id,
        thread_id: if attributes.thread_id.is_empty() { id.to_string() } else { attributes.thread_id },
        parent_session_id: attributes.parent,
        agent: attributes.agent,
        user: attributes.user,
        device: attributes.device,
        title: attributes.title.or(rollup.title.map(|(_, _, title)| title)),
        cwd: attributes.cwd,
        repository: attributes.repository,
        started_at: Timestamp::from_micros(rollup.first_at),
        last_event_at: Timestamp::from_micros(rollup.last_at),
        status: if ended { SessionStatus::Ended } else { SessionStatus::Idle },
        models: rollup.models.into_iter().collect(),
        counts: rollup.counts,
        usage: rollup.usage,
        channels: channels_of(rollup.channels),
        mcp_servers: rollup.mcp_servers.into_iter().collect(),
        completeness: Completeness { complete: attributes.gaps.is_empty(), gaps: attributes.gaps },
    }
}
