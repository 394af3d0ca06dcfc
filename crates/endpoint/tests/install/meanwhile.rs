//! Agents write their settings whenever they like, also between our reading and our writing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ursa_endpoint::args::Scope;
use ursa_endpoint::install::Outcome;
use ursa_endpoint::install::files::{Disk, FileError, OsDisk, Put};

use crate::world::{ALL, World, plans, wishes};

const BEFORE: &str = "{\n  \"a\": 1\n}\n";
const EDITED: &str = "{\n  \"a\": 2\n}\n";

/// Edits Claude Code's file in the moment before it is replaced or removed.
struct Meddling(Option<&'static str>);

impl Meddling {
    fn meddle(&self, path: &Path) {
        if path.to_string_lossy().contains(".claude") {
            match self.0 {
                Some(text) => fs::write(path, text).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
    }
}

impl Disk for Meddling {
    fn replace(&self, path: &Path, put: Put<'_>) -> Result<(), FileError> {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.meddle(path);
        OsDisk.replace(path, put)
    }

    fn remove(&self, path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError> {
        self.meddle(path);
        OsDisk.remove(path, now, folders)
    }

    fn private(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OsDisk.private(path, bytes)
    }
}

#[test]
fn an_edit_in_the_moment_of_install_is_not_lost() {
    for (before, meanwhile) in [(Some(BEFORE), Some(EDITED)), (Some(BEFORE), None), (None, Some(EDITED))] {
        let world = World::new();
        let path = world.put("claude-code", before.map(str::as_bytes));
        let report = world.work(&Meddling(meanwhile)).install(&plans(ALL), &wishes(Scope::User), false).unwrap();
        let failed: Vec<_> = report.files.iter().filter(|file| file.outcome == Outcome::Failed).collect();
        assert_eq!(failed.len(), 1, "{}", report.text());
        assert!(failed[0].error.as_ref().unwrap().contains("try again"), "{}", report.text());
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), meanwhile);
        let litter = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(litter, usize::from(meanwhile.is_some()));
        // And when it is tried again, all is as ever.
        world.install(ALL, &wishes(Scope::User));
        assert!(fs::read_to_string(&path).unwrap().contains("ursa-endpoint hook"));
        world.uninstall(ALL);
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), meanwhile);
    }
}

#[test]
fn an_edit_in_the_moment_of_uninstall_is_not_lost() {
    for before in [Some(BEFORE), None] {
        let world = World::new();
        let path = world.put("claude-code", before.map(str::as_bytes));
        world.install(ALL, &wishes(Scope::User));
        let report = world.work(&Meddling(Some(EDITED))).uninstall(&plans(ALL), Scope::User).unwrap();
        assert!(report.text().contains("try again"), "{}", report.text());
        assert_eq!(fs::read_to_string(&path).unwrap(), EDITED);
        world.uninstall(ALL);
        assert_eq!(fs::read_to_string(&path).unwrap(), EDITED);
    }
}
