//! A deadline that costs nothing until it is first needed.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// At most one pending deadline. One that moves back is not told to the runtime at once: its timers cost a lock and a
/// place in a wheel, and deadlines of connections move with every request.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    deadline: Option<Instant>,
}

impl Timer {
    /// Sets the deadline unless one is pending.
    pub(crate) fn arm(&mut self, after: Duration) {
        if self.deadline.is_none() {
            self.rearm(after);
        }
    }

    /// Sets the deadline anew.
    pub(crate) fn rearm(&mut self, after: Duration) {
        let deadline = Instant::now() + after;
        self.deadline = Some(deadline);
        match &mut self.sleep {
            // One that ends before is looked at then.
            Some(sleep) if sleep.deadline() <= deadline && !sleep.is_elapsed() => {}
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }

    /// Forgets the deadline.
    pub(crate) fn disarm(&mut self) {
        self.deadline = None;
    }

    /// True once when the deadline has passed; registers for it otherwise.
    pub(crate) fn fired(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((deadline, sleep)) = self.deadline.zip(self.sleep.as_mut()) else { return false };
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                self.deadline = None;
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    async fn fires(timer: &mut Timer, begun: Instant) -> Duration {
        poll_fn(|cx| if timer.fired(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        begun.elapsed()
    }

    #[tokio::test]
    async fn a_deadline_moves_both_ways_and_fires_once() {
        let millis = Duration::from_millis;
        let mut timer = Timer::default();
        let begun = Instant::now();
        timer.arm(millis(20));
        timer.rearm(millis(90));
        timer.arm(millis(1));
        assert!(fires(&mut timer, begun).await >= millis(90));
        assert!(!poll_fn(|cx| Poll::Ready(timer.fired(cx))).await);
        let begun = Instant::now();
        timer.rearm(Duration::from_hours(1));
        timer.rearm(millis(20));
        assert!((millis(20)..Duration::from_hours(1)).contains(&fires(&mut timer, begun).await));
        timer.rearm(Duration::ZERO);
        timer.disarm();
        assert!(!poll_fn(|cx| Poll::Ready(timer.fired(cx))).await);
    }
}
