//! What would change, line by line, for people. Files are short and changes few, so it is enough to know where they begin
//! and end.

/// Lines that are shown around a change.
const AROUND: usize = 3;

/// The difference in the usual form; empty if there is none.
pub fn unified(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(old, new)| old == new).count();
    let start = head.saturating_sub(AROUND);
    let old_end = (old.len() - tail + AROUND).min(old.len());
    let new_end = (new.len() - tail + AROUND).min(new.len());
    let at = |start: usize, end: usize| if end == 0 { 0 } else { start + 1 };
    let mut out = format!(
        "--- {name}\n+++ {name}\n@@ -{},{} +{},{} @@\n",
        at(start, old_end),
        old_end - start,
        at(start, new_end),
        new_end - start
    );
    let mut push = |sign: char, lines: &[&str]| {
        for line in lines {
            out.push(sign);
            out.push_str(line);
            out.push('\n');
        }
    };
    push(' ', &old[start..head]);
    push('-', &old[head..old.len() - tail]);
    push('+', &new[head..new.len() - tail]);
    push(' ', &old[old.len() - tail..old_end]);
    out
}
