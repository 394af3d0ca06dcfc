//! The cases in which a reasonable reading of the wire breaks, each by its name.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Record, ask, said, text, user};
use ursa_model::event::{EventBody, ToolStatus};
use ursa_model::message::Purpose;
use ursa_pipeline::Exchange;

const SESSION: &str = "da50b282-c7f0-494f-8e93-de7464b061d0";

/// Three turns with a tool call, as Claude Code sends them.
fn tool_conversation() -> Vec<Exchange> {
    let call = json!([{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "toolu_000000000001", "name": "Bash", "input": {"command": "ls"}}]);
    let asked = json!({"role": "assistant", "content": call});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_000000000001", "content": "README.md"}]});
    vec![
        ask(0, json!([user("tidy up")])).session(SESSION).answered("msg_000000000001", call),
        ask(10, json!([user("tidy up"), asked, result])).session(SESSION).answered("msg_000000000002", text("Done.")),
        ask(20, json!([user("tidy up"), asked, result, said("Done."), user("thanks")]))
            .session(SESSION)
            .answered("msg_000000000003", text("Welcome.")),
    ]
}

#[test]
fn a_conversation_is_told_once() {
    let record = Record::of(&tool_conversation());
    let session = record.only_session();
    assert_eq!(session.conversation_id.as_deref(), Some(SESSION));
    assert_eq!(session.agent.slug, "claude-code");
    assert_eq!((session.counts.prompts, session.counts.completions), (2, 3));
    assert_eq!((session.counts.tool_calls, session.counts.cli_calls, session.counts.model_calls), (1, 1, 3));
    assert_eq!((session.usage.input_tokens, session.usage.output_tokens), (Some(30), Some(15)));
    assert!(session.completeness.complete, "{:?}", session.completeness);
    let events = record.events(&session);
    let call = events.iter().find_map(|event| match &event.body {
        EventBody::ToolCall(call) => Some((event, call)),
        _ => None,
    });
    let (event, call) = call.unwrap();
    assert_eq!(call.arguments, Some(json!({"command": "ls"})));
    assert_eq!((call.result.clone(), call.status), (Some(json!("README.md")), ToolStatus::Completed));
    assert_eq!((event.turn, call.duration_ms), (1, Some(9_900)));
    let parent = record.store.event(event.parent_event_id.unwrap()).unwrap().unwrap();
    assert!(
        matches!(&parent.body, EventBody::ModelCall(call) if call.response_id.as_deref() == Some("msg_000000000001"))
    );
}

#[test]
fn requests_out_of_order() {
    let exchanges = tool_conversation();
    let expected = Record::of(&exchanges).told();
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let shuffled: Vec<Exchange> = order.iter().map(|index| exchanges[*index].clone()).collect();
        assert_eq!(Record::of(&shuffled).told(), expected, "{order:?}");
    }
}

#[test]
fn the_same_captures_again_change_nothing() {
    let exchanges = tool_conversation();
    let record = Record::of(&exchanges);
    let before: Vec<u64> = record.events(&record.only_session()).iter().map(|event| event.rev).collect();
    record.add(&exchanges);
    let receipt = record.pipeline.replay(&exchanges, &[], ursa_model::Timestamp::from_micros(support::START)).unwrap();
    let after: Vec<u64> = record.events(&record.only_session()).iter().map(|event| event.rev).collect();
    assert_eq!(before, after);
    assert_eq!((receipt.inserted, receipt.changed), (0, 0));
}

#[test]
fn one_batch_or_many_give_the_same() {
    let record = Record::new();
    record.add(&tool_conversation());
    assert_eq!(record.told(), Record::of(&tool_conversation()).told());
}

#[test]
fn two_chats_that_both_open_with_hi() {
    let turns = |first: &'static str, second: &'static str, answer: &'static str, more: &'static str, at: i64| {
        vec![
            ask(at, json!([user("hi")])).answered(first, text(answer)),
            ask(at + 5, json!([user("hi"), said(answer), user(more)])).answered(second, text("Sure.")),
        ]
    };
    // Different answers; then the same answer, where only the ids differ.
    for (one, two) in [("Hello!", "Good day."), ("Hello!", "Hello!")] {
        let a = turns("msg_00000000000a", "msg_00000000000b", one, "about cats", 0);
        let b = turns("msg_00000000000c", "msg_00000000000d", two, "about dogs", 1);
        let record = Record::of(&[a[0].clone(), b[0].clone(), a[1].clone(), b[1].clone()]);
        let sessions = record.sessions();
        assert_eq!(sessions.len(), 2, "{sessions:#?}");
        let mut prompts: Vec<Vec<String>> = sessions.iter().map(|session| record.prompts(session)).collect();
        prompts.sort();
        assert_eq!(prompts, [["hi", "about cats"], ["hi", "about dogs"]]);
        assert!(sessions.iter().all(|session| session.counts.model_calls == 2 && session.counts.completions == 2));
    }
}

#[test]
fn a_chat_without_ids_whose_first_request_comes_last() {
    let first = ask(0, json!([user("hi")])).answered("msg_00000000000a", text("Hello!"));
    let second = ask(5, json!([user("hi"), said("Hello!"), user("more")])).answered("msg_00000000000b", text("Sure."));
    let third = ask(9, json!([user("hi"), said("Hello!"), user("more"), said("Sure."), user("bye")]))
        .answered("msg_00000000000c", text("Bye."));
    let expected = Record::of(&[first.clone(), second.clone(), third.clone()]).told();
    let record = Record::of(&[second.clone(), third.clone()]);
    let (early_session, early) = (record.only_session().id, record.events(&record.only_session()));
    record.add(std::slice::from_ref(&first));
    assert_eq!(record.told(), expected);
    // Whatever was given out before still resolves.
    assert!(record.store.session(early_session, ursa_model::Timestamp::default()).unwrap().is_some());
    for event in early {
        assert!(record.store.event(event.id).unwrap().is_some(), "{event:?}");
    }
    assert_eq!(Record::of(&[second, first, third]).told(), expected);
}

#[test]
fn a_user_learned_after_fifty_events() {
    let mut messages = Vec::new();
    let record = Record::new();
    for turn in 0..25i64 {
        messages.push(user(&format!("question {turn}")));
        let id = format!("msg_{turn:012}");
        record.add(&[ask(turn, json!(messages)).session(SESSION).answered(&id, text(&format!("answer {turn}")))]);
        messages.push(said(&format!("answer {turn}")));
    }
    assert!(record.only_session().user.is_none());
    let before: Vec<_> = record.events(&record.only_session()).iter().map(|event| (event.id, event.rev)).collect();
    messages.push(user("who am I?"));
    record.add(&[ask(30, json!(messages))
        .session(SESSION)
        .user("ada@example.com")
        .answered("msg_999999999999", text("Ada."))]);
    let session = record.only_session();
    let user = session.user.clone().unwrap();
    assert_eq!((user.id.as_str(), user.email.as_deref()), ("ada@example.com", Some("ada@example.com")));
    let after = record.events(&session);
    assert!(before.iter().all(|(id, rev)| after.iter().any(|event| event.id == *id && event.rev == *rev)));
    assert_eq!(session.counts.prompts, 26);
}

#[test]
fn continue_sent_three_times() {
    // The model says the same each time: only the count tells them apart.
    let mut messages = vec![user("write a book")];
    let mut exchanges = Vec::new();
    for turn in 0..4i64 {
        let id = format!("msg_{turn:012}");
        exchanges.push(ask(turn * 10, json!(messages)).session(SESSION).answered(&id, text("A chapter.")));
        messages.push(said("A chapter."));
        messages.push(user("continue"));
    }
    let record = Record::of(&exchanges);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["write a book", "continue", "continue", "continue"]);
    assert_eq!(session.counts.completions, 4);
    let last_only = Record::of(&exchanges[3..]);
    assert_eq!(last_only.prompts(&last_only.only_session()).len(), 4, "told by the history alone");
}

#[test]
fn a_retry_after_529() {
    for session in [Some(SESSION), None] {
        let with = |ask: support::Ask| match session {
            Some(session) => ask.session(session),
            None => ask,
        };
        let record = Record::of(&[
            with(ask(0, json!([user("hi")]))).failed(529, "overloaded_error"),
            with(ask(1, json!([user("hi")]))).failed(529, "overloaded_error"),
            with(ask(2, json!([user("hi")]))).answered("msg_00000000000a", text("Hello!")),
        ]);
        let session = record.only_session();
        assert_eq!((session.counts.prompts, session.counts.model_calls, session.counts.completions), (1, 3, 1));
        let statuses: Vec<Option<u16>> = record
            .events(&session)
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::ModelCall(call) => Some(call.status_code),
                _ => None,
            })
            .collect();
        assert_eq!(statuses, [Some(529), Some(529), Some(200)]);
    }
}

#[test]
fn a_400_retried_with_fewer_features() {
    let reminder = |text: &str| json!({"role": "user", "content": [{"type": "text", "text": format!("<system-reminder>\n{text}\n</system-reminder>")}, {"type": "text", "text": "tidy up"}]});
    let record = Record::of(&[
        ask(0, json!([reminder("tools: 22")]))
            .session(SESSION)
            .with("context_management", json!({}))
            .failed(400, "invalid_request_error"),
        ask(1, json!([reminder("tools: 12")]))
            .session(SESSION)
            .with("tools", json!([{"name": "Bash"}, {"name": "Read"}]))
            .answered("msg_00000000000a", text("Tidy.")),
    ]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["tidy up"]);
    assert_eq!((session.counts.prompts, session.counts.model_calls), (1, 2));
}

#[test]
fn a_title_call() {
    let mut title = ask(0, json!([user("<session>\ntidy up\n</session>\n\nWrite the title in the predominant language.")]))
        .session(SESSION)
        .with("output_config", json!({"format": {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}}))
        .with("system", json!([{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.71e;"}, {"type": "text", "text": "You are naming a coding session."}]));
    title.body.as_object_mut().unwrap().remove("tools");
    let record = Record::of(&[
        title.answered("msg_00000000000a", text("{\"title\": \"Tidy the project\"}")),
        ask(0, json!([user("tidy up")])).session(SESSION).answered("msg_00000000000b", text("Tidy.")),
    ]);
    let session = record.only_session();
    assert_eq!(session.title.as_deref(), Some("Tidy the project"));
    assert_eq!(record.prompts(&session), ["tidy up"]);
    let purposes: Vec<Purpose> = record
        .events(&session)
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Completion { purpose, .. } => Some(*purpose),
            _ => None,
        })
        .collect();
    assert_eq!(purposes.len(), 2);
    assert!(purposes.contains(&Purpose::Title) && purposes.contains(&Purpose::Turn));
}

#[test]
fn a_subagent() {
    const CHILD: &str = "a6bb4c30c3b07823b";
    let spawn =
        json!([{"type": "tool_use", "id": "toolu_000000000001", "name": "Agent", "input": {"prompt": "count lines"}}]);
    let asked = json!({"role": "assistant", "content": spawn});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_000000000001", "content": [{"type": "text", "text": format!("Async agent launched successfully.\nagentId: {CHILD} (internal ID)")}]}]});
    let record = Record::of(&[
        ask(0, json!([user("delegate")])).session(SESSION).answered("msg_00000000000a", spawn),
        ask(1, json!([user("count lines")]))
            .session(SESSION)
            .agent(CHILD)
            .answered("msg_00000000000b", text("2 lines.")),
        ask(2, json!([user("delegate"), asked, result])).session(SESSION).answered("msg_00000000000c", text("Done.")),
    ]);
    let session = record.only_session();
    let events = record.events(&session);
    let of_child: Vec<String> =
        events.iter().filter(|event| event.subagent_id.as_deref() == Some(CHILD)).map(support::line).collect();
    assert_eq!(of_child.len(), 3, "{of_child:?}");
    assert_eq!(events.len() - of_child.len(), 5, "a prompt, two calls, a tool call, a completion");
    assert!(events.iter().any(
        |event| matches!(&event.body, EventBody::ToolCall(call) if call.spawned_subagent_id.as_deref() == Some(CHILD))
    ));
}

#[test]
fn compaction() {
    let summary = user(
        "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below: …",
    );
    let (p1, a1) = (user("continue"), said("One."));
    let record = Record::of(&[
        ask(0, json!([p1])).session(SESSION).answered("msg_00000000000a", text("One.")),
        ask(10, json!([p1, a1, user("continue")])).session(SESSION).answered("msg_00000000000b", text("Two.")),
        ask(20, json!([p1, a1, user("continue"), said("Two."), user("Your task is to create a detailed summary of the conversation so far, with <analysis> and <summary> tags.")]))
            .session(SESSION)
            .answered("msg_00000000000c", text("<analysis>x</analysis><summary>y</summary>")),
        // What was before is cut; the new prompt has the words of an old one.
        ask(30, json!([summary, user("continue")])).session(SESSION).answered("msg_00000000000d", text("Three.")),
        ask(40, json!([summary, user("continue"), said("Three."), user("thanks")])).session(SESSION).answered("msg_00000000000e", text("Welcome.")),
    ]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["continue", "continue", "continue", "thanks"]);
    assert_eq!((session.counts.completions, session.counts.model_calls), (5, 5));
}

#[test]
fn compaction_that_keeps_what_the_user_said() {
    let (p1, p2) = (user("first"), user("second"));
    let record = Record::of(&[
        ask(0, json!([p1])).session(SESSION).answered("msg_00000000000a", text("One.")),
        ask(10, json!([p1, said("One."), p2])).session(SESSION).answered("msg_00000000000b", text("Two.")),
        ask(20, json!([p1, p2, user("This session is being continued from a previous conversation. Summary: …")]))
            .session(SESSION)
            .answered("msg_00000000000c", text("Three.")),
    ]);
    assert_eq!(record.prompts(&record.only_session()), ["first", "second"]);
}

#[test]
fn resume() {
    // A new process resends everything; a block array comes back as a string, tool inputs normalised.
    let exchanges = tool_conversation();
    let record = Record::of(&exchanges);
    let asked = json!({"role": "assistant", "content": [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "toolu_000000000001", "name": "Bash", "input": {"timeout": 1, "command": "ls"}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_000000000001", "content": [{"type": "text", "text": "README.md"}]}]});
    let first = json!({"role": "user", "content": [{"type": "text", "text": "tidy up", "cache_control": {"type": "ephemeral"}}]});
    record.add(&[ask(
        900,
        json!([first, asked, result, said("Done."), user("thanks"), said("Welcome."), user("once more")]),
    )
    .session(SESSION)
    .answered("msg_000000000009", text("Gladly."))]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["tidy up", "thanks", "once more"]);
    assert_eq!((session.counts.completions, session.counts.tool_calls, session.counts.model_calls), (4, 1, 4));
    let events = record.events(&session);
    let arguments = events.iter().find_map(|event| match &event.body {
        EventBody::ToolCall(call) => call.arguments.clone(),
        _ => None,
    });
    assert_eq!(arguments, Some(json!({"command": "ls"})), "as the model asked, not as it was resent");
}

#[test]
fn a_server_with_constant_ids() {
    let call = json!([{"type": "tool_use", "id": "call_0", "name": "Bash", "input": {"command": "ls"}}]);
    let asked = json!({"role": "assistant", "content": call});
    let result = |text: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": text}]});
    let record = Record::of(&[
        ask(0, json!([user("go")])).session(SESSION).answered("msg_local", call.clone()),
        ask(1, json!([user("go"), asked, result("one")])).session(SESSION).answered("msg_local", call),
        ask(2, json!([user("go"), asked, result("one"), asked, result("two")]))
            .session(SESSION)
            .answered("msg_local", text("Done.")),
    ]);
    let session = record.only_session();
    assert_eq!((session.counts.tool_calls, session.counts.model_calls, session.counts.completions), (2, 3, 1));
    let mut results: Vec<_> = record
        .events(&session)
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::ToolCall(call) => call.result.clone(),
            _ => None,
        })
        .collect();
    results.sort_by_key(ToString::to_string);
    assert_eq!(results, [json!("one"), json!("two")]);
}

#[test]
fn a_tool_that_the_provider_runs() {
    let answer = json!([
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rust"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "http://x"}]},
        {"type": "text", "text": "Found."},
    ]);
    let resent = json!({"role": "assistant", "content": answer});
    let first = ask(0, json!([user("look it up")])).session(SESSION).answered("msg_00000000000a", answer);
    let second = ask(1, json!([user("look it up"), resent, user("thanks")]))
        .session(SESSION)
        .answered("msg_00000000000b", text("Sure."));
    for order in [[first.clone(), second.clone()], [second, first]] {
        let record = Record::of(&order);
        let session = record.only_session();
        let calls: Vec<_> = record
            .events(&session)
            .into_iter()
            .filter_map(|event| match event.body {
                EventBody::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        assert_eq!(calls.len(), 1, "{calls:#?}");
        assert_eq!((calls[0].tool.name.as_str(), calls[0].status), ("web_search", ToolStatus::Completed));
        assert_eq!(calls[0].arguments, Some(json!({"query": "rust"})));
    }
}

#[test]
fn where_only_metadata_is_kept_no_text_is_stored() {
    let record = Record::keeping(true);
    record.add(&tool_conversation());
    let session = record.only_session();
    assert_eq!((session.counts.prompts, session.counts.tool_calls, session.counts.model_calls), (2, 1, 3));
    assert_eq!(session.usage.output_tokens, Some(15));
    let told = format!("{:?} {session:?}", record.events(&session));
    for content in ["tidy up", "Looking.", "README.md", "Done.", "thanks"] {
        assert!(!told.contains(content), "{content}");
    }
    let calls = record.events(&session).into_iter().filter(|event| matches!(event.body, EventBody::ModelCall(_)));
    for call in calls {
        assert_eq!(record.store.context_ref(call.id).unwrap(), None);
    }
}

#[test]
fn half_a_sign_in_a_prompt_costs_that_sign_alone() {
    let mut cut = ask(0, json!([user("second MARK cut")])).session(SESSION).answered("msg_00000000000a", text("Yes."));
    cut.request = String::from_utf8(cut.request).unwrap().replace("MARK", "\\ud83d").into_bytes();
    let record = Record::of(&[cut]);
    let session = record.only_session();
    assert_eq!(record.prompts(&session), ["second \u{fffd} cut"]);
    assert_eq!(session.completeness.gaps[0].kind, "lossy_text");
    let events = record.events(&session);
    let call = events.iter().find(|event| matches!(event.body, EventBody::ModelCall(_))).unwrap();
    let context = ursa_pipeline::context::read(record.store.as_ref(), call.id).unwrap().unwrap();
    assert!(!context.exact);
}

#[test]
fn a_result_for_a_call_of_an_answer_that_is_continued_by_its_id() {
    let responses = |at: i64, body: serde_json::Value, answer: serde_json::Value| {
        let mut exchange = ask(at, json!([])).answered("msg_00000000000a", json!([]));
        exchange.head.protocol = "openai-responses".to_owned();
        exchange.head.path = "/v1/responses".to_owned();
        exchange.request = body.to_string().into_bytes();
        exchange.response = answer.to_string().into_bytes();
        exchange
    };
    let answer = |id: &str, output: serde_json::Value| json!({"id": id, "object": "response", "status": "completed", "model": "gpt-x", "output": output, "usage": {"input_tokens": 1, "output_tokens": 1}});
    for call in ["call_9", "call_Xyz0123456789abc"] {
        let record = Record::of(&[
            responses(
                0,
                json!({"model": "gpt-x", "input": "list files"}),
                answer(
                    "resp_000000000001",
                    json!([{"type": "function_call", "id": "fc_1", "call_id": call, "name": "shell", "arguments": "{\"cmd\":\"ls\"}"}]),
                ),
            ),
            responses(
                1,
                json!({"model": "gpt-x", "previous_response_id": "resp_000000000001", "input": [{"type": "function_call_output", "call_id": call, "output": "README.md"}]}),
                answer(
                    "resp_000000000002",
                    json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One file."}]}]),
                ),
            ),
        ]);
        let session = record.only_session();
        let calls: Vec<_> = record
            .events(&session)
            .into_iter()
            .filter_map(|event| match event.body {
                EventBody::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        assert_eq!(calls.len(), 1, "{call}: {calls:#?}");
        assert_eq!((calls[0].tool.name.as_str(), calls[0].result.clone()), ("shell", Some(json!("README.md"))));
        assert!(session.completeness.complete, "{:?}", session.completeness);
    }
}
