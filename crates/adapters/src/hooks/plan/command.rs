//! The command line that agents are given, and how it is known again.

/// Name of the program, without its folder.
pub const PROGRAM: &str = "ursa-endpoint";

/// What runs a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// A POSIX shell.
    Posix,
    /// A POSIX shell on Windows (Git Bash).
    PosixOnWindows,
    /// `cmd.exe`.
    Cmd,
    /// `PowerShell`.
    PowerShell,
}

/// Program and arguments as that shell wants them. Without quotes wherever they are not needed: then it does not matter if
/// an agent takes another shell than it says.
pub fn line(shell: Shell, program: &str, arguments: &[&str]) -> String {
    let program = if shell == Shell::PosixOnWindows { program.replace('\\', "/") } else { program.to_owned() };
    let quoted = quote(shell, &program);
    // A quoted string alone is a value to PowerShell.
    let mut line = if shell == Shell::PowerShell && quoted != program { format!("& {quoted}") } else { quoted };
    for argument in arguments {
        line.push(' ');
        line.push_str(&quote(shell, argument));
    }
    line
}

fn quote(shell: Shell, word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,".contains(c) || shell.backslash() && c == '\\';
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    match shell {
        Shell::Posix | Shell::PosixOnWindows => format!("'{}'", word.replace('\'', r"'\''")),
        // No file of Windows has a quote in its name.
        Shell::Cmd => format!("\"{word}\""),
        Shell::PowerShell => format!("'{}'", word.replace('\'', "''")),
    }
}

impl Shell {
    /// What stands behind a command so that its failure is none. For agents that take a hook that cannot be run, or that
    /// dies, for a refusal.
    pub(super) fn forgiven(self) -> &'static str {
        match self {
            Self::Posix | Self::PosixOnWindows => " || true",
            Self::Cmd => " & exit 0",
            Self::PowerShell => "; exit 0",
        }
    }

    fn backslash(self) -> bool {
        matches!(self, Self::Cmd | Self::PowerShell)
    }
}

/// True for a command line that calls our program as a hook, wherever the program is.
pub fn is_ours(line: &str) -> bool {
    program_of(line).is_some()
}

/// The program of a command line of ours, as it is written there.
pub fn program_of(line: &str) -> Option<&str> {
    line.match_indices(PROGRAM).find_map(|(at, _)| {
        let before = line.get(..at)?;
        let behind = line.get(at + PROGRAM.len()..)?;
        let starts = before.chars().next_back().is_none_or(|c| matches!(c, '/' | '\\' | '\'' | '"' | ' ' | '&'));
        let without = behind.strip_prefix(".exe").unwrap_or(behind);
        let rest = without.strip_prefix(['\'', '"']).unwrap_or(without);
        let called =
            rest.trim_start().strip_prefix("hook").is_some_and(|after| after.is_empty() || after.starts_with(' '));
        let end = line.len() - without.len();
        let program = line.get(..end)?.trim_start_matches("& ").trim_start_matches(['\'', '"']);
        (starts && called && rest.starts_with(char::is_whitespace)).then_some(program)
    })
}
