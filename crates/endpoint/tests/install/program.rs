//! The program itself.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ursa-endpoint"));
    command.args(arguments).env_clear().env("HOME", home).env("URSA_STATE_DIR", home.join("state"));
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn install_and_uninstall_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let output = run(home, &["install", "--agents", "claude-code,vscode"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let settings: Value = serde_json::from_slice(&fs::read(home.join(".claude/settings.json")).unwrap()).unwrap();
    let command = settings["hooks"]["Stop"][0]["hooks"][0]["command"].as_str().unwrap().to_owned();
    assert_eq!(command, format!("{} hook claude-code Stop", env!("CARGO_BIN_EXE_ursa-endpoint")));
    assert!(home.join(".copilot/hooks/ursa.json").is_file() && !home.join(".cursor").exists());
    let output = run(home, &["install", "--agents", "claude-code", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["files"][0]["outcome"], "unchanged");
    let output = run(home, &["uninstall", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let removed = report["files"].as_array().unwrap().iter().filter(|file| file["outcome"] == "removed").count();
    assert_eq!(removed, 2, "{report}");
    assert!(!home.join(".claude").exists() && !home.join(".copilot").exists());
}

#[test]
fn what_cannot_be_done_has_an_exit_code_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let output = run(home, &["install", "--agents", "claude-code,nobody"]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stderr).contains("there is no agent \"nobody\""));
    let output = run(home, &["install", "--channels", "edge"]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stderr).contains("not enrolled"));
    let output = run(home, &["install", "--agent-version", "claude-code"]);
    assert!(text(&output.stderr).contains("AGENT=VERSION"));
    let output = run(home, &["install", "--program", "/usr/bin/env"]);
    assert!(text(&output.stderr).contains("ursa-endpoint"));
    fs::create_dir(home.join(".claude")).unwrap();
    fs::write(home.join(".claude/settings.json"), "{ broken").unwrap();
    let output = run(home, &["install"]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stdout).contains("line 1"), "{}", text(&output.stdout));
    assert!(!home.join(".cursor").exists());
}
