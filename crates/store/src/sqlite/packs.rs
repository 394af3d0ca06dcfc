//! `content-DAY.pack`: content items, appended, encrypted under their threads' keys.
//!
//! A header (magic, version, day), then records: length of what follows the checksum (u32), checksum (8 bytes of
//! BLAKE3), item id, thread, nonce and AES-256-GCM of the zstd of the bytes. All numbers are little-endian.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ursa_model::ids::ID_LEN;

use super::coding::{compress, day_name, day_number, decompress};
use super::keys::{Keys, ThreadRef, seal, thread_ref, unseal};
use crate::StoreError;
use crate::record::{ContentId, NewItem};

const MAGIC: &[u8; 8] = b"URSAPACK";
const VERSION: u32 = 1;
/// Magic, version, day.
pub(super) const HEADER_LEN: u64 = 8 + 4 + 8;
const CHECKSUM_LEN: usize = 8;
/// Length and checksum.
const PREFIX_LEN: usize = 4 + CHECKSUM_LEN;
/// Largest record, in bytes: what one capture can hold, compressed, fits.
const RECORD_BYTES_MAX: u32 = 256 << 20;

/// Where an item lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: ContentId,
    pub(super) thread: ThreadRef,
    pub(super) day: i64,
    pub(super) offset: u64,
    pub(super) len: u64,
}

pub(super) fn pack_path(dir: &Path, day: i64) -> PathBuf {
    dir.join(format!("content-{}.pack", day_name(day)))
}

/// Days that have a pack.
pub(super) fn pack_days(dir: &Path) -> Result<Vec<i64>, StoreError> {
    super::days::days_of_files(dir, "content-", ".pack")
}

/// Makes a directory's entries durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    Ok(File::open(dir)?.sync_all()?)
}

/// A pack that is open for appending.
#[derive(Debug)]
pub(super) struct PackWriter {
    day: i64,
    file: File,
    len: u64,
}

impl PackWriter {
    /// Opens a day's pack for appending after `known` bytes (0 when nothing is known), cuts a torn tail and tells the
    /// records that lie behind.
    pub(super) fn open(dir: &Path, day: i64, known: u64) -> Result<(Self, Vec<Place>), StoreError> {
        let path = pack_path(dir, day);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let on_disk = file.metadata()?.len();
        if on_disk < HEADER_LEN {
            // New, or torn in its first bytes: nothing was stored in it.
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&header(day))?;
            file.sync_all()?;
            sync_dir(dir)?;
            return Ok((Self { day, file, len: HEADER_LEN }, Vec::new()));
        }
        check_header(&mut file, day)?;
        let from = known.clamp(HEADER_LEN, on_disk);
        let (places, end) = scan(&mut file, day, from)?;
        if end < on_disk {
            file.set_len(end)?;
            file.sync_all()?;
        }
        file.seek(SeekFrom::Start(end))?;
        Ok((Self { day, file, len: end }, places))
    }

    pub(super) fn day(&self) -> i64 {
        self.day
    }

    /// Appends an item; [`sync`](Self::sync) makes it durable.
    pub(super) fn append(&mut self, item: &NewItem, keys: &Keys) -> Result<Place, StoreError> {
        let thread = thread_ref(&item.thread);
        let key = keys.known_content_key(&thread)?;
        let key = key.ok_or_else(|| StoreError::Backend("the thread's key is not kept yet".into()))?;
        let record = record(item, &thread, &key)?;
        self.file.write_all(&record)?;
        let place = Place { id: item.id, thread, day: self.day, offset: self.len, len: record.len() as u64 };
        self.len += place.len;
        Ok(place)
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        Ok(self.file.sync_all()?)
    }
}

fn header(day: i64) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), &day.to_le_bytes()].concat()
}

fn check_header(file: &mut File, day: i64) -> Result<(), StoreError> {
    let mut found = [0; HEADER_LEN as usize];
    file.rewind()?;
    file.read_exact(&mut found)?;
    if found.get(..8) != Some(MAGIC) {
        return Err(StoreError::Damaged(format!("the pack of {} has no header", day_name(day))));
    }
    let version = found.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    if version > VERSION {
        return Err(StoreError::TooNew { found: version, known: VERSION });
    }
    if found != header(day)[..] {
        return Err(StoreError::Damaged(format!("the header of the pack of {} is not its own", day_name(day))));
    }
    Ok(())
}

fn bound(id: ContentId, thread: &ThreadRef) -> [u8; 2 * ID_LEN] {
    let mut bound = [0; 2 * ID_LEN];
    bound[..ID_LEN].copy_from_slice(&id.0);
    bound[ID_LEN..].copy_from_slice(thread);
    bound
}

fn record(item: &NewItem, thread: &ThreadRef, key: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
    let bound = bound(item.id, thread);
    let sealed = seal(key, &bound, &compress(&item.bytes)?)?;
    let len = bound.len() + sealed.len();
    let len_field = u32::try_from(len).ok().filter(|len| *len <= RECORD_BYTES_MAX);
    let Some(len_field) = len_field else {
        return Err(StoreError::Backend(format!("a content item of {len} bytes is too large")));
    };
    let mut record = Vec::with_capacity(PREFIX_LEN + len);
    record.extend_from_slice(&len_field.to_le_bytes());
    record.extend_from_slice(&checksum(&[&bound, &sealed]));
    record.extend_from_slice(&bound);
    record.extend_from_slice(&sealed);
    Ok(record)
}

fn checksum(parts: &[&[u8]]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut sum = [0; CHECKSUM_LEN];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_LEN]);
    sum
}

/// The records from `from` on, and where the last whole one ends.
fn scan(file: &mut File, day: i64, from: u64) -> Result<(Vec<Place>, u64), StoreError> {
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file);
    let mut places = Vec::new();
    let mut end = from;
    while let Some(payload) = next_record(&mut reader)? {
        let Some((id, thread)) = ids_of(&payload) else { break };
        let len = (PREFIX_LEN + payload.len()) as u64;
        places.push(Place { id, thread, day, offset: end, len });
        end += len;
    }
    Ok((places, end))
}

/// The next record's payload; `None` at the end and where the record is torn.
fn next_record(reader: &mut impl Read) -> Result<Option<Vec<u8>>, StoreError> {
    let mut prefix = [0; PREFIX_LEN];
    if !fill(reader, &mut prefix)? {
        return Ok(None);
    }
    let (len, sum) = prefix.split_at(4);
    let len = len.try_into().map_or(0, u32::from_le_bytes);
    if len > RECORD_BYTES_MAX {
        return Ok(None);
    }
    // Read as far as the file goes: a torn length must not allocate what is not there.
    let mut payload = Vec::new();
    reader.take(u64::from(len)).read_to_end(&mut payload)?;
    Ok((payload.len() == len as usize && checksum(&[&payload]) == sum).then_some(payload))
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<bool, StoreError> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn ids_of(payload: &[u8]) -> Option<(ContentId, ThreadRef)> {
    let (id, rest) = payload.split_at_checked(ID_LEN)?;
    Some((ContentId(id.try_into().ok()?), rest.get(..ID_LEN)?.try_into().ok()?))
}

/// An item's bytes; `None` when its thread's key is gone.
pub(super) fn read(dir: &Path, place: &Place, keys: &Keys) -> Result<Option<Vec<u8>>, StoreError> {
    let damaged = || StoreError::Damaged(format!("content item {} of {}", place.id, day_name(place.day)));
    let mut file = match File::open(pack_path(dir, place.day)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(damaged()),
        Err(error) => return Err(error.into()),
    };
    file.seek(SeekFrom::Start(place.offset))?;
    let payload = next_record(&mut file)?.ok_or_else(damaged)?;
    if ids_of(&payload) != Some((place.id, place.thread)) {
        return Err(damaged());
    }
    let Some(key) = keys.known_content_key(&place.thread)? else { return Ok(None) };
    let sealed = payload.get(2 * ID_LEN..).ok_or_else(damaged)?;
    let plain = unseal(&key, &bound(place.id, &place.thread), sealed).ok_or_else(damaged)?;
    decompress(&plain).map(Some)
}

/// What is whole in a pack.
pub(super) struct Checked {
    pub(super) places: Vec<Place>,
    /// Where the first damaged record begins.
    pub(super) torn_at: Option<u64>,
}

/// Reads a pack whole and checks each record.
pub(super) fn check(dir: &Path, day: i64) -> Result<Checked, StoreError> {
    let mut file = File::open(pack_path(dir, day))?;
    check_header(&mut file, day)?;
    let (places, end) = scan(&mut file, day, HEADER_LEN)?;
    let len = file.metadata()?.len();
    Ok(Checked { places, torn_at: (end < len).then_some(end) })
}

/// Bytes of all packs.
pub(super) fn total_bytes(dir: &Path) -> Result<u64, StoreError> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let day = name.to_str().and_then(|name| name.strip_prefix("content-")?.strip_suffix(".pack"));
        if day.and_then(day_number).is_some() {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ursa_model::ids::ConversationScope;

    fn item(number: u8, bytes: &[u8]) -> NewItem {
        NewItem {
            id: ContentId([number; ID_LEN]),
            thread: ConversationScope::vendor("test", "one"),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn a_torn_tail_is_cut_and_what_was_whole_stays() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys.db"), &[7; 32]).unwrap();
        let (mut pack, found) = PackWriter::open(dir.path(), 3, 0).unwrap();
        assert!(found.is_empty());
        assert!(pack.append(&item(1, b"first"), &keys).is_err(), "nothing is written under a key that may be lost");
        keys.keep([&item(1, b"").thread]).unwrap();
        let first = pack.append(&item(1, b"first"), &keys).unwrap();
        let second = pack.append(&item(2, b"second"), &keys).unwrap();
        pack.sync().unwrap();
        drop(pack);
        let path = pack_path(dir.path(), 3);
        let whole = std::fs::read(&path).unwrap();
        assert!(!whole.windows(5).any(|window| window == b"first"));
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (pack, found) = PackWriter::open(dir.path(), 3, 0).unwrap();
            let expected = [first, second].into_iter().filter(|place| place.offset + place.len <= cut as u64);
            assert_eq!(found, expected.collect::<Vec<_>>(), "cut at {cut}");
            assert_eq!(pack.len, std::fs::metadata(&path).unwrap().len());
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read(dir.path(), &second, &keys).unwrap().as_deref(), Some(&b"second"[..]));
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert!(matches!(read(dir.path(), &second, &keys), Err(StoreError::Damaged(_))));
    }
}
