//! A ledger that cannot be used: nothing is guessed, and the way out is told.

use std::fs;

use ursa_endpoint::args::Scope;
use ursa_endpoint::install::files::OsDisk;

use crate::world::{ALL, World, plans, wishes};

const BEFORE: &str = "{\n  // mine\n  \"a\": 1\n}\n";

#[test]
fn a_damaged_ledger_stops_all_and_says_how_to_go_on() {
    for damage in ["", "{", "[]", r#"{"version":1}"#, "{\"version\":1,\"files\":7}", "\u{0}\u{0}"] {
        let world = World::new();
        let path = world.put("claude-code", Some(BEFORE.as_bytes()));
        world.install(ALL, &wishes(Scope::User));
        let installed = world.home();
        let folder = world.state.join("install");
        fs::write(folder.join("ledger.json"), damage).unwrap();
        let uninstalled = world.work(&OsDisk).uninstall(&plans(ALL), Scope::User).map(|report| report.text());
        let installed_again = world.try_install(ALL, &wishes(Scope::User)).map(|report| report.text());
        for told in [uninstalled, installed_again] {
            let told = told.unwrap_err().to_string();
            assert!(told.contains(&format!("move the folder {} away", folder.display())), "{told}");
        }
        assert_eq!(world.home(), installed, "nothing is changed");
        // As told: the copies stay, and ours goes.
        let moved = world.state.join("moved");
        fs::rename(&folder, &moved).unwrap();
        world.uninstall(ALL);
        assert_eq!(fs::read_to_string(&path).unwrap(), BEFORE);
        let copies = fs::read_dir(&moved).unwrap().map(|copy| fs::read(copy.unwrap().path()).unwrap());
        assert!(copies.into_iter().any(|copy| copy == BEFORE.as_bytes()));
    }
}

#[test]
fn a_ledger_of_another_version_is_left_to_that_one() {
    let world = World::new();
    world.install(ALL, &wishes(Scope::User));
    let path = world.state.join("install/ledger.json");
    let later = fs::read_to_string(&path).unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
    fs::write(&path, later).unwrap();
    let told = world.work(&OsDisk).uninstall(&plans(ALL), Scope::User).unwrap_err().to_string();
    assert!(told.contains("another version of ursa-endpoint"), "{told}");
}
