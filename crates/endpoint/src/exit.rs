//! Exit codes: stable, and listed in docs/ENDPOINT.md. `hook` always ends with 0.

/// All is well.
pub const OK: u8 = 0;
/// Something that has no code of its own.
pub const FAILED: u8 = 1;
/// The command line cannot be understood. The arguments' parser uses it.
pub const USAGE: u8 = 2;
/// The device is not enrolled.
pub const NOT_ENROLLED: u8 = 3;
/// The server cannot be reached, or asks to come back later. Nothing is lost; the next delivery tries again.
pub const UNREACHABLE: u8 = 4;
/// The server's certificate is not trusted, or TLS failed otherwise.
pub const TLS: u8 = 5;
/// The server does not accept the token or the device's key.
pub const NOT_ALLOWED: u8 = 6;
/// Another process is delivering.
pub const BUSY: u8 = 7;
/// The state directory or the settings cannot be used.
pub const STATE: u8 = 8;
/// The server answered something that an Ursa server does not, or refused the request for good.
pub const STRANGE: u8 = 9;
/// An agent's settings could not be changed.
pub const INSTALL: u8 = 10;
