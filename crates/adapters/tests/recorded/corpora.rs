//! The fuzz targets' seeds, through the functions that the targets call.

use ursa_adapters::body::{DecodeLimits, decode};
use ursa_adapters::wire::responses_socket::Calls;
use ursa_adapters::wire::websocket::{Compression, Decoder, Message, Side};
use ursa_adapters::wire::{Answer, anthropic_messages, gemini, openai_chat, openai_responses};
use ursa_model::Timestamp;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{target} has no seeds");
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn answer(body: &[u8], whole: bool) -> Answer<'_> {
    Answer { status: 200, content_type: None, body, whole }
}

#[test]
fn messages_seeds() {
    for seed in seeds("anthropic_messages") {
        anthropic_messages::read_request(&seed);
        anthropic_messages::read_response(&answer(&seed, true));
        anthropic_messages::read_response(&answer(&seed, false));
    }
}

#[test]
fn responses_seeds() {
    for seed in seeds("openai_responses") {
        openai_responses::read_request(&seed);
        openai_responses::read_response(&answer(&seed, true));
        openai_responses::read_response(&answer(&seed, false));
    }
}

#[test]
fn chat_seeds() {
    for seed in seeds("openai_chat") {
        openai_chat::read_request(&seed);
        openai_chat::read_response(&answer(&seed, true));
        openai_chat::read_response(&answer(&seed, false));
    }
}

#[test]
fn gemini_seeds() {
    for seed in seeds("gemini") {
        gemini::read_request(&seed);
        gemini::read_response(&answer(&seed, true));
        gemini::read_response(&answer(&seed, false));
    }
}

#[test]
fn websocket_seeds() {
    for seed in seeds("websocket") {
        let [cut, terms, bytes @ ..] = seed.as_slice() else { continue };
        let agreed = (terms & 2 != 0).then(Compression::default);
        let side = if terms & 4 != 0 { Side::Client } else { Side::Server };
        let read = |pieces: &[&[u8]]| {
            let (mut decoder, mut messages) = (Decoder::new(side, agreed), Vec::new());
            let damage = pieces.iter().find_map(|piece| decoder.push(piece, &mut messages).err());
            (messages, damage)
        };
        let (first, second) = bytes.split_at(usize::from(*cut).min(bytes.len()));
        let (messages, damage) = read(&[bytes]);
        assert_eq!(read(&[first, second]), (messages.clone(), damage));
        let mut calls = Calls::default();
        for message in messages {
            if let Message::Text(message) | Message::Binary(message) = message {
                calls.asked(message.clone(), Timestamp::default());
                calls.answered(&message, Timestamp::default());
            }
        }
    }
}

#[test]
fn body_seeds() {
    for seed in seeds("decode_body") {
        let (name, bytes) = seed.split_at(seed.iter().position(|byte| *byte == b'\n').unwrap());
        decode(&String::from_utf8_lossy(name), &bytes[1..], DecodeLimits::default());
    }
}
