//! One side of an exchange: a stream, with what was read and not used yet and what could not be written yet.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that the other side may send ahead of their time. Beyond them it is not seen whether it has left.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Size of a read that looks whether the other side has left, in bytes.
const WATCH_BYTES: usize = 4 * 1024;

/// Bytes that are sent in one call with what is queued before them: heads and small bodies go together, as each call of
/// the kernel costs more than copying so much. The first read of a body brings no more.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

/// Largest read, in bytes: each costs a call of the kernel, and large requests are sent whole.
const READ_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// All streams of a thread read into this, one after the other: none of them owns memory while it waits.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES_MAX]);
}

/// A stream with what waits on either side of it.
#[derive(Debug)]
pub(crate) struct Wire<T> {
    io: T,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    /// Bytes of `unsent` that are sent.
    sent: usize,
    /// The stream took no more of `unsent`.
    blocked: bool,
    /// What was written may still be in the stream's own buffer.
    unflushed: bool,
    ended: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// `unread`: bytes that were read from the stream before.
    pub(crate) fn new(io: T, unread: Vec<u8>) -> Self {
        Self { io, unread, unsent: Vec::new(), sent: 0, blocked: false, unflushed: false, ended: false }
    }

    /// What was read and not used.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Uses up so many bytes of what was read.
    pub(crate) fn consume(&mut self, len: usize) {
        if len >= self.unread.len() {
            self.unread = Vec::new();
        } else {
            self.unread.drain(..len);
        }
    }

    /// True when nothing waits on either side and the other has not ended the stream.
    pub(crate) fn is_clean(&self) -> bool {
        self.unread.is_empty() && self.is_sent() && !self.ended
    }

    /// True when everything is written.
    pub(crate) fn is_sent(&self) -> bool {
        self.unsent.is_empty() && !self.unflushed
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// Reads more, at most so many bytes; false at the end of the stream.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, bytes_max: usize) -> Poll<io::Result<bool>> {
        let Self { io, unread, ended, .. } = self;
        poll_read(io, ended, cx, bytes_max, |_, bytes| unread.extend_from_slice(bytes)).map_ok(|read| read.is_some())
    }

    /// True when the other side has ended the stream. What it sends meanwhile is kept for later.
    pub(crate) fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        while self.unread.len() < AHEAD_BYTES_MAX {
            match self.poll_fill(cx, WATCH_BYTES) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(_) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }

    /// Hands what was read, or what is read now (at most so many bytes), to `take`, which says how many of them it used.
    /// `None` at the end of the stream.
    pub(crate) fn poll_take<R>(
        &mut self,
        cx: &mut Context<'_>,
        bytes_max: usize,
        take: impl FnOnce(&mut Context<'_>, &[u8]) -> (usize, R),
    ) -> Poll<io::Result<Option<R>>> {
        if !self.unread.is_empty() {
            let (used, result) = take(cx, &self.unread);
            self.consume(used);
            return Poll::Ready(Ok(Some(result)));
        }
        let Self { io, unread, ended, .. } = self;
        let mut left = Vec::new();
        let taken = ready!(poll_read(io, ended, cx, bytes_max, |cx, bytes| {
            let (used, result) = take(cx, bytes);
            left.extend_from_slice(&bytes[used..]);
            result
        }))?;
        *unread = left;
        Poll::Ready(Ok(taken))
    }

    /// Sends bytes with the next that are sent, or with [`Self::poll_sent`].
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Where [`Self::queue`] puts its bytes.
    pub(crate) fn queued(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Sends what is queued, and these bytes behind it; what the stream does not take at once waits.
    ///
    /// # Errors
    /// The stream is broken.
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let together = if self.unsent.is_empty() { 0 } else { bytes.len().min(TOGETHER_BYTES_MAX) };
        let (together, mut alone) = bytes.split_at(together);
        self.unsent.extend_from_slice(together);
        if let Poll::Ready(sent) = self.poll_sent(cx) {
            sent?;
            while !alone.is_empty() {
                match Pin::new(&mut self.io).poll_write(cx, alone) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(len)) => alone = &alone[len..],
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => break,
                }
                self.unflushed = true;
            }
        }
        self.unsent.extend_from_slice(alone);
        match self.poll_sent(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Ready unless the stream took no more when it was last tried. What is queued since goes with what is sent next.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.blocked { self.poll_sent(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Ready when everything is written.
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.poll_unsent(cx);
        self.blocked = sent.is_pending();
        sent
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            let len = ready!(Pin::new(&mut self.io).poll_write(cx, &self.unsent[self.sent..]))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += len;
            self.unflushed = true;
        }
        if self.sent > 0 {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// What was read before comes first, and what waits to be sent goes first.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..len]);
        self.consume(len);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_sent(cx))?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// One read into the thread's buffer; `None` at the end of the stream.
fn poll_read<T: AsyncRead + Unpin, R>(
    io: &mut T,
    ended: &mut bool,
    cx: &mut Context<'_>,
    bytes_max: usize,
    take: impl FnOnce(&mut Context<'_>, &[u8]) -> R,
) -> Poll<io::Result<Option<R>>> {
    if *ended {
        return Poll::Ready(Ok(None));
    }
    READ.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(&mut buffer[..bytes_max.min(READ_BYTES_MAX)]);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        *ended = buffer.filled().is_empty();
        Poll::Ready(Ok(if *ended { None } else { Some(take(cx, buffer.filled())) }))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_not_used_comes_again_before_what_is_read() {
        let (near, mut far) = duplex(64);
        let mut wire = Wire::new(near, b"ab".to_vec());
        far.write_all(b"cd").await.unwrap();
        let one = |_: &mut Context<'_>, bytes: &[u8]| (1, bytes.to_vec());
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(poll_fn(|cx| wire.poll_take(cx, 16, one)).await.unwrap().unwrap());
        }
        assert_eq!(seen, [b"ab".to_vec(), b"b".to_vec(), b"cd".to_vec(), b"d".to_vec()]);
        drop(far);
        assert_eq!(poll_fn(|cx| wire.poll_take(cx, 16, one)).await.unwrap(), None);
        assert!(!wire.is_clean());
    }

    #[tokio::test]
    async fn who_has_left_is_noticed_and_what_came_ahead_is_kept() {
        let (near, mut far) = duplex(64);
        let mut wire = Wire::new(near, Vec::new());
        far.write_all(b"next").await.unwrap();
        assert!(!poll_fn(|cx| Poll::Ready(wire.is_gone(cx))).await);
        assert_eq!(wire.unread(), b"next");
        drop(far);
        assert!(poll_fn(|cx| Poll::Ready(wire.is_gone(cx))).await);
        let mut full = Wire::new(duplex(1).0, vec![0; AHEAD_BYTES_MAX]);
        assert!(!poll_fn(|cx| Poll::Ready(full.is_gone(cx))).await, "no more is read than there may be");
    }

    /// Takes all that is written, and notes the length of each write.
    #[derive(Default)]
    struct Writes(Vec<usize>);

    impl AsyncRead for Writes {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Writes {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_is_queued_goes_in_one_write_with_what_follows() {
        let mut wire = Wire::new(Writes::default(), Vec::new());
        poll_fn(|cx| {
            wire.queue(b"head");
            assert!(wire.poll_room(cx).is_ready());
            wire.send(cx, b"body").unwrap();
            wire.send(cx, b"more").unwrap();
            wire.queue(b"head");
            wire.send(cx, &vec![0; TOGETHER_BYTES_MAX + 1]).unwrap();
            wire.queue(b"alone");
            wire.poll_sent(cx)
        })
        .await
        .unwrap();
        assert_eq!(wire.io.0, [8, 4, 4 + TOGETHER_BYTES_MAX, 1, 5]);
    }

    #[tokio::test]
    async fn there_is_no_room_until_what_the_stream_did_not_take_is_sent() {
        let (near, mut far) = duplex(4);
        let mut wire = Wire::new(near, Vec::new());
        poll_fn(|cx| {
            wire.send(cx, b"abcdef").unwrap();
            assert!(wire.poll_room(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        far.read_exact(&mut [0; 4]).await.unwrap();
        poll_fn(|cx| wire.poll_room(cx)).await.unwrap();
        assert!(wire.is_sent());
    }

    #[tokio::test]
    async fn what_does_not_fit_is_sent_later_in_order() {
        let (near, mut far) = duplex(4);
        let mut wire = Wire::new(near, Vec::new());
        poll_fn(|cx| {
            wire.queue(b"ab");
            wire.send(cx, b"cdef").unwrap();
            wire.send(cx, b"gh").unwrap();
            assert!(!wire.is_sent());
            Poll::Ready(())
        })
        .await;
        let reading = async {
            let mut got = vec![0; 8];
            far.read_exact(&mut got).await.unwrap();
            got
        };
        let sending = async { poll_fn(|cx| wire.poll_sent(cx)).await.unwrap() };
        let (got, ()) = tokio::join!(reading, sending);
        assert_eq!(got, b"abcdefgh");
        assert!(wire.is_clean());
    }
}
