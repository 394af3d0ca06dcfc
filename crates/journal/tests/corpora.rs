//! The seeds of the fuzz target `journal_segment`, and what a small generator makes of them, on the stable toolchain: any
//! bytes as a segment open or are refused, without a panic, and a second opening reads the same frames.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use checks::segment;

#[path = "../../../fuzz/src/journal.rs"]
mod checks;

/// Mutations of each seed.
const MUTATIONS: u64 = 400;

#[test]
fn any_bytes_open_or_are_refused_and_read_the_same_twice() {
    let folder = format!("{}/../../fuzz/corpus/journal_segment", env!("CARGO_MANIFEST_DIR"));
    let seeds: Vec<Vec<u8>> =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        assert!(segment(&seed).is_some_and(|frames| frames > 0), "the seed itself reads");
        let mut state = seed.len() as u64;
        for _ in 0..MUTATIONS {
            let mut bytes = seed.clone();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 20) as usize % bytes.len();
            match state >> 60 {
                0..4 => bytes.truncate(at),
                4..8 => bytes[at..].fill((state >> 8) as u8),
                _ => bytes[at] ^= 1 << (state >> 57 & 7),
            }
            segment(&bytes);
        }
    }
}
