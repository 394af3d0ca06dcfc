//! What the tests of the program share: a state directory of its own, calls of the program as agents make them, and a
//! small server that does as it is told.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod server;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use ursa_endpoint::deliver;
use ursa_endpoint::spool::{Limits, Line, Spool};
use ursa_endpoint::state::{Settings, StateDir};
use ursa_journal::OsDisk;

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ursa-endpoint");

impl Drop for Device {
    fn drop(&mut self) {
        self.end_lingering();
    }
}

/// A device: a state directory.
pub struct Device {
    _folder: tempfile::TempDir,
    pub state: StateDir,
}

impl Device {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(folder.path().join("state"))).unwrap();
        Self { _folder: folder, state }
    }

    /// As if enrolled with that server.
    pub fn enrolled(server: &str) -> Self {
        let device = Self::new();
        device.state.make().unwrap();
        let settings = Settings { server: Some(server.to_owned()), ..Settings::default() };
        device.state.save_settings(&settings).unwrap();
        device.state.write_private("device.key", b"device-key-1").unwrap();
        device
    }

    /// Other settings than the default ones.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.state.make().unwrap();
        let mut settings = self.state.settings().unwrap();
        change(&mut settings);
        self.state.save_settings(&settings).unwrap();
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("URSA_STATE_DIR", self.state.root()).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A hook's call with its stdin.
    pub fn hook(&self, arguments: &[&str], input: &[u8]) -> Output {
        feed(self.command().arg("hook").args(arguments), input)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// What is in the spool, as the server would get it.
    pub fn spooled(&self) -> Vec<Value> {
        if !self.state.spool().exists() {
            return Vec::new();
        }
        let disk = OsDisk::open_shared(self.state.spool()).unwrap();
        let Some(spool) = Spool::existing(&disk, Limits::default()).unwrap() else { return Vec::new() };
        let lines = spool.read(100_000, usize::MAX).unwrap().lines;
        lines.iter().map(numbered).collect()
    }

    /// Delivers here and now, not by the program.
    pub fn flush(&self) -> Result<deliver::Sent, deliver::DeliverError> {
        deliver::flush(&self.state)
    }

    /// Ends the delivery that a hook started and that stays for a while.
    pub fn end_lingering(&self) {
        let folder = self.state.root().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(&folder) && line.contains("--detached") {
                let id = entry.file_name().to_string_lossy().into_owned();
                let _ = Command::new("kill").arg("-9").arg(id).stderr(Stdio::null()).status();
            }
        }
    }

    /// Every byte that is in the state directory.
    pub fn every_byte(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for path in files(self.state.root()) {
            bytes.extend(std::fs::read(path).unwrap());
        }
        bytes
    }
}

fn numbered(line: &Line) -> Value {
    let mut bytes = Vec::new();
    ursa_endpoint::line::push_numbered(&mut bytes, line.seq, &line.bytes);
    serde_json::from_slice(&bytes).unwrap()
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Runs a command with its stdin. A program that stops reading is no failure.
pub fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Waits until `done`, and fails when it takes too long.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends a child whatever happens to the test.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// True when the text is among the bytes.
pub fn contains(bytes: &[u8], text: impl AsRef<OsStr>) -> bool {
    let text = text.as_ref().as_encoded_bytes();
    bytes.windows(text.len()).any(|window| window == text)
}
