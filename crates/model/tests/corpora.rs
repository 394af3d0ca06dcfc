//! The seeds of the fuzz targets, with what the targets check.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../fuzz/src/model.rs"]
mod checks;

use std::path::Path;

/// Runs a check on each seed of a target.
fn replay<T>(target: &str, check: impl Fn(&[u8]) -> T) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{target} has no seeds");
    for file in files {
        check(&std::fs::read(file).unwrap());
    }
}

#[test]
fn values() {
    replay("values", checks::values);
}

#[test]
fn restored() {
    replay("restored", checks::restored);
}
