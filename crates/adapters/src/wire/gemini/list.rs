//! A list that comes in pieces: what a stream without `alt=sse` is.

use crate::wire::json;
use crate::wire::sse::EVENTS_LIMIT;

/// The elements of a JSON list that are whole, as their bytes. Reads on past an element that is no JSON.
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    count: usize,
    /// True once the list's own end was read.
    pub(super) closed: bool,
    /// True when a limit stopped the reading.
    pub(super) over_limit: bool,
}

impl<'a> Elements<'a> {
    /// Of a body that is a list; `None` for any other.
    pub(super) fn of(body: &'a [u8]) -> Option<Self> {
        let rest = json::without_bom(body).trim_ascii_start().strip_prefix(b"[")?;
        Some(Self { rest, count: 0, closed: false, over_limit: false })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.closed || self.over_limit {
            return None;
        }
        let start = self.rest.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',')?;
        let rest = &self.rest[start..];
        if rest[0] == b']' {
            self.closed = true;
            return None;
        }
        self.count += 1;
        if self.count > EVENTS_LIMIT {
            self.over_limit = true;
            return None;
        }
        let end = end_of_element(rest)?;
        self.rest = &rest[end..];
        Some(&rest[..end])
    }
}

/// Where the element that the bytes begin with ends; `None` if it is cut.
fn end_of_element(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            // A bare value ends before what follows it. A stray closing bracket is an element of its own.
            b']' | b',' if depth == 0 => return Some(at),
            b'}' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn elements(body: &str) -> (Vec<&str>, bool) {
        let mut elements = Elements::of(body.as_bytes()).unwrap();
        let found = elements.by_ref().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
        (found, elements.closed)
    }

    #[test]
    fn whole_elements_are_found_wherever_the_list_is_cut() {
        let body = "[{\"a\": \"]},\\\"\"}\n,\r\n{\"b\": [1, {}]}, 7]";
        assert_eq!(elements(body), (vec!["{\"a\": \"]},\\\"\"}", "{\"b\": [1, {}]}", "7"], true));
        for cut in 1..body.len() {
            let (found, closed) = elements(&body[..cut]);
            assert!(!closed && found.len() <= 3, "{cut}");
            assert!(found.iter().zip(elements(body).0).all(|(part, whole)| *part == whole), "{cut}");
        }
        assert_eq!(elements("[ ]"), (vec![], true));
        assert!(Elements::of(b"{}").is_none());
        assert_eq!(elements("[}]"), (vec!["}"], true));
    }
}
