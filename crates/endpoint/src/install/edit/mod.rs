//! Changes settings files without touching a byte of what is not ours: text is inserted and taken out at places that the
//! syntax tree gives, never written anew from it. Every result is read again and compared with what it should mean.

pub mod json;
mod list;
mod node;
pub mod toml;
mod toml_scan;
mod want;

use std::ops::Range;

pub use want::{Over, Owned, OwnedValue, Want};

use serde_json::Value;
use ursa_adapters::hooks::plan::{Format, Unread};

/// Nesting that is read, in levels. Agents' settings have fewer than ten.
pub(crate) const DEPTH_MAX: usize = 128;

/// Why a file cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It cannot be read.
    #[error("cannot be understood at line {line}: {reason}")]
    Syntax {
        /// Line, from 1; 0 if not known.
        line: usize,
        /// Why.
        reason: String,
    },
    /// It is not in UTF-8.
    #[error("is not in UTF-8")]
    Encoding,
    /// Something else stands where we must write.
    #[error("{path} should be {expected}; an older form, or a mistake. Change it by hand")]
    Shape {
        /// Where.
        path: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A setting of ours already has another value.
    #[error("{path} is already set to {current}; --replace puts ours in its place until uninstall")]
    Taken {
        /// Where.
        path: String,
        /// What is there.
        current: String,
    },
    /// The result would not mean what it should. Nothing was written.
    #[error("cannot be changed without changing something else in it ({0})")]
    Unsafe(&'static str),
}

/// One replacement: the bytes of a range by a text.
pub(crate) type Edit = (Range<usize>, String);

/// Makes the edits. Those at one place keep their order.
pub(crate) fn patched(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start.max(at)).unwrap_or_default());
        out.push_str(&new);
        at = range.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// How the file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Its line end.
    pub newline: &'static str,
    /// One level of indentation.
    pub indent: String,
    /// Whether it has more than one line, or none yet.
    pub lines: bool,
}

impl Layout {
    pub(crate) fn of(text: &str) -> Self {
        let first = text.find('\n');
        let crlf = first.is_some_and(|at| text[..at].ends_with('\r'));
        let indented = text.lines().find(|line| {
            let rest = line.trim_start_matches([' ', '\t']);
            rest.len() < line.len() && rest.starts_with('"')
        });
        let indent = indented.map_or("  ", |line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        let newline = if crlf { "\r\n" } else { "\n" };
        Self { newline, indent: indent.to_owned(), lines: first.is_some() || text.trim().is_empty() }
    }
}

/// Begins files of some editors.
const BOM: &str = "\u{feff}";

/// A settings file's text.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    bom: &'static str,
    body: &'t str,
    format: Format,
}

impl<'t> Text<'t> {
    /// Reads the bytes.
    ///
    /// # Errors
    /// When they are no UTF-8.
    pub fn new(bytes: &'t [u8], format: Format) -> Result<Self, EditError> {
        let text = std::str::from_utf8(bytes).map_err(|_| EditError::Encoding)?;
        let (bom, body) = text.strip_prefix(BOM).map_or(("", text), |body| (BOM, body));
        Ok(Self { bom, body, format })
    }

    /// What the file means.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn value(&self) -> Result<Value, EditError> {
        value(self.body, self.format)
    }

    /// True if the file has that.
    pub fn has(&self, what: Unread) -> bool {
        match (what, self.format) {
            (Unread::ByteOrderMark, _) => !self.bom.is_empty(),
            (_, Format::Json) => json::has(self.body, what),
            (_, Format::Toml) => false,
        }
    }

    /// The text with everything that is wanted in it. Where it is already, nothing changes.
    ///
    /// # Errors
    /// When it cannot be understood, or changed.
    pub fn with(&self, wants: &[Want]) -> Result<String, EditError> {
        let mut body = self.body.to_owned();
        let mut meaning = self.value()?;
        for want in wants {
            body = match self.format {
                Format::Json => json::with(&body, want)?,
                Format::Toml => toml::with(&body, want)?,
            };
            want.apply(&mut meaning);
        }
        if value(&body, self.format)? != meaning {
            return Err(EditError::Unsafe("what was added reads otherwise"));
        }
        Ok(format!("{}{body}", self.bom))
    }

    /// The text without what is ours. What `base`, the text before ours was put in, has of the same settings comes back.
    ///
    /// # Errors
    /// When it cannot be understood, or changed.
    pub fn without(&self, owned: &Owned, base: Option<&Text<'_>>) -> Result<String, EditError> {
        let before = self.value()?;
        let base_body = base.map(|base| base.body);
        let body = match self.format {
            Format::Json => json::without(self.body, owned, base_body)?,
            Format::Toml => toml::without(self.body, owned, base_body)?,
        };
        let after = value(&body, self.format)?;
        let base_value = base.map(Text::value).transpose()?;
        if owned.pruned(&before, base_value.as_ref()) != owned.pruned(&after, base_value.as_ref()) {
            return Err(EditError::Unsafe("what was taken out is not only ours"));
        }
        // Line ends that were put behind the last line.
        let body = base_body.filter(|base| base.trim_end() == body.trim_end()).unwrap_or(&body);
        Ok(format!("{}{body}", self.bom))
    }
}

fn value(body: &str, format: Format) -> Result<Value, EditError> {
    match format {
        Format::Json => json::value(body),
        Format::Toml => toml::value(body),
    }
}
