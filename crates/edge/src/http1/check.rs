//! What must hold for any bytes that come: for the fuzz targets, and for the tests that replay their seeds.

use super::framing::{Decoder, Framing, chunk};
use super::head;

/// Headers of a head here.
const COUNT_MAX: usize = 64;

/// Bytes as the beginning of a request and of an answer: what is read is all that came, line by line.
///
/// # Panics
/// Something does not hold.
pub fn head(bytes: &[u8]) {
    let Ok(Some(end)) = head::end(bytes, 0) else { return };
    let text = &bytes[..end];
    assert_eq!(head::end(text, 0), Ok(Some(end)), "what follows a head does not matter");
    if let Ok(request) = head::request(text, COUNT_MAX) {
        let start = format!("{} {} HTTP/1.{}\r\n", request.method, request.target, request.minor);
        let lines: Vec<u8> = request.fields.lines().flat_map(|line| line.raw.to_vec()).collect();
        assert!([start.as_bytes(), &lines, b"\r\n"].concat() == text, "no byte of a head is left out or read twice");
        for line in request.fields.lines() {
            assert!(line.raw[..line.name.len()].eq_ignore_ascii_case(line.name.as_bytes()));
            assert!(!line.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        }
        if let Ok(framing) = Framing::of_request(&request) {
            body(framing, &bytes[end..]);
        }
    }
    if let Ok(response) = head::response(text, COUNT_MAX) {
        let lines: Vec<u8> = response.fields.lines().flat_map(|line| line.raw.to_vec()).collect();
        assert!([response.start(), b"\r\n", &lines, b"\r\n"].concat() == text[text.len().min(8)..]);
        if let Ok(framing) = Framing::of_response(&response, false) {
            body(framing, &bytes[end..]);
        }
    }
}

/// Bytes as a body of chunks: read alike however they come, and what was read can be put into chunks again.
///
/// # Panics
/// Something does not hold.
pub fn chunks(bytes: &[u8]) {
    let content = body(Framing::Chunked, bytes);
    let mut again = Vec::new();
    chunk::append(&mut again, &content);
    again.extend_from_slice(chunk::LAST);
    assert!(read(Framing::Chunked, &again, usize::MAX) == (content, again.len(), false));
    // Trailers may be refused, and must not be more than what came.
    if let Ok(map) = head::trailers(bytes) {
        assert!(map.len() <= bytes.len());
    }
}

fn body(framing: Framing, bytes: &[u8]) -> Vec<u8> {
    let whole = read(framing, bytes, usize::MAX);
    for step in [1, 3, 8] {
        assert!(read(framing, bytes, step) == whole, "in pieces of {step}");
    }
    whole.0
}

/// The content, how many bytes belong to the body, and whether its framing is malformed.
fn read(framing: Framing, bytes: &[u8], step: usize) -> (Vec<u8>, usize, bool) {
    let mut decoder = Decoder::new(framing);
    let (mut content, mut used) = (Vec::new(), 0);
    for piece in bytes.chunks(step) {
        let taken = decoder.advance(piece, |piece| content.extend_from_slice(piece));
        used += taken;
        if taken < piece.len() {
            break;
        }
    }
    (content, used, decoder.is_broken())
}
