//! Threads as hooks and edge tell them together: resumed, compacted, forked, and of agents that hooks alone can see.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value)]

mod support;

use serde_json::{Value, json};
use support::recording::{Capture, hook};
use support::{Ask, Record, START, ask, said, text, user};
use ursa_model::event::{Event, EventBody, EventKind, ToolStatus};
use ursa_model::time::Timestamp;

fn told(place: usize, source: &str, event: &str, seconds: i64, body: Value) -> Capture {
    let at = Timestamp::from_micros(START + seconds * 1_000_000);
    Capture::Hook(Box::new(hook(source, event, &body, at, place)))
}

fn asked(ask: Ask, id: &str, answer: &str) -> Capture {
    Capture::Edge(Box::new(ask.answered(id, text(answer))))
}

fn kinds(record: &Record, kind: EventKind) -> Vec<Event> {
    let sessions = record.sessions();
    let events = sessions.iter().flat_map(|session| record.events(session));
    events.filter(|event| event.body.kind() == kind).collect()
}

/// Every order of these captures gives what this one gives.
fn in_any_order(captures: &[Capture]) -> Record {
    let record = Record::played(captures);
    let backwards = Record::played(captures.iter().rev());
    assert_eq!(record.seen_at_any_time(), backwards.seen_at_any_time());
    let hooks_first = captures.iter().filter(|capture| capture.is_hook());
    let hooks_first = Record::played(hooks_first.chain(captures.iter().filter(|capture| !capture.is_hook())));
    assert_eq!(record.seen(), hooks_first.seen());
    record
}

const SESSION: &str = "5d54ea8f-afaa-4d86-be1e-f22155225e52";

fn claude(place: usize, event: &str, seconds: i64, extra: Value) -> Capture {
    let mut body = json!({"session_id": SESSION, "cwd": "/w", "hook_event_name": event});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    told(place, "claude-code", event, seconds, body)
}

fn first_turn() -> Vec<Capture> {
    vec![
        claude(1, "SessionStart", 0, json!({"source": "startup"})),
        claude(2, "UserPromptSubmit", 1, json!({"prompt_id": "p1", "prompt": "continue"})),
        asked(ask(2, json!([user("continue")])).session(SESSION), "msg_000000000001", "Done."),
        claude(3, "Stop", 3, json!({"prompt_id": "p1", "last_assistant_message": "Done."})),
        claude(4, "SessionEnd", 4, json!({"reason": "other"})),
    ]
}

#[test]
fn a_resumed_session_is_one_thread_and_equal_prompts_are_two() {
    let mut captures = first_turn();
    let history = json!([user("continue"), said("Done."), user("continue")]);
    captures.extend([
        claude(5, "SessionStart", 60, json!({"source": "resume"})),
        claude(6, "UserPromptSubmit", 61, json!({"prompt_id": "p2", "prompt": "continue"})),
        asked(ask(62, history).session(SESSION), "msg_000000000002", "Done."),
        claude(7, "Stop", 63, json!({"prompt_id": "p2", "last_assistant_message": "Done."})),
        claude(8, "SessionEnd", 64, json!({"reason": "other"})),
    ]);
    let record = in_any_order(&captures);
    let session = record.only_session();
    assert_eq!((session.counts.prompts, session.counts.completions), (2, 2));
    for kind in [EventKind::Prompt, EventKind::Completion] {
        assert!(kinds(&record, kind).iter().all(|event| event.witnesses.len() == 2));
    }
    assert_eq!(kinds(&record, EventKind::SessionStart).len(), 2);
    assert_eq!(kinds(&record, EventKind::SessionEnd).len(), 2);
}

#[test]
fn a_compacted_session_is_one_thread_with_one_summary() {
    let mut captures = first_turn();
    let summary = "<summary>It went on.</summary>";
    let stop = json!({"prompt_id": "p2", "agent_id": "affc44e30cee042a7", "agent_type": "", "last_assistant_message": summary});
    captures.extend([
        claude(5, "PreCompact", 10, json!({"prompt_id": "p2", "trigger": "manual"})),
        claude(6, "SubagentStop", 11, stop),
        claude(7, "PostCompact", 12, json!({"prompt_id": "p2", "trigger": "manual", "compact_summary": summary})),
        claude(8, "SessionStart", 12, json!({"prompt_id": "p2", "source": "compact"})),
    ]);
    let record = in_any_order(&captures);
    let session = record.only_session();
    assert_eq!((session.counts.prompts, session.counts.completions), (1, 2));
    assert_eq!(kinds(&record, EventKind::Compaction).len(), 1);
    assert_eq!(kinds(&record, EventKind::SessionStart).len(), 1);
    assert!(kinds(&record, EventKind::SubagentStop).is_empty());
}

#[test]
fn a_fork_has_its_parent() {
    const FORK: &str = "77777777-afaa-4d86-be1e-f22155225e52";
    let mut captures = first_turn();
    let history = json!([user("continue"), said("Done."), user("and now otherwise")]);
    let body = json!({"session_id": FORK, "source": "fork"});
    captures.extend([
        told(5, "claude-code", "SessionStart", 60, body),
        asked(ask(62, history).session(FORK), "msg_000000000002", "Otherwise."),
    ]);
    let record = Record::played(&captures);
    let sessions = record.sessions();
    let of = |id: &str| sessions.iter().find(|session| session.conversation_id.as_deref() == Some(id)).unwrap();
    assert_eq!(of(FORK).parent_session_id, Some(of(SESSION).id));
    assert_eq!(of(SESSION).parent_session_id, None);
}

/// A stand-in: Cursor cannot be run here. Its two tellings of a shell command are one call.
#[test]
fn stand_in_cursor_is_seen_by_hooks_alone() {
    let cursor = |place: usize, event: &str, extra: Value| {
        let mut body = json!({"conversation_id": "c1", "generation_id": "g1", "cursor_version": "3.18.25",
            "workspace_roots": ["/w"], "user_email": "ada@example.com"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        told(place, "cursor", event, i64::try_from(place).unwrap(), body)
    };
    let call =
        json!({"tool_name": "Shell", "tool_input": {"command": "ls", "cwd": "/w"}, "tool_use_id": "tool_0123456789"});
    let mut ended = call.clone();
    ended["tool_output"] = json!("{\"output\":\"a b\"}");
    let captures = [
        cursor(1, "sessionStart", json!({})),
        cursor(2, "beforeSubmitPrompt", json!({"prompt": "list"})),
        cursor(3, "preToolUse", call.clone()),
        cursor(4, "beforeShellExecution", json!({"command": "ls", "cwd": "/w"})),
        cursor(5, "afterShellExecution", json!({"command": "ls", "output": "a b"})),
        cursor(6, "postToolUse", ended),
        // It is sometimes told twice, and to Claude Code's hooks, too.
        cursor(7, "preToolUse", call),
        told(
            8,
            "claude-code",
            "UserPromptSubmit",
            8,
            json!({"conversation_id": "c1", "generation_id": "g1",
            "cursor_version": "3.18.25", "user_email": "ada@example.com", "session_id": "c1", "prompt": "list"}),
        ),
        cursor(9, "afterAgentResponse", json!({"text": "There are two."})),
        cursor(10, "sessionEnd", json!({"reason": "completed"})),
    ];
    let record = in_any_order(&captures);
    let session = record.only_session();
    let counts = &session.counts;
    assert_eq!((counts.prompts, counts.tool_calls, counts.completions, counts.cli_calls), (1, 1, 1, 1));
    assert_eq!((session.agent.slug.as_str(), session.agent.version.as_deref()), ("cursor", Some("3.18.25")));
    assert_eq!(session.user.unwrap().email.as_deref(), Some("ada@example.com"));
    let EventBody::ToolCall(call) = kinds(&record, EventKind::ToolCall).remove(0).body else { unreachable!() };
    // The shell's own event comes first, and tells the output alone.
    assert_eq!((call.call_id.as_str(), call.detail), ("tool_0123456789", Some(json!("a b"))));
}

/// Ids that local servers count anew in each answer say nothing to hooks: tool and arguments do.
#[test]
fn calls_with_weak_ids_are_told_by_what_they_do() {
    let use_block =
        |command: &str| json!([{"type": "tool_use", "id": "call_0", "name": "Bash", "input": {"command": command}}]);
    let result = |text: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": text}]});
    let call = |command: &str| json!({"role": "assistant", "content": use_block(command)});
    let first = json!([user("go")]);
    let second = json!([user("go"), call("ls"), result("a")]);
    let third = json!([user("go"), call("ls"), result("a"), call("pwd"), result("/w")]);
    let ran = |place, event: &str, seconds, command: &str| {
        let body = json!({"prompt_id": "p1", "tool_name": "Bash", "tool_use_id": "call_0", "tool_input": {"command": command},
            "tool_response": {"stdout": command}});
        claude(place, event, seconds, body)
    };
    let captures = [
        Capture::Edge(Box::new(ask(1, first).session(SESSION).answered("msg_000000000001", use_block("ls")))),
        ran(1, "PreToolUse", 2, "ls"),
        ran(2, "PostToolUse", 3, "ls"),
        Capture::Edge(Box::new(ask(4, second).session(SESSION).answered("msg_000000000002", use_block("pwd")))),
        ran(3, "PreToolUse", 5, "pwd"),
        ran(4, "PostToolUse", 6, "pwd"),
        asked(ask(7, third).session(SESSION), "msg_000000000003", "Done."),
    ];
    let record = in_any_order(&captures);
    let calls = kinds(&record, EventKind::ToolCall);
    assert_eq!(calls.len(), 2);
    for event in calls {
        let EventBody::ToolCall(call) = event.body else { unreachable!() };
        assert_eq!(call.detail.unwrap()["stdout"], call.arguments.unwrap()["command"]);
        assert_eq!(event.witnesses.len(), 2);
    }
}

/// Codex tells nothing after a call that was denied, nor after one whose last event was lost, and the end of a turn or
/// session says nothing of either: the call stays as it was told, until someone tells how it ended.
#[test]
fn a_call_whose_end_is_not_told_is_neither_denied_nor_done_at_the_end_of_its_session() {
    let codex = |place, event: &str, seconds, extra: Value| {
        let mut body = json!({"session_id": SESSION, "cwd": "/w", "hook_event_name": event, "turn_id": "t1"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        told(place, "codex", event, seconds, body)
    };
    let call = |id: &str| json!({"tool_name": "Bash", "tool_input": {"command": "rm -r build"}, "tool_use_id": id});
    let mut after = call("call_01AbCdEf23");
    after["tool_response"] = json!("gone");
    let mut captures = vec![
        codex(1, "UserPromptSubmit", 1, json!({"prompt": "clean"})),
        codex(2, "PreToolUse", 2, call("call_01AbCdEf23")),
        codex(3, "PermissionRequest", 3, json!({"tool_name": "Bash", "tool_input": {"command": "rm -r build"}})),
        codex(5, "Stop", 5, json!({"last_assistant_message": "It was not allowed."})),
        codex(6, "SessionEnd", 6, json!({"reason": "other"})),
    ];
    let status = |record: &Record| {
        let calls = kinds(record, EventKind::ToolCall);
        let [Event { body: EventBody::ToolCall(call), .. }] = calls.as_slice() else { panic!("{calls:?}") };
        (call.status, call.ended_at.is_some())
    };
    let record = in_any_order(&captures);
    assert_eq!(status(&record), (ToolStatus::Running, false));
    assert_eq!(kinds(&record, EventKind::Permission).len(), 1);
    captures.push(codex(4, "PostToolUse", 4, after));
    assert_eq!(status(&in_any_order(&captures)), (ToolStatus::Completed, true), "it came late");
}
