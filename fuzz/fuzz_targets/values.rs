//! Checks what `fuzz/src/model.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::model::values(input));
