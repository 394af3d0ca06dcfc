//! Requests under `/ingest/`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use ursa_model::capture::Principal;
use ursa_model::time::Timestamp;

use crate::answer::{Answer, Problem, json};
use crate::attempts::Attempts;
use crate::caller::{Callers, bearer};
use crate::captures::{Delivery, Told};
use crate::enroll::{Enrolled, Enrolment};
use crate::ledger::{Ledger, sender_of};
use crate::limits::{BATCH_BYTES_MAX, BATCHES_MAX, BODY_IDLE, BODY_TIME, DEVICE_BATCHES_MAX, ENROLL_BYTES_MAX};
use crate::sink::EnvelopeSink;
use crate::stats::{CollectStats, Counters, count};
use crate::turns::{Turn, Turns};

/// Where the ingest API begins.
pub const PREFIX: &str = "/ingest";
/// The sender's clock when it sends, so that one that is off can be told.
const SENT_AT: &str = "x-ursa-sent-at";

/// What the ingest API needs from the program around it.
pub struct CollectParts {
    /// Takes the frames.
    pub sink: Arc<dyn EnvelopeSink>,
    /// Knows who may deliver.
    pub callers: Arc<dyn Callers>,
    /// Enrols devices.
    pub enrolment: Arc<dyn Enrolment>,
    /// What came before.
    pub ledger: Arc<Ledger>,
    /// The server's clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The ingest API.
pub struct Collect {
    parts: CollectParts,
    counters: Counters,
    turns: Arc<Turns>,
    attempts: Attempts,
}

impl Collect {
    /// Over its parts.
    pub fn new(parts: CollectParts) -> Arc<Self> {
        let (counters, turns, attempts) = (Counters::default(), Arc::default(), Attempts::default());
        Arc::new(Self { parts, counters, turns, attempts })
    }

    /// The counters now.
    pub fn stats(&self) -> CollectStats {
        self.counters.snapshot(&self.parts.ledger)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.parts.ledger
    }

    pub(crate) fn sink(&self) -> &dyn EnvelopeSink {
        &*self.parts.sink
    }

    pub(crate) fn enrolment(&self) -> &dyn Enrolment {
        &*self.parts.enrolment
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Answers a request. Must be called within a tokio runtime.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>, peer: SocketAddr) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let answered = match request.uri().path() {
            "/ingest/v1/captures" => {
                Arc::clone(&self).captures(request, peer).await.map(|receipt| json(StatusCode::OK, &receipt))
            }
            "/ingest/v1/enroll" => {
                Arc::clone(&self).enrollment(request, peer).await.map(|enrolled| json(StatusCode::OK, &enrolled))
            }
            _ => Err(Problem::new(StatusCode::NOT_FOUND, "there is no such path")),
        };
        answered.unwrap_or_else(|problem| {
            count(&self.counters.refused, 1);
            problem.answer()
        })
    }

    async fn captures<B>(self: Arc<Self>, request: Request<B>, peer: SocketAddr) -> Result<Told, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        only_post(request.method())?;
        let headers = request.headers();
        let caller = self.parts.callers.identify(headers, request.uri(), peer)?;
        expect_media(headers, "application/x-ndjson")?;
        let coding = coding(headers)?;
        // Keys and loopback may be many senders.
        let most = if matches!(caller.principal, Principal::Device { .. }) { DEVICE_BATCHES_MAX } else { BATCHES_MAX };
        let turn = self.turns.take(&sender_of(&caller.principal), most);
        let mut turn = turn.ok_or_else(|| Problem::busy("too many batches at the same time; try again"))?;
        let sent = headers.get(SENT_AT).and_then(|value| value.to_str().ok()?.parse::<Timestamp>().ok());
        let bytes = read_batch(request, &mut turn).await?;
        let received = (self.parts.clock)();
        let ahead = sent.map(|sent| sent.as_micros().saturating_sub(received.as_micros()));
        let delivery = Delivery { caller, coding, bytes, received, ahead };
        let runtime = tokio::runtime::Handle::current();
        blocking(move || self.take(&delivery, turn, &runtime)).await
    }

    async fn enrollment<B>(self: Arc<Self>, request: Request<B>, peer: SocketAddr) -> Result<Enrolled, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        only_post(request.method())?;
        expect_media(request.headers(), "application/json")?;
        let old_key = bearer(request.headers()).flatten().map(str::to_owned);
        let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {ENROLL_BYTES_MAX} bytes"));
        let body =
            read_body(request, |held, _| if held > ENROLL_BYTES_MAX { Err(too_large()) } else { Ok(()) }).await?;
        blocking(move || self.enroll(&body, old_key.as_deref(), peer)).await
    }
}

/// Runs `call` on a thread where blocking is allowed.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(call).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a delivery could not be taken");
        Err(Problem::failed("the server failed; its log says more"))
    })
}

fn only_post(method: &Method) -> Result<(), Problem> {
    if method == Method::POST {
        return Ok(());
    }
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the path takes POST"))
}

fn expect_media(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("`content-type`: expected {wanted}")))
}

/// `gzip`, `zstd`, or nothing.
fn coding(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    let coding = first.map_or(Some(""), |value| value.to_str().ok()).map(|coding| coding.trim().to_ascii_lowercase());
    match (coding.as_deref(), second) {
        (Some("" | "identity"), None) => Ok(String::new()),
        (Some("gzip" | "x-gzip"), None) => Ok("gzip".to_owned()),
        (Some("zstd"), None) => Ok("zstd".to_owned()),
        _ => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "`content-encoding`: expected gzip or zstd")),
    }
}

async fn read_batch<B>(request: Request<B>, turn: &mut Turn) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    if request.body().size_hint().lower() > BATCH_BYTES_MAX as u64 {
        return Err(Problem::too_large());
    }
    read_body(request, |held, more| {
        if held > BATCH_BYTES_MAX {
            return Err(Problem::too_large());
        }
        if turn.hold(more) { Ok(()) } else { Err(Problem::busy("too much is being delivered; try again")) }
    })
    .await
}

/// Reads a body. `admit` is asked with all its bytes so far and those among them that just came.
async fn read_body<B>(
    request: Request<B>,
    mut admit: impl FnMut(usize, usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let mut body = request.into_body();
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = tokio::time::timeout(BODY_IDLE, body.frame()).await.map_err(late)? {
            let frame = frame.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body was cut short"))?;
            if let Ok(data) = frame.into_data() {
                admit(bytes.len() + data.len(), data.len())?;
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(BODY_TIME, read).await.map_err(late)?
}
