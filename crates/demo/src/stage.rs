//! What every simulated agent needs: the edge's address, a client, the answers that lie ready, and the sign to stop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::script::Person;
use crate::upstream::{REPLY_HEADER, Ready, Reply};

/// How long an agent waits for an answer to end.
const EXCHANGE_TIME: Duration = Duration::from_mins(2);

/// Why an agent ends before its story does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Over {
    #[error("the demo is stopping")]
    Stopped,
    #[error("the server gave no answer: {0}")]
    Unreachable(String),
    #[error("the server answered {0} where the script says {1}")]
    Unexpected(u16, u16),
    #[error("too many answers lie ready")]
    Crowded,
}

/// Shared by all agents.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    edge: String,
    /// Where hooks are delivered.
    captures: String,
    ready: Arc<Ready>,
    client: Client<HttpConnector, Full<Bytes>>,
    stopped: watch::Receiver<bool>,
    /// When the demo began: RFC 3339.
    pub(crate) began: String,
    /// The time now as RFC 3339.
    now: fn() -> String,
}

/// Where a request goes, and in whose name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    /// The edge's name for the upstream.
    pub(crate) upstream: &'static str,
    pub(crate) path: &'static str,
    pub(crate) person: Person,
}

impl Stage {
    /// `server` is `http://HOST:PORT`.
    pub(crate) fn new(server: &str, ready: Arc<Ready>, now: fn() -> String, stopped: watch::Receiver<bool>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (edge, captures) = (format!("{server}/edge"), format!("{server}/ingest/v1/captures"));
        Self { edge, captures, ready, client, stopped, began: now(), now }
    }

    /// Waits, unless the demo stops.
    pub(crate) async fn pause(&self, time: Duration) -> Result<(), Over> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            _ = stopped.wait_for(|stopped| *stopped) => Err(Over::Stopped),
        }
    }

    /// Delivers what an agent told a hook, as the endpoint program does.
    pub(crate) async fn deliver(&self, agent: &str, event: &str, body: &Value) -> Result<(), Over> {
        let envelope = json!({
            "id": Uuid::new_v4(), "channel": "hook", "source": agent, "event": event, "at": (self.now)(), "body": body,
        });
        let request = Request::post(&self.captures).header("content-type", "application/x-ndjson");
        let unreachable = |error: &dyn std::fmt::Display| Over::Unreachable(error.to_string());
        let request = request.body(Full::from(format!("{envelope}\n"))).map_err(|error| unreachable(&error))?;
        let answered = tokio::time::timeout(EXCHANGE_TIME, self.client.request(request)).await;
        let answered =
            answered.map_err(|error| unreachable(&error)).and_then(|told| told.map_err(|error| unreachable(&error)));
        match answered.map(|response| response.status().as_u16()) {
            Ok(200) => Ok(()),
            // The server refuses and closes while it stops.
            _ if *self.stopped.borrow() => Err(Over::Stopped),
            Ok(status) => Err(Over::Unexpected(status, 200)),
            Err(over) => Err(over),
        }
    }

    /// Sends a request through the edge and reads its answer to the end.
    pub(crate) async fn exchange(
        &self,
        to: Address,
        headers: &[(&'static str, String)],
        body: &Value,
        reply: Reply,
    ) -> Result<(), Over> {
        if *self.stopped.borrow() {
            return Err(Over::Stopped);
        }
        let (status, is_cut) = (reply.status, reply.is_cut);
        let name = self.ready.lay(reply).ok_or(Over::Crowded)?;
        let mut request =
            Request::builder().method(Method::POST).uri(format!("{}/{}{}", self.edge, to.upstream, to.path));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request = request.header("x-ursa-user", to.person.user).header("x-ursa-device", to.person.device);
        request = request.header(REPLY_HEADER, name);
        let unreachable = |error: &dyn std::fmt::Display| Over::Unreachable(error.to_string());
        let request = request.body(Full::from(body.to_string())).map_err(|error| unreachable(&error))?;
        let answered = tokio::time::timeout(EXCHANGE_TIME, async {
            let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
            let answered = response.status().as_u16();
            let whole = response.into_body().collect().await;
            if let (Err(error), false) = (&whole, is_cut) {
                return Err(unreachable(error));
            }
            Ok(answered)
        });
        let answered = answered.await;
        self.ready.take(name);
        match answered.unwrap_or_else(|error| Err(unreachable(&error))) {
            Ok(answered) if answered == status => Ok(()),
            // The server refuses and closes while it stops.
            _ if *self.stopped.borrow() => Err(Over::Stopped),
            Ok(answered) => Err(Over::Unexpected(answered, status)),
            Err(over) => Err(over),
        }
    }
}
