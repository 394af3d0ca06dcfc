//! Driving one connection with HTTP/2, with its deadlines.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::connection::{ClientConnection, Phase};
use crate::config::ListenLimits;
use crate::timer::Timer;

/// Polls a connection until it is over, too slow, or drained. Deadlines are looked at only when the phase changes: the
/// deltas of a long answer cost one comparison each.
pub(super) struct Drive<C> {
    http: Pin<Box<C>>,
    /// Makes the connection finish its open exchanges and take no more.
    drain: fn(Pin<&mut C>),
    connection: Arc<ClientConnection>,
    limits: ListenLimits,
    /// Wakes this task when the server stops; polled once for that, and again when it does.
    stopped: Option<BoxFuture<'static, ()>>,
    stopping: watch::Receiver<bool>,
    waiting: bool,
    phase: Option<Phase>,
    deadline: Timer,
}

impl<C: Future> Drive<C> {
    pub(super) fn new(
        http: Pin<Box<C>>,
        drain: fn(Pin<&mut C>),
        connection: Arc<ClientConnection>,
        limits: ListenLimits,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let mut stopped = stopping.clone();
        let stopped: BoxFuture<'static, ()> = Box::pin(async move {
            // An error means that the server is gone, which is a stop as well.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        Self {
            http,
            drain,
            connection,
            limits,
            stopped: Some(stopped),
            stopping,
            waiting: false,
            phase: None,
            deadline: Timer::default(),
        }
    }

    /// True once when the server stops. Costs one look at a counter, since this is asked for every delta.
    fn stops(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stopped) = &mut self.stopped else { return false };
        if self.waiting && matches!(self.stopping.has_changed(), Ok(false)) {
            return false;
        }
        self.waiting = true;
        let stops = stopped.as_mut().poll(cx).is_ready();
        if stops {
            self.stopped = None;
        }
        stops
    }

    fn look_at_phase(&mut self) {
        let phase = self.connection.phase();
        if self.phase == Some(phase) {
            return;
        }
        self.phase = Some(phase);
        match phase {
            Phase::Busy => self.deadline.disarm(),
            Phase::Fresh => self.deadline.rearm(self.limits.header_read_timeout),
            Phase::Idle { .. } => self.deadline.rearm(self.limits.idle_timeout),
        }
    }
}

impl<C: Future> Future for Drive<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.stops(cx) {
            (this.drain)(this.http.as_mut());
        }
        if this.http.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        this.look_at_phase();
        if this.deadline.fired(cx) {
            tracing::debug!(phase = ?this.phase, "client connection timed out");
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
