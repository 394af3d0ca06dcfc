//! The script for agents whose tools differ in name and shape: its steps, told in the tools that the request offers.

use serde_json::{Map, Value, json};

/// A piece of an answer, in no protocol's words.
pub(super) enum Piece {
    Think(String),
    Say(String),
    /// Arguments are an object, or the text of a freeform tool.
    Call {
        name: String,
        arguments: Value,
    },
}

/// A tool as a request declares it.
pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    /// JSON schema of its arguments; `Null` for a freeform tool.
    pub(super) schema: &'a Value,
}

/// What a call is to do; parameters take their values from here by what their names say.
#[derive(Default)]
struct Meaning<'a> {
    command: &'a str,
    path: &'a str,
    content: &'a str,
    old: &'a str,
    new: &'a str,
    text: &'a str,
    why: &'a str,
}

const SHELL: &[&str] = &["run_shell_command", "bash", "shell"];
const READ: &[&str] = &["read_file", "view", "read"];
const WRITE: &[&str] = &["write_file", "create", "write"];
const EDIT: &[&str] = &["replace", "edit", "str_replace"];
const PATCH: &str = "*** Begin Patch\n*** Add File: notes.txt\n+line one\n+line two\n*** Update File: README.md\n@@\n-TODO\n\
                     +DONE\n*** End Patch\n";

/// What the model says in one step: `step` counts the model's turns since the prompt.
pub(super) fn step(tools: &[Tool<'_>], dir: &str, step: usize) -> Vec<Piece> {
    let mut steps = steps(tools, dir);
    let at = step.min(steps.len() - 1);
    steps.swap_remove(at)
}

/// A plain answer, with no tool.
pub(super) fn plain() -> Vec<Piece> {
    vec![say("Plain answer.")]
}

fn say(text: &str) -> Piece {
    Piece::Say(text.to_owned())
}

fn steps(tools: &[Tool<'_>], dir: &str) -> Vec<Vec<Piece>> {
    let readme = format!("{dir}/README.md");
    let notes = format!("{dir}/notes.txt");
    let call = |names: &[&str], meaning: &Meaning<'_>| call(tools, names, meaning);
    let shell = |command: &str, why: &str| call(SHELL, &Meaning { command, why, ..Meaning::default() });
    let list = [
        Some(Piece::Think("The folder comes first.".to_owned())),
        Some(say("I'll look at the project first — naïvely.")),
        shell("ls -la", "List the project"),
    ];
    let read = call(READ, &Meaning { path: &readme, why: "Read one file", ..Meaning::default() });
    let write = Meaning { path: &notes, content: "line one\nline two\n", why: "Write notes", ..Meaning::default() };
    let edit = Meaning { path: &readme, old: "TODO", new: "DONE", why: "Mark it done", ..Meaning::default() };
    let mut steps = vec![list.into_iter().flatten().collect::<Vec<_>>()];
    steps.push([Some(say("Reading.")), read].into_iter().flatten().collect());
    if let (Some(write), Some(edit)) = (call(WRITE, &write), call(EDIT, &edit)) {
        steps.push(vec![write]);
        steps.push(vec![edit]);
    } else {
        steps.push(vec![patch(tools)]);
    }
    let echo = tools.iter().find(|tool| tool.name.contains("testkit") && tool.name.ends_with("echo"));
    steps.extend(echo.map(|tool| {
        let meaning = Meaning { text: "hello from the script", ..Meaning::default() };
        vec![Piece::Call { name: tool.name.to_owned(), arguments: arguments(tool.schema, &meaning) }]
    }));
    steps.push(shell("cat /nonexistent-file", "Fail on purpose").into_iter().collect());
    steps.push(vec![say("All done. README.md was edited, notes.txt was written.")]);
    steps
}

fn call(tools: &[Tool<'_>], names: &[&str], meaning: &Meaning<'_>) -> Option<Piece> {
    let tool = names.iter().find_map(|name| tools.iter().find(|tool| tool.name == *name))?;
    Some(Piece::Call { name: tool.name.to_owned(), arguments: arguments(tool.schema, meaning) })
}

/// The tool of models that write patches; freeform where the request says so.
fn patch(tools: &[Tool<'_>]) -> Piece {
    let takes_object = tools.iter().any(|tool| tool.name == "apply_patch" && tool.schema.is_object());
    let arguments = if takes_object { json!({"input": PATCH}) } else { json!(PATCH) };
    Piece::Call { name: "apply_patch".to_owned(), arguments }
}

/// Arguments for the parameters that have a meaning here, and for those that must be given.
fn arguments(schema: &Value, meaning: &Meaning<'_>) -> Value {
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let mut given = Map::new();
    for (name, declared) in schema["properties"].as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "command" => meaning.command,
            "path" | "file_path" | "filePath" | "absolute_path" => meaning.path,
            "content" | "file_text" => meaning.content,
            "old_string" | "oldString" | "old_str" => meaning.old,
            "new_string" | "newString" | "new_str" => meaning.new,
            "text" => meaning.text,
            "description" | "instruction" => meaning.why,
            _ => "",
        };
        if !value.is_empty() {
            given.insert(name.clone(), json!(value));
        } else if required(name) {
            given.insert(name.clone(), filler(declared));
        }
    }
    Value::Object(given)
}

fn filler(declared: &Value) -> Value {
    if let Some(first) = declared["enum"].as_array().and_then(|allowed| allowed.first()) {
        return first.clone();
    }
    match declared["type"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "boolean" => json!(false),
        "integer" | "number" => json!(1),
        "array" => json!([]),
        "object" => json!({}),
        _ => json!("script"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_in_the_tools_that_are_offered() {
        let schema = json!({
            "properties": {"filePath": {"type": "string"}, "content": {"type": "string"}, "mode": {"enum": ["a", "b"]}},
            "required": ["filePath", "content", "mode"],
        });
        let meaning = Meaning { path: "/p/x", content: "text", ..Meaning::default() };
        assert_eq!(arguments(&schema, &meaning), json!({"filePath": "/p/x", "content": "text", "mode": "a"}));
        let tools = [Tool { name: "bash", schema: &json!({"properties": {"command": {}}}) }];
        let calls = step(&tools, "/p", 0);
        assert!(
            matches!(&calls[2], Piece::Call { name, arguments } if name == "bash" && arguments["command"] == "ls -la")
        );
        assert!(matches!(&step(&tools, "/p", 99)[..], [Piece::Say(text)] if text.starts_with("All done")));
    }
}
