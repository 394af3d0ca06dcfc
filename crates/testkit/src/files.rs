//! Folders: looking for bytes that must not be in any file, and copies.

use std::path::{Path, PathBuf};

/// Files under `dir` that hold `needle` as plain bytes. Errors when a folder or file cannot be read.
pub fn files_holding(dir: &Path, needle: &[u8]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files_holding(&entry.path(), needle)?);
        } else if kind.is_file() && holds(&std::fs::read(entry.path())?, needle) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Copies a folder with all that is in it. Errors when a folder or file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Does `text` hold `needle`?
pub fn holds(text: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && text.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_needle_in_a_nested_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/file"), b"\0\xffthe needle\0").unwrap();
        assert_eq!(files_holding(dir.path(), b"needle").unwrap(), [dir.path().join("deep/file")]);
        assert!(files_holding(dir.path(), b"thimble").unwrap().is_empty());
    }
}
