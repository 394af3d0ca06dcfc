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

/// Every command of hooks in the settings below a folder.
#[cfg(unix)]
fn commands(folder: &Path) -> Vec<(String, String)> {
    fn walk(value: &Value, file: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) if text.contains("ursa-endpoint hook") => found.push((file.to_owned(), text.clone())),
            Value::Object(fields) => fields.values().for_each(|value| walk(value, file, found)),
            Value::Array(list) => list.iter().for_each(|value| walk(value, file, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for file in [
        ".claude/settings.json",
        ".cursor/hooks.json",
        ".copilot/hooks/ursa.json",
        ".codex/config.toml",
        ".gemini/settings.json",
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let value = serde_json::from_str(&text).ok().or_else(|| toml::from_str(&text).ok());
        walk(&value.unwrap(), file, &mut found);
    }
    found
}

/// F21: the program is gone, dies, or fails. No agent takes that for a refusal: 2 is one for most, and anything but 0 for
/// Copilot before a tool.
#[cfg(unix)]
#[test]
fn f21_a_program_that_is_gone_or_dies_refuses_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let program = folder.path().join("ursa-endpoint");
    fs::copy(env!("CARGO_BIN_EXE_ursa-endpoint"), &program).unwrap();
    // The state directory as well: for root the usual one is the machine's.
    let mut install = Command::new(&program);
    install.arg("install").env_clear().env("HOME", &home).env("URSA_STATE_DIR", home.join("state"));
    let install = install.output().unwrap();
    assert!(install.status.success(), "{}", text(&install.stderr));
    let commands = commands(&home);
    assert!(commands.len() > 60, "{}", commands.len());
    for script in [None, Some("#!/bin/sh\nkill -9 $$\n"), Some("#!/bin/sh\nexit 1\n"), Some("not a program")] {
        let _ = fs::remove_file(&program);
        if let Some(script) = script {
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (file, command) in &commands {
            let output = Command::new("sh").args(["-c", command]).env_clear().output().unwrap();
            let code = output.status.code();
            assert!(code != Some(2) && output.stdout.is_empty(), "{command}: {code:?}");
            assert!(!file.contains("copilot") || code == Some(0), "{command}: {code:?}");
        }
    }
}
