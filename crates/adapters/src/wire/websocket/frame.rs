//! Frames of one direction, put together to messages.

use super::deflate::Inflater;
use super::{CONTROL_BYTES_LIMIT, Compression, Damage, MESSAGE_BYTES_LIMIT, Message};

/// Longest header of a frame, in bytes: two, eight of length, four of mask.
const HEADER_BYTES_LIMIT: usize = 14;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client; its frames are masked.
    Client,
    /// The server.
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A frame whose payload is being read.
struct Frame {
    last: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Bytes of payload so far; where the mask stands.
    seen: u64,
    len: u64,
}

/// A message whose frames are being read.
struct Partial {
    opcode: Opcode,
    compressed: bool,
    bytes: Vec<u8>,
    /// Past the limit: the rest is passed over.
    too_large: bool,
}

/// Reads one direction of a connection, however its bytes are cut.
pub struct Decoder {
    inflater: Option<Inflater>,
    header: Vec<u8>,
    frame: Option<Frame>,
    control: Vec<u8>,
    message: Option<Partial>,
    closed: bool,
}

/// What a reader knows between two messages: enough to read on from there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// What later compressed messages may point at; empty without compression.
    pub window: Vec<u8>,
    /// Whether the side has closed.
    pub closed: bool,
}

impl Decoder {
    /// At the start of a connection, with what the handshake agreed on.
    pub fn new(side: Side, compression: Option<Compression>) -> Self {
        Self::with(compression.map(|agreed| Inflater::new(takes_over(side, agreed))), false)
    }

    /// Where another reader stood.
    ///
    /// # Errors
    /// If the snapshot is none.
    pub fn resume(side: Side, compression: Option<Compression>, from: &Snapshot) -> Result<Self, Damage> {
        let inflater = match compression {
            Some(agreed) => Some(Inflater::after(takes_over(side, agreed), &from.window)?),
            None => None,
        };
        Ok(Self::with(inflater, from.closed))
    }

    fn with(inflater: Option<Inflater>, closed: bool) -> Self {
        Self { inflater, header: Vec::new(), frame: None, control: Vec::new(), message: None, closed }
    }

    /// True between two messages.
    pub fn is_at_rest(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// Bytes held of a message that is not yet whole.
    pub fn held_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.bytes.len())
    }

    /// What is known here; `None` in the middle of a message.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let window = self.inflater.as_ref().map(Inflater::window).unwrap_or_default();
        self.is_at_rest().then_some(Snapshot { window, closed: self.closed })
    }

    /// Reads on; messages that became whole go to `out`.
    ///
    /// # Errors
    /// What follows cannot be read; messages before the damage are in `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Message>) -> Result<(), Damage> {
        // After its close a side says nothing more.
        while !bytes.is_empty() && !self.closed {
            let Some(frame) = &mut self.frame else {
                let used = self.header(bytes)?;
                bytes = &bytes[used..];
                // A frame without payload is whole with its header.
                if self.frame.as_ref().is_some_and(|frame| frame.len == 0) {
                    self.payload(&mut [], out)?;
                }
                continue;
            };
            let left = usize::try_from(frame.len - frame.seen).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(left.min(bytes.len()));
            bytes = rest;
            self.payload(&mut piece.to_vec(), out)?;
        }
        Ok(())
    }

    /// Takes bytes of a header; answers how many.
    fn header(&mut self, bytes: &[u8]) -> Result<usize, Damage> {
        for (used, byte) in bytes.iter().take(HEADER_BYTES_LIMIT).enumerate() {
            self.header.push(*byte);
            if let Some(frame) = self.parsed()? {
                self.header.clear();
                self.frame = Some(frame);
                return Ok(used + 1);
            }
        }
        Ok(bytes.len().min(HEADER_BYTES_LIMIT))
    }

    /// The header, once it is whole. Checks what can be checked as soon as it is there.
    fn parsed(&mut self) -> Result<Option<Frame>, Damage> {
        let [first, second, rest @ ..] = self.header.as_slice() else { return Ok(None) };
        let opcode = Opcode::from_bits(first & 0x0f).ok_or(Damage::Header)?;
        let (last, compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        let short = u64::from(second & 0x7f);
        if first & 0x30 != 0 || opcode.is_control() && (!last || short > CONTROL_BYTES_LIMIT as u64) {
            return Err(Damage::Header);
        }
        let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
        if compressed && (!begins || self.inflater.is_none()) {
            return Err(Damage::Header);
        }
        if begins && self.message.is_some() || opcode == Opcode::Continuation && self.message.is_none() {
            return Err(Damage::Order);
        }
        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_bytes + mask_bytes {
            return Ok(None);
        }
        let (length, mask) = rest.split_at(length_bytes);
        let len =
            if length.is_empty() { short } else { length.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)) };
        if len >> 63 != 0 {
            return Err(Damage::Header);
        }
        let mask = mask.try_into().unwrap_or_default();
        if begins {
            self.message = Some(Partial { opcode, compressed, bytes: Vec::new(), too_large: false });
        }
        Ok(Some(Frame { last, opcode, mask, seen: 0, len }))
    }

    /// A piece of the frame's payload, masked as it came.
    fn payload(&mut self, piece: &mut [u8], out: &mut Vec<Message>) -> Result<(), Damage> {
        let Some(frame) = &mut self.frame else { return Ok(()) };
        if frame.mask != [0; 4] {
            let start = usize::try_from(frame.seen % 4).unwrap_or(0);
            for (byte, mask) in piece.iter_mut().zip(frame.mask.iter().cycle().skip(start)) {
                *byte ^= mask;
            }
        }
        frame.seen += piece.len() as u64;
        let (whole, last, opcode) = (frame.seen == frame.len, frame.last, frame.opcode);
        if whole {
            self.frame = None;
        }
        if opcode.is_control() {
            self.control.extend_from_slice(piece);
            if whole {
                self.end_control(opcode, out);
            }
            return Ok(());
        }
        self.extend(piece)?;
        if whole && last { self.end_message(out) } else { Ok(()) }
    }

    fn end_control(&mut self, opcode: Opcode, out: &mut Vec<Message>) {
        let payload = std::mem::take(&mut self.control);
        if opcode == Opcode::Close {
            self.closed = true;
            self.message = None;
            let code = payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
            out.push(Message::Close { code });
        }
    }

    fn extend(&mut self, piece: &[u8]) -> Result<(), Damage> {
        let Some(message) = &mut self.message else { return Ok(()) };
        if message.too_large {
            return Ok(());
        }
        let fits = match &mut self.inflater {
            Some(inflater) if message.compressed => inflater.push(piece, &mut message.bytes, MESSAGE_BYTES_LIMIT)?,
            _ if message.bytes.len() + piece.len() > MESSAGE_BYTES_LIMIT => false,
            _ => {
                message.bytes.extend_from_slice(piece);
                true
            }
        };
        if fits { Ok(()) } else { self.pass_over() }
    }

    /// The message is too large: its bytes are let go of, and those that come.
    fn pass_over(&mut self) -> Result<(), Damage> {
        let Some(message) = &mut self.message else { return Ok(()) };
        message.too_large = true;
        message.bytes = Vec::new();
        match &mut self.inflater {
            Some(inflater) if message.compressed && inflater.takes_over() => Err(Damage::TooLarge),
            Some(inflater) if message.compressed => {
                inflater.skip();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_message(&mut self, out: &mut Vec<Message>) -> Result<(), Damage> {
        if let (Some(message), Some(inflater)) = (&mut self.message, &mut self.inflater)
            && message.compressed
            && !message.too_large
            && !inflater.finish(&mut message.bytes, MESSAGE_BYTES_LIMIT)?
        {
            self.pass_over()?;
        }
        let Some(message) = self.message.take() else { return Ok(()) };
        out.push(match message.opcode {
            _ if message.too_large => Message::TooLarge,
            Opcode::Binary => Message::Binary(message.bytes),
            _ => Message::Text(message.bytes),
        });
        Ok(())
    }
}

fn takes_over(side: Side, agreed: Compression) -> bool {
    match side {
        Side::Client => !agreed.client_no_context_takeover,
        Side::Server => !agreed.server_no_context_takeover,
    }
}
