//! The fuzz targets' checks on stable Rust: over the samples, and over damage done to them.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../fuzz/src/endpoint.rs"]
mod endpoint;

const SEGMENT: &[u8] = include_bytes!("fixtures/spool-v1/seg-0000000000000003.ujl");

#[test]
fn a_spool_with_any_damage_is_read_and_goes_on() {
    assert_eq!(endpoint::spool(SEGMENT), 3);
    assert_eq!(endpoint::spool(b""), 0);
    for at in 0..SEGMENT.len() {
        let mut bytes = SEGMENT.to_vec();
        bytes[at] ^= 0x40;
        assert!(endpoint::spool(&bytes) >= 2, "byte {at}");
        if at % 7 == 0 {
            endpoint::spool(&SEGMENT[..at]);
        }
    }
}

#[test]
fn what_is_cut_stays_json() {
    let whole =
        br#" {"a": [1, -2.5e3, true, null, "x\"\u00e9\ud83d\ude00"], "b": {"c": {}, "d": [[[]]]}, "e": "f g h i j"} "#;
    for end in 0..=whole.len() {
        endpoint::cut(&whole[..end]);
        for at in 0..end {
            let mut bytes = whole[..end].to_vec();
            bytes[at] = b'"';
            endpoint::cut(&bytes);
        }
    }
}
