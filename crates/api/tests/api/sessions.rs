//! Sessions, events, export, context, search, statistics, audit.

use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};
use ursa_model::capture::Channel;
use ursa_model::event::EventKind;
use ursa_model::session::{Session, SessionStatus};

use crate::support::{SECRET, Server, event, event_id, prompt, request, session, session_id};

#[tokio::test]
async fn lists_go_page_by_page() {
    let server = Server::new();
    for number in 0..7 {
        server.store.add_session(session(&format!("s{number}")));
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/sessions?limit=3&cursor={cursor}")).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    let expected: Vec<_> = (0..7).map(|number| session_id(&format!("s{number}")).to_string()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_filter_reaches_the_store_under_its_name() {
    let server = Server::new();
    let query = "agent=codex&user=u%40x.y&device=d&model=m&channel=hook&tool=Bash&mcp_server=git%20hub\
        &from=2026-11-23T08:00:00Z&to=2026-11-24T08:00:00Z&status=idle&kind=tool_call";
    let one = session_id("one");
    let query = &format!("{query}&session={one}");
    server.get(&format!("/sessions?{query}&q=%22two%20words%22")).await;
    let asked = server.store.asked();
    assert_eq!(asked.q.as_deref(), Some("\"two words\""));
    for path in ["/sessions", "/search"] {
        server.get(&format!("{path}?{query}&q=word")).await;
        let asked = server.store.asked();
        let texts = [&asked.agent, &asked.user, &asked.device, &asked.model, &asked.tool, &asked.mcp_server];
        assert_eq!(texts.map(|text| text.as_deref().unwrap()), ["codex", "u@x.y", "d", "m", "Bash", "git hub"]);
        assert_eq!((asked.channel, asked.status), (Some(Channel::Hook), Some(SessionStatus::Idle)));
        assert_eq!((asked.session, asked.kind), (Some(one), Some(EventKind::ToolCall)));
        assert_eq!(asked.from.unwrap().to_string(), "2026-11-23T08:00:00.000000Z");
        assert_eq!(asked.to.unwrap().to_string(), "2026-11-24T08:00:00.000000Z");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let server = Server::new();
    server.fill();
    let one = session_id("one");
    let wrong = [
        ("/sessions?limit=0".to_owned(), "limit"),
        ("/sessions?limit=501".to_owned(), "limit"),
        ("/sessions?limit=many".to_owned(), "limit"),
        ("/sessions?limit=1&limit=2".to_owned(), "limit"),
        ("/sessions?cursor=%FF".to_owned(), "cursor"),
        ("/sessions?from=yesterday".to_owned(), "from"),
        ("/sessions?to=2026".to_owned(), "to"),
        ("/sessions?channel=smoke".to_owned(), "channel"),
        ("/sessions?status=dead".to_owned(), "status"),
        (format!("/sessions?agent={}", "a".repeat(2000)), "agent"),
        ("/search".to_owned(), "q"),
        ("/search?q=a&kind=smoke".to_owned(), "kind"),
        ("/search?q=a&session=x".to_owned(), "session"),
        ("/search?q=a&clip=1".to_owned(), "clip"),
        (format!("/sessions/{one}/events?from_seq=0"), "from_seq"),
        (format!("/sessions/{one}/outline?limit=50001"), "limit"),
        (format!("/sessions/{one}/events?from_seq=1&cursor=0"), "from_seq"),
        (format!("/events/{}/text", event_id("prompt")), "pointer"),
        (format!("/events/{}/text?pointer=/text&chars=0", event_id("prompt")), "chars"),
        ("/live?session=x".to_owned(), "session"),
        ("/live?outline=maybe".to_owned(), "outline"),
        ("/search?q=!!".to_owned(), "q"),
        (format!("/sessions/{one}/events?cursor=x"), "cursor"),
        (format!("/sessions/{one}/export?format=pdf"), "format"),
        ("/audit?limit=x".to_owned(), "limit"),
        ("/live?after=x".to_owned(), "after"),
    ];
    for (path, name) in wrong {
        let detail = server.get(&path).await.problem(400);
        assert!(detail.contains(&format!("`{name}`")), "{path}: {detail}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_a_wrong_method_405() {
    let server = Server::new();
    server.fill();
    let (one, other) = (session_id("one"), session_id("other"));
    let (call, absent) = (event_id("model_call"), event_id("absent"));
    server.store.add_session(session("other"));
    let gone = session_id("gone");
    for path in [
        format!("/sessions/{gone}"),
        format!("/sessions/{gone}/events"),
        format!("/sessions/{gone}/export"),
        "/sessions/nonsense".to_owned(),
        "/sessions/%FF".to_owned(),
        format!("/events/{absent}"),
        format!("/sessions/{one}/calls/{absent}/context"),
        format!("/sessions/{other}/calls/{call}/context"),
        format!("/sessions/{one}/calls/{}/context", event_id("prompt")),
        format!("/sessions/{gone}/outline"),
        format!("/live?session={gone}"),
        "/nothing".to_owned(),
        "/sessions/a/b/c".to_owned(),
    ] {
        server.get(&path).await.problem(404);
    }
    assert_eq!(server.store.audit_lines(), Vec::<String>::new());
    for url in ["/api", "/api/v2/sessions", "/nothing"] {
        server.send(request(Method::GET, url).body(Body::empty()).unwrap()).await.problem(404);
    }
    for (method, path) in [(Method::POST, "/sessions"), (Method::DELETE, "/settings/privacy")] {
        let request = request(method, &format!("/api/v1{path}")).body(Body::empty()).unwrap();
        let answer = server.send(request).await;
        answer.problem(405);
        assert!(answer.header("allow").contains("GET"));
    }
}

#[tokio::test]
async fn a_session_is_read_and_exported_whole() {
    let server = Server::new();
    server.fill();
    for number in 0..1200 {
        server.store.append_event(prompt(&format!("p{number}"), 10 + number, "more"));
    }
    let one = session_id("one");
    let path = format!("/sessions/{one}");
    assert_eq!(server.get(&path).await.json()["id"], one.to_string());

    let json = server.get(&format!("{path}/export")).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert!(json.header("content-disposition").contains(&format!("{one}.json")));
    let json = json.json();
    let order: Vec<u64> =
        json["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(order.len(), 1205);
    assert!(order.is_sorted());
    assert_eq!(json["session"]["id"], one.to_string());

    let lines = server.get(&format!("{path}/export?format=ndjson")).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "session");
    assert_eq!(lines[1]["type"], "event");
    assert_eq!(lines.len(), 1206);
}

#[tokio::test]
async fn an_atif_export_tells_the_run_as_steps() {
    let server = Server::new();
    server.fill();
    let title = json!({"kind": "model_call", "provider": "anthropic", "request_model": "m-0", "response_model": null,
        "response_id": null, "purpose": "title", "status_code": 200, "stream": false, "latency_ms": null,
        "time_to_first_chunk_ms": null, "usage": null, "error": null});
    server.store.append_event(event("title", 6, &title));
    let spawning = json!({"kind": "tool_call", "tool": {"name": "Task", "type": "builtin"}, "call_id": "",
        "arguments": "go", "executed_arguments": null, "result": "done", "detail": null, "is_error": false,
        "status": "completed", "started_at": null, "ended_at": null, "duration_ms": null,
        "spawned_subagent_id": "agent-9"});
    server.store.append_event(event("task", 7, &spawning));
    let mut inner = prompt("inner", 8, "go");
    inner.subagent_id = Some("agent-9".into());
    server.store.append_event(inner);

    let path = format!("/sessions/{}/export?format=atif", session_id("one"));
    let document = server.get(&path).await.json();
    assert_eq!(document["schema_version"], "ATIF-v1.7");
    let steps = document["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2, "{document:#}");
    assert_eq!((&steps[0]["source"], &steps[0]["step_id"]), (&json!("user"), &json!(1)));
    assert_eq!((&steps[1]["source"], &steps[1]["step_id"]), (&json!("agent"), &json!(2)));
    assert_eq!(steps[1]["reasoning_content"], SECRET);
    // Anthropic counts cached input apart.
    let metrics = json!({"prompt_tokens": 110, "completion_tokens": 5, "cached_tokens": 100});
    assert_eq!(steps[1]["metrics"], metrics);
    let calls = json!([
        {"tool_call_id": "toolu_1", "function_name": "Bash", "arguments": {"command": SECRET}},
        {"tool_call_id": event_id("task"), "function_name": "Task", "arguments": {"input": "go"}},
    ]);
    assert_eq!(steps[1]["tool_calls"], calls);
    let results = json!([
        {"source_call_id": "toolu_1", "content": SECRET},
        {"source_call_id": event_id("task"), "content": "done",
            "subagent_trajectory_ref": [{"trajectory_id": "agent-9"}]},
    ]);
    assert_eq!(steps[1]["observation"]["results"], results);
    let subagent = &document["subagent_trajectories"][0];
    assert_eq!((&subagent["trajectory_id"], &subagent["steps"][0]["message"]), (&json!("agent-9"), &json!("go")));
    assert!(document["notes"].as_str().unwrap().starts_with("1 model calls"));
}

#[tokio::test]
async fn context_search_and_statistics_show_what_they_are_given() {
    let server = Server::new();
    server.fill();
    let path = format!("/sessions/{}/calls/{}/context", session_id("one"), event_id("model_call"));
    let context = server.get(&path).await.json();
    assert_eq!((&context["system"], &context["exact"]), (&json!(SECRET), &json!(true)));

    let found = server.get("/search?q=word&limit=1").await.json();
    assert_eq!(found["items"][0]["kind"], "model_call");
    assert_eq!(found["items"][0]["highlights"], json!(["before \u{e000}word\u{e001} after"]));
    assert_eq!(found["next_cursor"], "1");

    let stats = server.get("/stats").await.json();
    assert_eq!((&stats["events"], &stats["pending"]), (&json!(5), &json!(3)));
    assert_eq!(stats["collect"], json!({"missing": 2}));
    assert_eq!(stats["dropped"], json!({"past_retention": 7, "journal_full": 1}));
    assert_eq!(stats, server.get("/stats").await.json(), "asking changes nothing");
}

#[tokio::test]
async fn each_reading_of_content_is_on_record() {
    let server = Server::new();
    server.fill();
    let (one, call) = (session_id("one"), event_id("model_call"));
    let query_mark = format!("query:{}", &blake3::hash(b"plum").to_hex()[..16]);
    let reads = [
        ("/sessions?q=plum".to_owned(), format!("search {query_mark}")),
        (format!("/sessions/{one}/events"), format!("read_events {one}")),
        (format!("/sessions/{one}/export"), format!("export_session {one}")),
        (format!("/sessions/{one}/calls/{call}/context"), format!("read_context {call}")),
        (format!("/events/{call}"), format!("read_event {call}")),
        ("/search?q=plum".to_owned(), format!("search {query_mark}")),
    ];
    for (path, line) in &reads {
        server.get(path).await;
        let last = server.store.audit_lines().pop().unwrap();
        assert!(last.starts_with("tok_") && last.ends_with(line), "{path}: {last}");
    }
    for path in ["/sessions".to_owned(), format!("/sessions/{one}"), "/stats".to_owned()] {
        server.get(&path).await;
    }
    let lines = server.store.audit_lines();
    assert_eq!(lines.len(), reads.len());
    assert!(!lines.concat().contains("plum"), "what is searched for may be content");

    let log = server.get("/audit?limit=2").await.json();
    assert_eq!(log["items"][0]["action"], "search");
    assert_eq!(log["items"][1]["action"], "read_event");
    assert!(log["next_cursor"].is_string());

    // What cannot be put on record is not read.
    server.store.audit_fails.store(true, Ordering::SeqCst);
    for (path, _) in &reads {
        let answer = server.get(path).await;
        answer.problem(500);
        assert!(!answer.text.contains(SECRET) && !answer.text.contains("/var/"), "{}", answer.text);
    }
}

#[tokio::test]
async fn requests_have_bounds() {
    let server = Server::new();
    let long = format!("/api/v1/sessions?q={}", "a".repeat(9000));
    server.send(request(Method::GET, &long).body(Body::empty()).unwrap()).await.problem(414);
    let big = json!({"capture": "a".repeat(70_000)});
    assert!(server.put_privacy(&big).await.problem(413).contains("65536"));
}

#[tokio::test]
async fn a_session_is_outlined_and_read_in_windows() {
    let server = Server::new();
    server.fill();
    let long = "ü".repeat(1000);
    server.store.append_event(prompt("long", 6, &long));
    let path = format!("/sessions/{}", session_id("one"));
    let outline = server.get(&format!("{path}/outline")).await.json();
    let items = outline["items"].as_array().unwrap();
    assert_eq!((items.len(), &outline["rev"], &outline["cut"]), (6, &json!(6), &json!(false)));
    assert_eq!((&items[4]["tool"]["program"], &items[4]["status"]), (&json!("echo"), &json!("completed")));
    assert_eq!((&items[5]["chars"], items[5]["title"].as_str().unwrap().chars().count()), (&json!(1000), 240));
    assert!(items[5].get("tool").is_none() && items[5].get("usage").is_none(), "absent, not null");

    let head = server.get(&format!("{path}/outline?limit=2")).await.json();
    assert_eq!(
        (head["items"].as_array().unwrap().len(), &head["cut"], &head["last_seq"]),
        (2, &json!(true), &json!(6))
    );
    assert_eq!(outline["last_seq"], 6);

    let window = server.get(&format!("{path}/events?from_seq=5&limit=2&clip=256")).await.json();
    let seqs: Vec<_> = window["items"].as_array().unwrap().iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(seqs, [json!(5), json!(6)]);
    let clipped = &window["items"][1];
    assert_eq!(clipped["text"].as_str().unwrap().chars().count(), 256);
    assert_eq!(clipped["clipped"], json!([{"pointer": "/text", "chars": 1000, "as_text": false}]));
    assert_eq!(window["items"][0]["clipped"], json!([]), "nothing of it was long");
    assert!(server.get(&format!("{path}/events")).await.json()["items"][5].get("clipped").is_none());

    let piece = format!("/events/{}/text?pointer=/text&offset=900&chars=200", event_id("long"));
    let piece = server.get(&piece).await.json();
    assert_eq!(piece, json!({"text": "ü".repeat(100), "offset": 900, "chars": 100, "total_chars": 1000}));
    server.get(&format!("/events/{}/text?pointer=/nothing", event_id("long"))).await.problem(404);
    let json = format!("/events/{}/text?pointer=/result", event_id("tool_call"));
    assert!(server.get(&json).await.json()["text"].as_str().unwrap().starts_with("[\n  {"), "no string: its JSON");
    let lines = server.store.audit_lines();
    for action in [" read_outline ", " read_events ", " read_event "] {
        assert!(lines.iter().any(|line| line.contains(action)), "{action}: {lines:?}");
    }
}

#[tokio::test]
async fn a_search_in_the_list_shows_where() {
    let server = Server::new();
    server.fill();
    server.store.add_session(session("other"));
    let found = server.get("/sessions?q=word").await.json();
    let highlights = found["items"][0]["highlights"].as_array().unwrap();
    assert_eq!(highlights.len(), 3, "at most three");
    assert_eq!(highlights[0]["text"], "before \u{e000}word\u{e001} after");
    assert_eq!(highlights[0]["event_id"], event_id("model_call").to_string());
    assert_eq!(found["items"][1]["highlights"], json!([]));
    assert!(server.get("/sessions").await.json()["items"][0].get("highlights").is_none());
}

#[tokio::test]
async fn what_was_used_is_listed() {
    let server = Server::new();
    server.fill();
    for (path, key) in [
        ("/agents", "slug"),
        ("/users", "id"),
        ("/devices", "id"),
        ("/models", "name"),
        ("/tools", "name"),
        ("/mcp-servers", "name"),
    ] {
        let list = server.get(path).await.json();
        let item = &list["items"][0];
        assert!(
            item[key].is_string() && item["sessions"] == json!(1) && item["last_seen_at"].is_string(),
            "{path}: {list}"
        );
    }
    let agent = server.get("/agents").await.json()["items"][0].clone();
    assert_eq!(
        (&agent["name"], &agent["level"], &agent["review"]),
        (&json!("Claude Code"), &json!("monitored"), &json!("unreviewed"))
    );
}

/// Hooks alone tell that a call starts; a refusal by its user they do not.
#[tokio::test]
async fn what_was_running_when_its_session_ended_has_an_outcome_that_is_not_known() {
    for (status, told) in [(SessionStatus::Active, "running"), (SessionStatus::Ended, "unknown")] {
        let server = Server::new();
        server.store.add_session(Session { status, ..session("one") });
        let running = json!({"kind": "tool_call", "tool": {"name": "Bash", "type": "builtin"}, "call_id": "toolu_1",
            "status": "running"});
        server.store.append_event(event("tool_call", 1, &running));
        let of_session = format!("/sessions/{}", session_id("one"));
        for (path, pointer) in [
            (format!("/events/{}", event_id("tool_call")), "/status"),
            (format!("{of_session}/events"), "/items/0/status"),
            (format!("{of_session}/outline"), "/items/0/status"),
            (format!("{of_session}/export"), "/events/0/status"),
        ] {
            let answer = server.get(&path).await.json();
            assert_eq!(answer.pointer(pointer), Some(&json!(told)), "{path}: {answer:#}");
        }
    }
}
