//! How values lie in columns.

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ursa_model::capture::Channel;
use ursa_model::event::Witness;
use ursa_model::ids::{ExchangeId, ID_LEN};
use ursa_model::time::Timestamp;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

use crate::StoreError;
use crate::record::{channel_bits, channels_of};

/// zstd's level: higher ones cost more than they save on items of this size.
const ZSTD_LEVEL: i32 = 3;
/// Largest value that is decompressed, in bytes: above any item that one capture can hold.
const VALUE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a witness: channel, capture, time.
const WITNESS_LEN: usize = 4 + ID_LEN + 8;

/// Microseconds in a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// `2026-11-23` for a day number.
pub(super) fn day_name(day: i64) -> String {
    Timestamp::from_micros(day.saturating_mul(DAY_MICROS)).day()
}

/// The day number of `2026-11-23`.
pub(super) fn day_number(name: &str) -> Option<i64> {
    let start: Timestamp = format!("{name}T00:00:00Z").parse().ok()?;
    (day_name(start.day_number()) == name).then(|| start.day_number())
}

thread_local! {
    // Making a context takes longer than a usual value does: each thread keeps its own.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The thread's context; made at its first use.
fn kept<T>(slot: &mut Option<T>, make: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<&mut T> {
    Ok(match slot {
        Some(context) => context,
        None => slot.insert(make()?),
    })
}

/// A zstd frame with a checksum of what it holds: SQLite has none, and a flipped bit must not be shown as what was said.
pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    Ok(COMPRESSOR.with_borrow_mut(|slot| kept(slot, compressor)?.compress(bytes))?)
}

fn compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(ZSTD_LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    // What is compressed at once says how large it was.
    let size = get_frame_content_size(bytes).ok().flatten().filter(|size| *size <= VALUE_BYTES_MAX);
    let size = size.and_then(|size| usize::try_from(size).ok());
    let size = size.ok_or_else(|| StoreError::Damaged("compressed value: no size that can be".into()))?;
    DECOMPRESSOR
        .with_borrow_mut(|slot| kept(slot, Decompressor::new)?.decompress(bytes, size))
        .map_err(|error| StoreError::Damaged(format!("compressed value: {error}")))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Backend(error.to_string()))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(error.to_string()))
}

pub(super) fn pack_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    compress(to_json(value)?.as_bytes())
}

pub(super) fn unpack_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&decompress(bytes)?).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// The name of a plain enum's variant, as in JSON.
pub(super) fn name_of<T: Serialize>(value: &T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Some(name),
        _ => None,
    }
}

pub(super) fn pack_witnesses(witnesses: &[Witness]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(witnesses.len() * WITNESS_LEN);
    for witness in witnesses {
        bytes.extend_from_slice(&channel_bits([witness.channel]).to_le_bytes());
        bytes.extend_from_slice(&witness.capture_id.0);
        bytes.extend_from_slice(&witness.at.as_micros().to_le_bytes());
    }
    bytes
}

pub(super) fn unpack_witnesses(bytes: &[u8]) -> Result<Vec<Witness>, StoreError> {
    let damaged = || StoreError::Damaged("witnesses of an event".into());
    let chunks = bytes.chunks_exact(WITNESS_LEN);
    if !chunks.remainder().is_empty() {
        return Err(damaged());
    }
    chunks.map(|chunk| unpack_witness(chunk).ok_or_else(damaged)).collect()
}

fn unpack_witness(chunk: &[u8]) -> Option<Witness> {
    let (channel, rest) = chunk.split_at_checked(4)?;
    let (capture, at) = rest.split_at_checked(ID_LEN)?;
    let channel: Vec<Channel> = channels_of(u32::from_le_bytes(channel.try_into().ok()?));
    Some(Witness {
        channel: *channel.first()?,
        capture_id: ExchangeId(capture.try_into().ok()?),
        at: Timestamp::from_micros(i64::from_le_bytes(at.try_into().ok()?)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_read_back() {
        let witnesses = [(Channel::Edge, 1), (Channel::Edr, -5)].map(|(channel, at)| Witness {
            channel,
            capture_id: ExchangeId([at as u8; ID_LEN]),
            at: Timestamp::from_micros(at),
        });
        assert_eq!(unpack_witnesses(&pack_witnesses(&witnesses)).unwrap(), witnesses);
        assert!(unpack_witnesses(&[1, 2, 3]).is_err());
        assert_eq!(unpack_json::<Vec<u8>>(&pack_json(&vec![1u8, 2]).unwrap()).unwrap(), vec![1, 2]);
        assert!(decompress(b"not zstd").is_err());
        let whole = compress(&[7; 5_000]).unwrap();
        assert!(decompress(&whole[..whole.len() - 1]).is_err(), "cut short");
        assert_eq!(decompress(&whole).unwrap(), [7; 5_000], "a failure leaves nothing behind");
    }

    #[test]
    fn f05_a_flipped_bit_in_a_compressed_value_is_found() {
        let text = "what was said: 7919, 15838, 23757 and 31676; then it was said again, what was said. ".repeat(3);
        for value in [text.as_bytes(), b"short", b""] {
            let whole = compress(value).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                // Some bits of a frame's head say nothing.
                assert!(
                    decompress(&flipped).is_ok_and(|found| found == value) || decompress(&flipped).is_err(),
                    "{bit}"
                );
            }
        }
    }

    #[test]
    fn days_have_one_name() {
        assert_eq!(day_number("2026-11-23").map(day_name).as_deref(), Some("2026-11-23"));
        for bad in ["2026-11-3", "", "2026-13-01", "x"] {
            assert_eq!(day_number(bad), None, "{bad}");
        }
    }
}
