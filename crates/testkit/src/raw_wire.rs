//! HTTP/1.1 over a socket, byte by byte and many connections at a time: framing, time and end are the test's own.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// No read of a test takes longer unless something is broken.
pub const READ_LIMIT: Duration = Duration::from_mins(1);
/// Largest head that is read, in bytes.
const HEAD_BYTES_LIMIT: usize = 1 << 20;
/// Size of one read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that a [`Tap`] keeps.
const TAP_BYTES_LIMIT: usize = 1 << 20;

/// What came over a connection so far, up to a limit.
pub type Tap = Arc<Mutex<Vec<u8>>>;

/// One side of a connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// Read, not taken yet.
    buffer: Vec<u8>,
    tap: Option<Tap>,
}

/// A request's or an answer's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line.
    pub start: String,
    /// Names as they came, values trimmed.
    pub headers: Vec<(String, String)>,
    /// The bytes, with the empty line.
    pub raw: Vec<u8>,
}

/// How what was read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As its framing said.
    Whole,
    /// The connection was closed before that.
    Closed,
    /// The connection was reset before that.
    Reset,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Without framing.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

impl Head {
    fn parse(raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { start, headers: lines.filter_map(header).collect(), raw }
    }

    /// A header's first value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The status of an answer; 0 for anything else.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

impl Wire {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    /// Connects with a receive buffer of about so many bytes: the other side notices early that nobody reads.
    pub async fn connect_with_buffer(address: SocketAddr, bytes: u32) -> Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_recv_buffer_size(bytes)?;
        Self::over(socket.connect(address).await?)
    }

    /// Takes a connection.
    pub fn over(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new(), tap: None })
    }

    /// Also keeps what comes in `tap`.
    #[must_use]
    pub fn tapped(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Sends all of it. A connection that breaks is an error.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Reads more; 0 at the end. Errors when nothing comes within [`READ_LIMIT`], or on a reset.
    async fn fill(&mut self) -> Result<usize> {
        let before = self.buffer.len();
        self.buffer.reserve(READ_BYTES);
        let read = tokio::time::timeout(READ_LIMIT, self.stream.read_buf(&mut self.buffer)).await;
        let read = read.map_err(|_| Error::new(ErrorKind::TimedOut, "nothing came in time"))??;
        if let Some(tap) = &self.tap {
            let mut tap = tap.lock().unwrap_or_else(PoisonError::into_inner);
            let room = TAP_BYTES_LIMIT.saturating_sub(tap.len());
            let end = before + read.min(room);
            tap.extend_from_slice(self.buffer.get(before..end).unwrap_or_default());
        }
        Ok(read)
    }

    /// The next head; `None` when the connection ends before it. Errors when nothing comes, or too much.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(Some(Head::parse(self.buffer.drain(..at + 4).collect())));
            }
            if self.buffer.len() > HEAD_BYTES_LIMIT {
                return Err(Error::other("a head without an end"));
            }
            match self.fill().await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(error),
                Err(_) => return Ok(None),
            }
        }
    }

    /// The body that belongs to `head`. Errors when nothing comes in time.
    pub async fn body(&mut self, head: &Head) -> Result<Body> {
        let mut bytes = Vec::new();
        let ending = self.body_into(head, |part| bytes.extend_from_slice(part)).await?;
        Ok(Body { bytes, ending })
    }

    /// Hands the body that belongs to `head` to `take`, part by part. Errors when nothing comes in time.
    pub async fn body_into(&mut self, head: &Head, mut take: impl FnMut(&[u8])) -> Result<Ending> {
        if head.is_chunked() {
            return self.chunks_into(&mut take).await;
        }
        let length = head.get("content-length").and_then(|length| length.parse().ok());
        let is_answer = head.start.starts_with("HTTP/");
        match length {
            Some(length) => self.sized_into(length, &mut take).await,
            None if is_answer => self.sized_into(usize::MAX, &mut take).await.map(|_| Ending::Whole),
            None => Ok(Ending::Whole),
        }
    }

    async fn sized_into(&mut self, mut left: usize, take: &mut impl FnMut(&[u8])) -> Result<Ending> {
        loop {
            let part = left.min(self.buffer.len());
            take(&self.buffer[..part]);
            self.buffer.drain(..part);
            left -= part;
            if left == 0 {
                return Ok(Ending::Whole);
            }
            if let Some(ending) = self.fill_or_end().await? {
                return Ok(ending);
            }
        }
    }

    async fn chunks_into(&mut self, take: &mut impl FnMut(&[u8])) -> Result<Ending> {
        loop {
            let line = loop {
                if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                    break self.buffer.drain(..at + 2).collect::<Vec<u8>>();
                }
                if let Some(ending) = self.fill_or_end().await? {
                    return Ok(ending);
                }
            };
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| Error::other("a chunk without a size"))?;
            let ending = self.sized_into(size, take).await?;
            if ending != Ending::Whole {
                return Ok(ending);
            }
            let ending = self.sized_into(2, &mut |_| {}).await?;
            if ending != Ending::Whole || size == 0 {
                return Ok(ending);
            }
        }
    }

    async fn fill_or_end(&mut self) -> Result<Option<Ending>> {
        match self.fill().await {
            Ok(0) => Ok(Some(Ending::Closed)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::TimedOut => Err(error),
            Err(_) => Ok(Some(Ending::Reset)),
        }
    }

    /// Reads at least one byte, and at most `limit`. Errors at the end of the connection.
    pub async fn some(&mut self, limit: usize) -> Result<Vec<u8>> {
        if self.buffer.is_empty() && self.fill().await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let length = limit.min(self.buffer.len());
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads one byte from the socket itself, and no more: the rest stays in the kernel. Errors at the end.
    pub async fn sip(&mut self) -> Result<u8> {
        self.stream.read_u8().await
    }

    /// Everything until the connection ends.
    pub async fn rest(&mut self) -> Result<Body> {
        loop {
            if let Some(ending) = self.fill_or_end().await? {
                return Ok(Body { bytes: std::mem::take(&mut self.buffer), ending });
            }
        }
    }

    /// What is left of a chunked body of which `first`, framing and all, was read already; decoded. Errors when the
    /// connection ends before the body does.
    pub async fn rest_of_chunked(&mut self, mut first: Vec<u8>) -> Result<Vec<u8>> {
        first.append(&mut self.buffer);
        self.buffer = first;
        let mut bytes = Vec::new();
        match self.chunks_into(&mut |part| bytes.extend_from_slice(part)).await? {
            Ending::Whole => Ok(bytes),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Waits until the other side ends the connection, whatever it sends before.
    pub async fn ended(&mut self) -> Result<()> {
        self.rest().await.map(|_| ())
    }

    /// No more is sent from this side.
    pub async fn shut(&mut self) -> Result<()> {
        self.stream.shutdown().await
    }

    /// Resets the connection, or closes it.
    pub fn leave(self, reset: bool) -> Result<()> {
        if reset { self.stream.set_zero_linger() } else { Ok(()) }
    }

    /// One request, and its answer. Errors when there is none.
    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> Result<(Head, Body)> {
        self.send(request).await?;
        let head = self.head().await?.ok_or(ErrorKind::UnexpectedEof)?;
        let body = self.body(&head).await?;
        Ok((head, body))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::raw_upstream::RawUpstream;

    #[tokio::test]
    async fn bodies_tell_how_they_ended() {
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        ];
        let upstream = RawUpstream::start(move |number, mut wire| async move {
            let _ = wire.head().await;
            let _ = wire.send(answers[number]).await;
            let _ = wire.leave(number == 3);
        });
        let upstream = upstream.await.unwrap();
        let endings = [Ending::Whole, Ending::Whole, Ending::Closed, Ending::Reset, Ending::Whole];
        for ending in endings {
            let mut wire = Wire::connect(upstream.address()).await.unwrap();
            let (head, body) = wire.exchange("GET / HTTP/1.1\r\n\r\n").await.unwrap();
            assert_eq!((head.status(), body), (200, Body { bytes: b"ok".to_vec(), ending }));
        }
        assert_eq!(upstream.received(), vec![b"GET / HTTP/1.1\r\n\r\n".to_vec(); 5]);
    }
}
