//! Signing in, cookies, the page, and what keeps content from becoming code.

use std::sync::atomic::Ordering;

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::json;
use ursa_api::issue_signin_token;
use ursa_model::Timestamp;
use ursa_store::Role;

use crate::support::{Answer, START, Server, prompt, request, session, session_id};

const TWELVE_HOURS: i64 = 12 * 60 * 60 * 1_000_000;

async fn follow_link(server: &Server, secret: &str) -> Answer {
    server.send(request(Method::GET, &format!("/signin?token={secret}")).body(Body::empty()).unwrap()).await
}

/// The cookie as the browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn link(server: &Server) -> String {
    issue_signin_token(&*server.store, Timestamp::from_micros(START)).unwrap()
}

async fn with_cookie(server: &Server, method: Method, cookie: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(method, "/api/v1/settings/privacy").header("cookie", cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.header("content-type", "application/json").body(Body::from("{}")).unwrap()).await
}

#[tokio::test]
async fn a_link_signs_one_browser_in_for_twelve_hours() {
    let server = Server::new();
    let secret = link(&server);
    let head = request(Method::HEAD, &format!("/signin?token={secret}")).body(Body::empty()).unwrap();
    assert_eq!(server.send(head).await.status, StatusCode::METHOD_NOT_ALLOWED, "a preview leaves the link alone");

    let answer = follow_link(&server, &secret).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"));
    let set = answer.header("set-cookie");
    for part in ["ursa_session=ursa_", "Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains(&secret));
    let cookie = cookie(&answer);
    assert_eq!(with_cookie(&server, Method::GET, &cookie, &[]).await.status, StatusCode::OK);

    let again = follow_link(&server, &secret).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(again.text, "<title>desk</title>", "the UI says so");
    assert!(again.header("set-cookie").is_empty());

    server.clock.store(START + TWELVE_HOURS, Ordering::SeqCst);
    with_cookie(&server, Method::GET, &cookie, &[]).await.problem(401);
    let lines = server.store.audit_lines();
    assert!(lines[0].starts_with("link_") && lines[0].contains(" sign_in ui:"), "{lines:?}");
}

#[tokio::test]
async fn an_old_link_or_an_api_token_in_a_link_signs_nobody_in() {
    let server = Server::with(true, true);
    let secret = link(&server);
    assert_eq!(follow_link(&server, &server.admin).await.status, StatusCode::FORBIDDEN);
    let answer = follow_link(&server, &secret).await;
    assert!(answer.header("set-cookie").contains("; Secure"));
    let late = link(&server);
    server.clock.store(START + 2 * TWELVE_HOURS, Ordering::SeqCst);
    assert_eq!(follow_link(&server, &late).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_pasted_token_signs_in_with_its_own_role_and_end() {
    let server = Server::new();
    let token = server.token(Role::Viewer, Some(START + 1000));
    let paste = |token: &str, origin: &str| {
        let request = request(Method::POST, "/signin").header("content-type", "application/json");
        server.send(request.header("origin", origin).body(Body::from(json!({"token": token}).to_string())).unwrap())
    };
    paste(&token, "https://evil.example").await.problem(403);
    assert!(paste("ursa_guess", "http://127.0.0.1:4680").await.problem(403).contains("`token`"));
    let cookie = cookie(&paste(&token, "http://127.0.0.1:4680").await);
    assert_eq!(with_cookie(&server, Method::GET, &cookie, &[]).await.status, StatusCode::OK);
    with_cookie(&server, Method::PUT, &cookie, &[("origin", "http://127.0.0.1:4680")]).await.problem(403);
    server.clock.store(START + 1000, Ordering::SeqCst);
    with_cookie(&server, Method::GET, &cookie, &[]).await.problem(401);
}

#[tokio::test]
async fn another_sites_page_cannot_use_the_cookie() {
    let server = Server::new();
    let cookie = cookie(&follow_link(&server, &link(&server)).await);
    let (own, evil) = (("origin", "http://127.0.0.1:4680"), ("origin", "http://127.0.0.1:3000"));
    let refused: [&[(&str, &str)]; 6] = [
        &[],
        &[evil],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-site"), own],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in refused {
        with_cookie(&server, Method::PUT, &cookie, headers).await.problem(403);
    }
    for headers in [&[own][..], &[("sec-fetch-site", "same-origin")]] {
        assert_eq!(with_cookie(&server, Method::PUT, &cookie, headers).await.status, StatusCode::OK);
    }
    with_cookie(&server, Method::GET, &cookie, &[("sec-fetch-site", "same-site")]).await.problem(403);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let server = Server::new();
    let cookie = cookie(&follow_link(&server, &link(&server)).await);
    let out = request(Method::POST, "/signout").header("cookie", &cookie);
    let out = server.send(out.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap()).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    with_cookie(&server, Method::GET, &cookie, &[]).await.problem(401);
}

#[tokio::test]
async fn a_loopback_server_answers_only_to_loopback_names() {
    let server = Server::new();
    for url in ["/", "/api/v1/openapi.json", "/api/v1/sessions", "/signin?token=x"] {
        let request = http::Request::get(url).header("host", "rebound.evil.example:4680");
        assert!(server.send(request.body(Body::empty()).unwrap()).await.problem(403).contains("`host`"));
        server.send(http::Request::get(url).body(Body::empty()).unwrap()).await.problem(403);
    }
    let open = Server::with(false, true);
    let request = http::Request::get("/").header("host", "ursa.example.com").header("accept", "text/html");
    assert_eq!(open.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_is_served_that_could_run_content() {
    let server = Server::new();
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}\r\nid: 9\r\n\r\n";
    let mut bad = session("one");
    bad.title = Some(hostile.to_owned());
    server.store.add_session(bad);
    server.store.append_event(prompt("hostile", 1, hostile));
    let one = session_id("one");
    for path in ["/sessions".to_owned(), format!("/sessions/{one}/events"), format!("/sessions/{one}/export")] {
        let answer = server.get(&path).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.json().to_string().contains("onerror"), "shown as it is, as data");
    }
    let urls = [
        "/",
        "/sessions/%3Cscript%3E",
        "/api/v1/stats",
        "/signin?token=%3Cscript%3E",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
    ];
    for url in urls {
        let answer = server.send(request(Method::GET, url).body(Body::empty()).unwrap()).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{url}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.text.contains("alert(1)"), "{url}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_ui_is_served_without_a_token_and_programs_get_problems() {
    let server = Server::new();
    let get = |url: &str, headers: &[(&str, &str)]| {
        let mut request = request(Method::GET, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.send(request.body(Body::empty()).unwrap())
    };
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    for url in ["/", "/sessions/0123", "/connect", "/no/such/page"] {
        let page = get(url, &browser).await;
        assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "<title>desk</title>"), "{url}");
        assert_eq!(page.header("cache-control"), "no-store");
        get(url, &[("accept", "application/json")]).await.problem(404);
    }
    for url in ["/api/v1/nothing", "/assets/gone.js"] {
        get(url, &browser).await.problem(404);
    }
    for (accepted, body, coding) in
        [("br, gzip", "gzipped", "gzip"), ("gzip;q=0", "plain", ""), ("identity", "plain", "")]
    {
        let script = get("/assets/a1.js", &[("accept-encoding", accepted)]).await;
        assert_eq!((script.text.as_str(), script.header("content-encoding")), (body, coding), "{accepted}");
        assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(script.header("vary"), "accept-encoding");
    }
    server.send(request(Method::POST, "/").body(Body::empty()).unwrap()).await.problem(404);
}

#[tokio::test]
async fn a_page_can_ask_who_is_signed_in() {
    let server = Server::new();
    let me = server.get("/me").await.json();
    assert_eq!((&me["role"], &me["reads_content"], &me["expires_at"]), (&json!("admin"), &json!(true), &json!(null)));
    assert_eq!(me["loopback_only"], json!(true));
    let cookie = cookie(&follow_link(&server, &link(&server)).await);
    let me = server.send(request(Method::GET, "/api/v1/me").header("cookie", cookie).body(Body::empty()).unwrap());
    assert!(me.await.json()["expires_at"].is_string(), "a browser's session ends");
}
