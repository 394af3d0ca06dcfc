//! What could not be read, gathered so that a body full of one oddity makes one problem.

use std::collections::BTreeMap;

use ursa_model::message::Problem;

/// Distinct names told in one problem; more are only counted.
const NAMES_LIMIT: usize = 8;

/// Longest name told, in characters: names come from outside.
const NAME_CHARS_LIMIT: usize = 48;

/// Gathers problems.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    noted: Vec<Problem>,
    counted: BTreeMap<&'static str, Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    times: u64,
    names: Vec<String>,
}

impl Problems {
    /// A problem told once per body: the first detail of a kind stands.
    pub(crate) fn note(&mut self, kind: &'static str, detail: impl Into<String>) {
        if !self.noted.iter().any(|problem| problem.kind == kind) {
            self.noted.push(Problem::new(kind, detail));
        }
    }

    /// A problem that may come often: counted, with the names it came under.
    pub(crate) fn count(&mut self, kind: &'static str, name: &str) {
        let counted = self.counted.entry(kind).or_default();
        counted.times += 1;
        if counted.names.len() < NAMES_LIMIT {
            let name = plain(name);
            if !counted.names.contains(&name) {
                counted.names.push(name);
            }
        }
    }

    /// True when there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.noted.is_empty() && self.counted.is_empty()
    }

    /// Adds those of a later part of the same body.
    pub(crate) fn merge(&mut self, later: Self) {
        for problem in later.noted {
            if !self.noted.iter().any(|known| known.kind == problem.kind) {
                self.noted.push(problem);
            }
        }
        for (kind, more) in later.counted {
            let counted = self.counted.entry(kind).or_default();
            counted.times += more.times;
            for name in more.names {
                if counted.names.len() < NAMES_LIMIT && !counted.names.contains(&name) {
                    counted.names.push(name);
                }
            }
        }
    }

    /// All of them, the counted ones one a kind.
    pub(crate) fn finish(self) -> Vec<Problem> {
        let mut all = self.noted;
        all.extend(
            self.counted
                .into_iter()
                .map(|(kind, counted)| Problem::new(kind, format!("{} ({})", counted.times, counted.names.join(", ")))),
        );
        all
    }
}

/// Type names are words; what is not a word character might be content.
fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .take(NAME_CHARS_LIMIT)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '?' })
        .collect();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_a_kind_with_a_number_and_no_content() {
        let mut problems = Problems::default();
        problems.count("unknown_event", "new_thing");
        problems.count("unknown_event", "new_thing");
        problems.count("unknown_event", "secret words!");
        problems.note("truncated", "first");
        problems.note("truncated", "second");
        let told = problems.finish();
        assert_eq!(
            told,
            [Problem::new("truncated", "first"), Problem::new("unknown_event", "3 (new_thing, secret?words?)")]
        );
    }
}
