//! Which headers pass, and which are written down.

use std::borrow::Cow;

use http::header::{
    CONNECTION, CONTENT_ENCODING, COOKIE, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode, Version};

use crate::mask::Needles;

/// Headers of the client that are meant for the edge.
const OWN_PREFIX: &str = "x-ursa-";

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// True when the client asks to leave HTTP on this connection.
pub(crate) fn wants_upgrade(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_11 && headers.contains_key(UPGRADE) && connection_lists(headers, UPGRADE.as_str())
}

/// True when what the client asks to upgrade to is a WebSocket.
pub(crate) fn wants_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(UPGRADE).iter().any(|value| lists(value, "websocket"))
}

/// True when the client waits for `100 Continue` before it sends its body.
pub(crate) fn expects_continue(version: Version, headers: &HeaderMap) -> bool {
    let expects = headers.get(http::header::EXPECT).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    version == Version::HTTP_11 && expects
}

/// True when the body has no content encoding, so that its bytes are its text.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty() || value.eq_ignore_ascii_case(b"identity")
    })
}

/// Makes the client's headers the upstream's: hop-by-hop and own headers go, `host` becomes the upstream's.
pub(crate) fn to_upstream(headers: &mut HeaderMap, host: HeaderValue, version: Version, upgrade: bool) {
    let trailers = headers.get_all(TE).iter().any(|value| lists(value, "trailers"));
    let listed = listed_in_connection(headers);
    keep(headers, |name| match name {
        &TE => trailers,
        &CONNECTION | &UPGRADE => upgrade,
        _ => !is_hop_by_hop(name, &listed) && !name.as_str().starts_with(OWN_PREFIX),
    });
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    if version == Version::HTTP_2 {
        join_cookies(headers);
    }
    headers.insert(HOST, host);
}

/// Makes the upstream's headers the client's.
pub(crate) fn to_client(headers: &mut HeaderMap, status: StatusCode) {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    // 426 names the protocol that the upstream insists on.
    let upgrade = status == StatusCode::UPGRADE_REQUIRED;
    let listed = listed_in_connection(headers);
    keep(headers, |name| (upgrade && *name == UPGRADE) || !is_hop_by_hop(name, &listed));
}

/// Leaves the headers of which `keep` is true, in their order: [`HeaderMap::remove`] would put the last one in the place of
/// the one that goes, and the order in which an agent writes its headers is a part of how it looks.
fn keep(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    if headers.keys().all(&keep) {
        return;
    }
    let mut kept = HeaderMap::with_capacity(headers.keys_len());
    let mut last = None;
    // Of several values of one name only the first tells the name.
    for (name, value) in headers.drain() {
        if name.is_some() {
            last = name;
        }
        if let Some(name) = last.as_ref().filter(|name| keep(name)) {
            kept.append(name, value);
        }
    }
    *headers = kept;
}

fn listed_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !is_end_to_end(name))
        .collect()
}

/// True for what ends with the connection. `listed`: what `connection` names.
fn is_hop_by_hop(name: &HeaderName, listed: &[HeaderName]) -> bool {
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name) || listed.contains(name)
}

/// Headers that frame the message or route it: a client cannot have them removed by listing them in `connection`.
fn is_end_to_end(name: &HeaderName) -> bool {
    matches!(name.as_str(), "content-length" | "host" | "authorization" | "x-api-key" | "content-type")
}

fn connection_lists(headers: &HeaderMap, token: &str) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| lists(value, token))
}

fn lists(value: &HeaderValue, token: &str) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// HTTP/2 may split `cookie`; HTTP/1 must not (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, joined);
    }
}

/// The headers that `records` lets pass, in order, with credential values masked.
pub(crate) fn recorded<'a>(
    headers: &'a HeaderMap,
    records: fn(&str) -> bool,
    needles: Option<&Needles>,
) -> Vec<(&'a str, Cow<'a, str>)> {
    let mut recorded = Vec::with_capacity(headers.len());
    let kept = headers.iter().filter(|(name, _)| records(name.as_str()));
    recorded.extend(kept.map(|(name, value)| (name.as_str(), masked_text(value.as_bytes(), needles))));
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

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect()
    }

    #[test]
    fn hop_by_hop_and_own_headers_stay_behind() {
        let mut headers = map(&[
            ("connection", "close, x-hop, content-length"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("te", "trailers, deflate"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-ursa-user", "me"),
            ("content-length", "3"),
            ("x-end", "2"),
            ("host", "edge"),
        ]);
        to_upstream(&mut headers, HeaderValue::from_static("up"), Version::HTTP_11, false);
        let expected = [("te", "trailers"), ("content-length", "3"), ("x-end", "2"), ("host", "up")];
        assert_eq!(pairs(&headers), expected);
    }

    #[test]
    fn an_upgrade_keeps_its_headers() {
        let mut headers = map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert!(wants_upgrade(Version::HTTP_11, &headers));
        to_upstream(&mut headers, HeaderValue::from_static("up"), Version::HTTP_11, true);
        assert_eq!(pairs(&headers), [("connection", "Upgrade"), ("upgrade", "websocket"), ("host", "up")]);
    }

    #[test]
    fn what_stays_keeps_its_order() {
        let mut headers =
            map(&[("a", "1"), ("connection", "keep-alive, x-hop"), ("b", "2"), ("x-hop", "1"), ("c", "3")]);
        headers.append("b", HeaderValue::from_static("4"));
        let expected = [("a", "1"), ("b", "2"), ("b", "4"), ("c", "3")];
        let mut answer = headers.clone();
        to_upstream(&mut headers, HeaderValue::from_static("up"), Version::HTTP_11, false);
        assert_eq!(pairs(&headers), [&expected[..], &[("host", "up")]].concat());
        to_client(&mut answer, StatusCode::OK);
        assert_eq!(pairs(&answer), expected);
    }

    #[test]
    fn split_cookies_are_joined() {
        let mut headers: HeaderMap = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        to_upstream(&mut headers, HeaderValue::from_static("up"), Version::HTTP_2, false);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
