//! normalise → redact → fuse → append, for captures in hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ursa_adapters::wire::Recall;
use ursa_journal::JournalError;
use ursa_model::envelope::ReceivedEnvelope;
use ursa_model::ids::{ExchangeId, hash_parts};
use ursa_model::time::Timestamp;
use ursa_redact::Redactor;
use ursa_store::{AppendReceipt, Store, StoreError};

use crate::assemble::Exchange;
use crate::context::Seen;
use crate::draft::Draft;
use crate::fuse;
use crate::normalise::{Normaliser, Stage};
use crate::settings::PipelineSettings;

/// What can go wrong in the pipeline. Whatever is wrong with one capture is not an error but a gap.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The built-in rules of redaction do not compile.
    #[error("the redaction rules do not compile: {0}")]
    Rules(String),
    /// The thread could not be started.
    #[error("the pipeline's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// normalise → redact → fuse → append, for exchanges in hand.
pub struct Pipeline {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) normaliser: Normaliser,
    /// Reading what is stored, joining and appending is one step: two at once would lose what the other joined.
    turn: Mutex<()>,
}

impl Pipeline {
    /// Over a store.
    ///
    /// # Errors
    /// If the store cannot give the environment's secrets.
    pub fn new(store: Arc<dyn Store>, settings: PipelineSettings) -> Result<Self, PipelineError> {
        let position_secret = store.position_secret()?;
        let redactor = Redactor::new().map_err(|error| PipelineError::Rules(error.to_string()))?;
        let (seen, recall) = (Seen::default(), Recall::default());
        let normaliser = Normaliser { settings, redactor, seen, recall, position_secret };
        Ok(Self { store, normaliser, turn: Mutex::new(()) })
    }

    /// Makes exchanges part of the record: those that ended, and those that still run (told of as far as they are
    /// known). `received` is the server's time; `cursor` is kept once all is applied.
    ///
    /// # Errors
    /// When the store fails; repeating the call completes it.
    pub fn run(
        &self,
        ended: &[Exchange],
        running: &[&Exchange],
        received: Timestamp,
        cursor: Option<String>,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let draft = self.draft(ended, running)?;
        let names: Vec<u8> = ended
            .iter()
            .map(|exchange| (exchange.id, b'e'))
            .chain(running.iter().map(|exchange| (exchange.id, b'r')))
            .flat_map(|(id, stage)| id.0.into_iter().chain([stage]))
            .collect();
        let id = hash_parts("ursa batch 1", &[&names, &received.0.to_le_bytes()]);
        let batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, cursor)?;
        Ok(self.store.append(batch)?)
    }

    /// As [`Self::run`], for what devices delivered.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_delivered(
        &self,
        delivered: &[ReceivedEnvelope],
        received: Timestamp,
        cursor: Option<String>,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.empty_draft();
        self.deliver(&mut draft, delivered)?;
        let names: Vec<u8> = delivered.iter().flat_map(|envelope| envelope.capture_id().0).collect();
        let id = hash_parts("ursa delivered batch 1", &[&names, &received.0.to_le_bytes()]);
        let batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, cursor)?;
        Ok(self.store.append(batch)?)
    }

    /// Captures that were part of the record before, once more: what the adapters read otherwise now is changed, what
    /// they read the same stays untouched, and nothing is counted again.
    ///
    /// # Errors
    /// When the store fails.
    pub fn replay(
        &self,
        ended: &[Exchange],
        delivered: &[ReceivedEnvelope],
        received: Timestamp,
    ) -> Result<AppendReceipt, PipelineError> {
        self.run_again(ended, &[], delivered, received, None)
    }

    /// As [`Self::replay`], with those that still run, and with the place to keep.
    pub(crate) fn run_again(
        &self,
        ended: &[Exchange],
        running: &[&Exchange],
        delivered: &[ReceivedEnvelope],
        received: Timestamp,
        cursor: Option<String>,
    ) -> Result<AppendReceipt, PipelineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = self.draft(ended, running)?;
        self.deliver(&mut draft, delivered)?;
        let ended = ended.iter().map(|exchange| exchange.id);
        let names: Vec<u8> =
            ended.chain(delivered.iter().map(ReceivedEnvelope::capture_id)).flat_map(|id| id.0).collect();
        let id = hash_parts("ursa replay 2", &[&names, &received.0.to_le_bytes()]);
        let mut batch = fuse::batch(draft, self.normaliser.settings.environment, received, id, cursor)?;
        (batch.captures, batch.observations, batch.duplicates, batch.unattributed) = (0, 0, 0, 0);
        batch.dropped.clear();
        if batch.facts.is_empty() && batch.items.is_empty() && batch.cursor.is_none() {
            return Ok(AppendReceipt::default());
        }
        Ok(self.store.append(batch)?)
    }

    fn draft(&self, ended: &[Exchange], running: &[&Exchange]) -> Result<Draft, PipelineError> {
        let mut draft = self.empty_draft();
        for exchange in ended {
            self.normalise(&mut draft, exchange, Stage::Ended)?;
        }
        for exchange in running {
            self.normalise(&mut draft, exchange, Stage::Running)?;
        }
        Ok(draft)
    }

    fn empty_draft(&self) -> Draft {
        Draft::new(Arc::clone(&self.store), (self.normaliser.settings.metadata_only)())
    }

    fn deliver(&self, draft: &mut Draft, delivered: &[ReceivedEnvelope]) -> Result<(), PipelineError> {
        for envelope in delivered {
            let read = |draft: &mut Draft| self.normaliser.envelope(draft, envelope);
            fenced(draft, envelope.capture_id(), Stage::Ended, read)?;
        }
        Ok(())
    }

    /// A capture that no adapter survives is set aside and counted; it never blocks those behind it (RULES 16).
    fn normalise(&self, draft: &mut Draft, exchange: &Exchange, stage: Stage) -> Result<(), PipelineError> {
        fenced(draft, exchange.id, stage, |draft| self.normaliser.exchange(draft, exchange, stage))
    }
}

/// Runs `read` for one capture; when it panics, that capture is the only one that it costs.
fn fenced(
    draft: &mut Draft,
    capture: ExchangeId,
    stage: Stage,
    read: impl FnOnce(&mut Draft) -> Result<(), StoreError>,
) -> Result<(), PipelineError> {
    let captures = draft.captures;
    if let Ok(done) = catch_unwind(AssertUnwindSafe(|| read(draft))) {
        return Ok(done?);
    }
    tracing::error!(%capture, "a capture could not be read and was set aside");
    if stage == Stage::Ended {
        // It may have panicked before or after it was counted.
        draft.captures = captures + 1;
        draft.dropped.push(("set_aside".to_owned(), 1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use ursa_store::sqlite::SqliteStore;

    use super::*;

    #[test]
    fn f26_a_reader_that_panics_costs_its_own_capture_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut draft = Draft::new(Arc::new(SqliteStore::open(dir.path(), &[7; 32]).unwrap()), false);
        let id = |n| ExchangeId([n; 16]);
        let counted = |draft: &mut Draft| {
            draft.captures += 1;
            Ok(())
        };
        fenced(&mut draft, id(1), Stage::Ended, counted).unwrap();
        fenced(&mut draft, id(2), Stage::Ended, |_| panic!("before it was counted")).unwrap();
        fenced(&mut draft, id(3), Stage::Ended, |draft| {
            draft.captures += 1;
            panic!("after it was counted")
        })
        .unwrap();
        fenced(&mut draft, id(4), Stage::Running, |_| panic!("told of before its end")).unwrap();
        fenced(&mut draft, id(5), Stage::Ended, counted).unwrap();
        assert_eq!(draft.captures, 4, "each capture that ended is counted once");
        assert_eq!(draft.dropped, [("set_aside".to_owned(), 1), ("set_aside".to_owned(), 1)]);
        assert!(fenced(&mut draft, id(6), Stage::Ended, |_| Err(StoreError::Damaged("x".into()))).is_err());
    }
}
