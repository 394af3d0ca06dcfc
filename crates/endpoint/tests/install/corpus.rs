//! Every settings file of the corpus, in every spelling, for every agent that reads its form.

use std::fs;
use std::path::{Path, PathBuf};

use ursa_adapters::hooks::plan::Format;
use ursa_endpoint::args::Scope;
use ursa_endpoint::install::Outcome;
use ursa_endpoint::install::edit::Text;

use crate::world::{World, agents_of, outcomes, plan, wishes, with_edge};

pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install/fixtures").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The file as it is, with other line ends, with a byte order mark, with tabs, without its last line end.
fn spellings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let crlf = text.replace('\n', "\r\n");
    let tabs = text.replace("\n  ", "\n\t").replace("\t  ", "\t\t");
    let spellings = [
        ("as it is", text.to_owned()),
        ("CRLF", crlf.clone()),
        ("byte order mark", format!("\u{feff}{text}")),
        ("byte order mark and CRLF", format!("\u{feff}{crlf}")),
        ("tabs", tabs),
        ("no last line end", text.trim_end().to_owned()),
    ];
    spellings.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

fn good() -> Vec<(PathBuf, Format)> {
    let json = files("json/good").into_iter().map(|path| (path, Format::Json));
    json.chain(files("toml/good").into_iter().map(|path| (path, Format::Toml))).collect()
}

/// Some spellings are enough where it is not about them.
fn each_in_short(mut check: impl FnMut(&str, &'static str, &[u8], Format)) {
    for (path, format) in good() {
        let text = fs::read_to_string(&path).unwrap();
        for (spelling, bytes) in spellings(&text).into_iter().take(2) {
            for agent in agents_of(format) {
                check(
                    &format!("{} ({spelling}) for {agent}", path.file_name().unwrap().display()),
                    agent,
                    &bytes,
                    format,
                );
            }
        }
    }
}

fn each(mut check: impl FnMut(&str, &'static str, &[u8], Format)) -> usize {
    let mut count = 0;
    for (path, format) in good() {
        let text = fs::read_to_string(&path).unwrap();
        for (index, (spelling, bytes)) in spellings(&text).into_iter().enumerate() {
            let agents = agents_of(format);
            // The spelling is not the agents' affair: one after the other will do.
            let some = if index == 0 { agents.len() } else { 1 };
            let agents: Vec<_> = agents.into_iter().cycle().skip(count).take(some).collect();
            for agent in agents {
                let name = format!("{} ({spelling}) for {agent}", path.file_name().unwrap().display());
                check(&name, agent, &bytes, format);
                count += 1;
            }
        }
    }
    count
}

/// True if all of `inner` is in `outer`, in its order.
fn is_within(inner: &[u8], outer: &[u8]) -> bool {
    let mut outer = outer.iter();
    inner.iter().all(|byte| outer.any(|there| there == byte))
}

#[test]
fn install_keeps_every_byte_and_uninstall_gives_them_back() {
    let count = each(|name, agent, bytes, format| {
        let world = World::new();
        let path = world.put(agent, Some(bytes));
        let report = world.install(&[agent], &wishes(Scope::User));
        let installed = fs::read(&path).unwrap();
        assert_eq!(report.files[0].outcome, Outcome::Changed, "{name}");
        assert!(is_within(bytes, &installed), "{name}:\n{}", String::from_utf8_lossy(&installed));
        let meaning = Text::new(&installed, format).unwrap().value().unwrap();
        for event in plan(agent).hooks.events(None) {
            let hooks = meaning["hooks"][event.name].to_string();
            assert!(hooks.contains(&format!("ursa-endpoint hook {agent} {}", event.name)), "{name}: {hooks}");
        }
        // A line that has CR keeps it, and ours get one in such a file.
        if bytes.windows(2).any(|two| two == b"\r\n") {
            let bare = installed.windows(2).filter(|two| two[1] == b'\n' && two[0] != b'\r').count();
            assert_eq!(bare, 0, "{name}");
        }
        let again = world.install(&[agent], &wishes(Scope::User));
        assert_eq!(outcomes(&again), [Outcome::Unchanged], "{name}");
        assert_eq!(fs::read(&path).unwrap(), installed, "{name}");
        let report = world.uninstall(&[agent]);
        assert_eq!(report.files[0].outcome, Outcome::Restored, "{name}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
        assert_eq!(outcomes(&world.uninstall(&[agent]))[0], Outcome::Unchanged, "{name}");
    });
    assert!(count > 350, "{count}");
}

#[test]
fn without_the_ledger_what_is_ours_is_known_by_its_command() {
    each_in_short(|name, agent, bytes, format| {
        let world = World::new();
        let path = world.put(agent, Some(bytes));
        world.install(&[agent], &wishes(Scope::User));
        fs::remove_dir_all(&world.state).unwrap();
        world.uninstall(&[agent]);
        let left = fs::read(&path).unwrap_or_default();
        let meaning = |bytes: &[u8]| Text::new(bytes, format).unwrap().value().unwrap();
        // What was empty before cannot be told from what is empty now, and an empty object from none.
        if has_empty_hooks(&meaning(bytes)) || meaning(bytes).as_object().is_none_or(serde_json::Map::is_empty) {
            assert!(!String::from_utf8_lossy(&left).contains("/opt/ursa"), "{name}");
            return;
        }
        if plan(agent).hooks.file_version.is_some()
            && meaning(bytes).get("version").is_none()
            && meaning(bytes).get("hooks").is_some()
        {
            // Hooks are left, and the agent wants the version beside them.
            let mut left = meaning(&left);
            left.as_object_mut().unwrap().remove("version").unwrap();
            assert_eq!(left, meaning(bytes), "{name}");
        } else {
            let (left, bytes) = (String::from_utf8_lossy(&left), String::from_utf8_lossy(bytes));
            assert_eq!(left.trim_end(), bytes.trim_end(), "{name}");
        }
    });
}

fn has_empty_hooks(meaning: &serde_json::Value) -> bool {
    let Some(hooks) = meaning.get("hooks").and_then(serde_json::Value::as_object) else { return false };
    hooks.is_empty() || hooks.values().any(|list| list.as_array().is_some_and(Vec::is_empty))
}

#[test]
fn both_channels_come_and_go_together() {
    each_in_short(|name, agent, bytes, _| {
        let world = World::new();
        let path = world.put(agent, Some(bytes));
        let asked = ursa_endpoint::install::target::Wishes { replace: true, ..with_edge(Some("KEY")) };
        world.install(&[agent], &asked);
        let installed = fs::read(&path).unwrap();
        world.install(&[agent], &asked);
        assert_eq!(fs::read(&path).unwrap(), installed, "{name}");
        // Only hooks: the base URL goes, what was there before it comes back.
        world.install(&[agent], &wishes(Scope::User));
        assert!(!String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("ursa.example"), "{name}");
        world.install(&[agent], &asked);
        world.uninstall(&[agent]);
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
    });
}

#[test]
fn codex_notes_of_trust_come_and_go_with_the_hooks() {
    each(|name, agent, bytes, format| {
        if format != Format::Toml {
            return;
        }
        let world = World::new();
        let path = world.put(agent, Some(bytes));
        let work = |world: &World, trusted| {
            let disk = ursa_endpoint::install::files::OsDisk;
            let report = world.work(&disk).install(&[plan(agent)], &wishes(Scope::User), trusted).unwrap();
            assert!(!report.failed(), "{name}: {}", report.text());
        };
        work(&world, true);
        let installed = fs::read_to_string(&path).unwrap();
        let notes =
            installed.matches("trusted_hash").count() - String::from_utf8_lossy(bytes).matches("trusted_hash").count();
        assert_eq!(notes, plan(agent).hooks.events(None).count(), "{name}:\n{installed}");
        // Consent that was given stays.
        work(&world, false);
        assert_eq!(fs::read_to_string(&path).unwrap(), installed, "{name}");
        let keep = fs::read(&path).unwrap();
        world.uninstall(&[agent]);
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
        fs::write(&path, &keep).unwrap();
        fs::remove_dir_all(&world.state).unwrap();
        world.uninstall(&[agent]);
        let left = fs::read_to_string(&path).unwrap_or_default();
        assert!(!left.contains("/opt/ursa") && !left.contains("stop:1:0"), "{name}:\n{left}");
    });
}

#[test]
fn what_cannot_be_understood_is_refused_and_nothing_is_written() {
    let mut refused: Vec<(PathBuf, Format)> =
        files("json/refused").into_iter().map(|path| (path, Format::Json)).collect();
    refused.extend(files("toml/refused").into_iter().map(|path| (path, Format::Toml)));
    assert!(refused.len() >= 15);
    for (path, format) in refused {
        for agent in agents_of(format) {
            let bytes = fs::read(&path).unwrap();
            refuses(&path.display().to_string(), agent, &bytes);
        }
    }
    let utf16: Vec<u8> = "{\"a\": 1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refuses("UTF-16", "claude-code", &[&[0xff, 0xfe], utf16.as_slice()].concat());
    refuses("Latin-1", "codex", b"name = \"caf\xe9\"\n");
}

fn refuses(name: &str, agent: &str, bytes: &[u8]) {
    let world = World::new();
    world.put(agent, Some(bytes));
    // Others, which could be changed.
    let other = if agent == "cursor" { "gemini-cli" } else { "cursor" };
    world.put(other, Some(b"{}\n"));
    let before = world.home();
    let report = world.try_install(&[agent, other], &wishes(Scope::User)).unwrap();
    assert!(report.failed(), "{name} for {agent}: {}", report.text());
    let error = report.files[0].error.as_ref().unwrap();
    assert!(error.len() > 20 && error.contains("Nothing was changed"), "{name}: {error}");
    assert_eq!(report.files[1].outcome, Outcome::NotTried, "{name}");
    assert_eq!(world.home(), before, "{name} for {agent}");
    assert!(!world.state.join("install").exists(), "{name}");
}

#[test]
fn a_huge_file_is_changed_and_a_monster_is_refused() {
    let rule = "    \"Bash(some-tool --with-a-long-argument-to-fill-the-line:*)\"";
    let rules: Vec<&str> = std::iter::repeat_n(rule, 20_000).collect();
    let text = format!("{{\n  \"permissions\": [\n{}\n  ]\n}}\n", rules.join(",\n"));
    assert!(text.len() > 1_000_000);
    let world = World::new();
    let path = world.put("gemini-cli", Some(text.as_bytes()));
    world.install(&["gemini-cli"], &wishes(Scope::User));
    assert!(fs::read_to_string(&path).unwrap().contains("hook gemini-cli BeforeTool"));
    world.uninstall(&["gemini-cli"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let monster = " ".repeat(9 << 20);
    fs::write(&path, &monster).unwrap();
    let report = world.try_install(&["gemini-cli"], &wishes(Scope::User)).unwrap();
    assert!(report.files[0].error.as_ref().unwrap().contains("longer"), "{}", report.text());
}

#[test]
fn a_switch_that_turns_hooks_off_is_told() {
    for (agent, on, off) in [
        ("claude-code", "{\"disableAllHooks\": false}", "{\"disableAllHooks\": true}"),
        ("codex", "[features]\nhooks = true\n", "[features]\nhooks = false\n"),
        ("gemini-cli", "{\"hooksConfig\": {}}", "{\"hooksConfig\": {\"enabled\": false}}"),
    ] {
        let told = |text: &str| {
            let world = World::new();
            world.put(agent, Some(text.as_bytes()));
            let report = world.install(&[agent], &wishes(Scope::User));
            report.notes.iter().any(|note| note.text.contains("calls no hook"))
        };
        assert!(told(off) && !told(on), "{agent}");
    }
}

#[test]
fn a_file_that_its_agent_does_not_read_is_told() {
    let told = |agent: &str, text: &str| {
        let world = World::new();
        world.put(agent, Some(text.as_bytes()));
        let report = world.install(&[agent], &wishes(Scope::User));
        report.notes.iter().any(|note| note.text.contains("passes over the whole file: no hook"))
    };
    assert!(told("claude-code", "{\n  // mine\n  \"a\": 1\n}\n"));
    assert!(told("claude-code", "{\"a\": 1,}"));
    assert!(!told("claude-code", "\u{feff}{\"a\": 1}"));
    assert!(!told("gemini-cli", "{\n  // mine\n  \"a\": 1\n}\n"));
    assert!(told("gemini-cli", "{\"a\": 1,}") && told("gemini-cli", "\u{feff}{\"a\": 1}"));
    assert!(!told("cursor", "{\n  // mine\n  \"version\": 1,\n}\n"));
}
