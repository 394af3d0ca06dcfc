//! One event's payload, by names that vary with agents and their versions.

use serde_json::{Map, Value};
use ursa_model::event::{EventKind, PermissionDecision, ToolStatus};
use ursa_model::message::{Purpose, Tool};
use ursa_model::time::Timestamp;

use super::{HookAgent, HookCall, HookFact, Reading, Stage, Told};
use crate::agents;

/// The fields of a payload.
#[derive(Debug)]
pub struct Payload<'p> {
    fields: &'p Map<String, Value>,
    event: String,
}

impl<'p> Payload<'p> {
    pub(super) fn new(fields: &'p Map<String, Value>, event: Option<&str>) -> Self {
        let told = ["hook_event_name", "hookEventName", "hookName"]
            .into_iter()
            .find_map(|key| fields.get(key)?.as_str())
            .or(event)
            .unwrap_or_default();
        // `preToolUse` and `PreToolUse` are one event.
        let mut event = told.to_owned();
        if let Some(first) = event.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self { fields, event }
    }

    /// The event's name, its first letter upper case.
    pub(crate) fn event(&self) -> &str {
        &self.event
    }

    /// The first of the fields that is there and not null.
    pub(crate) fn value(&self, names: &[&str]) -> Option<&'p Value> {
        names.iter().filter_map(|name| self.fields.get(*name)).find(|value| !value.is_null())
    }

    /// The first of the fields that is a text and not empty.
    pub(crate) fn text(&self, names: &[&str]) -> Option<&'p str> {
        names.iter().filter_map(|name| self.fields.get(*name)?.as_str()).find(|text| !text.is_empty())
    }

    pub(crate) fn some_text(&self, names: &[&str]) -> Option<String> {
        self.text(names).map(str::to_owned)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The agent's own time of the event, as what tells one event from the next.
    pub(crate) fn moment(&self) -> Option<String> {
        match self.value(&["timestamp"])? {
            Value::Number(millis) => Some(format!("at:{millis}")),
            Value::String(text) => Some(match text.parse::<Timestamp>() {
                Ok(at) => format!("at:{}", at.0 / 1000),
                Err(_) => format!("at:{text}"),
            }),
            _ => None,
        }
    }

    /// A field that holds JSON, or JSON as text.
    pub(crate) fn json(&self, names: &[&str]) -> Option<Value> {
        let value = self.value(names)?;
        match value.as_str().filter(|text| text.trim_start().starts_with(['{', '['])) {
            Some(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| value.clone())),
            None => Some(value.clone()),
        }
    }
}

impl Reading {
    pub(super) fn tell(&mut self, told: Told) -> &mut HookFact {
        self.tell_in(self.subagent.clone(), told)
    }

    pub(super) fn tell_in(&mut self, subagent: Option<String>, told: Told) -> &mut HookFact {
        self.facts.push(HookFact { subagent, own: None, told });
        let last = self.facts.len() - 1;
        &mut self.facts[last]
    }

    /// What the user said, without what the agent put in. Says nothing when that is all there was.
    pub(super) fn prompt(&mut self, agent: &HookAgent, text: &str) -> Option<&mut HookFact> {
        let pieces = agents::split(text, agents::agent(agent.slug));
        let own = pieces.iter().filter(|(origin, _)| *origin == ursa_model::message::Origin::Author);
        let text = own.map(|(_, piece)| *piece).collect::<Vec<_>>().join("\n");
        if text.trim().is_empty() {
            return None;
        }
        Some(self.tell(Told::Prompt { text }))
    }

    pub(super) fn said(&mut self, text: Option<&str>) -> Option<&mut HookFact> {
        let text = text.filter(|text| !text.trim().is_empty())?.to_owned();
        Some(self.tell(Told::Said { text, purpose: Purpose::Turn }))
    }

    pub(super) fn happened(&mut self, kind: EventKind, word: Option<&str>, message: &str) -> &mut HookFact {
        let (word, message) = (word.map(str::to_owned), message.to_owned());
        self.tell(Told::Happened { kind, word, message })
    }

    pub(super) fn notice(&mut self, code: &str, message: Option<&str>) {
        self.happened(EventKind::Notice, Some(code), message.unwrap_or_default());
    }

    pub(super) fn asked(&mut self, tool: Tool, arguments: Value, own: Option<String>) {
        let decision = PermissionDecision::Asked;
        self.tell(Told::Permission { tool, arguments, call_id: None, decision, reason: None }).own = own;
    }
}

impl HookCall {
    /// A call that is about to run.
    pub(super) fn before(tool: Tool, told_name: &str, call_id: &str, arguments: Option<Value>) -> Self {
        Self {
            stage: Stage::Before,
            tool,
            told_name: told_name.to_owned(),
            call_id: call_id.to_owned(),
            arguments,
            result: None,
            detail: None,
            is_error: None,
            status: ToolStatus::Running,
            spawned: None,
            beside: false,
        }
    }

    /// The same call after it ran.
    pub(super) fn ended(mut self, failed: bool, detail: Option<Value>) -> Self {
        self.stage = Stage::After;
        self.detail = detail;
        self.is_error = Some(failed);
        self.status = if failed { ToolStatus::Failed } else { ToolStatus::Completed };
        self
    }

    /// The same call, with what the model was given for it.
    pub(super) fn given(mut self, result: Value) -> Self {
        if agents::is_denied(&agents::result_text(&result)) {
            self.is_error = Some(true);
            self.status = ToolStatus::Denied;
        }
        self.result = Some(result);
        self
    }

    pub(super) fn denied(mut self) -> Self {
        self.is_error = Some(true);
        self.status = ToolStatus::Denied;
        self
    }
}
