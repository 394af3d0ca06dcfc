//! Events that hold all words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use ursa_model::event::EventKind;
use ursa_model::ids::{EventId, SessionId};
use ursa_model::time::Timestamp;

use super::query::Query;
use super::sessions::{self, Condition};
use super::{SqliteStore, lookups, paging, positions, timeline};
use crate::{Page, SearchHit, SessionFilter, StoreError};

const LIST: &str = "search";

/// An event that was found; orders as the list does, newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Hit {
    at: i64,
    id: EventId,
    #[serde(skip)]
    day: i64,
}

/// See [`crate::RecordStore::search`].
pub(super) fn search(
    store: &SqliteStore,
    query: &str,
    filter: &SessionFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<SearchHit>, StoreError> {
    let before: Option<Hit> = cursor.map(|cursor| paging::decode(LIST, cursor)).transpose()?;
    let mut query = Query::parse(query)?;
    if let Some(more) = &filter.q {
        query = query.and(Query::parse(more)?);
    }
    let wanted = limit.saturating_add(1);
    let filter = &sessions::now_of(store, filter)?;
    let mut sessions = Sessions::new(store, filter);
    let mut hits: Vec<Hit> = Vec::new();
    let known = store.meta.read(lookups::last_rev)?;
    let within = filter.session.map(|session| rows_of(store, session)).transpose()?;
    let wanted_of = |span| Wanted { filter, before, known, span, most: wanted };
    for (day, max_at) in days(store)? {
        let span = match &within {
            None => ANY_ROW,
            Some(within) => match within.get(&day) {
                Some(span) => *span,
                None => continue,
            },
        };
        // Days come by their newest event: once the page is full and older days can add nothing newer, it is done.
        if hits.len() >= wanted && hits.get(wanted - 1).is_some_and(|last| last.at > max_at) {
            break;
        }
        hits.extend(of_day(store, day, &query, &mut sessions, &wanted_of(span))?);
        hits.sort_unstable_by(|one, two| two.cmp(one));
        hits.truncate(wanted);
    }
    let more = hits.len() > limit;
    hits.truncate(limit);
    let next_cursor = match hits.last() {
        Some(last) if more => Some(paging::encode(LIST, last)?),
        _ => None,
    };
    Ok(Page { items: load(store, &hits, &query)?, next_cursor })
}

/// See [`crate::RecordStore::search_each`].
pub(super) fn search_each(
    store: &SqliteStore,
    query: &str,
    sessions: &[SessionId],
    each: usize,
) -> Result<Vec<SearchHit>, StoreError> {
    let query = Query::parse(query)?;
    let known = store.meta.read(lookups::last_rev)?;
    // Rows name the session that an event was written for, which may be another's now.
    let mut room: Vec<usize> = vec![each; sessions.len()];
    let mut member_of: HashMap<SessionId, usize> = HashMap::new();
    store.meta.read(|meta| {
        for (index, session) in sessions.iter().enumerate() {
            for member in lookups::session_group(meta, lookups::session_now(meta, *session)?)? {
                member_of.insert(member, index);
            }
        }
        Ok(())
    })?;
    let mut hits = Vec::new();
    for (day, _) in days(store)? {
        if room.iter().all(|room| *room == 0) {
            break;
        }
        store.days.get(day)?.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT events.at, events.id, events.session FROM words JOIN events ON events.n = words.rowid
                 WHERE words MATCH ? AND events.born <= ? ORDER BY events.at DESC, events.id DESC",
            )?;
            let mut rows = statement.query(params![query.as_match(), known])?;
            while let Some(row) = rows.next()? {
                let Some(room) = member_of.get(&SessionId(row.get(2)?)).and_then(|index| room.get_mut(*index)) else {
                    continue;
                };
                if *room > 0 {
                    *room -= 1;
                    hits.push(Hit { at: row.get(0)?, id: EventId(row.get(1)?), day });
                }
            }
            Ok(())
        })?;
    }
    load(store, &hits, &query)
}

fn load(store: &SqliteStore, hits: &[Hit], query: &Query) -> Result<Vec<SearchHit>, StoreError> {
    let mut found = timeline::load(store, hits.iter().map(|hit| (hit.day, hit.id)))?;
    let mut events: Vec<_> = hits.iter().filter_map(|hit| found.remove(&hit.id)).collect();
    positions::place(store, &mut events)?;
    events
        .into_iter()
        .map(|event| {
            let body = serde_json::to_value(&event.body).map_err(|error| StoreError::Backend(error.to_string()))?;
            Ok(SearchHit { highlights: query.highlights(&body), event })
        })
        .collect()
}

/// Days with events and the time of their newest, newest first.
fn days(store: &SqliteStore) -> Result<Vec<(i64, i64)>, StoreError> {
    store.meta.read(|meta| {
        let mut statement = meta.prepare_cached(
            "SELECT day, max_at FROM days WHERE max_at IS NOT NULL AND purged = 0 ORDER BY max_at DESC",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}

/// First and last of some rows of a day.
type Span = (i64, i64);

const ANY_ROW: Span = (i64::MIN, i64::MAX);

/// Between which rows of each day a session's events lie: they were written at about one time, so that the words of
/// most other sessions need not be looked through.
fn rows_of(store: &SqliteStore, session: SessionId) -> Result<BTreeMap<i64, Span>, StoreError> {
    let mut spans = BTreeMap::new();
    for (day, member) in positions::parts_of(store, session)? {
        let found = store.days.get(day)?.read(|db| span_of(db, member))?;
        let span: &mut Span = spans.entry(day).or_insert(found);
        *span = (span.0.min(found.0), span.1.max(found.1));
    }
    Ok(spans)
}

fn span_of(db: &Connection, member: SessionId) -> Result<Span, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT coalesce(min(n), 0), coalesce(max(n), 0) FROM events WHERE session = ?")?;
    Ok(statement.query_row([member.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Which of a day's hits are wanted.
struct Wanted<'f> {
    filter: &'f SessionFilter,
    before: Option<Hit>,
    /// Events of an append that is under way have no place in their session yet.
    known: i64,
    span: Span,
    most: usize,
}

fn of_day(
    store: &SqliteStore,
    day: i64,
    query: &Query,
    sessions: &mut Sessions<'_>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Hit>, StoreError> {
    let (filter, before) = (wanted.filter, wanted.before);
    let before = before.unwrap_or(Hit { at: i64::MAX, id: EventId([0xff; 16]), day });
    let from = filter.from.map_or(i64::MIN, Timestamp::as_micros);
    let to = filter.to.map_or(i64::MAX, Timestamp::as_micros);
    store.days.get(day)?.read(|db| {
        let mut statement = db.prepare_cached(
            "SELECT events.at, events.id, events.session FROM words JOIN events ON events.n = words.rowid
             WHERE words MATCH ? AND (events.at, events.id) < (?, ?) AND events.at >= ? AND events.at < ?
                 AND events.born <= ? AND events.kind = coalesce(?, events.kind)
                 AND words.rowid BETWEEN ? AND ?
             ORDER BY events.at DESC, events.id DESC",
        )?;
        let kind = filter.kind.map(EventKind::as_str);
        let (known, (first, last)) = (wanted.known, wanted.span);
        let mut rows =
            statement.query(params![query.as_match(), before.at, before.id.0, from, to, known, kind, first, last])?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            if sessions.has(SessionId(row.get(2)?))? {
                hits.push(Hit { at: row.get(0)?, id: EventId(row.get(1)?), day });
                if hits.len() >= wanted.most {
                    break;
                }
            }
        }
        Ok(hits)
    })
}

/// Sessions that hold a matching event, by the id they have now.
pub(super) fn sessions_with(store: &SqliteStore, query: &Query) -> Result<BTreeSet<SessionId>, StoreError> {
    let mut found = BTreeSet::new();
    for (day, _) in days(store)? {
        let sessions: Vec<SessionId> = store.days.get(day)?.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT DISTINCT events.session FROM words JOIN events ON events.n = words.rowid WHERE words MATCH ?",
            )?;
            let rows = statement.query_map([query.as_match()], |row| Ok(SessionId(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        found.extend(sessions);
    }
    store.meta.read(|meta| found.into_iter().map(|session| lookups::session_now(meta, session)).collect())
}

/// Which sessions match the filter; each is asked for once.
struct Sessions<'s> {
    store: &'s SqliteStore,
    condition: Option<Condition>,
    known: HashMap<SessionId, bool>,
}

impl<'s> Sessions<'s> {
    fn new(store: &'s SqliteStore, filter: &SessionFilter) -> Self {
        // Times are asked of the events themselves, and activity cannot be told without a clock.
        let filter = SessionFilter { from: None, to: None, q: None, kind: None, ..filter.clone() };
        let condition = (filter != SessionFilter::default()).then(|| sessions::condition(&filter, None));
        Self { store, condition, known: HashMap::new() }
    }

    fn has(&mut self, session: SessionId) -> Result<bool, StoreError> {
        let Some(condition) = &self.condition else { return Ok(true) };
        if let Some(known) = self.known.get(&session) {
            return Ok(*known);
        }
        let matches =
            self.store.meta.read(|meta| sessions::matches(meta, lookups::session_now(meta, session)?, condition))?;
        self.known.insert(session, matches);
        Ok(matches)
    }
}
