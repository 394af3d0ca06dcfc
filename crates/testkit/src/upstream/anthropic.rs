//! Anthropic Messages: which step of the script a request asks for, and its answer as events or as one object.

use bytes::Bytes;
use serde_json::{Value, json};

use super::log::{Answer, AnswerKind, ToolCallSent, UsageSent};
use super::offered::{self, Piece};
use super::reply::Reply;
use super::sse;

/// The words in a prompt that choose a script. `dir=PATH` behind them names the project folder.
/// `RIG-BACKGROUND` is `RIG-PROMPT` with a subagent that runs beside its parent, as agents do by default; then the order
/// of requests differs from run to run.
pub(super) const MARKERS: [&str; 4] = ["RIG-PROMPT", "RIG-BACKGROUND", "RIG-SUBAGENT", "RIG-PLAIN"];

enum Block {
    Thinking(String),
    Text(String),
    Tool { name: String, input: Value },
}

fn text(text: &str) -> Block {
    Block::Text(text.to_owned())
}

fn tool(name: &str, input: Value) -> Block {
    Block::Tool { name: name.to_owned(), input }
}

/// Answers `POST …/messages`; `id` is unique in the run.
pub(super) fn messages(request: &Value, id: &str) -> Reply {
    let place = Place::of(request);
    let blocks = place.blocks(request);
    let count = request["messages"].as_array().map_or(0, Vec::len);
    let answer = answer(&blocks, id, place.kind(), UsageSent::at_place(count, place.step, place.salt()));
    let model = request["model"].as_str().unwrap_or("unknown");
    if request["stream"] == true {
        Reply::events(events(&blocks, &answer, id, model), answer)
    } else {
        let mut reply = Reply::json(200, &object(&blocks, &answer, id, model));
        reply.answer = Some(answer);
        reply
    }
}

/// Answers `POST …/messages/count_tokens`: the request's size in quarters, as tokens.
pub(super) fn count_tokens(request: &Value) -> Reply {
    Reply::json(200, &json!({"input_tokens": request.to_string().len() / 4}))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Main,
    Background,
    Subagent,
    Plain,
    Title,
    Probe,
    Classifier,
    Summary,
}

/// Where in which script a request stands.
struct Place {
    script: Script,
    step: usize,
    dir: String,
}

impl Place {
    fn of(request: &Value) -> Self {
        let empty = Vec::new();
        let messages = request["messages"].as_array().unwrap_or(&empty);
        let prompt_at =
            messages.iter().enumerate().filter(|(_, message)| is_prompt(message)).map(|(at, _)| at).next_back();
        let prompt_at = prompt_at.unwrap_or(0);
        let prompt = messages.get(prompt_at).map(message_text).unwrap_or_default();
        let later = messages.iter().skip(prompt_at + 1);
        let step = later.filter(|message| message["role"] == "assistant").count();
        Self { script: script(request, messages, &prompt), step, dir: dir_of(&prompt) }
    }

    fn kind(&self) -> AnswerKind {
        match self.script {
            Script::Main | Script::Background | Script::Subagent | Script::Plain => AnswerKind::Turn,
            _ => AnswerKind::Side,
        }
    }

    fn salt(&self) -> u64 {
        self.script as u64
    }

    fn blocks(&self, request: &Value) -> Vec<Block> {
        match self.script {
            Script::Title => vec![text(r#"{"title": "Tidy the project", "isNewTopic": true}"#)],
            Script::Probe => vec![text("#")],
            Script::Classifier => vec![text("<block>no</block>")],
            Script::Summary => vec![text("<summary>The project was tidied.</summary>")],
            Script::Plain => vec![text("Plain answer.")],
            Script::Subagent => step_of(subagent_steps(&self.dir), self.step),
            Script::Main if !offers(request, "Bash") => others_step(request, &self.dir, self.step),
            Script::Main => step_of(main_steps(request, &self.dir, false), self.step),
            Script::Background => step_of(main_steps(request, &self.dir, true), self.step),
        }
    }
}

fn script(request: &Value, messages: &[Value], prompt: &str) -> Script {
    let system = request["system"].to_string();
    let last = messages.last().map(message_text).unwrap_or_default();
    let no_tools = request["tools"].as_array().is_none_or(Vec::is_empty);
    if !request["output_config"]["format"].is_null() || no_tools && system.to_lowercase().contains("title") {
        Script::Title
    } else if system.contains("You are a security monitor for autonomous") {
        Script::Classifier
    } else if request["max_tokens"] == 1 {
        Script::Probe
    } else if last.contains("detailed summary of the conversation") {
        Script::Summary
    } else if no_tools || prompt.contains("RIG-PLAIN") {
        Script::Plain
    } else if prompt.contains("RIG-SUBAGENT") {
        Script::Subagent
    } else if prompt.contains("RIG-BACKGROUND") {
        Script::Background
    } else {
        Script::Main
    }
}

/// The folder behind `dir=`, up to the next white space.
pub(super) fn dir_of(prompt: &str) -> String {
    let named = prompt.split_once("dir=").and_then(|(_, rest)| rest.split_whitespace().next());
    named.unwrap_or("/home/dev/project").to_owned()
}

fn is_prompt(message: &Value) -> bool {
    let blocks = message["content"].as_array();
    let is_result = blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
    let text = message_text(message);
    message["role"] == "user" && !is_result && MARKERS.iter().any(|marker| text.contains(marker))
}

fn message_text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn offers(request: &Value, name: &str) -> bool {
    request["tools"].as_array().is_some_and(|tools| tools.iter().any(|tool| tool["name"] == name))
}

/// The step for an agent that has no tools of Claude Code's.
fn others_step(request: &Value, dir: &str, step: usize) -> Vec<Block> {
    let declared = request["tools"].as_array().into_iter().flatten();
    let tools =
        declared.filter_map(|tool| Some(offered::Tool { name: tool["name"].as_str()?, schema: &tool["input_schema"] }));
    let pieces = offered::step(&tools.collect::<Vec<_>>(), dir, step).into_iter();
    let blocks = pieces.map(|piece| match piece {
        Piece::Think(text) => Block::Thinking(text),
        Piece::Say(text) => Block::Text(text),
        Piece::Call { name, arguments } => Block::Tool { name, input: arguments },
    });
    blocks.collect()
}

fn step_of(mut steps: Vec<Vec<Block>>, step: usize) -> Vec<Block> {
    let at = step.min(steps.len() - 1);
    steps.swap_remove(at)
}

fn subagent_steps(dir: &str) -> Vec<Vec<Block>> {
    vec![
        vec![text("Reading the notes."), tool("Read", json!({"file_path": format!("{dir}/notes.txt")}))],
        vec![text("notes.txt has 2 lines.")],
    ]
}

fn main_steps(request: &Value, dir: &str, background: bool) -> Vec<Vec<Block>> {
    let empty = Vec::new();
    let tools = request["tools"].as_array().unwrap_or(&empty);
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let echo = names.iter().find(|name| name.starts_with("mcp__testkit__")).unwrap_or(&"mcp__testkit__echo");
    let agent = ["Agent", "Task"].into_iter().find(|name| names.contains(name));
    let readme = format!("{dir}/README.md");
    let mut steps = vec![
        vec![
            Block::Thinking("The folder comes first.".to_owned()),
            text("I'll look at the project first — naïvely."),
            tool("Bash", json!({"command": "ls -la", "description": "List the project"})),
        ],
        vec![
            text("Reading one file and writing another."),
            tool("Read", json!({"file_path": readme})),
            tool("Write", json!({"file_path": format!("{dir}/notes.txt"), "content": "line one\nline two\n"})),
        ],
        vec![tool("Edit", json!({"file_path": readme, "old_string": "TODO", "new_string": "DONE"}))],
        vec![tool(echo, json!({"text": "hello from the script"}))],
    ];
    if let Some(agent) = agent {
        let prompt = format!("RIG-SUBAGENT dir={dir} read notes.txt and report the number of lines.");
        let mut input = json!({"description": "Count the lines", "subagent_type": "general-purpose", "prompt": prompt});
        if !background {
            input["run_in_background"] = json!(false);
        }
        steps.push(vec![text("Delegating."), tool(agent, input)]);
    }
    steps.push(vec![tool("Bash", json!({"command": "cat /nonexistent-file", "description": "Fail on purpose"}))]);
    steps.push(vec![text("All done. README.md was edited, notes.txt was written.")]);
    steps
}

fn answer(blocks: &[Block], id: &str, kind: AnswerKind, usage: UsageSent) -> Answer {
    let texts = blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.clone()),
        _ => None,
    });
    let tool_calls = blocks.iter().enumerate().filter_map(|(index, block)| match block {
        Block::Tool { name, input } => {
            Some(ToolCallSent { call_id: tool_id(id, index), name: name.clone(), arguments: input.clone() })
        }
        _ => None,
    });
    let usage = UsageSent { reasoning_output_tokens: 0, ..usage };
    Answer { response_id: message_id(id), kind, texts: texts.collect(), tool_calls: tool_calls.collect(), usage }
}

fn message_id(id: &str) -> String {
    format!("msg_{id}")
}

fn tool_id(id: &str, index: usize) -> String {
    format!("toolu_{id}_{index}")
}

fn usage(sent: UsageSent, output_tokens: u64) -> Value {
    json!({
        "input_tokens": sent.input_tokens,
        "cache_creation_input_tokens": sent.cache_creation_input_tokens,
        "cache_read_input_tokens": sent.cache_read_input_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": sent.cache_creation_input_tokens, "ephemeral_1h_input_tokens": 0
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.tool_calls.is_empty() { "end_turn" } else { "tool_use" }
}

fn object(blocks: &[Block], answer: &Answer, id: &str, model: &str) -> Value {
    let content = blocks.iter().enumerate().map(|(index, block)| match block {
        Block::Thinking(thinking) => json!({"type": "thinking", "thinking": thinking, "signature": signature(id)}),
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Tool { name, input } => {
            json!({"type": "tool_use", "id": tool_id(id, index), "name": name, "input": input})
        }
    });
    json!({
        "id": answer.response_id, "type": "message", "role": "assistant", "model": model,
        "content": content.collect::<Vec<_>>(), "stop_reason": stop_reason(answer), "stop_sequence": null,
        "usage": usage(answer.usage, answer.usage.output_tokens),
    })
}

/// Stands for the opaque bytes with which the vendor signs thinking.
fn signature(id: &str) -> String {
    format!("c2lnbmF0dXJl{}", id.replace('_', "A"))
}

fn events(blocks: &[Block], answer: &Answer, id: &str, model: &str) -> Vec<Bytes> {
    let start = json!({
        "type": "message_start",
        "message": {
            "id": answer.response_id, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage(answer.usage, 1),
        },
    });
    let mut events = vec![sse::event(&start), sse::event(&json!({"type": "ping"}))];
    for (index, block) in blocks.iter().enumerate() {
        events.extend(block_events(index, block, id).iter().map(sse::event));
    }
    events.push(sse::event(&json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
        "usage": {"output_tokens": answer.usage.output_tokens},
    })));
    events.push(sse::event(&json!({"type": "message_stop"})));
    events
}

fn block_events(index: usize, block: &Block, id: &str) -> Vec<Value> {
    let (start, mut deltas) = match block {
        Block::Thinking(thinking) => {
            let mut deltas = deltas(thinking, 16, "thinking_delta", "thinking");
            deltas.push(json!({"type": "signature_delta", "signature": signature(id)}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        Block::Text(text) => (json!({"type": "text", "text": ""}), deltas(text, 16, "text_delta", "text")),
        Block::Tool { name, input } => (
            json!({"type": "tool_use", "id": tool_id(id, index), "name": name, "input": {}}),
            deltas(&input.to_string(), 20, "input_json_delta", "partial_json"),
        ),
    };
    let mut events = vec![json!({"type": "content_block_start", "index": index, "content_block": start})];
    let delta_event = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
    events.extend(deltas.drain(..).map(delta_event));
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

fn deltas(text: &str, length: usize, kind: &str, field: &str) -> Vec<Value> {
    sse::pieces(text, length).into_iter().map(|piece| json!({"type": kind, field: piece})).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(messages: &Value) -> Value {
        json!({"model": "m", "stream": true, "tools": [{"name": "Bash"}, {"name": "Agent"}], "messages": messages})
    }

    #[test]
    fn the_step_follows_from_the_conversation_alone() {
        let first = json!([{"role": "user", "content": "RIG-PROMPT dir=/p tidy"}]);
        let reply = messages(&request(&first), "x1").answer.unwrap();
        assert_eq!(reply.tool_calls[0].arguments["command"], "ls -la");
        let second = json!([
            {"role": "user", "content": [{"type": "text", "text": "RIG-PROMPT dir=/p tidy"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_x1_2", "name": "Bash", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_x1_2", "content": "RIG-PLAIN"}]},
        ]);
        let reply = messages(&request(&second), "x2").answer.unwrap();
        assert_eq!(reply.tool_calls[0].arguments["file_path"], "/p/README.md");
        assert_eq!(reply.tool_calls[1].call_id, "toolu_x2_2");
    }

    #[test]
    fn usage_differs_from_step_to_step() {
        let first = UsageSent::at_place(1, 0, 0);
        assert_ne!(first, UsageSent::at_place(3, 1, 0));
        assert_eq!(first, UsageSent::at_place(1, 0, 0));
    }
}
