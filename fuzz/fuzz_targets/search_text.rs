//! Checks what `fuzz/src/store.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::store::search_text(input));
