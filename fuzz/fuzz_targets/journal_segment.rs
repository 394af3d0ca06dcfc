//! Checks what `fuzz/src/journal.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ursa_fuzz::journal::segment(input);
});
