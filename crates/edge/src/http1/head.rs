//! Heads of messages: the bytes as they came, with an index over them.

use std::mem::MaybeUninit;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Headers that one head may have at most, whatever is configured.
pub(crate) const HEADER_COUNT_LIMIT: usize = 512;

/// The status of an answer after which the connection leaves HTTP.
pub(crate) const SWITCHING_PROTOCOLS: u16 = 101;

/// Leave to send a request's body.
pub(crate) const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A head that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadHead {
    /// It is no HTTP/1 head, or one that two readers might read differently.
    #[error("the head is malformed")]
    Malformed,
    /// It is longer than configured, or has more headers.
    #[error("the head is too large")]
    TooLarge,
    /// It is of another version than 1.0 and 1.1.
    #[error("the version of HTTP is not supported")]
    Version,
}

/// Places in a head's bytes, from and to.
type Span = (u32, u32);

/// One header line.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// All of it, with its line end.
    line: Span,
    /// Its name, in `Fields::names`.
    name: Span,
    /// Its value, without the blanks around it.
    value: Span,
}

/// The headers of a message, in order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    raw: Vec<u8>,
    /// All names in lower case, one behind the other.
    names: String,
    list: Vec<Field>,
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// In lower case.
    pub(crate) name: &'a str,
    /// Without the blanks around it.
    pub(crate) value: &'a [u8],
    /// The line as it came, with its line end.
    pub(crate) raw: &'a [u8],
}

fn cut(bytes: &[u8], span: Span) -> &[u8] {
    bytes.get(span.0 as usize..span.1 as usize).unwrap_or_default()
}

impl Fields {
    /// All headers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> + Clone {
        self.list.iter().map(|field| Line {
            name: self.names.get(field.name.0 as usize..field.name.1 as usize).unwrap_or_default(),
            value: cut(&self.raw, field.value),
            raw: cut(&self.raw, field.line),
        })
    }

    /// The values of a header, by its name in lower case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.lines().filter(move |line| line.name == name).map(|line| line.value)
    }

    /// The first value of a header.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.lines().find(|line| line.name == name).map(|line| line.value)
    }

    /// True when a header's values, which are lists, have this item in any case.
    pub(crate) fn lists(&self, name: &str, item: &str) -> bool {
        self.lines().any(|line| {
            line.name == name
                && line.value.split(|byte| *byte == b',').any(|part| is(part.trim_ascii(), item.as_bytes()))
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Appends a header. Name and value are valid already.
    fn push(&mut self, name: &str, value: &[u8]) {
        let begin = self.raw.len();
        self.raw.extend_from_slice(name.as_bytes());
        self.raw.extend_from_slice(b": ");
        let value_at = self.raw.len();
        self.raw.extend_from_slice(value);
        let value_end = self.raw.len();
        self.raw.extend_from_slice(b"\r\n");
        let name_at = self.names.len();
        self.names.push_str(name);
        let span = |from: usize, to: usize| (from as u32, to as u32);
        self.list.push(Field {
            line: span(begin, self.raw.len()),
            name: span(name_at, self.names.len()),
            value: span(value_at, value_end),
        });
    }

    /// From headers of HTTP/2. `cookie` may come in pieces there, and must not here (RFC 9113, 8.2.3).
    pub(crate) fn from_map(headers: &HeaderMap) -> Self {
        let mut fields = Self::default();
        let cookies: Vec<&[u8]> = headers.get_all(http::header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let mut joined = (!cookies.is_empty()).then(|| cookies.join(b"; ".as_slice()));
        for (name, value) in headers {
            if name != http::header::COOKIE {
                fields.push(name.as_str(), value.as_bytes());
            } else if let Some(cookies) = joined.take() {
                fields.push(name.as_str(), &cookies);
            }
        }
        fields
    }

    /// For services that want them so.
    ///
    /// # Errors
    /// A name or value that the map does not take.
    pub(crate) fn to_map(&self) -> Result<HeaderMap, BadHead> {
        let mut map = HeaderMap::with_capacity(self.list.len());
        for line in self.lines() {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| BadHead::Malformed)?;
            let value = HeaderValue::from_bytes(line.value).map_err(|_| BadHead::Malformed)?;
            map.try_append(name, value).map_err(|_| BadHead::TooLarge)?;
        }
        Ok(map)
    }

    fn index(raw: Vec<u8>, headers: &[httparse::Header<'_>], base: usize, end: usize) -> Self {
        let at = |text: &[u8]| (text.as_ptr() as usize).saturating_sub(base);
        let mut names = String::with_capacity(headers.iter().map(|header| header.name.len()).sum());
        let mut list: Vec<Field> = Vec::with_capacity(headers.len());
        for (number, header) in headers.iter().enumerate() {
            let line_end = headers.get(number + 1).map_or(end - 2, |next| at(next.name.as_bytes()));
            let name_at = names.len();
            names.push_str(header.name);
            let value_at = if header.value.is_empty() { 0 } else { at(header.value) };
            list.push(Field {
                line: (at(header.name.as_bytes()) as u32, line_end as u32),
                name: (name_at as u32, names.len() as u32),
                value: (value_at as u32, (value_at + header.value.len()) as u32),
            });
        }
        names.make_ascii_lowercase();
        Self { raw, names, list }
    }
}

/// True when both are the same but for their case.
pub(crate) fn is(text: &[u8], other: &[u8]) -> bool {
    text.eq_ignore_ascii_case(other)
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request {
    /// As it came.
    pub(crate) method: String,
    /// The target as it came.
    pub(crate) target: String,
    /// 1 of HTTP/1.1 (and of HTTP/2, which can do as much), 0 of HTTP/1.0.
    pub(crate) minor: u8,
    /// Its headers.
    pub(crate) fields: Fields,
}

impl Request {
    /// Path and query, without the scheme and host that a target may begin with (RFC 9112, 3.2.2). `None` for the forms
    /// that have none.
    pub(crate) fn path_and_query(&self) -> Option<&str> {
        if self.target.starts_with('/') {
            return Some(&self.target);
        }
        let (_, rest) = self.target.split_once("://")?;
        match rest.find(['/', '?']) {
            Some(at) if rest.as_bytes().get(at) == Some(&b'/') => rest.get(at..),
            _ => Some("/"),
        }
    }

    /// The host in the target.
    pub(crate) fn authority(&self) -> Option<&str> {
        let (_, rest) = self.target.split_once("://")?;
        rest.split(['/', '?']).next()
    }

    /// True when the client ends the connection after this exchange.
    pub(crate) fn closes(&self) -> bool {
        self.minor == 0 || self.fields.lists("connection", "close")
    }
}

/// An answer without its body.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status.
    pub(crate) status: u16,
    /// The start line behind the version: a space, the status, the reason if there is one.
    start: Span,
    /// 1 of HTTP/1.1, 0 of HTTP/1.0.
    pub(crate) minor: u8,
    /// Its headers.
    pub(crate) fields: Fields,
}

impl Response {
    /// The start line behind the version, with the space before the status.
    pub(crate) fn start(&self) -> &[u8] {
        cut(&self.fields.raw, self.start)
    }

    /// The reason, if there is one.
    #[cfg(test)]
    fn reason(&self) -> &[u8] {
        self.start().get(5..).unwrap_or_default()
    }
}

/// Bytes of `HTTP/1.1`.
const VERSION_BYTES: usize = 8;

/// Looks for the end of a head. Lines that end without a return are refused: who takes them for lines and who does not
/// read different messages.
///
/// `from`: how far it was looked before. Returns where the head ends, or nothing as long as it does not.
///
/// # Errors
/// A line feed without a return before it.
pub(crate) fn end(bytes: &[u8], from: usize) -> Result<Option<usize>, BadHead> {
    let mut at = from;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let feed = at + found;
        if feed == 0 || bytes[feed - 1] != b'\r' {
            return Err(BadHead::Malformed);
        }
        if feed >= 3 && bytes[feed - 2] == b'\n' {
            return Ok(Some(feed + 1));
        }
        at = feed + 1;
    }
    Ok(None)
}

/// Reads a whole request head, as [`end`] found it.
///
/// # Errors
/// It cannot be used.
pub(crate) fn request(head: &[u8], count_max: usize) -> Result<Request, BadHead> {
    let mut room = [const { MaybeUninit::uninit() }; HEADER_COUNT_LIMIT];
    let room = room.get_mut(..count_max.min(HEADER_COUNT_LIMIT)).unwrap_or_default();
    let mut parsed = httparse::Request::new(&mut []);
    whole(parsed.parse_with_uninit_headers(head, room), head)?;
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(BadHead::Malformed);
    };
    let fields = Fields::index(head.to_vec(), parsed.headers, head.as_ptr() as usize, head.len());
    Ok(Request { method: method.to_owned(), target: target.to_owned(), minor, fields })
}

/// Reads the whole head of an answer, as [`end`] found it.
///
/// # Errors
/// It cannot be used.
pub(crate) fn response(head: &[u8], count_max: usize) -> Result<Response, BadHead> {
    let mut room = [const { MaybeUninit::uninit() }; HEADER_COUNT_LIMIT];
    let room = room.get_mut(..count_max.min(HEADER_COUNT_LIMIT)).unwrap_or_default();
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    whole(config.parse_response_with_uninit_headers(&mut parsed, head, room), head)?;
    let (Some(status), Some(minor)) = (parsed.code, parsed.version) else { return Err(BadHead::Malformed) };
    let line_end = memchr::memchr(b'\r', head).ok_or(BadHead::Malformed)?;
    let fields = Fields::index(head.to_vec(), parsed.headers, head.as_ptr() as usize, head.len());
    Ok(Response { status, start: (VERSION_BYTES as u32, line_end as u32), minor, fields })
}

fn whole(parsed: httparse::Result<usize>, head: &[u8]) -> Result<(), BadHead> {
    match parsed {
        Ok(httparse::Status::Complete(len)) if len == head.len() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(BadHead::TooLarge),
        Err(httparse::Error::Version) => Err(BadHead::Version),
        Ok(_) | Err(_) => Err(BadHead::Malformed),
    }
}

/// The headers behind a body of chunks (RFC 9112, 7.1.2), given with the empty line behind them.
///
/// # Errors
/// They are malformed.
pub(crate) fn trailers(section: &[u8]) -> Result<HeaderMap, BadHead> {
    let mut room = [httparse::EMPTY_HEADER; TRAILER_COUNT_MAX];
    let Ok(httparse::Status::Complete((_, headers))) = httparse::parse_headers(section, &mut room) else {
        return Err(BadHead::Malformed);
    };
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| BadHead::Malformed)?;
        map.append(name, HeaderValue::from_bytes(header.value).map_err(|_| BadHead::Malformed)?);
    }
    Ok(map)
}

/// Trailers of one body that are told to a client of HTTP/2.
const TRAILER_COUNT_MAX: usize = 64;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Request, BadHead> {
        let end = end(text.as_bytes(), 0)?.ok_or(BadHead::Malformed)?;
        request(&text.as_bytes()[..end], 8)
    }

    #[test]
    fn a_head_is_kept_as_it_came_and_read_in_lower_case() {
        let request = parse("POST /a?b HTTP/1.1\r\nHost:  h \r\nX-Two: 1\r\nx-two:\r\n\r\nrest").unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str(), request.minor), ("POST", "/a?b", 1));
        let lines: Vec<_> = request.fields.lines().map(|line| (line.name, line.value, line.raw)).collect();
        let expected: [(&str, &[u8], &[u8]); 3] =
            [("host", b"h", b"Host:  h \r\n"), ("x-two", b"1", b"X-Two: 1\r\n"), ("x-two", b"", b"x-two:\r\n")];
        assert_eq!(lines, expected);
        assert_eq!(request.fields.all("x-two").collect::<Vec<_>>(), [b"1".as_slice(), b""]);
        assert_eq!(request.fields.to_map().unwrap().get_all("x-two").iter().count(), 2);
    }

    #[test]
    fn an_answer_keeps_its_start_line() {
        for (line, start, reason) in [
            ("HTTP/1.1 200 OK", " 200 OK", "OK"),
            ("HTTP/1.1 529 ", " 529 ", ""),
            ("HTTP/1.0 404 Not here", " 404 Not here", "Not here"),
        ] {
            let text = format!("{line}\r\nA: b\r\n\r\n");
            let answer = response(text.as_bytes(), 8).unwrap();
            assert_eq!((answer.start(), answer.reason()), (start.as_bytes(), reason.as_bytes()));
            assert_eq!(answer.fields.get("a"), Some(b"b".as_slice()));
        }
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nA\r\n\r\n",
            "GET / HTTP/1.1\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
        ] {
            assert!(parse(head).is_err(), "{head:?}");
        }
        assert_eq!(parse("GET / HTTP/1.2\r\n\r\n").unwrap_err(), BadHead::Version);
        assert_eq!(parse(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(9))).unwrap_err(), BadHead::TooLarge);
    }

    #[test]
    fn a_target_with_a_host_is_told_from_one_without() {
        let of = |target: &str| parse(&format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap();
        for (target, path, authority) in [
            ("/a?b", Some("/a?b"), None),
            ("//a", Some("//a"), None),
            ("http://h:1/a?b", Some("/a?b"), Some("h:1")),
            ("http://h", Some("/"), Some("h")),
            ("*", None, None),
            ("h:443", None, None),
        ] {
            let request = of(target);
            assert_eq!((request.path_and_query(), request.authority()), (path, authority), "{target}");
        }
    }

    #[test]
    fn cookies_of_http2_are_joined() {
        let mut map = HeaderMap::new();
        for (name, value) in [("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2")] {
            map.append(name, HeaderValue::from_static(value));
        }
        let fields = Fields::from_map(&map);
        let lines: Vec<_> = fields.lines().map(|line| (line.name, line.value)).collect();
        assert_eq!(lines, [("cookie", b"a=1; b=2".as_slice()), ("x-a", b"b")]);
    }

    proptest! {
        #[test]
        fn the_end_is_found_however_the_head_comes(
            head in prop::collection::vec(prop::sample::select(b"\r\na: ".to_vec()), 0..40),
            step in 1_usize..5,
        ) {
            let at_once = end(&head, 0);
            let mut stepwise = Ok(None);
            let mut looked = 0;
            for seen in (step..head.len() + step).step_by(step).map(|seen| seen.min(head.len())) {
                stepwise = end(&head[..seen], looked);
                if stepwise != Ok(None) {
                    break;
                }
                looked = seen;
            }
            prop_assert_eq!(stepwise, at_once);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(end)) = end(&bytes, 0) {
                let _ = request(&bytes[..end], 16);
                let _ = response(&bytes[..end], 16);
            }
            let _ = trailers(&bytes);
        }
    }
}
