//! Masking of this request's own credential values in a copy of its bodies.

use std::sync::Arc;

/// What stands in place of a credential value.
pub const MASK: &[u8] = b"[redacted:credential]";

/// Values shorter than this, in bytes, are not masked: they would be found in ordinary text.
pub const CREDENTIAL_LEN_MIN: usize = 6;

/// What is put in a value's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mask {
    /// [`MASK`].
    Mark,
    /// As many asterisks as the value has bytes.
    SameLength,
}

/// The values to mask, prepared for searching all of them at once (Horspool's skip over the shortest length).
#[derive(Debug)]
pub(crate) struct Needles {
    /// Longest first, so that the first that matches is the longest.
    values: Vec<Vec<u8>>,
    shortest: usize,
    longest: usize,
    /// By the last byte of a window of `shortest` bytes: how far the window may move. 0 means "look closely".
    shift: Box<[u8; 256]>,
}

impl Needles {
    /// Prepares `values`; those below [`CREDENTIAL_LEN_MIN`] are left out. `None` when none is left.
    pub(crate) fn new(mut values: Vec<Vec<u8>>) -> Option<Arc<Self>> {
        values.retain(|value| value.len() >= CREDENTIAL_LEN_MIN);
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let longest = values.first()?.len();
        let shortest = values.last()?.len();
        let mut shift = Box::new([u8::try_from(shortest).unwrap_or(u8::MAX); 256]);
        for value in &values {
            for (at, byte) in value[..shortest].iter().enumerate() {
                let distance = u8::try_from(shortest - 1 - at).unwrap_or(u8::MAX);
                let slot = &mut shift[usize::from(*byte)];
                *slot = distance.min(*slot);
            }
        }
        Some(Arc::new(Self { values, shortest, longest, shift }))
    }

    /// The values, longest first.
    pub(crate) fn values(&self) -> &[Vec<u8>] {
        &self.values
    }

    /// True when one of the values is in `text`.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(last) = text.get(at + self.shortest - 1) {
            let step = self.shift[usize::from(*last)];
            if step == 0 && self.values.iter().any(|value| text[at..].starts_with(value)) {
                return true;
            }
            at += usize::from(step.max(1));
        }
        false
    }

    /// All of `text` with every value masked.
    pub(crate) fn mask(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        self.scan(text, true, Mask::Mark, &mut out);
        out
    }

    /// Copies `hay` to `out`, masked, as far as it can be decided; returns how far that is. Undecided is a place where
    /// `hay` ends before a value that begins there does, unless `whole` says that nothing follows.
    fn scan(&self, hay: &[u8], whole: bool, mask: Mask, out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        let mut copied = 0;
        while at < hay.len() {
            let rest = &hay[at..];
            if let Some(last) = rest.get(self.shortest - 1) {
                let step = self.shift[usize::from(*last)];
                if step > 0 {
                    at += usize::from(step);
                    continue;
                }
            }
            if !whole && rest.len() < self.longest && self.may_begin(rest) {
                break;
            }
            if let Some(value) = self.values.iter().find(|value| rest.starts_with(value)) {
                out.extend_from_slice(&hay[copied..at]);
                match mask {
                    Mask::Mark => out.extend_from_slice(MASK),
                    Mask::SameLength => out.resize(out.len() + value.len(), b'*'),
                }
                at += value.len();
                copied = at;
            } else {
                at += 1;
            }
        }
        let stop = if whole { hay.len() } else { at };
        out.extend_from_slice(&hay[copied..stop]);
        stop
    }

    /// True when `tail` is the beginning of a value, and not all of it.
    fn may_begin(&self, tail: &[u8]) -> bool {
        self.values.iter().any(|value| value.len() > tail.len() && value.starts_with(tail))
    }
}

/// Masks a body that arrives in chunks: for any chunking the output is that of masking the whole. Holds back only what
/// may be the beginning of a value, which is less than the longest value.
#[derive(Debug)]
pub(crate) struct Masker {
    needles: Option<Arc<Needles>>,
    mask: Mask,
    held: Vec<u8>,
}

impl Masker {
    /// A masker for one body; without needles it copies.
    pub(crate) fn new(needles: Option<Arc<Needles>>) -> Self {
        Self { needles, mask: Mask::Mark, held: Vec::new() }
    }

    /// A masker for bytes whose framing tells lengths: what it puts in a value's place is as long as the value.
    pub(crate) fn same_length(needles: Option<Arc<Needles>>) -> Self {
        Self { needles, mask: Mask::SameLength, held: Vec::new() }
    }

    /// Copies a chunk to `out`, masked, except for what may yet turn out to be the beginning of a value.
    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(needles) = &self.needles else {
            out.extend_from_slice(chunk);
            return;
        };
        if self.held.is_empty() {
            let stop = needles.scan(chunk, false, self.mask, out);
            self.held.extend_from_slice(&chunk[stop..]);
        } else {
            self.held.extend_from_slice(chunk);
            let stop = needles.scan(&self.held, false, self.mask, out);
            // A fresh vector: the joined one has the size of a chunk and would stay with the stream.
            self.held = self.held[stop..].to_vec();
        }
    }

    /// True while something is held back.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The body is over: copies what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(needles) = &self.needles {
            needles.scan(&self.held, true, self.mask, out);
            self.held = Vec::new();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The obvious way, to compare with.
    fn replaced(values: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let found = values.iter().filter(|v| v.len() >= CREDENTIAL_LEN_MIN && text[at..].starts_with(v));
            if let Some(len) = found.map(Vec::len).max() {
                out.extend_from_slice(MASK);
                at += len;
            } else {
                out.push(text[at]);
                at += 1;
            }
        }
        out
    }

    proptest! {
        #[test]
        fn any_chunking_masks_as_the_whole(
            values in prop::collection::vec(prop::collection::vec(0u8..3, 4..12), 0..4),
            text in prop::collection::vec(0u8..3, 0..400),
            cuts in prop::collection::vec(0usize..400, 0..20),
        ) {
            let needles = Needles::new(values.clone());
            let expected = replaced(&values, &text);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut masker = Masker::new(needles.clone());
            let mut out = Vec::new();
            for pair in cuts.windows(2) {
                masker.push(&text[pair[0]..pair[1]], &mut out);
            }
            masker.finish(&mut out);
            prop_assert_eq!(&out, &expected);
            if let Some(needles) = needles {
                prop_assert_eq!(needles.are_in(&text), expected != text);
                prop_assert_eq!(needles.mask(&text), expected);
            }
        }
    }

    #[test]
    fn where_lengths_count_they_stay() {
        let mut masker = Masker::same_length(Needles::new(vec![b"secret-1".to_vec()]));
        let mut out = Vec::new();
        for chunk in [&b"a sec"[..], b"ret-1 b", b"secret"] {
            masker.push(chunk, &mut out);
        }
        masker.finish(&mut out);
        assert_eq!(out, b"a ******** bsecret");
    }

    #[test]
    fn values_longer_than_a_skip_are_found() {
        let long = vec![b'x'; 1000];
        let needles = Needles::new(vec![long.clone()]).unwrap();
        let text = [b"aaa".as_slice(), &long, b"bbb"].concat();
        assert_eq!(needles.mask(&text), [b"aaa".as_slice(), MASK, b"bbb"].concat());
    }
}
