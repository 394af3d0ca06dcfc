//! What sessions tell of agents, users, devices, models, tools and MCP servers. Lists of what is installed come with the
//! inventory; these say what was used.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde::Serialize;
use ursa_model::capture::Assurance;
use ursa_model::message::AgentKind;
use ursa_model::time::Timestamp;
use ursa_store::{Page, Seen, SeenKind};

use crate::params::Params;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::view::List;

/// How well an agent is known.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Its content is captured.
    Monitored,
}

/// Whether an agent may be used.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Review {
    /// Nobody has said yet.
    Unreviewed,
}

/// How often, and when.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Sightings {
    /// Sessions in which it was seen.
    sessions: u64,
    /// When the first of them began.
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// When something last happened in one of them.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
}

/// An agent that was used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeenAgent {
    /// One slug an agent.
    slug: String,
    /// Name for people.
    name: String,
    /// Where it runs.
    kind: AgentKind,
    /// How well it is known.
    level: Level,
    /// Whether it may be used.
    review: Review,
    /// How often, and when.
    #[serde(flatten)]
    seen: Sightings,
}

/// A user of agents.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeenUser {
    /// Login or id.
    id: String,
    /// E-mail, if known.
    email: Option<String>,
    /// Name, if known.
    name: Option<String>,
    /// How sure, in the latest session.
    source: Assurance,
    /// How often, and when.
    #[serde(flatten)]
    seen: Sightings,
}

/// A machine on which agents ran.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeenDevice {
    /// Device id or reported name.
    id: String,
    /// Host name, if known.
    hostname: Option<String>,
    /// Serial number, if known.
    serial: Option<String>,
    /// How sure, in the latest session.
    source: Assurance,
    /// How often, and when.
    #[serde(flatten)]
    seen: Sightings,
}

/// A model, tool or MCP server that was used.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeenName {
    /// Its name.
    name: String,
    /// How often, and when.
    #[serde(flatten)]
    seen: Sightings,
}

impl From<&Seen> for Sightings {
    fn from(seen: &Seen) -> Self {
        Self { sessions: seen.sessions, first_seen_at: seen.first_seen_at, last_seen_at: seen.last_seen_at }
    }
}

impl From<Seen> for SeenAgent {
    fn from(seen: Seen) -> Self {
        let sightings = Sightings::from(&seen);
        let agent = seen.latest.map(|session| session.agent).unwrap_or_default();
        Self {
            slug: seen.key,
            name: agent.name,
            kind: agent.kind,
            level: Level::Monitored,
            review: Review::Unreviewed,
            seen: sightings,
        }
    }
}

impl From<Seen> for SeenUser {
    fn from(seen: Seen) -> Self {
        let sightings = Sightings::from(&seen);
        let user = seen.latest.and_then(|session| session.user);
        let source = user.as_ref().map_or(Assurance::Inferred, |user| user.source);
        let (email, name) = user.map(|user| (user.email, user.name)).unwrap_or_default();
        Self { id: seen.key, email, name, source, seen: sightings }
    }
}

impl From<Seen> for SeenDevice {
    fn from(seen: Seen) -> Self {
        let sightings = Sightings::from(&seen);
        let device = seen.latest.and_then(|session| session.device);
        let source = device.as_ref().map_or(Assurance::Inferred, |device| device.source);
        let (hostname, serial) = device.map(|device| (device.hostname, device.serial)).unwrap_or_default();
        Self { id: seen.key, hostname, serial, source, seen: sightings }
    }
}

impl From<Seen> for SeenName {
    fn from(seen: Seen) -> Self {
        Self { seen: Sightings::from(&seen), name: seen.key }
    }
}

async fn list<T: From<Seen>>(state: &ApiState, uri: &Uri, kind: SeenKind) -> Result<Json<List<T>>, Problem> {
    let params = Params::read(uri)?;
    let (limit, cursor) = (params.limit()?, params.cursor().map(str::to_owned));
    let page: Page<Seen> = state.blocking(move |parts| Ok(parts.store.seen(kind, limit, cursor.as_deref())?)).await?;
    Ok(Json(List::of(page, T::from)))
}

#[utoipa::path(get, path = "/agents", tag = "seen", summary = "Agents that were used, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenAgent>), crate::openapi::Problems))]
pub(crate) async fn agents(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenAgent>>, Problem> {
    list(&state, &uri, SeenKind::Agent).await
}

#[utoipa::path(get, path = "/users", tag = "seen", summary = "Users of agents, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenUser>), crate::openapi::Problems))]
pub(crate) async fn users(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenUser>>, Problem> {
    list(&state, &uri, SeenKind::User).await
}

#[utoipa::path(get, path = "/devices", tag = "seen", summary = "Machines on which agents ran, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenDevice>), crate::openapi::Problems))]
pub(crate) async fn devices(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenDevice>>, Problem> {
    list(&state, &uri, SeenKind::Device).await
}

#[utoipa::path(get, path = "/models", tag = "seen", summary = "Models that answered or were asked, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenName>), crate::openapi::Problems))]
pub(crate) async fn models(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenName>>, Problem> {
    list(&state, &uri, SeenKind::Model).await
}

#[utoipa::path(get, path = "/tools", tag = "seen", summary = "Tools that were called, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenName>), crate::openapi::Problems))]
pub(crate) async fn tools(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenName>>, Problem> {
    list(&state, &uri, SeenKind::Tool).await
}

#[utoipa::path(get, path = "/mcp-servers", tag = "seen", summary = "MCP servers that were called, the latest first",
    params(crate::openapi::Paging),
    responses((status = 200, description = "A page", body = List<SeenName>), crate::openapi::Problems))]
pub(crate) async fn mcp_servers(State(state): State<ApiState>, uri: Uri) -> Result<Json<List<SeenName>>, Problem> {
    list(&state, &uri, SeenKind::McpServer).await
}
