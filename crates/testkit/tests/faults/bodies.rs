//! F10, F11: bodies that are much larger than they look, and bodies that are large.

use std::io::{Read, Write};
use std::sync::Arc;

use tokio::sync::Mutex;
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::{Ending, Wire};

use crate::support::{
    Answer, LAST_CHUNK, Under, agent_head, chunk, completions, conversation, gap_details, gaps, prompt, request,
    request_with, scaled,
};

/// Bytes that one more bomb may add to the memory in use.
const BOMB_RISE_BYTES: u64 = 64 << 20;
/// Bytes that forwarding a large body may add to the memory in use, above what is kept of it.
const LARGE_RISE_BYTES: u64 = 16 << 20;

/// So many zeros, encoded once.
fn zeros(encoding: &str, mut left: usize) -> Vec<u8> {
    let block = vec![0; 1 << 20];
    let mut write = |out: &mut dyn Write| {
        while left > 0 {
            let length = left.min(block.len());
            out.write_all(&block[..length]).unwrap();
            left -= length;
        }
    };
    match encoding {
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            write(&mut out);
            out.finish().unwrap()
        }
        "br" => {
            let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 5, 22);
            write(&mut out);
            out.into_inner()
        }
        "zstd" => {
            let mut out = zstd::Encoder::new(Vec::new(), 3).unwrap();
            write(&mut out);
            out.finish().unwrap()
        }
        other => panic!("{other}"),
    }
}

/// Encodes once more.
fn encode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "gzip" => flate2::read::GzEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut out).unwrap(),
        "br" => brotli::CompressorReader::new(bytes, 1 << 16, 5, 22).read_to_end(&mut out).unwrap(),
        "zstd" => zstd::stream::read::Encoder::new(bytes, 3).unwrap().read_to_end(&mut out).unwrap(),
        other => panic!("{other}"),
    };
    out
}

/// An upstream that keeps the body of each request and answers with the same bytes, as encoded as they came.
async fn echoing_upstream(bodies: Arc<Mutex<Vec<Vec<u8>>>>) -> RawUpstream {
    let script = move |_, mut wire: Wire| {
        let bodies = Arc::clone(&bodies);
        async move {
            while let Ok(Some(head)) = wire.head().await {
                let body = wire.body(&head).await.unwrap().bytes;
                let encoding = head.get("content-encoding").unwrap_or("identity");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\n\
                     content-length: {}\r\n\r\n",
                    body.len()
                );
                wire.send(answer).await.unwrap();
                wire.send(&body).await.unwrap();
                bodies.lock().await.push(body);
            }
        }
    };
    RawUpstream::start(script).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_bombs_once_and_twice_nested_are_forwarded_and_not_unpacked() {
    let bodies = Arc::default();
    let upstream = echoing_upstream(Arc::clone(&bodies)).await;
    let under = Under::start(&upstream.base_url(), "").await;
    let bytes = scaled(96 << 20, 2 << 30);
    // Gzip packs no tighter than 1000:1: more of it would be no small body any more.
    let size = |encoding: &str| if encoding == "gzip" { bytes.min(1 << 30) } else { bytes };
    let cases = ["gzip", "br", "zstd"].map(|inner| (inner, zeros(inner, size(inner))));
    // The first of each kind makes what every later one uses again.
    under.exchange(request(&conversation(0), "warm")).await;
    under.settled().await;
    for (number, (inner, bomb)) in cases.iter().enumerate() {
        let nested = [("gzip", encode("gzip", bomb)), ("br", encode("br", bomb)), ("zstd", encode("zstd", bomb))];
        let once = [(*inner).to_owned(), String::new()];
        let all = std::iter::once((once.concat(), bomb.clone()))
            .chain(nested.map(|(outer, bytes)| (format!("{inner}, {outer}"), bytes)));
        for (variant, (encodings, bomb)) in all.enumerate() {
            let id = conversation(1 + number * 10 + variant);
            let before = under.process().reset_peak();
            let headers = format!("content-encoding: {encodings}\r\n");
            let (head, answer) = under.exchange(request_with(&id, &headers, &bomb)).await;
            assert_eq!((head.status(), head.get("content-encoding")), (200, Some(encodings.as_str())));
            assert!(
                answer.bytes == bomb && answer.ending == Ending::Whole,
                "{encodings}: the answer is as it was sent"
            );
            assert!(bodies.lock().await.pop().unwrap() == bomb, "{encodings}: the request arrives as it was sent");
            let session = under.session(&id).await;
            let rise = under.process().peak().saturating_sub(before);
            println!("{encodings}: {} bytes for {bytes}, {} MiB more", bomb.len(), rise >> 20);
            assert!(rise <= BOMB_RISE_BYTES, "{encodings}: {rise} bytes more in use");
            let kinds = gaps(&session);
            assert!(kinds.iter().any(|kind| kind == "decode_limit"), "{encodings}: {kinds:?}");
        }
    }
    let (head, _) = under.exchange(request(&conversation(0), "still here")).await;
    assert_eq!(head.status(), 200);
}

/// Reads bodies of any length without keeping them and answers with their length and hash.
async fn hashing_upstream() -> RawUpstream {
    let script = |number, mut wire: Wire| async move {
        while let Ok(Some(head)) = wire.head().await {
            let (mut length, mut hash) = (0_u64, Fnv::default());
            wire.body_into(&head, |part| {
                length += part.len() as u64;
                hash.add(part);
            })
            .await
            .unwrap();
            let said = format!("{length} {:x}", hash.0);
            wire.send(Answer::new(&format!("msg_large_{number}"), &[said.as_str()]).sized()).await.unwrap();
        }
    };
    RawUpstream::start(script).await.unwrap()
}

/// FNV-1a: tells bodies apart without a dependency.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A body of about so many bytes that no compression shortens much, in pieces.
fn large_body(bytes: usize) -> impl Iterator<Item = Vec<u8>> {
    let whole = prompt("PLACEHOLDER").to_string();
    let (front, back) = whole.split_once("PLACEHOLDER").unwrap();
    let piece = move |number: usize| format!("{number:>15x} words ").repeat(64 * 1024 / 22).into_bytes();
    let pieces = bytes / piece(0).len();
    let (front, back) = (front.as_bytes().to_vec(), back.as_bytes().to_vec());
    std::iter::once(front).chain((0..pieces).map(piece)).chain(std::iter::once(back))
}

async fn send_large(under: &Under, id: &str, bytes: usize, chunked: bool) -> (u64, String) {
    let mut wire = under.wire().await;
    let length: usize = large_body(bytes).map(|piece| piece.len()).sum();
    let framing = if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {length}") };
    wire.send(format!("{}{framing}\r\n\r\n", agent_head(id))).await.unwrap();
    let mut hash = Fnv::default();
    for piece in large_body(bytes) {
        hash.add(&piece);
        wire.send(if chunked { chunk(&piece) } else { piece }).await.unwrap();
    }
    if chunked {
        wire.send(LAST_CHUNK).await.unwrap();
    }
    let head = wire.head().await.unwrap().unwrap();
    assert_eq!(head.status(), 200);
    let answer = String::from_utf8(wire.body(&head).await.unwrap().bytes).unwrap();
    assert!(answer.contains(&format!("{length} {:x}", hash.0)), "what arrives is what was sent");
    (length as u64, format!("{length} {:x}", hash.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_large_bodies_pass_through_and_are_kept_up_to_the_limit() {
    const KEPT: u64 = 1 << 20;
    let upstream = hashing_upstream().await;
    let config = format!("[edge]\nkept_body_bytes_limit = {KEPT}\n");
    let under = Under::start(&upstream.base_url(), &config).await;
    send_large(&under, &conversation(0), 1 << 20, false).await;
    under.settled().await;
    for chunked in [false, true] {
        let id = conversation(1 + usize::from(chunked));
        let before = under.process().reset_peak();
        let (length, said) = send_large(&under, &id, 100 << 20, chunked).await;
        let session = under.session(&id).await;
        let rise = under.process().peak().saturating_sub(before);
        println!("{length} bytes, chunked: {chunked}: {} MiB more in use", rise >> 20);
        assert!(rise <= LARGE_RISE_BYTES, "{rise} bytes more in use");
        let cut = gap_details(&session, "request_cut").concat();
        assert!(cut.starts_with(&format!("{} bytes", length - KEPT)), "what was cut is counted: {cut}");
        assert_eq!(completions(&session), said, "the answer is kept whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_body_at_the_default_limit_takes_bounded_memory() {
    let upstream = hashing_upstream().await;
    let under = Under::start(&upstream.base_url(), "").await;
    send_large(&under, &conversation(0), 1 << 20, false).await;
    under.settled().await;
    let before = under.process().reset_peak();
    send_large(&under, &conversation(1), 100 << 20, false).await;
    under.settled().await;
    let rise = under.process().peak().saturating_sub(before);
    // What is kept of a body, 32 MiB, lies in the queue, in the pipeline's hands, and in what it reads from it.
    println!("100 MiB with 32 MiB kept: {} MiB more in use", rise >> 20);
    assert!(rise <= 8 * (32 << 20), "{rise} bytes more in use");
}
