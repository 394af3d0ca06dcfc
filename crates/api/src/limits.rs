//! Every bound of the API, with its name.

use std::time::Duration;

/// Items of a list page when `limit` is not given.
pub const PAGE_DEFAULT: usize = 50;
/// Most items of a list page.
pub const PAGE_MAX: usize = 500;
/// Longest path and query of a request, in bytes.
pub const URL_BYTES_LIMIT: usize = 8 * 1024;
/// Longest request body, in bytes.
pub const BODY_BYTES_LIMIT: usize = 64 * 1024;
/// Longest value of one query parameter, in bytes.
pub const PARAMETER_BYTES_LIMIT: usize = 1024;
/// Store calls that run at the same time; each holds a thread of the blocking pool.
pub const STORE_CALLS_LIMIT: usize = 16;
/// How long a request waits for its turn at the store before it is answered 503.
pub const STORE_TURN_WAIT: Duration = Duration::from_secs(10);
/// Live streams open at the same time.
pub const LIVE_STREAMS_LIMIT: usize = 64;
/// Most events that a live stream reads at once.
pub const LIVE_PAGE: usize = 64;
/// After this long without an event a live stream sends a comment, and looks whether its bearer may still read.
pub const LIVE_HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a sign-in link works.
pub const SIGNIN_LINK_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How long a signed-in browser stays so.
pub const UI_SESSION_MICROS: i64 = 12 * 60 * 60 * 1_000_000;
/// Most events of a session that can be exported as one ATIF document, which is built in memory.
pub const ATIF_EVENTS_LIMIT: usize = 20_000;
/// Longest retention that can be set, in days (a hundred years).
pub const RETENTION_DAYS_MAX: u32 = 36_500;
/// Most events of an outline.
pub const OUTLINE_EVENTS_LIMIT: usize = 50_000;
/// What `clip` may be, characters.
pub const CLIP_CHARS: std::ops::RangeInclusive<usize> = 256..=1_000_000;
/// A value that is no string may have this many times `clip` in all before it is cut as a whole.
pub const CLIP_VALUE_FACTOR: usize = 16;
/// Most parts of one event that are told as cut; strings past them are sent whole.
pub const CLIPPED_PARTS_LIMIT: usize = 64;
/// Characters of a piece when `chars` is not given.
pub const PIECE_CHARS_DEFAULT: usize = 262_144;
/// Most characters of a piece.
pub const PIECE_CHARS_MAX: usize = 1_000_000;
/// Most highlights of a session in a list.
pub const SESSION_HIGHLIGHTS_LIMIT: usize = 3;
