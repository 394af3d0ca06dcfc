//! How hooks and a base URL get into the settings of Claude Code.
//!
//! Versions are those of its list of changes. Before 2.1.101 an event that it does not know costs the whole settings file.

use crate::hooks::plan::{
    AgentPlan, EdgePlan, EdgeSetting, EdgeValue, Field, Format, HookEvent, HookPlan, MachineFile, Shape, Shell, Since,
    Unread, UserFile, Version,
};

const USER: UserFile =
    UserFile { variable: Some("CLAUDE_CONFIG_DIR"), kept: "", folder: ".claude", file: "settings.json" };

const MACHINE: MachineFile = MachineFile {
    linux: "/etc/claude-code/managed-settings.json",
    mac: "/Library/Application Support/ClaudeCode/managed-settings.json",
    windows: Some(r"%ProgramFiles%\ClaudeCode\managed-settings.json"),
};

const fn told(name: &'static str, major: u32, minor: u32, patch: u32) -> HookEvent {
    HookEvent::record(name, Since::Told(Version(major, minor, patch)))
}

/// The newest version whose events were read.
const READ: Since = Since::Seen(Version(2, 1, 330));

/// The 33 events of 2.1.330.
const EVENTS: &[HookEvent] = &[
    told("SessionStart", 1, 0, 62),
    told("SessionEnd", 1, 0, 85),
    told("Setup", 2, 1, 10),
    HookEvent::record("UserPromptSubmit", Since::Told(Version(1, 0, 54))),
    HookEvent::leave(
        "UserPromptExpansion",
        Since::Seen(Version(2, 1, 197)),
        "its prompt comes again as UserPromptSubmit",
    ),
    HookEvent::record("PreToolUse", Since::First),
    told("PermissionRequest", 2, 0, 45),
    told("PermissionDenied", 2, 1, 89),
    HookEvent::record("PostToolUse", Since::First),
    HookEvent::record("PostToolUseFailure", Since::Seen(Version(2, 1, 119))),
    HookEvent::record("PostToolBatch", Since::Seen(Version(2, 1, 197))),
    HookEvent::record("Notification", Since::First),
    HookEvent::leave("MessageDisplay", Since::Told(Version(2, 1, 152)), "once for each piece of an answer"),
    HookEvent::record("Stop", Since::First),
    told("SubagentStop", 1, 0, 41),
    told("StopFailure", 2, 1, 78),
    told("SubagentStart", 2, 0, 43),
    told("PreCompact", 1, 0, 48),
    told("PostCompact", 2, 1, 76),
    HookEvent::leave("PreModelSwitch", READ, "a gate; PostModelSwitch tells the same"),
    HookEvent::record("PostModelSwitch", READ),
    told("TaskCreated", 2, 1, 84),
    told("TaskCompleted", 2, 1, 33),
    HookEvent::leave("TeammateIdle", Since::Told(Version(2, 1, 33)), "tells nothing to be kept"),
    told("Elicitation", 2, 1, 76),
    told("ElicitationResult", 2, 1, 76),
    told("ConfigChange", 2, 1, 49),
    told("InstructionsLoaded", 2, 1, 69),
    HookEvent::leave("WorktreeCreate", Since::Told(Version(2, 1, 50)), "a hook takes the place of making the worktree"),
    told("WorktreeRemove", 2, 1, 50),
    told("CwdChanged", 2, 1, 83),
    told("DirectoryAdded", 2, 1, 219),
    HookEvent::leave("FileChanged", Since::Told(Version(2, 1, 83)), "its matcher is a list of files to watch"),
];

/// The plan.
pub const PLAN: AgentPlan = AgentPlan {
    slug: "claude-code",
    name: "Claude Code",
    aliases: &["claude"],
    hooks: HookPlan {
        user: USER,
        machine: MACHINE,
        format: Format::Json,
        shape: Shape::Groups,
        handler: &[("type", Field::Text("command")), ("command", Field::Command), ("timeout", Field::Timeout(1))],
        file_version: None,
        own_file: false,
        windows_shell: Shell::PosixOnWindows,
        first: Version(1, 0, 38),
        tolerant: Some(Version(2, 1, 101)),
        unread: &[Unread::Comments, Unread::TrailingCommas],
        off: Some((&["disableAllHooks"], true)),
        twin: None,
        events: EVENTS,
    },
    edge: EdgePlan::Settings {
        user: USER,
        machine: MACHINE,
        settings: &[
            EdgeSetting { path: &["env", "ANTHROPIC_BASE_URL"], value: EdgeValue::Url("anthropic") },
            EdgeSetting { path: &["env", "ANTHROPIC_CUSTOM_HEADERS"], value: EdgeValue::HeaderLines },
        ],
    },
    user_note: None,
    machine_note: Some(
        "Settings that the organisation keeps in the Claude console rank above this file and are not merged with it",
    ),
};
