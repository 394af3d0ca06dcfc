//! What sessions are told apart by: agents, users, devices, models, tools, MCP servers.

use rusqlite::params;
use ursa_model::ids::{ID_LEN, SessionId};
use ursa_model::time::Timestamp;

use super::{SqliteStore, paging, sessions};
use crate::{Page, Seen, SeenKind, StoreError};

/// Where a kind's values are: a column of `sessions`, or a name in `session_values`.
enum Source {
    Column(&'static str),
    Name(&'static str),
}

fn source(kind: SeenKind) -> Source {
    match kind {
        SeenKind::Agent => Source::Column("agent"),
        SeenKind::User => Source::Column("user_id"),
        SeenKind::Device => Source::Column("device_id"),
        SeenKind::Model => Source::Name("model"),
        SeenKind::Tool => Source::Name("tool"),
        SeenKind::McpServer => Source::Name("mcp_server"),
    }
}

/// Rows of `key, n, first, last, latest`. SQLite takes a bare column from the row of the one `max`, so that `latest` is
/// the latest session; that is why the smallest is asked for apart.
fn rows_of(source: &Source) -> String {
    match source {
        Source::Column(column) => format!(
            "SELECT key, n, first, last, latest FROM
                 (SELECT {column} AS key, count(*) AS n, min(started_at) AS first FROM sessions
                  WHERE {column} > '' GROUP BY {column})
             JOIN
                 (SELECT {column} AS key, max(last_event_at) AS last, id AS latest FROM sessions
                  WHERE {column} > '' GROUP BY {column})
             USING (key)"
        ),
        // The times are copied out of an index first: the rows of sessions are large, and lie in another order.
        Source::Name(name) => format!(
            "WITH times AS MATERIALIZED (SELECT id, started_at, last_event_at FROM sessions)
             SELECT value AS key, count(*) AS n, min(started_at) AS first, max(last_event_at) AS last, NULL AS latest
             FROM session_values INDEXED BY session_values_by_value JOIN times ON times.id = session
             WHERE name = '{name}' GROUP BY value"
        ),
    }
}

/// See [`crate::RecordStore::seen`].
pub(super) fn seen(
    store: &SqliteStore,
    kind: SeenKind,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Seen>, StoreError> {
    let source = source(kind);
    let (Source::Column(name) | Source::Name(name)) = source;
    let after: Option<(i64, String)> = cursor.map(|cursor| paging::decode(name, cursor)).transpose()?;
    let (last, key) = after.unwrap_or((i64::MAX, String::new()));
    let query = format!(
        "SELECT key, n, first, last, latest FROM ({}) WHERE last < ?1 OR (last = ?1 AND key > ?2)
         ORDER BY last DESC, key LIMIT ?3",
        rows_of(&source)
    );
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    store.meta.read(|meta| {
        let mut statement = meta.prepare_cached(&query)?;
        let mut rows = statement.query(params![last, key, wanted])?;
        let mut items: Vec<Seen> = Vec::new();
        while let Some(row) = rows.next()? {
            if items.len() == limit {
                let end = items.last().map(|last| (last.last_seen_at.as_micros(), last.key.clone()));
                let next_cursor = end.map(|end| paging::encode(name, &end)).transpose()?;
                return Ok(Page { items, next_cursor });
            }
            let last_seen_at = Timestamp::from_micros(row.get(3)?);
            let latest: Option<[u8; ID_LEN]> = row.get(4)?;
            items.push(Seen {
                key: row.get(0)?,
                sessions: row.get::<_, i64>(1)?.unsigned_abs(),
                first_seen_at: Timestamp::from_micros(row.get(2)?),
                last_seen_at,
                latest: match latest {
                    Some(id) => sessions::of_row(meta, SessionId(id), last_seen_at)?,
                    None => None,
                },
            });
        }
        Ok(Page { items, next_cursor: None })
    })
}
