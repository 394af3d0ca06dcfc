//! `ursa-endpoint`: see the crate's documentation.

fn main() {}
