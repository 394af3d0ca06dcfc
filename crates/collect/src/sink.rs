//! Where frames go.

use futures_util::future::BoxFuture;
use ursa_model::capture::Frame;

/// Resolves when the frame is on disk.
pub type Durable = BoxFuture<'static, Result<(), SinkError>>;

/// A frame was not taken, or did not reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Its bounded memory or its disk is full. May pass.
    #[error("the record takes no more for now")]
    Full,
    /// It no longer writes. Does not pass.
    #[error("the record no longer writes")]
    Failed,
    /// This frame is longer than it ever takes.
    #[error("the frame is too long for the record")]
    TooLarge,
}

/// Takes frames of kind [`Envelope`](ursa_model::capture::FrameKind::Envelope). Implemented for the journal's writer by
/// the server program.
pub trait EnvelopeSink: Send + Sync {
    /// Takes a frame for the next commit. Never blocks. Frames are kept in the order of their appends.
    ///
    /// # Errors
    /// The frame was dropped: see [`SinkError`].
    fn append(&self, frame: Frame) -> Result<Durable, SinkError>;
}
