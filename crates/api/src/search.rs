//! Full-text search.

use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use ursa_model::event::EventKind;
use ursa_model::ids::hex;
use ursa_store::Page;

use crate::auth::Caller;
use crate::clip::{ClippedEvent, clip};
use crate::params::Params;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::view::List;

/// Bytes of a query's hash that go into the audit log.
const QUERY_HASH_BYTES: usize = 8;

/// An event that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Found {
    /// The event.
    #[serde(flatten)]
    event: ClippedEvent,
    /// Parts of its text around the words found: plain text, each word found between U+E000 and U+E001.
    highlights: Vec<String>,
}

/// Finding is reading: whether a word is in a text tells what the text says.
pub(crate) fn check_may_search(caller: &Caller) -> Result<(), Problem> {
    if caller.reads_content() {
        Ok(())
    } else {
        Err(Problem::forbidden("`q`: the token's role does not allow searching content"))
    }
}

/// A query as the audit log shows it. Its words may be content that is later erased, so that only a hash is kept: it
/// answers whether a given query was asked.
pub(crate) fn audited_query(query: &str) -> String {
    format!("query:{}", hex(&blake3::hash(query.as_bytes()).as_bytes()[..QUERY_HASH_BYTES]))
}

#[utoipa::path(get, path = "/search", tag = "sessions", summary = "Events that hold all words, newest first",
    params(crate::openapi::Paging, crate::openapi::Filters, crate::openapi::Clip,
        ("session" = Option<String>, Query, description = "One session only"),
        ("kind" = Option<EventKind>, Query, description = "Events of this kind only")),
    responses((status = 200, description = "A page", body = List<Found>), crate::openapi::Problems))]
pub(crate) async fn search(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<List<Found>>, Problem> {
    let params = Params::read(&uri)?;
    let (limit, filter) = (params.limit()?, params.filter()?);
    let query = params.text("q").ok_or_else(|| Problem::invalid("q", "needed"))?.to_owned();
    let (cursor, clip) = (params.cursor().map(str::to_owned), clip(&params)?);
    let page = state.blocking(move |parts| {
        let Page { items, next_cursor } = parts.store.search(&query, &filter, limit, cursor.as_deref())?;
        caller.audit(parts, "search", &audited_query(&query))?;
        let shown = items
            .into_iter()
            .map(|hit| Ok(Found { event: ClippedEvent::of(&hit.event, clip)?, highlights: hit.highlights }));
        Ok(List { items: shown.collect::<Result<_, Problem>>()?, next_cursor })
    });
    Ok(Json(page.await?))
}
