//! Sessions, their timelines, single events and what a model saw.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use serde_json::Value;
use ursa_model::event::{Event, EventKind};
use ursa_model::ids::{EventId, SessionId};
use ursa_model::outline::OutlineItem;
use ursa_model::session::Session;
use ursa_store::{Outline, Page, SearchHit};

use crate::auth::Caller;
use crate::clip::{ClippedEvent, Piece, PieceAsked, clip};
use crate::limits::{OUTLINE_EVENTS_LIMIT, SESSION_HIGHLIGHTS_LIMIT};
use crate::params::Params;
use crate::problem::Problem;
use crate::search::{audited_query, check_may_search};
use crate::state::{ApiParts, ApiState};
use crate::view::{self, List, Settled};

/// What a model saw in one call.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Context {
    /// The system prompt, as sent.
    system: Value,
    /// The tools, as sent.
    tools: Value,
    /// The conversation, as sent.
    messages: Value,
    /// Every other key of the request's body.
    params: Value,
    /// True when this is equal, as JSON, to the request's body except for marked redactions.
    exact: bool,
    /// The redactions.
    redactions: Value,
}

/// A session in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ListedSession {
    /// The session.
    #[serde(flatten)]
    session: Session,
    /// Where it holds what was searched for, newest first, at most three; absent without `q`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    highlights: Option<Vec<Highlight>>,
}

/// A place in a session's events that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Highlight {
    /// In which event.
    #[schema(value_type = String)]
    event_id: EventId,
    /// What kind of event that is.
    kind: EventKind,
    /// Text around the words found: plain text, each word found between U+E000 and U+E001.
    text: String,
}

/// A session's timeline, one line an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionOutline {
    /// The highest revision when it was read: listen to `/live` after it.
    rev: u64,
    /// The events, in order.
    items: Vec<OutlineItem>,
    /// True when the session has more events than were asked for, or than an outline holds (50,000).
    cut: bool,
    /// `seq` of the session's last event, in `items` or not; 0 without any.
    last_seq: u64,
}

/// An id in a path; one that is no id names nothing, so that it is 404 and not 400.
pub(crate) fn path_id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(what))
}

/// The session of that id, or of an older one that leads to it.
pub(crate) fn find_session(parts: &ApiParts, id: SessionId) -> Result<Session, Problem> {
    parts.store.session(id, (parts.clock)())?.ok_or_else(|| Problem::not_found("session"))
}

#[utoipa::path(get, path = "/sessions", tag = "sessions", summary = "Sessions, newest first",
    description = "A viewer and an auditor get no titles, and may not use `q`.",
    params(crate::openapi::Paging, crate::openapi::Filters),
    responses((status = 200, description = "A page", body = List<ListedSession>), crate::openapi::Problems))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<List<ListedSession>>, Problem> {
    let params = Params::read(&uri)?;
    let (limit, mut filter) = (params.limit()?, params.filter()?);
    filter.q = params.text("q").map(str::to_owned);
    if filter.q.is_some() {
        check_may_search(&caller)?;
    }
    let cursor = params.cursor().map(str::to_owned);
    let page = state.blocking({
        let caller = caller.clone();
        move |parts| {
            let page = parts.store.sessions(&filter, limit, cursor.as_deref(), (parts.clock)())?;
            let Some(query) = &filter.q else { return Ok((page, None)) };
            let ids: Vec<SessionId> = page.items.iter().map(|session| session.id).collect();
            let hits = parts.store.search_each(query, &ids, SESSION_HIGHLIGHTS_LIMIT)?;
            caller.audit(parts, "search", &audited_query(query))?;
            Ok((page, Some(hits)))
        }
    });
    let (page, hits) = page.await?;
    Ok(Json(List::of(page, |session| ListedSession {
        highlights: hits.as_ref().map(|hits| highlights_of(hits, session.id)),
        session: view::session(&caller, session),
    })))
}

/// Where a session in a list holds what was searched for.
fn highlights_of(hits: &[SearchHit], session: SessionId) -> Vec<Highlight> {
    let own = hits.iter().filter(|hit| hit.event.session_id == session);
    let highlights = own.flat_map(|hit| {
        let (event_id, kind) = (hit.event.id, hit.event.body.kind());
        hit.highlights.iter().map(move |text| Highlight { event_id, kind, text: text.clone() })
    });
    highlights.take(SESSION_HIGHLIGHTS_LIMIT).collect()
}

#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", summary = "One session",
    params(("id" = String, Path, description = "Session id, current or older")),
    responses((status = 200, description = "The session", body = Session), crate::openapi::Problems))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Session>, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("session"))?;
    let id = path_id(&id, "session")?;
    let session = state.blocking(move |parts| find_session(parts, id)).await?;
    Ok(Json(view::session(&caller, session)))
}

#[utoipa::path(get, path = "/sessions/{id}/outline", tag = "sessions", summary = "A session's timeline, one line an event",
    description = "The whole session in one answer, or its first events. A viewer and an auditor get no titles.",
    params(("id" = String, Path, description = "Session id, current or older"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 50_000, description = "Only so many events from the beginning")),
    responses((status = 200, description = "The outline", body = SessionOutline), crate::openapi::Problems))]
pub(crate) async fn outline(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<SessionOutline>, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("session"))?;
    let id = path_id(&id, "session")?;
    let limit = Params::read(&uri)?.limit_of(OUTLINE_EVENTS_LIMIT, OUTLINE_EVENTS_LIMIT)?;
    let outline = state.blocking({
        let caller = caller.clone();
        move |parts| {
            let session = find_session(parts, id)?;
            let outline = parts.store.outline(session.id, limit)?;
            if caller.reads_content() {
                caller.audit(parts, "read_outline", &session.id.to_string())?;
            }
            Ok((Settled::of(&session), outline))
        }
    });
    let (settled, Outline { rev, items, cut, last_seq }) = outline.await?;
    let items = items.into_iter().map(|item| settled.outline(view::outline(&caller, item))).collect();
    Ok(Json(SessionOutline { rev, items, cut, last_seq }))
}

#[utoipa::path(get, path = "/sessions/{id}/events", tag = "sessions", summary = "A session's timeline, in order",
    description = "The cursor pins a revision: later pages leave out what came after the first. A viewer and an \
        auditor get events without their texts.",
    params(("id" = String, Path, description = "Session id"), crate::openapi::Paging, crate::openapi::Clip,
        ("from_seq" = Option<u64>, Query, minimum = 1, description = "Begin with this `seq`; not with `cursor`")),
    responses((status = 200, description = "A page", body = List<ClippedEvent>), crate::openapi::Problems))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<List<ClippedEvent>>, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("session"))?;
    let id = path_id(&id, "session")?;
    let params = Params::read(&uri)?;
    let (limit, cursor, clip) = (params.limit()?, params.cursor().map(str::to_owned), clip(&params)?);
    let from_seq: Option<u64> = params.parsed("from_seq", "a number")?;
    if from_seq == Some(0) || (from_seq.is_some() && cursor.is_some()) {
        return Err(Problem::invalid("from_seq", "expected 1 or more, and no `cursor` beside it"));
    }
    let page = state.blocking({
        let caller = caller.clone();
        move |parts| {
            let session = find_session(parts, id)?;
            let (settled, session) = (Settled::of(&session), session.id);
            let page: Page<Event> = match from_seq {
                Some(seq) => parts.store.timeline_from(session, seq, limit)?,
                None => parts.store.timeline(session, limit, cursor.as_deref())?,
            };
            if caller.reads_content() {
                caller.audit(parts, "read_events", &session.to_string())?;
            }
            // Here, not on the async thread: cutting goes over all of the content.
            let Page { items, next_cursor } = page;
            let shown = items.into_iter().map(|event| settled.event(view::event(&caller, event)));
            let shown = shown.map(|event| ClippedEvent::of(&event, clip));
            Ok(List { items: shown.collect::<Result<_, _>>()?, next_cursor })
        }
    });
    Ok(Json(page.await?))
}

#[utoipa::path(get, path = "/events/{id}", tag = "sessions", summary = "One event",
    params(("id" = String, Path, description = "Event id, current or older"), crate::openapi::Clip),
    responses((status = 200, description = "The event", body = ClippedEvent), crate::openapi::Problems))]
pub(crate) async fn event(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<ClippedEvent>, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("event"))?;
    let id: EventId = path_id(&id, "event")?;
    let clip = clip(&Params::read(&uri)?)?;
    let event = state.blocking(move |parts| {
        let event = find_event(parts, &caller, id)?;
        let settled = Settled::of(&find_session(parts, event.session_id)?);
        ClippedEvent::of(&settled.event(view::event(&caller, event)), clip)
    });
    Ok(Json(event.await?))
}

#[utoipa::path(get, path = "/events/{id}/text", tag = "sessions", summary = "A piece of one part of an event",
    description = "What `clip` cut, piece by piece. A part that is no string is taken as its JSON text.",
    params(("id" = String, Path, description = "Event id, current or older"),
        ("pointer" = String, Query, description = "JSON pointer into the event, such as `/text` or `/result/0/text`"),
        ("offset" = Option<u64>, Query, description = "Characters before the piece"),
        ("chars" = Option<u64>, Query, minimum = 1, maximum = 1_000_000, description = "Most characters of the piece")),
    responses((status = 200, description = "The piece", body = Piece), crate::openapi::Problems))]
pub(crate) async fn text(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Piece>, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("event"))?;
    let id: EventId = path_id(&id, "event")?;
    let asked = PieceAsked::read(&Params::read(&uri)?)?;
    let piece = state.blocking(move |parts| asked.of(&find_event(parts, &caller, id)?));
    Ok(Json(piece.await?))
}

/// The event of that id, or of an older one that leads to it; that it is read is in the audit log.
fn find_event(parts: &ApiParts, caller: &Caller, id: EventId) -> Result<Event, Problem> {
    let event = parts.store.event(id)?.ok_or_else(|| Problem::not_found("event"))?;
    if caller.reads_content() {
        caller.audit(parts, "read_event", &event.id.to_string())?;
    }
    Ok(event)
}

#[utoipa::path(get, path = "/sessions/{id}/calls/{event_id}/context", tag = "sessions",
    summary = "What the model saw in a call",
    params(("id" = String, Path, description = "Session id"), ("event_id" = String, Path, description = "Id of a \
        `model_call` event of that session")),
    responses((status = 200, description = "The request, rebuilt", body = Context), crate::openapi::Problems))]
pub(crate) async fn context(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let Path((session, event)) = ids.map_err(|_| Problem::not_found("session"))?;
    let session: SessionId = path_id(&session, "session")?;
    let event: EventId = path_id(&event, "event")?;
    let context = state.blocking(move |parts| {
        let session = find_session(parts, session)?;
        let event = parts.store.event(event)?.filter(|event| event.session_id == session.id);
        let event = event.ok_or_else(|| Problem::not_found("event in this session"))?;
        let context = parts.context.context(event.id)?.ok_or_else(|| Problem::not_found("context of this event"))?;
        caller.audit(parts, "read_context", &event.id.to_string())?;
        Ok(context)
    });
    Ok(Json(context.await?))
}
