//! Facts of one event, as observations with the keys that they have on the wire.

use serde_json::Value;
use ursa_adapters::hooks::{HookCall, HookFact, Stage, Told, action, codex};
use ursa_model::chain::is_weak_id;
use ursa_model::event::EventKind;
use ursa_model::observation::{Content, Key, Observation, Vantage};
use ursa_store::StoreError;

use super::Observer;
use super::link::{self, Place};
use crate::draft::Draft;

/// Within this many microseconds, equal events of one turn that no id tells apart are one: hooks that are installed
/// twice fire twice.
const SAME_MOMENT_MICROS: i64 = 10_000_000;

impl<'a> Observer<'a> {
    pub(super) fn fact(&mut self, draft: &mut Draft, fact: &HookFact, ordinal: u32) -> Result<(), StoreError> {
        let first = self.observations.len();
        match &fact.told {
            Told::Prompt { text } => {
                let content = Content::Prompt { text: text.clone(), attachments: Vec::new() };
                self.counted(fact, EventKind::Prompt, Vantage::HookBefore, self.text_key(text), content);
            }
            Told::Said { text, purpose } => {
                let content = Content::Completion {
                    text: text.clone(),
                    model: None,
                    response_id: None,
                    finish_reason: None,
                    purpose: *purpose,
                };
                self.counted(fact, EventKind::Completion, Vantage::HookAfter, self.text_key(text), content);
            }
            Told::Thought { text } => {
                let turn = self.reading.turn.as_deref().unwrap_or_default();
                let key = Key::Response(format!("hook:{turn}#{}", self.maker.text_key(text)));
                let content = Content::Reasoning { text: text.clone() };
                let told = self.make(Some(EventKind::Reasoning), Vantage::HookAfter, vec![key], content);
                self.observations.push(told);
            }
            Told::Call(call) => self.call(draft, fact, call)?,
            Told::Permission { .. } => self.permission(draft, fact)?,
            Told::Happened { kind, word, message } => self.happened(fact, *kind, word.as_deref(), message),
            Told::Alias { .. } | Told::Task { .. } => {}
        }
        let own_thread = fact.subagent == self.reading.subagent;
        for told in &mut self.observations[first..] {
            if !matches!(told.content, Content::Inside { .. }) {
                told.ordinal = ordinal;
            }
            if !own_thread {
                told.subagent_id.clone_from(&fact.subagent);
            }
        }
        Ok(())
    }

    fn text_key(&self, text: &str) -> Key {
        Key::Text(self.maker.text_key(text))
    }

    /// A fact that is told apart from others like it by rank.
    fn counted(&mut self, fact: &HookFact, kind: EventKind, vantage: Vantage, key: Key, content: Content) {
        let mut told = self.make(Some(kind), vantage, vec![key], content);
        told.own_key = Some(match (&fact.own, &self.reading.turn) {
            (Some(own), _) | (None, Some(own)) => own.clone(),
            (None, None) => self.moment(),
        });
        self.observations.push(told);
    }

    fn moment(&self) -> String {
        format!("moment:{}", self.received.at.0.div_euclid(SAME_MOMENT_MICROS))
    }

    /// What a turn may tell more than once.
    fn own_in_turn(&self, fact: &HookFact) -> String {
        let turn = self.reading.turn.as_deref().unwrap_or_default();
        fact.own.clone().unwrap_or_else(|| format!("{turn}:{}", self.moment()))
    }

    fn happened(&mut self, fact: &HookFact, kind: EventKind, word: Option<&str>, message: &str) {
        let content = Content::Happened { word: word.map(str::to_owned), message: message.to_owned() };
        let vantage = Vantage::HookAfter;
        match kind {
            EventKind::SubagentStart | EventKind::SubagentStop => {
                let id = self.subagent.clone().unwrap_or_default();
                let told = self.make(Some(kind), vantage, vec![Key::Call(id)], content);
                self.observations.push(told);
            }
            EventKind::Error | EventKind::Notice => {
                let key = self.text_key(&format!("{}\n{message}", word.unwrap_or_default()));
                let mut told = self.make(Some(kind), vantage, vec![key], content);
                told.own_key = Some(self.own_in_turn(fact));
                self.observations.push(told);
            }
            _ => {
                let key = Key::Occurrence(word.unwrap_or_default().to_owned(), 0);
                self.counted(fact, kind, vantage, key, content);
            }
        }
    }

    fn action_key(&self, tool: &str, arguments: &Value) -> Key {
        Key::Action(self.maker.text_key(&action(self.agent, tool, arguments)))
    }

    /// A call's id is its key; one without an id, or with one that says nothing, is told by tool and arguments.
    fn call(&mut self, draft: &mut Draft, fact: &HookFact, call: &HookCall) -> Result<(), StoreError> {
        let is_weak = is_weak_id(&call.call_id);
        let arguments = call.arguments.as_ref().unwrap_or(&Value::Null);
        let action = self.action_key(&call.told_name, arguments);
        let mut keys = Vec::new();
        if !is_weak {
            keys.push(Key::Call(call.call_id.clone()));
        }
        if is_weak || self.agent.counts_calls {
            keys.push(action.clone());
        }
        let vantage = match call.stage {
            Stage::Before => Vantage::HookBefore,
            Stage::After => Vantage::HookAfter,
            Stage::Batch => Vantage::HookBatch,
        };
        let mut told = self.make(Some(EventKind::ToolCall), vantage, keys, content(call));
        if told.keys.contains(&action) {
            told.own_key = Some(self.own_of_call(fact, call));
        }
        self.observations.push(told);
        if is_weak || call.stage != Stage::Before {
            return Ok(());
        }
        let place = self.place();
        let found = link::call_runs(draft, &place, &action, &call.call_id, self.received.at)?;
        let asked = found.into_iter().map(|(own, at)| self.asked_for(&action, &call.call_id, own, at));
        let asked: Vec<Observation> = asked.collect();
        self.observations.extend(asked);
        if self.agent.slug == codex::AGENT.slug && codex::is_scripted(&call.call_id) {
            for (outer, at) in link::scripted_call(draft, &place, arguments, &call.call_id, self.received.at)? {
                let content = Content::Inside { call_id: outer.clone() };
                let made = self.make(Some(EventKind::ToolCall), Vantage::WireReply, Vec::new(), content);
                self.observations.push(link::inside(made, &call.call_id, outer, at));
            }
        }
        Ok(())
    }

    fn own_of_call(&self, fact: &HookFact, call: &HookCall) -> String {
        let own = match &fact.own {
            Some(own) => own.clone(),
            None if call.call_id.is_empty() => self.own_in_turn(fact),
            None => format!("call:{}@{}", call.call_id, self.reading.turn.as_deref().unwrap_or_default()),
        };
        if call.beside { format!("{}{own}", Observation::BESIDE) } else { own }
    }

    fn place(&self) -> Place<'a> {
        Place { maker: self.maker, scope: self.scope, turn: self.reading.turn.as_deref() }
    }

    fn permission(&mut self, draft: &mut Draft, fact: &HookFact) -> Result<(), StoreError> {
        let Told::Permission { tool, arguments, call_id, decision, reason } = &fact.told else { return Ok(()) };
        let action = self.action_key(&tool.name, arguments);
        let own = self.own_in_turn(fact);
        let content = Content::Permission {
            tool: Some(tool.clone()),
            call_id: call_id.clone(),
            arguments: Some(arguments.clone()),
            decision: *decision,
            reason: reason.clone(),
        };
        let vantage = if call_id.is_some() { Vantage::HookAfter } else { Vantage::HookBefore };
        let mut told = self.make(Some(EventKind::Permission), vantage, vec![action.clone()], content);
        told.own_key = Some(own.clone());
        self.observations.push(told);
        if call_id.is_none() {
            let found = link::permission_asked(draft, &self.place(), &action, &own, self.received.at)?;
            let at = self.received.at;
            let asked: Vec<Observation> =
                found.iter().map(|call_id| self.asked_for(&action, call_id, own.clone(), at)).collect();
            self.observations.extend(asked);
        }
        Ok(())
    }

    /// The call that a permission was asked for.
    fn asked_for(&self, action: &Key, call_id: &str, own: String, at: ursa_model::time::Timestamp) -> Observation {
        let content = Content::Permission {
            tool: None,
            call_id: Some(call_id.to_owned()),
            arguments: None,
            decision: ursa_model::event::PermissionDecision::Asked,
            reason: None,
        };
        let told = self.make(Some(EventKind::Permission), Vantage::HookBefore, vec![action.clone()], content);
        Observation { own_key: Some(own), at, ..told }
    }
}

fn content(call: &HookCall) -> Content {
    Content::ToolCall {
        tool: Some(call.tool.clone()),
        call_id: call.call_id.clone(),
        arguments: call.arguments.clone(),
        executed_arguments: None,
        result: call.result.clone(),
        detail: call.detail.clone(),
        is_error: call.is_error,
        status: call.status,
        spawned_subagent_id: call.spawned.clone(),
        response_id: None,
    }
}
