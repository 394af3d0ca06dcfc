//! Lists of sessions.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use ursa_model::ids::SessionId;
use ursa_model::session::{Session, SessionStatus};
use ursa_model::time::Timestamp;

use super::coding::from_json;
use super::query::Query;
use super::summary::ACTIVE_MICROS;
use super::{SqliteStore, lookups, paging, search};
use crate::{Page, SessionFilter, StoreError};

const LIST: &str = "sessions";

/// A filter as SQL over the row of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    clauses: Vec<&'static str>,
    values: Vec<Value>,
}

impl Condition {
    fn and(&mut self, clause: &'static str, values: impl IntoIterator<Item = Value>) {
        self.clauses.push(clause);
        self.values.extend(values);
    }

    fn sql(&self) -> String {
        self.clauses.iter().flat_map(|clause| [" AND ", clause]).collect()
    }
}

/// The SQL of a filter, its full text aside. Without `now`, a status tells ended sessions from others only.
pub(super) fn condition(filter: &SessionFilter, now: Option<Timestamp>) -> Condition {
    let mut condition = Condition::default();
    if let Some(session) = &filter.session {
        condition.and("id = ?", [Value::Blob(session.0.to_vec())]);
    }
    let text = |text: &String| Value::Text(text.clone());
    if let Some(agent) = &filter.agent {
        condition.and("agent = ?", [text(agent)]);
    }
    if let Some(user) = &filter.user {
        condition.and("(user_id = ? OR user_email = ?)", [text(user), text(user)]);
    }
    if let Some(device) = &filter.device {
        condition.and("(device_id = ? OR device_hostname = ?)", [text(device), text(device)]);
    }
    let channel = filter.channel.map(|channel| channel.as_str().to_owned());
    let named = [
        ("model", filter.model.as_ref()),
        ("channel", channel.as_ref()),
        ("tool", filter.tool.as_ref()),
        ("mcp_server", filter.mcp_server.as_ref()),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            condition.and(
                "EXISTS (SELECT 1 FROM session_values INDEXED BY session_values_by_value
                     WHERE name = ? AND value = ? AND session = sessions.id)",
                [Value::Text(name.to_owned()), text(value)],
            );
        }
    }
    if let Some(from) = filter.from {
        condition.and("started_at >= ?", [Value::Integer(from.as_micros())]);
    }
    if let Some(to) = filter.to {
        condition.and("started_at < ?", [Value::Integer(to.as_micros())]);
    }
    let active_after = now.map(|now| Value::Integer(now.as_micros().saturating_sub(ACTIVE_MICROS)));
    match (filter.status, active_after) {
        (None, _) => {}
        (Some(SessionStatus::Ended), _) => condition.and("ended", []),
        (Some(SessionStatus::Active), Some(after)) => condition.and("NOT ended AND last_event_at > ?", [after]),
        (Some(SessionStatus::Idle), Some(after)) => condition.and("NOT ended AND last_event_at <= ?", [after]),
        (Some(_), None) => condition.and("NOT ended", []),
    }
    condition
}

/// Whether a session matches.
pub(super) fn matches(meta: &Connection, session: SessionId, condition: &Condition) -> Result<bool, StoreError> {
    let query = format!("SELECT 1 FROM sessions WHERE id = ?{}", condition.sql());
    let values = [Value::Blob(session.0.to_vec())].into_iter().chain(condition.values.iter().cloned());
    Ok(meta.prepare_cached(&query)?.exists(params_from_iter(values))?)
}

/// See [`crate::RecordStore::session`].
pub(super) fn session(store: &SqliteStore, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
    store.meta.read(|meta| of_row(meta, lookups::session_now(meta, id)?, now))
}

/// The session with this row, as of `now`.
pub(super) fn of_row(meta: &Connection, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
    let summary: Option<String> = meta
        .prepare_cached("SELECT summary FROM sessions WHERE id = ?")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    let Some(summary) = summary else { return Ok(None) };
    let mut session: Session = from_json(&summary)?;
    if session.status != SessionStatus::Ended
        && session.last_event_at.as_micros() > now.as_micros().saturating_sub(ACTIVE_MICROS)
    {
        session.status = SessionStatus::Active;
    }
    if let Some(parent) = session.parent_session_id {
        session.parent_session_id = Some(lookups::session_now(meta, parent)?);
    }
    Ok(Some(session))
}

/// The filter, with the id that its session has now.
pub(super) fn now_of(store: &SqliteStore, filter: &SessionFilter) -> Result<SessionFilter, StoreError> {
    let session = match filter.session {
        Some(session) => Some(store.meta.read(|meta| lookups::session_now(meta, session))?),
        None => None,
    };
    Ok(SessionFilter { session, ..filter.clone() })
}

/// See [`crate::RecordStore::sessions`].
pub(super) fn sessions(
    store: &SqliteStore,
    filter: &SessionFilter,
    limit: usize,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Page<Session>, StoreError> {
    let before: Option<(i64, SessionId)> = cursor.map(|cursor| paging::decode(LIST, cursor)).transpose()?;
    let holding = match &filter.q {
        Some(text) => Some(search::sessions_with(store, &Query::parse(text)?)?),
        None => None,
    };
    let filter = &now_of(store, filter)?;
    let mut condition = condition(filter, Some(now));
    if let Some((at, id)) = before {
        condition.and("(started_at, id) < (?, ?)", [Value::Integer(at), Value::Blob(id.0.to_vec())]);
    }
    let query =
        format!("SELECT id, started_at FROM sessions WHERE 1{} ORDER BY started_at DESC, id DESC", condition.sql());
    store.meta.read(|meta| {
        let mut statement = meta.prepare_cached(&query)?;
        let mut rows = statement.query(params_from_iter(&condition.values))?;
        let mut items = Vec::new();
        let mut last = None;
        while let Some(row) = rows.next()? {
            let id = SessionId(row.get(0)?);
            if holding.as_ref().is_some_and(|holding| !holding.contains(&id)) {
                continue;
            }
            if items.len() == limit {
                let next_cursor = last.map(|last: (i64, SessionId)| paging::encode(LIST, &last)).transpose()?;
                return Ok(Page { items, next_cursor });
            }
            // Apart from the list, which an index holds whole: only what is shown is read.
            items.extend(of_row(meta, id, now)?);
            last = Some((row.get(1)?, id));
        }
        Ok(Page { items, next_cursor: None })
    })
}
