//! A conversation of Codex, call by call.

use serde_json::{Value, json};
use ursa_model::capture::Frame;

use super::socket::Socket;

/// An input message.
pub fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

/// A message of the model's.
pub fn said(id: u32, text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "id": format!("msg_{id:012}"), "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// A call of a tool.
pub fn asks(id: u32, command: &str) -> Value {
    json!({"type": "function_call", "name": "exec_command", "call_id": format!("call_{id:012}"),
        "arguments": json!({"cmd": command}).to_string()})
}

/// Its result.
pub fn result(id: u32, output: &str) -> Value {
    json!({"type": "function_call_output", "call_id": format!("call_{id:012}"), "output": output})
}

/// One call over the socket: its `response.create` and the events.
pub fn call(
    socket: &Socket,
    millis: i64,
    previous: Option<u32>,
    id: u32,
    input: &[Value],
    output: &[Value],
) -> Vec<Frame> {
    let mut create = json!({"type": "response.create", "model": "gpt-5.5", "stream": true, "store": false, "input": input,
        "tools": [{"type": "function", "name": "exec_command"}]});
    if let Some(previous) = previous {
        create["previous_response_id"] = json!(format!("resp_{previous:012}"));
    } else {
        create["generate"] = json!(false);
    }
    let mut frames = vec![socket.client(millis, &create)];
    frames.extend(events(id, output).iter().zip(1..).map(|(event, step)| socket.server(millis + 10 * step, event)));
    frames
}

fn events(id: u32, output: &[Value]) -> Vec<Value> {
    let response = json!({"id": format!("resp_{id:012}"), "model": "gpt-5.5", "status": "in_progress"});
    let mut events = vec![json!({"type": "response.created", "response": response})];
    for (index, item) in output.iter().enumerate() {
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    let usage = json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15});
    let last = json!({"id": format!("resp_{id:012}"), "model": "gpt-5.5", "status": "completed", "usage": usage});
    events.push(json!({"type": "response.completed", "response": last}));
    events
}

/// The opening, a prewarm, and three calls in two turns, the first of them with a tool.
pub fn conversation(socket: &Socket) -> Vec<Vec<Frame>> {
    vec![
        socket.opened(0),
        call(socket, 1000, None, 1, &[message("developer", "You are Codex, a coding agent")], &[]),
        call(socket, 2000, Some(1), 2, &[message("user", "tidy up")], &[said(2, "Looking."), asks(2, "ls")]),
        call(socket, 3000, Some(2), 3, &[result(2, "README.md")], &[said(3, "Done.")]),
        call(socket, 4000, Some(3), 4, &[message("user", "tidy up")], &[said(4, "Done again.")]),
    ]
}
