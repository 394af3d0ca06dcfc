//! The names in the spool's folder.

use std::io;

use ursa_journal::Disk;

/// Files with records.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Numbers of the segments, rising.
    pub(super) full: Vec<u64>,
    /// Numbers of the thinned segments, rising.
    pub(super) thin: Vec<u64>,
    /// Names of late files.
    pub(super) late: Vec<String>,
}

impl Names {
    pub(super) fn list(disk: &dyn Disk) -> io::Result<Self> {
        let mut names = Self::default();
        for name in disk.list()? {
            if let Some(number) = number(&name, "seg-") {
                names.full.push(number);
            } else if let Some(number) = number(&name, "thin-") {
                names.thin.push(number);
            } else if name.starts_with("late-") {
                names.late.push(name);
            }
        }
        names.full.sort_unstable();
        names.thin.sort_unstable();
        names.late.sort_unstable();
        Ok(names)
    }

    /// Names of all files with numbered records.
    pub(super) fn numbered(&self) -> impl Iterator<Item = String> + '_ {
        self.thin.iter().map(|number| thin(*number)).chain(self.full.iter().map(|number| full(*number)))
    }
}

pub(super) fn full(number: u64) -> String {
    format!("seg-{number:016x}.ujl")
}

pub(super) fn thin(number: u64) -> String {
    format!("thin-{number:016x}.ujl")
}

fn number(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(".ujl")?;
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (digits.len() == 16 && lower).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
