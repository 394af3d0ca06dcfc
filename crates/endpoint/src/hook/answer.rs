//! What each agent wants to read on stdout from a hook that only records, with exit code 0. Never a decision: where an
//! agent takes silence for "no opinion", it gets silence.

/// The answer for one call.
pub fn answer(agent: &str, event: Option<&str>) -> &'static str {
    match agent {
        "cursor" => cursor(event.unwrap_or_default()),
        // Gemini CLI's hook reference: stdout of exit code 0 is parsed as JSON; an empty object changes nothing, while
        // plain text would be shown to the user.
        "gemini-cli" => "{}\n",
        // Claude Code, Codex: exit code 0 and no output means go on. Codex's output schemas allow no unknown fields, and
        // plain text becomes context for the model at SessionStart and UserPromptSubmit.
        // Copilot CLI and VS Code: the same; a decision given here would take the place of asking the user.
        _ => "",
    }
}

/// Cursor's hook reference. Its events before an action are gates that want `permission`: without it, and with
/// `failClosed`, the action is refused as "no output". `allow` lets the call pass this hook; what Cursor itself asks the
/// user about stays with Cursor.
fn cursor(event: &str) -> &'static str {
    match event {
        "preToolUse"
        | "beforeShellExecution"
        | "beforeMCPExecution"
        | "beforeReadFile"
        | "beforeTabFileRead"
        | "subagentStart" => "{\"permission\":\"allow\"}\n",
        "beforeSubmitPrompt" | "sessionStart" => "{\"continue\":true}\n",
        _ => "{}\n",
    }
}
