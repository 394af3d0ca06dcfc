//! Who is asking, and whether they may.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use ursa_model::time::Timestamp;
use ursa_store::{Role, TokenInfo};

use crate::problem::Problem;
use crate::state::{ApiParts, ApiState};
use crate::token::{hash_token, is_token_secret};

/// Name of the cookie that holds the secret of a signed-in browser's session.
pub const SESSION_COOKIE: &str = "ursa_session";

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anyone, without a token.
    Open,
    /// Every role. Those that may not read content see it emptied.
    Metadata,
    /// Those who may read content.
    Content,
    /// Those who may read the audit log.
    Audit,
    /// Admins only.
    Admin,
}

impl Access {
    /// Whether a role may.
    pub const fn allows(self, role: Role) -> bool {
        match self {
            Self::Open | Self::Metadata => true,
            Self::Content => may_read_content(role),
            Self::Audit => matches!(role, Role::Admin | Role::Analyst | Role::Auditor),
            Self::Admin => matches!(role, Role::Admin),
        }
    }
}

/// Whether a role may read what users, models and tools said.
pub(crate) const fn may_read_content(role: Role) -> bool {
    matches!(role, Role::Admin | Role::Analyst)
}

/// Who is asking.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's id: the actor in the audit log.
    pub(crate) id: String,
    /// What they may do.
    pub(crate) role: Role,
    /// When the token or the browser's session ends; `None` for never.
    pub(crate) expires_at: Option<Timestamp>,
    /// By which a live stream finds the token again.
    pub(crate) secret_hash: [u8; 32],
}

impl Caller {
    pub(crate) fn reads_content(&self) -> bool {
        may_read_content(self.role)
    }

    /// Writes a line to the audit log.
    pub(crate) fn audit(&self, parts: &ApiParts, action: &str, target: &str) -> Result<(), Problem> {
        Ok(parts.store.audit((parts.clock)(), &self.id, action, target)?)
    }
}

/// What the guard of one route needs.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) state: ApiState,
    pub(crate) access: Access,
}

/// Lets a request through to its route, with its [`Caller`].
pub(crate) async fn authorise(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    if guard.access == Access::Open {
        return next.run(request).await;
    }
    let secret = secret(request.method(), request.headers());
    match caller(&guard, secret).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The secret that a request shows.
fn secret(method: &Method, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(secret) = bearer(headers) {
        return Ok(secret.to_owned());
    }
    let secret = session_cookie(headers).ok_or_else(Problem::unauthorized)?;
    check_same_origin(method, headers)?;
    Ok(secret.to_owned())
}

async fn caller(guard: &Guard, secret: Result<String, Problem>) -> Result<Caller, Problem> {
    let secret = secret?;
    let secret_hash = hash_token(&secret);
    let info = verify(&guard.state, &secret, secret_hash).await?.ok_or_else(Problem::unauthorized)?;
    if !guard.access.allows(info.role) {
        return Err(Problem::forbidden("the token's role does not allow this"));
    }
    Ok(Caller { id: info.id, role: info.role, expires_at: info.expires_at, secret_hash })
}

/// The token of a secret, if it is one and still holds.
pub(crate) async fn verify(
    state: &ApiState,
    secret: &str,
    secret_hash: [u8; 32],
) -> Result<Option<TokenInfo>, Problem> {
    if !is_token_secret(secret) {
        return Ok(None);
    }
    state.blocking(move |parts| Ok(parts.store.verify_token(&secret_hash, (parts.clock)())?)).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The session's secret in the request's cookies.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION_COOKIE).then_some(value))
}

/// Refuses a request that another site's page made with the browser's cookie. `SameSite` does not tell apart the ports
/// of one host, so it does not do alone. Reading takes no proof (scripts with a cookie jar send none); changing does:
/// the browser's word that the page is ours, or an `Origin` that is the `Host`.
pub(crate) fn check_same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let allowed = match text("sec-fetch-site") {
        Some("same-origin") => true,
        None | Some("none") => {
            let origin = text("origin").and_then(|origin| origin.split_once("://"));
            method.is_safe() || origin.is_some_and(|(_, authority)| Some(authority) == text("host"))
        }
        Some(_) => false,
    };
    if allowed { Ok(()) } else { Err(Problem::forbidden("the request comes from another site's page")) }
}

/// Whether a `Host` (with or without port) is a name of this machine's loopback.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_told_from_others() {
        for host in ["localhost", "LOCALHOST:4680", "127.0.0.1:4680", "127.8.9.10", "[::1]:4680", "[::1]"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example:4680", "127.0.0.1.nip.io", "10.0.0.1", "[::2]:1"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
