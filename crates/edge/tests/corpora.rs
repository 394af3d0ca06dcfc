//! The seeds of the fuzz targets of the edge, and damage done to them, on the stable toolchain.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../../../fuzz/src/edge.rs"]
mod checks;

/// Every seed, every beginning of it, and every byte of it changed.
fn each(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let seeds: Vec<Vec<u8>> =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        for at in 0..=seed.len() {
            check(&seed[..at]);
            for byte in [0, b'\r', b'\n', b' ', b':', b'0', b'f', 0xff] {
                let mut damaged = seed.clone();
                if let Some(place) = damaged.get_mut(at) {
                    *place = byte;
                }
                check(&damaged);
            }
        }
    }
}

#[test]
fn heads_with_any_damage_are_read_or_refused() {
    each("http1_head", checks::http1_head);
}

#[test]
fn chunks_with_any_damage_are_read_alike_in_all_pieces() {
    each("http1_chunks", checks::http1_chunks);
}

#[test]
fn upstreams_with_any_damage_are_read_or_refused() {
    each("upstream", checks::upstream);
}
