//! How a browser signs in: by a one-time link, or with a token that its user pastes.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::json;
use ursa_model::time::Timestamp;
use ursa_store::TokenInfo;

use crate::auth::{SESSION_COOKIE, check_same_origin, session_cookie, verify};
use crate::browser::link_used;
use crate::limits::UI_SESSION_MICROS;
use crate::params::Params;
use crate::problem::Problem;
use crate::settings::read_object;
use crate::state::{ApiParts, ApiState};
use crate::token::{hash_token, is_signin_secret, is_token_secret, issue_ui_session};

pub(crate) fn routes() -> Router<ApiState> {
    Router::new().route("/signin", get(follow_link).post(paste_token)).route("/signout", post(sign_out))
}

/// `GET /signin?token=…`: uses the link up.
async fn follow_link(
    State(state): State<ApiState>,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    // A HEAD, as link checkers send it, must not use the link up.
    if method != Method::GET {
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "open the link in a browser"));
    }
    let params = Params::read(&uri)?;
    let secret = params.text("token").filter(|secret| is_signin_secret(secret)).map(hash_token);
    let cookie = match secret {
        Some(hash) => {
            let begin = move |parts: &ApiParts| {
                let now = (parts.clock)();
                let Some(link) = parts.store.verify_token(&hash, now)? else { return Ok(None) };
                // What the link was for, not when it would have ended, bounds the session.
                begin_session(parts, &link, None).map(Some)
            };
            state.blocking(begin).await?
        }
        None => None,
    };
    let to_page = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]);
    match cookie {
        Some(secret) => {
            let mut response = to_page.into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie_value(&state, &secret)?);
            Ok(response)
        }
        // The link of someone who is signed in already: say, the back button.
        None if is_signed_in(&state, &headers).await? => Ok(to_page.into_response()),
        None => Ok(link_used(&state, &headers)),
    }
}

/// `POST /signin {"token": …}`: the page's form.
async fn paste_token(State(state): State<ApiState>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    check_same_origin(&Method::POST, &headers)?;
    let fields = read_object(&headers, body).await?;
    let secret = fields.get("token").and_then(serde_json::Value::as_str).map(str::trim);
    let secret = secret.ok_or_else(|| Problem::invalid("token", "needed"))?;
    let hash = hash_token(secret);
    let known = is_token_secret(secret);
    let begin = move |parts: &ApiParts| {
        let token = if known { parts.store.verify_token(&hash, (parts.clock)())? } else { None };
        let token = token.ok_or_else(|| Problem::forbidden("`token`: not a token of this server, or no longer"))?;
        begin_session(parts, &token, token.expires_at)
    };
    let secret = state.blocking(begin).await?;
    let cookie = [(header::SET_COOKIE, cookie_value(&state, &secret)?)];
    Ok((cookie, Json(json!({"signed_in": true}))).into_response())
}

/// `POST /signout`: ends the session on the server, too.
async fn sign_out(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, Problem> {
    check_same_origin(&Method::POST, &headers)?;
    if let Some(secret) = session_cookie(&headers)
        && let Some(token) = verify(&state, secret, hash_token(secret)).await?
    {
        state
            .blocking(move |parts| {
                parts.store.remove_token(&token.id)?;
                Ok(parts.store.audit((parts.clock)(), &token.id, "sign_out", &token.id)?)
            })
            .await?;
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

fn begin_session(parts: &ApiParts, by: &TokenInfo, not_after: Option<Timestamp>) -> Result<String, Problem> {
    let now = (parts.clock)();
    let (session, secret) = issue_ui_session(&*parts.store, by.role, not_after, now)?;
    parts.store.audit(now, &by.id, "sign_in", &session.id)?;
    Ok(secret)
}

/// `Strict` works with a link from anywhere: the page itself needs no cookie, and what it then asks for is same-site.
fn cookie_value(state: &ApiState, secret: &str) -> Result<HeaderValue, Problem> {
    let secure = if state.parts().tls { "; Secure" } else { "" };
    let age = UI_SESSION_MICROS / 1_000_000;
    let text = format!("{SESSION_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))
}

async fn is_signed_in(state: &ApiState, headers: &HeaderMap) -> Result<bool, Problem> {
    match session_cookie(headers) {
        Some(secret) => Ok(verify(state, secret, hash_token(secret)).await?.is_some()),
        None => Ok(false),
    }
}
