//! What the record must hold, given what the upstream sent and what the agent sent back.

mod perfect;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use ursa_testkit::agents::{AgentKind, Workspace};
use ursa_testkit::api::StoredSession;
use ursa_testkit::upstream::{Answer, AnswerKind, Exchange, ToolCallSent, UsageSent};

fn answers(exchanges: &[Exchange]) -> impl Iterator<Item = (&Exchange, &Answer)> {
    exchanges
        .iter()
        .filter(|exchange| exchange.complete)
        .filter_map(|exchange| Some((exchange, exchange.answer.as_ref()?)))
}

/// Answers that belong to a conversation. A question of the agent's own that stands before any (Gemini CLI's choice of a
/// model) names none, and is only counted.
fn recorded(exchanges: &[Exchange]) -> impl Iterator<Item = (&Exchange, &Answer)> {
    answers(exchanges)
        .filter(|(exchange, answer)| exchange.conversation_id().is_some() || answer.kind == AnswerKind::Turn)
}

/// As [`script_ran`], with a subagent.
pub(crate) fn whole_script_ran(exchanges: &[Exchange], workspace: &Workspace) {
    script_ran(exchanges, workspace);
    let subagent =
        answers(exchanges).flat_map(|(_, answer)| &answer.texts).any(|text| text == "notes.txt has 2 lines.");
    assert!(subagent, "the subagent ran to its end");
}

/// The agent did what the script says: the upstream's own check.
pub(crate) fn script_ran(exchanges: &[Exchange], workspace: &Workspace) {
    let read = |name: &str| std::fs::read_to_string(workspace.project().join(name)).unwrap_or_default();
    let (readme, notes) = (read("README.md"), read("notes.txt"));
    assert_eq!((readme.as_str(), notes.as_str()), ("# Demo\n\nDONE\n", "line one\nline two\n"));
    let results = results(exchanges);
    let called: Vec<_> = answers(exchanges).flat_map(|(_, answer)| &answer.tool_calls).collect();
    for call in &called {
        assert!(results.contains_key(&call.call_id), "{} ({}) has no result", call.call_id, call.name);
    }
    let echoed = results.values().any(|result| result.to_string().contains("echo: hello from the script"));
    assert!(echoed, "the MCP server answered");
    let texts: HashSet<&str> = answers(exchanges).flat_map(|(_, answer)| &answer.texts).map(String::as_str).collect();
    assert!(texts.contains("All done. README.md was edited, notes.txt was written."));
}

/// Results of tool calls as the agent first sent them back.
fn results(exchanges: &[Exchange]) -> HashMap<String, Value> {
    let mut results = HashMap::new();
    for exchange in exchanges {
        for (call_id, result) in exchange.tool_results() {
            // What a child of Codex's inherits says this of the call that made it, and may be sent before its result.
            if result == "aborted" {
                continue;
            }
            results.entry(call_id).or_insert(result);
        }
    }
    results
}

/// A complaint while an answer is not in the record: recording may lag a little behind the agent.
pub(crate) fn missing_answers(exchanges: &[Exchange], sessions: &[StoredSession]) -> Option<String> {
    let stored: HashSet<&str> = sessions
        .iter()
        .flat_map(|session| session.of_kind("model_call"))
        .filter_map(|event| event["response_id"].as_str())
        .collect();
    let sent = recorded(exchanges).map(|(_, answer)| answer.response_id.as_str());
    let missing: Vec<&str> = sent.filter(|id| !stored.contains(id)).collect();
    (!missing.is_empty()).then(|| format!("not recorded: {missing:?}"))
}

/// Sessions, tool calls, completions, model calls and usage are those of the upstream's log, each exactly once.
pub(crate) fn record_is_whole(exchanges: &[Exchange], sessions: &[StoredSession]) {
    sessions_are_the_conversations(exchanges, sessions);
    each_tool_call_once(exchanges, sessions);
    completions_match(exchanges, sessions);
    usage_matches(exchanges, sessions);
    subagents_are_marked(exchanges, sessions);
}

fn sessions_are_the_conversations(exchanges: &[Exchange], sessions: &[StoredSession]) {
    let ids = recorded(exchanges).map(|(exchange, _)| exchange.conversation_id().unwrap_or_default());
    let mut sent: Vec<&str> = ids.collect();
    sent.sort_unstable();
    sent.dedup();
    let mut stored: Vec<&str> = sessions.iter().map(StoredSession::conversation_id).collect();
    stored.sort_unstable();
    assert_eq!(stored, sent, "one session a conversation id");
    for session in sessions {
        let complete = &session.session["completeness"]["complete"];
        assert_eq!(complete, true, "{}", session.session["completeness"]);
    }
}

fn of_kind<'a>(sessions: &'a [StoredSession], kind: &'a str) -> Vec<&'a Value> {
    sessions.iter().flat_map(|session| session.of_kind(kind)).collect()
}

fn by_key<'a>(events: &[&'a Value], key: &str) -> BTreeMap<String, Vec<&'a Value>> {
    let mut found: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in events {
        found.entry(event[key].as_str().unwrap_or_default().to_owned()).or_default().push(event);
    }
    found
}

/// Each tool call that the upstream asked for is one event, with its arguments and the result that came back.
pub(crate) fn each_tool_call_once(exchanges: &[Exchange], sessions: &[StoredSession]) {
    let all = of_kind(sessions, "tool_call");
    let results = results(exchanges);
    let mut sent = 0;
    for call in answers(exchanges).flat_map(|(_, answer)| &answer.tool_calls) {
        sent += 1;
        let found: Vec<_> = all.iter().filter(|event| is_of(event, call)).collect();
        let [event] = found.as_slice() else {
            panic!("{} ({}) is {} events: {all:#?}", call.call_id, call.name, found.len());
        };
        assert_eq!(event["arguments"], call.arguments, "{}: {event}", call.name);
        let Some(result) = results.get(&call.call_id) else { continue };
        // What a search found are definitions of tools, which the record need not repeat as a result.
        if call.name != "tool_search" {
            assert!(same_result(&event["result"], result), "{}: {} is not {result}", call.name, event["result"]);
        }
        // opencode's names do not tell an MCP tool from one of its own.
        if call.name.contains("echo") && call.name != "testkit_echo" {
            assert_eq!(event["tool"]["type"], "mcp", "{event}");
            assert_eq!((&event["tool"]["mcp_server"], &event["tool"]["mcp_tool"]), (&"testkit".into(), &"echo".into()));
        }
        let status = event["status"].as_str().unwrap_or_default();
        assert!(["completed", "failed"].contains(&status), "{}: {event}", call.name);
    }
    assert_eq!(all.len(), sent, "tool calls that nobody made: {all:#?}");
}

/// By the call's id, or, where the protocol has none, by what was asked for.
fn is_of(event: &Value, call: &ToolCallSent) -> bool {
    if call.call_id.starts_with('#') {
        return event["tool"]["name"] == call.name && event["arguments"] == call.arguments;
    }
    event["call_id"] == call.call_id
}

/// A result may be told as the blocks that were sent or as their text.
fn same_result(stored: &Value, sent: &Value) -> bool {
    stored == sent || text_of(stored) == text_of(sent)
}

fn text_of(result: &Value) -> String {
    match result {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        other => other.to_string(),
    }
}

fn completions_match(exchanges: &[Exchange], sessions: &[StoredSession]) {
    let stored = by_key(&of_kind(sessions, "completion"), "response_id");
    let with_text = recorded(exchanges).filter(|(_, answer)| !answer.texts.is_empty());
    let mut sent = 0;
    for (_, answer) in with_text {
        sent += 1;
        let [event] = stored.get(&answer.response_id).map(Vec::as_slice).unwrap_or_default() else {
            panic!("{} is not one completion: {:?}", answer.response_id, stored.get(&answer.response_id));
        };
        assert_eq!(event["text"], answer.texts.concat());
    }
    assert_eq!(stored.len(), sent, "one completion an answer with text: {stored:#?}");
}

fn usage_matches(exchanges: &[Exchange], sessions: &[StoredSession]) {
    let calls = by_key(&of_kind(sessions, "model_call"), "response_id");
    let mut totals: HashMap<&str, UsageSent> = HashMap::new();
    for (exchange, answer) in recorded(exchanges) {
        let call = calls.get(&answer.response_id).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(call.len(), 1, "{} is one model call", answer.response_id);
        assert_eq!(call[0]["status_code"], 200);
        assert_eq!(call[0]["purpose"] == "turn", answer.kind == AnswerKind::Turn, "{}", call[0]);
        assert_usage(&call[0]["usage"], answer.usage, &answer.response_id);
        let total = totals.entry(exchange.conversation_id().unwrap_or_default()).or_default();
        total.input_tokens += answer.usage.input_tokens;
        total.output_tokens += answer.usage.output_tokens;
        total.cache_read_input_tokens += answer.usage.cache_read_input_tokens;
        total.cache_creation_input_tokens += answer.usage.cache_creation_input_tokens;
        total.reasoning_output_tokens += answer.usage.reasoning_output_tokens;
    }
    for session in sessions {
        let id = session.conversation_id();
        assert_usage(&session.session["usage"], totals.get(id).copied().unwrap_or_default(), id);
    }
}

fn assert_usage(stored: &Value, sent: UsageSent, what: &str) {
    let number = |name: &str| stored[name].as_u64().unwrap_or_default();
    let stored = UsageSent {
        input_tokens: number("input_tokens"),
        output_tokens: number("output_tokens"),
        cache_read_input_tokens: number("cache_read_input_tokens"),
        cache_creation_input_tokens: number("cache_creation_input_tokens"),
        reasoning_output_tokens: number("reasoning_output_tokens"),
    };
    assert_eq!(stored, sent, "usage of {what}");
}

/// Events of a subagent's answers carry its id, the others none.
fn subagents_are_marked(exchanges: &[Exchange], sessions: &[StoredSession]) {
    let calls = by_key(&of_kind(sessions, "model_call"), "response_id");
    let completions = by_key(&of_kind(sessions, "completion"), "response_id");
    let mut subagent_answers = 0;
    for (exchange, answer) in answers(exchanges) {
        let agent_id = subagent_of(exchange);
        subagent_answers += usize::from(agent_id.is_some() && answer.kind == AnswerKind::Turn);
        for found in [&calls, &completions] {
            for event in found.get(&answer.response_id).into_iter().flatten() {
                assert_eq!(event["subagent_id"].as_str(), agent_id, "{event}");
            }
        }
    }
    let delegated = answers(exchanges).flat_map(|(_, answer)| &answer.tool_calls);
    let delegated = delegated.filter(|call| call.name == "Agent" || call.name.ends_with("spawn_agent")).count();
    assert_eq!(subagent_answers, delegated * 2, "each subagent answers twice");
}

/// Claude Code names the subagent in a header, Codex by a thread other than its session.
fn subagent_of(exchange: &Exchange) -> Option<&str> {
    let claude = exchange.header("x-claude-code-agent-id");
    let codex = exchange.header("thread-id").filter(|thread| exchange.header("session-id") != Some(thread));
    claude.or(codex)
}

/// The user said one thing, and the record holds it once; what was said to subagents is marked as theirs.
pub(crate) fn one_prompt(sessions: &[StoredSession], words: &str) {
    let prompts = of_kind(sessions, "prompt");
    let users: Vec<_> = prompts.iter().filter(|event| event["subagent_id"].is_null()).collect();
    assert_eq!(users.len(), 1, "{prompts:?}");
    let text = users[0]["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("RIG-") && text.ends_with(words), "{text}");
    let others = prompts.iter().filter(|event| !event["subagent_id"].is_null());
    for event in others {
        assert!(!event["text"].as_str().unwrap_or_default().ends_with(words), "said to a subagent, too: {event}");
    }
}

/// The sessions are this agent's, in the version that is installed.
pub(crate) fn agent_is(sessions: &[StoredSession], kind: AgentKind) {
    for session in sessions {
        let agent = &session.session["agent"];
        let told = (agent["slug"].as_str().unwrap_or_default(), agent["version"].as_str().unwrap_or_default());
        assert_eq!(told, kind.slug_and_version(), "{agent}");
    }
}
