//! Texts as people, models and tools write them: filler, but of the right shape.

use std::fmt::Write;

use crate::random::Random;

const WORDS: &[&str] = &[
    "the",
    "request",
    "handler",
    "returns",
    "before",
    "cache",
    "is",
    "warm",
    "so",
    "test",
    "fails",
    "with",
    "timeout",
    "we",
    "need",
    "to",
    "check",
    "parser",
    "config",
    "file",
    "session",
    "token",
    "refresh",
    "and",
    "a",
    "retry",
    "queue",
    "that",
    "drops",
    "messages",
    "when",
    "database",
    "lock",
    "held",
    "longer",
    "than",
    "expected",
    "migration",
    "adds",
    "column",
    "index",
    "user",
    "invoice",
    "payment",
    "export",
    "schema",
    "build",
    "deploy",
    "branch",
    "merge",
    "lint",
];
pub(crate) const FILES: &[&str] = &[
    "src/main.rs",
    "src/api/handlers.rs",
    "src/auth/token.ts",
    "web/app/routes.tsx",
    "tests/test_billing.py",
    "services/invoice/model.go",
    "docs/README.md",
    "Cargo.toml",
    "package.json",
    "infra/terraform/main.tf",
    "src/db/migrations/0042_add_index.sql",
    "lib/parser/lexer.c",
    "scripts/release.sh",
    "config/production.yaml",
];
const COMMANDS: &[(&str, &str)] = &[
    ("cargo", "cargo test -p billing --quiet"),
    ("npm", "npm run build"),
    ("git", "git diff --stat HEAD~3"),
    ("rg", "rg -n 'fn refresh' src"),
    ("pytest", "pytest -x tests/test_billing.py"),
    ("ls", "ls -la src"),
    ("curl", "curl -s http://localhost:8080/health"),
    ("sed", "sed -n 1,120p src/api/handlers.rs"),
];

/// A sentence or more, at least that long.
pub(crate) fn prose(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 64);
    while text.len() < length {
        let words = random.between(5, 17);
        for place in 0..words {
            let word = random.pick(WORDS);
            if place == 0 {
                text.extend(word.chars().take(1).flat_map(char::to_uppercase));
                text.push_str(&word[1..]);
            } else {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.push_str(if random.percent(15) { ".\n\n" } else { ". " });
    }
    text.truncate(text.trim_end().len());
    text
}

/// An answer as models write them: paragraphs, lists, code.
pub(crate) fn markdown(random: &mut Random, length: usize) -> String {
    let mut text = prose(random, length.min(200));
    while text.len() < length {
        match random.below(5) {
            0 => {
                let _ = write!(text, "\n\n## {}\n\n{}", prose(random, 20), prose(random, 300));
            }
            1 => {
                text.push_str("\n\n");
                for _ in 0..random.between(2, 7) {
                    let _ = writeln!(text, "- **{}**: {}", random.pick(WORDS), prose(random, 60));
                }
            }
            2 => {
                let _ = write!(text, "\n\n```rust\n{}```\n", code(random, 400));
            }
            3 => {
                text.push_str("\n\n| file | change |\n|---|---|\n");
                for _ in 0..random.between(2, 5) {
                    let _ = writeln!(text, "| `{}` | {} |", random.pick(FILES), prose(random, 30));
                }
            }
            _ => {
                let _ = write!(text, "\n\n{}", prose(random, 400));
            }
        }
    }
    text
}

/// Source code, numbered lines apart.
pub(crate) fn code(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 80);
    while text.len() < length {
        let indent = "    ".repeat(random.below(4));
        let _ = writeln!(
            text,
            "{indent}let {}_{} = {}.{}(&{})?;",
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS)
        );
    }
    text
}

/// What a terminal prints: mostly lines, some of them coloured.
pub(crate) fn output(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 80);
    while text.len() < length {
        let (colour, mark) = if random.percent(90) { ("\u{1b}[32m", "ok") } else { ("\u{1b}[31m", "FAILED") };
        let _ = writeln!(
            text,
            "test {}::{}_{} ... {colour}{mark}\u{1b}[0m",
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS)
        );
    }
    text
}

/// A program and its command line.
pub(crate) fn command(random: &mut Random) -> (&'static str, &'static str) {
    COMMANDS[random.below(COMMANDS.len())]
}
