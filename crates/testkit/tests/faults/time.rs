//! F16, F17, F18: the same again, out of order, and under clocks that jump. What devices deliver comes with collect;
//! here is what the server itself repeats and what its own clock does.

use std::process::Command;
use std::time::Duration;

use ursa_testkit::load::{Load, LoadOptions};
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;
use ursa_testkit::server::{ServerOptions, UrsaServer, ursa_program};
use ursa_testkit::upstream::{Upstream, UpstreamOptions};

use crate::support::{Answer, Under, conversation, prompts, request, skip};

/// All sessions with their events, comparable.
async fn everything(under: &Under) -> String {
    let mut sessions = under.sessions().await;
    sessions.sort_by(|a, b| a.conversation_id().cmp(b.conversation_id()));
    format!("{sessions:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_replaying_the_journal_three_times_changes_nothing() {
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut under = Under::with(ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url()), dir).await;
    Load::start(&LoadOptions::new(under.server.edge("anthropic"), 3, 2)).join().await.unwrap();
    let before = everything(&under).await;
    let stats = under.api.get("/api/v1/stats").await.unwrap();
    for round in 0..3 {
        let replayed =
            Command::new(ursa_program().unwrap()).arg("replay").arg("--data-dir").arg(&under.options.data_dir).output();
        let replayed = replayed.unwrap();
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
        assert_eq!(everything(&under).await, before, "round {round}");
        assert_eq!(under.api.get("/api/v1/stats").await.unwrap()["events"], stats["events"], "round {round}");
    }
    // And the journal is read again after a kill that takes the cursor's last steps with it.
    under.server.kill().await.unwrap();
    under.restart().await;
    assert_eq!(everything(&under).await, before, "after a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_an_answer_that_is_delivered_three_times_is_one() {
    let upstream = RawUpstream::answering(Answer::new("msg_same", &["the same"]).sized()).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    for _ in 0..3 {
        assert_eq!(under.exchange(request(&conversation(1), "again")).await.0.status(), 200);
    }
    let session = under.session(&conversation(1)).await;
    let counts = ["prompt", "completion", "model_call"].map(|kind| session.of_kind(kind).count());
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_exchanges_that_overlap_are_told_apart_and_in_order() {
    let upstream = RawUpstream::start(|_, mut wire: Wire| async move {
        // Answered in an order of its own: the later the number, the sooner.
        while let Ok(Some(head)) = wire.head().await {
            let body: serde_json::Value = serde_json::from_slice(&wire.body(&head).await.unwrap().bytes).unwrap();
            let text = body["messages"][0]["content"].as_str().unwrap().to_owned();
            let number: u64 = text.rsplit(' ').next().unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_millis(200 - number * 5)).await;
            let answer = Answer::new(&format!("msg_order_{number}"), &[&format!("answer {number}")]);
            let bytes = answer.sized();
            // In pieces, so that the frames of all of them lie between one another.
            for piece in bytes.chunks(97) {
                if wire.send(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let upstream = upstream.await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    let mut wires = Vec::new();
    for number in 0..30 {
        let mut wire = under.wire().await;
        wire.send(request(&conversation(number), &format!("prompt {number}"))).await.unwrap();
        wires.push(wire);
    }
    for wire in &mut wires {
        let head = wire.head().await.unwrap().unwrap();
        wire.body(&head).await.unwrap();
    }
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), 30);
    for session in sessions {
        let number: usize = session.conversation_id()[24..].parse().unwrap();
        assert_eq!(prompts(&session), [format!("prompt {number}")]);
        assert_eq!(crate::support::completions(&session), format!("answer {number}"));
        let seqs: Vec<u64> = session.events.iter().filter_map(|event| event["seq"].as_u64()).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
    }
}

/// The library that shifts a program's clock, where Debian puts it.
fn faketime_library() -> Option<String> {
    let machines = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
    let paths = machines.map(|machine| format!("/usr/lib/{machine}/faketime/libfaketime.so.1"));
    paths.into_iter().find(|path| std::path::Path::new(path).is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_a_server_whose_clock_jumps_keeps_everything_in_order() {
    let Some(library) = faketime_library() else {
        return skip("libfaketime is not installed (package faketime)");
    };
    let upstream = RawUpstream::start(|number, mut wire: Wire| async move {
        while let Ok(Some(head)) = wire.head().await {
            wire.body(&head).await.unwrap();
            let answer = Answer::new(&format!("msg_clock_{number}"), &[&format!("answer {number}")]);
            wire.send(answer.sized()).await.unwrap();
        }
    });
    let upstream = upstream.await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
    let preload = format!("LD_PRELOAD={library}");
    let clocks = ["+0", "-1h", "+10y", "-10y"];
    for (turn, clock) in clocks.iter().enumerate() {
        let fake = format!("FAKETIME={clock}");
        let wrapper = ["env", &preload, &fake, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
        let mut server = UrsaServer::start_through(options.clone(), &wrapper).await.unwrap();
        let mut wire = Wire::connect(server.address().unwrap()).await.unwrap();
        let (head, _) = wire.exchange(request(&conversation(turn), &format!("turn {turn}"))).await.unwrap();
        assert_eq!(head.status(), 200, "clock {clock}");
        assert_eq!(server.terminate().await.unwrap().code(), Some(0), "clock {clock}: {}", server.output());
    }
    let under = Under::with(options, dir).await;
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), clocks.len(), "none is lost, none is there twice");
    for session in &sessions {
        let turn: usize = session.conversation_id()[24..].parse().unwrap();
        let kinds: Vec<&str> = session.events.iter().filter_map(|event| event["kind"].as_str()).collect();
        let at = |kind: &str| kinds.iter().position(|found| *found == kind);
        assert!(at("prompt") < at("completion"), "turn {turn}: {kinds:?}");
        assert_eq!(session.session["completeness"]["complete"], true, "turn {turn}");
    }
    let verified =
        Command::new(ursa_program().unwrap()).arg("verify").arg("--data-dir").arg(&under.options.data_dir).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
