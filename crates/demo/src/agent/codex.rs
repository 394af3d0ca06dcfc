//! Codex, and a script that uses the OpenAI SDK for Python: what speaks OpenAI Responses.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Tempo, stainless};
use crate::script::{Person, Say, Session, Step, Turn};
use crate::stage::{Address, Over, Stage};
use crate::upstream::Reply;
use crate::wire::responses::Answer;
use crate::wire::{fresh, tokens};

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    stage: Stage,
    person: Person,
    tempo: Tempo,
    headers: Vec<(&'static str, String)>,
    /// All of a request but `input`.
    body: Value,
    input: Vec<Value>,
    /// Each prompt is a conversation of its own.
    is_one_shot: bool,
    /// What stands before the conversation, in tokens.
    base_tokens: u64,
    /// Tokens of the context when the model was last asked.
    cached: u64,
}

impl Talk {
    pub(crate) fn codex(stage: &Stage, session: &Session, tempo: Tempo) -> Self {
        let id = Uuid::now_v7().to_string();
        let metadata = json!({"session_id": id, "thread_id": id, "turn_id": Uuid::now_v7(), "agent_name": "/root"});
        let window = format!("{id}:0");
        let headers = [
            ("x-codex-window-id", window.as_str()),
            ("x-codex-turn-metadata", &metadata.to_string()),
            ("x-client-request-id", &id),
            ("session-id", &id),
            ("thread-id", &id),
            ("accept", "text/event-stream"),
            ("content-type", "application/json"),
            ("originator", "codex_cli_rs"),
            ("user-agent", "codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) xterm (codex_cli_rs; 0.169.0)"),
            ("authorization", "Bearer demo-key-of-nobody"),
        ];
        Self {
            headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
            body: json!({
                "model": session.model, "stream": true, "tools": offered(), "tool_choice": "auto",
                "parallel_tool_calls": true, "reasoning": {"effort": "medium", "summary": "auto"}, "store": false,
                "include": ["reasoning.encrypted_content"], "prompt_cache_key": id, "text": {"verbosity": "low"},
                "client_metadata": {
                    "x-codex-installation-id": Uuid::new_v4(), "session_id": id, "thread_id": id,
                    "x-codex-window-id": window
                },
            }),
            input: opening(session.cwd, &stage.began),
            ..Self::sdk(stage, session, tempo)
        }
        .in_one_talk()
    }

    pub(crate) fn sdk(stage: &Stage, session: &Session, tempo: Tempo) -> Self {
        let mut headers = stainless("python", "2.54.0", "CPython", "3.11.7");
        headers.extend(
            [("user-agent", "OpenAI/Python 2.54.0"), ("authorization", "Bearer demo-key-of-nobody")]
                .map(|(name, value)| (name, value.to_owned())),
        );
        Self {
            stage: stage.clone(),
            person: session.person,
            tempo,
            headers,
            body: json!({
                "model": session.model, "instructions": "Sum up the release note in one sentence.",
                "max_output_tokens": 120
            }),
            input: Vec::new(),
            is_one_shot: true,
            base_tokens: 18,
            cached: 0,
        }
    }

    fn in_one_talk(mut self) -> Self {
        self.is_one_shot = false;
        self.base_tokens = 12_460;
        self
    }

    pub(crate) async fn turn(&mut self, turn: &Turn) -> Result<(), Over> {
        if self.is_one_shot {
            self.input = vec![json!({"role": "user", "content": turn.prompt})];
            self.cached = 0;
        } else {
            self.input.push(message("user", &turn.prompt));
        }
        for step in &turn.steps {
            self.step(step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Over> {
        let sent = self.input.iter().map(|item| tokens(&item.to_string())).sum::<u64>();
        let context = self.base_tokens + sent;
        let answer = Answer::new(&step.says, self.body["model"].as_str().unwrap_or_default(), context, self.cached);
        self.cached = context;
        let mut body = self.body.clone();
        body["input"] = Value::Array(self.input.clone());
        let reply = if body["stream"] == true {
            Reply::events(answer.events(), self.tempo.delta)
        } else {
            Reply::whole(answer.object(), self.tempo.step)
        };
        let to = Address { upstream: "openai", path: "/v1/responses", person: self.person };
        self.stage.exchange(to, &self.headers, &body, reply).await?;
        self.input.extend(answer.items.iter().cloned());
        self.stage.pause(self.tempo.tools(&step.says)).await?;
        let calls = step.says.iter().filter_map(|say| match say {
            Say::Call(call) => Some(call),
            _ => None,
        });
        for ((call_id, is_freeform), call) in answer.calls().into_iter().zip(calls) {
            let kind = if is_freeform { "custom_tool_call_output" } else { "function_call_output" };
            self.input.push(json!({"type": kind, "id": fresh("fco_"), "call_id": call_id, "output": call.gives}));
        }
        Ok(())
    }
}

fn message(role: &str, text: &str) -> Value {
    json!({
        "type": "message", "id": fresh("msg_"), "role": role, "content": [{"type": "input_text", "text": text}]
    })
}

/// What Codex tells before the first prompt.
fn opening(cwd: &str, began: &str) -> Vec<Value> {
    let day = began.get(..10).unwrap_or_default();
    let environment = format!(
        "<environment_context>\n  <cwd>{cwd}</cwd>\n  <shell>bash</shell>\n  <current_date>{day}</current_date>\n  \
         <timezone>Etc/UTC</timezone>\n</environment_context>"
    );
    vec![
        message("developer", "You are Codex, a coding agent based on GPT-5. You and the user share one workspace."),
        message(
            "developer",
            "<permissions instructions>\nApproval policy is currently on-request.\n</permissions instructions>",
        ),
        message("user", &environment),
    ]
}

fn offered() -> Value {
    let function = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let mut tools: Vec<Value> =
        ["exec_command", "write_stdin", "update_plan", "view_image", "request_user_input"].map(function).to_vec();
    tools.push(json!({"type": "custom", "name": "apply_patch"}));
    tools.push(json!({"type": "namespace", "name": "mcp__linear", "tools": [function("get_issue")]}));
    json!(tools)
}
