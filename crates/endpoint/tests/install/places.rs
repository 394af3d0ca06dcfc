//! Paths on other systems, and Codex's notes of trust.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use ursa_adapters::hooks::plan::Os;
use ursa_endpoint::args::Scope;
use ursa_endpoint::install::edit::Want;
use ursa_endpoint::install::target::{Machine, targets};
use ursa_endpoint::install::trust;

use crate::world::{ALL, plan, wishes};

fn machine(os: Os, home: &str, program: &str) -> Machine {
    let variables = [("ProgramData", "C:/ProgramData"), ("ProgramFiles", "C:/Program Files")];
    let variables = variables.into_iter().filter(|_| os == Os::Windows);
    let variables: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value.into())).collect();
    Machine { os, home: PathBuf::from(home), variables, root: PathBuf::from("/"), program: PathBuf::from(program) }
}

fn paths(machine: &Machine, scope: Scope) -> Vec<String> {
    let first = |agent: &&str| targets(plan(agent), machine, &wishes(scope)).unwrap().remove(0).path;
    ALL.iter().map(first).map(|path| path.to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn each_system_has_its_places() {
    let mac = machine(Os::Mac, "/Users/ada", "/opt/ursa/bin/ursa-endpoint");
    let user = [
        ".claude/settings.json",
        ".cursor/hooks.json",
        ".copilot/hooks/ursa.json",
        ".codex/config.toml",
        ".gemini/settings.json",
    ];
    assert_eq!(paths(&mac, Scope::User), user.map(|path| format!("/Users/ada/{path}")));
    assert_eq!(
        paths(&mac, Scope::Machine),
        [
            "/Library/Application Support/ClaudeCode/managed-settings.json",
            "/Library/Application Support/Cursor/hooks.json",
            "/etc/github-copilot/policy.d/ursa.json",
            "/etc/codex/requirements.toml",
            "/Library/Application Support/GeminiCli/settings.json",
        ]
    );
    let windows = machine(Os::Windows, "C:/Users/ada", r"C:\ProgramData\Ursa\ursa-endpoint.exe");
    assert_eq!(paths(&windows, Scope::User), user.map(|path| format!("C:/Users/ada/{path}")));
    assert_eq!(
        paths(&windows, Scope::Machine),
        [
            "C:/Program Files/ClaudeCode/managed-settings.json",
            "C:/ProgramData/Cursor/hooks.json",
            "C:/ProgramData/GitHub/Copilot/policy.d/ursa.json",
            "C:/ProgramData/OpenAI/Codex/requirements.toml",
            "C:/ProgramData/gemini-cli/settings.json",
        ]
    );
}

#[test]
fn commands_fit_the_shell_that_each_agent_takes_on_windows() {
    let command = |agent: &str, program: &str| {
        let machine = machine(Os::Windows, "C:/Users/ada", program);
        let wants = targets(plan(agent), &machine, &wishes(Scope::User)).unwrap().remove(0).wants;
        let element = wants.into_iter().find_map(|want| match want {
            Want::Element { path, value } if path[1].eq_ignore_ascii_case("sessionStart") => Some(value),
            _ => None,
        });
        let element = element.unwrap();
        let handler = element.get("hooks").map_or(&element, |handlers| &handlers[0]);
        let line = handler.get("powershell").or_else(|| handler.get("command")).unwrap();
        line.as_str().unwrap().to_owned()
    };
    let short = r"C:\ProgramData\Ursa\ursa-endpoint.exe";
    assert_eq!(command("claude-code", short), "C:/ProgramData/Ursa/ursa-endpoint.exe hook claude-code SessionStart");
    assert_eq!(command("codex", short), format!("{short} hook codex SessionStart"));
    assert_eq!(command("copilot-cli", short), format!("{short} hook copilot-cli sessionStart; exit 0"));
    let long = r"C:\Program Files\Ursa\ursa-endpoint.exe";
    assert_eq!(command("claude-code", long), "'C:/Program Files/Ursa/ursa-endpoint.exe' hook claude-code SessionStart");
    assert_eq!(command("codex", long), format!("\"{long}\" hook codex SessionStart"));
    assert_eq!(command("gemini-cli", long), format!("& '{long}' hook gemini-cli SessionStart"));
    assert_eq!(command("cursor", long), format!("& '{long}' hook cursor sessionStart"));
}

/// As Codex 0.169.0 told them itself (`hooks/list` of its app server) for these hooks.
#[test]
fn notes_of_trust_are_those_that_codex_makes() {
    let hook = |event: &str, timeout: u32| {
        let command = format!("/opt/ursa/bin/ursa-endpoint hook codex {event}");
        json!([{ "hooks": [{ "type": "command", "command": command, "timeout": timeout }] }])
    };
    let other = json!({ "hooks": [{ "type": "command", "command": "other" }] });
    let mut stop = hook("Stop", 10);
    stop.as_array_mut().unwrap().insert(0, other);
    let meaning = json!({ "hooks": {
        "PreToolUse": hook("PreToolUse", 10), "Stop": stop, "SessionEnd": hook("SessionEnd", 3), "state": {},
    }});
    let notes = trust::notes(Path::new("/home/dev/.codex/config.toml"), &meaning);
    let notes: Vec<(&str, &str)> = notes.iter().map(|note| (note.key.as_str(), note.hash.as_str())).collect();
    assert_eq!(
        notes,
        [
            (
                "/home/dev/.codex/config.toml:pre_tool_use:0:0",
                "sha256:aed165fa545a395eb2410eed59574efcc9059e2f778d87f17e41471165cb5d01"
            ),
            (
                "/home/dev/.codex/config.toml:stop:1:0",
                "sha256:94fe979a12854fb2db0b6822c1bce6e6bf8d771dbb8da6fbcfc06d9f4b81595a"
            ),
            (
                "/home/dev/.codex/config.toml:session_end:0:0",
                "sha256:08b560d6bcb33dbbe89234e0c9638c7381ed1048e7486605dd458d7cda7a60b9"
            ),
        ]
    );
}
