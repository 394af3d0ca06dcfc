//! Reading the segments when a journal is opened: where the log ends, what is damaged, which captures were cut short.
//! Holds one frame and a few numbers per unfinished capture, never payloads.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use ursa_model::capture::{CaptureEnd, EndReason, Frame, FrameKind};
use ursa_model::{ExchangeId, Timestamp};

use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{FrameHeader, HeaderError, JournalKey};
use crate::log::{Log, Position, SegmentInfo};
use crate::segment::{FileState, SegmentFile, file_name, is_blank, parse_name};
use crate::stats::count;
use crate::walk::{Extent, Step, Walk};

/// What recovery found.
pub(crate) struct Recovered {
    pub(crate) log: Arc<Log>,
    /// Number for the next segment, above every number ever used.
    pub(crate) next_number: u64,
    /// Where the last segment ends.
    pub(crate) previous: Option<Position>,
    /// Ends for the captures that have none.
    pub(crate) interrupted: Vec<Frame>,
    /// Captures that ended at or behind the cursor.
    pub(crate) ended: u64,
    /// Files that hold nothing; to be removed once the next segment exists, which keeps the numbers rising.
    blank: Vec<String>,
}

impl Recovered {
    /// Removes the files that hold nothing.
    pub(crate) fn remove_blank(&self) -> io::Result<()> {
        for name in &self.blank {
            self.log.disk.remove(name)?;
        }
        if self.blank.is_empty() { Ok(()) } else { self.log.disk.sync_dir() }
    }
}

/// A segment as its header tells.
struct Found {
    number: u64,
    state: FileState,
    previous: Option<Position>,
    header_damaged: bool,
}

/// Segments without a readable header.
type Unreadable = Vec<(u64, FileState)>;

/// Reads everything that is there.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    key: JournalKey,
    cursor: Option<Position>,
) -> Result<Recovered, JournalError> {
    let names = disk.list().map_err(JournalError::io("listing segments"))?;
    let mut files: Vec<(u64, FileState)> = names.iter().filter_map(|name| parse_name(name)).collect();
    files.sort_unstable_by_key(|(number, _)| *number);
    let cursor = cursor.unwrap_or_default();
    let highest = files.last().map_or(0, |(number, _)| *number).max(cursor.segment);
    files.retain(|(_, state)| *state != FileState::Quarantined);

    let (found, unreadable) = read_headers(&*disk, &key, &files)?;
    let log = Arc::new(Log::new(disk, key, cursor));
    let mut blank = set_aside(&log, unreadable).map_err(JournalError::io("setting a segment aside"))?;
    let ends: BTreeMap<u64, u64> = found.iter().filter_map(|f| f.previous).map(|p| (p.segment, p.offset)).collect();
    let mut captures = Captures { cursor, open: HashMap::new(), ended: 0 };
    let mut previous = None;
    let mut empty = Vec::new();
    for segment in found {
        let end = ends.get(&segment.number).copied();
        let walked = walk(&log, &segment, end, &mut captures).map_err(JournalError::io("reading a segment"))?;
        if walked.is_blank() {
            empty.push(segment);
            continue;
        }
        // An empty one between others stays: its header states where its predecessor ends.
        empty.drain(..).for_each(|empty: Found| log.add_segment(SegmentInfo::empty(empty.number)));
        previous = Some(Position { segment: segment.number, offset: walked.info.bytes });
        log.add_segment(walked.info);
        if walked.cut > 0 {
            tracing::warn!(segment = segment.number, bytes = walked.cut, "a torn tail was cut off the journal");
            count(&log.counters.cut_bytes, walked.cut);
        }
        if walked.gaps || segment.header_damaged {
            log.mark_damaged(segment.number);
        }
    }
    blank.extend(empty.into_iter().map(|empty| file_name(empty.number, empty.state)));
    let ended = captures.ended;
    let interrupted = captures.close()?;
    count(&log.counters.interrupted, interrupted.len() as u64);
    Ok(Recovered { log, next_number: highest + 1, previous, interrupted, ended, blank })
}

/// Reads all headers before anything is changed: a wrong key or a newer format must leave everything as it is.
fn read_headers(
    disk: &dyn Disk,
    key: &JournalKey,
    files: &[(u64, FileState)],
) -> Result<(Vec<Found>, Unreadable), JournalError> {
    let mut found = Vec::new();
    let mut unreadable = Vec::new();
    for &(number, state) in files {
        let opened = SegmentFile::open(disk, key, &file_name(number, state));
        match opened.map_err(JournalError::io("reading a segment's header"))? {
            Ok(file) if file.header.number == number => {
                let SegmentFile { header, header_damaged, .. } = file;
                found.push(Found { number, state, previous: header.previous, header_damaged });
            }
            Ok(_) | Err(HeaderError::Unreadable) => unreadable.push((number, state)),
            Err(HeaderError::WrongKey) => return Err(JournalError::WrongKey { segment: number }),
            Err(HeaderError::Version(version)) => return Err(JournalError::Version { segment: number, version }),
        }
    }
    Ok((found, unreadable))
}

/// Renames the files without a readable header. Answers those that hold nothing.
fn set_aside(log: &Log, unreadable: Unreadable) -> io::Result<Vec<String>> {
    let mut blank = Vec::new();
    for (number, state) in unreadable {
        let name = file_name(number, state);
        if is_blank(&*log.disk, &name)? {
            blank.push(name);
            continue;
        }
        log.disk.rename(&name, &file_name(number, FileState::Quarantined))?;
        log.disk.sync_dir()?;
        count(&log.counters.quarantined, 1);
        tracing::error!(segment = number, "the header of a segment cannot be read; the file is set aside");
    }
    Ok(blank)
}

/// A segment as it was walked.
struct Walked {
    info: SegmentInfo,
    cut: u64,
    /// Some frames cannot be read.
    gaps: bool,
}

impl Walked {
    /// No frame ever was in it. Its header may well be half written: a preparation that a power loss broke off.
    fn is_blank(&self) -> bool {
        self.info.frames == 0 && self.cut == 0 && !self.gaps
    }
}

fn walk(log: &Log, found: &Found, end: Option<u64>, captures: &mut Captures) -> io::Result<Walked> {
    let name = file_name(found.number, found.state);
    let Ok(file) = SegmentFile::open(&*log.disk, &log.key, &name)? else {
        return Err(io::Error::other("the segment changed while it was read"));
    };
    file.sync()?;
    let extent = match end {
        Some(end) => Extent::Committed(end),
        None => Extent::Unknown(file.len()?),
    };
    // Below the cursor all is settled: the headers tell the times, and readers check the payloads if they come by.
    let open_payloads = found.number >= captures.cursor.segment;
    let mut walked = Walked { info: SegmentInfo::empty(found.number), cut: 0, gaps: false };
    walked.info.damaged = found.state == FileState::Damaged;
    let mut walk = Walk::new(file, 0, extent, open_payloads);
    loop {
        match walk.step()? {
            Step::Frame(at, header) => {
                walked.info.saw_frame(header.at);
                captures.saw(Position { segment: found.number, offset: at }, &header);
            }
            Step::Gap { from, to } => {
                tracing::error!(segment = found.number, from, to, "frames of the journal cannot be read");
                walked.gaps = true;
            }
            Step::End(at, cut) => {
                // Else each start after a kill would leave a whole segment of zeros until it is trimmed.
                walk.segment.cut_zeros(at)?;
                walked.info.bytes = at;
                walked.cut = cut;
                return Ok(walked);
            }
        }
    }
}

/// The captures at and behind the cursor.
struct Captures {
    cursor: Position,
    open: HashMap<ExchangeId, OpenCapture>,
    ended: u64,
}

/// A capture whose End has not come by.
struct OpenCapture {
    begun_at: Timestamp,
    last_at: Timestamp,
    first_byte_at: Option<Timestamp>,
    request_bytes: u64,
    response_bytes: u64,
}

impl Captures {
    fn saw(&mut self, position: Position, header: &FrameHeader) {
        if position < self.cursor {
            return;
        }
        let at = header.at;
        let fresh = OpenCapture { begun_at: at, last_at: at, first_byte_at: None, request_bytes: 0, response_bytes: 0 };
        match header.kind {
            FrameKind::Head => {
                self.open.insert(header.exchange, fresh);
                return;
            }
            // Whole as it is.
            FrameKind::Envelope => {
                self.ended += 1;
                return;
            }
            // A connection whose Head lies before the cursor, as it has been open for long.
            FrameKind::Checkpoint => {
                self.open.entry(header.exchange).or_insert(fresh);
            }
            _ => {}
        }
        // Frames whose Head was dropped belong to no capture.
        let Some(capture) = self.open.get_mut(&header.exchange) else { return };
        capture.last_at = capture.last_at.max(at);
        match header.kind {
            FrameKind::RequestPart => capture.request_bytes += u64::from(header.payload_bytes),
            FrameKind::ResponsePart => {
                capture.first_byte_at.get_or_insert(at);
                capture.response_bytes += u64::from(header.payload_bytes);
            }
            FrameKind::End => {
                self.open.remove(&header.exchange);
                self.ended += 1;
            }
            FrameKind::Head
            | FrameKind::RequestEnd
            | FrameKind::ResponseHead
            | FrameKind::Checkpoint
            | FrameKind::Envelope => {}
        }
    }

    /// The missing Ends, oldest capture first.
    fn close(self) -> Result<Vec<Frame>, JournalError> {
        let mut open: Vec<_> = self.open.into_iter().collect();
        open.sort_unstable_by_key(|(exchange, capture)| (capture.begun_at, *exchange));
        open.into_iter().map(|(exchange, capture)| capture.end(exchange)).collect()
    }
}

impl OpenCapture {
    fn end(&self, exchange: ExchangeId) -> Result<Frame, JournalError> {
        let since_begin = |at: Timestamp| u64::try_from(at.as_micros().saturating_sub(self.begun_at.as_micros()));
        let end = CaptureEnd {
            reason: EndReason::Interrupted,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            first_byte_micros: self.first_byte_at.and_then(|at| since_begin(at).ok()),
            duration_micros: since_begin(self.last_at).unwrap_or(0),
            request_bytes_cut: 0,
            response_bytes_cut: 0,
            request_sha256: None,
            response_sha256: None,
            dropped_bytes: 0,
            edge_error: None,
        };
        let payload = serde_json::to_vec(&end).map_err(io::Error::from).map_err(JournalError::io("writing an end"))?;
        Ok(Frame { exchange, at: self.last_at, kind: FrameKind::End, payload })
    }
}
