//! Checks what `fuzz/src/endpoint.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ursa_fuzz::endpoint::cut(input);
});
