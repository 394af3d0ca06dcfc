//! Which headers pass, and which are written down.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::http1::framing::Framing;
use crate::http1::head::{Fields, Line, Request, Response, SWITCHING_PROTOCOLS, is};
use crate::mask::Needles;

/// Headers of the client that are meant for the edge.
const OWN_PREFIX: &str = "x-ursa-";

const UPGRADE_REQUIRED: u16 = 426;

/// True when the client asks to leave HTTP on this connection.
pub(crate) fn wants_upgrade(request: &Request) -> bool {
    request.minor == 1 && request.fields.get("upgrade").is_some() && request.fields.lists("connection", "upgrade")
}

/// True when what the client asks to upgrade to is a WebSocket.
pub(crate) fn wants_websocket(fields: &Fields) -> bool {
    fields.lists("upgrade", "websocket")
}

/// True when the client waits for `100 Continue` before it sends its body.
pub(crate) fn expects_continue(request: &Request) -> bool {
    request.minor == 1 && request.fields.get("expect").is_some_and(|value| is(value, b"100-continue"))
}

/// True when the body has no content encoding, so that its bytes are its text.
pub(crate) fn is_plain(fields: &Fields) -> bool {
    fields.all("content-encoding").all(|value| value.is_empty() || is(value, b"identity"))
}

/// Appends the head that goes upstream: the client's lines as they came, without those of its connection and those for
/// the edge, and with the upstream's `host`.
pub(crate) fn to_upstream(
    out: &mut Vec<u8>,
    request: &Request,
    (path, host): (&str, &str),
    framing: Framing,
    upgrade: bool,
) {
    for part in [request.method.as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\n"] {
        out.extend_from_slice(part);
    }
    let listed = listed_in_connection(&request.fields);
    let trailers = request.fields.lists("te", "trailers");
    let (mut hosts, mut tes, mut connections) = (0, 0, 0);
    for line in request.fields.lines() {
        match line.name {
            "host" => {
                hosts += 1;
                if hosts == 1 {
                    named(out, &line, host.as_bytes());
                }
            }
            "te" if trailers => {
                tes += 1;
                if tes == 1 {
                    named(out, &line, b"trailers");
                }
            }
            "te" => {}
            "connection" => {
                connections += 1;
                if upgrade && connections == 1 {
                    named(out, &line, b"Upgrade");
                }
            }
            "upgrade" if upgrade => out.extend_from_slice(line.raw),
            "transfer-encoding" if framing == Framing::Chunked => out.extend_from_slice(line.raw),
            name if is_hop_by_hop(name, &listed) || name.starts_with(OWN_PREFIX) => {}
            _ => out.extend_from_slice(line.raw),
        }
    }
    if hosts == 0 {
        for part in [b"host: ", host.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    if framing == Framing::Chunked && request.fields.get("transfer-encoding").is_none() {
        out.extend_from_slice(CHUNKED);
    }
    out.extend_from_slice(b"\r\n");
}

const CHUNKED: &[u8] = b"transfer-encoding: chunked\r\n";

/// A line with its name as it came and another value.
fn named(out: &mut Vec<u8>, line: &Line<'_>, value: &[u8]) {
    out.extend_from_slice(line.raw.get(..line.name.len()).unwrap_or_default());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// How the head of an answer is to be told to a client of HTTP/1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The body's framing as it came.
    pub(crate) framing: Framing,
    /// The body passes in the chunks that it came in.
    pub(crate) chunks_pass: bool,
    /// The body is put into chunks.
    pub(crate) into_chunks: bool,
    /// The connection ends with this answer, and the client can be told.
    pub(crate) closes: bool,
}

/// Appends the head that goes to the client.
pub(crate) fn to_client(out: &mut Vec<u8>, response: &Response, told: Told) {
    out.extend_from_slice(b"HTTP/1.1");
    out.extend_from_slice(response.start());
    out.extend_from_slice(b"\r\n");
    let switching = response.status == SWITCHING_PROTOCOLS;
    let listed = listed_in_connection(&response.fields);
    for line in response.fields.lines() {
        let passes = match line.name {
            _ if switching => true,
            "transfer-encoding" => told.chunks_pass,
            // Chunks go before a length: who believed the length would read another message.
            "content-length" => told.framing != Framing::Chunked,
            name => passes_to_client(name, response.status, &listed),
        };
        if passes {
            out.extend_from_slice(line.raw);
        }
    }
    if told.into_chunks {
        out.extend_from_slice(CHUNKED);
    }
    if told.closes {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The headers of an answer for a client of HTTP/2. Those that the map does not take are left out.
pub(crate) fn to_http2(response: &Response, framing: Framing) -> HeaderMap {
    let listed = listed_in_connection(&response.fields);
    let mut map = HeaderMap::with_capacity(response.fields.len());
    for line in response.fields.lines() {
        let passes = match line.name {
            "transfer-encoding" => false,
            "content-length" => framing != Framing::Chunked,
            name => passes_to_client(name, response.status, &listed),
        };
        let header = HeaderName::from_bytes(line.name.as_bytes()).ok().zip(HeaderValue::from_bytes(line.value).ok());
        if let Some((name, value)) = header.filter(|_| passes) {
            map.append(name, value);
        }
    }
    map
}

/// 426 names the protocol that the upstream insists on.
fn passes_to_client(name: &str, status: u16, listed: &[String]) -> bool {
    (name == "upgrade" && status == UPGRADE_REQUIRED) || !is_hop_by_hop(name, listed)
}

fn listed_in_connection(fields: &Fields) -> Vec<String> {
    fields
        .all("connection")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .filter_map(|name| std::str::from_utf8(name.trim_ascii()).ok())
        .map(str::to_ascii_lowercase)
        .filter(|name| !matches!(name.as_str(), "" | "close" | "keep-alive") && !is_end_to_end(name))
        .collect()
}

/// True for what ends with the connection. `listed`: what `connection` names.
fn is_hop_by_hop(name: &str, listed: &[String]) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade")
        || listed.iter().any(|listed| listed == name)
}

/// Headers that frame the message or route it: a client cannot have them removed by listing them in `connection`.
fn is_end_to_end(name: &str) -> bool {
    matches!(name, "content-length" | "host" | "authorization" | "x-api-key" | "content-type")
}

/// The headers that `records` lets pass, in order, with credential values masked.
pub(crate) fn recorded<'a>(
    fields: &'a Fields,
    records: fn(&str) -> bool,
    needles: Option<&Needles>,
) -> Vec<(&'a str, Cow<'a, str>)> {
    let mut recorded = Vec::with_capacity(fields.len());
    let kept = fields.lines().filter(|line| records(line.name));
    recorded.extend(kept.map(|line| (line.name, masked_text(line.value, needles))));
    recorded
}

/// As text, with credential values masked; what is not UTF-8 is replaced.
pub(crate) fn masked_text<'a>(bytes: &'a [u8], needles: Option<&Needles>) -> Cow<'a, str> {
    match needles.filter(|needles| needles.are_in(bytes)) {
        Some(needles) => String::from_utf8_lossy(&needles.mask(bytes)).into_owned().into(),
        None => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::http1::head;

    fn upstream(headers: &str, framing: Framing, upgrade: bool) -> String {
        let text = format!("POST /x HTTP/1.1\r\n{headers}\r\n");
        let request = head::request(text.as_bytes(), 32).unwrap();
        let mut out = Vec::new();
        to_upstream(&mut out, &request, ("/y", "up:1"), framing, upgrade);
        String::from_utf8(out).unwrap()
    }

    fn client(status: &str, headers: &str, told: Told) -> String {
        let text = format!("HTTP/1.1 {status}\r\n{headers}\r\n");
        let mut out = Vec::new();
        to_client(&mut out, &head::response(text.as_bytes(), 32).unwrap(), told);
        String::from_utf8(out).unwrap()
    }

    const PASSED: Told = Told { framing: Framing::Empty, chunks_pass: false, into_chunks: false, closes: false };

    #[test]
    fn hop_by_hop_and_own_headers_stay_behind() {
        let sent = upstream(
            "Connection: close, x-hop, content-length\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nTE: trailers, deflate\r\n\
             Upgrade: h2c\r\nX-Ursa-User: me\r\nContent-Length: 3\r\nX-End:  2 \r\nHOST: edge\r\nx-a: b\r\n",
            Framing::Length(3),
            false,
        );
        let expected =
            "POST /y HTTP/1.1\r\nTE: trailers\r\nContent-Length: 3\r\nX-End:  2 \r\nHOST: up:1\r\nx-a: b\r\n\r\n";
        assert_eq!(sent, expected);
    }

    #[test]
    fn an_upgrade_keeps_its_headers() {
        let headers = "connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
        let text = format!("GET /x HTTP/1.1\r\n{headers}\r\n");
        assert!(wants_upgrade(&head::request(text.as_bytes(), 32).unwrap()));
        let sent = upstream(headers, Framing::Empty, true);
        assert_eq!(sent, "POST /y HTTP/1.1\r\nconnection: Upgrade\r\nUpgrade: websocket\r\nhost: up:1\r\n\r\n");
    }

    #[test]
    fn the_upstream_is_told_of_chunks_once() {
        let sent = upstream("Transfer-Encoding: Chunked\r\nHost: h\r\n", Framing::Chunked, false);
        assert_eq!(sent, "POST /y HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nHost: up:1\r\n\r\n");
        // From HTTP/2, which has no such header.
        let sent = upstream("host: h\r\n", Framing::Chunked, false);
        assert_eq!(sent, "POST /y HTTP/1.1\r\nhost: up:1\r\ntransfer-encoding: chunked\r\n\r\n");
    }

    #[test]
    fn an_answer_passes_line_by_line() {
        let headers =
            "X-B: 1\r\nConnection: keep-alive, x-hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\nx-b: 2\r\nUpgrade: h3\r\n";
        assert_eq!(client("200 OK", headers, PASSED), "HTTP/1.1 200 OK\r\nX-B: 1\r\nx-b: 2\r\n\r\n");
        let upgrade = client("426 No", headers, PASSED);
        assert_eq!(upgrade, "HTTP/1.1 426 No\r\nX-B: 1\r\nx-b: 2\r\nUpgrade: h3\r\n\r\n");
        assert_eq!(client("101 Go", headers, PASSED), format!("HTTP/1.1 101 Go\r\n{headers}\r\n"));
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        let told = Told { framing: Framing::Chunked, chunks_pass: true, ..PASSED };
        assert_eq!(client("200 OK", both, told), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let told = Told { framing: Framing::UntilClose, into_chunks: true, closes: true, ..PASSED };
        let expected = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        assert_eq!(client("200 OK", "", told), expected);
    }

    #[test]
    fn http2_gets_what_is_no_matter_of_the_connection() {
        let text = "HTTP/1.1 200 OK\r\nX-B: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 2\r\nx-b: 2\r\n\r\n";
        let response = head::response(text.as_bytes(), 32).unwrap();
        let map = to_http2(&response, Framing::Length(2));
        let pairs: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(pairs, [("x-b", "1"), ("x-b", "2"), ("content-length", "2")]);
    }
}
