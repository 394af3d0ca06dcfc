//! The seeds of the fuzz target, and any text, with what the target checks.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../fuzz/src/store.rs"]
mod checks;

use std::path::Path;

use proptest::prelude::*;

#[test]
fn search_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/search_text");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "there are no seeds");
    for file in files {
        checks::search_text(&std::fs::read(file).unwrap());
    }
}

proptest! {
    #[test]
    fn any_text_finds_itself_or_is_no_search(text in any::<String>(), words in "[a-zA-Z\"* _\u{300}\u{93f}\u{24b6}é-]{0,40}") {
        checks::search_text(text.as_bytes());
        checks::search_text(words.as_bytes());
    }
}
