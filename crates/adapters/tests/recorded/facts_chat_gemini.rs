//! What must be read out of the recorded sessions over Chat Completions and Gemini, spelt out.

use serde_json::json;
use ursa_adapters::agents;
use ursa_adapters::route::Route;
use ursa_adapters::wire::is_made_id;
use ursa_model::message::{Part, Purpose, ToolType, Usage};

use crate::exchange::{Exchange, exchange, exchanges, text};

const USAGE: Usage = Usage {
    input_tokens: Some(2100),
    output_tokens: Some(20),
    cache_read_input_tokens: Some(2000),
    cache_creation_input_tokens: None,
    reasoning_output_tokens: None,
};

/// Tool, whether it failed, whether it was denied, for each result of the request.
fn outcomes(exchange: &Exchange) -> Vec<(String, Option<bool>, bool)> {
    let calls = exchange.calls();
    let messages = &exchange.request.as_ref().unwrap().messages;
    messages
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::ToolResult { call_id, content, is_error, .. } => {
                let (_, tool, _) = calls.iter().find(|(id, ..)| id == call_id).unwrap();
                let slug = &exchange.identity.agent_slug;
                let failed = is_error.or_else(|| agents::result_is_error(slug, Some(tool), content));
                Some((tool.name.clone(), failed, agents::is_denied(content.as_str().unwrap())))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn copilot_cli_over_chat_completions() {
    let all = exchanges("copilot-cli-completions");
    let mut subagents = 0;
    for exchange in &all {
        let identity = &exchange.identity;
        assert_eq!((identity.agent_slug.as_str(), identity.confidence), ("copilot-cli", 2), "{}", exchange.seq);
        assert_eq!(identity.purpose, Purpose::Turn);
        assert_eq!(identity.conversation.as_ref().unwrap().1, "5209a280-7b78-4a9a-a9d5-5d3cef4b9b22");
        assert_eq!(exchange.response.as_ref().unwrap().usage, Some(USAGE), "{}", exchange.seq);
        if identity.subagent_id.is_some() {
            subagents += 1;
            assert_eq!(exchange.author(), ["RIG-SUBAGENT: read notes.txt and report the number of lines."]);
        } else {
            assert_eq!(exchange.author(), ["RIG-PROMPT tidy the project"], "{}", exchange.seq);
        }
    }
    assert_eq!((all.len(), subagents), (11, 2));

    let last = exchange("copilot-cli-completions", 12);
    let asked: Vec<_> = last.calls().iter().map(|(_, tool, _)| (tool.name.clone(), tool.kind)).collect();
    let builtin = |name: &str| (name.to_owned(), ToolType::Builtin);
    assert_eq!(
        asked,
        [
            builtin("bash"),
            builtin("view"),
            builtin("apply_patch"),
            builtin("apply_patch"),
            ("rigmcp-echo".to_owned(), ToolType::Mcp),
            builtin("bash"),
            builtin("bash"),
            builtin("task"),
        ]
    );
    let calls = last.calls();
    assert_eq!((calls[0].0, &calls[0].2["command"]), ("call_mock000001_0", &json!("ls -la")));
    assert!(calls[2].2.as_str().unwrap().starts_with("*** Begin Patch\n*** Add File: notes.txt"));
    assert_eq!(outcomes(&last)[5..7], [("bash".to_owned(), Some(true), false), ("bash".to_owned(), Some(true), true)]);
    assert!(text(last.response.as_ref().unwrap()).starts_with("All done."));
    assert_eq!(last.response.as_ref().unwrap().finish_reason.as_deref(), Some("stop"));
}

#[test]
fn gemini_cli_over_its_own_protocol() {
    let all = exchanges("gemini-cli-main");
    for exchange in &all {
        let identity = &exchange.identity;
        assert_eq!((identity.agent_slug.as_str(), identity.agent_version.as_deref()), ("gemini-cli", Some("0.61.0")));
        assert_eq!((identity.conversation.as_ref(), identity.cwd.as_deref()), (None, Some("/home/dev/project")));
        assert_eq!(exchange.author(), ["RIG-PROMPT tidy the project"], "{}", exchange.seq);
        let (purpose, route, model) = if exchange.seq == 1 {
            (Purpose::Other, Route::GeminiGenerate, "gemini-3.5-flash-lite")
        } else {
            (Purpose::Turn, Route::GeminiStream, "gemini-3.8-flash")
        };
        assert_eq!((identity.purpose, exchange.route), (purpose, Some(route)), "{}", exchange.seq);
        let request = exchange.request.as_ref().unwrap();
        assert_eq!((request.model.as_deref(), request.stream), (Some(model), route == Route::GeminiStream));
        let usage = Usage { output_tokens: Some(25), reasoning_output_tokens: Some(5), ..USAGE };
        let response = exchange.response.as_ref().unwrap();
        assert_eq!((response.usage, response.finish_reason.as_deref()), (Some(usage), Some("STOP")));
        assert!(response.complete);
    }
    let last = exchange("gemini-cli-main", 22);
    assert!(last.calls().iter().all(|(id, ..)| is_made_id(id)));
    assert_eq!(
        outcomes(&last),
        [
            ("run_shell_command".to_owned(), None, false),
            ("read_file".to_owned(), None, false),
            ("write_file".to_owned(), None, false),
            ("replace".to_owned(), None, false),
            ("mcp_rigmcp_echo".to_owned(), None, false),
            ("run_shell_command".to_owned(), Some(true), false),
            ("run_shell_command".to_owned(), Some(true), true),
            ("invoke_agent".to_owned(), Some(true), false),
        ]
    );
    let calls = last.calls();
    let (_, mcp, _) = calls[4];
    assert_eq!(
        (mcp.kind, mcp.mcp_server.as_deref(), mcp.mcp_tool.as_deref()),
        (ToolType::Mcp, Some("rigmcp"), Some("echo"))
    );
    assert_eq!(calls[0].1.cli.as_ref().unwrap().argv, ["ls", "-la"]);
    let thought = &exchange("gemini-cli-main", 2).response.unwrap().parts[0];
    assert!(matches!(thought, Part::Reasoning { text } if text.starts_with("**Looking**")));
}

#[test]
fn each_sdks_one_question_is_read() {
    for exchange in exchanges("sdks") {
        let place = format!("{} {}", exchange.seq, exchange.head.path);
        assert!(exchange.route.is_some(), "{place}");
        assert_eq!(exchange.author(), ["RIG-PLAIN hi"], "{place}");
        assert_eq!(exchange.identity.purpose, Purpose::Turn, "{place}");
        let response = exchange.response.as_ref().unwrap();
        assert_eq!(
            text(response),
            "<state_snapshot>Rig summary of the conversation so far.</state_snapshot>",
            "{place}"
        );
        assert!(response.complete && response.usage.is_some() && response.response_id.is_some(), "{place}");
        assert!(exchange.request.as_ref().unwrap().model.is_some(), "{place}");
    }
}
