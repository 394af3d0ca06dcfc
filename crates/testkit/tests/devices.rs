//! Devices against the real program: how they enrol (RULES 19), what their keys open, and when they close.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ursa_testkit::ingest::{EnrolledDevice, Spool};
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;
use ursa_testkit::server::{ServerOptions, UrsaServer};

/// Nothing that is waited for takes longer unless it is broken.
const LIMIT: Duration = Duration::from_mins(1);

struct Under {
    server: UrsaServer,
    _upstream: RawUpstream,
    _dir: tempfile::TempDir,
}

impl Under {
    async fn start() -> Self {
        let upstream = RawUpstream::start(|_, mut wire: Wire| async move {
            while let Ok(Some(head)) = wire.head().await {
                wire.body(&head).await.unwrap();
                let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",
                    "text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
                    answer.len()
                );
                if wire.send(head).await.is_err() {
                    return;
                }
            }
        })
        .await
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
        Self { server: UrsaServer::start(options).await.unwrap(), _upstream: upstream, _dir: dir }
    }

    async fn enrolled(&self, device: Value, old_key: Option<&str>) -> EnrolledDevice {
        self.server.ingest(old_key).enrolled(&device).await.unwrap()
    }

    /// The status with which a batch of that key is answered.
    async fn status(&self, key: &str) -> u16 {
        let line = Spool::default().hook("claude-code", "Stop", "2026-11-23T08:00:00Z", &json!({}));
        self.server.ingest(Some(key)).send(&[line]).await.unwrap().status
    }

    async fn wait_status(&self, key: &str, wanted: u16) {
        let until = Instant::now() + LIMIT;
        while self.status(key).await != wanted {
            assert!(Instant::now() < until, "the key is not answered with {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A prompt over the edge; gives the status.
    async fn prompt(&self, headers: &str, path: &str, conversation: &str) -> u16 {
        let body = json!({"model": "claude-opus-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
        let body = body.to_string();
        let request = format!(
            "POST {path}/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nuser-agent: claude-cli/2.1.330 (external, \
             cli)\r\nx-app: cli\r\nx-claude-code-session-id: {conversation}\r\n{headers}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut wire = Wire::connect(self.server.address().unwrap()).await.unwrap();
        wire.exchange(request).await.unwrap().0.status()
    }
}

fn machine(token: &str, uuid: &str) -> Value {
    json!({"token": token, "hostname": "box", "serial": "To be filled by O.E.M.", "hardware_uuid": uuid, "os": "linux",
        "user": {"login": "ada", "email": "ada@example.com"}})
}

const ONE: &str = "4c4c4544-0042-3510-8052-b4c04f4a3532";
const TWO: &str = "4c4c4544-0042-3510-8052-b4c04f4a3533";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_one_machine_which_may_repeat_it_and_whose_old_key_ends_with_the_first_use_of_the_new() {
    let under = Under::start().await;
    let token = under.server.enroll_token("1").await.unwrap();
    let first = under.enrolled(machine(&token, ONE), None).await;
    let other = under.server.ingest(None).enroll(&machine(&token, TWO)).await.unwrap();
    assert_eq!(other.status, 401);
    assert!(other.body["detail"].as_str().unwrap().contains("used up"), "{}", other.body);
    assert_eq!(under.status(&first.device_key).await, 200);
    let again = under.enrolled(machine(&token, ONE), Some(&first.device_key)).await;
    assert_eq!(again.device_id, first.device_id);
    assert_ne!(again.device_key, first.device_key);
    assert_eq!(under.status(&first.device_key).await, 200, "until the new one is used");
    assert_eq!(under.status(&again.device_key).await, 200);
    under.wait_status(&first.device_key, 401).await;
    let lost = under.enrolled(machine(&token, ONE), None).await;
    assert_eq!(lost.device_id, first.device_id, "the same hardware without its key is the same device");
    for body in [json!({}), json!({"token": "ure_wrong"}), machine("", TWO)] {
        assert_eq!(under.server.ingest(None).enroll(&body).await.unwrap().status, 401, "{body}");
    }
    under.server.admin(&["enroll-token", "create", "--uses", "2", "--expires", "1970-01-02T00:00:00Z"]).await.unwrap();
    let ended = under.server.admin(&["enroll-token", "create", "--expires", "1970-01-02T00:00:00Z"]).await.unwrap();
    let refused = under.server.ingest(None).enroll(&machine(&ended, TWO)).await.unwrap();
    assert!(refused.status == 401 && refused.body["detail"].as_str().unwrap().contains("expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_key_is_the_device_on_the_edge_too_and_ends_when_it_is_revoked() {
    let under = Under::start().await;
    let token = under.server.enroll_token("unlimited").await.unwrap();
    let device = under.enrolled(machine(&token, ONE), None).await;
    let other = under.enrolled(machine(&token, TWO), None).await;
    assert_ne!(device.device_id, other.device_id);
    let key = format!("x-ursa-key: {}\r\n", device.device_key);
    let conversation = "00000000-0000-4000-8000-000000000001";
    assert_eq!(under.prompt(&key, "/edge", conversation).await, 200);
    let by_path = format!("/edge/k/{}", device.device_key);
    assert_eq!(under.prompt("", &by_path, "00000000-0000-4000-8000-000000000002").await, 200);
    // One conversation by both channels, one by hooks alone.
    let mut spool = Spool::default();
    let hook = |spool: &mut Spool, id: &str| {
        let body = json!({"session_id": id, "cwd": "/w", "hook_event_name": "UserPromptSubmit", "prompt": "hi"});
        spool.hook("claude-code", "UserPromptSubmit", "2026-11-23T08:00:00Z", &body)
    };
    let lines = [hook(&mut spool, conversation), hook(&mut spool, "00000000-0000-4000-8000-000000000003")];
    assert_eq!(under.server.ingest(Some(&device.device_key)).deliver(&lines).await.unwrap().accepted, 2);
    let api = under.server.api().await.unwrap();
    api.wait_settled(LIMIT).await.unwrap();
    let sessions = api.sessions().await.unwrap();
    assert_eq!(sessions.len(), 3);
    for session in &sessions {
        let told = json!({"id": device.device_id, "hostname": "box", "serial": null, "source": "verified"});
        assert_eq!(session.session["device"], told);
        assert_eq!(
            (&session.session["user"]["id"], &session.session["user"]["email"]),
            (&json!("ada"), &json!("ada@example.com"))
        );
        let by_hook = session.session["channels"].as_array().unwrap().contains(&json!("hook"));
        assert_eq!(session.session["user"]["source"], if by_hook { "reported" } else { "inferred" });
    }
    let devices = api.get_all("/api/v1/devices").await.unwrap();
    assert_eq!((devices.len(), &devices[0]["id"]), (1, &json!(device.device_id)));
    let said = under.server.admin(&["device-key", "revoke", &device.device_id]).await.unwrap();
    assert!(said.contains("1 keys ended"), "{said}");
    assert!(under.server.admin(&["device-key", "revoke", &device.device_id]).await.is_err(), "there is none left");
    under.wait_status(&device.device_key, 401).await;
    assert_eq!(under.prompt(&key, "/edge", conversation).await, 401);
    assert_eq!(under.status(&other.device_key).await, 200, "another device's key is untouched");
    assert!(!under.server.output().contains("urd_"), "no key reaches a log");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_deliver_without_a_device_key() {
    let under = Under::start().await;
    let address = under.server.address().unwrap();
    let line = Spool::default().hook("claude-code", "Stop", "2026-11-23T08:00:00Z", &json!({})).to_string();
    let ask = async |headers: &str| {
        let request = format!(
            "POST /ingest/v1/captures HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n{headers}content-length: \
             {}\r\n\r\n{line}",
            line.len()
        );
        Wire::connect(address).await.unwrap().exchange(request).await.unwrap().0.status()
    };
    assert_eq!(ask("host: localhost\r\n").await, 200, "loopback needs no set-up");
    assert_eq!(ask("host: evil.example\r\n").await, 401);
    assert_eq!(ask("host: localhost\r\nx-forwarded-for: 10.0.0.1\r\n").await, 401);
    assert_eq!(ask("host: localhost\r\norigin: http://localhost\r\n").await, 403);
    assert_eq!(ask("host: localhost\r\nauthorization: Bearer nobody\r\n").await, 401);
    let key = under.server.admin(&["key", "create"]).await.unwrap();
    let keyed = format!("host: ursa.example\r\norigin: https://page.example\r\nauthorization: Bearer {key}\r\n");
    assert_eq!(ask(&keyed).await, 200, "a key for the edge delivers too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_envelope_is_taken_and_recorded() {
    let under = Under::start().await;
    let mut spool = Spool::default();
    let body = json!({"session_id": "00000000-0000-4000-8000-000000000001", "text": "x".repeat((4 << 20) - 600)});
    let lines: Vec<Value> =
        (0..3).map(|_| spool.hook("claude-code", "Notification", "2026-11-23T08:00:00Z", &body)).collect();
    assert!(lines[0].to_string().len() > (4 << 20) - 600);
    assert_eq!(under.server.ingest(None).deliver(&lines).await.unwrap().accepted, 3);
    let stats = under.server.api().await.unwrap().wait_settled(LIMIT).await.unwrap();
    assert_eq!((&stats["captures"], &stats["dropped"]), (&json!(3), &json!({})));
    let longer = spool.hook("claude-code", "Notification", "2026-11-23T08:00:00Z", &json!("x".repeat(4 << 20)));
    let receipt = under.server.ingest(None).deliver(&[longer]).await.unwrap();
    assert_eq!((receipt.accepted, receipt.rejected.len()), (0, 1));
}
