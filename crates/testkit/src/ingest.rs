//! What a device does: enrols, and delivers envelopes from a spool.

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Largest answer that is read.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// A device that enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnrolledDevice {
    /// Its id.
    pub device_id: String,
    /// Its key.
    pub device_key: String,
}

/// What 200 says of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Envelopes that were new.
    pub accepted: u64,
    /// Envelopes that had come before.
    pub duplicates: u64,
    /// Lines that were not taken.
    pub rejected: Vec<Value>,
    /// Names what is durable of the batch.
    pub receipt: String,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct IngestAnswer {
    /// HTTP status.
    pub status: u16,
    /// `retry-after`, in seconds.
    pub retry_after: Option<u64>,
    /// JSON, or null.
    pub body: Value,
}

/// A client of `/ingest/v1` with a key, or without one.
#[derive(Debug, Clone)]
pub struct IngestClient {
    base_url: String,
    key: Option<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl IngestClient {
    /// A client of the server at `base_url` (`http://HOST:PORT`).
    pub fn new(base_url: &str, key: Option<&str>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { base_url: base_url.to_owned(), key: key.map(str::to_owned), client }
    }

    /// Any `POST` under `/ingest/v1/`. Errors when the server cannot be reached, or stops before it has answered.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<IngestAnswer> {
        let mut request = Request::post(format!("{}/ingest/v1/{path}", self.base_url));
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::from(body.into()))?).await.context("the ingest API")?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the ingest API's answer: {error}"))?.to_bytes();
        Ok(IngestAnswer { status, retry_after, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    /// Sends a batch; gives whatever is answered. Errors as [`IngestClient::post`] does.
    pub async fn send(&self, envelopes: &[Value]) -> anyhow::Result<IngestAnswer> {
        self.post("captures", &[("content-type", "application/x-ndjson")], batch(envelopes)).await
    }

    /// Sends a batch that must be taken. Errors with the answer when it is not.
    pub async fn deliver(&self, envelopes: &[Value]) -> anyhow::Result<Receipt> {
        let answer = self.send(envelopes).await?;
        anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(serde_json::from_value(answer.body)?)
    }

    /// Enrols; gives whatever is answered. The client's key is shown as the device's own until now.
    pub async fn enroll(&self, device: &Value) -> anyhow::Result<IngestAnswer> {
        self.post("enroll", &[("content-type", "application/json")], device.to_string()).await
    }

    /// Enrols a device that must be taken. Errors with the answer when it is not.
    pub async fn enrolled(&self, device: &Value) -> anyhow::Result<EnrolledDevice> {
        let answer = self.enroll(device).await?;
        anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(serde_json::from_value(answer.body)?)
    }
}

/// Envelopes as `application/x-ndjson`.
pub fn batch(envelopes: &[Value]) -> String {
    let mut lines: Vec<String> = envelopes.iter().map(Value::to_string).collect();
    lines.push(String::new());
    lines.join("\n")
}

/// Makes envelopes as the endpoint program would.
#[derive(Debug, Clone)]
pub struct Spool {
    /// Its id.
    pub id: Uuid,
    seq: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self { id: Uuid::new_v4(), seq: 0 }
    }
}

impl Spool {
    /// The next envelope: an agent's hook, at a time (RFC 3339).
    pub fn hook(&mut self, agent: &str, event: &str, at: &str, body: &Value) -> Value {
        self.seq += 1;
        json!({
            "id": Uuid::new_v4(), "channel": "hook", "source": agent, "event": event, "at": at, "seq": self.seq,
            "meta": {"spool": self.id, "os_user": "ada", "cwd": "/work"}, "body": body,
        })
    }

    /// How many it has made.
    pub fn made(&self) -> u64 {
        self.seq
    }
}
