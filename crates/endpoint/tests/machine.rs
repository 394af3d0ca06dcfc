//! One enrolment for all users of a machine: hooks record as their users, the administrator's daemon delivers.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::server::{Reply, Server};
use support::{Device, feed};
use ursa_endpoint::deliver::machine::{User, deliver_of};

const USER: u32 = 65_534;

#[test]
fn a_users_records_are_delivered_with_the_machines_key_and_no_user_speaks_for_another() {
    let program = Path::new(env!("CARGO_BIN_EXE_ursa-endpoint"));
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = home.path().join("state");
    let hook = |event: &str| {
        let mut command = Command::new(program);
        command.env_clear().arg("hook").arg("--state-dir").arg(&state).args(["codex", event]).uid(USER).gid(USER);
        command.current_dir("/");
        assert!(feed(&mut command, b"{}").status.success());
    };
    // Only root may become another user, and only in folders that all may enter.
    if chown(home.path(), Some(USER), Some(USER)).is_err()
        || !Command::new(program).arg("--version").uid(USER).gid(USER).output().is_ok_and(|run| run.status.success())
    {
        println!("SKIPPED: not root, or the program lies where others may not go");
        return;
    }
    hook("first");
    let server = Server::start(|_, _| Reply::Take);
    let machine = Device::new();
    machine.set(|settings| settings.server = Some(server.url()));
    machine.state.write_private("device.key", b"machine-key").unwrap();
    let user = User { id: USER, group: USER, name: Some("erika".to_owned()), state: state.clone() };
    deliver_of(&machine.state, program, &user).unwrap();
    hook("second");
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
