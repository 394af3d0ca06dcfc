//! What must be read out of the recorded sessions, spelt out.

use serde_json::json;
use ursa_adapters::agents;
use ursa_model::message::{AgentKind, Part, Purpose, ToolType, Usage};

use crate::exchange::{Exchange, exchange, exchanges, text};

const CLAUDE_PROMPT: &str = "RIG-PROMPT: tidy this project.";
const COPILOT_SESSION: &str = "ba91fbae-b7f2-435a-8122-458df8d8911b";

fn purposes(scenario: &str, purpose: Purpose) -> Vec<u64> {
    let of = |exchange: &Exchange| exchange.route.is_some() && exchange.identity.purpose == purpose;
    exchanges(scenario).iter().filter(|exchange| of(exchange)).map(|exchange| exchange.seq).collect()
}

#[test]
fn nothing_recorded_is_a_problem() {
    for scenario in crate::exchange::SCENARIOS {
        for exchange in exchanges(scenario) {
            assert_eq!(exchange.problems, [], "{scenario}: {}", exchange.seq);
        }
    }
}

#[test]
fn claude_code_says_who_it_is() {
    for scenario in ["claude-code-main", "claude-code-permission-default", "claude-code-hook-exit2"] {
        for exchange in exchanges(scenario) {
            let identity = &exchange.identity;
            assert_eq!(identity.agent_slug, "claude-code");
            assert_eq!(identity.agent_version.as_deref(), Some("2.1.330"));
            assert_eq!((identity.agent_kind, identity.confidence), (AgentKind::Terminal, 2));
            assert_eq!(identity.conversation.as_ref().unwrap().0, "claude-code");
            assert_eq!(identity.purpose, Purpose::Turn, "{scenario} {}", exchange.seq);
            if identity.subagent_id.is_none() {
                assert_eq!(identity.cwd.as_deref(), Some("/home/dev/project"));
                assert_eq!(exchange.author(), [CLAUDE_PROMPT], "{scenario} {}", exchange.seq);
            } else {
                let said = exchange.author().concat();
                assert_eq!(said.trim_end(), "RIG-SUBAGENT: read notes.txt and report the number of lines.");
            }
        }
    }
    let oauth = exchange("claude-code-oauth-token", 1);
    assert_eq!((oauth.identity.agent_slug.as_str(), oauth.identity.purpose), ("claude-code", Purpose::Turn));
}

#[test]
fn claude_code_calls_that_are_no_turns_are_told() {
    let all = |purpose| purposes("claude-code-interactive", purpose);
    assert_eq!(all(Purpose::Title), [5]);
    assert_eq!(all(Purpose::Classifier), [14, 16, 21]);
    assert_eq!(all(Purpose::Summary), [32]);
    assert_eq!(all(Purpose::CountTokens), [33, 36, 40]);
    let turns = all(Purpose::Turn);
    assert_eq!(turns, [6, 10, 11, 12, 13, 15, 19, 20, 22, 23, 24, 25, 26, 27, 29]);
    let last = exchange("claude-code-interactive", 29);
    assert_eq!(last.author(), ["RIG-PLAIN hello there", CLAUDE_PROMPT]);
    let title = exchange("claude-code-interactive", 5);
    let told = agents::title_of(&title.identity, &text(title.response.as_ref().unwrap()));
    assert!(told.is_some_and(|title| !title.starts_with('{')));
}

#[test]
fn a_prompt_that_speaks_like_a_compaction_is_a_turn() {
    let mut compaction = exchange("claude-code-interactive", 32);
    let request = compaction.request.as_mut().unwrap();
    let last = request.messages.len() - 1;
    let head = head_of("POST", "/v1/messages");
    assert_eq!(agents::identify(&head, compaction.request.as_ref()).purpose, Purpose::Summary);
    let request = compaction.request.as_mut().unwrap();
    request.stripped.push(ursa_model::message::Stripped {
        pointer: format!("/messages/{last}/content/0/cache_control"),
        value: json!({"type": "ephemeral"}),
    });
    assert_eq!(agents::identify(&head, compaction.request.as_ref()).purpose, Purpose::Turn);
}

fn head_of(method: &str, path: &str) -> ursa_model::capture::CaptureHead {
    serde_json::from_value(json!({
        "version": 1, "environment": ursa_model::EnvironmentId::default_environment(), "principal": {"type": "loopback"},
        "upstream": "anthropic", "protocol": "anthropic-messages", "method": method, "path": path, "query": [],
        "headers": [["x-claude-code-session-id", "s"]], "bodies_kept": true,
    }))
    .unwrap()
}

#[test]
fn requests_off_the_routes_are_no_turns() {
    assert_eq!(agents::identify(&head_of("HEAD", "/"), None).purpose, Purpose::Probe);
    assert_eq!(agents::identify(&head_of("POST", "/v1/other"), None).purpose, Purpose::Other);
    assert_eq!(agents::identify(&head_of("POST", "/v1/messages"), None).purpose, Purpose::Turn);
}

#[test]
fn claude_code_calls_results_and_usage() {
    let exchange = exchange("claude-code-main", 16);
    let names: Vec<_> = exchange.calls().iter().map(|(_, tool, _)| tool.name.clone()).collect();
    let expected = ["Bash", "Read", "Write", "Edit", "mcp__rigmcp__echo", "Agent", "Bash", "Bash"];
    assert_eq!(names, expected);
    let calls = exchange.calls();
    let (id, bash, arguments) = calls[0];
    assert_eq!((id, bash.kind), ("toolu_mock000001_2", ToolType::Builtin));
    assert_eq!(bash.cli.as_ref().unwrap().argv, ["ls", "-la"]);
    assert_eq!(arguments["command"], "ls -la");
    let (_, mcp, _) = calls[4];
    assert_eq!((mcp.kind, mcp.mcp_server.as_deref()), (ToolType::Mcp, Some("rigmcp")));

    let results: Vec<_> = results(&exchange);
    let spawned = results.iter().find(|(id, ..)| *id == "toolu_mock000009_1").unwrap();
    assert_eq!(spawned.2, Some("a1d8073a293087df6"));
    let failed = results.iter().find(|(id, ..)| *id == "toolu_mock000012_0").unwrap();
    assert_eq!(failed.1, Some(true));

    let first = crate::exchange::exchange("claude-code-main", 1).response.unwrap();
    assert_eq!(first.response_id.as_deref(), Some("msg_mock000001"));
    assert_eq!(first.finish_reason.as_deref(), Some("tool_use"));
    let usage = first.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_input_tokens), (Some(12), Some(2000)));
    assert_eq!((usage.cache_creation_input_tokens, usage.reasoning_output_tokens), (Some(100), None));
    assert!(usage.output_tokens.unwrap() > 1, "the last snapshot counts");
}

fn results(exchange: &Exchange) -> Vec<(&str, Option<bool>, Option<&str>)> {
    let messages = &exchange.request.as_ref().unwrap().messages;
    messages
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::ToolResult { call_id, is_error, spawned_subagent_id, .. } => {
                Some((call_id.as_str(), *is_error, spawned_subagent_id.as_deref()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn token_counts_are_usage() {
    let count = exchange("claude-code-interactive", 33).response.unwrap();
    assert_eq!(count.usage, Some(Usage { input_tokens: Some(1234), ..Usage::default() }));
    assert!(count.complete && count.parts.is_empty());
}

#[test]
fn codex_says_who_it_is() {
    let root = "01a205bb-7b54-7980-b06a-84b50fadaa82";
    for exchange in exchanges("codex-main").iter().filter(|exchange| exchange.route.is_some()) {
        let identity = &exchange.identity;
        assert_eq!(identity.agent_slug, "codex");
        assert_eq!(identity.agent_version.as_deref(), Some("0.169.0"));
        assert_eq!(identity.conversation, Some(("codex".to_owned(), root.to_owned())));
        assert_eq!(identity.cwd.as_deref(), Some("/home/dev/project"));
        assert_eq!(identity.purpose, Purpose::Turn);
        if identity.subagent_id.is_some() {
            assert_eq!(identity.subagent_id.as_deref(), Some("01a205bb-8a38-7f32-89bc-4baf33aa25f3"));
            assert_eq!(exchange.author(), ["RIG-SUBAGENT: count the lines of notes.txt"]);
        } else {
            assert_eq!(exchange.author(), [CLAUDE_PROMPT], "{}", exchange.seq);
        }
    }
    for scenario in ["codex-chatgpt-login", "codex-websocket-refused", "codex-code-mode"] {
        for exchange in exchanges(scenario).iter().filter(|exchange| exchange.route.is_some()) {
            assert_eq!(exchange.identity.agent_slug, "codex", "{scenario} {}", exchange.seq);
            assert!(exchange.identity.conversation.is_some());
        }
    }
}

#[test]
fn codex_calls_results_and_usage() {
    let exchange = exchange("codex-main", 23);
    let calls = exchange.calls();
    let names: Vec<_> = calls.iter().map(|(_, tool, _)| (tool.name.as_str(), tool.kind)).collect();
    let builtin = |name| (name, ToolType::Builtin);
    assert_eq!(
        names,
        [
            builtin("exec_command"),
            builtin("apply_patch"),
            builtin("tool_search"),
            ("mcp__rigmcp__echo", ToolType::Mcp),
            builtin("tool_search"),
            builtin("spawn_agent"),
            builtin("wait_agent"),
            builtin("exec_command"),
            builtin("exec_command"),
        ]
    );
    assert_eq!(calls[0].2, &json!({"cmd": "ls -la"}));
    assert_eq!(calls[0].1.cli.as_ref().unwrap().program, "ls");
    assert!(calls[1].2.as_str().unwrap().starts_with("*** Begin Patch"));
    let results = results(&exchange);
    let spawned = results.iter().find(|(id, ..)| *id == "call_mock000012_0").unwrap();
    assert_eq!(spawned.2, Some("01a205bb-8a38-7f32-89bc-4baf33aa25f3"));
    let response = exchange.response.as_ref().unwrap();
    assert_eq!(response.finish_reason.as_deref(), Some("completed"));
    assert_eq!(
        response.usage,
        Some(Usage {
            input_tokens: Some(2100),
            output_tokens: Some(20),
            cache_read_input_tokens: Some(2000),
            cache_creation_input_tokens: None,
            reasoning_output_tokens: Some(5),
        })
    );
}

#[test]
fn copilot_cli_says_its_session_in_the_system_prompt() {
    for exchange in exchanges("copilot-cli-anthropic") {
        let identity = &exchange.identity;
        assert_eq!((identity.agent_slug.as_str(), identity.confidence), ("copilot-cli", 2), "{}", exchange.seq);
        assert_eq!(identity.conversation.as_ref().unwrap().1, COPILOT_SESSION);
        if identity.subagent_id.is_none() {
            assert_eq!(identity.agent_version.as_deref(), Some("1.0.102"));
            assert_eq!(exchange.author(), ["RIG-PROMPT tidy the project"], "{}", exchange.seq);
        } else {
            assert_eq!(exchange.author(), ["RIG-SUBAGENT: read notes.txt and report the number of lines."]);
        }
    }
    let exchange = exchange("copilot-cli-anthropic", 13);
    let calls = exchange.calls();
    let (_, mcp, _) = calls.iter().find(|(_, tool, _)| tool.name == "rigmcp-echo").unwrap();
    assert_eq!(
        (mcp.kind, mcp.mcp_server.as_deref(), mcp.mcp_tool.as_deref()),
        (ToolType::Mcp, Some("rigmcp"), Some("echo"))
    );
}

#[test]
fn opencode_says_its_session_and_asks_for_a_title() {
    assert_eq!(purposes("opencode-anthropic", Purpose::Title), [2]);
    assert_eq!(purposes("opencode-anthropic", Purpose::Turn), [3, 4, 5]);
    let title = exchange("opencode-anthropic", 2);
    let told = agents::title_of(&title.identity, &text(title.response.as_ref().unwrap()));
    assert_eq!(told.as_deref(), Some("Rig session title"));
    let turn = exchange("opencode-anthropic", 3);
    assert_eq!(turn.identity.conversation.as_ref().unwrap().1, "ses_dfa131d7bffesycUU1HOmQ7OpM");
    assert_eq!(turn.identity.cwd.as_deref(), Some("/home/dev/project …[elided; 9268 chars in all]"));
    assert_eq!(turn.author(), ["\"RIG-PROMPT tidy the project\""]);
}

#[test]
fn sdks_are_told_by_their_user_agents() {
    let told = exchanges("sdks").into_iter().map(|exchange| {
        let client = exchange.head.path.split('/').nth(2).unwrap_or_default().to_owned();
        assert_eq!(exchange.identity.agent_kind, AgentKind::Sdk, "{client}");
        (client, exchange.identity.agent_slug, exchange.identity.agent_version.unwrap_or_default())
    });
    let told: Vec<_> = told.collect();
    let expected = [
        ("openai-python", "openai-python", "2.54.0"),
        ("openai-python-async", "openai-python", "2.54.0"),
        ("anthropic-python", "anthropic-python", "2.12.0"),
        ("anthropic-python-stream", "anthropic-python", "2.12.0"),
        ("google-genai", "google-genai", "3.4.0"),
        // These two show nothing but the library that they call.
        ("litellm-openai", "openai-python", "2.54.0"),
        ("litellm-anthropic", "litellm", "1.106.2"),
        ("litellm-gemini", "litellm", "1.106.2"),
        ("langchain-openai", "openai-python", "2.54.0"),
        ("langchain-anthropic", "langchain", "1.7.7"),
        ("openai-node", "openai-node", "6.49.0"),
        ("anthropic-node", "anthropic-node", "1.12.0"),
        ("google-genai-js", "google-genai", "2.32.0"),
        ("vercel-openai", "vercel-ai-sdk", "6.0.326"),
        ("vercel-openai-responses", "vercel-ai-sdk", "6.0.326"),
        ("vercel-anthropic", "vercel-ai-sdk", "6.0.326"),
        ("vercel-google", "vercel-ai-sdk", "6.0.326"),
        ("vercel-compatible", "vercel-ai-sdk", "6.0.326"),
        ("openrouter-provider", "vercel-ai-sdk", "6.0.326"),
        ("langchain-js-openai", "langchain", "1.0.0"),
        ("langchain-js-anthropic", "anthropic-node", "0.122.0"),
    ];
    let expected = expected.map(|(client, slug, version)| (client.to_owned(), slug.to_owned(), version.to_owned()));
    assert_eq!(told, expected);
    let text_input = exchange("sdks", 2);
    assert!(text_input.request.as_ref().unwrap().messages_as_text);
    assert_eq!(text_input.author(), ["RIG-PLAIN hi"]);
    assert_eq!((text_input.identity.confidence, text_input.identity.agent_kind), (0, AgentKind::Sdk));
    assert_eq!(text_input.identity.agent_version.as_deref(), Some("2.54.0"));
    assert_eq!(exchange("gemini-cli-main", 1).identity.agent_slug, "gemini-cli");
}
