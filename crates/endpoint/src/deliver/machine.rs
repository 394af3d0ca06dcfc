//! Delivery for all users of a machine that enrolled once: one daemon of the administrator's.
//!
//! Each user's hooks write to a spool of their own, as ever. The daemon never opens such a spool: for each user it starts
//! this program as that user (`relay`), which reads and settles the spool and hands each batch over its stdout. So no file
//! that a user can change is touched with the administrator's rights, and the device's key is in no process and no file of
//! a user's. Who a record is of the daemon writes into it, from the owner of the home: no user can speak for another.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use ursa_model::envelope::{BATCH_BYTES_MAX, Envelope};

use super::batch::{Wire, compressed};
use super::http::{Answer, Failure};
use super::{DeliverError, Delivery, due_in};
use crate::state::{StateDir, System, default_directory};

/// How often the homes are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most users whose spools are delivered at the same time.
const USERS_AT_ONCE: usize = 16;
/// Longest answer of the server's that is handed to a user's process, in bytes.
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// How long a user's process may say nothing; it belongs to the user, who may also have stopped it.
const SILENT_MAX: Duration = Duration::from_mins(10);
/// Steps of a user's process that wait to be heard of.
const STEPS_WAITING: usize = 1;
/// In the place of a status: no answer; its body says why.
const NO_ANSWER: u32 = 0;
/// In the place of seconds: the server named none.
const NO_PAUSE: u32 = u32::MAX;
/// Where homes are, beside those of the list of users: a directory service's users are not in it.
const HOMES: [&str; 2] = ["/home", "/Users"];

/// A user whose hooks record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User {
    /// By number.
    pub id: u32,
    /// First group by number.
    pub group: u32,
    /// Login name, where the list of users has it.
    pub name: Option<String>,
    /// The state directory.
    pub state: PathBuf,
}

/// Users with a home on this machine, without the administrator.
pub fn users() -> Vec<User> {
    let listed = crate::user::listed();
    let beside = HOMES.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let beside = beside.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let homes: HashSet<PathBuf> = listed.iter().map(|(_, _, home)| home.clone()).chain(beside).collect();
    let user = |home: PathBuf| {
        let owner = fs::metadata(&home).ok().filter(|owner| owner.is_dir() && owner.uid() != 0)?;
        let name = listed.iter().find(|(_, id, _)| *id == owner.uid()).map(|(name, ..)| name.clone());
        let state = default_directory(System::HERE, false, |_| None, || Some(home))?;
        Some(User { id: owner.uid(), group: owner.gid(), name, state })
    };
    homes.into_iter().filter_map(user).collect()
}

/// `daemon --all-users`: delivers the administrator's own spool and those of all users. `told` hears of each failure.
///
/// # Errors
/// When it cannot begin.
pub fn daemon(state: &StateDir, program: &Path, mut told: impl FnMut(&DeliverError)) -> Result<(), DeliverError> {
    if !crate::user::is_administrator() {
        let why = "--all-users needs root: it reads each user's records as that user";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
    }
    let mut own = Delivery::open(state)?;
    let mut under_way: HashMap<User, JoinHandle<Result<(), DeliverError>>> = HashMap::new();
    let mut looked: HashMap<User, SystemTime> = HashMap::new();
    loop {
        if due_in(state).is_zero()
            && own.pending()
            && let Err(error) = own.deliver()
        {
            told(&error);
        }
        let ended: Vec<User> =
            under_way.iter().filter(|(_, thread)| thread.is_finished()).map(|(user, _)| user.clone()).collect();
        for user in ended {
            if let Some(Ok(Err(error))) = under_way.remove(&user).map(JoinHandle::join) {
                told(&error);
            }
        }
        for user in users() {
            let Some(changed) = changed(&user) else { continue };
            // What could not be delivered is tried again when its pause is over: the user's process knows.
            let is_new = looked.get(&user) != Some(&changed) || due_again(&user);
            if is_new && !under_way.contains_key(&user) && under_way.len() < USERS_AT_ONCE {
                looked.insert(user.clone(), changed);
                let (state, program, who) = (state.clone(), program.to_owned(), user.clone());
                let thread = std::thread::Builder::new().spawn(move || deliver_of(&state, &program, &who))?;
                under_way.insert(user, thread);
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// When the user's spool was last appended to; `None` without a spool, or when the user enrolled alone.
fn changed(user: &User) -> Option<SystemTime> {
    let own_key = user.state.join("device.key").exists();
    let tail = fs::metadata(user.state.join("spool/tail")).and_then(|tail| tail.modified()).ok();
    tail.filter(|_| !own_key)
}

/// Whether a pause was set and is over.
fn due_again(user: &User) -> bool {
    let next = fs::metadata(user.state.join("flush.next")).and_then(|next| next.modified());
    next.is_ok_and(|next| next <= SystemTime::now())
}

/// Delivers one user's spool with the key of `state`. `program`: this one, where that user may run it.
///
/// # Errors
/// When it cannot be begun, or the user's process is not understood. What it cannot deliver it notes for itself.
pub fn deliver_of(state: &StateDir, program: &Path, user: &User) -> Result<(), DeliverError> {
    let wire = super::direct(state, &state.enrolled()?)?;
    Ok(relay(&*wire, program, user, SILENT_MAX)?)
}

fn relay(wire: &dyn Wire, program: &Path, user: &User, silent_max: Duration) -> io::Result<()> {
    let mut command = Command::new(program);
    command.arg("--state-dir").arg(&user.state).arg("relay").env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.uid(user.id).gid(user.group).spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (mut to, mut from) = pipes.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let (alive, heard) = mpsc::sync_channel(STEPS_WAITING);
    let mut silent = false;
    let served = std::thread::scope(|scope| {
        let serving = scope.spawn(move || serve(wire, user, &mut to, &mut from, &alive));
        loop {
            match heard.recv_timeout(silent_max) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                // What it still holds of its spool it delivers the next time.
                Err(RecvTimeoutError::Timeout) => {
                    silent = true;
                    let _ = child.kill();
                }
            }
        }
        serving.join().map_err(|_| io::Error::other("its batches cannot be handed on"))?
    });
    // It has ended, or what it says is not understood, or it closed its stdout and lives on: it is not ours any more.
    let _ = child.kill();
    child.wait()?;
    if silent {
        let why = format!("the process of user {} said nothing for {} s", user.id, silent_max.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
    }
    served
}

/// Answers each batch until the process has no more. `alive` hears of each step.
fn serve(
    wire: &dyn Wire,
    user: &User,
    to: &mut impl Write,
    from: &mut impl Read,
    alive: &SyncSender<()>,
) -> io::Result<()> {
    loop {
        // One step that waits to be heard of is as good as two.
        let _ = alive.try_send(());
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let batch = owned(&read_bytes(from, u32::from_le_bytes(length), BATCH_BYTES_MAX)?, user)?;
        let (status, pause, body) = match wire.post(&batch) {
            Ok(answer) => {
                let pause = answer.retry_after.map_or(NO_PAUSE, |pause| pause.as_secs() as u32);
                (u32::from(answer.status), pause, answer.body)
            }
            Err(failure) => (NO_ANSWER, NO_PAUSE, failure.to_string().into_bytes()),
        };
        let _ = alive.try_send(());
        for number in [status, pause, body.len() as u32] {
            to.write_all(&number.to_le_bytes())?;
        }
        to.write_all(&body)?;
        to.flush()?;
    }
}

fn read_bytes(from: &mut impl Read, length: u32, most: usize) -> io::Result<Vec<u8>> {
    if length as usize > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The batch, each record as of that user, whatever it says itself.
fn owned(batch: &[u8], user: &User) -> io::Result<Vec<u8>> {
    let lines = zstd::bulk::decompress(batch, BATCH_BYTES_MAX)?;
    let mut owned = Vec::with_capacity(lines.len());
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut envelope: Envelope = serde_json::from_slice(line)?;
        envelope.meta.os_user = Some(user.name.clone().unwrap_or_else(|| user.id.to_string()));
        serde_json::to_writer(&mut owned, &envelope)?;
        owned.push(b'\n');
    }
    compressed(&owned)
}

/// The way to the server of a user's process: over the daemon that started it.
struct OverDaemon;

impl Wire for OverDaemon {
    fn post(&self, batch: &[u8]) -> Result<Answer, Failure> {
        let exchanged = || -> io::Result<Answer> {
            let (mut to, mut from) = (io::stdout().lock(), io::stdin().lock());
            to.write_all(&(batch.len() as u32).to_le_bytes())?;
            to.write_all(batch)?;
            to.flush()?;
            let mut numbers = [[0; 4]; 3];
            for number in &mut numbers {
                from.read_exact(number)?;
            }
            let [status, pause, length] = numbers.map(u32::from_le_bytes);
            let body = read_bytes(&mut from, length, ANSWER_BYTES_MAX)?;
            if status == NO_ANSWER {
                return Err(io::Error::other(String::from_utf8_lossy(&body).into_owned()));
            }
            let retry_after = (pause != NO_PAUSE).then(|| Duration::from_secs(u64::from(pause)));
            Ok(Answer { status: u16::try_from(status).unwrap_or(u16::MAX), retry_after, body })
        };
        exchanged().map_err(|error| Failure::Unreachable(error.to_string()))
    }
}

/// `relay`: hands this user's spool to the daemon that started it.
///
/// # Errors
/// Says why not everything was delivered.
pub fn relayed(state: &StateDir) -> Result<(), DeliverError> {
    if !due_in(state).is_zero() {
        return Ok(());
    }
    let limits = state.settings()?.spool.limits();
    Delivery::over(state, limits, Box::new(OverDaemon), None)?.deliver().map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Nowhere;

    impl Wire for Nowhere {
        fn post(&self, _: &[u8]) -> Result<Answer, Failure> {
            Err(Failure::Unreachable("nowhere".to_owned()))
        }
    }

    #[test]
    fn a_users_process_that_says_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("silent");
        fs::write(&program, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let me = fs::metadata(folder.path()).unwrap();
        let user = User { id: me.uid(), group: me.gid(), name: None, state: folder.path().to_owned() };
        let ended = relay(&Nowhere, &program, &user, Duration::from_millis(50)).unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
