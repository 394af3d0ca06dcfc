//! Sessions as ATIF-v1.7 trajectories.
//!
//! ATIF tells a run as steps: what the user said, and what the agent did in one answer (text, reasoning, tool calls
//! with their results). A model call begins an agent's step; subagents are embedded trajectories of their own. Calls
//! besides the conversation (titles, classifiers, …) have no place in a trajectory; `notes` says how many there were.

#![allow(clippy::struct_field_names, reason = "the names are ATIF's")]

use serde::Serialize;
use serde_json::{Map, Value, json};
use ursa_model::event::{Event, EventBody, ModelCallBody, ToolCallBody};
use ursa_model::message::Purpose;
use ursa_model::session::Session;
use ursa_model::time::Timestamp;

const SCHEMA_VERSION: &str = "ATIF-v1.7";

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Trajectory {
    schema_version: &'static str,
    session_id: String,
    trajectory_id: String,
    agent: Agent,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    final_metrics: FinalMetrics,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subagent_trajectories: Vec<Trajectory>,
}

#[derive(Debug, Clone, Serialize)]
struct Agent {
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct FinalMetrics {
    total_prompt_tokens: u64,
    total_completion_tokens: u64,
    total_cached_tokens: u64,
    total_steps: usize,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    User,
    Agent,
}

#[derive(Debug, Serialize)]
struct Step {
    step_id: usize,
    timestamp: Timestamp,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observation: Option<Observation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Value>,
}

#[derive(Debug, Serialize)]
struct ToolCall {
    tool_call_id: String,
    function_name: String,
    arguments: Map<String, Value>,
}

#[derive(Debug, Default, Serialize)]
struct Observation {
    results: Vec<ObservationResult>,
}

#[derive(Debug, Serialize)]
struct ObservationResult {
    source_call_id: String,
    content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subagent_trajectory_ref: Vec<TrajectoryRef>,
}

#[derive(Debug, Serialize)]
struct TrajectoryRef {
    trajectory_id: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Metrics {
    prompt_tokens: u64,
    completion_tokens: u64,
    cached_tokens: u64,
}

impl Step {
    fn new(source: Source, timestamp: Timestamp, message: String) -> Self {
        Self {
            step_id: 0,
            timestamp,
            source,
            model_name: None,
            message,
            reasoning_content: None,
            tool_calls: Vec::new(),
            observation: None,
            metrics: None,
            extra: None,
        }
    }

    /// True while the agent said and did nothing in it.
    fn is_silent(&self) -> bool {
        self.message.is_empty() && self.reasoning_content.is_none() && self.tool_calls.is_empty()
    }
}

/// The session as a trajectory, with an embedded one for each of its subagents.
pub(crate) fn trajectory(session: &Session, events: &[Event]) -> Trajectory {
    let mut subagents: Vec<&str> = Vec::new();
    for id in events.iter().filter_map(|event| event.subagent_id.as_deref()) {
        if !subagents.contains(&id) {
            subagents.push(id);
        }
    }
    let of = |subagent: Option<&str>, known: &[&str]| {
        let mut steps = Steps::default();
        for event in events.iter().filter(|event| event.subagent_id.as_deref() == subagent) {
            steps.add(event, known);
        }
        steps.finish(session, subagent)
    };
    let mut whole = of(None, &subagents);
    whole.subagent_trajectories = subagents.iter().map(|id| of(Some(id), &[])).collect();
    whole
}

/// Builds the steps of one trajectory.
#[derive(Default)]
struct Steps {
    done: Vec<Step>,
    /// The agent's step that more may belong to.
    open: Option<Step>,
    side_calls: usize,
}

impl Steps {
    fn add(&mut self, event: &Event, subagents: &[&str]) {
        match &event.body {
            EventBody::Prompt { text, .. } => {
                // A call and the prompt in its request are of the same moment; the prompt goes first.
                if !self.open.as_ref().is_some_and(Step::is_silent) {
                    self.close();
                }
                self.done.push(Step::new(Source::User, event.at, text.clone()));
            }
            EventBody::ModelCall(call) if call.purpose == Purpose::Turn => {
                self.close();
                self.open(event.at, |_| false).begin_call(call);
            }
            EventBody::ModelCall(_) => self.side_calls += 1,
            EventBody::Completion { text, model, purpose: Purpose::Turn, .. } => {
                let step = self.open(event.at, |open| !open.message.is_empty() || !open.tool_calls.is_empty());
                step.message.clone_from(text);
                if step.model_name.is_none() {
                    step.model_name.clone_from(model);
                }
            }
            // The format has no place for what happened around the conversation.
            EventBody::Completion { .. }
            | EventBody::SessionStart { .. }
            | EventBody::SessionEnd { .. }
            | EventBody::Permission(_)
            | EventBody::SubagentStart { .. }
            | EventBody::SubagentStop { .. }
            | EventBody::Compaction { .. }
            | EventBody::Error { .. }
            | EventBody::Notice { .. } => {}
            EventBody::Reasoning { text } => {
                let step = self.open(event.at, |open| !open.tool_calls.is_empty());
                let reasoning = step.reasoning_content.get_or_insert_default();
                if !reasoning.is_empty() {
                    reasoning.push('\n');
                }
                reasoning.push_str(text);
            }
            EventBody::ToolCall(call) => self.open(event.at, |_| false).add_tool_call(event, call, subagents),
        }
    }

    /// The open step; a new one when there is none, or when what comes cannot belong to it.
    fn open(&mut self, at: Timestamp, is_over: impl Fn(&Step) -> bool) -> &mut Step {
        if self.open.as_ref().is_some_and(is_over) {
            self.close();
        }
        self.open.get_or_insert_with(|| Step::new(Source::Agent, at, String::new()))
    }

    fn close(&mut self) {
        if let Some(step) = self.open.take()
            && !(step.is_silent() && step.metrics.is_none() && step.extra.is_none())
        {
            self.done.push(step);
        }
    }

    fn finish(mut self, session: &Session, subagent: Option<&str>) -> Trajectory {
        self.close();
        let mut totals = FinalMetrics { total_steps: self.done.len(), ..FinalMetrics::default() };
        for (index, step) in self.done.iter_mut().enumerate() {
            step.step_id = index + 1;
            if let Some(metrics) = step.metrics {
                totals.total_prompt_tokens += metrics.prompt_tokens;
                totals.total_completion_tokens += metrics.completion_tokens;
                totals.total_cached_tokens += metrics.cached_tokens;
            }
        }
        let agent = Agent {
            name: session.agent.slug.clone(),
            version: session.agent.version.clone().unwrap_or_else(|| "unknown".to_owned()),
            model_name: self.done.iter().find_map(|step| step.model_name.clone()),
        };
        Trajectory {
            schema_version: SCHEMA_VERSION,
            session_id: session.id.to_string(),
            trajectory_id: subagent.map_or_else(|| session.id.to_string(), str::to_owned),
            agent,
            steps: self.done,
            notes: (self.side_calls > 0)
                .then(|| format!("{} model calls besides the conversation are left out", self.side_calls)),
            final_metrics: totals,
            subagent_trajectories: Vec::new(),
        }
    }
}

impl Step {
    fn begin_call(&mut self, call: &ModelCallBody) {
        self.model_name = call.response_model.clone().or_else(|| call.request_model.clone());
        self.metrics = call.usage.map(|usage| {
            let input = usage.input_tokens.unwrap_or(0);
            let read = usage.cache_read_input_tokens.unwrap_or(0);
            // Anthropic counts cached input apart, the others within; ATIF counts it within.
            let apart =
                if call.provider == "anthropic" { read + usage.cache_creation_input_tokens.unwrap_or(0) } else { 0 };
            Metrics {
                prompt_tokens: input + apart,
                completion_tokens: usage.output_tokens.unwrap_or(0),
                cached_tokens: read,
            }
        });
        self.extra = call.error.as_ref().map(|error| json!({"error": error}));
    }

    fn add_tool_call(&mut self, event: &Event, call: &ToolCallBody, subagents: &[&str]) {
        let id = if call.call_id.is_empty() { event.id.to_string() } else { call.call_id.clone() };
        let arguments = match &call.arguments {
            Some(Value::Object(fields)) => fields.clone(),
            None | Some(Value::Null) => Map::new(),
            Some(other) => Map::from_iter([("input".to_owned(), other.clone())]),
        };
        self.tool_calls.push(ToolCall { tool_call_id: id.clone(), function_name: call.tool.name.clone(), arguments });
        if let Some(result) = &call.result {
            let spawned = call.spawned_subagent_id.iter().filter(|id| subagents.contains(&id.as_str()));
            self.observation.get_or_insert_default().results.push(ObservationResult {
                source_call_id: id,
                content: result_text(result),
                subagent_trajectory_ref: spawned.map(|id| TrajectoryRef { trajectory_id: id.clone() }).collect(),
            });
        }
    }
}

/// A result as text: a string as it is, text blocks one after the other, anything else as JSON.
fn result_text(result: &Value) -> String {
    match result {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Option<Vec<&str>> = blocks.iter().map(|block| block.get("text")?.as_str()).collect();
            texts.map_or_else(|| result.to_string(), |texts| texts.join("\n"))
        }
        other => other.to_string(),
    }
}
