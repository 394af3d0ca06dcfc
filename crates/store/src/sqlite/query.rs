//! What a person types into the search box: all words, `"phrases"` in quotes, `begin*` for words that begin so. Nothing
//! else of it is ever query syntax.

use serde_json::Value;

use crate::StoreError;

/// Longest search text, in characters.
const QUERY_CHARS_MAX: usize = 512;
/// Most words and phrases.
const TERMS_MAX: usize = 32;
/// Fewest characters of a word's beginning; with fewer, half of all words would begin so.
const PREFIX_CHARS_MIN: usize = 2;
/// Characters shown on either side of what was found.
const AROUND_CHARS: usize = 60;
/// Most parts of one event's text that are shown.
const HIGHLIGHTS_MAX: usize = 3;
/// Before and after a word that was found.
const MARKS: (char, char) = ('\u{E000}', '\u{E001}');

/// A parsed search text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    terms: Vec<Term>,
}

/// A word, or several that stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// As it was typed: the index cuts it into words as it did with what it holds, which is not always as we do (a
    /// letter and a combining accent are one word to it).
    text: String,
    /// For highlights.
    words: Vec<String>,
    /// Of the last word only the beginning is told.
    begun: bool,
}

impl Term {
    fn whole(text: &str) -> Self {
        Self { text: text.replace('\0', " "), words: words(text), begun: false }
    }

    /// Of what is typed outside of quotes: `foo-bar` is two words that stand side by side, `foo-ba*` the beginning of
    /// such.
    fn typed(text: &str) -> Self {
        let begun = text.strip_suffix('*').is_some_and(|text| {
            text.chars().rev().take_while(|c| is_word(*c)).take(PREFIX_CHARS_MIN).count() == PREFIX_CHARS_MIN
        });
        Self { begun, ..Self::whole(text) }
    }

    fn is_at(&self, window: &[(usize, usize, String)]) -> bool {
        let last = self.words.len().saturating_sub(1);
        window.iter().zip(&self.words).enumerate().all(|(index, ((_, _, word), wanted))| {
            word == wanted || (self.begun && index == last && word.starts_with(wanted.as_str()))
        })
    }
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(StoreError::BadQuery);
        }
        let mut terms = Vec::new();
        for (index, piece) in text.split('"').enumerate() {
            if index % 2 == 1 {
                terms.push(Term::whole(piece));
            } else {
                terms.extend(piece.split_whitespace().map(Term::typed));
            }
        }
        terms.retain(|term| !term.words.is_empty());
        if terms.is_empty() || terms.iter().map(|term| term.words.len()).sum::<usize>() > TERMS_MAX {
            return Err(StoreError::BadQuery);
        }
        Ok(Self { terms })
    }

    /// What both ask for.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    /// As FTS5 wants it: each term a quoted string, a star after it for a beginning. Side by side they must all be
    /// found, and one in which the index sees no word is passed over; joined by AND it would find nothing. Terms hold
    /// neither quotes, at which they were parted, nor NUL.
    pub(super) fn as_match(&self) -> String {
        let term = |term: &Term| format!("\"{}\"{}", term.text, if term.begun { " *" } else { "" });
        self.terms.iter().map(term).collect::<Vec<_>>().join(" ")
    }

    /// Parts of the texts in `value` around what was found.
    pub(super) fn highlights(&self, value: &Value) -> Vec<String> {
        let mut texts = Vec::new();
        collect_texts(value, &mut texts);
        let mut found = Vec::new();
        for text in texts {
            if found.len() >= HIGHLIGHTS_MAX {
                break;
            }
            self.highlights_of(text, &mut found);
        }
        found
    }

    fn highlights_of(&self, text: &str, found: &mut Vec<String>) {
        let chars: Vec<char> = text.chars().collect();
        let tokens = tokens(&chars);
        let mut spans: Vec<(usize, usize)> = self.terms.iter().flat_map(|term| spans_of(&tokens, term)).collect();
        spans.sort_unstable();
        let mut next = 0;
        while let Some(&(start, _)) = spans.get(next) {
            if found.len() >= HIGHLIGHTS_MAX {
                return;
            }
            let from = start.saturating_sub(AROUND_CHARS);
            let mut end = start;
            let mut inside = Vec::new();
            while let Some(&span) = spans.get(next).filter(|span| inside.is_empty() || span.1 <= end) {
                if inside.last().is_none_or(|last: &(usize, usize)| last.1 <= span.0) {
                    inside.push(span);
                }
                if inside.len() == 1 {
                    end = (span.1 + AROUND_CHARS).min(chars.len());
                }
                next += 1;
            }
            found.push(marked(&chars, from, end, &inside));
        }
    }
}

/// The words of a text as the index has them.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    tokens(&chars).into_iter().map(|(_, _, word)| word).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words with where they begin and end.
fn tokens(chars: &[char]) -> Vec<(usize, usize, String)> {
    let mut tokens = Vec::new();
    let mut start = None;
    for index in 0..=chars.len() {
        let inside = chars.get(index).is_some_and(|c| is_word(*c));
        match (inside, start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                let word = chars.get(from..index).unwrap_or_default().iter().flat_map(|c| c.to_lowercase()).collect();
                tokens.push((from, index, word));
                start = None;
            }
            _ => {}
        }
    }
    tokens
}

fn spans_of(tokens: &[(usize, usize, String)], term: &Term) -> Vec<(usize, usize)> {
    tokens
        .windows(term.words.len().max(1))
        .filter(|window| term.is_at(window))
        .filter_map(|window| Some((window.first()?.0, window.last()?.1)))
        .collect()
}

fn marked(chars: &[char], from: usize, end: usize, spans: &[(usize, usize)]) -> String {
    let mut text = String::new();
    for (index, c) in chars.iter().enumerate().take(end).skip(from) {
        if spans.iter().any(|span| span.1 == index) {
            text.push(MARKS.1);
        }
        if spans.iter().any(|span| span.0 == index) {
            text.push(MARKS.0);
        }
        text.push(if *c == MARKS.0 || *c == MARKS.1 { char::REPLACEMENT_CHARACTER } else { *c });
    }
    if spans.iter().any(|span| span.1 == end) {
        text.push(MARKS.1);
    }
    text
}

fn collect_texts<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn matched(text: &str) -> String {
        Query::parse(text).unwrap().as_match()
    }

    #[test]
    fn nothing_typed_is_syntax_but_quotes_and_a_star_after_a_beginning() {
        assert_eq!(matched("two  words"), r#""two" "words""#);
        assert_eq!(matched(r#"a "fine phrase" b"#), r#""a" "fine phrase" "b""#);
        assert_eq!(matched("NOT x* OR text:y ^z"), r#""NOT" "x*" "OR" "text:y" "^z""#);
        assert_eq!(matched(r#"open "quote at end"#), r#""open" "quote at end""#);
        assert_eq!(matched("tool_call-id"), r#""tool_call-id""#);
        assert_eq!(matched("the fo* tool-ca*"), r#""the" "fo*" * "tool-ca*" *"#);
        assert_eq!(matched(r#"a* ** fo** *fo f*o "fo*""#), r#""a*" "fo**" "*fo" "f*o" "fo*""#);
        for bad in ["", " ", "!!!", "\"\"", &"x ".repeat(33), &"y".repeat(513)] {
            assert!(matches!(Query::parse(bad), Err(StoreError::BadQuery)), "{bad}");
        }
    }

    #[test]
    fn highlights_mark_words_and_nothing_else() {
        let query = Query::parse("fox \"lazy dog\"").unwrap();
        let text = "the quick \u{E000}brown Fox jumps over the lazy dog";
        assert_eq!(
            query.highlights(&json!({"text": text})),
            ["the quick \u{FFFD}brown \u{E000}Fox\u{E001} jumps over the \u{E000}lazy dog\u{E001}"]
        );
        let begun = Query::parse("ju* \"the lazy\" la*").unwrap();
        assert_eq!(
            begun.highlights(&json!("jumps over the lazy dog")),
            ["\u{E000}jumps\u{E001} over \u{E000}the lazy\u{E001} dog"]
        );
        let far = format!("fox {} fox", "x ".repeat(200));
        assert_eq!(query.highlights(&json!([far, 5, null])).len(), 2);
        assert!(query.highlights(&json!("lazy cat and dog")).is_empty());
    }
}
