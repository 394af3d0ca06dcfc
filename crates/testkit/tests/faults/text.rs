//! F12, F13: text that is no text, JSON that is hard to read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;

use crate::support::{Answer, Under, conversation, gaps, is_long, prompt, prompts, request_with};

/// Processor time that one hard body may take in an optimised build: the table's 100 ms for reading it, and what it costs to
/// forward and journal the largest.
const CPU_LIMIT: Duration = Duration::from_millis(150);
/// And in one that is not.
const CPU_LIMIT_DEBUG: Duration = Duration::from_secs(10);

/// Keeps each request's body and answers with a stream.
async fn keeping_upstream(bodies: Arc<Mutex<Vec<Vec<u8>>>>) -> RawUpstream {
    let script = move |number, mut wire: Wire| {
        let bodies = Arc::clone(&bodies);
        async move {
            while let Ok(Some(head)) = wire.head().await {
                let body = wire.body(&head).await.unwrap().bytes;
                bodies.lock().await.push(body);
                wire.send(Answer::new(&format!("msg_text_{number}"), &["understood"]).sized()).await.unwrap();
            }
        }
    };
    RawUpstream::start(script).await.unwrap()
}

/// A prompt with `text`, bytes that go into the JSON as they are.
fn body_with(text: &[u8]) -> Vec<u8> {
    let whole = prompt("PLACEHOLDER").to_string();
    let (front, back) = whole.split_once("PLACEHOLDER").unwrap();
    [front.as_bytes(), text, back.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_text_that_is_no_text_passes_and_the_rest_is_found() {
    let bodies = Arc::default();
    let upstream = keeping_upstream(Arc::clone(&bodies)).await;
    let under = Under::start(&upstream.base_url(), "").await;
    let bom = [b"\xef\xbb\xbf".as_slice(), &body_with(b"zebra4 marked")].concat();
    let cases: [(&str, Vec<u8>, Option<&str>); 6] = [
        ("invalid UTF-8", body_with(b"zebra0 \xff\xfe\xc3( end"), Some("zebra0 \u{fffd}\u{fffd}\u{fffd}( end")),
        ("a lone high surrogate", body_with(br"zebra1 \ud83d end"), None),
        ("a lone low surrogate", body_with(br"zebra2 \ude00 end"), None),
        ("NUL", body_with(br"zebra3 \u0000 end"), Some("zebra3 \u{0} end")),
        ("a byte order mark", bom, Some("zebra4 marked")),
        ("overlong and past the end", body_with(b"zebra5 \xc0\xaf \xf4\x90\x80\x80 end"), None),
    ];
    for (number, (name, body, read)) in cases.iter().enumerate() {
        let id = conversation(number);
        let (head, _) = under.exchange(request_with(&id, "", body)).await;
        assert_eq!(head.status(), 200, "{name}");
        assert!(bodies.lock().await.pop().unwrap() == *body, "{name}: the bytes arrive as they were sent");
        let session = under.session(&id).await;
        let (texts, kinds) = (prompts(&session), gaps(&session));
        println!("{name}: {texts:?}, gaps {kinds:?}");
        assert_eq!(session.of_kind("completion").count(), 1, "{name}: the answer is read whatever the request is");
        match read {
            Some(text) => assert_eq!(texts, [*text], "{name}"),
            None => assert!(texts.iter().any(|text| text.contains("zebra")) || !kinds.is_empty(), "{name}: not said"),
        }
        if !texts.is_empty() {
            let found = under.api.get(&format!("/api/v1/search?q=zebra{number}")).await.unwrap();
            assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{name}: {found}");
        }
    }
}

/// JSON that is hard to read: a name, and its bytes.
fn hard_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let with = |field: &str, value: &str| {
        let mut body = prompt("hard to read").to_string();
        body.truncate(body.len() - 1);
        format!("{body},\"{field}\":{value}}}").into_bytes()
    };
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let keys: Vec<String> = (0..1_000_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let twice: Vec<String> = (0..1000).map(|_| "\"same\":1".to_owned()).collect();
    vec![
        ("arrays 100,000 deep", with("metadata", &deep("[", "]"))),
        ("objects 100,000 deep", with("metadata", &deep("{\"a\":", "}"))),
        ("arrays that never close", [b"{\"messages\":".as_slice(), "[".repeat(100_000).as_bytes()].concat()),
        ("a million keys", with("metadata", &format!("{{{}}}", keys.join(",")))),
        ("the same key a thousand times", with("metadata", &format!("{{{}}}", twice.join(",")))),
        ("messages twice", with("messages", "[{\"role\":\"user\",\"content\":\"the second\"}]")),
        ("a number of 10 MB", with("temperature", &"9".repeat(10 << 20))),
        ("a number with an exponent past all", with("temperature", "1e999999999")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_json_that_is_hard_to_read_costs_little_and_passes() {
    let bodies = Arc::default();
    let upstream = keeping_upstream(Arc::clone(&bodies)).await;
    let under = Under::start(&upstream.base_url(), "").await;
    let (warm, _) = under.exchange(request_with(&conversation(0), "", prompt("warm").to_string().as_bytes())).await;
    assert_eq!(warm.status(), 200);
    under.settled().await;
    let mut slowest = Duration::ZERO;
    for (number, (name, body)) in hard_bodies().into_iter().enumerate() {
        let id = conversation(1 + number);
        let (begun, cpu) = (Instant::now(), under.process().cpu());
        let (head, _) = under.exchange(request_with(&id, "", &body)).await;
        assert_eq!(head.status(), 200, "{name}");
        assert!(bodies.lock().await.pop().unwrap() == body, "{name}: the bytes arrive as they were sent");
        under.settled().await;
        let cpu = under.process().cpu().saturating_sub(cpu);
        let session = under.session(&id).await;
        let kinds = gaps(&session);
        println!("{name}: {} bytes, {cpu:?} of processor in {:?}, gaps {kinds:?}", body.len(), begun.elapsed());
        slowest = slowest.max(cpu);
        assert_eq!(session.of_kind("model_call").count(), 1, "{name}");
        assert_eq!(session.of_kind("completion").count(), 1, "{name}");
        if name.contains("deep") || name.contains("million") || name.contains("never") {
            assert!(kinds.iter().any(|kind| kind == "parse_failed"), "{name}: {kinds:?}");
        }
        let context = session.of_kind("model_call").next().map(|call| call["id"].clone());
        let Some(Value::String(call)) = context else { panic!("{name}: a call has an id") };
        let path = format!("/api/v1/sessions/{}/calls/{call}/context", session.session["id"].as_str().unwrap());
        let (status, _) = under.api.request(http::Method::GET, &path, None).await.unwrap();
        assert!(status < 500, "{name}: {status}");
    }
    let limit = if is_long() && crate::support::is_optimised() { CPU_LIMIT } else { CPU_LIMIT_DEBUG };
    assert!(slowest <= limit, "{slowest:?} of processor time for one body");
}
