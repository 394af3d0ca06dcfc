//! Where a body begins and ends (RFC 9112, 6 and 7). Strict: what two readers might read differently is an error, since
//! the bytes pass as they came.

use super::head::{Fields, Request, Response, is};

/// Digits of a chunk's size: 2^60 bytes.
const SIZE_DIGITS_MAX: u8 = 15;

/// Bytes of one chunk's extension. None of the agents and providers has any.
const EXTENSION_BYTES_MAX: usize = 4 * 1024;

/// Bytes of the section behind the last chunk.
pub(crate) const TRAILER_BYTES_MAX: usize = 16 * 1024;

/// The framing contradicts itself, is malformed, or is beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body's framing is malformed")]
pub(crate) struct BadFraming;

/// How a body is told from what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

impl Framing {
    /// Of a request's body.
    ///
    /// # Errors
    /// Both framings at once, more than one length, a coding that is not known, chunks in HTTP/1.0.
    pub(crate) fn of_request(request: &Request) -> Result<Self, BadFraming> {
        let length = length(&request.fields, true)?;
        match (is_chunked(&request.fields)?, length) {
            (true, None) if request.minor == 1 => Ok(Self::Chunked),
            (true, _) => Err(BadFraming),
            (false, Some(length)) => Ok(Self::of_length(length)),
            (false, None) => Ok(Self::Empty),
        }
    }

    /// Of an answer's body. Chunks go before a length (RFC 9112, 6.3).
    ///
    /// # Errors
    /// Different lengths, a coding that is not known.
    pub(crate) fn of_response(response: &Response, asked_head: bool) -> Result<Self, BadFraming> {
        if asked_head || matches!(response.status, 100..=199 | 204 | 304) {
            return Ok(Self::Empty);
        }
        if is_chunked(&response.fields)? {
            return Ok(Self::Chunked);
        }
        Ok(length(&response.fields, false)?.map_or(Self::UntilClose, Self::of_length))
    }

    fn of_length(length: u64) -> Self {
        if length == 0 { Self::Empty } else { Self::Length(length) }
    }

    /// How many bytes the content has, if that is told.
    pub(crate) fn bytes(self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Length(length) => Some(length),
            Self::Chunked | Self::UntilClose => None,
        }
    }
}

/// `content-length`; `once`: it may not be said twice, even if it is the same.
fn length(fields: &Fields, once: bool) -> Result<Option<u64>, BadFraming> {
    let mut found = None;
    for value in fields.all("content-length") {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(BadFraming);
        }
        let length: u64 = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(BadFraming)?;
        if found.replace(length).is_some_and(|before| once || before != length) {
            return Err(BadFraming);
        }
    }
    Ok(found)
}

/// True when the body comes in chunks and in no other coding besides.
fn is_chunked(fields: &Fields) -> Result<bool, BadFraming> {
    let mut codings = fields.all("transfer-encoding");
    let Some(coding) = codings.next() else { return Ok(false) };
    if codings.next().is_some() || !is(coding, b"chunked") { Err(BadFraming) } else { Ok(true) }
}

/// Follows a body's bytes.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// What the section behind the last chunk says, where it is asked for.
    trailers: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of the body are to come.
    Length(u64),
    /// At a chunk's size.
    Size {
        size: u64,
        digits: u8,
    },
    /// In a chunk's extension.
    Extension {
        size: u64,
        bytes: usize,
    },
    /// Behind the return at the end of a size.
    SizeEnd {
        size: u64,
    },
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    /// Behind a chunk: a return, then a line feed.
    ChunkReturn,
    ChunkEnd,
    /// Behind the last chunk. `line`: bytes of the line so far; `colon`: it has a name.
    Trailer {
        bytes: usize,
        line: usize,
        colon: bool,
    },
    /// Behind the return of a line there. `empty`: it was the last.
    TrailerEnd {
        bytes: usize,
        empty: bool,
    },
    /// Everything that comes.
    UntilClose,
    Done,
    Broken,
}

const SIZE: State = State::Size { size: 0, digits: 0 };

impl Decoder {
    /// Of a body that begins with the next byte.
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => SIZE,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, trailers: None }
    }

    /// As [`Self::new`]; what comes behind the last chunk is kept.
    pub(crate) fn with_trailers(framing: Framing) -> Self {
        Self { trailers: Some(Vec::new()), ..Self::new(framing) }
    }

    /// True when nothing of the body is to come.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The section behind the last chunk with its empty line, if anything is in it.
    pub(crate) fn take_trailers(&mut self) -> Option<Vec<u8>> {
        self.trailers.take().filter(|section| section.len() > 2)
    }

    /// The connection ended.
    ///
    /// # Errors
    /// The body had not.
    pub(crate) fn end(&mut self) -> Result<(), BadFraming> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BadFraming),
        }
    }

    /// True when the framing was malformed. Nothing is taken any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Goes through what came, hands the content in it to `content`, piece by piece, and tells how many bytes belong to
    /// the body: all that came, unless it ends among them or its framing is malformed from there on.
    pub(crate) fn advance<'b>(&mut self, bytes: &'b [u8], mut content: impl FnMut(&'b [u8])) -> usize {
        let mut at = 0;
        while at < bytes.len() && !matches!(self.state, State::Done | State::Broken) {
            let rest = &bytes[at..];
            at += match self.state {
                State::Length(left) => {
                    let taken = take(rest, left, &mut content);
                    self.state = if taken == left { State::Done } else { State::Length(left - taken) };
                    taken as usize
                }
                State::Chunk(left) => {
                    let taken = take(rest, left, &mut content);
                    self.state = if taken == left { State::ChunkReturn } else { State::Chunk(left - taken) };
                    taken as usize
                }
                State::UntilClose => {
                    content(rest);
                    rest.len()
                }
                _ => {
                    self.state = self.step(rest[0]).unwrap_or(State::Broken);
                    usize::from(!self.is_broken())
                }
            };
        }
        at
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, BadFraming> {
        if let (State::Trailer { .. } | State::TrailerEnd { .. }, Some(section)) = (self.state, &mut self.trailers) {
            section.push(byte);
        }
        Ok(match (self.state, byte) {
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < SIZE_DIGITS_MAX => {
                State::Size { size: size << 4 | u64::from(hex(byte)), digits: digits + 1 }
            }
            (State::Size { size, digits: 1.. } | State::Extension { size, .. }, b'\r') => State::SizeEnd { size },
            (State::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => State::Extension { size, bytes: 1 },
            (State::Extension { size, bytes }, _) if is_text(byte) && bytes < EXTENSION_BYTES_MAX => {
                State::Extension { size, bytes: bytes + 1 }
            }
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailer { bytes: 0, line: 0, colon: false },
            (State::SizeEnd { size }, b'\n') => State::Chunk(size),
            (State::ChunkReturn, b'\r') => State::ChunkEnd,
            (State::ChunkEnd, b'\n') => SIZE,
            (State::Trailer { bytes, line, colon }, b'\r') if line == 0 || colon => {
                State::TrailerEnd { bytes, empty: line == 0 }
            }
            (State::Trailer { bytes, line, colon }, _) if bytes < TRAILER_BYTES_MAX => {
                let named = colon || (byte == b':' && line > 0);
                // Until its colon a line is a name; one that begins with a blank would be a part of the line before.
                if if colon { !is_text(byte) } else { !named && !is_name(byte) } {
                    return Err(BadFraming);
                }
                State::Trailer { bytes: bytes + 1, line: line + 1, colon: named }
            }
            (State::TrailerEnd { empty: true, .. }, b'\n') => State::Done,
            (State::TrailerEnd { bytes, .. }, b'\n') => State::Trailer { bytes, line: 0, colon: false },
            _ => return Err(BadFraming),
        })
    }
}

/// Hands over at most `left` bytes; tells how many.
fn take<'b>(rest: &'b [u8], left: u64, content: &mut impl FnMut(&'b [u8])) -> u64 {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    content(&rest[..len]);
    len as u64
}

fn hex(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

/// True for what may stand in a value: no control character but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// True for what a name is made of (RFC 9110, 5.6.2).
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Puts content into chunks.
pub(crate) mod chunk {
    use std::io::Write as _;

    /// What ends a body of chunks that has no trailers.
    pub(crate) const LAST: &[u8] = b"0\r\n\r\n";

    /// Appends one chunk; nothing for no content, since an empty one would be the last.
    pub(crate) fn append(out: &mut Vec<u8>, content: &[u8]) {
        if content.is_empty() {
            return;
        }
        // Writing to memory does not fail.
        let _ = write!(out, "{:x}\r\n", content.len());
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::head::{end, request, response};
    use super::*;

    fn of_request(headers: &str, version: &str) -> Result<Framing, BadFraming> {
        let text = format!("POST / HTTP/{version}\r\n{headers}\r\n");
        let end = end(text.as_bytes(), 0).unwrap().unwrap();
        Framing::of_request(&request(&text.as_bytes()[..end], 16).unwrap())
    }

    fn of_response(status: &str, headers: &str, asked_head: bool) -> Result<Framing, BadFraming> {
        let text = format!("HTTP/1.1 {status}\r\n{headers}\r\n");
        Framing::of_response(&response(text.as_bytes(), 16).unwrap(), asked_head)
    }

    #[test]
    fn a_request_says_once_where_its_body_ends() {
        assert_eq!(of_request("", "1.1"), Ok(Framing::Empty));
        assert_eq!(of_request("Content-Length: 0\r\n", "1.1"), Ok(Framing::Empty));
        assert_eq!(of_request("Content-Length: 12\r\n", "1.0"), Ok(Framing::Length(12)));
        assert_eq!(of_request("Transfer-Encoding: Chunked\r\n", "1.1"), Ok(Framing::Chunked));
        for bad in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert_eq!(of_request(bad, "1.1"), Err(BadFraming), "{bad}");
        }
        assert_eq!(of_request("Transfer-Encoding: chunked\r\n", "1.0"), Err(BadFraming));
    }

    #[test]
    fn an_answers_status_goes_before_its_headers() {
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(of_response("200 OK", both, false), Ok(Framing::Chunked));
        assert_eq!(of_response("200 OK", both, true), Ok(Framing::Empty));
        for status in ["101 Switching Protocols", "204 No Content", "304 Not Modified"] {
            assert_eq!(of_response(status, "Content-Length: 5\r\n", false), Ok(Framing::Empty));
        }
        assert_eq!(of_response("200 OK", "", false), Ok(Framing::UntilClose));
        assert_eq!(of_response("200 OK", "Content-Length: 5\r\nContent-Length: 5\r\n", false), Ok(Framing::Length(5)));
        assert_eq!(of_response("200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n", false), Err(BadFraming));
        assert_eq!(of_response("200 OK", "Transfer-Encoding: gzip\r\n", false), Err(BadFraming));
    }

    /// What a body says, and how many bytes it has with its framing.
    fn decode(framing: Framing, bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), BadFraming> {
        let mut decoder = Decoder::new(framing);
        let (mut content, mut used) = (Vec::new(), 0);
        for piece in bytes.chunks(step.max(1)) {
            let taken = decoder.advance(piece, |piece| content.extend_from_slice(piece));
            if decoder.is_broken() {
                return Err(BadFraming);
            }
            used += taken;
            if taken < piece.len() {
                break;
            }
        }
        Ok((content, used, decoder.is_done()))
    }

    #[test]
    fn chunks_are_followed_to_their_end() {
        let body = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nY:\r\n\r\nnext";
        for step in 1..body.len() {
            assert_eq!(decode(Framing::Chunked, body, step), Ok((b"hello!".to_vec(), body.len() - 4, true)));
        }
        let mut decoder = Decoder::with_trailers(Framing::Chunked);
        decoder.advance(body, |_| {});
        assert_eq!(decoder.take_trailers().unwrap(), b"X-T: 1\r\nY:\r\n\r\n");
        for bad in [
            "zz\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhelloXX",
            "\r\n",
            ";\r\n",
            " 5\r\n",
            "0000000000000005\r\n",
            "5;a\nb\r\nhello\r\n",
            "5;a\0\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\n: y\r\n\r\n",
            "0\r\nX y: z\r\n\r\n",
            "0\r\nX: y\n\r\n\r\n",
            "0\r\n\rX",
        ] {
            assert_eq!(decode(Framing::Chunked, bad.as_bytes(), 3), Err(BadFraming), "{bad:?}");
        }
    }

    #[test]
    fn what_is_good_before_what_is_malformed_is_taken() {
        let mut decoder = Decoder::new(Framing::Chunked);
        assert_eq!(decoder.advance(b"5\r\nhelloXX", |_| {}), 8);
        assert!(decoder.is_broken());
        assert_eq!(decoder.advance(b"\r\n", |_| {}), 0);
    }

    #[test]
    fn every_part_of_the_framing_has_a_limit() {
        let extension = |len: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(len));
        assert!(decode(Framing::Chunked, extension(EXTENSION_BYTES_MAX - 1).as_bytes(), 999).unwrap().2);
        assert!(decode(Framing::Chunked, extension(EXTENSION_BYTES_MAX).as_bytes(), 999).is_err());
        let trailers = |len: usize| format!("0\r\nx:{}\r\n\r\n", "a".repeat(len));
        assert!(decode(Framing::Chunked, trailers(TRAILER_BYTES_MAX - 2).as_bytes(), 999).unwrap().2);
        assert!(decode(Framing::Chunked, trailers(TRAILER_BYTES_MAX - 1).as_bytes(), 999).is_err());
    }

    #[test]
    fn an_end_of_the_connection_is_the_bodys_only_where_that_was_said() {
        let ends = |framing, bytes: &[u8]| {
            let mut decoder = Decoder::new(framing);
            decoder.advance(bytes, |_| {});
            decoder.end()
        };
        assert_eq!(ends(Framing::UntilClose, b"abc"), Ok(()));
        assert_eq!(ends(Framing::Length(3), b"abc"), Ok(()));
        assert_eq!(ends(Framing::Length(4), b"abc"), Err(BadFraming));
        assert_eq!(ends(Framing::Chunked, b"3\r\nabc\r\n0\r\n"), Err(BadFraming));
    }

    proptest! {
        #[test]
        fn what_is_put_into_chunks_comes_out_again(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
            step in 1_usize..50,
            next in prop::collection::vec(any::<u8>(), 0..5),
        ) {
            let mut body = Vec::new();
            for piece in &pieces {
                chunk::append(&mut body, piece);
            }
            body.extend_from_slice(chunk::LAST);
            let whole = body.len();
            body.extend_from_slice(&next);
            prop_assert_eq!(decode(Framing::Chunked, &body, step), Ok((pieces.concat(), whole, true)));
        }

        #[test]
        fn any_bytes_in_any_pieces_are_read_alike(
            bytes in prop::collection::vec(prop::sample::select(b"0123af;\r\n: xX\0".to_vec()), 0..60),
            step in 1_usize..8,
        ) {
            prop_assert_eq!(decode(Framing::Chunked, &bytes, step), decode(Framing::Chunked, &bytes, usize::MAX));
        }
    }
}
