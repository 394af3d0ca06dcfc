//! How hooks get into the settings of Cursor. From its documentation and from measurements of others; not run.
//!
//! Each event may cost the whole file in a version that does not know it, so those that say nothing new are left out.

use crate::hooks::plan::{
    AgentPlan, EdgePlan, Field, Format, HookEvent, HookPlan, MachineFile, Shape, Shell, Since, UserFile, Version,
};

/// The version that was measured, with all of the events.
const MEASURED: Since = Since::Seen(Version(3, 18, 25));
/// A public reference lists what is told here for this version.
const LISTED: Since = Since::Seen(Version(2, 0, 77));

/// The documented events.
const EVENTS: &[HookEvent] = &[
    HookEvent::record("sessionStart", MEASURED),
    HookEvent::record("sessionEnd", MEASURED),
    HookEvent::record("beforeSubmitPrompt", Since::First),
    HookEvent::record("preToolUse", MEASURED),
    HookEvent::record("postToolUse", MEASURED),
    HookEvent::record("postToolUseFailure", MEASURED),
    HookEvent::record("beforeShellExecution", Since::First),
    HookEvent::record("afterShellExecution", LISTED),
    HookEvent::record("beforeMCPExecution", Since::First),
    HookEvent::record("afterMCPExecution", LISTED),
    HookEvent::leave("beforeReadFile", Since::First, "a gate with the whole file in it; preToolUse tells the read"),
    HookEvent::leave("afterFileEdit", Since::First, "postToolUse tells the edit"),
    HookEvent::record("afterAgentResponse", LISTED),
    HookEvent::record("afterAgentThought", LISTED),
    HookEvent::record("subagentStart", MEASURED),
    HookEvent::record("subagentStop", MEASURED),
    HookEvent::record("preCompact", MEASURED),
    HookEvent::record("stop", Since::First),
    HookEvent::leave("beforeTabFileRead", MEASURED, "completion while typing, no agent"),
    HookEvent::leave("afterTabFileEdit", MEASURED, "completion while typing, no agent"),
    HookEvent::leave("workspaceOpen", MEASURED, "no part of a conversation"),
];

/// The plan.
pub const PLAN: AgentPlan = AgentPlan {
    slug: "cursor",
    name: "Cursor",
    aliases: &[],
    hooks: HookPlan {
        user: UserFile { variable: None, kept: "", folder: ".cursor", file: "hooks.json" },
        machine: MachineFile {
            linux: "/etc/cursor/hooks.json",
            mac: "/Library/Application Support/Cursor/hooks.json",
            windows: Some(r"%ProgramData%\Cursor\hooks.json"),
        },
        format: Format::Json,
        shape: Shape::Flat,
        handler: &[("command", Field::Command), ("timeout", Field::Timeout(1))],
        file_version: Some(1),
        own_file: false,
        windows_shell: Shell::PowerShell,
        first: Version(1, 7, 0),
        tolerant: None,
        unread: &[],
        off: None,
        twin: None,
        events: EVENTS,
    },
    edge: EdgePlan::Never(
        "Cursor's base URL is used by Cursor's own servers, not by this device; its hooks are all there is",
    ),
    user_note: Some("Cursor reads its hooks when it starts"),
    machine_note: Some("Cursor reads its hooks when it starts"),
};
