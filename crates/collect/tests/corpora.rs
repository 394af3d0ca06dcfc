//! The seeds of the fuzz target, with what the target checks.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../fuzz/src/collect.rs"]
mod checks;

use std::path::Path;

use proptest::prelude::*;

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/envelopes");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.collect()
}

#[test]
fn envelopes() {
    let seeds = seeds();
    assert!(!seeds.is_empty());
    for seed in seeds {
        checks::envelopes(&seed);
    }
}

proptest! {
    #[test]
    fn seeds_that_are_damaged(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8) {
        let seeds = seeds();
        let mut bytes = seeds[which.index(seeds.len())].clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        checks::envelopes(&bytes);
        bytes.truncate(at);
        checks::envelopes(&bytes);
    }
}
