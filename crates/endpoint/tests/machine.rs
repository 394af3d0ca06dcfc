//! One enrolment for all users of a machine: hooks record as their users, the administrator's daemon delivers.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use support::server::{Reply, Server};
use support::{Device, Killed, feed, wait_until};
use ursa_endpoint::deliver::machine::{User, deliver_of};

const USER: u32 = 65_534;
/// In no list of users: from a directory service, say.
const UNLISTED: u32 = 64_123;

/// Whether processes here can become another user and start the program. Only root can, and only in folders that all may
/// enter.
fn can_become(user: u32, home: &Path) -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_ursa-endpoint"));
    let can = chown(home, Some(user), Some(user)).is_ok()
        && Command::new(program).arg("--version").uid(user).gid(user).output().is_ok_and(|run| run.status.success());
    if !can {
        println!("SKIPPED: not root, or the program lies where others may not go");
    }
    can
}

/// A hook's call as that user.
fn hook(user: u32, state: &Path, event: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ursa-endpoint"));
    command.env_clear().arg("hook").arg("--state-dir").arg(state).args(["codex", event]).uid(user).gid(user);
    command.current_dir("/");
    assert!(feed(&mut command, b"{}").status.success());
}

#[test]
fn a_users_records_are_delivered_with_the_machines_key_and_no_user_speaks_for_another() {
    let program = Path::new(env!("CARGO_BIN_EXE_ursa-endpoint"));
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = home.path().join("state");
    if !can_become(USER, home.path()) {
        return;
    }
    hook(USER, &state, "first");
    let server = Server::start(|_, _| Reply::Take);
    let machine = Device::new();
    machine.set(|settings| settings.server = Some(server.url()));
    machine.state.write_private("device.key", b"machine-key").unwrap();
    let user = User { id: USER, group: USER, name: Some("erika".to_owned()), state: state.clone() };
    deliver_of(&machine.state, program, &user).unwrap();
    hook(USER, &state, "second");
    deliver_of(&machine.state, program, &user).unwrap();
    let taken = server.taken.lock().unwrap();
    let mut seen: Vec<_> = taken.envelopes.values().map(|told| (&told["seq"], &told["event"])).collect();
    seen.sort_by_key(|(seq, _)| seq.as_u64());
    assert_eq!(seen, [(&json!(1), &json!("first")), (&json!(2), &json!("second"))]);
    assert!(
        taken.envelopes.values().all(|told| told["meta"]["os_user"] == "erika"),
        "by the daemon, not by the record"
    );
    // Nothing of the machine's is with the user, and nothing there is the administrator's.
    assert!(!state.join("device.key").exists());
    for entry in fs::read_dir(&state).unwrap().chain(fs::read_dir(state.join("spool")).unwrap()) {
        let entry = entry.unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&entry.metadata().unwrap()), USER, "{:?}", entry.path());
    }
}

#[test]
fn the_daemon_finds_the_users_and_goes_on_delivering_what_they_record() {
    let homes = tempfile::tempdir().unwrap();
    fs::set_permissions(homes.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state_of = |name: &str| {
        let home = homes.path().join(name);
        fs::create_dir(&home).unwrap();
        can_become(UNLISTED, &home).then(|| home.join(".local/state/ursa"))
    };
    let (Some(state), Some(alone)) = (state_of("erika"), state_of("alone")) else { return };
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
        println!("SKIPPED: no mount namespace may be made here");
        return;
    }
    let server = Server::start(|_, _| Reply::Take);
    let machine = Device::enrolled(&server.url());
    hook(UNLISTED, &state, "first");
    // Who enrolled alone delivers alone, with a key of their own.
    hook(UNLISTED, &alone, "not the machine's");
    fs::write(alone.join("device.key"), "own-key").unwrap();

    // The homes are elsewhere for this one process, so that no user of the machine that runs the test is looked at.
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount --bind \"$1\" /home && exec \"$2\" --state-dir \"$3\" daemon --all-users",
    ]);
    command.arg("sh").arg(homes.path()).arg(env!("CARGO_BIN_EXE_ursa-endpoint")).arg(machine.state.root());
    let mut daemon = Killed(command.stderr(Stdio::piped()).spawn().unwrap());
    let told = || -> Vec<_> {
        let taken = server.taken.lock().unwrap();
        taken.envelopes.values().map(|told| (told["event"].clone(), told["meta"]["os_user"].clone())).collect()
    };
    let mut until_told = |count: usize| {
        wait_until("it is delivered", || {
            assert!(daemon.0.try_wait().unwrap().is_none(), "the daemon ended");
            told().len() >= count
        });
    };
    until_told(1);
    hook(UNLISTED, &state, "second");
    until_told(2);
    let mut seen = told();
    seen.sort_by_key(|(event, _)| event.to_string());
    let user = json!(UNLISTED.to_string());
    assert_eq!(seen, [(json!("first"), user.clone()), (json!("second"), user)]);
}
