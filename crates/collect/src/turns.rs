//! How much is done at the same time: batches over all, batches of one device, bytes held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::{BATCHES_MAX, HELD_BYTES_MAX};

/// One batch after the other of each sender, so that the same envelope in two batches is seen by the second.
pub(crate) type SenderOrder = Arc<Mutex<()>>;

#[derive(Debug, Default)]
struct Running {
    all: usize,
    senders: HashMap<String, (usize, SenderOrder)>,
}

/// Gives turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    running: Mutex<Running>,
    held: AtomicUsize,
}

impl Turns {
    /// A turn for a batch; `None` when too many are running, over all or of this sender.
    pub(crate) fn take(self: &Arc<Self>, sender: &str, most: usize) -> Option<Turn> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let of_sender = running.senders.get(sender).map_or(0, |(count, _)| *count);
        if running.all >= BATCHES_MAX || of_sender >= most {
            return None;
        }
        running.all += 1;
        let entry = running.senders.entry(sender.to_owned()).or_default();
        entry.0 += 1;
        let order = Arc::clone(&entry.1);
        Some(Turn { turns: Arc::clone(self), sender: sender.to_owned(), order, held: 0 })
    }

    fn give_back(&self, sender: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.all -= 1;
        if let Some(entry) = running.senders.get_mut(sender) {
            entry.0 -= 1;
            if entry.0 == 0 {
                running.senders.remove(sender);
            }
        }
    }
}

/// One batch's turn; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    sender: String,
    order: SenderOrder,
    held: usize,
}

impl Turn {
    /// Holds so many bytes more, if there is room.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let before = self.turns.held.fetch_add(bytes, Ordering::Relaxed);
        self.held += bytes;
        before + bytes <= HELD_BYTES_MAX
    }

    /// What keeps the batches of this sender one after the other.
    pub(crate) fn order(&self) -> SenderOrder {
        Arc::clone(&self.order)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.held.fetch_sub(self.held, Ordering::Relaxed);
        self.turns.give_back(&self.sender);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn turns_are_bounded_and_come_back() {
        let turns = Arc::new(Turns::default());
        let first = turns.take("a", 2).unwrap();
        let _second = turns.take("a", 2).unwrap();
        assert!(turns.take("a", 2).is_none());
        let others: Vec<_> = (0..BATCHES_MAX - 2).map(|n| turns.take(&format!("d{n}"), 2).unwrap()).collect();
        assert!(turns.take("z", 2).is_none());
        drop(first);
        assert!(turns.take("a", 2).is_some());
        drop(others);
        let mut one = turns.take("z", 2).unwrap();
        assert!(one.hold(HELD_BYTES_MAX) && !one.hold(1));
        drop(one);
        assert!(turns.take("z", 2).unwrap().hold(1));
        assert_eq!(turns.running.lock().unwrap().senders.len(), 1);
    }
}
