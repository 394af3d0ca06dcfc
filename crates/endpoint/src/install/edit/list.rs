//! Puts items into lists and objects and takes them out, with their commas and the comments beside them.

use std::ops::Range;

use super::{Edit, Layout};

/// How comments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// `// …` and `/* … */`.
    Slashes,
    /// `# …`.
    Hashes,
}

/// A list or an object in a text.
#[derive(Debug, Clone)]
pub(super) struct List<'t> {
    pub(super) text: &'t str,
    /// From its opening to its closing bracket.
    pub(super) range: Range<usize>,
    pub(super) items: Vec<Range<usize>>,
    pub(super) comments: Comments,
    /// Whether there may be line ends in it.
    pub(super) may_break: bool,
}

/// A comment.
struct Comment {
    end: usize,
    is_line: bool,
}

impl List<'_> {
    /// Adds an item at the end. `write` writes it, on lines with that indentation or on one line.
    pub(super) fn insert(&self, layout: &Layout, write: &dyn Fn(Option<&str>) -> String) -> Vec<Edit> {
        match self.items.last() {
            Some(last) => self.insert_behind(last, layout, write),
            None => self.insert_first(layout, write),
        }
    }

    fn insert_behind(&self, last: &Range<usize>, layout: &Layout, write: &dyn Fn(Option<&str>) -> String) -> Vec<Edit> {
        let comma = self.comma_behind(last.end);
        let behind = comma.map_or(last.end, |comma| comma + 1);
        let tail = if comma.is_some() { "," } else { "" };
        let head = if comma.is_some() { "" } else { "," };
        if !self.is_broken() {
            let space = if self.is_dense() { "" } else { " " };
            return vec![(behind..behind, format!("{head}{space}{}{tail}", write(None)))];
        }
        let indent = self.indentation(last.start);
        let at = self.line_comments_end(behind);
        let item = format!("{}{indent}{}{tail}", layout.newline, write(Some(&indent)));
        if at == behind {
            return vec![(at..at, format!("{head}{item}"))];
        }
        vec![(last.end..last.end, head.to_owned()), (at..at, item)]
    }

    fn insert_first(&self, layout: &Layout, write: &dyn Fn(Option<&str>) -> String) -> Vec<Edit> {
        let inside = self.range.start + 1..self.range.end - 1;
        let inner = self.text.get(inside.clone()).unwrap_or_default();
        let at = inside.start + inner.trim_end().len();
        let has_comment = at > inside.start;
        if !self.may_break || !layout.lines && !has_comment {
            return vec![(at..at, write(None))];
        }
        let outer = self.indentation(self.range.start);
        let indent = format!("{outer}{}", layout.indent);
        let rest =
            if self.text[at..inside.end].contains('\n') { String::new() } else { format!("{}{outer}", layout.newline) };
        let item = format!("{}{indent}{}{rest}", layout.newline, write(Some(&indent)));
        let end = if rest.is_empty() { at } else { inside.end };
        vec![(at..end, item)]
    }

    /// Takes out the items that are marked.
    pub(super) fn remove(&self, gone: &[bool]) -> Vec<Edit> {
        let is_gone = |index: usize| gone.get(index).copied().unwrap_or_default();
        let inside = self.range.start + 1..self.range.end - 1;
        if (0..self.items.len()).all(is_gone) && !self.has_comments(inside.clone()) {
            return vec![(inside, String::new())];
        }
        let mut edits: Vec<Edit> = Vec::new();
        for (index, item) in self.items.iter().enumerate().filter(|(index, _)| is_gone(*index)) {
            let comma = self.comma_behind(item.end);
            let start = self.removal_start(index, item, comma);
            // The first of several on one line: the next one takes its place.
            let comma_end = comma.map_or(0, |comma| comma + 1);
            let blanks = self.text[comma_end..].len() - self.text[comma_end..].trim_start_matches([' ', '\t']).len();
            let follows = self.items.get(index + 1).is_some_and(|next| next.start == comma_end + blanks);
            let end = if index == 0 && start == self.range.start + 1 && start == item.start && follows {
                comma_end + blanks
            } else {
                comma_end
            };
            match comma {
                Some(comma) if self.text[item.end..comma].trim().is_empty() => {
                    edits.push((start..end, String::new()));
                }
                Some(comma) => {
                    edits.push((start..item.end, String::new()));
                    edits.push((comma..end, String::new()));
                }
                None => {
                    edits.push((start..item.end, String::new()));
                    let kept = (0..index).rev().find(|index| !is_gone(*index)).and_then(|index| self.items.get(index));
                    if let Some(comma) = kept.and_then(|kept| self.comma_behind(kept.end)) {
                        edits.push((comma..comma + 1, String::new()));
                    }
                }
            }
        }
        edits
    }

    /// Where what is taken out with an item begins: at the blanks before it. A comment that runs to the line's end must not
    /// swallow what then follows it.
    fn removal_start(&self, index: usize, item: &Range<usize>, comma: Option<usize>) -> usize {
        let previous = index
            .checked_sub(1)
            .and_then(|index| self.items.get(index))
            .map_or(self.range.start + 1, |item| self.comma_behind(item.end).map_or(item.end, |comma| comma + 1));
        let start = previous + self.text[previous..item.start].trim_end().len();
        let end = comma.map_or(item.end, |comma| comma + 1);
        let follows = self.text[end..].trim_start_matches([' ', '\t', '\r']);
        let swallowed = self.last_comment(previous..item.start).is_some_and(|comment| comment.is_line)
            && !follows.starts_with('\n');
        if swallowed { item.start } else { start }
    }

    /// True if its items stand on lines of their own.
    fn is_broken(&self) -> bool {
        let first = self.items.first().map_or(self.range.end, |item| item.start);
        self.may_break && self.text[self.range.start..first].contains('\n')
    }

    /// True if there is no blank behind its commas or colons.
    fn is_dense(&self) -> bool {
        let inner = &self.text[self.range.clone()];
        !inner.contains(", ") && !inner.contains(": ") && !inner.contains("= ")
    }

    /// Blanks at the beginning of the line that holds that place.
    fn indentation(&self, at: usize) -> String {
        let line = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        self.text[line..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
    }

    /// The comma behind an item, if there is one before the next.
    fn comma_behind(&self, end: usize) -> Option<usize> {
        let at = self.skip(end);
        (at < self.range.end && self.text[at..].starts_with(',')).then_some(at)
    }

    /// The place behind blanks and comments.
    fn skip(&self, mut at: usize) -> usize {
        loop {
            at += self.text[at..].len() - self.text[at..].trim_start().len();
            match self.comment_at(at) {
                Some(comment) => at = comment.end,
                None => return at,
            }
        }
    }

    /// The end of the last comment that begins and ends on the line of that place; the place, if there is none.
    fn line_comments_end(&self, at: usize) -> usize {
        let (mut end, mut next) = (at, at);
        loop {
            next += self.text[next..].len() - self.text[next..].trim_start_matches([' ', '\t']).len();
            match self.comment_at(next) {
                Some(comment) if !self.text[next..comment.end].contains('\n') => {
                    (end, next) = (comment.end, comment.end);
                }
                _ => return end,
            }
        }
    }

    fn has_comments(&self, range: Range<usize>) -> bool {
        let mut at = range.start;
        for item in &self.items {
            if self.last_comment(at..item.start).is_some() {
                return true;
            }
            at = item.end;
        }
        self.last_comment(at..range.end).is_some()
    }

    /// The last comment in a range without items.
    fn last_comment(&self, range: Range<usize>) -> Option<Comment> {
        let (mut at, mut last) = (range.start, None);
        while at < range.end {
            let rest = &self.text[at..];
            let blanks = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
            at += blanks;
            match self.comment_at(at).filter(|_| at < range.end) {
                Some(comment) => {
                    at = comment.end;
                    last = Some(comment);
                }
                None => break,
            }
        }
        last
    }

    fn comment_at(&self, at: usize) -> Option<Comment> {
        let rest = &self.text[at..];
        let line = || {
            let end = rest.find('\n').map_or(rest.len(), |newline| newline);
            let end = if rest[..end].ends_with('\r') { end - 1 } else { end };
            Comment { end: at + end, is_line: true }
        };
        match self.comments {
            Comments::Hashes if rest.starts_with('#') => Some(line()),
            Comments::Slashes if rest.starts_with("//") => Some(line()),
            Comments::Slashes if rest.starts_with("/*") => {
                // A star may not be of both its ends.
                let end = rest[2..].find("*/").map_or(self.text.len(), |end| at + 2 + end + 2);
                Some(Comment { end, is_line: false })
            }
            _ => None,
        }
    }
}
