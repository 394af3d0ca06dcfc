//! Handing a body from the task that reads a connection to whoever wants it: one piece at a time, so that nothing is read
//! that nobody takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::body::BoxError;

/// The body broke off.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the request body is malformed or stopped arriving")]
pub(crate) struct BrokenOff;

#[derive(Debug, Default)]
struct Slot {
    piece: Option<Bytes>,
    /// No piece will follow. `Err`: and the body had not ended.
    over: Option<Result<(), BrokenOff>>,
    /// Nobody takes pieces any more.
    dropped: bool,
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    taker: AtomicWaker,
    giver: AtomicWaker,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where pieces go in.
#[derive(Debug)]
pub(crate) struct Giver(Arc<Shared>);

/// Where they come out.
#[derive(Debug)]
pub(crate) struct Pieces(Arc<Shared>);

/// `bytes`: how long the body is, if that is known.
pub(crate) fn pieces(bytes: Option<u64>) -> (Giver, Pieces) {
    let shared = Arc::new(Shared::default());
    shared.slot().left = bytes;
    (Giver(Arc::clone(&shared)), Pieces(shared))
}

impl Giver {
    /// Ready with true when there is room for a piece, with false when nobody wants one.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.0.giver.register(cx.waker());
        let slot = self.0.slot();
        if slot.dropped {
            Poll::Ready(false)
        } else if slot.piece.is_none() {
            Poll::Ready(true)
        } else {
            Poll::Pending
        }
    }

    /// Hands over a piece. There is room for it.
    pub(crate) fn give(&self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.slot().piece = Some(piece);
            self.0.taker.wake();
        }
    }

    /// Nothing follows.
    pub(crate) fn end(&self, how: Result<(), BrokenOff>) {
        self.0.slot().over.get_or_insert(how);
        self.0.taker.wake();
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.end(Err(BrokenOff));
    }
}

impl Pieces {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.0.taker.register(cx.waker());
        let mut slot = self.0.slot();
        if let Some(piece) = slot.piece.take() {
            slot.left = slot.left.map(|left| left.saturating_sub(piece.len() as u64));
            drop(slot);
            self.0.giver.wake();
            return Poll::Ready(Some(Ok(piece)));
        }
        match slot.over {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            None => Poll::Pending,
        }
    }

    /// True when nothing will come, and that is well.
    pub(crate) fn is_over(&self) -> bool {
        let slot = self.0.slot();
        slot.piece.is_none() && matches!(slot.over, Some(Ok(())))
    }

    /// Bytes still to come, if known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.0.slot().left
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.0.slot().dropped = true;
        self.0.giver.wake();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn pieces_come_in_order_and_one_at_a_time() {
        let (giver, mut taken) = pieces(Some(3));
        let giving = async {
            for piece in ["a", "b", "c"] {
                assert!(poll_fn(|cx| giver.poll_room(cx)).await);
                giver.give(Bytes::from(piece));
            }
            giver.end(Ok(()));
        };
        let taking = async {
            let mut all = Vec::new();
            while let Some(piece) = poll_fn(|cx| taken.poll(cx)).await {
                all.extend_from_slice(&piece.unwrap());
            }
            assert!(taken.is_over());
            assert_eq!(taken.left(), Some(0));
            all
        };
        let ((), all) = tokio::join!(giving, taking);
        assert_eq!(all, b"abc");
    }

    #[tokio::test]
    async fn either_side_learns_that_the_other_is_gone() {
        let (giver, mut taken) = pieces(None);
        drop(giver);
        assert!(poll_fn(|cx| taken.poll(cx)).await.unwrap().is_err());
        let (giver, taken) = pieces(None);
        drop(taken);
        assert!(!poll_fn(|cx| giver.poll_room(cx)).await);
    }
}
