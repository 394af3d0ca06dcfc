//! Bodies cut or damaged at any byte: no panic, nothing invented, and a cut is told.

use ursa_adapters::wire::Reading;
use ursa_adapters::{agents, wire};
use ursa_model::message::{ModelResponse, Part};

use crate::exchange::{SCENARIOS, exchanges, text};

#[test]
fn an_answer_cut_at_any_byte_is_a_prefix() {
    let mut answers = 0;
    for scenario in SCENARIOS {
        for exchange in exchanges(scenario) {
            let (Some(route), Some(head), Some(whole)) = (exchange.route, &exchange.answer_head, &exchange.response)
            else {
                continue;
            };
            answers += 1;
            let body = exchange.answer_body.as_bytes();
            for cut in 0..body.len() {
                let Reading { response: part, problems, .. } = wire::read_response(route, head, &body[..cut], false);
                let place = format!("{scenario} {} cut at {cut}", exchange.seq);
                assert_prefix(&part, whole, &place);
                let told = problems.iter().any(|problem| problem.kind == "truncated");
                assert!(part.complete || told || part.error.is_some(), "{place} is silent");
            }
        }
    }
    assert!(answers > 60, "only {answers} answers");
}

fn assert_prefix(part: &ModelResponse, whole: &ModelResponse, place: &str) {
    assert!(part.parts.len() <= whole.parts.len(), "{place}");
    assert!(text(whole).starts_with(&text(part)), "{place}");
    for (cut, full) in part.parts.iter().zip(&whole.parts) {
        match (cut, full) {
            (Part::Text { text: cut, .. }, Part::Text { text: full, .. })
            | (Part::Reasoning { text: cut }, Part::Reasoning { text: full }) => {
                assert!(full.starts_with(cut), "{place}");
            }
            (
                Part::ToolCall { call_id, tool, arguments },
                Part::ToolCall { call_id: full_id, tool: full_tool, arguments: full },
            ) => {
                assert_eq!((call_id, &tool.name), (full_id, &full_tool.name), "{place}");
                assert!(arguments == full || arguments.is_string(), "{place}: {arguments}");
            }
            other => panic!("{place}: {other:?}"),
        }
    }
}

#[test]
fn damaged_bytes_are_read_without_a_panic() {
    const REQUEST_STRIDE: usize = 997;
    const ANSWER_STRIDE: usize = 13;
    for scenario in SCENARIOS {
        for exchange in exchanges(scenario) {
            let Some(route) = exchange.route else { continue };
            let mut body = exchange.request_body.to_string().into_bytes();
            for place in (0..body.len()).step_by(REQUEST_STRIDE) {
                // Digits and quotes for letters keep much of it JSON.
                let good = std::mem::replace(&mut body[place], [b'"', b'7', b'[', 0xff][place % 4]);
                let (request, _) = wire::read_request(route, &exchange.head.path, &body);
                let identity = agents::identify(&exchange.head, request.as_ref());
                if let Some(mut request) = request {
                    agents::refine_request(&mut request, &identity);
                }
                body[place] = good;
            }
            let Some(head) = &exchange.answer_head else { continue };
            let mut body = exchange.answer_body.into_bytes();
            for place in (0..body.len()).step_by(ANSWER_STRIDE) {
                let good = std::mem::replace(&mut body[place], [b'"', b'7', b'\n', 0xff][place % 4]);
                let mut response = wire::read_response(route, head, &body, true);
                agents::refine_response(&mut response, &exchange.identity);
                body[place] = good;
            }
        }
    }
}
