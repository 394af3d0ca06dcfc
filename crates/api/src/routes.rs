//! The table of routes. The router, the authorisation test and the check of the OpenAPI document all follow it.

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, put};
use axum::{Router, middleware};
use http::Method;

use crate::auth::{Access, Guard, authorise};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{browser, export, live, me, openapi, search, seen, sessions, settings, signin, stats};

/// Where the API begins.
pub const PREFIX: &str = "/api/v1";

/// One route of the API.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path under [`PREFIX`], parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    handler: fn() -> MethodRouter<ApiState>,
}

const fn route(method: Method, path: &'static str, access: Access, handler: fn() -> MethodRouter<ApiState>) -> Route {
    Route { method, path, access, handler }
}

/// Every route of the API, and who may call it.
pub static ROUTES: [Route; 22] = [
    route(Method::GET, "/sessions", Access::Metadata, || get(sessions::list)),
    route(Method::GET, "/sessions/{id}", Access::Metadata, || get(sessions::one)),
    route(Method::GET, "/sessions/{id}/outline", Access::Metadata, || get(sessions::outline)),
    route(Method::GET, "/sessions/{id}/events", Access::Metadata, || get(sessions::events)),
    route(Method::GET, "/sessions/{id}/export", Access::Content, || get(export::export)),
    route(Method::GET, "/sessions/{id}/calls/{event_id}/context", Access::Content, || get(sessions::context)),
    route(Method::GET, "/events/{id}", Access::Metadata, || get(sessions::event)),
    route(Method::GET, "/events/{id}/text", Access::Content, || get(sessions::text)),
    route(Method::GET, "/search", Access::Content, || get(search::search)),
    route(Method::GET, "/agents", Access::Metadata, || get(seen::agents)),
    route(Method::GET, "/users", Access::Metadata, || get(seen::users)),
    route(Method::GET, "/devices", Access::Metadata, || get(seen::devices)),
    route(Method::GET, "/models", Access::Metadata, || get(seen::models)),
    route(Method::GET, "/tools", Access::Metadata, || get(seen::tools)),
    route(Method::GET, "/mcp-servers", Access::Metadata, || get(seen::mcp_servers)),
    route(Method::GET, "/live", Access::Metadata, || get(live::live)),
    route(Method::GET, "/stats", Access::Metadata, || get(stats::stats)),
    route(Method::GET, "/settings/privacy", Access::Metadata, || get(settings::get)),
    route(Method::PUT, "/settings/privacy", Access::Admin, || put(settings::put)),
    route(Method::GET, "/audit", Access::Audit, || get(stats::audit)),
    route(Method::GET, "/me", Access::Metadata, || get(me::me)),
    route(Method::GET, "/openapi.json", Access::Open, || get(openapi::document)),
];

/// The API, the sign-in and the web UI.
pub fn router(state: ApiState) -> Router {
    let mut api = Router::new();
    for route in &ROUTES {
        let guard = Guard { state: state.clone(), access: route.access };
        api = api.route(route.path, (route.handler)().route_layer(from_fn_with_state(guard, authorise)));
    }
    // Below the API nothing is a page.
    let api = api.fallback(async || Problem::not_found("path"));
    Router::new()
        .nest(PREFIX, api)
        .merge(signin::routes())
        .fallback(browser::file_or_page)
        .method_not_allowed_fallback(async || {
            Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "the path has other methods, see `allow`")
        })
        .layer(middleware::from_fn_with_state(state.clone(), browser::protect))
        .with_state(state)
}
