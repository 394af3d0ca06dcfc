//! The scripted upstream: answers each request with what its agent laid ready for it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::wire::fresh;

/// Names the answer that lies ready. Forwarded by the edge, which records only the headers that it knows.
pub(crate) const REPLY_HEADER: &str = "x-demo-reply";
/// Largest request that is read.
const REQUEST_BYTES_LIMIT: usize = 8 * 1024 * 1024;
/// Answers that lie ready at a time. Each agent has one, or none.
const READY_LIMIT: usize = 256;
/// Between the last piece and the end of a connection that breaks: what was said has to arrive.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) pieces: Vec<Bytes>,
    /// Before each piece.
    pub(crate) pace: Duration,
    /// The connection breaks in place of the end.
    pub(crate) is_cut: bool,
}

impl Reply {
    /// An answer in one piece.
    pub(crate) fn json(status: u16, body: Bytes) -> Self {
        let headers = vec![("content-type", "application/json".to_owned()), ("request-id", fresh("req_01"))];
        Self { status, headers, pieces: vec![body], pace: Duration::ZERO, is_cut: false }
    }

    /// An answer of the model in one piece, which takes its time.
    pub(crate) fn whole(body: Bytes, time: Duration) -> Self {
        Self { pace: time, ..Self::json(200, body) }
    }

    /// An answer that streams.
    pub(crate) fn events(pieces: Vec<Bytes>, pace: Duration) -> Self {
        let headers =
            vec![("content-type", "text/event-stream; charset=utf-8".to_owned()), ("request-id", fresh("req_01"))];
        Self { status: 200, headers, pieces, pace, is_cut: false }
    }

    /// Its first half, and then nothing.
    pub(crate) fn cut(mut self) -> Self {
        self.pieces.truncate(self.pieces.len() / 2);
        self.is_cut = true;
        self
    }
}

/// Answers that lie ready.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    next: AtomicU64,
    replies: Mutex<HashMap<u64, Reply>>,
}

impl Ready {
    /// Lays an answer ready; returns its name. `None` when there are too many.
    pub(crate) fn lay(&self, reply: Reply) -> Option<u64> {
        let name = self.next.fetch_add(1, Ordering::Relaxed);
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if replies.len() >= READY_LIMIT {
            return None;
        }
        replies.insert(name, reply);
        Some(name)
    }

    /// Takes an answer. Also for one whose request never came.
    pub(crate) fn take(&self, name: u64) -> Option<Reply> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).remove(&name)
    }

    fn named_in(&self, headers: &HeaderMap) -> Option<Reply> {
        self.take(headers.get(REPLY_HEADER)?.to_str().ok()?.parse().ok()?)
    }
}

/// Serves until it is stopped. Connections that are open then end with the runtime.
pub(crate) async fn serve(listener: TcpListener, ready: Arc<Ready>, mut stopped: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let Ok((socket, _)) = accepted else { continue };
        let (ready, stopped) = (Arc::clone(&ready), stopped.clone());
        tokio::spawn(async move {
            let service =
                hyper::service::service_fn(move |request| answer(request, Arc::clone(&ready), stopped.clone()));
            let served = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            if let Err(error) = served {
                // A cut answer ends so by intent.
                tracing::debug!("the scripted model's connection ended: {error}");
            }
        });
    }
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

async fn answer(
    request: Request<Incoming>,
    ready: Arc<Ready>,
    stopped: watch::Receiver<bool>,
) -> Result<Response<Body>, Infallible> {
    let found = ready.named_in(request.headers());
    let read = Limited::new(request.into_body(), REQUEST_BYTES_LIMIT).collect().await;
    let reply = match (found, read) {
        (Some(reply), Ok(_)) => reply,
        _ => Reply::json(404, Bytes::from_static(b"{\"error\": {\"message\": \"the script has no answer to that\"}}")),
    };
    Ok(response(reply, stopped))
}

fn response(reply: Reply, stopped: watch::Receiver<bool>) -> Response<Body> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(*name), header::HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    let body = if reply.pace.is_zero() && !reply.is_cut {
        let whole: Vec<u8> = reply.pieces.concat();
        Full::new(Bytes::from(whole)).map_err(|never| match never {}).boxed_unsync()
    } else {
        paced(reply, stopped)
    };
    response.map(|()| body)
}

/// The pieces one after the other. Once the demo is stopped there is no waiting any more, so that it ends soon and every
/// answer whole.
fn paced(reply: Reply, stopped: watch::Receiver<bool>) -> Body {
    let (pace, is_cut) = (reply.pace, reply.is_cut);
    let pieces =
        stream::unfold((reply.pieces.into_iter(), stopped, is_cut), move |(mut pieces, stopped, cut)| async move {
            if let Some(piece) = pieces.next() {
                if !*stopped.borrow() {
                    tokio::time::sleep(pace).await;
                }
                return Some((Ok(Frame::data(piece)), (pieces, stopped, cut)));
            }
            if !cut {
                return None;
            }
            tokio::time::sleep(BEFORE_CUT).await;
            Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)), (pieces, stopped, false)))
        });
    StreamBody::new(pieces).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_once_and_their_number_is_bounded() {
        let ready = Ready::default();
        let reply = || Reply::json(200, Bytes::new());
        let names: Vec<u64> = (0..READY_LIMIT).filter_map(|_| ready.lay(reply())).collect();
        assert_eq!((names.len(), ready.lay(reply())), (READY_LIMIT, None));
        assert!(ready.take(names[0]).is_some() && ready.take(names[0]).is_none());
        assert!(ready.lay(reply()).is_some());
    }
}
