//! The cases, after the sizes that agents really send.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// One kind of load.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// For `--cases`.
    pub(crate) letter: &'static str,
    /// For the table.
    pub(crate) name: &'static str,
    /// Clients at the same time, each on its own connection.
    pub(crate) clients: usize,
    /// Bytes of the conversation that each request resends.
    history_bytes: usize,
    /// What the upstream is to answer.
    pub(crate) answer: Answer,
    /// Run each client once, all at the same time, instead of for a time.
    pub(crate) once: bool,
}

/// What the upstream answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// One JSON object.
    Object,
    /// So many events with a pause between them.
    Events {
        /// Text deltas.
        count: usize,
        /// Between two of them.
        pause: Duration,
    },
}

impl Answer {
    /// Events in the answer, for numbers told per event.
    pub(crate) fn events(self) -> usize {
        match self {
            Self::Object => 0,
            Self::Events { count, .. } => count,
        }
    }
}

/// The case of [`client::pairs`](super::client::pairs): an agent's request while the proxy has nothing else to do.
pub(crate) fn idle() -> Case {
    Case {
        letter: "t",
        name: "T   200 KB, idle",
        clients: 1,
        history_bytes: 200_000,
        answer: Answer::Events { count: 3, pause: Duration::from_millis(2) },
        once: false,
    }
}

/// A small request of one conversation, to have every way warm before it is measured.
pub(crate) fn warm_up() -> Case {
    Case { letter: "", name: "", clients: 8, history_bytes: 1_000, answer: Answer::Object, once: true }
}

pub(crate) fn all() -> Vec<Case> {
    let small =
        |name, clients| Case { letter: "a", name, clients, history_bytes: 1_000, answer: Answer::Object, once: false };
    vec![
        // First, so that memory by stream is told of a process that has not yet grown for another reason.
        Case {
            letter: "c",
            name: "C   1,000 streams of 100 events",
            clients: 1_000,
            history_bytes: 4_000,
            answer: Answer::Events { count: 100, pause: Duration::from_millis(100) },
            once: true,
        },
        small("A   1 KB, 1 client", 1),
        small("A   1 KB, 32 clients", 32),
        small("A   1 KB, 256 clients", 256),
        Case {
            letter: "b",
            name: "B   200 KB, 300 events, 8 clients",
            clients: 8,
            history_bytes: 200_000,
            answer: Answer::Events { count: 300, pause: Duration::from_millis(2) },
            once: false,
        },
        Case {
            letter: "d",
            name: "D   2 MB, 4 clients",
            clients: 4,
            history_bytes: 2_000_000,
            answer: Answer::Object,
            once: false,
        },
    ]
}

/// A request's body: a history that stays the same for a client, and a last message that does not.
#[derive(Debug, Clone)]
pub(crate) struct BodyTemplate {
    before: String,
    stream: bool,
}

impl BodyTemplate {
    pub(crate) fn new(case: &Case, conversation_id: &str) -> Self {
        const SENTENCE: &str = "The quick brown fox jumps over the lazy dog, and the log line says so once more. ";
        let mut messages = vec![json!({"role": "user", "content": format!("Conversation {conversation_id}: begin.")})];
        let mut bytes = 0;
        while bytes < case.history_bytes {
            let number = messages.len();
            let length = (case.history_bytes - bytes).min(4_000);
            let text = format!("{number}: {}", SENTENCE.repeat(length / SENTENCE.len() + 1));
            bytes += text.len();
            messages.push(json!({"role": if number % 2 == 1 { "assistant" } else { "user" }, "content": text}));
        }
        let history: Vec<String> = messages.iter().map(serde_json::Value::to_string).collect();
        let before = format!(r#"{{"messages":[{},{{"role":"user","content":"step "#, history.join(","));
        Self { before, stream: case.answer.events() > 0 }
    }

    pub(crate) fn body(&self, step: usize) -> Bytes {
        let rest = format!(r#"{step}"}}],"model":"claude-opus-5","max_tokens":1024,"stream":{}}}"#, self.stream);
        let mut body = Vec::with_capacity(self.before.len() + rest.len());
        body.extend_from_slice(self.before.as_bytes());
        body.extend_from_slice(rest.as_bytes());
        Bytes::from(body)
    }
}
