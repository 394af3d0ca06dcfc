//! What agents that speak Anthropic Messages have in common.

use serde_json::{Value, json};

use super::hooks::Hooks;
use super::{Tempo, text_block};
use crate::script::{Call, Person, Say, Session, Step, Subagent, Trouble, Turn, TurnKind};
use crate::stage::{Address, Over, Stage};
use crate::upstream::Reply;
use crate::wire::anthropic::{Answer, overloaded};
use crate::wire::tokens;

/// What one program shows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// All of a request but `messages`.
    pub(crate) body: Value,
    /// Blocks that the agent puts before the first prompt.
    pub(crate) opening: Vec<Value>,
    /// Before the words of each prompt.
    pub(crate) before_prompt: String,
    /// A message of the system's that follows the first prompt.
    pub(crate) environment: Option<Value>,
    /// Each prompt is a conversation of its own, and its content a plain string.
    pub(crate) is_one_shot: bool,
    /// What stands before the conversation: system prompt and tools with their schemas, in tokens. The demo's own are
    /// shorter than what the programs send.
    pub(crate) base_tokens: u64,
    /// The body of a call that asks for a title, but for its prompt.
    pub(crate) title: Option<fn(&Face, &str) -> Value>,
    /// Whether tokens are counted first.
    pub(crate) counts_tokens: bool,
    /// The same program as a subagent.
    pub(crate) subagent: Option<fn(&Face, &str) -> Face>,
    /// What it tells its hooks, if it has any.
    pub(crate) hooks: Option<Hooks>,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    stage: Stage,
    face: Face,
    person: Person,
    tempo: Tempo,
    messages: Vec<Value>,
    /// Tokens of the context when the model was last asked.
    cached: u64,
}

const PATH: &str = "/v1/messages";

/// How Claude Code asks for a summary; without a cache mark, by which the adapters know it.
const ASKS_FOR_SUMMARY: &str = "Your task is to create a detailed summary of the conversation so far, so that the work \
                                can go on from it alone.";
/// How it goes on.
const CONTINUED: &str =
    "This session is being continued from a previous conversation that ran out of context. The summary:\n\n";

impl Talk {
    pub(crate) fn new(stage: &Stage, session: &Session, face: Face, tempo: Tempo) -> Self {
        let person = session.person;
        Self { stage: stage.clone(), face, person, tempo, messages: Vec::new(), cached: 0 }
    }

    fn address(&self, path: &'static str) -> Address {
        Address { upstream: "anthropic", path, person: self.person }
    }

    /// Asks a small model for a title, and how many tokens there are.
    pub(crate) async fn ask_for_title(&self, prompt: &str, title: &str) -> Result<(), Over> {
        if self.face.counts_tokens {
            let body = json!({"model": self.face.body["model"], "messages": [{"role": "user", "content": prompt}]});
            let count = json!({"input_tokens": tokens(prompt)});
            let reply = Reply::json(200, count.to_string().into());
            self.stage.exchange(self.address("/v1/messages/count_tokens"), &self.face.headers, &body, reply).await?;
        }
        let Some(ask) = self.face.title else { return Ok(()) };
        let body = ask(&self.face, prompt);
        let said = if body["output_config"].is_null() { title.to_owned() } else { json!({"title": title}).to_string() };
        let model = body["model"].as_str().unwrap_or_default();
        let answer = Answer::new(&[Say::Text(said)], model, tokens(&body.to_string()), 0);
        let reply = Reply::events(answer.events(), self.tempo.delta);
        self.stage.exchange(self.address(PATH), &self.face.headers, &body, reply).await
    }

    pub(crate) async fn open(&self) -> Result<(), Over> {
        match &self.face.hooks {
            Some(hooks) => hooks.session_started().await,
            None => Ok(()),
        }
    }

    pub(crate) async fn close(&self) -> Result<(), Over> {
        match &self.face.hooks {
            Some(hooks) => hooks.session_ended().await,
            None => Ok(()),
        }
    }

    pub(crate) async fn turn(&mut self, turn: &Turn) -> Result<(), Over> {
        if turn.kind == TurnKind::Compaction {
            return self.compact(turn).await;
        }
        if let Some(hooks) = &mut self.face.hooks {
            hooks.turn_begins(&turn.prompt).await?;
        }
        self.prompt(turn);
        for step in &turn.steps {
            self.step(step).await?;
        }
        match &self.face.hooks {
            Some(hooks) => hooks.turn_ended(last_words(&turn.steps)).await,
            None => Ok(()),
        }
    }

    fn prompt(&mut self, turn: &Turn) {
        if self.face.is_one_shot {
            self.messages = vec![json!({"role": "user", "content": turn.prompt})];
            self.cached = 0;
            return;
        }
        let mut blocks = std::mem::take(&mut self.face.opening);
        blocks.extend(turn.attached.iter().cloned());
        blocks.push(text_block(format!("{}{}", self.face.before_prompt, turn.prompt)));
        self.messages.push(json!({"role": "user", "content": blocks}));
        self.messages.extend(self.face.environment.take());
    }

    async fn step(&mut self, step: &Step) -> Result<(), Over> {
        let answer = self.answer(&step.says);
        self.ask(&answer, step.trouble, true).await?;
        self.messages.push(json!({"role": "assistant", "content": answer.blocks}));
        let calls = step.says.iter().filter_map(|say| match say {
            Say::Call(call) => Some(call),
            _ => None,
        });
        let calls: Vec<_> = answer.call_ids().into_iter().zip(calls).collect();
        if let Some(hooks) = &self.face.hooks {
            for (id, call) in &calls {
                hooks.call_begins(id, call).await?;
            }
        }
        self.stage.pause(self.tempo.tools(&step.says)).await?;
        let mut results = Vec::new();
        for (id, call) in calls {
            let content = match &call.subagent {
                Some(subagent) => self.delegate(subagent).await?,
                None => call.gives.clone(),
            };
            if let Some(hooks) = &self.face.hooks {
                hooks.call_ended(&id, call, &content).await?;
            }
            results.push(result(&id, call, &content));
        }
        if !results.is_empty() {
            self.messages.push(json!({"role": "user", "content": results}));
        }
        Ok(())
    }

    /// Runs a subagent to its end; gives the result of the call that started it.
    async fn delegate(&self, subagent: &Subagent) -> Result<Value, Over> {
        let Some(face) = self.face.subagent else { return Ok(Value::Null) };
        let id = format!("a{}", &uuid::Uuid::new_v4().simple().to_string()[..16]);
        let mut child = Self {
            stage: self.stage.clone(),
            face: face(&self.face, &id),
            person: self.person,
            tempo: self.tempo,
            messages: Vec::new(),
            cached: 0,
        };
        let turn = crate::script::turn(subagent.prompt, subagent.steps.clone());
        Box::pin(child.turn(&turn)).await?;
        let report = last_words(&subagent.steps);
        Ok(json!([text_block(report), text_block(format!("agentId: {id} (internal ID)"))]))
    }

    async fn compact(&mut self, turn: &Turn) -> Result<(), Over> {
        let Some(step) = turn.steps.first() else { return Ok(()) };
        self.messages.push(json!({"role": "user", "content": [text_block(ASKS_FOR_SUMMARY)]}));
        if let Some(hooks) = &mut self.face.hooks {
            hooks.compaction_begins().await?;
        }
        let answer = self.answer(&step.says);
        self.ask(&answer, step.trouble, false).await?;
        let summary = answer.blocks.iter().filter_map(|block| block["text"].as_str()).collect::<String>();
        if let Some(hooks) = &self.face.hooks {
            hooks.compaction_ended(&summary).await?;
        }
        self.messages.clear();
        self.cached = self.face.base_tokens;
        self.face.opening = vec![text_block(format!("{CONTINUED}{summary}"))];
        self.stage.pause(self.tempo.step).await
    }

    /// The model's answer to the conversation as it stands.
    fn answer(&mut self, says: &[Say]) -> Answer {
        let sent = self.messages.iter().map(|message| tokens(&message.to_string())).sum::<u64>();
        let context = self.face.base_tokens + sent;
        let model = self.face.body["model"].as_str().unwrap_or_default();
        let answer = Answer::new(says, model, context, self.cached);
        self.cached = context;
        answer
    }

    async fn ask(&self, answer: &Answer, trouble: Trouble, marks_cache: bool) -> Result<(), Over> {
        let body = self.body(marks_cache);
        let mut headers = self.face.headers.clone();
        let to = self.address(PATH);
        let streams = body["stream"] == true;
        let reply = |answer: &Answer| {
            if streams {
                Reply::events(answer.events(), self.tempo.delta)
            } else {
                Reply::whole(answer.object(), self.tempo.step)
            }
        };
        let failed = match trouble {
            Trouble::None => None,
            Trouble::Overloaded => Some(Reply::json(529, overloaded())),
            Trouble::Cut => Some(reply(&answer.again()).cut()),
        };
        headers.push(("x-stainless-retry-count", "0".to_owned()));
        if let Some(failed) = failed {
            self.stage.exchange(to, &headers, &body, failed).await?;
            self.stage.pause(self.tempo.step).await?;
            headers.pop();
            headers.push(("x-stainless-retry-count", "1".to_owned()));
        }
        self.stage.exchange(to, &headers, &body, reply(answer)).await
    }

    /// The request, with the cache mark on its last block, which so moves from call to call.
    fn body(&self, marks_cache: bool) -> Value {
        let mut messages = self.messages.clone();
        let last =
            messages.last_mut().and_then(|last| last["content"].as_array_mut()).and_then(|blocks| blocks.last_mut());
        if let (Some(block), true) = (last, marks_cache) {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        let mut body = self.face.body.clone();
        body["messages"] = Value::Array(messages);
        body
    }
}

/// What the model says last.
fn last_words(steps: &[Step]) -> &str {
    match steps.last().and_then(|step| step.says.last()) {
        Some(Say::Text(text)) => text,
        _ => "",
    }
}

fn result(id: &str, call: &Call, content: &Value) -> Value {
    let mut result = json!({"type": "tool_result", "tool_use_id": id, "content": content});
    if call.is_error {
        result["is_error"] = json!(true);
    }
    result
}
