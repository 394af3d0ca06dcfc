//! The OpenAPI document. `openapi.json` beside this crate's manifest is generated from the handlers and checked in; a
//! test fails when it is not up to date.

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi};

use crate::auth::SESSION_COOKIE;
use crate::problem::Problem;
use crate::routes::PREFIX;

/// The document as it is checked in, and served.
pub const CHECKED_IN: &str = include_str!("../openapi.json");

/// Parameters of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters, which are read one by one so that problems name the parameter")]
pub(crate) struct Paging {
    /// Items a page.
    #[param(minimum = 1, maximum = 500, default = 50, required = false)]
    limit: u32,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// How much of an event is shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters, which are read one by one so that problems name the parameter")]
pub(crate) struct Clip {
    /// Longest string of an event's content, in characters; longer ones are cut and told in `clipped`. Without it all is
    /// shown.
    #[param(minimum = 256, maximum = 1_000_000)]
    clip: Option<u64>,
}

/// Filters of sessions, and of events by their session. All given ones must match.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters, which are read one by one so that problems name the parameter")]
pub(crate) struct Filters {
    /// Agent slug.
    agent: Option<String>,
    /// User id or e-mail.
    user: Option<String>,
    /// Device id or host name.
    device: Option<String>,
    /// A model that answered or was asked.
    model: Option<String>,
    /// A channel that saw it: edge, hook, browser, otel, transcript, edr or scan.
    channel: Option<String>,
    /// A tool that was called.
    tool: Option<String>,
    /// An MCP server that was called.
    mcp_server: Option<String>,
    /// Started at or after: RFC 3339.
    from: Option<String>,
    /// Started before: RFC 3339.
    to: Option<String>,
    /// Full text: all words, phrases in double quotes, `begin*` for words that begin so.
    q: Option<String>,
    /// active, ended or idle.
    status: Option<String>,
}

/// What every route may answer besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers of `Problem`")]
pub(crate) enum Problems {
    /// The request was wrong, not allowed, or about something that is not there.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Client(Problem),
    /// The server failed or is busy.
    #[response(status = "5XX", content_type = "application/problem+json")]
    Server(Problem),
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Ursa", description = "What AI agents did, who ran them, and what went in and out."),
    paths(
        crate::sessions::list, crate::sessions::one, crate::sessions::events, crate::export::export,
        crate::sessions::context, crate::sessions::event, crate::sessions::text, crate::sessions::outline,
        crate::seen::agents, crate::seen::users, crate::seen::devices, crate::seen::models, crate::seen::tools,
        crate::seen::mcp_servers, crate::search::search, crate::live::live,
        crate::me::me, crate::stats::stats, crate::stats::audit, crate::settings::get, crate::settings::put, document,
    ),
    modifiers(&Rules),
)]
struct Document;

/// What holds for all routes.
struct Rules;

impl Modify for Rules {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme(
            "token",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
        components
            .add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE))));
        let requirement = |name| utoipa::openapi::security::SecurityRequirement::new(name, [""; 0]);
        document.security = Some(vec![requirement("token"), requirement("session")]);
        document.servers = Some(vec![utoipa::openapi::Server::new(PREFIX)]);
    }
}

/// The document that follows from the handlers.
pub fn generate() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[utoipa::path(get, path = "/openapi.json", tag = "operation", summary = "This document", security(()),
    responses((status = 200, description = "The document", body = Object), Problems))]
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], CHECKED_IN).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn the_checked_in_document_is_up_to_date() {
        let mut generated = generate().to_pretty_json().unwrap();
        generated.push('\n');
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &generated).unwrap();
            return;
        }
        assert!(
            generated == CHECKED_IN,
            "crates/api/openapi.json is not up to date; run `UPDATE_OPENAPI=1 cargo test -p ursa-api openapi`"
        );
    }

    #[test]
    fn the_document_lists_exactly_the_routes() {
        let document = serde_json::to_value(generate()).unwrap();
        let mut listed = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                listed.insert((path.clone(), method.to_uppercase()));
            }
        }
        let routes: BTreeSet<_> =
            ROUTES.iter().map(|route| (route.path.to_owned(), route.method.to_string())).collect();
        assert_eq!(listed, routes);
    }
}
