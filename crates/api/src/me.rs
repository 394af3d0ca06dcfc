//! Who is signed in, and what a page must know of the server before it asks for more.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use ursa_model::time::Timestamp;
use ursa_store::Role;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::state::ApiState;

/// The caller, and the server as the caller sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Me {
    /// The token's id, as the audit log shows it.
    id: String,
    /// What the caller may do.
    role: Role,
    /// Whether texts, arguments and results are shown.
    reads_content: bool,
    /// When the token or the browser's session ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// True when the server is bound to loopback: agents on this machine then need no key.
    loopback_only: bool,
    /// The server's version.
    version: &'static str,
}

#[utoipa::path(get, path = "/me", tag = "operation", summary = "Who is asking",
    responses((status = 200, description = "The caller", body = Me), crate::openapi::Problems))]
pub(crate) async fn me(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Me>, Problem> {
    Ok(Json(Me {
        reads_content: caller.reads_content(),
        id: caller.id,
        role: caller.role,
        expires_at: caller.expires_at,
        loopback_only: state.parts().loopback_only,
        version: env!("CARGO_PKG_VERSION"),
    }))
}
