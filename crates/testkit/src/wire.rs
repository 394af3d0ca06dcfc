//! HTTP/1 by hand, so that framing and header case stay visible.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// No condition of a test takes longer unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Messages from the scripted side that may wait for the test.
pub const CHANNEL: usize = 256;

/// Read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// What a connection runs over.
pub trait Stream: Read + Write + Send {
    /// Tells the other side that nothing more comes.
    fn shut_write(&mut self);
}

impl Stream for TcpStream {
    fn shut_write(&mut self) {
        // Fails only when the other side has closed already.
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for std::io::Cursor<Vec<u8>> {
    fn shut_write(&mut self) {}
}

/// A connection with what was read ahead.
pub struct Conn {
    /// The connection itself.
    pub stream: Box<dyn Stream>,
    /// What was read and not yet taken.
    pub buf: Vec<u8>,
    /// True when something did not come within [`DEADLINE`].
    pub late: bool,
}

/// A start line and header lines as they went by. Bytes are Latin-1 here, so that none is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line.
    pub start: String,
    /// Names in their own case, values without the blanks around them.
    pub headers: Vec<(String, String)>,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    /// Its bytes, chunk framing taken off.
    pub bytes: Vec<u8>,
    /// Trailers in their own case.
    pub trailers: Vec<(String, String)>,
    /// False when the connection ended before the body did.
    pub whole: bool,
}

impl Head {
    /// Reads the lines of a head; a line without a colon is a name without a value.
    pub fn parse(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        Self { start, headers: lines.map(header).collect() }
    }

    /// The first value of a header, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The status of an answer; 0 when it has none.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}

impl Conn {
    /// Connects. Errors when nothing listens there.
    pub fn connect(addr: SocketAddr) -> std::io::Result<Self> {
        Self::over(TcpStream::connect(addr)?)
    }

    /// Over a connected stream, with [`DEADLINE`] for each step. Errors when it is closed already.
    pub fn over(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Over any stream.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buf: Vec::new(), late: false }
    }

    /// Over bytes that are here already.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { buf: bytes, ..Self::new(std::io::Cursor::default()) }
    }

    /// Writes. That the other side is gone shows in what is read next: it may have said something before it left.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush());
    }

    /// Reads more; false at the end, and when nothing came in time. A reset counts as the end.
    pub fn fill(&mut self) -> bool {
        let mut chunk = vec![0; READ_BYTES];
        match self.stream.read(&mut chunk) {
            Ok(len) => {
                self.buf.extend_from_slice(&chunk[..len]);
                len > 0
            }
            Err(error) => {
                self.late |= error.kind() == std::io::ErrorKind::WouldBlock;
                false
            }
        }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.buf.len() < len {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buf.drain(..len).collect())
    }

    /// All up to and with `end`.
    pub fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buf[searched..].windows(end.len()).position(|window| window == end) {
                return Some(self.buf.drain(..searched + at + end.len()).collect());
            }
            searched = self.buf.len().saturating_sub(end.len());
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next head.
    pub fn head(&mut self) -> Option<Head> {
        self.take_until(b"\r\n\r\n").map(|bytes| Head::parse(&bytes))
    }

    /// One chunk of a chunked body; the empty one is the last.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.chunk_size()?;
        let chunk = self.take(size)?;
        if size > 0 {
            self.take(2)?;
        }
        Some(chunk)
    }

    fn chunk_size(&mut self) -> Option<usize> {
        let line = String::from_utf8(self.take_until(b"\r\n")?).ok()?;
        usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()
    }

    /// The body behind `head`. Without framing it is empty, or with `to_eof` all that comes.
    pub fn payload(&mut self, head: &Head, to_eof: bool) -> Payload {
        let mut payload = Payload::default();
        if head.is_chunked() {
            payload.whole = self.chunks(&mut payload).is_some();
        } else if let Some(len) = head.get("content-length") {
            let len: usize = len.parse().unwrap_or(0);
            while self.buf.len() < len && self.fill() {}
            payload.whole = self.buf.len() >= len;
            payload.bytes = self.buf.drain(..len.min(self.buf.len())).collect();
        } else if to_eof {
            while self.fill() {}
            payload.bytes = std::mem::take(&mut self.buf);
            payload.whole = !self.late;
        } else {
            payload.whole = true;
        }
        payload
    }

    fn chunks(&mut self, payload: &mut Payload) -> Option<()> {
        loop {
            let size = self.chunk_size()?;
            if size == 0 {
                break;
            }
            // What came of a chunk came, though its end did not.
            while self.buf.len() < size && self.fill() {}
            payload.bytes.extend(self.buf.drain(..size.min(self.buf.len())));
            self.take(2)?;
        }
        loop {
            let line = self.take_until(b"\r\n")?;
            if line == b"\r\n" {
                return Some(());
            }
            payload.trailers.push(header(String::from_utf8_lossy(&line).trim_end()));
        }
    }

    /// A request, whole.
    pub fn request(&mut self) -> Option<(Head, Payload)> {
        let head = self.head()?;
        let payload = self.payload(&head, false);
        Some((head, payload))
    }

    /// An answer, whole.
    pub fn response(&mut self, to_method: &str) -> Option<(Head, Payload)> {
        let head = self.head()?;
        let payload = self.answer_payload(&head, to_method);
        Some((head, payload))
    }

    /// The body behind an answer's head.
    pub fn answer_payload(&mut self, head: &Head, to_method: &str) -> Payload {
        let bodiless = to_method == "HEAD" || matches!(head.status(), 204 | 304);
        if bodiless { Payload { whole: true, ..Payload::default() } } else { self.payload(head, true) }
    }

    /// True when the other side closes without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buf.is_empty() && !self.fill() && !self.late
    }
}

/// A chunked body of these chunks; empty ones, which would end it, are left out.
pub fn chunked(chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Listens on loopback and runs `script` for each connection, numbered from 0. Errors when it cannot listen.
pub fn listen(script: impl Fn(usize, Conn) + Send + Sync + 'static) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let script = Arc::new(script);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let script = Arc::clone(&script);
            // A connection that is gone before it began has nothing to say.
            if let Ok(conn) = stream.and_then(Conn::over) {
                thread::spawn(move || script(number, conn));
            }
        }
    });
    Ok(addr)
}
