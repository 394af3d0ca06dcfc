//! Bodies: of whatever the server answers, and of the requests that the fallback service gets.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::http2::AnswerBody;
use crate::listen::OpenExchange;
use crate::pieces::Pieces;

/// Any error that ends a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer of the edge, of an upstream or of the fallback service.
pub struct EdgeBody {
    content: Content,
    /// Keeps the connection from counting as idle.
    open: Option<OpenExchange>,
}

enum Content {
    Full(Full<Bytes>),
    Upstream(Box<AnswerBody>),
    Fallback(UnsyncBoxBody<Bytes, BoxError>),
}

impl EdgeBody {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Full(Full::new(bytes.into())), open: None }
    }

    pub(crate) fn upstream(body: AnswerBody) -> Self {
        Self { content: Content::Upstream(Box::new(body)), open: None }
    }

    pub(crate) fn fallback<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { content: Content::Fallback(body.map_err(Into::into).boxed_unsync()), open: None }
    }

    pub(crate) fn keep_open(mut self, open: OpenExchange) -> Self {
        self.open = Some(open);
        self
    }
}

/// A request's body, as the fallback service gets it.
#[derive(Debug)]
pub struct RequestBody(Received);

#[derive(Debug)]
enum Received {
    /// Handed over piece by piece by the client's connection.
    Http1(Pieces),
    Http2(Incoming),
}

impl RequestBody {
    pub(crate) fn http1(pieces: Pieces) -> Self {
        Self(Received::Http1(pieces))
    }

    pub(crate) fn http2(body: Incoming) -> Self {
        Self(Received::Http2(body))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Received::Http1(pieces) => pieces.poll(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece?)))),
            Received::Http2(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Received::Http1(pieces) => pieces.is_over(),
            Received::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Received::Http1(pieces) => pieces.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Received::Http2(body) => body.size_hint(),
        }
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.content {
            Content::Full(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Content::Upstream(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Content::Fallback(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(body) => body.is_end_stream(),
            Content::Upstream(body) => body.is_end_stream(),
            Content::Fallback(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(body) => body.size_hint(),
            Content::Upstream(body) => body.size_hint(),
            Content::Fallback(body) => body.size_hint(),
        }
    }
}
