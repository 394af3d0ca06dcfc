//! Where things stand in a TOML text that is known to be valid: its tables, their pairs and the values inside.

use serde_json::{Map, Number, Value, json};

use super::node::{Kind, Member, Node};
use super::{DEPTH_MAX, EditError};

/// A table: its header and the pairs below it. The first one, without a header, is the root's.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Keys of the header; none for the root.
    pub(super) keys: Vec<String>,
    /// Written with two brackets.
    pub(super) is_array: bool,
    /// Where the header begins.
    pub(super) start: usize,
    /// Where the last line of header and pairs ends, with its line end.
    pub(super) end: usize,
    pub(super) pairs: Vec<Member>,
}

impl Block {
    /// What its pairs mean.
    pub(super) fn value(&self) -> Value {
        Node { range: self.start..self.end, kind: Kind::Object(self.pairs.clone()) }.value()
    }
}

/// The tables in their order.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, EditError> {
    let mut scan = Scan { text, at: 0, depth: 0 };
    let root = Block { keys: Vec::new(), is_array: false, start: 0, end: 0, pairs: Vec::new() };
    let mut blocks = vec![root];
    loop {
        scan.skip();
        let Some(next) = scan.peek() else { return Ok(blocks) };
        let start = scan.at;
        if next == '[' {
            let is_array = scan.text[start..].starts_with("[[");
            scan.at += if is_array { 2 } else { 1 };
            let keys = scan.keys(']')?;
            scan.at += if is_array { 2 } else { 1 };
            let end = scan.line_end();
            blocks.push(Block { keys, is_array, start, end, pairs: Vec::new() });
        } else {
            let keys = scan.keys('=')?;
            scan.at += 1;
            let node = scan.value()?;
            let range = start..scan.at;
            let end = scan.line_end();
            if let Some(block) = blocks.last_mut() {
                block.pairs.push(Member { range, keys, node });
                block.end = end;
            }
        }
    }
}

/// A value of TOML as one of JSON.
pub(super) fn converted(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => {
            Number::from_f64(*number).map_or_else(|| json!({ "float": number.to_string() }), Value::Number)
        }
        toml::Value::Boolean(boolean) => Value::Bool(*boolean),
        toml::Value::Datetime(moment) => json!({ "datetime": moment.to_string() }),
        toml::Value::Array(list) => Value::Array(list.iter().map(converted).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.clone(), converted(value))).collect::<Map<_, _>>())
        }
    }
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn broken(&self) -> EditError {
        let line = self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1;
        EditError::Syntax { line, reason: "not understood".to_owned() }
    }

    /// Goes behind blanks, line ends and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Where the line ends, with its line end.
    fn line_end(&self) -> usize {
        self.rest().find('\n').map_or(self.text.len(), |newline| self.at + newline + 1)
    }

    /// Dotted keys up to a sign.
    fn keys(&mut self, stop: char) -> Result<Vec<String>, EditError> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            match self.peek().ok_or_else(|| self.broken())? {
                c if c == stop => return Ok(keys),
                '.' => self.at += 1,
                '"' | '\'' => {
                    let start = self.at;
                    self.string()?;
                    keys.push(self.scalar(start)?.as_str().unwrap_or_default().to_owned());
                }
                _ => {
                    let rest = self.rest();
                    let bare = |c: char| !c.is_alphanumeric() && c != '_' && c != '-';
                    let end = rest.find(bare).filter(|end| *end > 0).ok_or_else(|| self.broken())?;
                    keys.push(rest[..end].to_owned());
                    self.at += end;
                }
            }
        }
    }

    fn value(&mut self) -> Result<Node, EditError> {
        self.blanks();
        let start = self.at;
        let kind = match self.peek().ok_or_else(|| self.broken())? {
            '"' | '\'' => {
                self.string()?;
                Kind::Scalar(self.scalar(start)?)
            }
            open @ ('[' | '{') => self.container(open)?,
            _ => {
                let rest = self.rest();
                let end = rest.find([',', ']', '}', '#', '\n']).unwrap_or(rest.len());
                self.at += rest[..end].trim_end().len();
                Kind::Scalar(self.scalar(start)?)
            }
        };
        Ok(Node { range: start..self.at, kind })
    }

    fn container(&mut self, open: char) -> Result<Kind, EditError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(EditError::Syntax { line: 0, reason: "nested too deep".to_owned() });
        }
        self.at += 1;
        let (mut elements, mut members) = (Vec::new(), Vec::new());
        loop {
            self.skip();
            match self.peek().ok_or_else(|| self.broken())? {
                ']' | '}' => break,
                ',' => self.at += 1,
                _ if open == '[' => elements.push(self.value()?),
                _ => {
                    let start = self.at;
                    let keys = self.keys('=')?;
                    self.at += 1;
                    self.skip();
                    let node = self.value()?;
                    members.push(Member { range: start..self.at, keys, node });
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(if open == '[' { Kind::Array(elements) } else { Kind::Object(members) })
    }

    /// Goes behind a string.
    fn string(&mut self) -> Result<(), EditError> {
        let rest = self.rest();
        let quote = self.peek().unwrap_or('"');
        let long: String = std::iter::repeat_n(quote, 3).collect();
        let (open, close) = if rest.starts_with(&long) { (3, long.as_str()) } else { (1, &long[..1]) };
        let mut at = open;
        loop {
            let here = rest.get(at..).ok_or_else(|| self.broken())?;
            if let Some(behind) = here.strip_prefix(close) {
                // A long string may end with quotes of its own.
                let more = behind.chars().take_while(|c| open == 3 && *c == quote).count().min(2);
                self.at += at + close.len() + more;
                return Ok(());
            }
            let first = here.chars().next().ok_or_else(|| self.broken())?;
            let escaped = if first == '\\' && quote == '"' { here.chars().nth(1).map_or(0, char::len_utf8) } else { 0 };
            at += first.len_utf8() + escaped;
        }
    }

    /// What is written from there to here.
    fn scalar(&self, start: usize) -> Result<Value, EditError> {
        let raw = self.text.get(start..self.at).unwrap_or_default();
        let table: toml::Table = toml::from_str(&format!("x = {raw}")).map_err(|_| self.broken())?;
        Ok(table.get("x").map(converted).unwrap_or_default())
    }
}
