//! What an answer tells: said, thought and asked for, choice by choice.

use ursa_adapters::agents;
use ursa_model::event::{EventKind, ToolStatus};
use ursa_model::message::{Part, Purpose};
use ursa_model::observation::{Content, Key, SessionAttribute, Vantage};

use super::observe::{Observer, REPLY_ORDINAL, asked, joined_text, result};

/// One of the answer's choices.
struct Told<'a> {
    parts: Vec<&'a Part>,
    finish_reason: Option<&'a String>,
    /// Names the answer.
    reply: &'a str,
    /// Its place among the choices.
    choice: usize,
    /// Blocks of the choices before it.
    before: usize,
}

impl Observer<'_> {
    /// What the model said, thought and asked for.
    pub(super) fn answer(&mut self) {
        let call = self.call;
        let reply = self.keys.reply.clone().unwrap_or_else(|| format!("exchange:{}", call.exchange.id));
        let first = std::iter::once((&call.response.parts, call.response.finish_reason.as_ref()));
        let others = call.others.iter().map(|choice| (&choice.parts, choice.finish_reason.as_ref()));
        let mut before = 0;
        for (choice, (parts, finish_reason)) in first.chain(others).enumerate() {
            let told = Told { parts: parts.iter().collect(), finish_reason, reply: &reply, choice, before };
            before += told.parts.len();
            self.said(&told);
            self.thought_and_asked(&told);
        }
    }

    fn said(&mut self, told: &Told<'_>) {
        let call = self.call;
        let text = joined_text(&told.parts);
        if text.trim().is_empty() {
            return;
        }
        if told.choice == 0 {
            self.title(&text);
        }
        let first_text = told.parts.iter().position(|part| matches!(part, Part::Text { .. })).unwrap_or_default();
        let key = Key::Text(self.standing.maker.text_key(&text));
        let content = Content::Completion {
            text,
            model: call.response.model.clone(),
            response_id: call.response.response_id.clone(),
            finish_reason: told.finish_reason.cloned(),
            purpose: call.identity.purpose,
        };
        // Choices that say the same are still as many.
        let own_key = if told.choice == 0 { told.reply.to_owned() } else { format!("{}#{}", told.reply, told.choice) };
        self.reply(EventKind::Completion, vec![key], Some(own_key), content, told.before + first_text);
    }

    fn thought_and_asked(&mut self, told: &Told<'_>) {
        let mut calls = 0;
        for (block, part) in told.parts.iter().enumerate() {
            let place = told.before + block;
            match part {
                Part::Reasoning { text } if !text.trim().is_empty() => {
                    let key = Key::Response(format!("{}#{place}", told.reply));
                    self.reply(EventKind::Reasoning, vec![key], None, Content::Reasoning { text: text.clone() }, place);
                }
                Part::ToolCall { call_id, tool, arguments } => {
                    let key = self.keys.asked(call_id, calls);
                    calls += 1;
                    let content = asked(call_id, tool, arguments, Some(told.reply.to_owned()));
                    let keys = self.call_keys(key, call_id, tool, arguments);
                    self.reply(EventKind::ToolCall, keys, None, content, place);
                }
                // Tools that the provider runs answer within the same reply.
                Part::ToolResult { call_id, content, is_error, .. } => {
                    let key = self.keys.asked(call_id, calls.saturating_sub(1));
                    let failed = is_error.unwrap_or(false);
                    let status = if failed { ToolStatus::Failed } else { ToolStatus::Completed };
                    self.reply(
                        EventKind::ToolCall,
                        vec![key],
                        None,
                        result(call_id, content, failed, status, None),
                        place,
                    );
                }
                _ => {}
            }
        }
    }

    fn reply(&mut self, kind: EventKind, keys: Vec<Key>, own_key: Option<String>, content: Content, place: usize) {
        let mut told = self.make(Some(kind), Vantage::WireReply, keys, content);
        told.own_key = own_key;
        told.ordinal = REPLY_ORDINAL + place as u32;
        self.observations.push(told);
    }

    fn title(&mut self, text: &str) {
        if self.call.identity.purpose == Purpose::Title
            && let Some(text) = agents::title_of(&self.call.identity, text)
        {
            self.attribute(SessionAttribute::Title { text });
        }
    }
}
