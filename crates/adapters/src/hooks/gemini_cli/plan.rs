//! How hooks and a base URL get into the settings of Gemini CLI.

use crate::hooks::plan::{
    AgentPlan, EdgePlan, EdgeValue, EnvironmentLine, Field, Format, HookEvent, HookPlan, MachineFile, Shape, Shell,
    Since, Unread, UserFile, Version,
};

const PIECES: &str = "once for each model call or piece of one; the wire tells it";

/// The events of 0.61.0.
const EVENTS: &[HookEvent] = &[
    HookEvent::record("SessionStart", Since::First),
    HookEvent::record("SessionEnd", Since::First),
    HookEvent::record("BeforeAgent", Since::First),
    HookEvent::record("AfterAgent", Since::First),
    HookEvent::leave("BeforeModel", Since::First, PIECES),
    HookEvent::leave("BeforeToolSelection", Since::First, PIECES),
    HookEvent::leave("AfterModel", Since::First, PIECES),
    HookEvent::record("BeforeTool", Since::First),
    HookEvent::record("AfterTool", Since::First),
    HookEvent::record("PreCompress", Since::First),
    HookEvent::record("Notification", Since::First),
];

/// The plan.
pub const PLAN: AgentPlan = AgentPlan {
    slug: "gemini-cli",
    name: "Gemini CLI",
    aliases: &["gemini"],
    hooks: HookPlan {
        user: UserFile { variable: Some("GEMINI_CLI_HOME"), kept: ".gemini", folder: ".gemini", file: "settings.json" },
        machine: MachineFile {
            linux: "/etc/gemini-cli/settings.json",
            mac: "/Library/Application Support/GeminiCli/settings.json",
            windows: Some(r"%ProgramData%\gemini-cli\settings.json"),
        },
        format: Format::Json,
        shape: Shape::Groups,
        handler: &[
            ("type", Field::Text("command")),
            ("command", Field::Command),
            ("name", Field::Text("ursa")),
            ("timeout", Field::Timeout(1000)),
        ],
        file_version: None,
        own_file: false,
        windows_shell: Shell::PowerShell,
        first: Version(0, 26, 0),
        tolerant: Some(Version(0, 26, 0)),
        unread: &[Unread::TrailingCommas, Unread::ByteOrderMark],
        off: Some((&["hooksConfig", "enabled"], false)),
        twin: None,
        events: EVENTS,
    },
    edge: EdgePlan::Environment {
        lines: &[
            EnvironmentLine { name: "GOOGLE_GEMINI_BASE_URL", value: EdgeValue::Url("gemini"), with_key_only: false },
            EnvironmentLine { name: "GEMINI_CLI_CUSTOM_HEADERS", value: EdgeValue::HeaderLines, with_key_only: true },
        ],
        note: "Only with a Gemini API key (security.auth.selectedType = \"gemini-api-key\" in its settings); with a Google \
               sign-in it uses another service. Gemini CLI does not read ~/.gemini/.env in a project that has a .env of its own",
    },
    user_note: None,
    machine_note: Some(
        "Gemini CLI passes over this file unless it and every folder above it belong to root and only root may write them",
    ),
};
