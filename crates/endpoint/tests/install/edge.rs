//! Base URLs and keys.

use std::fs;

use serde_json::{Value, json};
use ursa_adapters::hooks::plan::CodexLogin;
use ursa_endpoint::args::Scope;
use ursa_endpoint::install::target::Wishes;

use crate::world::{ALL, World, wishes, with_edge};

fn json_file(world: &World, agent: &str) -> Value {
    serde_json::from_slice(&fs::read(world.file(agent, Scope::User)).unwrap()).unwrap()
}

fn toml_file(world: &World) -> Value {
    let table: toml::Table = toml::from_str(&fs::read_to_string(world.file("codex", Scope::User)).unwrap()).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn claude_code_gets_url_and_key_in_its_environment() {
    let world = World::new();
    world.put("claude-code", Some(br#"{"env": {"ANTHROPIC_CUSTOM_HEADERS": "x-team: a", "B": "2"}}"#));
    world.install(&["claude-code"], &with_edge(Some("KEY")));
    assert_eq!(
        json_file(&world, "claude-code")["env"],
        json!({
            "ANTHROPIC_CUSTOM_HEADERS": "x-team: a\nx-ursa-key: KEY",
            "B": "2",
            "ANTHROPIC_BASE_URL": "https://ursa.example/edge/anthropic",
        })
    );
    // Another key takes the place of the first.
    world.install(&["claude-code"], &with_edge(Some("NEXT")));
    assert_eq!(json_file(&world, "claude-code")["env"]["ANTHROPIC_CUSTOM_HEADERS"], "x-team: a\nx-ursa-key: NEXT");
    // Without a key, and without hooks.
    let bare = Wishes { hooks: false, ..with_edge(None) };
    world.install(&["claude-code"], &bare);
    let settings = json_file(&world, "claude-code");
    assert_eq!(settings["env"]["ANTHROPIC_CUSTOM_HEADERS"], "x-team: a");
    assert_eq!(settings.get("hooks"), None);
}

#[test]
fn a_base_url_of_others_is_not_overwritten_unless_asked() {
    let world = World::new();
    let text = "{\n  \"env\": {\n    \"ANTHROPIC_BASE_URL\": \"https://gateway.example\" // ours\n  }\n}\n";
    let path = world.put("claude-code", Some(text.as_bytes()));
    let report = world.try_install(&["claude-code"], &with_edge(None)).unwrap();
    assert!(
        report.text().contains("env.ANTHROPIC_BASE_URL is already set to \"https://gateway.example\""),
        "{}",
        report.text()
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let asked = Wishes { replace: true, ..with_edge(None) };
    world.install(&["claude-code"], &asked);
    assert!(fs::read_to_string(&path).unwrap().contains("https://ursa.example/edge/anthropic\" // ours"));
    // The user edits something else: the gateway comes back all the same.
    let edited = fs::read_to_string(&path).unwrap().replacen("{\n", "{\n  \"a\": 1,\n", 1);
    fs::write(&path, edited).unwrap();
    world.uninstall(&["claude-code"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text.replacen("{\n", "{\n  \"a\": 1,\n", 1));
}

#[test]
fn codex_gets_a_provider_that_fits_its_sign_in() {
    let provider = |auth: Option<&str>| {
        let world = World::new();
        world.put("codex", Some(b"# mine\n[tui]\na = 1\n"));
        if let Some(auth) = auth {
            fs::write(world.machine.home.join(".codex/auth.json"), auth).unwrap();
        }
        world.install(&["codex"], &with_edge(Some("KEY")));
        let settings = toml_file(&world);
        assert_eq!(settings["model_provider"], "ursa");
        world.uninstall(&["codex"]);
        assert_eq!(fs::read(world.file("codex", Scope::User)).unwrap(), b"# mine\n[tui]\na = 1\n");
        settings["model_providers"]["ursa"].clone()
    };
    let made = |suffix: &str, field: &str, value: Value| {
        json!({
            "name": "ursa", "base_url": format!("https://ursa.example/edge/{suffix}"), "wire_api": "responses",
            field: value, "http_headers": { "x-ursa-key": "KEY" },
        })
    };
    assert_eq!(provider(None), made("openai/v1", "env_key", json!("OPENAI_API_KEY")));
    let api_key = r#"{"OPENAI_API_KEY": "sk-x", "tokens": null}"#;
    assert_eq!(provider(Some(api_key)), made("openai/v1", "requires_openai_auth", json!(true)));
    let chatgpt = r#"{"OPENAI_API_KEY": null, "tokens": {"access_token": "x"}}"#;
    assert_eq!(provider(Some(chatgpt)), made("chatgpt", "requires_openai_auth", json!(true)));
}

#[test]
fn codexs_provider_of_others_comes_back() {
    let before =
        "model_provider = \"other\" # corp\n\n[model_providers.other]\nbase_url = \"https://other.example/v1\"\n";
    let world = World::new();
    let path = world.put("codex", Some(before.as_bytes()));
    assert!(world.try_install(&["codex"], &with_edge(None)).unwrap().failed());
    world.install(&["codex"], &Wishes { replace: true, ..with_edge(None) });
    let edited = format!("{}\n[tui]\na = 1\n", fs::read_to_string(&path).unwrap());
    fs::write(&path, &edited).unwrap();
    world.uninstall(&["codex"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}\n[tui]\na = 1\n"));
}

#[test]
fn for_the_machine_codexs_sign_in_must_be_told() {
    let world = World::new();
    let asked = Wishes { scope: Scope::Machine, ..with_edge(Some("KEY")) };
    let report = world.try_install(&["codex"], &asked).unwrap();
    assert!(report.text().contains("--codex-login"), "{}", report.text());
    world.install(&["codex", "claude-code"], &Wishes { codex_login: Some(CodexLogin::ChatGpt), ..asked });
    let root = &world.machine.root;
    let managed = fs::read_to_string(root.join("etc/codex/managed_config.toml")).unwrap();
    assert!(managed.starts_with("model_provider = \"ursa\"\n\n[model_providers.ursa]\n"), "{managed}");
    let settings = fs::read_to_string(root.join("etc/claude-code/managed-settings.json")).unwrap();
    assert!(settings.contains("edge/anthropic") && settings.contains("hook claude-code Stop"));
}

#[test]
fn what_only_the_environment_can_do_is_told_and_not_done() {
    let world = World::new();
    let report = world.install(ALL, &with_edge(Some("SECRET")));
    let text = report.text();
    for line in [
        "GOOGLE_GEMINI_BASE_URL=https://ursa.example/edge/gemini",
        "COPILOT_PROVIDER_BASE_URL=https://ursa.example/edge/openai/v1",
        "Cursor's own servers",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("SECRET"), "{text}");
    for agent in ["cursor", "copilot-cli", "gemini-cli"] {
        assert!(!json_file(&world, agent).to_string().contains("ursa.example"));
    }
}

#[test]
fn install_without_the_edge_leaves_base_urls_of_others_alone() {
    let world = World::new();
    let text = br#"{"env": {"ANTHROPIC_BASE_URL": "https://gateway.example"}}"#;
    world.put("claude-code", Some(text));
    world.install(&["claude-code"], &wishes(Scope::User));
    assert_eq!(json_file(&world, "claude-code")["env"]["ANTHROPIC_BASE_URL"], "https://gateway.example");
}
