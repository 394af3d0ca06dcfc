//! Checks what `fuzz/src/edge.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::edge::http1_head(input));
