//! `ursa-endpoint hook AGENT [EVENT]`: what an agent waits for. Reads stdin, appends it to the spool, answers, ends with
//! code 0. Whatever goes wrong, the agent is answered as if nothing had: recording fails open.
//!
//! No network, no arguments' parser, no clock but the system's. Of the environment it reads where the state directory
//! is, and records no value of it.

mod answer;
pub(crate) mod body;
mod stdin;

use std::ffi::OsString;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
use stdin::{Input, Shared};

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
///
/// The call is served on the thread that the process began with. Another one keeps the time and does nothing unless that
/// runs out: a thread that had to be waited for would cost each call two changes of processor.
pub fn run(call: Call) -> ExitCode {
    // A panic's message would be read as the hook's.
    std::panic::set_hook(Box::new(|_| {}));
    let serving = Arc::new(Serving {
        call,
        at: now(),
        begun: Instant::now(),
        input: Shared::new(),
        event: OnceLock::new(),
        answered: Mutex::new(false),
    });
    let keeper = Arc::clone(&serving);
    // Without it an agent could wait for ever: then rather no record.
    if std::thread::Builder::new().spawn(move || keeper.keep_time()).is_ok() {
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| serving.serve()));
    }
    serving.answer();
    ExitCode::SUCCESS
}

/// A call that is being served.
struct Serving {
    call: Call,
    at: Timestamp,
    begun: Instant,
    input: Shared,
    /// The event's name as the body told it.
    event: OnceLock<String>,
    answered: Mutex<bool>,
}

impl Serving {
    /// Reads and records.
    fn serve(&self) {
        match self.input.read(std::io::stdin()) {
            Some(input) => self.record(input),
            // The other thread has what came, and ends the process.
            None => std::thread::sleep(CALL_WAIT),
        }
    }

    fn record(&self, input: Input) {
        let body = body::body(input, self.call.event.is_some());
        if let Some(event) = &body.event {
            let _ = self.event.set(event.clone());
        }
        // Not recorded is not told to the agent; what could be counted is counted in the spool.
        let _ = record(&self.call, self.event(), self.at, body);
    }

    fn event(&self) -> Option<&str> {
        self.call.event.as_deref().or(self.event.get().map(String::as_str))
    }

    /// Answers the agent and ends the process when the other thread does not: it waits for more input, or for a disk.
    #[allow(clippy::disallowed_methods, reason = "the first thread waits for what may never come")]
    fn keep_time(self: Arc<Self>) {
        std::thread::sleep(STDIN_WAIT.saturating_sub(self.begun.elapsed()));
        let left = || CALL_WAIT.saturating_sub(self.begun.elapsed());
        if let Some(input) = self.input.take(false) {
            // The disk may hang as well.
            let (sender, receiver) = sync_channel(1);
            let recorder = Arc::clone(&self);
            let begun = std::thread::Builder::new().spawn(move || {
                recorder.record(input);
                let _ = sender.send(());
            });
            if begun.is_ok() {
                let _ = receiver.recv_timeout(left());
            }
        } else {
            std::thread::sleep(left());
        }
        self.answer();
        std::process::exit(0);
    }

    /// Answers the agent, once. Returns when it is answered.
    fn answer(&self) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *answered, true) {
            let text = answer(&self.call.agent, self.event());
            let mut stdout = std::io::stdout();
            // An agent that does not read its hook's answer does not want one.
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        }
    }
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
