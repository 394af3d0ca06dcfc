//! The program dies at each of its writes: every file is whole, and uninstall gives back what was there.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use ursa_endpoint::args::Scope;
use ursa_endpoint::install::Outcome;
use ursa_endpoint::install::files::{Disk, FileError, OsDisk, Put};

use crate::world::{ALL, World, plans, wishes, with_edge};

/// Does so many writes, then none: as if the power were gone.
struct Dying {
    left: Cell<usize>,
}

impl Dying {
    fn write<E: From<io::Error>>(&self, write: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left == 0 { Err(io::Error::other("dead").into()) } else { write() }
    }
}

impl Disk for Dying {
    fn replace(&self, path: &Path, put: Put<'_>) -> Result<(), FileError> {
        self.write(|| OsDisk.replace(path, put))
    }

    fn remove(&self, path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError> {
        self.write(|| OsDisk.remove(path, now, folders))
    }

    fn private(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write(|| OsDisk.private(path, bytes))
    }
}

/// More writes than any run has.
const WRITES: usize = 16;

fn world() -> World {
    let world = World::new();
    world.put("claude-code", Some(b"{\n  // mine\n  \"a\": 1\n}\n"));
    world.put("codex", Some(b"model = \"x\" # mine"));
    world.put("gemini-cli", Some(b"{\"a\":1}"));
    world
}

#[test]
fn a_death_in_install_leaves_every_file_whole_and_uninstall_works() {
    let whole = world();
    let originals = whole.home();
    whole.install(ALL, &wishes(Scope::User));
    let installed = whole.home();
    let mut writes = 0;
    for left in 0..WRITES {
        let world = world();
        let disk = Dying { left: Cell::new(left) };
        let done = world.work(&disk).install(&plans(ALL), &wishes(Scope::User), false);
        writes += usize::from(disk.left.get() == 0);
        for (path, bytes) in world.home() {
            let name = |home: &std::collections::BTreeMap<PathBuf, Option<Vec<u8>>>, root: &World| {
                let below = path.strip_prefix(&world.machine.home).unwrap();
                home.get(&root.machine.home.join(below)).cloned().flatten()
            };
            let (before, after) = (name(&originals, &whole), name(&installed, &whole));
            assert!(bytes == before || bytes == after, "{left} {}", path.display());
        }
        if let Ok(report) = done {
            assert_eq!(report.failed(), report.files.iter().any(|file| file.outcome == Outcome::Failed));
        }
        world.uninstall(ALL);
        assert_eq!(world.home().len(), originals.len(), "{left}: {:?}", world.home().keys());
        assert!(world.home().values().eq(originals.values()), "{left}");
    }
    assert!(writes >= 8, "{writes}");
}

#[test]
fn a_death_in_uninstall_is_made_good_by_the_next() {
    let originals = world().home();
    for left in 0..WRITES {
        let world = world();
        world.install(ALL, &wishes(Scope::User));
        let disk = Dying { left: Cell::new(left) };
        let _ = world.work(&disk).uninstall(&plans(ALL), Scope::User);
        world.uninstall(ALL);
        assert!(world.home().values().eq(originals.values()), "{left}: {:?}", world.home().keys());
    }
}

#[test]
fn a_death_in_a_second_install_forgets_nothing() {
    let originals = world().home();
    for left in 0..WRITES {
        let world = world();
        world.install(ALL, &wishes(Scope::User));
        let disk = Dying { left: Cell::new(left) };
        let _ = world.work(&disk).install(&plans(ALL), &with_edge(Some("KEY")), true);
        world.uninstall(ALL);
        assert!(world.home().values().eq(originals.values()), "{left}: {:?}", world.home().keys());
    }
}

#[test]
fn what_a_killed_run_left_beside_a_file_is_swept() {
    let world = world();
    let litter = world.machine.home.join(".claude/.settings.json.0123.ursa-new");
    std::fs::write(&litter, "half").unwrap();
    world.install(&["claude-code"], &wishes(Scope::User));
    assert!(!litter.exists());
}

#[test]
fn one_file_that_fails_at_the_end_does_not_stop_the_others() {
    struct NotGemini;
    impl Disk for NotGemini {
        fn replace(&self, path: &Path, put: Put<'_>) -> Result<(), FileError> {
            if path.to_string_lossy().contains("codex") {
                return Err(io::Error::from(io::ErrorKind::StorageFull).into());
            }
            OsDisk.replace(path, put)
        }
        fn remove(&self, path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError> {
            OsDisk.remove(path, now, folders)
        }
        fn private(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            OsDisk.private(path, bytes)
        }
    }
    let world = world();
    let originals = world.home();
    let report = world.work(&NotGemini).install(&plans(ALL), &wishes(Scope::User), false).unwrap();
    let failed: Vec<_> =
        report.files.iter().filter(|file| file.outcome == Outcome::Failed).map(|file| file.agent).collect();
    assert_eq!(failed, ["codex"]);
    assert!(report.files.iter().filter(|file| file.agent != "codex").all(|file| file.outcome != Outcome::Failed));
    world.uninstall(ALL);
    assert!(world.home().values().eq(originals.values()));
}
