//! One session: turns of prompts, answers, model calls and tool calls, with a subagent now and then.

use serde_json::{Value, json};
use ursa_model::capture::{Assurance, Channel};
use ursa_model::event::{EventBody, ModelCallBody, ToolCallBody, ToolStatus};
use ursa_model::ids::EventId;
use ursa_model::message::{AgentKind, CallError, CommandLine, Purpose, Tool, ToolType, Usage};
use ursa_model::session::{Gap, SessionAgent, SessionDevice, SessionUser};
use ursa_model::time::Timestamp;
use ursa_store::{FactWrite, SessionAttributes, SessionWrite};

use crate::facts::{Place, Talk};
use crate::random::Random;
use crate::words;

/// Slug, name, version, where it runs, provider, model.
type Agent = (&'static str, &'static str, &'static str, AgentKind, &'static str, &'static str);

const AGENTS: &[Agent] = &[
    ("claude-code", "Claude Code", "2.1.330", AgentKind::Terminal, "anthropic", "claude-opus-5-5"),
    ("claude-code", "Claude Code", "2.1.328", AgentKind::Terminal, "anthropic", "claude-sonnet-5"),
    ("codex", "Codex", "0.169.0", AgentKind::Terminal, "openai", "gpt-6-codex"),
    ("opencode", "opencode", "1.9.4", AgentKind::Terminal, "anthropic", "claude-sonnet-5"),
    ("copilot-cli", "Copilot CLI", "1.4.0", AgentKind::Terminal, "openai", "gpt-6"),
    ("openai-python", "OpenAI SDK (Python)", "3.2.0", AgentKind::Sdk, "openai", "gpt-6-mini"),
];
const USERS: &[(&str, &str)] = &[
    ("amara", "Amara Okafor"),
    ("bruno", "Bruno Lima"),
    ("chen", "Chen Wei"),
    ("dana", "Dana Levi"),
    ("emre", "Emre Aksoy"),
];
const SERVERS: &[(&str, &str)] = &[("github", "search_issues"), ("postgres", "query"), ("sentry", "list_events")];
/// Median length of a text, in bytes.
const MEDIAN_BYTES: usize = 1000;

/// What session to write.
pub(crate) struct Plan {
    pub(crate) number: usize,
    pub(crate) events: usize,
    pub(crate) begins: Timestamp,
    pub(crate) ends_by: Timestamp,
}

/// A session as written.
pub(crate) struct Made {
    pub(crate) session: SessionWrite,
    pub(crate) facts: Vec<FactWrite>,
}

/// Writes a session down, with exactly as many events as planned.
pub(crate) fn write(plan: &Plan, random: &mut Random) -> Made {
    let agent = AGENTS[plan.number % AGENTS.len()];
    let user = USERS[random.below(USERS.len())];
    let conversation = format!("seed-{:06}", plan.number);
    let mut author = Author {
        talk: Talk::new(agent.0, &conversation),
        random,
        at: plan.begins,
        // The last event lies in the past, however many there are.
        pace: (plan.ends_by.0 - plan.begins.0).min(3_600_000_000) / i64::try_from(plan.events.max(1)).unwrap_or(1),
        events: plan.events,
        agent,
        subagent: None,
        subagents: 0,
    };
    while author.room() {
        author.turn();
    }
    let title = words::prose(author.random, 24);
    let gaps = if author.random.percent(5) {
        let detail = "an answer was cut short by its client".to_owned();
        vec![Gap { channel: Channel::Edge, kind: "client_abort".to_owned(), detail }]
    } else {
        Vec::new()
    };
    let Talk { scope, session, facts } = author.talk;
    let attributes = SessionAttributes {
        conversation_id: Some(conversation),
        thread_id: session.to_string(),
        parent: None,
        agent: SessionAgent {
            slug: agent.0.to_owned(),
            name: agent.1.to_owned(),
            version: Some(agent.2.to_owned()),
            kind: agent.3,
        },
        user: Some(SessionUser {
            id: user.0.to_owned(),
            email: Some(format!("{}@example.org", user.0)),
            name: Some(user.1.to_owned()),
            source: Assurance::Reported,
        }),
        device: Some(SessionDevice {
            id: format!("{}-laptop", user.0),
            hostname: Some(format!("{}-laptop", user.0)),
            serial: None,
            source: Assurance::Reported,
        }),
        title: Some(title.trim_end_matches('.').to_owned()),
        cwd: Some(format!("/home/{}/project", user.0)),
        repository: None,
        gaps,
    };
    Made { session: SessionWrite { id: session, scope, attributes }, facts }
}

struct Author<'a> {
    talk: Talk,
    random: &'a mut Random,
    at: Timestamp,
    /// Microseconds from event to event.
    pace: i64,
    events: usize,
    agent: Agent,
    subagent: Option<String>,
    subagents: usize,
}

impl Author<'_> {
    fn room(&self) -> bool {
        self.talk.facts.len() < self.events
    }

    fn add(&mut self, parent: Option<EventId>, body: EventBody) -> Option<EventId> {
        if !self.room() {
            return None;
        }
        self.at = self.at.plus_micros(self.pace);
        let subagent = self.subagent.clone();
        let place = Place { at: self.at, parent, subagent: subagent.as_deref() };
        Some(self.talk.add(&place, body))
    }

    fn turn(&mut self) {
        let length = self.random.length(200).min(8000);
        let text = words::prose(self.random, length);
        self.add(None, EventBody::Prompt { text, attachments: Vec::new() });
        for _ in 0..self.random.between(2, 9) {
            let call = self.model_call();
            if self.random.percent(25) {
                let text = words::prose(self.random, 300);
                self.add(call, EventBody::Reasoning { text });
            }
            for _ in 0..self.random.between(1, 4) {
                self.tool_call(call);
            }
        }
        if self.random.percent(20) {
            self.subagent();
        }
        let call = self.model_call();
        self.completion(call);
    }

    fn model_call(&mut self) -> Option<EventId> {
        let failed = self.random.percent(2);
        let number = self.talk.facts.len();
        let body = ModelCallBody {
            provider: self.agent.4.to_owned(),
            request_model: Some(self.agent.5.to_owned()),
            response_model: (!failed).then(|| self.agent.5.to_owned()),
            response_id: (!failed).then(|| format!("msg_{number}")),
            purpose: Purpose::Turn,
            status_code: Some(if failed { 529 } else { 200 }),
            stream: true,
            latency_ms: Some(self.random.between(400, 20_000) as u64),
            time_to_first_chunk_ms: Some(self.random.between(200, 1500) as u64),
            usage: (!failed).then(|| Usage {
                input_tokens: Some(self.random.between(20, 4000) as u64),
                output_tokens: Some(self.random.between(20, 2000) as u64),
                cache_read_input_tokens: Some(self.random.between(5000, 150_000) as u64),
                ..Usage::default()
            }),
            error: failed.then(|| CallError { kind: "overloaded_error".to_owned(), message: "Overloaded".to_owned() }),
        };
        self.add(None, EventBody::ModelCall(Box::new(body)))
    }

    fn completion(&mut self, call: Option<EventId>) {
        let length = self.random.length(MEDIAN_BYTES);
        let body = EventBody::Completion {
            text: words::markdown(self.random, length),
            model: Some(self.agent.5.to_owned()),
            response_id: Some(format!("msg_{}", self.talk.facts.len())),
            finish_reason: Some("end_turn".to_owned()),
            purpose: Purpose::Turn,
        };
        self.add(call, body);
    }

    fn subagent(&mut self) {
        self.subagents += 1;
        let id = format!("agent-{}", self.subagents);
        let tool = Tool { name: "Agent".to_owned(), kind: ToolType::Builtin, ..Tool::default() };
        let prompt = words::prose(self.random, 300);
        let result = words::markdown(self.random, 600);
        let arguments = json!({"description": "look around", "subagent_type": "Explore", "prompt": prompt});
        self.tool(None, tool, arguments, Some(json!(result)), false, Some(id.clone()));
        self.subagent = Some(id);
        self.add(None, EventBody::Prompt { text: prompt, attachments: Vec::new() });
        for _ in 0..self.random.between(2, 6) {
            let call = self.model_call();
            self.tool_call(call);
        }
        let call = self.model_call();
        self.completion(call);
        self.subagent = None;
    }

    fn tool_call(&mut self, call: Option<EventId>) {
        let failed = self.random.percent(6);
        let length = self.random.length(MEDIAN_BYTES);
        match self.random.below(10) {
            0..=4 => {
                let (program, line) = words::command(self.random);
                let argv = line.split(' ').map(str::to_owned).collect();
                let tool = Tool {
                    name: "Bash".to_owned(),
                    kind: ToolType::Builtin,
                    cli: Some(CommandLine { program: program.to_owned(), argv }),
                    ..Tool::default()
                };
                let output = words::output(self.random, length);
                self.tool(call, tool, json!({"command": line}), Some(json!(output)), failed, None);
            }
            5 | 6 => {
                let file = self.random.pick(words::FILES);
                let tool = Tool { name: "Read".to_owned(), kind: ToolType::Builtin, ..Tool::default() };
                let text = words::code(self.random, length);
                self.tool(call, tool, json!({"file_path": file}), Some(json!(text)), failed, None);
            }
            7 | 8 => {
                let file = self.random.pick(words::FILES);
                let (old, new) = (words::code(self.random, 200), words::code(self.random, 300));
                let tool = Tool { name: "Edit".to_owned(), kind: ToolType::Builtin, ..Tool::default() };
                let arguments = json!({"file_path": file, "old_string": old, "new_string": new});
                let result = json!(format!("The file {file} has been updated."));
                self.tool(call, tool, arguments, Some(result), failed, None);
            }
            _ => {
                let (server, name) = SERVERS[self.random.below(SERVERS.len())];
                let tool = Tool {
                    name: format!("mcp__{server}__{name}"),
                    kind: ToolType::Mcp,
                    mcp_server: Some(server.to_owned()),
                    mcp_tool: Some(name.to_owned()),
                    cli: None,
                };
                let rows: Vec<Value> = (0..self.random.between(1, 12))
                    .map(|id| json!({"id": id, "title": words::prose(self.random, 40), "open": id % 2 == 0}))
                    .collect();
                let arguments = json!({"query": words::prose(self.random, 20), "limit": 12});
                self.tool(
                    call,
                    tool,
                    arguments,
                    Some(json!([{"type": "text", "text": json!(rows).to_string()}])),
                    failed,
                    None,
                );
            }
        }
    }

    fn tool(
        &mut self,
        call: Option<EventId>,
        tool: Tool,
        arguments: Value,
        result: Option<Value>,
        failed: bool,
        spawned: Option<String>,
    ) {
        let millis = self.random.between(5, 4000) as u64;
        let started = self.at.plus_micros(self.pace);
        let body = ToolCallBody {
            tool,
            call_id: format!("toolu_{}", self.talk.facts.len()),
            arguments: Some(arguments),
            executed_arguments: None,
            result,
            detail: None,
            is_error: Some(failed),
            status: if failed { ToolStatus::Failed } else { ToolStatus::Completed },
            started_at: Some(started),
            ended_at: Some(started.plus_micros(millis as i64 * 1000)),
            duration_ms: Some(millis),
            spawned_subagent_id: spawned,
        };
        self.add(call, EventBody::ToolCall(Box::new(body)));
    }
}
