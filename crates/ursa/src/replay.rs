//! `ursa replay`: the pipeline again, over the captures that the journal still holds.

use std::fmt;

use anyhow::Result;
use ursa_journal::{Journal, Position};
use ursa_pipeline::{Assembler, Pipeline};

use crate::clock;

/// Bytes of journal that are read at once.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// What a replay did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    captures: u64,
    inserted: u64,
    changed: u64,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { captures, inserted, changed } = self;
        write!(f, "ursa: replayed {captures} captures: {inserted} new events, {changed} changed")
    }
}

/// Runs it, up to what is committed now. The counters of captures and observations stay as they are: nothing new came.
pub(crate) fn run(pipeline: &Pipeline, journal: &Journal) -> Result<Replayed> {
    let end = journal.committed();
    let mut reader = journal.reader(Some(Position::default()));
    let mut assembler = Assembler::default();
    let mut replayed = Replayed::default();
    while reader.position() < end {
        let entries = reader.next_batch(READ_BYTES)?;
        if entries.is_empty() {
            break;
        }
        let mut ended = Vec::new();
        for entry in entries {
            if let Ok(frame) = entry.frame {
                ended.extend(assembler.push(entry.position, frame));
            }
        }
        let (_, delivered) = assembler.take_delivered();
        let receipt = pipeline.replay(&ended, &delivered, clock::now())?;
        replayed.captures += (ended.len() + delivered.len()) as u64;
        replayed.inserted += receipt.inserted;
        replayed.changed += receipt.changed;
    }
    Ok(replayed)
}
