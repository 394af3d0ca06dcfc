//! What becomes of a batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;
use ursa_collect::Ledger;
use ursa_collect::limits::WINDOW_BYTES;
use ursa_model::Timestamp;
use ursa_model::capture::Principal;

use crate::under_test::{Ask, NOW, Sink, Under, batch, envelope};

#[tokio::test]
async fn good_lines_are_taken_and_bad_ones_told() {
    let under = Under::new();
    let mut lines = batch(&[envelope(1)]);
    lines.push_str("{\"id\": 7}\n");
    lines.push_str(&batch(&[envelope(2)]));
    let answered = under.send(Ask::captures(lines)).await;
    assert_eq!((&answered.body["accepted"], &answered.body["duplicates"]), (&json!(2), &json!(0)));
    let rejected = &answered.body["rejected"];
    assert_eq!(
        (&rejected[0]["line"], &rejected[0]["id"], rejected.as_array().unwrap().len()),
        (&json!(2), &json!(null), 1)
    );
    let received = under.received();
    assert_eq!(received[0].principal, Principal::Device { id: "device-1".into() });
    assert_eq!(received[0].device.as_ref().unwrap().id, "device-1");
    assert_eq!((received[0].received, received[0].envelope.body.get()), (Timestamp(NOW), r#"{"n":1}"#));
    let stats = under.collect.stats();
    assert_eq!((stats.batches, stats.accepted["hook"], stats.rejected, stats.refused), (1, 2, 1, 0));
}

#[tokio::test]
async fn f16_what_comes_again_is_counted_and_not_taken() {
    let under = Under::new();
    let lines = [envelope(1), envelope(2), envelope(3)];
    let first = under.deliver(&lines).await;
    for _ in 0..2 {
        let again = under.deliver(&lines).await;
        assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(3)));
        assert_eq!(again["receipt"], first["receipt"]);
    }
    let other_order = under.deliver(&[envelope(3), envelope(1), envelope(2), envelope(2)]).await;
    assert_eq!((&other_order["duplicates"], &other_order["receipt"]), (&json!(4), &first["receipt"]));
    let some = under.deliver(&[envelope(3), envelope(4), envelope(4)]).await;
    assert_eq!((&some["accepted"], &some["duplicates"]), (&json!(1), &json!(2)));
    assert_ne!(some["receipt"], first["receipt"]);
    assert_eq!(under.received().len(), 4);
}

#[tokio::test]
async fn f16_after_a_restart_a_known_seq_is_a_duplicate_and_taken_all_the_same() {
    let under = Under::new();
    under.deliver(&[envelope(1), envelope(2)]).await;
    let ledger = Ledger::default();
    ledger.restore(under.ledger.take_changed());
    let under = Under::with(Sink::default(), Arc::new(ledger));
    let again = under.deliver(&[envelope(1), envelope(2), envelope(3)]).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(1), &json!(2)));
    assert_eq!(under.seqs(), [1, 2, 3], "a device restored from an image must lose nothing");
    // What the endpoint counts would be counted twice.
    let mut dropped = envelope(2);
    dropped["id"] = json!("6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a01");
    dropped["source"] = json!("ursa-endpoint");
    let told = under.deliver(&[dropped]).await;
    assert_eq!((&told["duplicates"], under.received().len()), (&json!(1), 3));
}

#[tokio::test]
async fn one_off_senders_need_no_seq() {
    let under = Under::new();
    let mut one = envelope(1);
    one.as_object_mut().unwrap().remove("seq");
    one.as_object_mut().unwrap().remove("meta");
    assert_eq!(under.deliver(std::slice::from_ref(&one)).await["accepted"], 1);
    assert_eq!(under.deliver(&[one]).await["duplicates"], 1);
    assert_eq!(under.collect.stats().spools, 0);
}

#[tokio::test]
async fn f17_order_within_a_batch_is_the_spools_and_holes_show_until_they_are_filled() {
    let under = Under::new();
    under.deliver(&[envelope(5), envelope(1), envelope(4)]).await;
    assert_eq!(under.seqs(), [1, 4, 5]);
    assert_eq!((under.collect.stats().spools, under.collect.stats().missing), (1, 2));
    under.deliver(&[envelope(9), envelope(2)]).await;
    assert_eq!(under.collect.stats().missing, 4);
    under.deliver(&[envelope(3), envelope(8), envelope(6), envelope(7)]).await;
    assert_eq!(under.collect.stats().missing, 0);
}

#[tokio::test]
async fn f18_servers_time_is_kept_beside_and_a_wrong_clock_is_flagged() {
    let years = 10 * 365 * 24 * 3600 * 1_000_000_i64;
    for off in [years, -years] {
        let under = Under::new();
        let told = |seq: u64| {
            let mut one = envelope(seq);
            one["at"] = json!(Timestamp(NOW + off - i64::try_from(seq).unwrap()).to_string());
            one
        };
        under.deliver(&[told(2), told(1), told(3)]).await;
        under.now.store(NOW + 1_000_000, Ordering::SeqCst);
        under.deliver(&[told(4)]).await;
        let received = under.received();
        assert!(received.iter().all(|one| one.clock_skew && one.at.millis_since(one.received).abs() < 10));
        assert!(received.windows(2).all(|pair| pair[0].at < pair[1].at), "in the order of the spool");
        assert_eq!(received[0].envelope.at.as_micros(), NOW + off - 1, "what the device said is kept");
        assert_eq!(under.collect.stats().clock_skew, 4);
    }
}

#[tokio::test]
async fn f18_a_sender_that_says_what_its_clock_shows_keeps_its_spacing() {
    let under = Under::new();
    let hour = 3600 * 1_000_000;
    let mut lines = [envelope(1), envelope(2)];
    for (line, before) in lines.iter_mut().zip([30, 10]) {
        line["at"] = json!(Timestamp(NOW + hour - before * 1_000_000).to_string());
    }
    let ask = Ask::captures(batch(&lines)).header("x-ursa-sent-at", &Timestamp(NOW + hour).to_string());
    assert_eq!(under.send(ask).await.status, StatusCode::OK);
    let received = under.received();
    let ats: Vec<i64> = received.iter().map(|one| (one.at.as_micros() - NOW) / 1_000_000).collect();
    assert_eq!((ats, received[0].clock_skew), (vec![-30, -10], true));
}

#[tokio::test]
async fn a_full_record_answers_503_and_what_it_took_is_known_when_it_comes_again() {
    let under = Under::with(Sink { room: Some(2), ..Sink::default() }, Arc::default());
    let lines = batch(&[envelope(1), envelope(2), envelope(3)]);
    let refused = under.send(Ask::captures(lines.clone())).await;
    assert_eq!(
        (refused.status, refused.headers["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "2")
    );
    assert_eq!(under.ledger.totals(), (1, 0));
    let roomy = Under::with(Sink::default(), Arc::clone(&under.ledger));
    let again = roomy.deliver(&[envelope(1), envelope(2), envelope(3)]).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(1), &json!(2)));
    assert_eq!(roomy.seqs(), [3]);
}

#[tokio::test]
async fn nothing_is_acknowledged_that_did_not_reach_the_disk() {
    let under = Under::new();
    under.sink.lost.store(1, Ordering::SeqCst);
    let lines = batch(&[envelope(1), envelope(2)]);
    assert_eq!(under.send(Ask::captures(lines.clone())).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(under.collect.stats().missing, 1, "only the second is durable");
    let again = under.deliver(&[envelope(1), envelope(2)]).await;
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn large_envelopes_go_in_windows() {
    let under = Under::new();
    let mut lines: Vec<_> = (1..=5).map(envelope).collect();
    for line in &mut lines {
        line["body"] = json!("x".repeat(WINDOW_BYTES / 2 + 1000));
    }
    assert_eq!(under.deliver(&lines).await["accepted"], 5);
    assert_eq!(under.seqs(), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_many_times_at_once_is_taken_once() {
    let under = Arc::new(Under::new());
    let lines: Vec<_> = (1..=200).map(envelope).collect();
    let deliveries: Vec<_> = (0..4)
        .map(|_| {
            let (under, lines) = (Arc::clone(&under), lines.clone());
            tokio::spawn(async move { under.deliver(&lines).await["accepted"].as_u64().unwrap() })
        })
        .collect();
    let mut accepted = 0;
    for delivery in deliveries {
        accepted += delivery.await.unwrap();
    }
    assert_eq!((accepted, under.received().len()), (200, 200));
}
