//! Cuts JSON while it streams by, so that it stays JSON and keeps its small fields: long strings are shortened, long
//! members of the outermost object end early, what is nested too deep becomes null. Also ends JSON that stopped midway.

/// Deepest nesting that is kept.
const DEPTH_MAX: usize = 96;
/// A key is cut no shorter than this, in bytes: what has a long key is no small field.
const KEY_BYTES: usize = 256;
/// Stands at the end of a shortened string.
const MARK: &[u8] = "…".as_bytes();

/// How much is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutLimits {
    /// Of a string.
    pub string: usize,
    /// Of a member of the outermost object, or an element of the outermost array.
    pub member: usize,
    /// After which no further member is begun.
    pub total: usize,
}

impl CutLimits {
    /// Cuts nothing: for JSON that ended midway.
    pub const NONE: Self = Self { string: usize::MAX, member: usize::MAX, total: usize::MAX };
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value, or the end of an empty array.
    Value,
    /// A key, or the end of an empty object.
    Key,
    Colon,
    /// A comma or the end of the container.
    Comma,
}

/// A string that is being read.
#[derive(Debug, Default)]
struct Text {
    /// Bytes kept.
    kept: usize,
    /// The limit is reached: the rest is passed over.
    over: bool,
    /// Where in the output the escape sequence under way begins, and how many of its bytes were seen.
    escape: Option<(usize, usize)>,
    /// The four digits of a `\u` escape, so far.
    unit: u32,
    /// Where in the output the last escape begins, when it is the first half of a pair.
    half: Option<usize>,
}

/// See the module's documentation. Feed it the bytes in pieces, then ask for [`Cutter::finish`].
#[derive(Debug)]
pub struct Cutter {
    limits: CutLimits,
    out: Vec<u8>,
    /// Closing brackets of what is open in the output.
    open: Vec<u8>,
    /// Depth of the input.
    depth: usize,
    /// Nothing is kept until the depth is back there.
    skip_to: Option<usize>,
    text: Option<Text>,
    /// Where in the output the bare value under way (number, true, …) begins.
    bare: Option<usize>,
    /// Where in the output the outermost member under way begins.
    member: usize,
    expect: Expect,
}

impl Cutter {
    /// A cutter with these limits.
    pub fn new(limits: CutLimits) -> Self {
        let (out, open) = (Vec::new(), Vec::new());
        let expect = Expect::Value;
        Self { limits, out, open, depth: 0, skip_to: None, text: None, bare: None, member: 0, expect }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first() {
            if self.passes_over() {
                // Most of a long input: looked at no closer than for its end.
                let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
                if end > 0 {
                    rest = &rest[end..];
                    continue;
                }
            }
            if self.text.is_some() {
                self.in_text(*byte);
            } else {
                self.outside(*byte);
            }
            rest = behind;
        }
    }

    /// What was kept. JSON that is not whole is ended: with null for a value that did not come.
    pub fn finish(mut self) -> Vec<u8> {
        if let Some(text) = self.text.take() {
            self.end_torn_text(&text);
        }
        if let Some(begun) = self.bare.take()
            && !self.open.is_empty()
        {
            // A number might have gone on.
            self.out.truncate(begun);
            self.expect = Expect::Value;
        }
        if !self.open.is_empty() {
            self.end_torn_member();
        }
        while let Some(close) = self.open.pop() {
            self.out.push(close);
        }
        self.out
    }

    fn end_torn_text(&mut self, text: &Text) {
        if self.skip_to.is_some() {
            return;
        }
        if !text.over {
            if let Some(begun) = text.half.or(text.escape.map(|(begun, _)| begun)) {
                self.out.truncate(begun);
            }
            self.out.truncate(whole_characters(&self.out));
        }
        self.out.push(b'"');
        self.expect = if self.expect == Expect::Key { Expect::Colon } else { Expect::Comma };
    }

    fn end_torn_member(&mut self) {
        let end = self.out.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        self.out.truncate(end);
        match self.expect {
            _ if matches!(self.out.last(), Some(b'{' | b'[')) => {}
            Expect::Key | Expect::Value if self.out.ends_with(b",") => {
                self.out.pop();
            }
            Expect::Colon => self.out.extend_from_slice(b":null"),
            Expect::Value => self.out.extend_from_slice(b"null"),
            Expect::Key | Expect::Comma => {}
        }
    }

    /// True inside a string of which nothing more is kept.
    fn passes_over(&self) -> bool {
        let text = self.text.as_ref();
        text.is_some_and(|text| text.over && text.escape.is_none())
    }

    fn keep(&mut self, byte: u8) {
        if self.skip_to.is_none() {
            self.out.push(byte);
        }
    }

    fn outside(&mut self, byte: u8) {
        let bare = !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':');
        if !bare && self.bare.take().is_some() {
            self.expect = Expect::Comma;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                // A line must stay a line.
                if self.out.last() != Some(&b' ') {
                    self.keep(b' ');
                }
            }
            b'"' => {
                self.keep(byte);
                self.text = Some(Text::default());
            }
            b'{' => self.enter(byte, b'}', Expect::Key),
            b'[' => self.enter(byte, b']', Expect::Value),
            b'}' | b']' => self.leave(byte),
            b',' => self.comma(),
            b':' => {
                self.keep(byte);
                self.expect = Expect::Value;
            }
            _ => {
                if self.bare.is_none() && self.skip_to.is_none() {
                    self.bare = Some(self.out.len());
                }
                self.keep(byte);
            }
        }
    }

    fn enter(&mut self, byte: u8, close: u8, expect: Expect) {
        if self.skip_to.is_none() && self.open.len() >= DEPTH_MAX {
            self.out.extend_from_slice(b"null");
            self.skip_to = Some(self.depth);
        }
        self.depth += 1;
        if self.skip_to.is_none() {
            self.out.push(byte);
            self.open.push(close);
            if self.depth == 1 {
                self.member = self.out.len();
            }
        }
        self.expect = expect;
    }

    fn leave(&mut self, byte: u8) {
        self.depth = self.depth.saturating_sub(1);
        match self.skip_to {
            Some(depth) if self.depth <= depth => self.skip_to = None,
            Some(_) => {}
            None => {
                self.out.push(byte);
                self.open.pop();
            }
        }
        self.expect = Expect::Comma;
    }

    fn comma(&mut self) {
        if self.skip_to.is_none() {
            let stop_at = if self.depth <= 1 && self.out.len() > self.limits.total {
                Some(0)
            } else if self.depth > 1 && self.out.len() - self.member > self.limits.member {
                Some(1)
            } else {
                None
            };
            if let Some(depth) = stop_at {
                while self.open.len() > depth {
                    self.out.extend(self.open.pop());
                }
                self.skip_to = Some(depth);
            } else {
                self.out.push(b',');
                if self.depth <= 1 {
                    self.member = self.out.len();
                }
            }
        }
        let object = self.open.last() == Some(&b'}');
        self.expect = if object { Expect::Key } else { Expect::Value };
    }

    fn in_text(&mut self, byte: u8) {
        let Some(text) = &mut self.text else { return };
        let key = self.expect == Expect::Key;
        let limit = if key { self.limits.string.max(KEY_BYTES) } else { self.limits.string };
        let begins = text.escape.is_none() && byte & 0xC0 != 0x80;
        if begins && !text.over && text.half.is_none() && byte != b'"' && text.kept >= limit {
            text.over = true;
            if self.skip_to.is_none() {
                self.out.extend_from_slice(MARK);
            }
        }
        match &mut text.escape {
            None if byte == b'"' => return self.end_text(),
            None if byte == b'\\' => text.escape = Some((self.out.len(), 1)),
            None => text.half = None,
            Some((begun, seen)) => {
                *seen += 1;
                if *seen == 2 && byte == b'u' {
                    text.unit = 0;
                } else if *seen > 2 {
                    text.unit = text.unit * 16 + char::from(byte).to_digit(16).unwrap_or(0);
                }
                if (*seen == 2 && byte != b'u') || *seen == 6 {
                    let high = *seen == 6 && text.half.is_none() && (0xD800..0xDC00).contains(&text.unit);
                    text.half = high.then_some(*begun);
                    text.escape = None;
                }
            }
        }
        text.kept += 1;
        if !text.over && self.skip_to.is_none() {
            self.out.push(byte);
        }
    }

    fn end_text(&mut self) {
        self.text = None;
        self.keep(b'"');
        self.expect = if self.expect == Expect::Key { Expect::Colon } else { Expect::Comma };
    }
}

/// Length without a character whose bytes are not all there.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    for at in (tail..bytes.len()).rev() {
        let wanted = match bytes[at] {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x80..=0xBF => continue,
            _ => return bytes.len(),
        };
        return if at + wanted > bytes.len() { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::{Value, json};

    use super::*;

    const SMALL: CutLimits = CutLimits { string: 8, member: 64, total: 400 };

    fn cut(limits: CutLimits, input: &str) -> Value {
        let mut cutter = Cutter::new(limits);
        cutter.feed(input.as_bytes());
        let out = cutter.finish();
        serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    }

    #[test]
    fn small_fields_stay_and_long_strings_are_shortened() {
        let input = r#"{"session_id": "s-1", "tool_input": {"content": "0123456789abcdef"}, "hook_event_name":"X"}"#;
        let expected = json!({"session_id": "s-1", "tool_input": {"content": "01234567…"}, "hook_event_name": "X"});
        assert_eq!(cut(SMALL, input), expected);
        assert_eq!(cut(CutLimits::NONE, input), serde_json::from_str::<Value>(input).unwrap());
    }

    #[test]
    fn a_long_member_ends_and_the_next_is_kept() {
        let long: Vec<u32> = (0..1000).collect();
        let input = json!({"a": {"list": long}, "b": 1}).to_string();
        let cut = cut(SMALL, &input);
        assert_eq!(cut["b"], 1);
        assert!(cut["a"]["list"].as_array().unwrap().len() < 40);
    }

    #[test]
    fn too_many_members_and_too_deep_ones() {
        let many: serde_json::Map<_, _> = (0..10_000).map(|n| (n.to_string(), json!(n))).collect();
        assert!(cut(SMALL, &Value::Object(many).to_string()).to_string().len() < 500);
        let deep = format!("{{\"d\":{}1{},\"e\":2}}", "[".repeat(100_000), "]".repeat(100_000));
        let cut = cut(CutLimits::NONE, &deep);
        assert_eq!(cut["e"], 2);
    }

    #[test]
    fn characters_and_pairs_are_not_cut_through() {
        for at in 0..12 {
            let text = format!("{}é😀", "x".repeat(at));
            let escaped = format!("{}\\u00e9\\ud83d\\ude00 and more", "x".repeat(at));
            cut(SMALL, &format!("{{\"t\":\"{text} and more\"}}"));
            cut(SMALL, &format!("{{\"t\":\"{escaped}\"}}"));
        }
    }

    #[test]
    fn what_ends_anywhere_is_json_again() {
        let input = r#"{"a": [1, -2.5e3, true, null, "x\"\u00e9\ud83d\ude00é😀"], "b": {"c": {}, "d": []}, "e": "f"}"#;
        for end in 1..=input.len() {
            let mut cutter = Cutter::new(CutLimits::NONE);
            cutter.feed(&input.as_bytes()[..end]);
            let out = cutter.finish();
            let value: Result<Value, _> = serde_json::from_slice(&out);
            assert!(value.is_ok(), "{end}: {:?}", String::from_utf8_lossy(&out));
        }
    }
}
