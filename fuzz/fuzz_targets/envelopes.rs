//! Checks what `fuzz/src/collect.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::collect::envelopes(input));
