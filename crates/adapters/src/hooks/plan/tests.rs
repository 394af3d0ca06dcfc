#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::command::{is_ours, line, program_of};
use super::*;
use crate::hooks::hook_agent;
use ursa_model::envelope::EnvelopeMeta;

fn names(slug: &str, version: Option<&str>) -> Vec<&'static str> {
    let plan = agent_plan(slug).unwrap();
    plan.hooks.events(version.map(|version| version.parse().unwrap())).map(|event| event.name).collect()
}

#[test]
fn what_takes_the_place_of_the_agents_own_work_is_never_registered() {
    for version in [None, Some("1.0.38"), Some("2.1.50"), Some("2.1.330"), Some("9.0.0")] {
        let names = names("claude-code", version);
        assert!(!names.contains(&"WorktreeCreate") && !names.contains(&"FileChanged"), "{version:?}");
    }
    assert!(!names("cursor", None).contains(&"beforeReadFile"));
}

#[test]
fn older_versions_get_only_events_that_they_know() {
    assert_eq!(names("claude-code", Some("1.0.38")), ["PreToolUse", "PostToolUse", "Notification", "Stop"]);
    let older = names("claude-code", Some("2.1.100"));
    assert!(older.contains(&"PermissionDenied") && !older.contains(&"PostToolUseFailure"));
    // From here on an event that it does not know costs nothing.
    assert_eq!(names("claude-code", Some("2.1.101")), names("claude-code", None));
    assert_eq!(
        names("codex", Some("0.128.0")),
        ["SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "Stop"]
    );
    assert!(names("codex", Some("0.129.0")).contains(&"PostCompact"));
    assert!(
        !names("codex", Some("0.144.9")).contains(&"SessionEnd")
            && names("codex", Some("0.145")).contains(&"SessionEnd")
    );
    assert_eq!(
        names("cursor", Some("1.7.0")),
        ["beforeSubmitPrompt", "beforeShellExecution", "beforeMCPExecution", "stop"]
    );
}

#[test]
fn the_tables_hold_all_events_that_were_read() {
    let count = |slug: &str| agent_plan(slug).unwrap().hooks.events.len();
    assert_eq!(["claude-code", "cursor", "copilot-cli", "codex", "gemini-cli"].map(count), [33, 21, 14, 12, 11]);
    for plan in AGENT_PLANS {
        let names: BTreeSet<_> = plan.hooks.events.iter().map(|event| event.name).collect();
        assert_eq!(names.len(), plan.hooks.events.len(), "{}", plan.slug);
        assert!(plan.hooks.events.iter().all(|event| event.since.version(plan.hooks.first) >= plan.hooks.first));
    }
}

#[test]
fn every_plan_has_an_adapter_that_knows_its_events() {
    for plan in AGENT_PLANS {
        let agent = hook_agent(plan.slug).unwrap();
        for event in plan.hooks.events(None) {
            let body = json!({ "session_id": "s" }).to_string();
            let reading = crate::hooks::read(agent.slug, Some(event.name), &body, &EnvelopeMeta::default());
            let unknown = reading.problems.iter().any(|problem| problem.kind == "unknown_event");
            assert!(!unknown, "{} {}", plan.slug, event.name);
        }
    }
}

#[test]
fn names_lead_to_plans() {
    assert_eq!(agent_plan("vscode").unwrap().slug, "copilot-cli");
    assert_eq!(agent_plan("codex").unwrap().slug, "codex");
    assert!(agent_plan("opencode").is_none());
}

#[test]
fn versions_are_read() {
    assert_eq!("2.1.330".parse(), Ok(Version(2, 1, 330)));
    assert_eq!("v0.145".parse(), Ok(Version(0, 145, 0)));
    assert_eq!("1.0.102-beta.1".parse(), Ok(Version(1, 0, 102)));
    assert_eq!("".parse::<Version>(), Err(()));
    assert_eq!("1.2.3.4".parse::<Version>(), Err(()));
}

#[test]
fn handlers_have_each_agents_form() {
    let element = |slug: &str, event: &str, os| {
        let hooks = &agent_plan(slug).unwrap().hooks;
        let event = hooks.events.iter().find(|known| known.name == event).unwrap();
        hooks.element(event, os, "C")
    };
    let group = |handler: Value| json!({ "hooks": [handler] });
    assert_eq!(
        element("claude-code", "Stop", Os::Linux),
        group(json!({"type": "command", "command": "C", "timeout": 10}))
    );
    assert_eq!(
        element("codex", "SessionEnd", Os::Mac),
        group(json!({"type": "command", "command": "C", "timeout": 3}))
    );
    assert_eq!(
        element("gemini-cli", "BeforeTool", Os::Linux),
        group(json!({"type": "command", "command": "C", "name": "ursa", "timeout": 10000}))
    );
    assert_eq!(element("cursor", "stop", Os::Linux), json!({"command": "C", "timeout": 10}));
    let copilot = |key: &str, command: &str| json!({"type": "command", key: command, "timeoutSec": 10});
    assert_eq!(element("copilot-cli", "preToolUse", Os::Linux), copilot("bash", "C || true"));
    assert_eq!(element("copilot-cli", "preToolUse", Os::Windows), copilot("powershell", "C; exit 0"));
    for (slug, event) in [("claude-code", "Stop"), ("cursor", "stop"), ("copilot-cli", "preToolUse")] {
        let hooks = &agent_plan(slug).unwrap().hooks;
        let event = hooks.events.iter().find(|known| known.name == event).unwrap();
        assert!(is_our_element(&hooks.element(event, Os::Linux, "/usr/bin/ursa-endpoint hook x y")));
        assert!(!is_our_element(&hooks.element(event, Os::Linux, "/usr/bin/other hook x y")));
    }
}

#[test]
fn commands_are_quoted_for_their_shell_and_known_again() {
    let arguments = ["hook", "claude-code", "Stop"];
    let cases = [
        (Shell::Posix, "/usr/bin/ursa-endpoint", "/usr/bin/ursa-endpoint hook claude-code Stop"),
        (Shell::Posix, "/o p/it's/ursa-endpoint", r"'/o p/it'\''s/ursa-endpoint' hook claude-code Stop"),
        (Shell::PosixOnWindows, r"C:\Ursa\ursa-endpoint.exe", "C:/Ursa/ursa-endpoint.exe hook claude-code Stop"),
        (
            Shell::PosixOnWindows,
            r"C:\Program Files\ursa-endpoint.exe",
            "'C:/Program Files/ursa-endpoint.exe' hook claude-code Stop",
        ),
        (Shell::Cmd, r"C:\Ursa\ursa-endpoint.exe", r"C:\Ursa\ursa-endpoint.exe hook claude-code Stop"),
        (
            Shell::Cmd,
            r"C:\Program Files\ursa-endpoint.exe",
            r#""C:\Program Files\ursa-endpoint.exe" hook claude-code Stop"#,
        ),
        (
            Shell::PowerShell,
            r"C:\Program Files\it's\ursa-endpoint.exe",
            r"& 'C:\Program Files\it''s\ursa-endpoint.exe' hook claude-code Stop",
        ),
        (Shell::Posix, "/öl/ursa-endpoint", "'/öl/ursa-endpoint' hook claude-code Stop"),
    ];
    for (shell, program, expected) in cases {
        let made = line(shell, program, &arguments);
        assert_eq!(made, expected);
        assert!(is_ours(&made), "{made}");
    }
    assert_eq!(program_of("'/a b/ursa-endpoint' hook codex"), Some("/a b/ursa-endpoint"));
    assert_eq!(program_of("& 'C:\\x\\ursa-endpoint.exe' hook codex"), Some("C:\\x\\ursa-endpoint.exe"));
    for other in [
        "",
        "ursa-endpoint",
        "ursa-endpoint flush",
        "my-ursa-endpoint hook x",
        "ursa-endpoints hook x",
        "ursa-endpoint hooked x",
        "echo ursa-endpoint: hook",
    ] {
        assert!(!is_ours(other), "{other}");
    }
}

#[test]
fn edge_urls_are_known_again() {
    for url in [
        "http://127.0.0.1:4680/edge/anthropic",
        "https://u.example/x/edge/anthropic/",
        "https://u/edge/k/KEY/anthropic",
    ] {
        assert!(is_edge_url(url, "anthropic"), "{url}");
    }
    for url in [
        "https://api.anthropic.com",
        "https://gw/edge/other",
        "https://gw/edge/k/anthropic",
        "https://gw/edge/anthropic/v1",
    ] {
        assert!(!is_edge_url(url, "anthropic"), "{url}");
    }
}

#[test]
fn events_before_the_first_version_do_not_exist() {
    assert!(names("gemini-cli", Some("0.25.0")).is_empty());
    assert!(names("codex", Some("0.100.0")).is_empty());
}
