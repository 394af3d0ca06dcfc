//! The fuzz targets' seeds, through the functions that the targets call.

use ursa_adapters::body::{DecodeLimits, decode};
use ursa_adapters::wire::{Answer, anthropic_messages, gemini, openai_chat, openai_responses};

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
fn body_seeds() {
    for seed in seeds("decode_body") {
        let (name, bytes) = seed.split_at(seed.iter().position(|byte| *byte == b'\n').unwrap());
        decode(&String::from_utf8_lossy(name), &bytes[1..], DecodeLimits::default());
    }
}
