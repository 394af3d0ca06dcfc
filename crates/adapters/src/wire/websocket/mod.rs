//! WebSocket (RFC 6455) with per-message compression (RFC 7692), read from a copy of the bytes.
//!
//! A reader here is a witness, not a party: it answers nothing, and where an endpoint would fail the connection it tells
//! what is wrong and reads no further, because without the framing what follows means nothing.

mod deflate;
mod extension;
mod frame;
#[cfg(test)]
mod tests;

pub use extension::{Compression, negotiated};
pub use frame::{Decoder, Side, Snapshot};

/// Largest message, in bytes, compression taken off. A larger one is passed over, and told.
pub const MESSAGE_BYTES_LIMIT: usize = 32 << 20;

/// Largest payload of a control frame, in bytes (RFC 6455, 5.5).
pub const CONTROL_BYTES_LIMIT: usize = 125;

/// What one direction of a connection said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message. Whether it is UTF-8 is for its reader to see.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// The side will send nothing more. The code is absent when none was told.
    Close {
        /// Status code (RFC 6455, 7.4).
        code: Option<u16>,
    },
    /// A message of more than [`MESSAGE_BYTES_LIMIT`] bytes, passed over.
    TooLarge,
}

/// Why a direction cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A header that no frame may have.
    Header,
    /// A frame that does not fit those before it: the continuation of nothing, or a message within a message.
    Order,
    /// Compressed bytes that cannot be decompressed.
    Compression,
    /// A compressed message past the limit, on whose content those after it depend.
    TooLarge,
}

impl Damage {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "a frame's header is not valid",
            Self::Order => "frames are out of order",
            Self::Compression => "a message cannot be decompressed",
            Self::TooLarge => "a compressed message is too large",
        }
    }
}
