//! `ursa-endpoint hook AGENT [EVENT]`: what an agent waits for. Reads stdin, appends it to the spool, answers, ends with
//! code 0. Whatever goes wrong, the agent is answered as if nothing had: recording fails open.
//!
//! No network, no arguments' parser, no clock but the system's. Of the environment it reads where the state directory
//! is, and records no value of it.

mod answer;
mod body;
mod stdin;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ursa_journal::OsDisk;
use ursa_model::capture::{Channel, Frame};
use ursa_model::envelope::EnvelopeMeta;
use ursa_model::time::Timestamp;
use uuid::Uuid;

pub use answer::answer;

use crate::line::{self, Head};
use crate::spool::{self, LOCK_NAME, Limits, Lock, Spool, SpoolError};
use crate::state::{StateDir, StateError};
use body::Body;

/// How long stdin may stay open. Less than the shortest time that an agent gives its hooks (Codex's SessionEnd: 3 s).
pub const STDIN_WAIT: Duration = Duration::from_secs(2);
/// How long a call may take in all, for instance on a disk that hangs, before the agent is answered without a record.
pub const CALL_WAIT: Duration = Duration::from_millis(2800);
/// How long the spool's lock is waited for, before the record gets a file of its own.
pub const LOCK_WAIT: Duration = Duration::from_millis(100);
/// The same for the first records of a spool, which is being made by another process: there is nothing beside it yet.
pub const FIRST_WAIT: Duration = Duration::from_millis(1500);
/// Longest agent's name and working directory that are recorded, in bytes.
const AGENT_BYTES_MAX: usize = 64;
const FOLDER_BYTES_MAX: usize = 1024;

/// The call as the command line says it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Call {
    /// The agent's slug.
    pub agent: String,
    /// The event, when it was named.
    pub event: Option<String>,
    /// The state directory, when it was named.
    pub state_dir: Option<PathBuf>,
}

impl Call {
    /// From what stands behind `hook`. Options that are not known are passed over: a hook never fails for them.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut call = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if text == "--state-dir" {
                call.state_dir = arguments.next().map(PathBuf::from);
            } else if let Some(folder) = text.strip_prefix("--state-dir=") {
                call.state_dir = Some(PathBuf::from(folder));
            } else if text.starts_with("--") {
            } else if call.agent.is_empty() {
                call.agent = text.chars().take(AGENT_BYTES_MAX / 4).collect();
            } else if call.event.is_none() && body::is_name(&text) {
                call.event = Some(text.into_owned());
            }
        }
        call
    }
}

/// Why a call was not recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{0}")]
    Spool(#[from] SpoolError),
    #[error("{0}")]
    Line(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Serves one call. The exit code is 0, whatever happens.
pub fn run(call: Call) -> ExitCode {
    // A panic's message would be read as the hook's.
    std::panic::set_hook(Box::new(|_| {}));
    let agent = call.agent.clone();
    let served = std::panic::catch_unwind(|| serve(call));
    let text = answer(&agent, served.ok().flatten().as_deref());
    let mut stdout = std::io::stdout();
    // An agent that does not read its hook's answer does not want one.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    ExitCode::SUCCESS
}

/// Records the call. Answers the event's name.
fn serve(call: Call) -> Option<String> {
    let (at, begun) = (now(), Instant::now());
    let input = stdin::read(std::io::stdin(), STDIN_WAIT);
    let body = body::body(input);
    let event = call.event.clone().or_else(|| body.event.clone());
    let named = event.clone();
    let (sender, receiver) = sync_channel(1);
    let recorder = move || {
        // Not recorded is not told to the agent; what could be counted is counted in the spool.
        let _ = record(&call, named.as_deref(), at, body);
        let _ = sender.send(());
    };
    if std::thread::Builder::new().spawn(recorder).is_ok() {
        let _ = receiver.recv_timeout(CALL_WAIT.saturating_sub(begun.elapsed()));
    }
    event
}

/// The time by the system's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn record(call: &Call, event: Option<&str>, at: Timestamp, body: Body) -> Result<(), RecordError> {
    let state = StateDir::resolve(call.state_dir.clone())?;
    // Settings that cannot be read must not cost the record.
    let limits = state.settings().unwrap_or_default().spool.limits();
    let folder = state.spool();
    let disk = OsDisk::open_shared(&folder)?;
    let lock = |wait| Lock::acquire(&folder.join(LOCK_NAME), wait);
    let spool = if let Some(spool) = Spool::existing(&disk, limits)? {
        spool
    } else {
        let _lock = lock(FIRST_WAIT)?.ok_or(std::io::Error::from(std::io::ErrorKind::WouldBlock))?;
        Spool::open(&disk, limits, crate::user::login)?
    };
    let frame = frame(call, event, at, &spool, body)?;
    append(&spool, &disk, limits, frame, lock(LOCK_WAIT)?)?;
    drop(spool);
    crate::deliver::start_if_due(&state);
    Ok(())
}

fn frame(call: &Call, event: Option<&str>, at: Timestamp, spool: &Spool<'_>, body: Body) -> Result<Frame, RecordError> {
    let cwd = std::env::current_dir().ok().map(|folder| folder.to_string_lossy().into_owned());
    let head = Head {
        id: Uuid::now_v7(),
        channel: Channel::Hook,
        source: &call.agent,
        event,
        at,
        meta: EnvelopeMeta {
            spool: Some(spool.id()),
            os_user: spool.os_user().map(str::to_owned),
            cwd: cwd.filter(|folder| folder.len() <= FOLDER_BYTES_MAX),
            sender_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            truncated: body.truncated,
            ..EnvelopeMeta::default()
        },
    };
    Ok(spool::record(head.id, at, line::line(&head, body.json)?))
}

/// Appends the record to the spool, or leaves it beside.
fn append(
    spool: &Spool<'_>,
    disk: &OsDisk,
    limits: Limits,
    frame: Frame,
    lock: Option<Lock>,
) -> Result<(), RecordError> {
    let bytes = frame.payload.len() as u64;
    let appended = match lock {
        None => spool::write_late(disk, limits, &frame)?,
        Some(lock) => match spool.append(frame) {
            Ok(appended) => {
                drop(lock);
                appended
            }
            Err(error) => {
                spool.count_failed(bytes)?;
                return Err(error.into());
            }
        },
    };
    if limits.sync {
        appended.sync()?;
    }
    Ok(())
}
