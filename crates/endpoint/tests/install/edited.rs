//! What the user changes between install and uninstall stays, and only ours goes.

use std::fs;

use ursa_endpoint::args::Scope;
use ursa_endpoint::install::Outcome;
use ursa_endpoint::install::target::Wishes;

use crate::world::{World, outcomes, wishes, with_edge};

/// Installs, edits, uninstalls.
fn cycle(agent: &str, before: &str, asked: &Wishes, edit: impl Fn(String) -> String) -> String {
    let world = World::new();
    let path = world.put(agent, Some(before.as_bytes()));
    world.install(&[agent], asked);
    let installed = fs::read_to_string(&path).unwrap();
    let edited = edit(installed.clone());
    assert_ne!(edited, installed, "the edit does nothing");
    fs::write(&path, &edited).unwrap();
    let report = world.uninstall(&[agent]);
    assert_eq!(report.files[0].outcome, Outcome::TakenOut, "{}", report.text());
    fs::read_to_string(&path).unwrap()
}

const SETTINGS: &str = "{\n  // mine\n  \"model\": \"opus\", // strong\n  \"hooks\": {\n    \"Stop\": [\n      { \"hooks\": [{ \"type\": \"command\", \"command\": \"say\" }] } // aloud\n    ]\n  }\n}\n";

#[test]
fn edits_before_behind_and_between_stay() {
    let asked = wishes(Scope::User);
    let edited = cycle("claude-code", SETTINGS, &asked, |text| text.replace("opus", "sonnet"));
    assert_eq!(edited, SETTINGS.replace("opus", "sonnet"));
    let edited = cycle("claude-code", SETTINGS, &asked, |text| text.replacen("{\n", "{\n  \"new\": [1],\n", 1));
    assert_eq!(edited, SETTINGS.replacen("{\n", "{\n  \"new\": [1],\n", 1));
    let added = ",\n  \"last\": true // added\n}\n";
    let edited = cycle("claude-code", SETTINGS, &asked, |text| {
        format!("{}{added}", text.trim_end().trim_end_matches('}').trim_end())
    });
    assert_eq!(edited, format!("{}{added}", SETTINGS.trim_end().trim_end_matches('}').trim_end()));
    // A hook of the user's in a list that install made, and one in a group that it made.
    let edited = cycle("claude-code", "{}\n", &asked, |text| {
        text.replacen(
            "\"PreToolUse\": [",
            "\"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"mine\"}]}, ",
            1,
        )
    });
    assert_eq!(
        edited,
        "{\n  \"hooks\": {\n    \"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"mine\"}]}]\n  }\n}\n"
    );
    let edited = cycle("claude-code", "{}\n", &asked, |text| {
        let at = text.find("\"PreToolUse\"").unwrap();
        let end = at + text[at..].find("}]}]").unwrap() + 1;
        format!("{}, {{\"type\": \"command\", \"command\": \"mine\"}}{}", &text[..end], &text[end..])
    });
    assert_eq!(
        edited,
        "{\n  \"hooks\": {\n    \"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"mine\"}]}]\n  }\n}\n"
    );
}

#[test]
fn a_file_that_was_written_anew_by_its_agent_keeps_all_but_ours() {
    let edited = cycle("gemini-cli", "{\n    \"theme\": \"dark\",\n    \"n\": 1\n}\n", &wishes(Scope::User), |text| {
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["theme"] = "light".into();
        serde_json::to_string_pretty(&value).unwrap()
    });
    assert_eq!(edited, "{\n  \"theme\": \"light\",\n  \"n\": 1\n}");
}

#[test]
fn a_file_that_install_made_stays_if_the_user_put_something_in_it() {
    let world = World::new();
    world.install(&["cursor", "codex"], &wishes(Scope::User));
    let (cursor, codex) = (world.file("cursor", Scope::User), world.file("codex", Scope::User));
    let text = fs::read_to_string(&cursor).unwrap().replacen("\"stop\": [", "\"stop\": [{\"command\": \"mine\"}, ", 1);
    fs::write(&cursor, text).unwrap();
    let text = fs::read_to_string(&codex).unwrap();
    fs::write(&codex, format!("model = \"x\"\n{text}\n[tui]\na = 1\n")).unwrap();
    world.uninstall(&["cursor", "codex"]);
    // Cursor wants the version, and there still is a hook.
    let left = fs::read_to_string(&cursor).unwrap();
    assert_eq!(left, "{\n  \"version\": 1,\n  \"hooks\": {\n    \"stop\": [{\"command\": \"mine\"}]\n  }\n}\n");
    assert_eq!(fs::read_to_string(&codex).unwrap(), "model = \"x\"\n\n[tui]\na = 1\n");
}

#[test]
fn a_file_of_which_the_user_left_only_ours_is_gone() {
    let world = World::new();
    let path = world.put("cursor", None);
    world.install(&["cursor"], &wishes(Scope::User));
    let text = fs::read_to_string(&path).unwrap().replace('\n', "\n\n");
    fs::write(&path, text).unwrap();
    world.uninstall(&["cursor"]);
    assert!(!path.exists());
}

#[test]
fn an_install_after_edits_takes_the_edited_file_for_the_one_before() {
    let world = World::new();
    let path = world.put("claude-code", Some(SETTINGS.as_bytes()));
    world.install(&["claude-code"], &wishes(Scope::User));
    let edited = fs::read_to_string(&path).unwrap().replace("opus", "sonnet");
    fs::write(&path, &edited).unwrap();
    // It is all there: nothing to do.
    assert_eq!(outcomes(&world.install(&["claude-code"], &wishes(Scope::User))), [Outcome::Unchanged]);
    // A hook is missing, and the program is elsewhere now.
    let mut world = world;
    world.machine.program = "/usr/local/bin/ursa-endpoint".into();
    assert_eq!(outcomes(&world.install(&["claude-code"], &wishes(Scope::User))), [Outcome::Changed]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("/opt/ursa") && text.contains("/usr/local/bin/ursa-endpoint hook"));
    assert_eq!(outcomes(&world.uninstall(&["claude-code"])), [Outcome::Restored]);
    assert_eq!(fs::read_to_string(&path).unwrap(), SETTINGS.replace("opus", "sonnet"));
}

#[test]
fn a_newer_program_takes_the_place_of_the_older_ones_hooks() {
    let mut world = World::new();
    let path = world.put("codex", Some(b"model = \"x\"\n"));
    world.install(&["codex"], &wishes(Scope::User));
    world.machine.program = "/opt/ursa/2/ursa-endpoint".into();
    let narrow = Wishes { versions: [("codex".to_owned(), "0.128.0".parse().unwrap())].into(), ..wishes(Scope::User) };
    world.install(&["codex"], &narrow);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("/opt/ursa/bin") && !text.contains("PreCompact"), "{text}");
    world.uninstall(&["codex"]);
    assert_eq!(fs::read(&path).unwrap(), b"model = \"x\"\n");
}

#[test]
fn toml_edits_stay() {
    let before =
        "model = \"x\" # mine\n\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"command\"\ncommand = \"say\"\n";
    let edited = cycle("codex", before, &wishes(Scope::User), |text| text.replace("\"x\"", "\"y\""));
    assert_eq!(edited, before.replace("\"x\"", "\"y\""));
    let edited = cycle("codex", before, &wishes(Scope::User), |text| format!("{text}\n# later\n[tui]\na = 1\n"));
    assert_eq!(edited, format!("{before}\n# later\n[tui]\na = 1\n"));
    // A handler of the user's in a group of ours.
    let edited = cycle("codex", "", &wishes(Scope::User), |text| {
        let own = "[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"mine\"\n";
        text.replacen("[[hooks.PermissionRequest]]", &format!("{own}\n[[hooks.PermissionRequest]]"), 1)
    });
    assert_eq!(
        edited.trim(),
        "[[hooks.PreToolUse]]\n\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"mine\""
    );
}

#[test]
fn a_base_url_that_the_user_has_changed_since_stays() {
    let before = "{\"env\": {\"ANTHROPIC_CUSTOM_HEADERS\": \"x-team: a\"}}\n";
    let edited = cycle("claude-code", before, &with_edge(Some("KEY")), |text| {
        text.replace("https://ursa.example/edge/anthropic", "https://gateway.example")
    });
    assert!(edited.contains("https://gateway.example") && !edited.contains("x-ursa-key"), "{edited}");
    assert!(edited.contains("\"ANTHROPIC_CUSTOM_HEADERS\": \"x-team: a\""), "{edited}");
}

#[test]
fn a_file_that_was_broken_since_stays_and_the_others_are_done() {
    let world = World::new();
    let broken = world.put("claude-code", Some(b"{}\n"));
    let whole = world.put("gemini-cli", Some(b"{}\n"));
    let agents = ["claude-code", "gemini-cli"];
    world.install(&agents, &wishes(Scope::User));
    let text = fs::read_to_string(&broken).unwrap().replacen('{', "{,", 1);
    fs::write(&broken, &text).unwrap();
    let work = world.work(&ursa_endpoint::install::files::OsDisk);
    let report = work.uninstall(&crate::world::plans(&agents), Scope::User).unwrap();
    assert!(report.failed() && report.text().contains("line 1"), "{}", report.text());
    assert_eq!((fs::read_to_string(&broken).unwrap(), fs::read(&whole).unwrap()), (text.clone(), b"{}\n".to_vec()));
    // Mended, it is still known what was there before.
    fs::write(&broken, text.replacen("{,", "{", 1)).unwrap();
    world.uninstall(&agents);
    assert_eq!(fs::read(&broken).unwrap(), b"{}\n");
}

#[test]
fn a_file_that_only_the_edge_needed_goes_with_it() {
    let world = World::new();
    let asked = Wishes {
        scope: Scope::Machine,
        codex_login: Some(ursa_adapters::hooks::plan::CodexLogin::ChatGpt),
        ..with_edge(None)
    };
    world.install(&["codex"], &asked);
    let managed = world.machine.root.join("etc/codex/managed_config.toml");
    assert!(managed.is_file());
    let report = world.install(&["codex"], &wishes(Scope::Machine));
    assert_eq!(outcomes(&report), [Outcome::Unchanged, Outcome::Removed]);
    assert!(!managed.exists());
}
