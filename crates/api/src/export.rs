//! A session, whole.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Uri, header};
use serde::Serialize;
use ursa_model::event::Event;
use ursa_model::ids::SessionId;
use ursa_model::session::Session;
use ursa_store::{Page, StoreError};

use crate::atif;
use crate::auth::Caller;
use crate::limits::{ATIF_EVENTS_LIMIT, PAGE_MAX};
use crate::params::Params;
use crate::problem::Problem;
use crate::sessions::{find_session, path_id};
use crate::state::{ApiParts, ApiState};
use crate::view::Settled;

/// A session and its timeline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionExport {
    /// The session.
    session: Session,
    /// Its timeline, in order.
    events: Vec<Event>,
}

/// A line of the NDJSON export.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Session(&'a Session),
    Event(&'a Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Atif,
}

impl Format {
    fn of(params: &Params) -> Result<Self, Problem> {
        match params.text("format").unwrap_or("json") {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "atif" => Ok(Self::Atif),
            _ => Err(Problem::invalid("format", "expected json, ndjson or atif")),
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::Atif => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Atif => "atif.json",
        }
    }
}

#[utoipa::path(get, path = "/sessions/{id}/export", tag = "sessions", summary = "A session, whole",
    description = "`json`: one document. `ndjson`: a line `{\"type\": \"session\", …}`, then a line \
        `{\"type\": \"event\", …}` for each event. `atif`: an ATIF-v1.7 trajectory. An export that is cut short ends \
        without its closing chunk, so that clients notice.",
    params(("id" = String, Path, description = "Session id"),
        ("format" = Option<String>, Query, description = "json (default), ndjson or atif")),
    responses((status = 200, description = "The session", content((SessionExport = "application/json"),
        (String = "application/x-ndjson"))), crate::openapi::Problems))]
pub(crate) async fn export(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(|_| Problem::not_found("session"))?;
    let id: SessionId = path_id(&id, "session")?;
    let format = Format::of(&Params::read(&uri)?)?;
    let session = state.blocking(move |parts| {
        let session = find_session(parts, id)?;
        caller.audit(parts, "export_session", &session.id.to_string())?;
        Ok(session)
    });
    let session = session.await?;
    let name = format!("attachment; filename=\"{}.{}\"", session.id, format.extension());
    let body = match format {
        Format::Json => pages(state, session, false),
        Format::Ndjson => pages(state, session, true),
        Format::Atif => whole_atif(&state, session).await?,
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(|error| Problem::internal(&error))?);
    Ok(response)
}

fn read_page(
    parts: &ApiParts,
    session: SessionId,
    settled: Settled,
    cursor: Option<&str>,
) -> Result<Page<Event>, Problem> {
    let Page { items, next_cursor } = parts.store.timeline(session, PAGE_MAX, cursor)?;
    Ok(Page { items: items.into_iter().map(|event| settled.event(event)).collect(), next_cursor })
}

/// Where the writing of an export is.
enum Next {
    Opening(Box<Session>),
    Page { session: SessionId, settled: Settled, cursor: Option<String> },
    End,
}

/// Writes the export page by page, each when the client has taken the one before: as one document, or as lines.
fn pages(state: ApiState, session: Session, lines: bool) -> Body {
    let steps = stream::try_unfold(Next::Opening(Box::new(session)), move |next| {
        let state = state.clone();
        async move {
            match next {
                Next::Opening(session) => {
                    let text = opening(lines, &session)?;
                    Ok::<_, std::io::Error>(Some((
                        text,
                        Next::Page { session: session.id, settled: Settled::of(&session), cursor: None },
                    )))
                }
                Next::Page { session, settled, cursor } => {
                    let first = cursor.is_none();
                    let page = state.blocking(move |parts| read_page(parts, session, settled, cursor.as_deref())).await;
                    // An error here ends the body without its closing chunk: the status went out long ago.
                    let page = page.map_err(|problem| std::io::Error::other(problem.detail))?;
                    let text = events(lines, &page, first)?;
                    let next = match page.next_cursor {
                        None => Next::End,
                        cursor => Next::Page { session, settled, cursor },
                    };
                    Ok(Some((text, next)))
                }
                Next::End => Ok(None),
            }
        }
    });
    Body::from_stream(steps)
}

fn opening(lines: bool, session: &Session) -> Result<Bytes, serde_json::Error> {
    let text = if lines {
        serde_json::to_string(&Line::Session(session))? + "\n"
    } else {
        format!("{{\"session\":{},\"events\":[", serde_json::to_string(session)?)
    };
    Ok(text.into())
}

fn events(lines: bool, page: &Page<Event>, first: bool) -> Result<Bytes, serde_json::Error> {
    let mut text = String::new();
    for (index, event) in page.items.iter().enumerate() {
        if lines {
            text.push_str(&serde_json::to_string(&Line::Event(event))?);
            text.push('\n');
        } else {
            text.push_str(if first && index == 0 { "" } else { "," });
            text.push_str(&serde_json::to_string(event)?);
        }
    }
    if page.next_cursor.is_none() && !lines {
        text.push_str("]}");
    }
    Ok(text.into())
}

async fn whole_atif(state: &ApiState, session: Session) -> Result<Body, Problem> {
    let trajectory = state.blocking(move |parts| {
        let mut events = Vec::new();
        let mut cursor = None;
        loop {
            let page = read_page(parts, session.id, Settled::of(&session), cursor.as_deref())?;
            events.extend(page.items);
            if events.len() > ATIF_EVENTS_LIMIT {
                let reason = format!("the session has more than {ATIF_EVENTS_LIMIT} events; use ndjson");
                return Err(Problem::invalid("format", reason));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let trajectory = atif::trajectory(&session, &events);
        serde_json::to_vec(&trajectory).map_err(|error| StoreError::Damaged(error.to_string()).into())
    });
    Ok(trajectory.await?.into())
}
