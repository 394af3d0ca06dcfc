#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};
use ursa_model::envelope::EnvelopeMeta;
use ursa_model::event::{EventKind, PermissionDecision, ToolStatus};
use ursa_model::message::{Purpose, ToolType};

use super::plan::AGENT_PLANS;
use super::*;

fn told(source: &str, event: &str, body: &Value) -> Reading {
    read(source, Some(event), &body.to_string(), &EnvelopeMeta::default())
}

fn calls(reading: &Reading) -> Vec<&HookCall> {
    let call = |fact: &'_ HookFact| matches!(fact.told, Told::Call(_));
    reading
        .facts
        .iter()
        .filter(|fact| call(fact))
        .filter_map(|fact| match &fact.told {
            Told::Call(call) => Some(call.as_ref()),
            _ => None,
        })
        .collect()
}

fn prompts(reading: &Reading) -> Vec<&str> {
    reading
        .facts
        .iter()
        .filter_map(|fact| match &fact.told {
            Told::Prompt { text } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn kinds(reading: &Reading) -> Vec<EventKind> {
    reading
        .facts
        .iter()
        .filter_map(|fact| match &fact.told {
            Told::Happened { kind, .. } => Some(*kind),
            _ => None,
        })
        .collect()
}

#[test]
fn every_event_of_every_plan_is_known() {
    for plan in AGENT_PLANS {
        for event in plan.hooks.events {
            let body = json!({"session_id": "s", "conversation_id": "s", "sessionId": "s"});
            let reading = told(plan.slug, event.name, &body);
            assert!(reading.agent.is_some(), "{}", plan.slug);
            assert_eq!(reading.problems, [], "{} {}", plan.slug, event.name);
            assert_eq!(reading.conversation.as_deref(), Some("s"), "{} {}", plan.slug, event.name);
        }
    }
}

#[test]
fn what_cannot_be_read_is_a_problem() {
    let kinds =
        |reading: &Reading| -> Vec<String> { reading.problems.iter().map(|problem| problem.kind.clone()).collect() };
    let unknown = told("claude-code", "Brand<New>Event", &json!({"session_id": "s"}));
    assert_eq!((unknown.conversation.as_deref(), kinds(&unknown)), (Some("s"), vec!["unknown_event".to_owned()]));
    assert_eq!(unknown.problems[0].detail, "hook event BrandNewEvent");
    let meta = EnvelopeMeta { truncated: Some(9_000_000), cwd: Some("/w".into()), ..EnvelopeMeta::default() };
    for body in ["", "{", "[]", "3", r#"{"encoding":"base64","data":"AA=="}"#] {
        let reading = read("codex", Some("Stop"), body, &meta);
        assert_eq!(kinds(&reading), ["hook_cut", "hook_not_json"], "{body}");
        assert!(reading.facts.is_empty() && reading.conversation.is_none());
    }
    let stranger =
        told("some-agent", "Stop", &json!({"session_id": "s", "generation_id": "g", "conversation_id": "c"}));
    assert!(stranger.agent.is_none() && kinds(&stranger) == ["unknown_agent"]);
}

#[test]
fn only_what_the_user_said_is_a_prompt() {
    let told_by = |source: &str, prompt: &str| {
        let event = if source == "gemini-cli" { "BeforeAgent" } else { "UserPromptSubmit" };
        let reading = told(source, event, &json!({"session_id": "s", "prompt": prompt}));
        prompts(&reading).join("|")
    };
    let note = "<task-notification>\n<task-id>a1</task-id>\n</task-notification>";
    assert_eq!(told_by("claude-code", note), "");
    assert_eq!(told_by("codex", "<environment_context>x</environment_context>"), "");
    for source in ["claude-code", "codex", "gemini-cli", "copilot"] {
        assert_eq!(told_by(source, "fix it"), "fix it", "{source}");
    }
    assert_eq!(told_by("claude-code", "fix it\n\n<system-reminder>x</system-reminder>"), "fix it");
    let by_system = json!({"session_id": "s", "prompt": "x", "source": "system"});
    assert!(told("claude-code", "UserPromptSubmit", &by_system).facts.is_empty());
}

#[test]
fn a_call_of_claude_code_from_asking_to_its_end() {
    let body = |extra: Value| {
        let mut body = json!({"session_id": "s", "prompt_id": "p", "tool_name": "mcp__files__read", "tool_use_id": "toolu_01AbCdEf23",
            "tool_input": {"path": "/x"}, "mcp_server": {"name": "files"}});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let before = told("claude-code", "PreToolUse", &body(json!({})));
    let call = calls(&before)[0];
    assert_eq!((call.status, call.tool.kind, call.is_error), (ToolStatus::Running, ToolType::Mcp, None));
    assert_eq!((call.tool.mcp_server.as_deref(), before.turn.as_deref()), (Some("files"), Some("p")));
    let after = told("claude-code", "PostToolUse", &body(json!({"tool_response": {"ok": 1}})));
    assert_eq!(
        (calls(&after)[0].status, calls(&after)[0].detail.clone()),
        (ToolStatus::Completed, Some(json!({"ok": 1})))
    );
    let failed = told("claude-code", "PostToolUseFailure", &body(json!({"error": "Exit code 1"})));
    assert_eq!((calls(&failed)[0].status, calls(&failed)[0].is_error), (ToolStatus::Failed, Some(true)));
    let denied = told("claude-code", "PermissionDenied", &body(json!({"reason": "risky"})));
    assert_eq!(calls(&denied)[0].status, ToolStatus::Denied);
    let decided = |reading: &Reading| {
        reading.facts.iter().find_map(|fact| match &fact.told {
            Told::Permission { decision, call_id, .. } => Some((*decision, call_id.clone())),
            _ => None,
        })
    };
    assert_eq!(decided(&denied), Some((PermissionDecision::Denied, Some("toolu_01AbCdEf23".to_owned()))));
    let asked = told("claude-code", "PermissionRequest", &body(json!({})));
    assert_eq!(decided(&asked), Some((PermissionDecision::Asked, None)));
    let batch = json!({"session_id": "s", "tool_calls": [
        {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "toolu_01AbCdEf23",
            "tool_response": "PreToolUse:Bash hook error: no"},
        {"tool_name": "Bash", "tool_use_id": "toolu_01AbCdEf24"}]});
    let batch = told("claude-code", "PostToolBatch", &batch);
    let told: Vec<_> = calls(&batch).iter().map(|call| (call.stage, call.status)).collect();
    assert_eq!(told, [(Stage::Batch, ToolStatus::Denied), (Stage::Batch, ToolStatus::Requested)]);
}

#[test]
fn a_compaction_is_no_subagent() {
    let stop = json!({"session_id": "s", "prompt_id": "p", "agent_id": "affc44e30cee042a7", "agent_type": "",
        "last_assistant_message": "<summary>so far</summary>"});
    let stop = told("claude-code", "SubagentStop", &stop);
    assert!(kinds(&stop).is_empty() && stop.subagent.is_none());
    assert!(matches!(&stop.facts[0].told, Told::Said { purpose: Purpose::Summary, .. }));
    let start = told("claude-code", "SessionStart", &json!({"session_id": "s", "source": "compact"}));
    assert!(start.facts.is_empty());
    let compact = told("claude-code", "PreCompact", &json!({"session_id": "s", "prompt_id": "p", "trigger": "auto"}));
    assert_eq!(kinds(&compact), [EventKind::Compaction]);
}

#[test]
fn codex_calls_tools_as_the_wire_does() {
    for (hook, wire, kind) in [
        ("Bash", "exec_command", ToolType::Builtin),
        ("multi_agent_v1wait_agent", "wait_agent", ToolType::Builtin),
        ("collaborationspawn_agent", "spawn_agent", ToolType::Builtin),
        ("apply_patch", "apply_patch", ToolType::Builtin),
        ("mcp__rigmcp__echo", "mcp__rigmcp__echo", ToolType::Mcp),
        ("collaboration", "collaboration", ToolType::Builtin),
    ] {
        let body =
            json!({"session_id": "s", "tool_name": hook, "tool_input": {"command": "ls -la"}, "tool_use_id": "call_1"});
        let reading = told("codex", "PreToolUse", &body);
        let tool = &calls(&reading)[0].tool;
        assert_eq!((tool.name.as_str(), tool.kind), (wire, kind));
        assert_eq!(tool.cli.is_some(), hook == "Bash");
    }
}

/// A stand-in: Cursor cannot be run here. Fields as its documentation and measurements of others tell.
#[test]
fn stand_in_cursor() {
    let base = |extra: Value| {
        let mut body = json!({"conversation_id": "c1", "generation_id": "g1", "model": "m", "cursor_version": "3.18.25",
            "workspace_roots": ["/w"], "user_email": "ada@example.com", "transcript_path": null});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let prompt = told("cursor", "beforeSubmitPrompt", &base(json!({"prompt": "fix", "attachments": []})));
    assert_eq!((prompts(&prompt), prompt.turn.as_deref()), (vec!["fix"], Some("g1")));
    assert_eq!((prompt.version.as_deref(), prompt.cwd.as_deref()), (Some("3.18.25"), Some("/w")));
    assert_eq!(prompt.email.as_deref(), Some("ada@example.com"));
    // It runs Claude Code's hooks as well: the same event, known by its fields.
    let borrowed = told("claude-code", "UserPromptSubmit", &base(json!({"prompt": "fix", "session_id": "c1"})));
    assert_eq!((borrowed.agent.unwrap().slug, borrowed.conversation.as_deref()), ("cursor", Some("c1")));

    let shell =
        base(json!({"tool_name": "Shell", "tool_input": {"command": "ls", "cwd": "/w"}, "tool_use_id": "tool_1\nx"}));
    let general = told("cursor", "preToolUse", &shell);
    let beside = told("cursor", "beforeShellExecution", &base(json!({"command": "ls", "cwd": "/w"})));
    let (one, other) = (calls(&general)[0], calls(&beside)[0]);
    assert!(!one.beside && other.beside);
    let action_of = |call: &HookCall| action(&cursor::AGENT, &call.told_name, call.arguments.as_ref().unwrap());
    assert_eq!(action_of(one), action_of(other), "both tell of one call");

    let mcp = base(json!({"tool_name": "MCP:dump", "tool_input": "{\"a\":1}", "tool_use_id": "t"}));
    let tool = calls(&told("cursor", "preToolUse", &mcp))[0].tool.clone();
    assert_eq!((tool.kind, tool.mcp_tool.as_deref(), tool.mcp_server), (ToolType::Mcp, Some("dump"), None));
    let mcp = base(json!({"tool_name": "dump", "tool_input": "{\"a\":1}", "command": "npx files"}));
    let tool = calls(&told("cursor", "beforeMCPExecution", &mcp))[0].tool.clone();
    assert_eq!(tool.mcp_server.as_deref(), Some("npx files"));

    let denied = base(json!({"tool_name": "Shell", "tool_input": {"command": "rm"}, "tool_use_id": "t",
        "error_message": "no", "failure_type": "permission_denied"}));
    assert_eq!(calls(&told("cursor", "postToolUseFailure", &denied))[0].status, ToolStatus::Denied);
    let start = base(
        json!({"subagent_type": "explore", "prompt": "look", "subagent_id": "t7", "parent_conversation_id": "c0"}),
    );
    let start = told("cursor", "subagentStart", &start);
    assert_eq!((start.conversation.as_deref(), start.subagent.as_deref()), (Some("c0"), Some("t7")));
    assert_eq!((kinds(&start), prompts(&start)), (vec![EventKind::SubagentStart], vec!["look"]));
}

/// A stand-in: VS Code cannot be run here. Fields as its documentation tells.
#[test]
fn stand_in_vscode() {
    let body = json!({"timestamp": "2026-11-23T08:00:00.123Z", "cwd": "/w", "sessionId": "v1", "hookEventName": "PreToolUse",
        "transcript_path": "/x.json", "tool_name": "mcp_files_read", "tool_input": {"files": ["a"]}, "tool_use_id": "tool-123456789"});
    for source in ["copilot", "claude-code", "vscode"] {
        let reading = told(source, "preToolUse", &body);
        assert_eq!((reading.agent.unwrap().slug, reading.conversation.as_deref()), ("copilot-vscode", Some("v1")));
        let call = calls(&reading)[0];
        assert_eq!((call.call_id.as_str(), call.tool.mcp_server.as_deref()), ("tool-123456789", Some("files")));
    }
    let prompt = json!({"timestamp": "2026-11-23T08:00:00.123Z", "sessionId": "v1", "hookEventName": "UserPromptSubmit", "prompt": "hi"});
    let reading = told("copilot", "userPromptSubmitted", &prompt);
    assert_eq!(prompts(&reading), ["hi"]);
    assert_eq!(reading.facts[0].own.as_deref(), Some("at:1795420800123"));
}

#[test]
fn the_minute_of_a_session_end_in_gemini_cli() {
    let end = |ms: &str| {
        let body = json!({"session_id": "s", "reason": "exit", "timestamp": format!("2026-11-23T00:58:25.{ms}Z")});
        told("gemini-cli", "SessionEnd", &body).facts[0].own.clone()
    };
    assert_eq!(end("546"), end("611"), "it comes twice");
    let auto = told("gemini-cli", "PreCompress", &json!({"session_id": "s", "trigger": "auto"}));
    assert!(auto.facts.is_empty() && auto.problems.is_empty());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(FIELDS), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

const FIELDS: &[&str] = &[
    "session_id",
    "sessionId",
    "conversation_id",
    "prompt",
    "tool_name",
    "toolName",
    "tool_input",
    "toolArgs",
    "tool_use_id",
    "tool_response",
    "toolResult",
    "tool_calls",
    "agent_id",
    "agentId",
    "prompt_id",
    "timestamp",
    "hook_event_name",
    "hookEventName",
    "cursor_version",
    "last_assistant_message",
    "transcript_path",
    "mcp_server",
    "llmContent",
    "error",
    "workspace_roots",
    "transformedPrompt",
];

proptest! {
    #[test]
    fn any_payload_of_any_event_is_read(
        body in any_json(),
        plan in prop::sample::select(AGENT_PLANS),
        event in any::<prop::sample::Index>(),
    ) {
        let event = event.get(plan.hooks.events);
        let reading = told(plan.slug, event.name, &body);
        prop_assert!(reading.problems.len() < 10);
    }
}
