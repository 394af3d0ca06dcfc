//! The table.

use std::fmt::Write as _;

use super::compare::{Outcome, RULES};
use super::{Case, Verdict};

/// One row of the table: the cases of one name.
#[derive(Debug, Clone)]
pub struct Row {
    group: &'static str,
    name: String,
    count: usize,
    verdict: Verdict,
}

impl Row {
    /// The row of a case.
    pub fn new(case: &Case, verdict: Verdict) -> Self {
        Self { group: case.group, name: case.name.clone(), count: 1, verdict }
    }

    /// Adds a case to the row of its name.
    pub fn add(rows: &mut Vec<Self>, case: &Case, verdict: Verdict) {
        match rows.iter_mut().find(|row| row.group == case.group && row.name == case.name) {
            Some(row) => {
                row.count += 1;
                row.verdict.http1.add(verdict.http1);
                match (&mut row.verdict.http2, verdict.http2) {
                    (Some(all), Some(more)) => all.add(more),
                    (all @ None, more) => *all = more,
                    (Some(_), None) => {}
                }
            }
            None => rows.push(Self::new(case, verdict)),
        }
    }

    /// What differs and must not, in words.
    pub fn differences(&self) -> Vec<String> {
        let told = |http: &str, outcome: &Outcome| {
            outcome.differences.iter().map(|what| format!("{}, {http}: {what}", self.name)).collect::<Vec<_>>()
        };
        let mut all = told("HTTP/1.1", &self.verdict.http1);
        all.extend(self.verdict.http2.iter().flat_map(|outcome| told("HTTP/2", outcome)));
        all
    }
}

/// The rows as a table in Markdown, what the letters mean, and a last line with the count.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::from("| case | HTTP/1.1 | HTTP/2 |\n|---|---|---|\n");
    let mut group = "";
    for row in rows {
        if row.group != group {
            group = row.group;
            let _ = writeln!(out, "| **{group}** | | |");
        }
        let count = if row.count > 1 { format!(" ({} exchanges)", row.count) } else { String::new() };
        let http2 = row.verdict.http2.as_ref().map_or("–".to_owned(), cell);
        let name = row.name.replace('|', "\\|");
        let _ = writeln!(out, "| {name}{count} | {} | {http2} |", cell(&row.verdict.http1));
    }
    out.push_str("\nAllowed differences, by the letters above:\n\n");
    for (_, letter, text) in RULES {
        let _ = writeln!(out, "- {letter}: {text}");
    }
    let cases: usize = rows.iter().map(|row| row.count).sum();
    let differences: usize = rows.iter().map(|row| row.differences().len()).sum();
    let _ = writeln!(out, "\n{cases} cases, {differences} differences that are not allowed.");
    out
}

fn cell(outcome: &Outcome) -> String {
    let letters =
        RULES.iter().filter(|(rule, ..)| outcome.allowed.contains(rule)).map(|(_, letter, _)| letter.to_string());
    let letters = letters.collect::<Vec<_>>().join(" ");
    match (outcome.differences.len(), letters.is_empty()) {
        (0, true) => "same".to_owned(),
        (0, false) => format!("same, but {letters}"),
        (count, _) => format!("**{count} differences**"),
    }
}
