//! Content encodings of HTTP bodies, taken off within limits.

use std::io::Read;

use ursa_model::message::Problem;

/// Bounds of decoding: a few bytes can decode into any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes of a decoded body.
    pub output_bytes: usize,
    /// Most decoded bytes per encoded byte, past [`DecodeLimits::ratio_free_bytes`].
    pub ratio: usize,
    /// Decoded bytes up to which the ratio does not count: a short body may well be all blanks.
    pub ratio_free_bytes: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { output_bytes: 32 << 20, ratio: 100, ratio_free_bytes: 1 << 20 }
    }
}

/// Encodings that may lie over one another (`gzip, br`).
pub const NESTED_ENCODINGS_LIMIT: usize = 2;

/// Largest window of a zstd frame, as a power of two: 128 MiB, what the `zstd` program accepts without being told to.
const ZSTD_WINDOW_LOG_LIMIT: u32 = 27;

const CHUNK_BYTES: usize = 16 << 10;

/// A decoded body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// As far as it could be decoded.
    pub bytes: Vec<u8>,
    /// `truncated` (cut short or damaged), `decode_limit`, or `unknown_encoding` (then there are no bytes).
    pub problem: Option<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Brotli,
    Zstd,
    Deflate,
}

/// Decodes a body by its `content-encoding`, an empty one being identity.
pub fn decode(content_encoding: &str, bytes: &[u8], limits: DecodeLimits) -> Decoded {
    let encodings = match encodings(content_encoding) {
        Ok(encodings) => encodings,
        Err(problem) => return Decoded { bytes: Vec::new(), problem: Some(problem) },
    };
    // The last one named was applied last.
    let mut decoded: Option<Decoded> = None;
    for encoding in encodings.into_iter().rev() {
        let input = decoded.as_ref().map_or(bytes, |outer| outer.bytes.as_slice());
        let inner = decode_one(encoding, input, limits);
        let outer_problem = decoded.and_then(|outer| outer.problem);
        decoded = Some(Decoded { problem: outer_problem.or(inner.problem), bytes: inner.bytes });
    }
    decoded.unwrap_or_else(|| Decoded { bytes: bytes.to_vec(), problem: None })
}

fn encodings(content_encoding: &str) -> Result<Vec<Encoding>, Problem> {
    let mut found = Vec::new();
    for name in content_encoding.split(',').map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => found.push(Encoding::Gzip),
            "br" => found.push(Encoding::Brotli),
            "zstd" => found.push(Encoding::Zstd),
            "deflate" => found.push(Encoding::Deflate),
            _ => {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(32).collect();
                return Err(Problem::new("unknown_encoding", format!("content-encoding {name}")));
            }
        }
        if found.len() > NESTED_ENCODINGS_LIMIT {
            return Err(Problem::new("unknown_encoding", format!("more than {NESTED_ENCODINGS_LIMIT} encodings")));
        }
    }
    Ok(found)
}

fn decode_one(encoding: Encoding, input: &[u8], limits: DecodeLimits) -> Decoded {
    if input.is_empty() {
        return Decoded::default();
    }
    match encoding {
        Encoding::Gzip => read_within(flate2::read::MultiGzDecoder::new(input), input.len(), limits),
        Encoding::Brotli => read_within(brotli::Decompressor::new(input, CHUNK_BYTES), input.len(), limits),
        Encoding::Zstd => match zstd::stream::read::Decoder::with_buffer(input) {
            Ok(mut decoder) => match decoder.window_log_max(ZSTD_WINDOW_LOG_LIMIT) {
                Ok(()) => read_within(decoder, input.len(), limits),
                Err(_) => truncated(Vec::new()),
            },
            Err(_) => truncated(Vec::new()),
        },
        // By the book `deflate` is zlib; some servers send it raw.
        Encoding::Deflate => read_within(Inflate::new(input), input.len(), limits),
    }
}

/// Deflate whose end is checked: the library's own reader takes a cut stream for a whole one.
struct Inflate<'a> {
    decompress: flate2::Decompress,
    input: &'a [u8],
    ended: bool,
}

impl<'a> Inflate<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { decompress: flate2::Decompress::new(is_zlib(input)), input, ended: false }
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let (read, written) = (self.decompress.total_in(), self.decompress.total_out());
        let status = self.decompress.decompress(self.input, buffer, flate2::FlushDecompress::None)?;
        let taken = (self.decompress.total_in() - read) as usize;
        self.input = self.input.get(taken..).unwrap_or_default();
        let made = (self.decompress.total_out() - written) as usize;
        self.ended = status == flate2::Status::StreamEnd;
        if made == 0 && !self.ended && taken == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if made == 0 && !self.ended {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        Ok(made)
    }
}

/// RFC 1950: method 8 and a check sum over the first two bytes.
fn is_zlib(input: &[u8]) -> bool {
    match *input {
        [first, second, ..] => first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31),
        [first] => first & 0x0f == 8,
        [] => false,
    }
}

fn read_within(mut reader: impl Read, encoded: usize, limits: DecodeLimits) -> Decoded {
    let allowed = limits.output_bytes.min(encoded.saturating_mul(limits.ratio).max(limits.ratio_free_bytes));
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Decoded { bytes, problem: None },
            Ok(read) => {
                let room = allowed - bytes.len();
                bytes.extend_from_slice(&chunk[..read.min(room)]);
                if read > room {
                    let detail = format!("{encoded} encoded bytes decode into more than {allowed}");
                    return Decoded { bytes, problem: Some(Problem::new("decode_limit", detail)) };
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return truncated(bytes),
        }
    }
}

fn truncated(bytes: Vec<u8>) -> Decoded {
    let detail = format!("the encoded body is cut short or damaged after {} decoded bytes", bytes.len());
    Decoded { bytes, problem: Some(Problem::new("truncated", detail)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::io::Write;

    use flate2::Compression;
    use proptest::prelude::*;

    use super::*;

    const ENCODINGS: [&str; 5] = ["gzip", "br", "zstd", "deflate", "raw"];

    fn encode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
        match encoding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "raw" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "br" => {
                let mut out = Vec::new();
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
                encoder.write_all(bytes).unwrap();
                drop(encoder);
                out
            }
            "zstd" => zstd::encode_all(bytes, 3).unwrap(),
            other => panic!("{other}"),
        }
    }

    fn header(encoding: &str) -> &str {
        if encoding == "raw" { "deflate" } else { encoding }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..4000)) {
            for encoding in ENCODINGS {
                let decoded = decode(header(encoding), &encode(encoding, &bytes), DecodeLimits::default());
                prop_assert_eq!(&decoded.problem, &None, "{}", encoding);
                prop_assert_eq!(&decoded.bytes, &bytes, "{}", encoding);
            }
        }

        #[test]
        fn any_bytes_decode_into_something(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for encoding in ENCODINGS {
                decode(header(encoding), &bytes, DecodeLimits::default());
            }
        }
    }

    #[test]
    fn a_cut_anywhere_gives_a_prefix_and_says_so() {
        let plain: Vec<u8> = (0..3000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for encoding in ENCODINGS {
            let whole = encode(encoding, &plain);
            for cut in 1..whole.len() {
                let decoded = decode(header(encoding), &whole[..cut], DecodeLimits::default());
                assert!(plain.starts_with(&decoded.bytes), "{encoding} cut at {cut}");
                let told = decoded.problem.is_some_and(|problem| problem.kind == "truncated");
                assert!(told || decoded.bytes == plain, "{encoding} cut at {cut} is silent");
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0; 32 << 20];
        for encoding in ENCODINGS {
            let bomb = encode(encoding, &zeros);
            let decoded = decode(header(encoding), &bomb, DecodeLimits::default());
            assert_eq!(decoded.problem.unwrap().kind, "decode_limit", "{encoding}");
            assert!(decoded.bytes.len() <= (bomb.len() * 100).max(1 << 20));
        }
        let small = DecodeLimits { output_bytes: 10, ..DecodeLimits::default() };
        assert_eq!(decode("gzip", &encode("gzip", b"0123456789"), small).problem, None);
        assert_eq!(decode("gzip", &encode("gzip", b"0123456789a"), small).bytes, b"0123456789");
    }

    #[test]
    fn encodings_nest_twice_and_names_are_read_leniently() {
        let twice = encode("br", &encode("gzip", b"hello"));
        assert_eq!(decode("gzip, br", &twice, DecodeLimits::default()).bytes, b"hello");
        assert_eq!(decode("", b"plain", DecodeLimits::default()).bytes, b"plain");
        assert_eq!(decode("GZIP ,identity", &encode("gzip", b"x"), DecodeLimits::default()).bytes, b"x");
        for unknown in ["snappy", "gzip, gzip, gzip", "gzip, \u{1}x"] {
            let decoded = decode(unknown, b"abc", DecodeLimits::default());
            assert_eq!(decoded.problem.unwrap().kind, "unknown_encoding");
            assert!(decoded.bytes.is_empty());
        }
    }
}
