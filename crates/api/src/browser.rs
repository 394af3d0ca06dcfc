//! What a browser needs: the files of the web UI, and headers that keep content from becoming code.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::auth::is_loopback_host;
use crate::limits::URL_BYTES_LIMIT;
use crate::problem::Problem;
use crate::state::ApiState;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// On every answer, errors included.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The file that every page of the desk begins with.
const INDEX: &str = "/index.html";
/// Files below this have their content's hash in their names.
const HASHED: &str = "/assets/";

/// One file of the web UI. It holds no content, so that it needs no token; what it shows it asks the API for.
#[derive(Debug, Clone, Copy)]
pub struct UiFile {
    /// Where it is served, from the root: `/index.html`, `/assets/…`.
    pub path: &'static str,
    /// Its `content-type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same by gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
}

/// What is no route: a file of the web UI, one of its pages, or nothing.
pub(crate) async fn file_or_page(State(state): State<ApiState>, request: Request) -> Response {
    let (path, headers) = (request.uri().path(), request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::not_found("path").into_response();
    }
    let ui = state.parts().ui;
    if let Some(file) = ui.iter().find(|file| file.path == path && path != INDEX) {
        return serve(file, headers, StatusCode::OK);
    }
    // Which pages there are, the UI itself knows: it shows its own "no such page". Programs get a problem.
    match ui.iter().find(|file| file.path == INDEX) {
        Some(index) if wants_page(headers) && !path.starts_with(HASHED) => serve(index, headers, StatusCode::OK),
        _ => Problem::not_found("path").into_response(),
    }
}

/// The page that says that a sign-in link no longer works: the UI shows it when it is loaded from `/signin`.
pub(crate) fn link_used(state: &ApiState, headers: &HeaderMap) -> Response {
    match state.parts().ui.iter().find(|file| file.path == INDEX) {
        Some(index) => serve(index, headers, StatusCode::FORBIDDEN),
        None => Problem::forbidden("this sign-in link no longer works: it was used, or is too old").into_response(),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn serve(file: &UiFile, headers: &HeaderMap, status: StatusCode) -> Response {
    let gzip = file.gzip.filter(|_| accepts_gzip(headers));
    let mut response = (status, gzip.unwrap_or(file.bytes)).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip.is_some() {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.path.starts_with(HASHED) {
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|part| part.replace(' ', "") == "q=0")
    })
}

/// Around every route: bounds, `Host`, headers.
pub(crate) async fn protect(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let mut response = match check(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Only the files of the UI say otherwise.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(state: &ApiState, request: &Request) -> Result<(), Problem> {
    if request.uri().path_and_query().is_some_and(|url| url.as_str().len() > URL_BYTES_LIMIT) {
        let detail = format!("the URL is longer than {URL_BYTES_LIMIT} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
    }
    if state.parts().loopback_only {
        let header = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or(""));
        let host = header.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        if !host.is_some_and(is_loopback_host) {
            return Err(Problem::forbidden("`host`: this server answers only to loopback names, such as localhost"));
        }
    }
    Ok(())
}
