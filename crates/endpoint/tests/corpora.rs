//! The seeds of the fuzz targets `endpoint_spool` and `endpoint_cut`, and damage done to them, on the stable toolchain.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../fuzz/src/endpoint.rs"]
mod checks;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let seeds: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

#[test]
fn a_spool_with_any_damage_is_read_and_goes_on() {
    assert_eq!(checks::spool(b""), 0);
    for seed in seeds("endpoint_spool") {
        let whole = checks::spool(&seed);
        for at in 0..seed.len() {
            let mut bytes = seed.clone();
            bytes[at] ^= 0x40;
            assert!(checks::spool(&bytes) + 1 >= whole, "byte {at}");
            if at % 7 == 0 {
                checks::spool(&seed[..at]);
            }
        }
    }
}

#[test]
fn what_is_cut_stays_json() {
    for seed in seeds("endpoint_cut") {
        for end in 0..=seed.len() {
            checks::cut(&seed[..end]);
            for at in 0..end {
                let mut bytes = seed[..end].to_vec();
                bytes[at] = b'"';
                checks::cut(&bytes);
            }
        }
    }
}
