//! Checks what `fuzz/src/settings.rs` says of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    ursa_fuzz::settings::settings(input);
});
