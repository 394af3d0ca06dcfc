//! Decompression of one direction's messages (RFC 7692, 7.2).

use std::collections::VecDeque;

use flate2::{Decompress, FlushDecompress, Status};

use super::Damage;

/// How far back compressed bytes may point.
const WINDOW_BYTES: usize = 32 << 10;

/// What the compressor left off each message: the end of an empty stored block.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Bytes decompressed at once, by how many came.
const CHUNK_BYTES: usize = 16 << 10;
const MIN_CHUNK_BYTES: usize = 1 << 10;
const EXPECTED_RATIO: usize = 8;

/// Decompresses the messages of one direction.
pub(super) struct Inflater {
    inflate: Decompress,
    takeover: bool,
    /// The last bytes of all messages so far; what later ones may point at.
    window: VecDeque<u8>,
}

impl Inflater {
    pub(super) fn new(takeover: bool) -> Self {
        Self { inflate: Decompress::new(false), takeover, window: VecDeque::new() }
    }

    /// As it was when [`Self::window`] was taken.
    pub(super) fn after(takeover: bool, window: &[u8]) -> Result<Self, Damage> {
        let mut inflater = Self::new(takeover);
        inflater.window.extend(&window[window.len().saturating_sub(WINDOW_BYTES)..]);
        inflater.prime()?;
        Ok(inflater)
    }

    /// What later messages may point at.
    pub(super) fn window(&self) -> Vec<u8> {
        self.window.iter().copied().collect()
    }

    /// Whether later messages depend on earlier ones.
    pub(super) fn takes_over(&self) -> bool {
        self.takeover
    }

    /// Decompresses a piece of a message onto `out`. False when that would make more than `limit` bytes.
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<bool, Damage> {
        let mut chunk = vec![0; (input.len() * EXPECTED_RATIO).clamp(MIN_CHUNK_BYTES, CHUNK_BYTES)];
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(input, &mut chunk, FlushDecompress::Sync);
            let status = status.map_err(|_| Damage::Compression)?;
            let read = usize::try_from(self.inflate.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(self.inflate.total_out() - written).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            let written = &chunk[..written.min(chunk.len())];
            if out.len() + written.len() > limit {
                return Ok(false);
            }
            out.extend_from_slice(written);
            if self.takeover {
                self.remember(written);
            }
            if status == Status::StreamEnd {
                // A final block ends the stream, not the message or the connection: what follows goes on from here.
                self.renew(out)?;
            } else if read == 0 && written.is_empty() {
                return if input.is_empty() { Ok(true) } else { Err(Damage::Compression) };
            }
            if input.is_empty() && written.len() < chunk.len() {
                return Ok(true);
            }
        }
    }

    /// The message is over. False as for [`Self::push`].
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Damage> {
        let fits = self.push(&TAIL, out, limit)?;
        if !self.takeover {
            self.inflate.reset(false);
        }
        Ok(fits)
    }

    /// Forgets a message in the middle of it. Only where messages do not depend on one another.
    pub(super) fn skip(&mut self) {
        self.inflate.reset(false);
    }

    fn remember(&mut self, written: &[u8]) {
        let written = &written[written.len().saturating_sub(WINDOW_BYTES)..];
        let excess = (self.window.len() + written.len()).saturating_sub(WINDOW_BYTES);
        self.window.drain(..excess);
        self.window.extend(written);
    }

    /// A new stream that knows what was written so far. Without takeover that is this message alone.
    fn renew(&mut self, message: &[u8]) -> Result<(), Damage> {
        self.inflate.reset(false);
        if !self.takeover {
            self.window.clear();
            self.remember(message);
            let primed = self.prime();
            self.window.clear();
            return primed;
        }
        self.prime()
    }

    /// Feeds the window as a stored block, which is the way to tell a decompressor what came before.
    fn prime(&mut self) -> Result<(), Damage> {
        let window = self.window();
        let len = u16::try_from(window.len()).map_err(|_| Damage::Compression)?;
        let mut stored = vec![0];
        stored.extend(len.to_le_bytes());
        stored.extend((!len).to_le_bytes());
        stored.extend_from_slice(&window);
        let mut scratch = vec![0; WINDOW_BYTES];
        let fed = self.inflate.decompress(&stored, &mut scratch, FlushDecompress::Sync);
        fed.map_err(|_| Damage::Compression)?;
        if self.inflate.total_in() == stored.len() as u64 { Ok(()) } else { Err(Damage::Compression) }
    }
}
