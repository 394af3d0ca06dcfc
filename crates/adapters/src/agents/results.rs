//! What the text of an answer or of a tool's result tells.

use serde_json::Value;
use ursa_model::message::{Identity, Purpose, Tool};

/// The readable text of a tool result: a string, or the text blocks of an array, one a line.
pub(crate) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// How results begin that say that the tool was not run.
const DENIALS: &[&str] = &[
    "Claude requested permissions to ",
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "Command blocked by PreToolUse hook",
    "Denied by preToolUse hook",
    "Tool execution blocked: ",
];

/// What Codex writes before an error in its script mode.
const SCRIPT_ERROR: &str = "Script error:\n";

/// Whether a tool's result says that a hook, a rule or the person denied the call. Only the head of the text counts: a
/// tool's own output may speak of denials.
pub fn is_denied(result_text: &str) -> bool {
    let text = result_text.trim_start();
    let text = match text.split_once(SCRIPT_ERROR) {
        Some((head, error)) if head.starts_with("Script failed") => error,
        _ => text,
    };
    if DENIALS.iter().any(|denial| text.starts_with(denial)) {
        return true;
    }
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("PreToolUse:") && first.contains(" hook error:")
        || first.starts_with("Permission to use ") && first.contains(" has been denied")
}

/// Whether a result that no field marks tells of a failure in its text, by the agent's own wording.
pub fn result_is_error(agent_slug: &str, tool: Option<&Tool>, content: &Value) -> Option<bool> {
    let text = text(content);
    if is_denied(&text) {
        return Some(true);
    }
    match agent_slug {
        "codex" => codex(&text),
        "copilot-cli" => copilot(tool, &text),
        "qwen-code" | "gemini-cli" => number_after(text.lines().find(|line| line.starts_with("Exit Code: "))?, ": "),
        _ => None,
    }
}

/// The head of a result, before `Output:`, tells how the command ended; what follows is the command's own.
fn codex(text: &str) -> Option<bool> {
    let head = text.split_once("Output:\n").map_or(text, |(head, _)| head);
    head.lines().find_map(|line| match line {
        "Script failed" => Some(true),
        "Script completed" => Some(false),
        _ if line.starts_with("Process exited with code ") => number_after(line, "code "),
        _ if line.starts_with("Exit code: ") => number_after(line, ": "),
        _ => None,
    })
}

/// The last line is the shell's: `<shellId: 1 completed with exit code 1>`.
fn copilot(tool: Option<&Tool>, text: &str) -> Option<bool> {
    if tool.is_some_and(|tool| tool.cli.is_none() && !tool.name.ends_with("bash")) {
        return None;
    }
    let last = text.trim_end().lines().next_back()?;
    let told = last.strip_prefix('<')?.strip_suffix('>')?;
    number_after(told, "exit code ")
}

fn number_after(line: &str, mark: &str) -> Option<bool> {
    let number = line.rsplit_once(mark)?.1.trim();
    Some(number.parse::<i64>().ok()? != 0)
}

/// Longest title kept, in characters.
const TITLE_CHARS_LIMIT: usize = 200;

/// The session's title in the answer to a call that asks for one: `{"title": …}`, or the plain first line.
pub fn title_of(identity: &Identity, response_text: &str) -> Option<String> {
    if identity.purpose != Purpose::Title {
        return None;
    }
    let text = response_text.trim();
    let title = if text.starts_with('{') {
        serde_json::from_str::<Value>(text).ok()?.get("title")?.as_str()?.to_owned()
    } else {
        text.lines().next()?.to_owned()
    };
    let title: String = title.trim().chars().filter(|c| !c.is_control()).take(TITLE_CHARS_LIMIT).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn denials_of_each_agent_and_no_others() {
        for text in [
            "PreToolUse:Bash hook error: denied by rig hook",
            "PreToolUse:Bash hook error: [/x/hook.sh]: no",
            "Claude requested permissions to write to /x, but you haven't granted it yet.",
            "Command blocked by PreToolUse hook: no. Command: rm",
            "Script failed\nWall time 0.2 seconds\nOutput:\n\nScript error:\nCommand blocked by PreToolUse hook: no",
            "Denied by preToolUse hook: no",
            "Tool execution blocked: denied by rig hook",
            "The user doesn't want to proceed with this tool use. The tool use was rejected",
            "Permission to use Bash with command rm has been denied.",
        ] {
            assert!(is_denied(text), "{text}");
        }
        for text in ["", "ok\nDenied by preToolUse hook", "Script completed\nScript error:\nDenied by preToolUse hook"]
        {
            assert!(!is_denied(text), "{text}");
        }
    }

    #[test]
    fn failures_told_in_words() {
        let told = |slug: &str, text: &str| result_is_error(slug, None, &json!(text));
        let head = "Chunk ID: 1\nWall time: 0.0 seconds\n";
        assert_eq!(told("codex", &format!("{head}Process exited with code 1\nOutput:\nx")), Some(true));
        assert_eq!(told("codex", &format!("{head}Process exited with code 0\nOutput:\nx")), Some(false));
        assert_eq!(told("codex", "Exit code: 0\nWall time: 0 seconds\nOutput:\nExit code: 1"), Some(false));
        assert_eq!(told("codex", "Wall time: 0.1 seconds\nOutput:\nProcess exited with code 1\n"), None);
        let script = json!([{"type": "input_text", "text": "Script failed\nWall time\nOutput:\n"}]);
        assert_eq!(result_is_error("codex", None, &script), Some(true));
        assert_eq!(told("copilot-cli", "x\n<shellId: 1 completed with exit code 1>"), Some(true));
        assert_eq!(told("copilot-cli", "x\n<shellId: 1 completed with exit code 0>\n"), Some(false));
        assert_eq!(told("copilot-cli", "<exit code 1> was seen\nfine"), None);
        assert_eq!(told("claude-code", "Exit code 1\nx"), None);
    }

    #[test]
    fn titles_are_json_or_a_line() {
        let title = Identity { purpose: Purpose::Title, ..Identity::default() };
        assert_eq!(title_of(&title, "{\"title\": \"Tidy up\"}").as_deref(), Some("Tidy up"));
        assert_eq!(title_of(&title, "Rig session title\n").as_deref(), Some("Rig session title"));
        assert_eq!(title_of(&title, "{\"title\": \"cut"), None);
        assert_eq!(title_of(&title, " \n"), None);
        assert_eq!(title_of(&Identity::default(), "{\"title\": \"x\"}"), None);
    }
}
