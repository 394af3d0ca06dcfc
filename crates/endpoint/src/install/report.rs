//! What was done, for people and for programs.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new.
    Created,
    /// Ours was put in.
    Changed,
    /// It is as it was before this run.
    Unchanged,
    /// It is as it was before the first install, to the byte.
    Restored,
    /// It was made by install and is gone.
    Removed,
    /// It was edited since; only ours was taken out.
    TakenOut,
    /// It could not be changed, and is as it was.
    Failed,
    /// Not tried, because something else cannot be done.
    NotTried,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Slug of the agent.
    pub agent: &'static str,
    /// The file, by its own name; `None` if there is no place for it.
    pub path: Option<PathBuf>,
    /// What became of it, or would.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// Something to know or to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Slug of the agent.
    pub agent: &'static str,
    /// What.
    pub text: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing was written: it was only asked what would be.
    pub dry_run: bool,
    /// The files.
    pub files: Vec<FileReport>,
    /// What else to know.
    pub notes: Vec<Note>,
}

impl Report {
    /// True if something could not be done.
    pub fn failed(&self) -> bool {
        self.files.iter().any(|file| file.outcome == Outcome::Failed)
    }

    /// As JSON on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if self.files.is_empty() {
            out.push_str("nothing to do\n");
        }
        for file in &self.files {
            let path = file.path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default();
            let word = if self.dry_run { would(file.outcome) } else { did(file.outcome) };
            let reason = file.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            // Writing to a string does not fail.
            let _ = writeln!(out, "{:<12} {word}{path}{reason}", file.agent);
            out.push_str(file.diff.as_deref().unwrap_or_default());
        }
        for note in &self.notes {
            let _ = writeln!(out, "{:<12} note: {}", note.agent, note.text.replace('\n', "\n             "));
        }
        if self.failed() {
            out.push_str("Nothing is half done: a file that is not named as changed is as it was.\n");
        }
        out
    }
}

fn did(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Changed => "changed",
        Outcome::Unchanged => "unchanged",
        Outcome::Restored => "restored",
        Outcome::Removed => "removed",
        Outcome::TakenOut => "taken out of (it was edited since)",
        Outcome::Failed => "FAILED",
        Outcome::NotTried => "not tried",
    }
}

fn would(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "would create",
        Outcome::Changed => "would change",
        Outcome::Restored => "would restore",
        Outcome::Removed => "would remove",
        Outcome::TakenOut => "would take ours out of (it was edited since)",
        other => did(other),
    }
}
