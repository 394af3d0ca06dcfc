//! Every route, by who asks and with what.

use ursa_collect::limits::{BATCH_BYTES_MAX, BATCHES_MAX, DEVICE_BATCHES_MAX, ENROLL_BYTES_MAX};

use crate::under_test::{Ask, Under, batch, envelope, gzip};

async fn status(under: &Under, ask: Ask) -> u16 {
    let answered = under.send(ask).await;
    let status = answered.status.as_u16();
    if status != 200 {
        assert_eq!(answered.headers["content-type"], "application/problem+json");
        assert_eq!(answered.body["status"], status);
        assert_eq!(answered.headers.contains_key("retry-after"), status == 429 || status == 503);
        assert_eq!(answered.headers.contains_key("www-authenticate"), status == 401);
    }
    status
}

#[tokio::test]
async fn captures_are_taken_from_those_who_may_deliver() {
    let under = Under::new();
    let ask = |authorization: &str| Ask::captures(batch(&[envelope(1)])).header("authorization", authorization);
    assert_eq!(status(&under, ask("Bearer device-1")).await, 200);
    assert_eq!(status(&under, ask("bearer  device-2")).await, 200);
    for bad in ["Bearer nobody", "Bearer", "Bearer ", "Basic device-1", "device-1"] {
        assert_eq!(status(&under, ask(bad)).await, 401, "{bad}");
    }
    assert_eq!(status(&under, ask("")).await, 401);
    assert_eq!(status(&under, ask("Bearer busy")).await, 429);
    let mut loopback = ask("");
    loopback.peer = "127.0.0.1:9";
    assert_eq!(status(&under, loopback).await, 200);
    let mut page = ask("").header("origin", "http://evil.example");
    page.peer = "127.0.0.1:9";
    assert_eq!(status(&under, page).await, 403);
    assert_eq!(under.received().len(), 3, "each sender's is its own capture, what is refused is nobody's");
}

#[tokio::test]
async fn nothing_else_is_there() {
    let under = Under::new();
    for path in
        ["/ingest", "/ingest/", "/ingest/v1", "/ingest/v1/captures/", "/ingest/v2/captures", "/ingest/v1/Enroll"]
    {
        let mut ask = Ask::captures(batch(&[envelope(1)]));
        ask.path = path;
        assert_eq!(status(&under, ask).await, 404, "{path}");
    }
    for path in ["/ingest/v1/captures", "/ingest/v1/enroll"] {
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
            let mut ask = Ask::captures("");
            (ask.path, ask.method) = (path, method);
            let answered = under.send(ask).await;
            assert_eq!((answered.status.as_u16(), &answered.headers["allow"]), (405, &"POST".parse().unwrap()));
        }
    }
}

#[tokio::test]
async fn bodies_are_of_the_type_and_coding_that_they_say() {
    let under = Under::new();
    let lines = batch(&[envelope(1), envelope(2)]);
    let ask = |body: Vec<u8>, coding: &str| Ask::captures(body).header("content-encoding", coding);
    for media in ["application/x-ndjson; charset=utf-8", "Application/X-NDJSON"] {
        assert_eq!(status(&under, Ask::captures(lines.clone()).header("content-type", media)).await, 200);
    }
    for media in ["", "application/json", "text/plain", "application/x-www-form-urlencoded"] {
        assert_eq!(status(&under, Ask::captures(lines.clone()).header("content-type", media)).await, 415, "{media}");
    }
    for coding in ["br", "deflate", "gzip, gzip", "gzip, zstd", "x"] {
        assert_eq!(status(&under, ask(lines.clone().into(), coding)).await, 415, "{coding}");
    }
    let (zipped, zstd) = (gzip(lines.as_bytes()), zstd::encode_all(lines.as_bytes(), 3).unwrap());
    assert_eq!(status(&under, ask(zipped.clone(), "gzip")).await, 200);
    assert_eq!(status(&under, ask(zstd.clone(), "ZSTD")).await, 200);
    assert_eq!(status(&under, ask(lines.clone().into(), "identity")).await, 200);
    for (whole, coding) in [(&zipped, "gzip"), (&zstd, "zstd")] {
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            assert_eq!(status(&under, ask(whole[..cut].to_vec(), coding)).await, 400, "{coding} cut at {cut}");
        }
        assert_eq!(status(&under, ask(lines.clone().into(), coding)).await, 400, "{coding} that is none");
    }
    assert_eq!(under.received().len(), 2);
}

#[tokio::test]
async fn a_batch_has_its_length_however_it_is_packed() {
    let under = Under::new();
    let bomb = vec![b' '; BATCH_BYTES_MAX + 1];
    assert_eq!(status(&under, Ask::captures(gzip(&bomb)).header("content-encoding", "gzip")).await, 413);
    let packed = zstd::encode_all(&vec![0; 64 * BATCH_BYTES_MAX][..], 3).unwrap();
    assert!(packed.len() < 100_000);
    assert_eq!(status(&under, Ask::captures(packed).header("content-encoding", "zstd")).await, 413);
    assert_eq!(status(&under, Ask::captures(bomb)).await, 413);
    assert_eq!(status(&under, Ask::captures(vec![b' '; BATCH_BYTES_MAX])).await, 200);
    assert_eq!(status(&under, Ask::captures("\n".repeat(100_000))).await, 200, "empty lines are none");
    assert_eq!(status(&under, Ask::captures("x\n".repeat(100_000))).await, 413, "too many lines");
    assert!(under.received().is_empty());
}

#[tokio::test]
async fn an_enrolment_has_its_length() {
    let under = Under::new();
    let long = format!(r#"{{"token":"good","hostname":"{}"}}"#, "x".repeat(ENROLL_BYTES_MAX));
    assert_eq!(status(&under, Ask::enroll(long)).await, 413);
    assert_eq!(status(&under, Ask::enroll(r#"{"token":"good"}"#).header("content-type", "text/plain")).await, 415);
    for bad in ["", "{", "7", "\"token\"", "\u{0}"] {
        assert_eq!(status(&under, Ask::enroll(bad)).await, 400, "{bad:?}");
    }
}

/// A body that never ends.
struct Hanging;

impl http_body::Body for Hanging {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn who_hangs_takes_its_own_turns_only_and_gives_them_back() {
    let under = Under::new();
    let hang = |device: usize| {
        let request = http::Request::post("/ingest/v1/captures")
            .header("content-type", "application/x-ndjson")
            .header("authorization", format!("Bearer device-{device}"))
            .body(Hanging)
            .unwrap();
        let collect = std::sync::Arc::clone(&under.collect);
        tokio::spawn(async move { collect.answer(request, "10.0.0.1:9".parse().unwrap()).await.status() })
    };
    let mut hanging: Vec<_> = (0..DEVICE_BATCHES_MAX).map(|_| hang(1)).collect();
    tokio::task::yield_now().await;
    assert_eq!(status(&under, Ask::captures(batch(&[envelope(1)]))).await, 429, "its own");
    let other = || Ask::captures(batch(&[envelope(1)])).header("authorization", "Bearer device-2");
    assert_eq!(status(&under, other()).await, 200, "another's");
    for device in 0..BATCHES_MAX - DEVICE_BATCHES_MAX {
        hanging.push(hang(100 + device));
    }
    tokio::task::yield_now().await;
    assert_eq!(status(&under, other()).await, 429, "all are taken");
    for hung in hanging {
        hung.abort();
        assert!(hung.await.unwrap_err().is_cancelled());
    }
    assert_eq!(status(&under, other()).await, 200);
}
