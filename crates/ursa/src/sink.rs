//! Frames of the edge and of the ingest API go into the journal.

use ursa_collect::EnvelopeSink;
use ursa_edge::{Durable, FrameSink, SinkError};
use ursa_journal::{AppendError, JournalError, JournalWriter};
use ursa_model::capture::Frame;

/// The journal's writer, as the edge and the ingest API know it.
pub(crate) struct JournalSink(pub(crate) JournalWriter);

impl FrameSink for JournalSink {
    fn append(&self, frame: Frame, urgent: bool) -> Result<Durable, SinkError> {
        let ticket = if urgent { self.0.append_urgent(frame) } else { self.0.append(frame) };
        let ticket = ticket.map_err(refused)?;
        Ok(Box::pin(async move {
            match ticket.durable().await {
                Ok(_) => Ok(()),
                Err(JournalError::Full | JournalError::Overdue) => Err(SinkError::Full),
                Err(_) => Err(SinkError::Failed),
            }
        }))
    }

    fn append_unawaited(&self, frame: Frame) -> Result<(), SinkError> {
        self.0.append_unawaited(frame).map_err(refused)
    }
}

fn refused(error: AppendError) -> SinkError {
    match error {
        AppendError::Full => SinkError::Full,
        // The edge's parts are far below the journal's limit: a longer one would be refused each time.
        AppendError::Failed | AppendError::TooLarge => SinkError::Failed,
    }
}

impl EnvelopeSink for JournalSink {
    fn append(&self, frame: Frame) -> Result<ursa_collect::Durable, ursa_collect::SinkError> {
        use ursa_collect::SinkError;
        let ticket = self.0.append(frame).map_err(|error| match error {
            AppendError::Full => SinkError::Full,
            AppendError::Failed => SinkError::Failed,
            AppendError::TooLarge => SinkError::TooLarge,
        })?;
        Ok(Box::pin(async move {
            match ticket.durable().await {
                Ok(_) => Ok(()),
                Err(JournalError::Full | JournalError::Overdue) => Err(SinkError::Full),
                Err(_) => Err(SinkError::Failed),
            }
        }))
    }
}
