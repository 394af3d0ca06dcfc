//! Counters, sizes and the audit log.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use ursa_model::time::Timestamp;
use ursa_store::AuditEntry;

use crate::auth::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::view::List;

/// Counters and sizes. Idle, nothing in it changes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Stats {
    /// Captures that became part of the record.
    captures: u64,
    /// Observations read from them.
    observations: u64,
    /// Events.
    events: u64,
    /// Sessions.
    sessions: u64,
    /// Observations that told nothing new.
    duplicates: u64,
    /// Captures that belong to no session.
    unattributed: u64,
    /// Losses by reason.
    dropped: BTreeMap<String, u64>,
    /// Bytes of the store on disk.
    store_bytes: u64,
    /// Bytes of content packs among them.
    content_bytes: u64,
    /// Highest revision.
    last_rev: u64,
    /// Acknowledged captures that are not yet appended.
    pending: u64,
    /// The edge's own counters since the process began.
    edge: BTreeMap<String, u64>,
    /// The journal's own counters since the process began.
    journal: BTreeMap<String, u64>,
    /// The ingest API's own counters since the process began (`accepted_hook`, `duplicates`, …), and of what is kept:
    /// `spools` that devices deliver from, `missing` envelopes in them.
    collect: BTreeMap<String, u64>,
}

/// One line of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditLine {
    /// Grows.
    id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who: a token's id, `cli`, `ui:…` for a browser.
    actor: String,
    /// What was done.
    action: String,
    /// On what.
    target: String,
}

impl From<AuditEntry> for AuditLine {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, action, target } = entry;
        Self { id, at, actor, action, target }
    }
}

#[utoipa::path(get, path = "/stats", tag = "operation", summary = "Counters and sizes",
    responses((status = 200, description = "The counters", body = Stats), crate::openapi::Problems))]
pub(crate) async fn stats(State(state): State<ApiState>) -> Result<Json<Stats>, Problem> {
    // Asked before the store: a capture that is appended in between is then counted twice rather than not at all, so
    // that `pending: 0` always means that the store's counters are whole.
    let runtime = state.parts().runtime.counters();
    let store = state.blocking(|parts| Ok(parts.store.stats()?)).await?;
    let mut dropped = store.dropped;
    for (reason, count) in runtime.dropped {
        *dropped.entry(reason).or_default() += count;
    }
    Ok(Json(Stats {
        captures: store.captures,
        observations: store.observations,
        events: store.events,
        sessions: store.sessions,
        duplicates: store.duplicates,
        unattributed: store.unattributed,
        dropped,
        store_bytes: store.store_bytes,
        content_bytes: store.content_bytes,
        last_rev: store.last_rev,
        pending: runtime.pending,
        edge: runtime.edge,
        journal: runtime.journal,
        collect: runtime.collect,
    }))
}

#[utoipa::path(get, path = "/audit", tag = "operation", summary = "Who read or changed what, newest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<AuditLine>), crate::openapi::Problems))]
pub(crate) async fn audit(
    State(state): State<ApiState>,
    Extension(_caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<List<AuditLine>>, Problem> {
    let params = Params::read(&uri)?;
    let (limit, cursor) = (params.limit()?, params.cursor().map(str::to_owned));
    let page = state.blocking(move |parts| Ok(parts.store.audit_log(limit, cursor.as_deref())?)).await?;
    Ok(Json(List::of(page, AuditLine::from)))
}
