//! Where the pipeline stands in a connection, as it is written into the journal (which encrypts it).
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the JSON, little endian |
//! | … | [`Told`] as JSON |
//! | … | the client's window |
//! | … | the server's window, to the end |

use serde::{Deserialize, Serialize};
use ursa_adapters::wire::websocket::Snapshot;
use ursa_journal::Position;
use ursa_model::capture::{CaptureHead, ResponseHead};
use ursa_model::time::Timestamp;

/// Version of the layout.
const VERSION: u32 = 1;

/// Everything that is needed to read a connection from here on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    pub(super) head: CaptureHead,
    pub(super) at: Timestamp,
    pub(super) response_head: ResponseHead,
    /// The last frame that was read.
    pub(super) after: Position,
    /// Calls that had begun, all of which had ended.
    pub(super) calls: u64,
    pub(super) gaps: u64,
    pub(super) client: Snapshot,
    pub(super) server: Snapshot,
}

#[derive(Serialize, Deserialize)]
struct Told {
    version: u32,
    head: CaptureHead,
    at: Timestamp,
    response_head: ResponseHead,
    after: Position,
    calls: u64,
    gaps: u64,
    client_closed: bool,
    server_closed: bool,
    client_window_bytes: usize,
}

impl Checkpoint {
    pub(super) fn write(self) -> Option<Vec<u8>> {
        let told = Told {
            version: VERSION,
            head: self.head,
            at: self.at,
            response_head: self.response_head,
            after: self.after,
            calls: self.calls,
            gaps: self.gaps,
            client_closed: self.client.closed,
            server_closed: self.server.closed,
            client_window_bytes: self.client.window.len(),
        };
        // Only maps with keys that are no strings make this fail: none is here.
        let told = serde_json::to_vec(&told).ok()?;
        let mut bytes = u32::try_from(told.len()).ok()?.to_le_bytes().to_vec();
        bytes.extend(told);
        bytes.extend(self.client.window);
        bytes.extend(self.server.window);
        Some(bytes)
    }

    /// `None` for a layout that is not known.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (told, windows) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        let told: Told = serde_json::from_slice(told).ok()?;
        let (client, server) = windows.split_at_checked(told.client_window_bytes)?;
        (told.version == VERSION).then(|| Self {
            head: told.head,
            at: told.at,
            response_head: told.response_head,
            after: told.after,
            calls: told.calls,
            gaps: told.gaps,
            client: Snapshot { window: client.to_vec(), closed: told.client_closed },
            server: Snapshot { window: server.to_vec(), closed: told.server_closed },
        })
    }
}
