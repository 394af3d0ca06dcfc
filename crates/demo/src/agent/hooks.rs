//! What Claude Code tells its hooks.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::script::{Call, Session};
use crate::stage::{Over, Stage};

/// As the endpoint program names the agent.
const AGENT: &str = "claude-code";
/// What the demo's subagents are.
const SUBAGENT: &str = "Explore";

/// The hooks of one thread: of a session, or of a subagent in it.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    stage: Stage,
    session: String,
    cwd: &'static str,
    model: &'static str,
    subagent: Option<String>,
    /// The turn's.
    prompt: Uuid,
}

impl Hooks {
    pub(crate) fn new(stage: &Stage, session: &Session, id: String) -> Self {
        let (cwd, model) = (session.cwd, session.model);
        Self { stage: stage.clone(), session: id, cwd, model, subagent: None, prompt: Uuid::new_v4() }
    }

    /// Those of a subagent, in the same turn.
    pub(crate) fn of_subagent(&self, id: &str) -> Self {
        Self { subagent: Some(id.to_owned()), ..self.clone() }
    }

    /// Tells an event with its own fields beside those that all have.
    async fn tell(&self, event: &str, own: Value) -> Result<(), Over> {
        let mut body = json!({
            "session_id": self.session, "cwd": self.cwd, "hook_event_name": event,
            "transcript_path": format!("/home/demo/.claude/projects/{}.jsonl", self.session),
            "prompt_id": self.prompt, "permission_mode": "default",
        });
        if let (Some(fields), Value::Object(own)) = (body.as_object_mut(), own) {
            fields.extend(own);
        }
        if let Some(id) = &self.subagent {
            (body["agent_id"], body["agent_type"]) = (json!(id), json!(SUBAGENT));
        }
        self.stage.deliver(AGENT, event, &body).await
    }

    pub(crate) async fn session_started(&self) -> Result<(), Over> {
        self.tell("SessionStart", json!({"source": "startup", "model": self.model})).await?;
        let file = format!("{}/CLAUDE.md", self.cwd);
        let read = json!({"file_path": file, "memory_type": "Project", "load_reason": "session_start"});
        self.tell("InstructionsLoaded", read).await
    }

    pub(crate) async fn session_ended(&self) -> Result<(), Over> {
        self.tell("SessionEnd", json!({"reason": "prompt_input_exit"})).await
    }

    /// A turn of a person's, or the work of a subagent.
    pub(crate) async fn turn_begins(&mut self, prompt: &str) -> Result<(), Over> {
        if self.subagent.is_some() {
            return self.tell("SubagentStart", json!({})).await;
        }
        self.prompt = Uuid::new_v4();
        self.tell("UserPromptSubmit", json!({"prompt": prompt})).await
    }

    pub(crate) async fn turn_ended(&self, said: &str) -> Result<(), Over> {
        let event = if self.subagent.is_some() { "SubagentStop" } else { "Stop" };
        self.tell(event, json!({"stop_hook_active": false, "last_assistant_message": said})).await
    }

    pub(crate) async fn call_begins(&self, id: &str, call: &Call) -> Result<(), Over> {
        self.tell("PreToolUse", told(id, call)).await?;
        if !call.asks {
            return Ok(());
        }
        // It tells no id.
        self.tell("PermissionRequest", json!({"tool_name": call.name, "tool_input": call.input})).await?;
        let message = format!("Claude needs your permission to use {}", call.name);
        self.tell("Notification", json!({"message": message, "notification_type": "permission_prompt"})).await
    }

    pub(crate) async fn call_ended(&self, id: &str, call: &Call, content: &Value) -> Result<(), Over> {
        let mut body = told(id, call);
        match (call.is_error, call.asks) {
            // It was refused, and no event tells that.
            (true, true) => return Ok(()),
            (true, false) => {
                body["error"] = call.gives.clone();
                return self.tell("PostToolUseFailure", body).await;
            }
            (false, _) => {}
        }
        body["tool_response"] = response(call, content);
        self.tell("PostToolUse", body).await
    }

    /// Beginning with a turn of its own, as a command that a person types does.
    pub(crate) async fn compaction_begins(&mut self) -> Result<(), Over> {
        self.prompt = Uuid::new_v4();
        self.tell("PreCompact", json!({"trigger": "manual", "custom_instructions": null})).await
    }

    pub(crate) async fn compaction_ended(&self, summary: &str) -> Result<(), Over> {
        self.tell("PostCompact", json!({"trigger": "manual", "compact_summary": summary})).await
    }
}

fn told(id: &str, call: &Call) -> Value {
    json!({"tool_name": call.name, "tool_use_id": id, "tool_input": call.input})
}

/// The tool's own response, which is not what the model is given.
fn response(call: &Call, content: &Value) -> Value {
    match (call.name, &call.subagent) {
        (_, Some(_)) => {
            let id = content[1]["text"].as_str().and_then(|text| text.split_whitespace().nth(1)).unwrap_or_default();
            json!({"status": "completed", "agentId": id, "content": [content[0]]})
        }
        ("Bash", None) => json!({"stdout": content, "stderr": "", "interrupted": false, "isImage": false}),
        _ => content.clone(),
    }
}
