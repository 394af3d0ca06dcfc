//! What must hold for any search text: shared by the fuzz target and by the test that replays its seeds on stable Rust.

use std::cell::RefCell;

use ursa_store::conformance::sample::{Talk, batch};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{RecordStore, SessionFilter, StoreError};

/// A store, the folder it lives in, and how much was said in it.
struct Said {
    store: SqliteStore,
    _folder: tempfile::TempDir,
    times: i64,
}

thread_local! {
    static SAID: RefCell<Said> = RefCell::new({
        let folder = tempfile::tempdir().unwrap();
        Said { store: SqliteStore::open(folder.path(), &[7; 32]).unwrap(), _folder: folder, times: 0 }
    });
}

/// Whoever searches for a text finds the event that says it, and sees where; or is told that the text is none.
pub fn search_text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    SAID.with_borrow_mut(|said| {
        said.times += 1;
        let talk = Talk::new("one");
        said.store.append(batch("said", said.times, [talk.prompt(text, said.times)]).numbered(said.times)).unwrap();
        match said.store.search(text, &SessionFilter::default(), 1, None) {
            Err(StoreError::BadQuery) => {}
            Err(error) => panic!("{text:?} is syntax: {error}"),
            // Signs without a letter (a vowel sign alone, a letter in a circle) are no words to the index.
            Ok(page) if page.items.is_empty() && !text.contains(|c: char| c.is_ascii_alphanumeric()) => {}
            Ok(page) => {
                let hit = page.items.first().unwrap_or_else(|| panic!("{text:?} does not find itself"));
                assert!(!hit.highlights.is_empty(), "{text:?} is not shown");
            }
        }
    });
}
