//! How hooks and a base URL get into the settings of Codex.
//!
//! A hook of the user's file runs only once the user has trusted it: by Codex's own question, or by a hash in the same file,
//! which stands in for the user's review and is written with stated consent only. Hooks in the machine's requirements are
//! managed and need none. Versions are from a public comparison.

use crate::hooks::plan::{
    AgentPlan, EdgePlan, EdgeSetting, EdgeValue, Field, Format, HookEvent, HookPlan, MachineFile, PROVIDER, Shape,
    Shell, Since, Use, UserFile, Version,
};

const USER: UserFile = UserFile { variable: Some("CODEX_HOME"), kept: "", folder: ".codex", file: "config.toml" };

const fn told(name: &'static str, minor: u32) -> HookEvent {
    HookEvent::record(name, Since::Told(Version(0, minor, 0)))
}

/// The version that was run.
const SEEN: Since = Since::Seen(Version(0, 169, 0));
/// Codex gives some events no more, in seconds, and says so at every start of a session if more is asked for.
const CLAMPED_S: u32 = 3;

const fn clamped(name: &'static str, since: Since) -> HookEvent {
    HookEvent { name, since, used: Use::Record, timeout_max_s: Some(CLAMPED_S) }
}

/// The events of 0.169.0.
const EVENTS: &[HookEvent] = &[
    HookEvent::record("SessionStart", Since::First),
    HookEvent::record("UserPromptSubmit", Since::First),
    HookEvent::record("PreToolUse", Since::First),
    HookEvent::record("PermissionRequest", Since::First),
    HookEvent::record("PostToolUse", Since::First),
    told("PreCompact", 129),
    told("PostCompact", 129),
    told("SubagentStart", 133),
    told("SubagentStop", 133),
    HookEvent::record("Stop", Since::First),
    clamped("SessionEnd", Since::Told(Version(0, 145, 0))),
    clamped("Interrupt", SEEN),
];

/// The plan.
pub const PLAN: AgentPlan = AgentPlan {
    slug: "codex",
    name: "Codex",
    aliases: &[],
    hooks: HookPlan {
        user: USER,
        machine: MachineFile {
            linux: "/etc/codex/requirements.toml",
            mac: "/etc/codex/requirements.toml",
            windows: Some(r"%ProgramData%\OpenAI\Codex\requirements.toml"),
        },
        format: Format::Toml,
        shape: Shape::Groups,
        handler: &[("type", Field::Text("command")), ("command", Field::Command), ("timeout", Field::Timeout(1))],
        file_version: None,
        own_file: false,
        windows_shell: Shell::Cmd,
        first: Version(0, 124, 0),
        tolerant: Some(Version(0, 169, 0)),
        unread: &[],
        off: Some((&["features", "hooks"], false)),
        twin: Some("hooks.json"),
        events: EVENTS,
    },
    edge: EdgePlan::Settings {
        user: USER,
        machine: MachineFile {
            linux: "/etc/codex/managed_config.toml",
            mac: "/etc/codex/managed_config.toml",
            windows: None,
        },
        settings: &[
            EdgeSetting { path: &["model_provider"], value: EdgeValue::ProviderName },
            EdgeSetting { path: &["model_providers", PROVIDER], value: EdgeValue::Provider },
        ],
    },
    user_note: Some(
        "Codex passes over hooks that its user has not trusted, without a word: start Codex once and trust them in /hooks, or run install with --trust-codex-hooks",
    ),
    machine_note: None,
};
