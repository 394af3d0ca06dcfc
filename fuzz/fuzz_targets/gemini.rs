//! Any body as a request and as an answer of Gemini, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ursa_adapters::wire::{Answer, gemini};

fuzz_target!(|body: &[u8]| {
    if let (Some(request), _) = gemini::read_request(body) {
        assert!(request.messages.iter().all(|message| !message.canonical.is_empty()));
    }
    for whole in [true, false] {
        gemini::read_response(&Answer { status: 200, content_type: None, body, whole });
        gemini::read_response(&Answer { status: 500, content_type: Some("text/event-stream"), body, whole });
    }
});
