//! Where a stopped pipeline goes on.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use ursa_journal::Position;
use ursa_model::ids::ExchangeId;
use ursa_store::{Store, StoreError};

/// The place in the journal from which a stopped pipeline goes on, as the store keeps it. Reads as a [`Position`] too,
/// which is what the journal needs of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    segment: u64,
    offset: u64,
    /// Connections that were open, and the checkpoints from which they are read on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checkpoints: Vec<(ExchangeId, Position)>,
    /// What is read again from there on and was counted before.
    #[serde(default)]
    pub(crate) counted: Counted,
}

/// Places of the last frames of the captures that were counted: those of exchanges and of what devices delivered, each
/// counted in the order of the journal. The place to read from lies far behind them while an exchange before them runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    #[serde(default)]
    pub(crate) exchanges: Position,
    #[serde(default)]
    pub(crate) delivered: Position,
}

impl Cursor {
    /// Moves the place to read from.
    pub(crate) fn move_to(&mut self, position: Position, checkpoints: Vec<(ExchangeId, Position)>) {
        (self.segment, self.offset, self.checkpoints) = (position.segment, position.offset, checkpoints);
    }

    pub(crate) fn position(&self) -> Position {
        Position { segment: self.segment, offset: self.offset }
    }
}

/// One batch of captures in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which of them.
    pub(crate) range: Range<usize>,
    /// Where the last of them ends.
    pub(crate) end: Position,
    /// They were counted before a stop.
    pub(crate) is_counted: bool,
}

/// Takes captures apart in batches of about `most`, by where each `ends`. What one frame ended stays together, and what
/// was `counted` before is apart from what was not.
pub(crate) fn parts(ends: &[Position], counted: Position, most: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, end) in ends.iter().enumerate() {
        let is_counted = *end <= counted;
        match parts.last_mut() {
            Some(last) if last.end == *end || (last.is_counted == is_counted && last.range.len() < most) => {
                last.range.end = index + 1;
                last.end = *end;
            }
            _ => parts.push(Part { range: index..index + 1, end: *end, is_counted }),
        }
    }
    parts
}

/// The place that the store keeps; none in an empty one.
pub(crate) fn kept(store: &dyn Store) -> Result<Option<Cursor>, StoreError> {
    let cursor = store.cursor()?;
    // A cursor that cannot be read makes the pipeline read the journal from its beginning: nothing doubles.
    Ok(cursor.and_then(|text| serde_json::from_str(&text).ok()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(offset: u64) -> Position {
        Position { segment: 1, offset }
    }

    #[test]
    fn parts_are_full_but_never_cut_a_frame_nor_mix_what_was_counted_with_what_was_not() {
        let ends: Vec<Position> = [1, 2, 3, 3, 3, 4, 5, 6].map(at).to_vec();
        let told = |counted, most| -> Vec<(Range<usize>, bool)> {
            parts(&ends, counted, most).into_iter().map(|part| (part.range, part.is_counted)).collect()
        };
        assert_eq!(told(Position::default(), 3), [(0..5, false), (5..8, false)]);
        assert_eq!(told(Position::default(), 100), [(0..8, false)]);
        assert_eq!(told(at(2), 3), [(0..2, true), (2..5, false), (5..8, false)]);
        assert_eq!(told(at(6), 7), [(0..7, true), (7..8, true)]);
        assert_eq!(parts(&[], at(6), 3), []);
        assert_eq!(parts(&ends, at(6), 7)[0].end, at(5));
    }

    #[test]
    fn a_cursor_of_an_earlier_version_says_that_nothing_behind_it_was_counted() {
        let kept: Cursor = serde_json::from_str(r#"{"segment":3,"offset":9}"#).unwrap();
        assert_eq!((kept.position(), kept.counted), (Position { segment: 3, offset: 9 }, Counted::default()));
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), kept.position(), "the journal reads it too");
    }
}
