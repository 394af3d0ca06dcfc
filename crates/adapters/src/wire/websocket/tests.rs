#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use flate2::{Compress, Compression as Level, FlushCompress};
use proptest::prelude::*;

use super::*;

/// A frame as an endpoint would write it.
fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => out.push(masked | len as u8),
        len @ 126..=0xffff => {
            out.push(masked | 0x7e);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 0x7f);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}

/// A message in frames cut at `cuts`, each with a ping after it.
fn fragmented(opcode: u8, compressed: bool, mask: Option<[u8; 4]>, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.extend([0, payload.len()]);
    cuts.sort_unstable();
    let mut out = Vec::new();
    for (index, pair) in cuts.windows(2).enumerate() {
        let mut first = if index == 0 { opcode | if compressed { 0x40 } else { 0 } } else { 0 };
        let last = index + 2 == cuts.len();
        if last {
            first |= 0x80;
        }
        out.extend(frame(first, mask, &payload[pair[0]..pair[1]]));
        if !last {
            out.extend(frame(0x89, mask, b"ping"));
        }
    }
    out
}

/// Compresses messages as an endpoint does.
struct Deflater {
    compress: Compress,
    takeover: bool,
}

impl Deflater {
    fn new(takeover: bool) -> Self {
        Self { compress: Compress::new(Level::default(), false), takeover }
    }

    fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len() + 1024);
        let before = self.compress.total_in();
        loop {
            let done = usize::try_from(self.compress.total_in() - before).unwrap();
            out.reserve(1024);
            self.compress.compress_vec(&payload[done..], &mut out, FlushCompress::Sync).unwrap();
            if out.len() < out.capacity() && self.compress.total_in() - before == payload.len() as u64 {
                break;
            }
        }
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        if !self.takeover {
            self.compress.reset();
        }
        out
    }
}

fn read(mut decoder: Decoder, pieces: &[&[u8]]) -> (Vec<Message>, Option<Damage>) {
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(damage) = decoder.push(piece, &mut out) {
            return (out, Some(damage));
        }
    }
    (out, None)
}

fn text(text: &str) -> Message {
    Message::Text(text.as_bytes().to_vec())
}

fn server() -> Decoder {
    Decoder::new(Side::Server, None)
}

#[test]
fn the_examples_of_the_rfc() {
    // RFC 6455, 5.7.
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read(Decoder::new(Side::Client, None), &[&hello]), (vec![text("Hello")], None));
    let halves = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(read(server(), &[&halves]), (vec![text("Hello")], None));
    // RFC 7692, 7.2.3.2 (the second message shares the window), 7.2.3.4 (a final block), 7.2.3.3 (a stored block).
    let deflate = || Decoder::new(Side::Server, Some(Compression::default()));
    let twice = [0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0xc1, 5, 0xf2, 0, 0x11, 0, 0];
    assert_eq!(read(deflate(), &[&twice]), (vec![text("Hello"), text("Hello")], None));
    let last = [0xc1, 8, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0, 0xc1, 5, 0xf2, 0, 0x11, 0, 0];
    assert_eq!(read(deflate(), &[&last]), (vec![text("Hello"), text("Hello")], None));
    let stored = [0xc1, 0x0b, 0, 0x05, 0, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0];
    assert_eq!(read(deflate(), &[&stored]), (vec![text("Hello")], None));
}

#[test]
fn every_cut_of_the_bytes_gives_the_same_messages() {
    let mut bytes = fragmented(1, false, Some([1, 2, 3, 4]), b"some words that are cut", &[3, 9, 9]);
    bytes.extend(frame(0x82, Some([0, 0, 0, 0]), &[7; 300]));
    bytes.extend(frame(0x81, Some([9, 8, 7, 6]), b""));
    bytes.extend(frame(0x88, Some([5; 4]), &[0x03, 0xe8, b'b', b'y', b'e']));
    bytes.extend(b"what comes after a close is not read");
    let decoder = || Decoder::new(Side::Client, None);
    let expected = read(decoder(), &[&bytes]);
    let close = Message::Close { code: Some(1000) };
    assert_eq!(expected.0, [text("some words that are cut"), Message::Binary(vec![7; 300]), text(""), close]);
    for cut in 0..bytes.len() {
        assert_eq!(read(decoder(), &[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(decoder(), &single), expected);
}

#[test]
fn what_no_frame_may_be_is_damage() {
    let long_ping = frame(0x89, None, &[0; 126]);
    for (bytes, damage) in [
        (&[0x83, 0][..], Damage::Header),
        (&[0x8b, 0], Damage::Header),
        (&[0x91, 0], Damage::Header),
        (&[0xc1, 0], Damage::Header),
        (&[0x09, 0], Damage::Header),
        (&long_ping, Damage::Header),
        (&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Damage::Header),
        (&[0x80, 0], Damage::Order),
        (&[0x01, 0, 0x81, 0], Damage::Order),
    ] {
        let good = frame(0x81, None, b"good");
        assert_eq!(read(server(), &[&good, bytes]), (vec![text("good")], Some(damage)), "{bytes:x?}");
    }
    let deflate = Decoder::new(Side::Server, Some(Compression::default()));
    assert_eq!(read(deflate, &[&frame(0xc1, None, &[0xff; 20])]).1, Some(Damage::Compression));
}

#[test]
fn a_message_past_the_limit_is_passed_over() {
    let piece = vec![b'x'; MESSAGE_BYTES_LIMIT / 2 + 1];
    let bytes = [frame(0x01, None, &piece), frame(0x80, None, &piece), frame(0x81, None, b"after")].concat();
    assert_eq!(read(server(), &[&bytes]), (vec![Message::TooLarge, text("after")], None));

    let bomb = vec![0; MESSAGE_BYTES_LIMIT + 1];
    for (no_takeover, expected) in
        [(true, (vec![Message::TooLarge, text("after")], None)), (false, (vec![], Some(Damage::TooLarge)))]
    {
        let mut deflater = Deflater::new(!no_takeover);
        let bytes =
            [frame(0xc1, None, &deflater.message(&bomb)), frame(0xc1, None, &deflater.message(b"after"))].concat();
        let agreed = Compression { server_no_context_takeover: no_takeover, ..Compression::default() };
        assert_eq!(read(Decoder::new(Side::Server, Some(agreed)), &[&bytes]), expected);
    }
}

#[test]
fn a_snapshot_reads_on_where_it_was_taken() {
    let messages: Vec<Vec<u8>> = (0..200u32)
        .map(|n| format!("{{\"n\":{n},\"words\":\"{}\"}}", "the same words again ".repeat(n as usize)).into_bytes())
        .collect();
    let mut deflater = Deflater::new(true);
    let frames: Vec<Vec<u8>> = messages.iter().map(|m| frame(0xc1, None, &deflater.message(m))).collect();
    let agreed = Some(Compression::default());
    let mut decoder = Decoder::new(Side::Server, agreed);
    for (frame, message) in frames.iter().zip(&messages) {
        let mut out = Vec::new();
        decoder.push(&frame[..1], &mut out).unwrap();
        assert_eq!(decoder.snapshot(), None, "in the middle of a frame");
        decoder.push(&frame[1..], &mut out).unwrap();
        assert_eq!(out, [Message::Text(message.clone())]);
        decoder = Decoder::resume(Side::Server, agreed, &decoder.snapshot().unwrap()).unwrap();
    }
}

proptest! {
    #[test]
    fn any_fragmentation_gives_the_same_messages(
        messages in prop::collection::vec((prop::collection::vec(0u8..4, 0..300), any::<bool>()), 1..6),
        cuts in prop::collection::vec(0usize..400, 0..6),
        pieces in prop::collection::vec(0usize..2000, 0..12),
        mask in any::<[u8; 4]>(),
        client in any::<bool>(),
        deflate in any::<bool>(),
        takeover in any::<bool>(),
    ) {
        let side = if client { Side::Client } else { Side::Server };
        let mut deflater = Deflater::new(takeover);
        let mut bytes = Vec::new();
        for (payload, compressed) in &messages {
            // An endpoint may leave single messages uncompressed.
            let compressed = deflate && *compressed;
            let payload = if compressed { deflater.message(payload) } else { payload.clone() };
            bytes.extend(fragmented(2, compressed, client.then_some(mask), &payload, &cuts));
        }
        let agreed = Compression {
            client_no_context_takeover: !takeover, server_no_context_takeover: !takeover, ..Compression::default()
        };
        let mut pieces: Vec<usize> = pieces.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        pieces.extend([0, bytes.len()]);
        pieces.sort_unstable();
        let pieces: Vec<&[u8]> = pieces.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let expected: Vec<Message> = messages.into_iter().map(|(payload, _)| Message::Binary(payload)).collect();
        let got = read(Decoder::new(side, deflate.then_some(agreed)), &pieces);
        prop_assert_eq!(got, (expected, None));
    }

    #[test]
    fn any_bytes_are_read_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 0usize..600) {
        let agreed = Some(Compression::default());
        let whole = read(Decoder::new(Side::Server, agreed), &[&bytes]);
        let cut = cut.min(bytes.len());
        let halves = read(Decoder::new(Side::Server, agreed), &[&bytes[..cut], &bytes[cut..]]);
        prop_assert_eq!(whole, halves);
    }
}
