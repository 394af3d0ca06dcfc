//! F5 and F27 of docs/FAULTS.md, for the store: flipped bits, and an upgrade that is killed at each of its steps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ursa_store::conformance::sample::{ONE_DAY, SECOND, Talk, batch, content_id};
use ursa_store::sqlite::SqliteStore;
use ursa_store::{ContentStore, RecordStore, SessionFilter, StoreError};

const KEY: [u8; 32] = [7; 32];

/// True for the long campaign.
fn is_long() -> bool {
    std::env::var("URSA_FAULT_SCALE").is_ok_and(|scale| scale == "long")
}

/// A copy of the sample store of version 1.
fn version_1() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1"), &dir.path().join("store"));
    dir
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("store")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    found.sort();
    found
}

/// What the sample store tells: events, content, a search.
fn told(store: &SqliteStore) -> Result<(usize, Option<Vec<u8>>, usize), StoreError> {
    let talk = Talk::new("one");
    let events = store.timeline(talk.session, 100, None)?.items.len();
    let found = store.search("prompt2", &SessionFilter::default(), 5, None)?.items.len();
    Ok((events, store.get(content_id(b"item1"))?, found))
}

fn expected() -> (usize, Option<Vec<u8>>, usize) {
    (12, Some(b"item1".to_vec()), 1)
}

#[test]
fn f05_a_flipped_bit_in_a_pack_is_found_and_nothing_wrong_is_shown() {
    let pristine = version_1();
    drop(SqliteStore::open(pristine.path(), &KEY).unwrap());
    let items: Vec<String> =
        (0..3).flat_map(|day| ["head", "manifest", "item"].map(|word| format!("{word}{day}"))).collect();
    let (mut flips, mut found) = (0, 0);
    for (number, pack) in files(pristine.path(), "pack").into_iter().enumerate() {
        let bytes = std::fs::read(&pack).unwrap();
        // The header whole, and every seventh byte of the records, another in each pack.
        for at in (0..bytes.len()).filter(|at| *at < 40 || at % 7 == number || is_long()) {
            let dir = tempfile::tempdir().unwrap();
            copy(&pristine.path().join("store"), &dir.path().join("store"));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(dir.path().join("store").join(pack.file_name().unwrap()), flipped).unwrap();
            flips += 1;
            // A store that says that it cannot be opened has found it, too.
            let Ok(store) = SqliteStore::open(dir.path(), &KEY) else {
                found += 1;
                continue;
            };
            for item in &items {
                if let Ok(Some(got)) = store.get(content_id(item.as_bytes())) {
                    assert_eq!(got, item.as_bytes(), "byte {at} of {}", pack.display());
                }
            }
            found += usize::from(store.verify().are_there());
        }
    }
    println!("{found} of {flips} flipped bits in packs were found");
    assert_eq!(found, flips);
}

/// Whether a check found something, or could not even be made.
trait Findings {
    fn are_there(&self) -> bool;
}

impl Findings for Result<Vec<String>, StoreError> {
    fn are_there(&self) -> bool {
        self.as_ref().map_or(true, |findings| !findings.is_empty())
    }
}

#[test]
fn f05_flipped_bits_in_database_files_panic_nowhere() {
    let pristine = version_1();
    drop(SqliteStore::open(pristine.path(), &KEY).unwrap());
    let (mut flips, mut found) = (0, 0);
    for file in files(pristine.path(), "db") {
        let bytes = std::fs::read(&file).unwrap();
        for at in (0..bytes.len()).step_by(if is_long() { 211 } else { 4801 }) {
            let dir = tempfile::tempdir().unwrap();
            copy(&pristine.path().join("store"), &dir.path().join("store"));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(dir.path().join("store").join(file.file_name().unwrap()), flipped).unwrap();
            flips += 1;
            let Ok(store) = SqliteStore::open(dir.path(), &KEY) else {
                found += 1;
                continue;
            };
            let shown = told(&store);
            found += usize::from(shown.is_err() || store.verify().are_there());
        }
    }
    // SQLite keeps no checksum of a page: a bit of a text, or of free space, is not told from another.
    println!("{found} of {flips} flipped bits in database files were found");
    assert!(found > 0);
}

/// Calls that change what is on disk.
const CHANGES: &str = "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,mkdir";
/// Where the child opens a store.
const FOLDER: &str = "URSA_UPGRADE_FOLDER";

#[test]
#[ignore = "run by the test below, which kills it"]
fn opens_the_store() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    drop(SqliteStore::open(Path::new(&folder), &KEY).unwrap());
}

/// Opens the store in a process that is killed at its n-th change; true when it lived.
fn open_killed_at(n: usize, folder: &Path) -> bool {
    let (trace, inject) = (format!("trace={CHANGES}"), format!("inject={CHANGES}:signal=KILL:when={n}"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o/dev/null", "-e", &trace, "-e", &inject]).arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "opens_the_store", "--ignored", "--test-threads", "1"]).env(FOLDER, folder);
    strace.output().unwrap().status.success()
}

#[test]
fn f27_an_upgrade_killed_at_each_step_is_made_good_and_leaves_a_version_whole() {
    let strace = Command::new("strace").args(["-qq", "-o/dev/null", "true"]).output();
    if !strace.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: strace does not work here");
        return;
    }
    let meta = |dir: &Path| rusqlite::Connection::open(dir.join("store/meta.db")).unwrap();
    let version = |dir: &Path| -> u32 { meta(dir).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap() };
    let mut seen = Vec::new();
    for n in (1..).step_by(if is_long() { 1 } else { 4 }) {
        let dir = version_1();
        let lived = open_killed_at(n, dir.path());
        // What a program of either version would find: a whole file of the one or of the other.
        let before = version(dir.path());
        let sound: String = meta(dir.path()).pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "killed at change {n}");
        seen.push(before);
        let store = SqliteStore::open(dir.path(), &KEY).unwrap();
        assert_eq!(told(&store).unwrap(), expected(), "killed at change {n}");
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "killed at change {n}");
        let talk = Talk::new("one");
        let day = ONE_DAY / SECOND;
        store.append(batch("new", 5 * day, [talk.prompt("new", 5)])).unwrap();
        assert_eq!(told(&store).unwrap().0, 13, "killed at change {n}");
        drop(store);
        assert_eq!(version(dir.path()), 3);
        if lived {
            break;
        }
        assert!(n < 500, "an upgrade makes fewer changes");
    }
    println!("versions found after a kill at each change: {seen:?}");
    assert!(seen.is_sorted() && seen.contains(&1) && seen.ends_with(&[3]), "{seen:?}");
}
