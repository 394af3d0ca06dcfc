//! Delivery of the spool to the server, behind the agents' back.
//!
//! One process at a time delivers: it holds `flush.lock`. Records leave the spool only when the server's receipt accounts
//! for them; what was sent and not receipted is sent again with the same ids. A hook starts a delivery when none runs and
//! none is put off; such a delivery stays for a little while, so that a session is delivered while it goes on.

mod batch;
pub(crate) mod http;
#[cfg(unix)]
pub mod machine;
mod standing;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ursa_journal::OsDisk;
use ursa_model::capture::{Channel, Frame};
use ursa_model::envelope::{DROPPED_EVENT, Dropped, ENDPOINT_SOURCE, EnvelopeMeta};
use uuid::Uuid;

pub use batch::{BYTES_MAX, LINES_MAX, SendError, Sent};
use batch::{Direct, Wire};
pub use http::{Answer, Client, ClientError, Failure};
pub(crate) use standing::clear as not_put_off;
pub use standing::{Standing, due_in};

use crate::exit;
use crate::hook::now;
use crate::line::{self, Head};
use crate::spool::{self, Count, LOCK_NAME, Limits, Lock, Reason, Spool, SpoolError};
use crate::state::{Settings, StateDir, StateError};

/// How long a delivery that a hook started waits for more before it ends.
pub const LINGER: Duration = Duration::from_secs(20);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long delivery waits for the spool's lock. Hooks hold it for a millisecond.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How long another delivery is waited for: a hook that looks whether one runs holds the lock for a moment.
const FLUSH_WAIT: Duration = Duration::from_millis(200);
/// Name of the file that is held locked while delivering.
const FLUSH_LOCK: &str = "flush.lock";

/// Why not everything was delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The state directory.
    #[error("{0}")]
    State(#[from] StateError),
    /// The client.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// The spool.
    #[error("{0}")]
    Spool(#[from] SpoolError),
    /// Sending.
    #[error("{0}")]
    Send(#[from] SendError),
    /// A file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Another process delivers.
    #[error("another process is delivering already")]
    Busy,
    /// The spool's lock is held by someone who does not let go.
    #[error("the spool is locked")]
    Locked,
}

impl DeliverError {
    /// The exit code for it.
    pub fn code(&self) -> u8 {
        match self {
            Self::State(StateError::NotEnrolled) => exit::NOT_ENROLLED,
            Self::Send(SendError::Failure(Failure::Tls(_))) => exit::TLS,
            Self::Send(SendError::Failure(Failure::Unreachable(_)) | SendError::Later { .. }) => exit::UNREACHABLE,
            Self::Send(SendError::NotAllowed(_)) => exit::NOT_ALLOWED,
            Self::Send(SendError::Strange(_)) => exit::STRANGE,
            Self::Busy => exit::BUSY,
            Self::State(_)
            | Self::Client(_)
            | Self::Spool(_)
            | Self::Io(_)
            | Self::Locked
            | Self::Send(SendError::Io(_)) => exit::STATE,
        }
    }
}

/// Delivers one state directory's spool. Holds `flush.lock` for as long as it lives.
struct Delivery {
    state: StateDir,
    limits: Limits,
    /// With what the wire was made, unless it leads to the machine's delivery.
    enrolled: Option<(Settings, String)>,
    wire: Box<dyn Wire>,
    disk: OsDisk,
    folder: PathBuf,
    standing: Standing,
    _lock: Lock,
}

impl Delivery {
    fn open(state: &StateDir) -> Result<Self, DeliverError> {
        let enrolled = state.enrolled()?;
        let wire = direct(state, &enrolled)?;
        Self::over(state, enrolled.0.spool.limits(), wire, Some(enrolled))
    }

    fn over(
        state: &StateDir,
        limits: Limits,
        wire: Box<dyn Wire>,
        enrolled: Option<(Settings, String)>,
    ) -> Result<Self, DeliverError> {
        let lock = Lock::acquire(&state.path(FLUSH_LOCK), FLUSH_WAIT)?.ok_or(DeliverError::Busy)?;
        let folder = state.spool();
        Ok(Self {
            limits,
            enrolled,
            wire,
            disk: OsDisk::open_shared(&folder)?,
            folder,
            standing: Standing::read(state),
            state: state.clone(),
            _lock: lock,
        })
    }

    fn locked<T>(&self, act: impl FnOnce() -> Result<T, SpoolError>) -> Result<T, DeliverError> {
        let _lock = Lock::acquire(&self.folder.join(LOCK_NAME), LOCK_WAIT)?.ok_or(DeliverError::Locked)?;
        Ok(act()?)
    }

    /// Takes up what changed since: the device may have been enrolled anew, with another server too.
    fn renew(&mut self) -> Result<(), DeliverError> {
        let Some(before) = &self.enrolled else { return Ok(()) };
        let enrolled = self.state.enrolled()?;
        if enrolled != *before {
            self.wire = direct(&self.state, &enrolled)?;
            (self.limits, self.enrolled) = (enrolled.0.spool.limits(), Some(enrolled));
        }
        Ok(())
    }

    /// Delivers until nothing is left. When it fails the next try is put off, and what is too old is dropped.
    fn deliver(&mut self) -> Result<Sent, DeliverError> {
        let outcome = self.renew().and_then(|()| self.pass());
        match &outcome {
            Ok(_) => standing::clear(&self.state),
            Err(error) => {
                let after = if let DeliverError::Send(error) = error { error.after() } else { None };
                self.standing.failed(&self.state, &error.to_string(), after);
                if let Some(spool) = Spool::existing(&self.disk, self.limits)? {
                    self.locked(|| spool.expire(now()))?;
                }
            }
        }
        outcome
    }

    fn pass(&mut self) -> Result<Sent, DeliverError> {
        let mut total = Sent::default();
        let Some(spool) = Spool::existing(&self.disk, self.limits)? else { return Ok(total) };
        loop {
            self.locked(|| {
                spool.adopt(now())?;
                spool.report(|id, reason, dropped| dropped_record(&spool, id, reason, dropped))
            })?;
            let batch = spool.read(LINES_MAX, BYTES_MAX)?;
            if batch.lines.is_empty() {
                return Ok(total);
            }
            if !self.locked(|| spool.is_current(&batch))? {
                continue;
            }
            let sent = batch::send(&*self.wire, &self.state, &batch.lines)?;
            self.locked(|| spool.settle(&batch))?;
            self.standing.delivered(&self.state, sent.delivered, sent.rejected);
            total.delivered += sent.delivered;
            total.rejected += sent.rejected;
        }
    }

    /// True when there may be something to deliver.
    fn pending(&self) -> bool {
        // What cannot be looked at is found out by delivering.
        Spool::existing(&self.disk, self.limits)
            .and_then(|spool| spool.map_or(Ok(false), |spool| spool.pending()))
            .unwrap_or(true)
    }
}

fn direct(state: &StateDir, (settings, key): &(Settings, String)) -> Result<Box<dyn Wire>, DeliverError> {
    let server = settings.server.as_deref().ok_or(StateError::NotEnrolled)?;
    Ok(Box::new(Direct { client: Client::new(server, settings, &state.path("ca.pem"))?, key: key.clone() }))
}

/// The record that tells of dropped ones.
fn dropped_record(spool: &Spool<'_>, id: Uuid, reason: Reason, dropped: Count) -> Frame {
    let at = now();
    let head = Head {
        id,
        channel: Channel::Hook,
        source: ENDPOINT_SOURCE,
        event: Some(DROPPED_EVENT),
        at,
        meta: EnvelopeMeta {
            spool: Some(spool.id()),
            os_user: spool.os_user().map(str::to_owned),
            sender_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            ..EnvelopeMeta::default()
        },
    };
    let body = Dropped { count: dropped.count, bytes: dropped.bytes, reason: reason.as_str().to_owned() };
    let line = serde_json::to_vec(&body).and_then(|body| line::line(&head, body)).unwrap_or_default();
    spool::record(id, at, line)
}

/// `flush`: delivers what there is now.
///
/// # Errors
/// Says why not everything was delivered.
pub fn flush(state: &StateDir) -> Result<Sent, DeliverError> {
    Delivery::open(state)?.deliver()
}

/// `flush --detached`: delivers, and stays for [`LINGER`] after the last record.
///
/// # Errors
/// Says why not everything was delivered.
pub fn linger(state: &StateDir) -> Result<(), DeliverError> {
    leave_the_terminal();
    loop {
        let mut delivery = Delivery::open(state)?;
        let mut idle_since = Instant::now();
        while idle_since.elapsed() < LINGER {
            if delivery.pending() && delivery.deliver()? != Sent::default() {
                idle_since = Instant::now();
            }
            std::thread::sleep(LOOK_EVERY);
        }
        drop(delivery);
        // A hook that found the lock held a moment ago relied on this process.
        let disk = OsDisk::open_shared(state.spool())?;
        let spool = Spool::existing(&disk, Limits::default())?;
        if !spool.map_or(Ok(false), |spool| spool.unread())? {
            return Ok(());
        }
    }
}

/// `daemon`: delivers for as long as it runs. Failures put the next try off and end nothing; `told` hears of each.
///
/// # Errors
/// When it cannot begin: not enrolled, settings, another process delivers.
pub fn daemon(state: &StateDir, mut told: impl FnMut(&DeliverError)) -> Result<(), DeliverError> {
    let mut delivery = Delivery::open(state)?;
    loop {
        if due_in(state).is_zero()
            && delivery.pending()
            && let Err(error) = delivery.deliver()
        {
            told(&error);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Starts `flush --detached` when there is a server to deliver to, no delivery runs and none is put off. The agent does
/// not wait for it; that it cannot be started is the next hook's concern.
pub(crate) fn start_if_due(state: &StateDir) {
    let enrolled = state.path("device.key").exists();
    if !enrolled || !due_in(state).is_zero() {
        return;
    }
    if let Ok(Some(_lock)) = Lock::acquire(&state.path(FLUSH_LOCK), Duration::ZERO) {
        let _ = standing::claim(state);
    } else {
        return;
    }
    let _ = start(state);
}

fn start(state: &StateDir) -> std::io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--state-dir").arg(state.root()).args(["flush", "--detached"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Keeps no project's folder busy.
    command.current_dir(state.root());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
    command.spawn().map(drop)
}

/// A session of its own: an agent that ends its hooks' process group does not end the delivery.
fn leave_the_terminal() {
    #[cfg(unix)]
    // Fails only for the leader of a group, which then is none of the agent's.
    let _ = rustix::process::setsid();
}
