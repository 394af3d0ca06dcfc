//! Gemini CLI.

pub mod plan;

use serde_json::Value;
use ursa_model::event::EventKind;
use ursa_model::message::AgentKind;

use super::{HookAgent, HookCall, Payload, Reading, Told, all_arguments, is_never_sender, no_mcp_name, same_name};
use crate::agents;

/// What is known of Gemini CLI's hooks. They tell no call ids.
pub const AGENT: HookAgent = HookAgent {
    slug: "gemini-cli",
    name: "Gemini CLI",
    kind: AgentKind::Terminal,
    sources: &["gemini"],
    is_sender: is_never_sender,
    read,
    wire_tool: same_name,
    mcp_name: no_mcp_name,
    told_arguments: all_arguments,
    counts_calls: true,
};

/// Events that tell nothing to be kept. `AfterAgent` tells the answer too, but as a lossy join of its pieces; what
/// went to the model and what came is the wire's to tell.
const SILENT: &[&str] = &["AfterAgent", "BeforeModel", "AfterModel", "BeforeToolSelection"];

fn read(payload: &Payload<'_>, reading: &mut Reading) -> bool {
    reading.conversation = payload.some_text(&["session_id"]);
    reading.place = payload.text(&["transcript_path"]).and_then(place).map(str::to_owned);
    let own = payload.moment();
    match payload.event() {
        "SessionStart" => {
            reading.happened(EventKind::SessionStart, payload.text(&["source"]), "").own = own;
        }
        "SessionEnd" => {
            // It comes twice when the terminal is closed: the second is of the same minute.
            let own = own.map(|moment| minute(&moment));
            reading.happened(EventKind::SessionEnd, payload.text(&["reason"]), "").own = own;
        }
        "BeforeAgent" => {
            if let Some(fact) = reading.prompt(&AGENT, payload.text(&["prompt"]).unwrap_or_default()) {
                fact.own = own;
            }
        }
        "BeforeTool" | "AfterTool" => call(payload, reading, own),
        // Before almost every model call it says `auto`, whether anything is compressed or not.
        "PreCompress" if payload.text(&["trigger"]) != Some("manual") => {}
        "PreCompress" => {
            reading.happened(EventKind::Compaction, Some("manual"), "").own = own;
        }
        "Notification" => {
            let code = payload.text(&["notification_type"]).unwrap_or("notification");
            reading.happened(EventKind::Notice, Some(code), payload.text(&["message"]).unwrap_or_default()).own = own;
        }
        event => return SILENT.contains(&event),
    }
    true
}

const MINUTE_DIGITS: usize = 4;

/// A moment in milliseconds without its last digits: about ten seconds, so nearly never between the two.
fn minute(moment: &str) -> String {
    moment.len().checked_sub(MINUTE_DIGITS).and_then(|end| moment.get(..end)).unwrap_or(moment).to_owned()
}

/// The project's folder of temporary files, where transcripts are kept. The model is told it too.
fn place(transcript: &str) -> Option<&str> {
    let at = transcript.rfind("/chats/").or_else(|| transcript.rfind("\\chats\\"))?;
    transcript.get(..at)
}

fn call(payload: &Payload<'_>, reading: &mut Reading, own: Option<String>) {
    let name = payload.text(&["tool_name"]).unwrap_or_default();
    let arguments = payload.value(&["tool_input"]).cloned().unwrap_or_default();
    let context = payload.value(&["mcp_context"]);
    let told_context = |key: &str| context.and_then(|context| context.get(key)?.as_str()).map(str::to_owned);
    let mut tool = AGENT.tool(name, &arguments, None);
    if let (Some(server), Some(short)) = (told_context("server_name"), told_context("tool_name")) {
        (tool.mcp_server, tool.mcp_tool) = (Some(server), Some(short));
    }
    let mut told = HookCall::before(tool, name, "", Some(arguments));
    if payload.event() == "AfterTool" {
        told = ended(told, payload.value(&["tool_response"]));
    }
    reading.tell(Told::Call(Box::new(told))).own = own;
}

fn ended(call: HookCall, response: Option<&Value>) -> HookCall {
    let given = response.and_then(|response| response.get("llmContent")).map(content);
    let failed = response.and_then(|response| response.get("error")).is_some_and(|error| !error.is_null())
        || given
            .as_ref()
            .is_some_and(|given| agents::result_is_error(AGENT.slug, Some(&call.tool), given) == Some(true));
    let after = call.ended(failed, response.cloned());
    match given {
        Some(given) => after.given(given),
        None => after,
    }
}

/// What the model is given: a text, or parts.
fn content(given: &Value) -> Value {
    match given {
        Value::Array(_) => Value::String(agents::result_text(given)),
        _ => given.clone(),
    }
}
