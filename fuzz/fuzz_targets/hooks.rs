//! Checks what `fuzz/src/adapters.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::adapters::hooks(input));
