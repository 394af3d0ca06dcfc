//! Writing several pieces at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Pieces that are together at most this long are copied into one: for the kernel taking a list of pieces costs more than
/// a copy of so little, and an event of a stream is three small pieces.
const FLAT_BYTES_MAX: usize = 2048;

/// As [`AsyncWrite::poll_write_vectored`].
pub(crate) fn poll_write<T: AsyncWrite + Unpin>(
    stream: &mut T,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > FLAT_BYTES_MAX {
        return stream.poll_write_vectored(cx, pieces);
    }
    let mut flat = [0; FLAT_BYTES_MAX];
    let mut len = 0;
    for piece in pieces {
        flat[len..len + piece.len()].copy_from_slice(piece);
        len += piece.len();
    }
    stream.poll_write(cx, &flat[..len])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_the_pieces_in_order_however_long_they_are() {
        for lens in [&[0, 5, 0, 7][..], &[FLAT_BYTES_MAX], &[FLAT_BYTES_MAX, 1], &[3000, 10], &[]] {
            let pieces: Vec<Vec<u8>> = lens.iter().zip(1..).map(|(len, byte)| vec![byte; *len]).collect();
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut out = Vec::new();
            let written = poll_fn(|cx| poll_write(&mut out, cx, &slices)).await.unwrap();
            assert_eq!(out, pieces.concat()[..written]);
            assert_eq!(written, pieces.concat().len());
        }
    }
}
