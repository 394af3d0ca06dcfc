//! Any bytes as either direction of a WebSocket, in one piece and in two, compressed or not: the same messages, no panic.
//! The first byte says where the cut is, the second what was agreed on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ursa_adapters::wire::responses_socket::Calls;
use ursa_adapters::wire::websocket::{Compression, Damage, Decoder, Message, Side};
use ursa_model::Timestamp;

fn read(side: Side, agreed: Option<Compression>, pieces: &[&[u8]]) -> (Vec<Message>, Option<Damage>) {
    let mut decoder = Decoder::new(side, agreed);
    let mut messages = Vec::new();
    for piece in pieces {
        if let Err(damage) = decoder.push(piece, &mut messages) {
            return (messages, Some(damage));
        }
    }
    if let Some(snapshot) = decoder.snapshot() {
        let mut resumed = Decoder::resume(side, agreed, &snapshot).expect("a snapshot reads on");
        let _ = resumed.push(pieces[0], &mut Vec::new());
    }
    (messages, None)
}

fuzz_target!(|bytes: &[u8]| {
    let [cut, terms, bytes @ ..] = bytes else { return };
    let no_takeover = terms & 1 != 0;
    let agreed = (terms & 2 != 0).then(|| Compression {
        client_no_context_takeover: no_takeover,
        server_no_context_takeover: no_takeover,
        ..Compression::default()
    });
    let side = if terms & 4 != 0 { Side::Client } else { Side::Server };
    let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
    let whole = read(side, agreed, &[bytes]);
    assert_eq!(whole, read(side, agreed, &[first, second]));
    let mut calls = Calls::default();
    for message in whole.0 {
        if let Message::Text(message) | Message::Binary(message) = message {
            calls.asked(message.clone(), Timestamp::default());
            calls.answered(&message, Timestamp::default());
        }
    }
    calls.unanswered();
});
