//! `/live`: events as they are appended or change, as server-sent events.
//!
//! A stream holds no queue. It reads the next page of changes from the store when the client has taken the last one,
//! so that a slow client costs one page of memory and loses nothing; the store's wake-ups only say that there is more.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use ursa_model::event::Event;
use ursa_model::ids::SessionId;
use ursa_model::outline::OutlineItem;
use ursa_store::Changes;

use crate::auth::Caller;
use crate::limits::{LIVE_HEARTBEAT, LIVE_PAGE};
use crate::params::Params;
use crate::problem::Problem;
use crate::sessions::find_session;
use crate::state::ApiState;
use crate::view;

/// How long a browser waits before it connects again, in milliseconds.
const RETRY: u32 = 2000;
const HEARTBEAT: &str = ": still here\n\n";

/// One client's stream.
struct Live {
    state: ApiState,
    caller: Caller,
    after: u64,
    session: Option<SessionId>,
    outline: bool,
    greeted: bool,
    appended: watch::Receiver<u64>,
    shutdown: watch::Receiver<bool>,
    _turn: OwnedSemaphorePermit,
}

impl Live {
    /// The next bytes for the client; `None` when the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            // With an id, so that a client whose stream breaks before the first event does not miss what came meanwhile.
            let rev = self.after;
            return Some(format!("retry: {RETRY}\nid: {rev}\nevent: begin\ndata: {rev}\n\n").into());
        }
        // Set once: what other sessions do wakes this one's stream, and puts no heartbeat off.
        let beat = Instant::now() + LIVE_HEARTBEAT;
        loop {
            if *self.shutdown.borrow_and_update() {
                return None;
            }
            // Marked as seen before reading: an append in between wakes us again.
            self.appended.borrow_and_update();
            let Changes { events, through } = self.read().await?;
            self.after = through;
            if !events.is_empty() {
                return Some(self.frames(events));
            }
            tokio::select! {
                woken = self.appended.changed() => woken.ok()?,
                stopped = self.shutdown.changed() => stopped.ok()?,
                () = tokio::time::sleep_until(beat) => return Some(Bytes::from_static(HEARTBEAT.as_bytes())),
            }
        }
    }

    /// The events that the client asked for, as frames.
    fn frames(&self, events: Vec<Event>) -> Bytes {
        let mut text = String::new();
        for event in events {
            if self.outline {
                frame(&mut text, event.rev, "outline", &view::outline(&self.caller, OutlineItem::of(&event)));
            } else {
                frame(&mut text, event.rev, "event", &view::event(&self.caller, event));
            }
        }
        text.into()
    }

    /// The next page of changes; `None` when the token no longer holds or the store failed. The client then connects
    /// again and is told why.
    async fn read(&self) -> Option<Changes> {
        let (after, session) = (self.after, self.session);
        let (hash, role) = (self.caller.secret_hash, self.caller.role);
        let read = self.state.blocking(move |parts| {
            let token = parts.store.verify_token(&hash, (parts.clock)())?;
            if token.is_none_or(|token| token.role != role) {
                return Err(Problem::unauthorized());
            }
            Ok(parts.store.changes(after, LIVE_PAGE, session)?)
        });
        read.await.ok()
    }
}

fn frame(text: &mut String, rev: u64, name: &str, shown: &impl Serialize) {
    // JSON holds no line break outside its escapes, so that an event is always one `data` line.
    if let Ok(json) = serde_json::to_string(shown) {
        let _ = write!(text, "id: {rev}\nevent: {name}\ndata: {json}\n\n");
    }
}

fn resume_after(headers: &HeaderMap, params: &Params) -> Result<Option<u64>, Problem> {
    // The header goes first: a browser that connects again repeats the old query.
    let Some(value) = headers.get("last-event-id") else {
        return params.parsed("after", "a revision");
    };
    let rev = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    rev.map(Some).ok_or_else(|| Problem::invalid("Last-Event-ID", "expected a revision"))
}

#[utoipa::path(get, path = "/live", tag = "sessions", summary = "Events as they are appended or change",
    description = "Server-sent events. First one named `begin`, whose `id` and `data` are the revision after which the \
        stream begins. Then those named `event`: `id` is the event's `rev`, `data` the Event. Begins now, or after the revision in `Last-Event-ID` or `after` (0: from the beginning). An event is sent again with each \
        change. A viewer and an auditor get events without their texts.",
    params(("after" = Option<u64>, Query, description = "Revision to resume after"),
        ("session" = Option<String>, Query, description = "Events of this session only"),
        ("outline" = Option<bool>, Query, description = "Events named `outline`, whose `data` is one line of an outline"),
        ("Last-Event-ID" = Option<String>, Header, description = "Revision to resume after; goes before `after`")),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        crate::openapi::Problems))]
pub(crate) async fn live(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::read(&uri)?;
    let after = resume_after(&headers, &params)?;
    let session: Option<SessionId> = params.parsed("session", "a session's id")?;
    let outline = params.parsed("outline", "true or false")?.unwrap_or(false);
    let turn = Arc::clone(&state.live_turns()).try_acquire_owned();
    let turn = turn.map_err(|_| Problem::busy("too many live streams are open"))?;
    let appended = state.last_rev();
    let begin = state.blocking({
        let caller = caller.clone();
        move |parts| {
            if let Some(session) = session {
                find_session(parts, session)?;
            }
            let after = after.map_or_else(|| parts.store.stats().map(|stats| stats.last_rev), Ok)?;
            if caller.reads_content() {
                caller.audit(parts, "read_live", &format!("rev:{after}"))?;
            }
            Ok(after)
        }
    });
    let after = begin.await?;
    let shutdown = state.parts().shutdown.clone();
    let live = Live { state, caller, after, session, outline, greeted: false, appended, shutdown, _turn: turn };
    let body = stream::unfold(live, |mut live| async move {
        let bytes = live.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), live))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Asks proxies in between not to hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
