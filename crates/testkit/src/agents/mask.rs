//! Makes the output of two runs comparable: whatever differs between any two runs of the same script becomes a word.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Workspace;

/// Fields whose values depend on the clock or are drawn at random; those whose names end in `_ms` or `Ms` do too.
const VOLATILE_FIELDS: &[&str] = &[
    "agentId",
    "chunk_id",
    // Tokens of texts with the project's path in them (Copilot CLI).
    "context_current_tokens",
    "end",
    "end_time",
    "id",
    // Codex gives each subagent a name out of a list.
    "nickname",
    "request_id",
    "result_token_count",
    "run_id",
    "session_id",
    "signature",
    "start",
    "task_id",
    "thread_id",
    "timestamp",
    "uuid",
    "wall_time_seconds",
];

#[allow(clippy::unwrap_used, reason = "constant patterns, compiled in a test")]
static VOLATILE_TEXT: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\b(msg|toolu|resp|call|req|rs|fc|ctc|tsc)_[A-Za-z0-9]{8,}(_\d+)?", "${1}_ID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
        (r"(?m)^[d-][rwx-]{9}\.?\s.*$", "LISTED"),
        (r"\btotal \d+", "total N"),
        (r"Chunk ID: [0-9a-f]+", "Chunk ID: ID"),
        (r"(?m)^[0-9a-f]{7,} init$", "COMMIT init"),
        (r"Process Group PGID: \d+", "Process Group PGID: N"),
        (r"Wall time(:?) [0-9.]+ seconds", "Wall time${1} N seconds"),
        (r"\ba[0-9a-f]{16}\b", "AGENT"),
        (r"http://127\.0\.0\.1:\d+(/edge/[a-z]+)?", "BASE"),
        (r"\bduration_ms(>|: )\d+", "duration_ms${1}N"),
        (r"/cc-socks/\d+\.sock", "/cc-socks/N.sock"),
        (r"_\d{13}_(\d+)\b", "_MS_${1}"),
        (r"\bchatcmpl-[0-9a-f]+\b", "chatcmpl-ID"),
        (r"\bses_[0-9a-zA-Z]{20,}\b", "ses_ID"),
    ]
    .map(|(pattern, word)| (Regex::new(pattern).unwrap(), word))
    .into()
});

/// Lines that come in any number, or that cut the project's path or a command's output anywhere, run by run: Copilot
/// CLI's. The whole of a command's output follows in a steady line, `tool.execution_complete`.
const UNSTEADY_LINES: &[&str] = &[
    "assistant.tool_call_delta",
    "session.background_tasks_changed",
    "tool.execution_partial_result",
    "tool.shell_output",
];

/// One masked line for each steady line of an agent's output, in order.
pub fn mask(stdout: &str, workspace: &Workspace) -> Vec<String> {
    let home = workspace.home().to_string_lossy().into_owned();
    // Claude Code also names folders after the project's path with its separators replaced.
    let slug = home.replace(['/', '.', '_'], "-");
    let unsteady = |line: &&str| UNSTEADY_LINES.iter().any(|kind| line.contains(&format!("\"type\":\"{kind}\"")));
    let steady = stdout.lines().filter(|line| !unsteady(line));
    steady.map(|line| mask_line(&line.replace(&home, "HOME").replace(&slug, "SLUG"))).collect()
}

fn mask_line(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(mut value) => {
            mask_value(&mut value);
            value.to_string()
        }
        Err(_) => mask_text(line),
    }
}

fn mask_value(value: &mut Value) {
    match value {
        // Agents put objects into texts, too.
        Value::String(text) if text.starts_with('{') => *text = mask_line(text),
        Value::String(text) => *text = mask_text(text),
        Value::Array(values) => values.iter_mut().for_each(mask_value),
        Value::Object(fields) => {
            // Codex keys an object by thread id.
            *fields = std::mem::take(fields).into_iter().map(|(name, value)| (mask_text(&name), value)).collect();
            for (name, value) in fields {
                if is_volatile(name) && !value.is_object() && !value.is_array() {
                    *value = Value::from("MASKED");
                } else {
                    mask_value(value);
                }
            }
        }
        _ => {}
    }
}

fn is_volatile(name: &str) -> bool {
    VOLATILE_FIELDS.contains(&name) || name.ends_with("_ms") || name.ends_with("Ms")
}

fn mask_text(text: &str) -> String {
    let masked = VOLATILE_TEXT.iter();
    masked.fold(text.to_owned(), |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_masked_and_the_rest_is_not() {
        let line = r#"{"id":"x","text":"msg_0a1b2c3d4e000012 said toolu_0a1b2c3d4e000012_1","duration_ms":12,"n":3}"#;
        assert_eq!(mask_line(line), r#"{"id":"MASKED","text":"msg_ID said toolu_ID","duration_ms":"MASKED","n":3}"#);
        let nested = r#"{"result":"{\"chunk_id\":\"0a1b\",\"output\":\"total 12\"}"}"#;
        assert_eq!(mask_line(nested), r#"{"result":"{\"chunk_id\":\"MASKED\",\"output\":\"total N\"}"}"#);
        assert_eq!(mask_line("drwxr-xr-x 2 root root 40 Jan 1 10:00 .\ntotal 12"), "LISTED\ntotal N");
    }

    #[tokio::test]
    async fn pieces_of_a_commands_output_are_left_out_and_its_whole_is_kept() {
        let workspace = Workspace::fresh().await.unwrap();
        let piece = |text: &str| format!(r#"{{"type":"tool.shell_output","data":{{"text":"{text}"}}}}"#);
        let whole = r#"{"type":"tool.execution_complete","data":{"result":"cat: no such file"}}"#;
        let cut = mask(&format!("{}\n{}\n{whole}\n", piece("cat:"), piece(" no such file")), &workspace);
        assert_eq!(cut, mask(&format!("{}\n{whole}\n", piece("cat: no such file")), &workspace));
        assert_eq!(cut.len(), 1);
    }
}
