//! What is asked of the enrolment, and how often.

use ursa_collect::limits::FAILURES_MAX;

use crate::under_test::{Ask, Under};

#[tokio::test]
async fn a_token_gives_a_device_and_its_key() {
    let under = Under::new();
    let body = r#"{"token":"good","hostname":"h","serial":"C02XK1JZJGH5"}"#;
    let answered = under.send(Ask::enroll(body)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.body, serde_json::json!({"device_id": "C02XK1JZJGH5", "device_key": "fresh"}));
    assert_eq!(answered.headers["cache-control"], "no-store");
    let again = under.send(Ask::enroll(body).header("authorization", "Bearer old")).await;
    assert_eq!(again.body["device_key"], "old", "the key until now is shown by header");
    assert_eq!(under.collect.stats().enrolled, 2);
}

#[tokio::test]
async fn refusals_say_why_and_too_many_make_the_address_wait() {
    let under = Under::new();
    let ask = |token: &str, peer| {
        let mut ask = Ask::enroll(format!(r#"{{"token":"{token}"}}"#));
        ask.peer = peer;
        ask
    };
    let ended = under.send(ask("ended", "10.0.0.1:9")).await;
    assert_eq!(ended.status, 401);
    assert!(ended.body["detail"].as_str().unwrap().contains("expired"));
    assert_eq!(under.send(ask("broken", "10.0.0.1:9")).await.status, 500);
    assert_eq!(under.send(Ask::enroll("{}")).await.status, 401);
    for _ in 2..FAILURES_MAX {
        assert_eq!(under.send(ask("guess", "10.0.0.1:10")).await.status, 401);
    }
    let waits = under.send(ask("good", "10.0.0.1:11")).await;
    assert_eq!(waits.status, 429);
    assert!(waits.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 2);
    assert_eq!(under.send(ask("good", "10.0.0.2:9")).await.status, 200);
}
