//! What proves two facts to hang together that have no id in common: a permission and the call that it was asked for, a
//! script of the model's and the calls that it made.
//!
//! Each side leaves a mark of itself and looks for the other's, so that it comes to the same whichever is told first. The
//! marks are within one turn of one conversation.

use serde_json::Value;
use ursa_adapters::hooks::codex;
use ursa_model::chain::{Position, PositionMaker};
use ursa_model::event::EventKind;
use ursa_model::ids::ConversationScope;
use ursa_model::observation::{Content, Key, Observation, Vantage};
use ursa_model::time::Timestamp;
use ursa_store::{Mark, StoreError};

use crate::draft::Draft;

/// Most facts of the other side that one is linked with: the same command in a loop.
const LINKS_LIMIT: usize = 16;

/// Where marks are left.
pub(crate) struct Place<'a> {
    pub(crate) maker: &'a PositionMaker,
    pub(crate) scope: &'a ConversationScope,
    pub(crate) turn: Option<&'a str>,
}

impl Place<'_> {
    fn key(&self, side: &str, what: &str) -> Position {
        let turn = self.turn.unwrap_or_default();
        self.maker.id_mark(side, &format!("{}\n{turn}", self.scope.as_str()), what)
    }

    /// Leaves a mark on one side and finds those of the other, the earliest ones.
    fn meet(
        &self,
        draft: &mut Draft,
        (own_side, other_side): (&str, &str),
        what: &str,
        value: &str,
        at: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let key = self.key(own_side, what);
        draft.mark(Mark { key, scope: self.scope.clone(), value: value.to_owned(), at });
        let found = draft.marks_at(self.key(other_side, what))?;
        Ok(found.into_iter().take(LINKS_LIMIT).map(|mark| (mark.value, mark.at)).collect())
    }
}

fn hash(action: &Key) -> &str {
    match action {
        Key::Action(hash) => hash,
        _ => "",
    }
}

/// A call is about to run: the permissions that were asked for it, each with its own key and time.
pub(crate) fn call_runs(
    draft: &mut Draft,
    place: &Place<'_>,
    action: &Key,
    call_id: &str,
    at: Timestamp,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    place.meet(draft, ("call runs", "permission asked"), hash(action), call_id, at)
}

/// A permission is asked: the calls that may be meant.
pub(crate) fn permission_asked(
    draft: &mut Draft,
    place: &Place<'_>,
    action: &Key,
    own: &str,
    at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let found = place.meet(draft, ("permission asked", "call runs"), hash(action), own, at)?;
    Ok(found.into_iter().map(|(call_id, _)| call_id).collect())
}

/// A script made a call: the scripts in which the call's words stand.
pub(crate) fn scripted_call(
    draft: &mut Draft,
    place: &Place<'_>,
    arguments: &Value,
    call_id: &str,
    at: Timestamp,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let mut found = Vec::new();
    for text in texts(arguments) {
        let what = place.maker.text_key(text);
        found.extend(place.meet(draft, ("scripted call", "script"), &what, call_id, at)?);
    }
    Ok(found)
}

/// The model wrote a script: the calls whose words stand in it, by their ids.
pub(crate) fn script(
    draft: &mut Draft,
    place: &Place<'_>,
    script: &str,
    call_id: &str,
    at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for text in codex::literals(script) {
        let what = place.maker.text_key(&text);
        let calls = place.meet(draft, ("script", "scripted call"), &what, call_id, at)?;
        found.extend(calls.into_iter().map(|(id, _)| id));
    }
    Ok(found)
}

/// The texts of a call's arguments: what a script must say to make the call.
fn texts(arguments: &Value) -> Vec<&str> {
    match arguments {
        Value::String(text) => vec![text],
        Value::Object(fields) => fields.values().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A call, as one that ran inside another: `made` with its key and what it ran in, told when that was.
pub(crate) fn inside(made: Observation, inner: &str, outer: String, at: Timestamp) -> Observation {
    Observation {
        kind: Some(EventKind::ToolCall),
        vantage: Vantage::WireReply,
        keys: vec![Key::Call(inner.to_owned())],
        content: Content::Inside { call_id: outer },
        at,
        ordinal: 0,
        ..made
    }
}
