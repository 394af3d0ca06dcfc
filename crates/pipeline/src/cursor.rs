//! Where a stopped pipeline goes on.

use serde::{Deserialize, Serialize};
use ursa_journal::Position;
use ursa_model::ids::ExchangeId;
use ursa_store::{Store, StoreError};

/// The place in the journal from which a stopped pipeline goes on, as the store keeps it. Reads as a [`Position`] too,
/// which is what the journal needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    segment: u64,
    offset: u64,
    /// Connections that were open, and the checkpoints from which they are read on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checkpoints: Vec<(ExchangeId, Position)>,
}

impl Cursor {
    pub(crate) fn new(position: Position, checkpoints: Vec<(ExchangeId, Position)>) -> Self {
        Self { segment: position.segment, offset: position.offset, checkpoints }
    }

    pub(crate) fn position(&self) -> Position {
        Position { segment: self.segment, offset: self.offset }
    }
}

/// The place that the store keeps; none in an empty one.
pub(crate) fn kept(store: &dyn Store) -> Result<Option<Cursor>, StoreError> {
    let cursor = store.cursor()?;
    // A cursor that cannot be read makes the pipeline read the journal from its beginning: nothing doubles.
    Ok(cursor.and_then(|text| serde_json::from_str(&text).ok()))
}
