//! Checks what `fuzz/src/redact.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ursa_fuzz::redact::marked(input));
