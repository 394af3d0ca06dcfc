//! `/live`, over a real socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ursa_store::{AccessStore, Role};

use crate::support::{SECRET, Server, event_id, prompt, session};

/// Nothing here takes this long; a test that waits for what never comes fails by it.
const DEADLINE: Duration = Duration::from_secs(20);

struct Client {
    socket: TcpStream,
    text: String,
}

impl Client {
    async fn connect(address: std::net::SocketAddr, token: &str, path: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{headers}\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut client = Self { socket, text: String::new() };
        client.until("\r\n\r\n").await;
        client
    }

    /// Reads on until `part` has come. False when the stream ended before.
    async fn until(&mut self, part: &str) -> bool {
        let read = async {
            let mut buffer = [0; 4096];
            while !self.text.contains(part) {
                let count = self.socket.read(&mut buffer).await.unwrap();
                if count == 0 {
                    return false;
                }
                self.text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
            true
        };
        tokio::time::timeout(DEADLINE, read).await.unwrap_or_else(|_| panic!("no {part:?} came"))
    }

    /// The `id:` lines of the events so far.
    fn ids(&self) -> Vec<u64> {
        let frames = self.text.split("\n\n").filter(|frame| !frame.contains("event: begin\n"));
        let ids = frames.flat_map(str::lines).filter_map(|line| line.strip_prefix("id: "));
        ids.map(|id| id.trim().parse().unwrap()).collect()
    }
}

async fn serve(server: &Server) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn events_come_as_they_are_appended_and_change() {
    let server = Server::new();
    server.store.append_event(prompt("old", 1, "before"));
    let address = serve(&server).await;
    let mut client = Client::connect(address, &server.admin, "/live", "").await;
    assert!(client.text.contains("content-type: text/event-stream"));
    client.until("retry:").await;
    server.store.append_event(prompt("a", 2, "first\nsecond line"));
    client.until("first\\nsecond line").await;
    server.store.append_event(prompt("a", 3, "changed"));
    client.until("changed").await;
    client.until("\n\n").await;
    assert_eq!(client.ids(), [2, 3], "not what was there before");
    assert!(client.text.contains(&format!("event: event\ndata: {{\"id\":\"{}\"", event_id("a"))));
    assert!(server.store.audit_lines()[0].ends_with("read_live rev:1"));
}

#[tokio::test]
async fn a_stream_resumes_where_it_broke_off() {
    let server = Server::new();
    for number in 1..=200 {
        server.store.append_event(prompt(&format!("p{number}"), number, "text"));
    }
    let address = serve(&server).await;
    for (path, headers) in [("/live?after=40", ""), ("/live?after=1", "last-event-id: 40\r\n")] {
        let mut client = Client::connect(address, &server.admin, path, headers).await;
        client.until("id: 200\n").await;
        assert_eq!(client.ids(), (41..=200).collect::<Vec<_>>());
    }
    let mut wrong = Client::connect(address, &server.admin, "/live", "last-event-id: x\r\n").await;
    wrong.until("Last-Event-ID").await;
    assert!(wrong.text.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_event_misses_nothing() {
    let server = Server::new();
    server.store.append_event(prompt("old", 7, "before"));
    let address = serve(&server).await;
    let mut client = Client::connect(address, &server.admin, "/live", "").await;
    assert!(client.until("id: 7\nevent: begin\ndata: 7\n\n").await);
    drop(client);
    server.store.append_event(prompt("meanwhile", 8, "meanwhile"));
    let mut client = Client::connect(address, &server.admin, "/live", "last-event-id: 7\r\n").await;
    assert!(client.until("id: 8\n").await);
    assert_eq!(client.ids(), [8]);
}

#[tokio::test]
async fn a_viewers_stream_holds_no_content() {
    let server = Server::new();
    server.fill();
    let address = serve(&server).await;
    let viewer = server.token(Role::Viewer, None);
    let one = crate::support::session_id("one");
    for path in ["/live?after=0".to_owned(), format!("/live?after=0&outline=true&session={one}")] {
        let mut client = Client::connect(address, &viewer, &path, "").await;
        client.until("id: 5\n").await;
        client.until("\"duration_ms\":4").await;
        assert!(!client.text.contains(SECRET));
    }
    assert_eq!(server.store.audit_lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_server() {
    let server = Server::new();
    server.store.add_session(session("one"));
    let address = serve(&server).await;
    let mut client = Client::connect(address, &server.admin, "/live", "").await;
    let id = server.store.audit_lines()[0].split(' ').next().unwrap().to_owned();
    let viewer = server.token(Role::Viewer, None);
    let mut other = Client::connect(address, &viewer, "/live", "").await;
    other.until("retry:").await;
    client.until("retry:").await;

    assert!(server.store.remove_token(&id).unwrap());
    server.store.append_event(prompt("late", 1, "for others only"));
    assert!(!client.until("for others only").await, "the stream ends");
    other.until("id: 1\n").await;

    server.shutdown.send(true).unwrap();
    assert!(!other.until("never").await, "the stream ends");
}

#[tokio::test]
async fn the_number_of_streams_is_bounded() {
    let server = Arc::new(Server::new());
    let address = serve(&server).await;
    let mut open = Vec::new();
    for _ in 0..ursa_api::limits::LIVE_STREAMS_LIMIT {
        let mut client = Client::connect(address, &server.admin, "/live", "").await;
        assert!(client.until("retry:").await);
        open.push(client);
    }
    server.get("/live").await.problem(503);
    drop(open.pop());
    server.store.append_event(prompt("wake", 1, "so that the server sees who left"));
    let free = async {
        loop {
            let client = Client::connect(address, &server.admin, "/live", "").await;
            if client.text.starts_with("HTTP/1.1 200") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.unwrap();
}

#[tokio::test]
async fn a_stream_can_be_of_one_session_and_of_lines() {
    let server = Server::new();
    server.store.add_session(session("one"));
    server.store.add_session(session("other"));
    let address = serve(&server).await;
    let mut other = prompt("elsewhere", 1, "elsewhere");
    other.session_id = crate::support::session_id("other");
    server.store.append_event(other);
    server.store.append_event(prompt("here", 2, &"long ".repeat(1000)));
    let path = format!("/live?after=0&outline=true&session={}", crate::support::session_id("one"));
    let mut client = Client::connect(address, &server.admin, &path, "").await;
    assert!(client.until("event: outline\ndata: ").await);
    assert!(client.until(&event_id("here").to_string()).await);
    assert_eq!(client.ids(), [2]);
    assert!(!client.text.contains("event: event"));
    assert!(client.text.len() < 3000, "a line, not the content");

    // A page of other sessions' events hides none of this one's.
    for number in 3..(3 + 2 * ursa_api::limits::LIVE_PAGE as u64) {
        let mut other = prompt(&format!("o{number}"), number, "elsewhere");
        other.session_id = crate::support::session_id("other");
        server.store.append_event(other);
    }
    server.store.append_event(prompt("later", 1_000, "later"));
    assert!(client.until("id: 1000\n").await);
    assert_eq!(client.ids(), [2, 1_000]);
}
