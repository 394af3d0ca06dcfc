//! How hooks and a base URL get into the settings of GitHub Copilot, the CLI and VS Code.
//!
//! One file of our own in `~/.copilot/hooks` serves both. Event names are those with a small first letter: with the others
//! the CLI tells Claude Code's tool names instead of its own.

use crate::hooks::plan::{
    AgentPlan, EdgePlan, EdgeValue, EnvironmentLine, Field, Format, HookEvent, HookPlan, MachineFile, Shape, Shell,
    Since, Unread, UserFile, Version,
};

/// The version that was run.
const SEEN: Since = Since::Seen(Version(1, 0, 102));

const EVENTS: &[HookEvent] = &[
    HookEvent::record("sessionStart", Since::First),
    HookEvent::record("sessionEnd", Since::First),
    HookEvent::record("userPromptSubmitted", Since::First),
    HookEvent::record("userPromptTransformed", SEEN),
    HookEvent::record("preToolUse", Since::First),
    HookEvent::record("permissionRequest", SEEN),
    HookEvent::record("postToolUse", Since::First),
    HookEvent::record("postToolUseFailure", SEEN),
    HookEvent::record("agentStop", SEEN),
    HookEvent::record("subagentStart", SEEN),
    HookEvent::record("subagentStop", SEEN),
    HookEvent::record("errorOccurred", Since::First),
    HookEvent::record("preCompact", SEEN),
    HookEvent::record("notification", SEEN),
];

/// The plan.
pub const PLAN: AgentPlan = AgentPlan {
    slug: "copilot-cli",
    name: "GitHub Copilot (CLI and VS Code)",
    aliases: &["copilot", "copilot-vscode", "vscode"],
    hooks: HookPlan {
        user: UserFile { variable: Some("COPILOT_HOME"), kept: "hooks", folder: ".copilot/hooks", file: "ursa.json" },
        machine: MachineFile {
            linux: "/etc/github-copilot/policy.d/ursa.json",
            mac: "/etc/github-copilot/policy.d/ursa.json",
            windows: Some(r"%ProgramData%\GitHub\Copilot\policy.d\ursa.json"),
        },
        format: Format::Json,
        shape: Shape::Flat,
        handler: &[
            ("type", Field::Text("command")),
            ("bash", Field::UnixCommand),
            ("powershell", Field::WindowsCommand),
            ("timeoutSec", Field::Timeout(1)),
        ],
        file_version: Some(1),
        own_file: true,
        windows_shell: Shell::PowerShell,
        first: Version(1, 0, 18),
        tolerant: None,
        unread: &[Unread::Comments],
        off: Some((&["disableAllHooks"], true)),
        twin: None,
        events: EVENTS,
    },
    edge: EdgePlan::Environment {
        lines: &[
            EnvironmentLine {
                name: "COPILOT_PROVIDER_BASE_URL",
                value: EdgeValue::Url("openai/v1"),
                with_key_only: false,
            },
            EnvironmentLine { name: "COPILOT_PROVIDER_HEADERS", value: EdgeValue::HeaderLines, with_key_only: true },
        ],
        note: "Only with a model provider of your own (COPILOT_PROVIDER_TYPE, COPILOT_PROVIDER_API_KEY, COPILOT_MODEL); \
               for the type anthropic the URL ends in /edge/anthropic. A Copilot subscription has no base URL",
    },
    user_note: None,
    machine_note: Some("VS Code reads no machine-wide file: run the user's install for each of its users"),
};
