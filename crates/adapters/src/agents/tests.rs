//! What no recording has; recordings are read in `tests/recorded`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use ursa_model::EnvironmentId;
use ursa_model::capture::{CaptureHead, Principal};
use ursa_model::message::{Identity, ModelRequest, Part, Purpose, ToolType};

use super::{AGENTS, agent, identify, refine_request};
use crate::route::Route;
use crate::wire;

fn head(protocol: &str, path: &str, headers: &[(&str, &str)]) -> CaptureHead {
    CaptureHead {
        version: 1,
        environment: EnvironmentId::default_environment(),
        principal: Principal::Loopback,
        upstream: "test".to_owned(),
        protocol: protocol.to_owned(),
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        reported_user: None,
        reported_device: None,
        bodies_kept: true,
        upgrade: false,
        credentials: Vec::new(),
    }
}

fn messages(headers: &[(&str, &str)], body: &Value) -> (Identity, ModelRequest) {
    let request = wire::read_request(Route::AnthropicMessages, "", body.to_string().as_bytes()).0.unwrap();
    (identify(&head("anthropic-messages", "/v1/messages", headers), Some(&request)), request)
}

fn responses(headers: &[(&str, &str)], body: &Value) -> Identity {
    let request = wire::read_request(Route::OpenAiResponses, "", body.to_string().as_bytes()).0.unwrap();
    identify(&head("openai-responses", "/v1/responses", headers), Some(&request))
}

#[test]
fn slugs_are_unique_and_found() {
    for (index, known) in AGENTS.iter().enumerate() {
        assert!(AGENTS[index + 1..].iter().all(|other| other.slug != known.slug));
        assert_eq!(agent(known.slug).unwrap().name, known.name);
    }
    assert!(agent("unrecognised").is_none());
}

#[test]
fn stronger_evidence_wins_over_a_borrowed_user_agent() {
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    let (identity, _) =
        messages(&[("user-agent", "claude-cli/9.9.9 (external, cli)"), ("x-session-id", "ses_1")], &body);
    assert_eq!((identity.agent_slug.as_str(), identity.confidence), ("opencode", 2));
    let (identity, _) = messages(&[("user-agent", "claude-cli/9.9.9 (external, cli)")], &body);
    assert_eq!((identity.agent_slug.as_str(), identity.confidence), ("claude-code", 1));
    let (identity, _) = messages(&[("user-agent", "MyBot/1")], &body);
    assert_eq!((identity.agent_slug.as_str(), identity.confidence), ("unrecognised", 0));
    assert_eq!(identity.agent_name, "unrecognised (MyBot/1)");
    let prompt = json!({"system": "You are Claude Code, Anthropic's official CLI for Claude.", "messages": []});
    let (identity, _) = messages(&[("user-agent", "Anthropic/JS 0.94.0")], &prompt);
    assert_eq!(identity.agent_slug, "claude-code");
}

#[test]
fn claude_codes_session_is_in_the_body_too() {
    for user in ["{\"device_id\":\"d\",\"session_id\":\"s-1\"}", "user_ab_account__session_s-1"] {
        let (identity, _) = messages(&[], &json!({"messages": [], "metadata": {"user_id": user}}));
        assert_eq!(identity.conversation, Some(("claude-code".to_owned(), "s-1".to_owned())), "{user}");
        assert_eq!(identity.confidence, 2);
    }
    let (identity, _) = messages(&[], &json!({"messages": [], "metadata": {"user_id": "42"}}));
    assert_eq!(identity.agent_slug, "unrecognised");
}

#[test]
fn a_session_with_a_parent_is_its_subagent() {
    let headers = [("x-session-id", "ses_child"), ("x-parent-session-id", "ses_parent")];
    let (identity, _) = messages(&headers, &json!({"messages": []}));
    assert_eq!(identity.conversation, Some(("opencode".to_owned(), "ses_parent".to_owned())));
    assert_eq!(identity.subagent_id.as_deref(), Some("ses_child"));
}

#[test]
fn codex_tells_the_kind_of_request() {
    for (kind, purpose) in [("turn", Purpose::Turn), ("compaction", Purpose::Summary), ("prewarm", Purpose::Other)] {
        let metadata = json!({"session_id": "s", "thread_id": "t", "request_kind": kind}).to_string();
        let identity = responses(&[("x-codex-turn-metadata", &metadata)], &json!({"input": "hi"}));
        assert_eq!(identity.purpose, purpose);
        assert_eq!(identity.conversation, Some(("codex".to_owned(), "s".to_owned())));
        assert_eq!(identity.subagent_id.as_deref(), Some("t"));
    }
    let identity = responses(&[("originator", "codex_vscode")], &json!({"input": [{"type": "compaction_trigger"}]}));
    assert_eq!(identity.purpose, Purpose::Summary);
    assert_eq!(identity.agent_kind, ursa_model::message::AgentKind::Desktop);
}

#[test]
fn one_token_of_one_message_is_a_probe() {
    let probe = json!({"max_tokens": 1, "messages": [{"role": "user", "content": "quota"}]});
    assert_eq!(messages(&[], &probe).0.purpose, Purpose::Probe);
    let short = json!({"max_tokens": 2, "messages": [{"role": "user", "content": "quota"}]});
    assert_eq!(messages(&[], &short).0.purpose, Purpose::Turn);
    assert_eq!(responses(&[], &json!({"max_output_tokens": 1, "input": "x"})).purpose, Purpose::Probe);
}

#[test]
fn talk_of_titles_and_summaries_is_a_turn() {
    for text in [
        "Write a title for this session",
        "Your task is to summarise the conversation",
        "You are a title generator",
        "Please explain: CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.",
    ] {
        for headers in [&[("x-claude-code-session-id", "s")], &[("x-session-id", "ses_1")]] {
            let body = json!({"messages": [{"role": "user", "content": text}], "tools": [{"name": "Bash"}]});
            assert_eq!(messages(headers, &body).0.purpose, Purpose::Turn, "{text}");
        }
    }
}

#[test]
fn functions_of_a_program_stay_functions() {
    let body = json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look-up", "input": {}}]}]});
    for (user_agent, kind) in [("Anthropic/Python 2.0", ToolType::Function), ("claude-cli/2", ToolType::Builtin)] {
        let (identity, mut request) = messages(&[("user-agent", user_agent)], &body);
        refine_request(&mut request, &identity);
        let Part::ToolCall { tool, .. } = &request.messages[0].parts[0] else { panic!() };
        assert_eq!(tool.kind, kind, "{user_agent}");
    }
}

#[test]
fn copilots_tools_with_a_dash_are_on_mcp_servers() {
    let named = agent("copilot-cli").unwrap().mcp_name;
    assert_eq!(named("rigmcp-echo"), Some((Some("rigmcp"), Some("echo"))));
    assert_eq!(named("github-mcp-server-get_me"), Some((Some("github-mcp-server"), Some("get_me"))));
    assert_eq!(named("context7-resolve-library-id"), Some((None, None)));
    assert_eq!(named("read_bash"), None);
}

fn chat(headers: &[(&str, &str)], body: &Value) -> Identity {
    let request = wire::read_request(Route::OpenAiChat, "", body.to_string().as_bytes()).0.unwrap();
    identify(&head("openai-chat", "/v1/chat/completions", headers), Some(&request))
}

fn gemini(user_agent: &str, body: &Value) -> (Identity, ModelRequest) {
    let path = "/v1internal:streamGenerateContent";
    let mut request = wire::read_request(Route::GeminiStream, path, body.to_string().as_bytes()).0.unwrap();
    let identity = identify(&head("gemini", path, &[("user-agent", user_agent)]), Some(&request));
    refine_request(&mut request, &identity);
    (identity, request)
}

#[test]
fn agents_over_chat_completions() {
    let system = |text: &str| json!({"messages": [{"role": "system", "content": text}, {"role": "user", "content": "hi"}], "tools": []});
    let node = ("user-agent", "OpenAI/JS 5.11.0");
    for (headers, body, slug, confidence) in [
        (&[("user-agent", "QwenCode/0.15.10 (linux; x64)")][..], system("x"), "qwen-code", 1),
        (&[node], system("You are Qwen Code, an agent"), "qwen-code", 1),
        (&[("user-agent", "ai-sdk/openai-compatible/2"), ("x-session-id", "ses_1")], system("x"), "opencode", 2),
        (&[node, ("x-stainless-runtime-version", "unknown"), ("x-initiator", "agent")], system("x"), "copilot-cli", 2),
        (&[node], system("You are the GitHub Copilot CLI, x"), "copilot-cli", 1),
        (&[node], system("x"), "openai-node", 0),
    ] {
        let identity = chat(headers, &body);
        assert_eq!((identity.agent_slug.as_str(), identity.confidence), (slug, confidence), "{headers:?}");
    }
    let tools: Vec<Value> = ["read_bash", "stop_bash", "list_bash"]
        .into_iter()
        .map(|name| json!({"type": "function", "function": {"name": name}}))
        .collect();
    let by_tools = chat(&[node], &json!({"messages": [], "tools": tools}));
    assert_eq!((by_tools.agent_slug.as_str(), by_tools.confidence), ("copilot-cli", 1));
    let title = chat(&[("x-session-id", "ses_1")], &system("You are a title generator. You output"));
    assert_eq!(title.purpose, Purpose::Title);
    let old = json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "functions": [{"name": "f"}]});
    assert_eq!(chat(&[node], &old).purpose, Purpose::Turn);
    let probe = json!({"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 1});
    assert_eq!(chat(&[node], &probe).purpose, Purpose::Probe);
}

#[test]
fn what_agents_put_before_the_first_prompt_is_theirs() {
    let opening = "This is the Qwen Code. We are setting up the context for our chat.\nToday's date is x";
    let body = json!({"messages": [{"role": "user", "content": opening}, {"role": "user", "content": "hi"}]});
    let mut request = wire::read_request(Route::OpenAiChat, "", body.to_string().as_bytes()).0.unwrap();
    let by = head("openai-chat", "/v1/chat/completions", &[("user-agent", "QwenCode/0.15.10")]);
    let identity = identify(&by, Some(&request));
    refine_request(&mut request, &identity);
    let origins: Vec<_> = request
        .messages
        .iter()
        .map(|message| match &message.parts[0] {
            Part::Text { origin, .. } => *origin,
            other => panic!("{other:?}"),
        })
        .collect();
    use ursa_model::message::Origin::{Author, Injected};
    assert_eq!(origins, [Injected, Author]);
}

#[test]
fn gemini_cli_signed_in_tells_its_session_and_a_subagent_has_its_task() {
    let wrapped = |tools: &[&str], task: &str| {
        let tools: Vec<Value> = tools.iter().map(|name| json!({ "name": name })).collect();
        json!({"model": "gemini-x", "project": "p", "request": {"session_id": "s-1",
            "contents": [{"role": "user", "parts": [{"text": task}]}], "tools": [{"functionDeclarations": tools}]}})
    };
    let user_agent = "GeminiCLI-tui/0.61.0/gemini-x (linux; x64; terminal)";
    let (main, request) = gemini(user_agent, &wrapped(&["invoke_agent", "glob"], "tidy up"));
    assert_eq!(main.conversation, Some(("gemini-cli".to_owned(), "s-1".to_owned())));
    assert_eq!((main.subagent_id, request.model.as_deref(), request.stream), (None, Some("gemini-x"), true));
    let (one, _) = gemini(user_agent, &wrapped(&["complete_task", "glob"], "count lines"));
    let (other, _) = gemini(user_agent, &wrapped(&["complete_task", "glob"], "count words"));
    assert_eq!(one.conversation, main.conversation);
    assert!(one.subagent_id.is_some() && one.subagent_id != other.subagent_id);
}

#[test]
fn gemini_clis_own_questions_are_no_turns() {
    let asked = |system: &str, settings: Value, tools: Value| {
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}],
            "systemInstruction": {"parts": [{"text": system}]}, "generationConfig": settings, "tools": tools});
        gemini("GeminiCLI/1", &body).0.purpose
    };
    let distil = "\nYou are a specialized system component responsible for distilling chat history into x";
    assert_eq!(asked(distil, json!({}), Value::Null), Purpose::Summary);
    assert_eq!(asked("x", json!({"responseJsonSchema": {}}), Value::Null), Purpose::Other);
    assert_eq!(asked("x", json!({"maxOutputTokens": 1}), Value::Null), Purpose::Probe);
    assert_eq!(asked(distil, json!({}), json!([{"functionDeclarations": [{"name": "glob"}]}])), Purpose::Turn);
}

#[test]
fn gemini_clis_tools_on_mcp_servers() {
    let named = agent("gemini-cli").unwrap().mcp_name;
    assert_eq!(named("mcp_rigmcp_echo"), Some((Some("rigmcp"), Some("echo"))));
    assert_eq!(named("mcp_my_server_echo"), Some((None, None)));
    assert_eq!(named("run_shell_command"), None);
}
