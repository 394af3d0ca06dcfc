//! One body on its way into frames.

use aws_lc_rs::digest;
use ursa_model::capture::FrameKind;
use ursa_model::ids::hex;

use super::exchange::FrameWriter;
use super::sink::{Durable, SinkError};
use crate::mask::Masker;

/// A part goes to the sink when it has this many bytes.
const PART_BYTES: usize = 64 * 1024;

/// Copies, masks and cuts one body.
pub(super) struct BodyRecorder {
    kind: FrameKind,
    /// False when only the size is of interest.
    keep: bool,
    masker: Masker,
    part: Vec<u8>,
    /// Bytes of the last part, and so most likely of the next one.
    usual: usize,
    /// Bytes that may still be kept.
    room: u64,
    /// Bytes that went by.
    pub(super) bytes: u64,
    /// Bytes beyond the capture limit.
    pub(super) cut: u64,
    /// Bytes that the sink did not take. After the first the rest is dropped too: a prefix can be read, a body with
    /// holes cannot.
    pub(super) dropped: u64,
    pub(super) last_error: Option<SinkError>,
    /// Resolves when the last part is on disk; for a flush that finds nothing left to hand over.
    last_part: Option<Durable>,
    /// Of the whole body, while it may become longer than what is kept.
    hash: Option<digest::Context>,
    closed: bool,
}

impl BodyRecorder {
    pub(super) fn new(kind: FrameKind, keep: bool, masker: Masker, room: u64) -> Self {
        Self {
            kind,
            keep,
            masker,
            part: Vec::new(),
            usual: 0,
            room,
            bytes: 0,
            cut: 0,
            dropped: 0,
            last_error: None,
            last_part: None,
            hash: keep.then(|| digest::Context::new(&digest::SHA256)),
            closed: false,
        }
    }

    /// How long the body will be, if that is known: one that is kept whole needs no hash.
    pub(super) fn expect(&mut self, bytes: Option<u64>) {
        if bytes.is_some_and(|bytes| bytes <= self.room) {
            self.hash = None;
        }
    }

    /// SHA-256 of the whole body, where it was cut; hexadecimal digits.
    pub(super) fn hash_if_cut(&mut self) -> Option<String> {
        let hash = self.hash.take().filter(|_| self.cut > 0)?;
        Some(hex(hash.finish().as_ref()))
    }

    pub(super) fn mask_with(&mut self, masker: Masker) {
        self.masker = masker;
    }

    /// The connection left HTTP: this direction begins anew.
    pub(super) fn reopen(&mut self, masker: Masker, room: u64) {
        self.masker = masker;
        self.room = room;
        self.closed = false;
        // A tunnel has no whole.
        self.hash = None;
    }

    /// What may be kept is counted anew, unless something was already cut: behind a hole nothing could be read.
    pub(super) fn refill(&mut self, room: u64) {
        if self.cut == 0 {
            self.room = room;
        }
    }

    /// A chunk went by. A full part is handed to `writer`.
    pub(super) fn push(&mut self, chunk: &[u8], writer: &FrameWriter) {
        if self.closed {
            return;
        }
        self.bytes += chunk.len() as u64;
        if !self.keep {
            return;
        }
        if let Some(hash) = &mut self.hash {
            hash.update(chunk);
        }
        if self.last_error.is_some() {
            self.dropped += chunk.len() as u64;
            return;
        }
        let kept = usize::try_from(self.room).unwrap_or(usize::MAX).min(chunk.len());
        self.room -= kept as u64;
        self.cut += (chunk.len() - kept) as u64;
        // Piece by piece, so that no part grows beyond its size whatever the chunks are.
        for piece in chunk[..kept].chunks(PART_BYTES) {
            if self.part.is_empty() {
                // It would only grow, and be copied, step by step.
                self.part.reserve(self.usual.min(PART_BYTES).max(piece.len()));
            }
            self.masker.push(piece, &mut self.part);
            if self.part.len() >= PART_BYTES {
                // Whether it was taken is remembered in `last_error`.
                self.last_part = self.flush(writer, false).ok().flatten();
            }
        }
    }

    /// True while the end of what went by may be the beginning of a credential, and is in no part for that reason.
    pub(super) fn is_holding(&self) -> bool {
        self.masker.is_holding()
    }

    /// True while bytes wait for the next part.
    pub(super) fn has_unflushed(&self) -> bool {
        !self.part.is_empty()
    }

    /// Hands the part to `writer`, if there is one.
    pub(super) fn flush(&mut self, writer: &FrameWriter, urgent: bool) -> Result<Option<Durable>, SinkError> {
        if self.part.is_empty() {
            return self.last_error.map_or_else(|| Ok(self.last_part.take()), Err);
        }
        self.last_part = None;
        let part = std::mem::take(&mut self.part);
        self.usual = part.len();
        if let Some(error) = self.last_error {
            self.dropped += part.len() as u64;
            return Err(error);
        }
        let len = part.len() as u64;
        writer.append(self.kind, part, urgent).inspect_err(|error| {
            self.last_error = Some(*error);
            self.dropped += len;
        })
    }

    /// Nothing more will come: hands over the rest and takes no more.
    pub(super) fn close(&mut self, writer: &FrameWriter, urgent: bool) -> Result<Option<Durable>, SinkError> {
        if self.closed {
            return self.last_error.map_or(Ok(None), Err);
        }
        self.closed = true;
        let mut rest = std::mem::take(&mut self.part);
        self.masker.finish(&mut rest);
        self.part = rest;
        self.flush(writer, urgent)
    }

    /// True when every byte that went by was handed over (or none was to be kept).
    pub(super) fn is_whole(&self) -> bool {
        self.cut == 0 && self.dropped == 0
    }
}
