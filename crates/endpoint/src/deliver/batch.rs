//! One batch on its way: put into one request, split when the server finds it too large, its answer read.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::http::{Answer, Client, Failure};
use crate::hook::now;
use crate::line::push_numbered;
use crate::spool::Line;
use crate::state::StateDir;

/// Most records in a request.
pub const LINES_MAX: usize = 1000;
/// Bytes of records in a request, unless one alone is longer. Less than the server allows, so that a device needs
/// little memory for it.
pub const BYTES_MAX: usize = 4 << 20;
/// How hard requests are compressed.
const ZSTD_LEVEL: i32 = 3;
/// Most refused records that are kept, and the bytes of the longest one.
const REJECTED_FILES_MAX: usize = 256;
const REJECTED_BYTES_MAX: usize = 256 * 1024;

/// Why a batch did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No answer.
    #[error("{0}")]
    Failure(#[from] Failure),
    /// The key is not accepted.
    #[error("the server does not accept this device's key (status {0}): was it revoked? Enrol again")]
    NotAllowed(u16),
    /// Later.
    #[error("the server asks to come back later (status {status})")]
    Later {
        /// HTTP status.
        status: u16,
        /// When.
        after: Option<Duration>,
    },
    /// Not an answer of an Ursa server.
    #[error("the answer is not an Ursa server's: {0}")]
    Strange(String),
    /// Before it was sent, or while a refused record was put aside.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl SendError {
    /// The pause that the server asked for.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Later { after, .. } => *after,
            // Asking again soon cannot help.
            Self::NotAllowed(_) => Some(super::standing::PAUSE_MAX),
            _ => None,
        }
    }
}

/// The server's receipt.
#[derive(Debug, Deserialize)]
struct Receipt {
    accepted: u64,
    duplicates: u64,
    #[serde(default)]
    rejected: Vec<Rejected>,
}

#[derive(Debug, Deserialize)]
struct Rejected {
    line: usize,
    #[serde(default)]
    reason: String,
}

/// What became of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// The server has them.
    pub delivered: u64,
    /// The server does not want them; put aside.
    pub rejected: u64,
}

/// What carries a batch to the server.
pub(super) trait Wire: Sync {
    /// Posts a compressed batch.
    fn post(&self, batch: &[u8]) -> Result<Answer, Failure>;
}

/// A server that this process talks to, with a device's key.
pub(super) struct Direct {
    pub(super) client: Client,
    pub(super) key: String,
}

impl Wire for Direct {
    fn post(&self, batch: &[u8]) -> Result<Answer, Failure> {
        let authorization = format!("Bearer {}", self.key);
        let sent_at = now().to_string();
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-ndjson"),
            ("content-encoding", "zstd"),
            // What this clock shows, so that the server can tell one that is off.
            ("x-ursa-sent-at", sent_at.as_str()),
        ];
        self.client.post("/ingest/v1/captures", &headers, batch)
    }
}

/// Compresses a batch.
pub(super) fn compressed(lines: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(lines, ZSTD_LEVEL)
}

/// Sends records, in as many requests as it takes.
///
/// # Errors
/// When not all of them are settled. Sending them again is safe.
pub(super) fn send(wire: &dyn Wire, state: &StateDir, lines: &[Line]) -> Result<Sent, SendError> {
    let mut sent = Sent::default();
    let mut waiting = vec![lines];
    while let Some(lines) = waiting.pop() {
        let answer = post(wire, lines)?;
        match answer.status {
            200 => take_receipt(&answer, state, lines, &mut sent)?,
            401 | 403 => return Err(SendError::NotAllowed(answer.status)),
            408 | 425 | 429 | 500..=599 => {
                return Err(SendError::Later { status: answer.status, after: answer.retry_after });
            }
            // Something in it is too large or not liked: found by halves.
            400 | 413 | 422 => {
                if let [line] = lines {
                    put_aside(state, line, &format!("status {}", answer.status))?;
                    sent.rejected += 1;
                } else {
                    let (first, second) = lines.split_at(lines.len() / 2);
                    waiting.extend([second, first]);
                }
            }
            status => return Err(SendError::Strange(format!("status {status}"))),
        }
    }
    Ok(sent)
}

fn post(wire: &dyn Wire, lines: &[Line]) -> Result<Answer, SendError> {
    let bytes: usize = lines.iter().map(|line| line.bytes.len() + 32).sum();
    let mut body = Vec::with_capacity(bytes);
    for line in lines {
        push_numbered(&mut body, line.seq, &line.bytes);
    }
    Ok(wire.post(&compressed(&body)?)?)
}

/// A page of a captive portal is a 200 too: only a receipt that accounts for every line settles them.
fn take_receipt(answer: &Answer, state: &StateDir, lines: &[Line], sent: &mut Sent) -> Result<(), SendError> {
    let receipt: Receipt =
        serde_json::from_slice(&answer.body).map_err(|_| SendError::Strange("no receipt in status 200".to_owned()))?;
    let rejected = receipt.rejected.len() as u64;
    if receipt.accepted + receipt.duplicates + rejected != lines.len() as u64 {
        return Err(SendError::Strange("the receipt does not account for every record".to_owned()));
    }
    for refused in &receipt.rejected {
        let line = refused.line.checked_sub(1).and_then(|index| lines.get(index));
        let line = line.ok_or_else(|| SendError::Strange("the receipt names a line that was not sent".to_owned()))?;
        put_aside(state, line, &refused.reason)?;
    }
    sent.delivered += receipt.accepted + receipt.duplicates;
    sent.rejected += rejected;
    Ok(())
}

/// Keeps a refused record for a person to look at, within bounds. Named by its id: twice is once.
fn put_aside(state: &StateDir, line: &Line, reason: &str) -> Result<(), SendError> {
    #[derive(Serialize)]
    struct Kept<'k> {
        reason: &'k str,
        seq: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        envelope: Option<&'k RawValue>,
    }
    let folder = state.path("rejected");
    crate::state::make_private(&folder)?;
    let path = folder.join(format!("{}.json", line.id));
    if std::fs::read_dir(&folder)?.count() >= REJECTED_FILES_MAX && !path.exists() {
        // Counted, not kept.
        return Ok(());
    }
    let envelope = (line.bytes.len() <= REJECTED_BYTES_MAX).then(|| serde_json::from_slice(&line.bytes).ok()).flatten();
    let kept = Kept { reason, seq: line.seq, envelope };
    Ok(crate::state::replace_private(&path, &serde_json::to_vec(&kept).map_err(io::Error::from)?)?)
}
