//! Absent files, links, modes, owners, folders.

use std::fs;

use ursa_endpoint::args::Scope;
use ursa_endpoint::install::Outcome;
use ursa_endpoint::install::target::Wishes;

use crate::world::{ALL, World, outcomes, wishes, with_edge};

#[test]
fn what_install_made_is_gone_after_uninstall() {
    let world = World::new();
    let report = world.install(ALL, &wishes(Scope::User));
    assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Created));
    assert_eq!(outcomes(&world.install(ALL, &wishes(Scope::User))), [Outcome::Unchanged; 5]);
    let report = world.uninstall(ALL);
    assert!(outcomes(&report).iter().all(|outcome| *outcome == Outcome::Removed), "{}", report.text());
    assert!(world.home().is_empty(), "{:?}", world.home().keys());
}

#[test]
fn folders_that_hold_something_of_others_stay() {
    let world = World::new();
    world.install(&["cursor", "copilot-cli"], &wishes(Scope::User));
    let other = world.machine.home.join(".copilot/hooks/mine.json");
    fs::write(&other, "{}").unwrap();
    world.uninstall(&["cursor", "copilot-cli"]);
    assert_eq!(world.home().len(), 3, "{:?}", world.home().keys());
    assert!(other.exists());
}

#[test]
fn the_machine_has_its_own_files() {
    let world = World::new();
    world.install(ALL, &wishes(Scope::Machine));
    assert!(world.home().is_empty());
    let root = &world.machine.root;
    for path in [
        "etc/claude-code/managed-settings.json",
        "etc/cursor/hooks.json",
        "etc/github-copilot/policy.d/ursa.json",
        "etc/codex/requirements.toml",
        "etc/gemini-cli/settings.json",
    ] {
        assert!(root.join(path).is_file(), "{path}");
    }
    let requirements = fs::read_to_string(root.join("etc/codex/requirements.toml")).unwrap();
    assert!(requirements.starts_with("[hooks]\nmanaged_dir = \"/opt/ursa/bin\"\n"), "{requirements}");
    assert!(!requirements.contains("trusted_hash"));
    let work = world.work(&ursa_endpoint::install::files::OsDisk);
    assert!(!work.uninstall(&crate::world::plans(ALL), Scope::Machine).unwrap().failed());
    assert!(fs::read_dir(root).unwrap().next().is_none());
}

#[test]
fn variables_move_the_files() {
    let mut world = World::new();
    let folder = world.machine.home.join("elsewhere");
    for name in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "GEMINI_CLI_HOME"] {
        world.machine.variables.insert(name.to_owned(), folder.join(name).into());
    }
    world.install(ALL, &wishes(Scope::User));
    for path in [
        "CLAUDE_CONFIG_DIR/settings.json",
        "CODEX_HOME/config.toml",
        "COPILOT_HOME/hooks/ursa.json",
        "GEMINI_CLI_HOME/.gemini/settings.json",
    ] {
        assert!(folder.join(path).is_file(), "{path}");
    }
    // Uninstall finds them even where the variables are not set.
    world.machine.variables.clear();
    world.uninstall(ALL);
    assert!(world.home().is_empty(), "{:?}", world.home().keys());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_followed_and_stay() {
        let world = World::new();
        let dotfiles = world.machine.home.join("dotfiles");
        fs::create_dir_all(dotfiles.join("claude")).unwrap();
        fs::write(dotfiles.join("claude/settings.json"), "{\n  \"a\": 1\n}\n").unwrap();
        fs::create_dir(world.machine.home.join(".claude")).unwrap();
        let link = world.machine.home.join(".claude/settings.json");
        symlink("../dotfiles/claude/settings.json", &link).unwrap();
        // And a folder that is one.
        fs::create_dir(dotfiles.join("cursor")).unwrap();
        symlink(dotfiles.join("cursor"), world.machine.home.join(".cursor")).unwrap();
        let agents = ["claude-code", "cursor"];
        world.install(&agents, &wishes(Scope::User));
        assert!(link.is_symlink() && world.machine.home.join(".cursor").is_symlink());
        assert!(fs::read_to_string(dotfiles.join("claude/settings.json")).unwrap().contains("ursa-endpoint hook"));
        assert!(dotfiles.join("cursor/hooks.json").is_file());
        world.uninstall(&agents);
        assert!(link.is_symlink() && world.machine.home.join(".cursor").is_symlink());
        assert_eq!(fs::read_to_string(&link).unwrap(), "{\n  \"a\": 1\n}\n");
        assert!(!dotfiles.join("cursor/hooks.json").exists());
    }

    #[test]
    fn a_link_to_nothing_yet_makes_the_file_and_a_circle_is_refused() {
        let world = World::new();
        let claude = world.machine.home.join(".claude");
        fs::create_dir(&claude).unwrap();
        symlink("real.json", claude.join("settings.json")).unwrap();
        world.install(&["claude-code"], &wishes(Scope::User));
        assert!(claude.join("real.json").is_file() && claude.join("settings.json").is_symlink());
        world.uninstall(&["claude-code"]);
        assert!(!claude.join("real.json").exists() && claude.join("settings.json").is_symlink());
        fs::remove_file(claude.join("settings.json")).unwrap();
        symlink("settings.json", claude.join("settings.json")).unwrap();
        let report = world.try_install(&["claude-code"], &wishes(Scope::User)).unwrap();
        assert!(report.failed(), "{}", report.text());
    }

    #[test]
    fn a_read_only_file_is_not_written_and_it_is_said() {
        let world = World::new();
        let path = world.put("claude-code", Some(b"{}"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let report = world.try_install(&["claude-code", "cursor"], &wishes(Scope::User)).unwrap();
        assert!(report.text().contains("read-only"), "{}", report.text());
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert!(!world.file("cursor", Scope::User).exists());
    }

    #[test]
    fn a_read_only_folder_is_said() {
        if rustix_is_root() {
            // Root may write everywhere.
            return;
        }
        let world = World::new();
        let path = world.put("claude-code", Some(b"{}"));
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o555)).unwrap();
        let report = world.try_install(&["claude-code"], &wishes(Scope::User)).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(report.text().contains("may not write in"), "{}", report.text());
    }

    fn rustix_is_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }

    #[test]
    fn other_names_of_a_file_are_not_cut_off() {
        let world = World::new();
        let path = world.put("claude-code", Some(b"{}"));
        fs::hard_link(&path, world.machine.home.join("copy.json")).unwrap();
        let report = world.try_install(&["claude-code"], &wishes(Scope::User)).unwrap();
        assert!(report.text().contains("hard links"), "{}", report.text());
    }

    #[test]
    fn mode_stays_and_keys_are_kept_from_others() {
        let world = World::new();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = world.put("gemini-cli", Some(b"{}"));
        for kept in [0o600, 0o640, 0o664] {
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            world.install(&["gemini-cli"], &wishes(Scope::User));
            assert_eq!(mode(&path), kept);
            world.uninstall(&["gemini-cli"]);
            assert_eq!(mode(&path), kept);
        }
        world.install(&["claude-code", "cursor"], &with_edge(Some("KEY")));
        assert_eq!(mode(&world.file("claude-code", Scope::User)), 0o600);
        assert_eq!(mode(&world.file("cursor", Scope::User)) & 0o600, 0o600, "no key is in it");
        let copies: Vec<_> = fs::read_dir(world.state.join("install")).unwrap().collect();
        assert!(copies.iter().all(|copy| mode(&copy.as_ref().unwrap().path()) == 0o600));
    }

    #[test]
    fn a_file_that_others_may_read_is_its_owners_while_a_key_is_in_it() {
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (hooks, edge) = (wishes(Scope::User), with_edge(Some("SECRET")));
        for (agent, text) in [("claude-code", "{}"), ("codex", "a = 1\n")] {
            let world = World::new();
            let path = world.put(agent, Some(text.as_bytes()));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            for _ in 0..2 {
                let report = world.install(&[agent], &edge);
                assert_eq!(mode(&path), 0o600);
                assert!(!report.text().contains("SECRET"));
            }
            world.install(&[agent], &hooks);
            assert_eq!(mode(&path), 0o644, "the key is gone");
            assert!(world.install(&[agent], &edge).text().contains("gives it back its mode, 644"));
            world.uninstall(&[agent]);
            assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o644, text));
            // A mode that someone has set since stays; what cannot be helped is told.
            world.install(&[agent], &edge);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(world.install(&[agent], &edge).text().contains("others may read it: chmod go="));
            world.uninstall(&[agent]);
            assert_eq!(mode(&path), 0o640);
        }
        let world = World::new();
        let report = world.install(&["claude-code"], &Wishes { scope: Scope::Machine, ..edge });
        assert!(report.text().contains("every user of this machine can read"), "{}", report.text());
    }

    #[test]
    fn the_machines_files_are_for_all_to_read() {
        let world = World::new();
        world.install(&["copilot-cli"], &Wishes { scope: Scope::Machine, ..with_edge(Some("KEY")) });
        let policy = world.machine.root.join("etc/github-copilot/policy.d/ursa.json");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&policy), mode(policy.parent().unwrap())), (0o644, 0o755));
    }

    #[test]
    fn files_and_folders_made_by_root_belong_to_the_homes_owner() {
        if !rustix_is_root() {
            return;
        }
        let world = World::new();
        std::os::unix::fs::chown(&world.machine.home, Some(12345), Some(12345)).unwrap();
        let settings = world.put("claude-code", Some(b"{}"));
        std::os::unix::fs::chown(&settings, Some(23456), Some(23456)).unwrap();
        world.install(&["claude-code", "copilot-cli"], &wishes(Scope::User));
        let owner = |path: &std::path::Path| fs::metadata(path).unwrap().uid();
        let made = world.file("copilot-cli", Scope::User);
        assert_eq!((owner(&made), owner(made.parent().unwrap()), owner(&settings)), (12345, 12345, 23456));
    }
}

#[test]
fn a_folder_in_the_files_place_is_said() {
    let world = World::new();
    fs::create_dir_all(world.file("cursor", Scope::User)).unwrap();
    let report = world.try_install(&["cursor"], &wishes(Scope::User)).unwrap();
    assert!(report.text().contains("no plain file"), "{}", report.text());
}

#[test]
fn a_dry_run_writes_nothing_and_shows_all() {
    let world = World::new();
    world.put("claude-code", Some(b"{\n  \"a\": 1\n}\n"));
    let before = world.home();
    let disk = ursa_endpoint::install::files::OsDisk;
    let work = ursa_endpoint::install::work::Work { dry_run: true, ..world.work(&disk) };
    let report = work.install(&crate::world::plans(ALL), &with_edge(Some("SECRET")), false).unwrap();
    assert_eq!(world.home(), before);
    assert!(!world.state.exists());
    let text = report.text();
    assert!(text.contains("+  \"hooks\": {") && text.contains("-  \"a\": 1\n+  \"a\": 1,\n"), "{text}");
    assert!(text.contains("x-ursa-key: KEY") && !text.contains("SECRET") && !report.json().contains("SECRET"));
}
