//! `ursa-endpoint hook`, called as agents call it, with good input and bad, on disks that work and on disks that do not.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Device, contains, feed};
use ursa_endpoint::hook::{CALL_WAIT, STDIN_WAIT};
use ursa_endpoint::spool::Lock;

const PAYLOAD: &[u8] = br#"{"session_id":"s-1","hook_event_name":"PreToolUse","tool_input":{"command":"ls"}}"#;

fn answered(output: &Output, expected: &str) {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_call_is_an_envelope_in_the_spool() {
    let device = Device::new();
    answered(&device.hook(&["claude-code"], PAYLOAD), "");
    answered(&device.hook(&["codex", "Stop"], b"{\"hook_event_name\": \"Other\",\n \"a\": 1}"), "");
    let spooled = device.spooled();
    let [first, second] = &spooled[..] else { panic!("{spooled:?}") };
    assert_eq!(
        (&first["seq"], &first["channel"], &first["source"]),
        (&json!(1), &json!("hook"), &json!("claude-code"))
    );
    assert_eq!(first["event"], "PreToolUse");
    assert_eq!(first["body"], serde_json::from_slice::<Value>(PAYLOAD).unwrap());
    assert_eq!((&first["meta"]["cwd"], &first["meta"]["truncated"]), (&json!("/"), &Value::Null));
    assert!(first["meta"]["spool"].is_string() && first["meta"]["os_user"].is_string());
    assert_eq!((&second["seq"], &second["event"]), (&json!(2), &json!("Stop")), "the argument names the event");
    assert_eq!(second["meta"]["spool"], first["meta"]["spool"]);
}

#[test]
fn each_agent_is_answered_by_its_own_contract() {
    let device = Device::new();
    let allow = "{\"permission\":\"allow\"}\n";
    let go_on = "{\"continue\":true}\n";
    let table = [
        ("claude-code", "PreToolUse", ""),
        ("claude-code", "SessionStart", ""),
        ("codex", "PreToolUse", ""),
        ("codex", "SessionEnd", ""),
        ("copilot-cli", "preToolUse", ""),
        ("copilot-cli", "permissionRequest", ""),
        ("vscode-copilot", "PreToolUse", ""),
        ("gemini-cli", "BeforeTool", "{}\n"),
        ("gemini-cli", "SessionEnd", "{}\n"),
        ("cursor", "preToolUse", allow),
        ("cursor", "beforeShellExecution", allow),
        ("cursor", "beforeMCPExecution", allow),
        ("cursor", "beforeReadFile", allow),
        ("cursor", "beforeTabFileRead", allow),
        ("cursor", "subagentStart", allow),
        ("cursor", "beforeSubmitPrompt", go_on),
        ("cursor", "sessionStart", go_on),
        ("cursor", "postToolUse", "{}\n"),
        ("cursor", "stop", "{}\n"),
        ("an-agent-of-tomorrow", "X", ""),
    ];
    for (agent, event, expected) in table {
        answered(&device.hook(&[agent, event], b"{}"), expected);
        let told = json!({"hook_event_name": event}).to_string();
        answered(&device.hook(&[agent], told.as_bytes()), expected);
    }
    assert_eq!(device.spooled().len(), 2 * table.len());
}

#[test]
fn no_value_of_the_environment_is_recorded() {
    let device = Device::new();
    let secrets = ["sk-ant-4f1e", "hunter2-long", "bearer-77aa"];
    let mut command = device.command();
    command.args(["hook", "gemini-cli"]);
    command.env("ANTHROPIC_API_KEY", secrets[0]).env("GEMINI_API_KEY", secrets[1]).env("USER", secrets[2]);
    command.env("LOGNAME", "log-name-55").env("PWD", "/pwd-of-the-environment").env("HOSTNAME", "host-name-55");
    answered(&feed(&mut command, PAYLOAD), "{}\n");
    let spooled = Value::from(device.spooled()).to_string();
    let bytes = device.every_byte();
    for value in secrets.into_iter().chain(["log-name-55", "/pwd-of-the-environment", "host-name-55"]) {
        assert!(!spooled.contains(value) && !contains(&bytes, value), "{value} was recorded");
    }
    assert_eq!(device.spooled().len(), 1);
}

#[test]
fn bad_input_is_recorded_as_far_as_it_goes() {
    let device = Device::new();
    let inputs: [&[u8]; 6] = [b"", b"not json", b"\xFF\x00\xFE", b"{\"a\":", b"[1,2", b"{\"a\":1}{\"b\":2}"];
    for input in inputs {
        answered(&device.hook(&["claude-code", "Stop"], input), "");
    }
    let spooled = device.spooled();
    assert_eq!(spooled.len(), inputs.len());
    assert!(spooled.iter().all(|envelope| envelope["body"]["encoding"] == "base64"));
}

#[test]
fn fifty_megabytes_are_cut() {
    let device = Device::new();
    let mut input = br#"{"session_id":"s-1","tool_response":{"stdout":""#.to_vec();
    input.resize(50 << 20, b'x');
    input.extend_from_slice(br#""},"hook_event_name":"PostToolUse"}"#);
    answered(&device.hook(&["claude-code"], &input), "");
    let spooled = device.spooled();
    let envelope = &spooled[0];
    assert_eq!((&envelope["event"], &envelope["body"]["session_id"]), (&json!("PostToolUse"), &json!("s-1")));
    assert_eq!(envelope["meta"]["truncated"], input.len());
    assert!(envelope.to_string().len() < 4 << 20);
}

#[test]
fn stdin_that_is_never_closed_does_not_keep_the_agent() {
    let device = Device::new();
    for (input, truncated) in [(&PAYLOAD[..40], true), (PAYLOAD, false)] {
        let mut child = device.command().args(["hook", "codex"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input).unwrap();
        let begun = Instant::now();
        answered(&child.wait_with_output().unwrap(), "");
        assert!(begun.elapsed() + Duration::from_millis(50) >= STDIN_WAIT);
        assert!(begun.elapsed() < CALL_WAIT + Duration::from_secs(2));
        let envelope = device.spooled().pop().unwrap();
        assert_eq!(envelope["meta"]["truncated"].is_u64(), truncated);
        assert_eq!(envelope["body"]["session_id"], "s-1");
        drop(stdin);
    }
}

#[test]
fn a_closed_stdout_and_no_home_are_no_failure() {
    let device = Device::new();
    let mut child = device.command().args(["hook", "cursor", "stop"]).stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), PAYLOAD).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(device.spooled().len(), 1);

    let mut command = device.command();
    command.env_clear().args(["hook", "--state-dir"]).arg(device.state.root()).arg("codex");
    answered(&feed(&mut command, PAYLOAD), "");
    assert_eq!(device.spooled().len(), 2);
    // And without an agent's name, or with options of another version.
    answered(&device.hook(&[], PAYLOAD), "");
    answered(&device.hook(&["--later=1", "codex", "Stop"], PAYLOAD), "");
}

#[test]
fn a_state_directory_that_cannot_be_used_is_no_failure() {
    let device = Device::new();
    for folder in ["/dev/null/state", "/proc/ursa", ""] {
        let mut command = device.command();
        command.args(["hook", "gemini-cli"]).env("URSA_STATE_DIR", folder).env("HOME", "/dev/null");
        command.env("XDG_STATE_HOME", "/proc/nowhere");
        if folder.is_empty() {
            command.env_remove("URSA_STATE_DIR");
            command.arg("--state-dir=/proc/self/nowhere");
        }
        answered(&feed(&mut command, PAYLOAD), "{}\n");
    }
    // A file where the spool should be, settings that are none, a read-only folder (which root may write all the same).
    device.state.make().unwrap();
    fs::write(device.state.spool(), "in the way").unwrap();
    answered(&device.hook(&["codex"], PAYLOAD), "");
    fs::remove_file(device.state.spool()).unwrap();
    fs::write(device.state.path("endpoint.toml"), "]broken[").unwrap();
    answered(&device.hook(&["codex"], PAYLOAD), "");
    assert_eq!(device.spooled().len(), 1);
    fs::set_permissions(device.state.root(), fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(device.state.spool(), fs::Permissions::from_mode(0o500)).unwrap();
    answered(&device.hook(&["codex"], PAYLOAD), "");
    fs::set_permissions(device.state.root(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(device.state.spool(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_locked_spool_costs_no_record() {
    let device = Device::new();
    device.hook(&["codex", "first"], b"{}");
    let held = Lock::acquire(&device.state.spool().join("lock"), Duration::ZERO).unwrap().unwrap();
    let begun = Instant::now();
    for event in ["second", "third"] {
        answered(&device.hook(&["codex", event], b"{}"), "");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(device.spooled().len(), 1, "beside the spool");
    drop(held);
    device.hook(&["codex", "fourth"], b"{}");
    let server = support::server::Server::start(|_, _| support::server::Reply::Take);
    device.set(|settings| settings.server = Some(server.url()));
    device.state.write_private("device.key", b"k").unwrap();
    assert_eq!(device.flush().unwrap().delivered, 4);
    let taken = server.taken.lock().unwrap();
    let mut seen: Vec<_> = taken.envelopes.values().map(|e| (e["seq"].as_u64(), e["event"].clone())).collect();
    seen.sort_by_key(|(seq, _)| *seq);
    let events: Vec<_> = seen.iter().map(|(_, event)| event.as_str().unwrap()).collect();
    assert_eq!(events, ["first", "fourth", "second", "third"]);
    assert_eq!(seen.iter().map(|(seq, _)| seq.unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// A file system of a few kilobytes, where one may be mounted (root); elsewhere the simulated disk's test must do.
#[test]
fn a_full_disk_is_no_failure_and_what_it_cost_is_told() {
    let device = Device::new();
    device.state.make().unwrap();
    let root = device.state.root().to_owned();
    let mount = |arguments: &[&str]| {
        let status = std::process::Command::new("mount").args(arguments).arg(&root).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=400k", "tmpfs"]) {
        println!("SKIPPED: nothing may be mounted here");
        return;
    }
    struct Unmount(std::path::PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let _unmount = Unmount(root.clone());
    let big = json!({"text": "x".repeat(60_000)}).to_string();
    let mut kept = 0;
    for _ in 0..20 {
        answered(&device.hook(&["claude-code", "Stop"], big.as_bytes()), "");
    }
    for envelope in device.spooled() {
        assert_eq!(envelope["event"], "Stop");
        kept += 1;
    }
    assert!(kept > 1 && kept < 20, "{kept}");
    assert!(mount(&["-o", "remount,size=4m"]));
    let server = support::server::Server::start(|_, _| support::server::Reply::Take);
    device.set(|settings| settings.server = Some(server.url()));
    device.state.write_private("device.key", b"k").unwrap();
    device.flush().unwrap();
    let taken = server.taken.lock().unwrap();
    let dropped = taken.envelopes.values().find(|envelope| envelope["source"] == "ursa-endpoint").unwrap();
    assert_eq!((&dropped["event"], &dropped["body"]["reason"]), (&json!("dropped"), &json!("write_failed")));
    assert_eq!(dropped["body"]["count"], 20 - kept);
    assert_eq!(taken.envelopes.len(), kept + 1);
}
