//! Every route × every role.

use axum::body::Body;
use http::{Method, StatusCode};
use ursa_api::{Access, PREFIX, ROUTES, Route};
use ursa_store::Role;

use crate::support::{ROLES, SECRET, START, Server, event_id, request, session_id};

fn url(route: &Route) -> String {
    let path = route.path.replace("{event_id}", &event_id("model_call").to_string());
    let id = if path.starts_with("/events") { event_id("prompt").to_string() } else { session_id("one").to_string() };
    let query = match route.path {
        "/search" => "?q=word",
        "/events/{id}/text" => "?pointer=/text",
        _ => "",
    };
    format!("{PREFIX}{}{query}", path.replace("{id}", &id))
}

/// Written out, so that a change of the table is a change here too.
fn may(path: &str, method: &Method, role: Role) -> bool {
    let content = matches!(role, Role::Admin | Role::Analyst);
    match path {
        "/sessions/{id}/export" | "/sessions/{id}/calls/{event_id}/context" | "/search" | "/events/{id}/text" => {
            content
        }
        "/audit" => content || role == Role::Auditor,
        "/settings/privacy" if method == Method::PUT => role == Role::Admin,
        _ => true,
    }
}

async fn status(server: &Server, route: &Route, token: Option<&str>) -> (StatusCode, String) {
    let mut request = request(route.method.clone(), &url(route)).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    // A live stream has no end: its head is enough.
    let response = tower::ServiceExt::oneshot(server.router.clone(), request.body(Body::from("{}")).unwrap());
    let response = response.await.unwrap();
    let challenge = response.headers().get("www-authenticate").map_or("", |value| value.to_str().unwrap());
    (response.status(), challenge.to_owned())
}

#[tokio::test]
async fn each_route_lets_in_exactly_the_roles_of_the_table() {
    let server = Server::new();
    server.fill();
    for route in &ROUTES {
        for role in ROLES {
            let token = server.token(role, None);
            let expected = if may(route.path, &route.method, role) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            let (got, _) = status(&server, route, Some(&token)).await;
            assert_eq!(got, expected, "{} {} as {role:?}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn without_a_token_that_holds_there_is_nothing_but_the_openapi_document() {
    let server = Server::new();
    server.fill();
    let expired = server.token(Role::Admin, Some(START));
    let link = ursa_api::issue_signin_token(&*server.store, ursa_model::Timestamp::from_micros(START)).unwrap();
    for route in &ROUTES {
        for token in [None, Some("ursa_wrong"), Some(""), Some(expired.as_str()), Some(link.as_str())] {
            let (got, challenge) = status(&server, route, token).await;
            let open = route.access == Access::Open;
            assert_eq!(open, route.path == "/openapi.json");
            assert_eq!(got, if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, "{}", route.path);
            assert_eq!(challenge.starts_with("Bearer"), !open);
        }
    }
    assert_eq!(server.store.audit_lines(), Vec::<String>::new());
}

#[tokio::test]
async fn no_content_reaches_those_who_may_not_read_it() {
    let server = Server::new();
    server.fill();
    for role in [Role::Viewer, Role::Auditor] {
        let token = server.token(role, None);
        let one = session_id("one");
        let mut paths = vec!["/sessions".to_owned(), format!("/sessions/{one}"), format!("/sessions/{one}/events")];
        paths.push(format!("/sessions/{one}/outline"));
        paths.push(format!("/sessions/{one}/events?clip=256"));
        paths.push("/agents".to_owned());
        paths.extend(
            ["model_call", "prompt", "reasoning", "completion", "tool_call"]
                .map(|name| format!("/events/{}", event_id(name))),
        );
        for path in paths {
            let answer = server.get_as(&token, &path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert!(!answer.text.contains(SECRET), "{path}: {}", answer.text);
        }
        let events = server.get_as(&token, &format!("/sessions/{one}/events")).await.json();
        assert_eq!(events["items"].as_array().unwrap().len(), 5);
        assert_eq!(events["items"][4]["tool"]["cli"]["program"], "echo");
        // Whether a word is found tells what a text says.
        assert!(server.get_as(&token, "/sessions?q=word").await.problem(403).contains("`q`"));
    }
    // Reading metadata is not put on record.
    assert_eq!(server.store.audit_lines(), Vec::<String>::new());
}
