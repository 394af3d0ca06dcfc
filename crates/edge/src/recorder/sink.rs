//! Where frames go.

use futures_util::future::BoxFuture;
use ursa_model::capture::Frame;

/// Resolves when the frame, and every frame that the same exchange appended before it, is on disk.
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
}

/// Where frames go. Implemented for the journal's writer by the server program.
pub trait FrameSink: Send + Sync {
    /// Takes a frame for the next commit, which `urgent` asks to begin at once. Never blocks. Frames of one exchange
    /// are kept in the order of their appends. Dropping the [`Durable`] costs nothing and cancels nothing.
    ///
    /// # Errors
    /// The frame was dropped: see [`SinkError`].
    fn append(&self, frame: Frame, urgent: bool) -> Result<Durable, SinkError>;

    /// As [`Self::append`] without urgency, for a frame that nobody will wait for. Frames taken by either are kept in
    /// one order.
    ///
    /// # Errors
    /// As [`Self::append`].
    fn append_unawaited(&self, frame: Frame) -> Result<(), SinkError> {
        self.append(frame, false).map(drop)
    }
}
