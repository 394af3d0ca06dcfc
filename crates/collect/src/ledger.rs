//! What came before, over all senders: known envelopes, and the holes of every spool.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ursa_model::capture::Principal;
use ursa_model::envelope::{Envelope, ReceivedEnvelope};
use ursa_model::ids::ExchangeId;
use ursa_model::time::Timestamp;
use uuid::Uuid;

use crate::limits::{MISSING_SENDERS_MAX, RECENT_IDS_MAX, SPOOLS_MAX};
use crate::spool::Spool;

/// What the ledger knows of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    New,
    /// It came before.
    Known,
    /// Its `seq` came before; whether with this very envelope is no longer known.
    KnownSeq,
}

/// A spool as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRow {
    /// Whose, by [`sender_of`].
    pub sender: String,
    /// Its id.
    pub spool: Uuid,
    /// What is known of it; `None` when it is forgotten.
    pub state: Option<Spool>,
}

/// The name of a principal in the ledger.
pub fn sender_of(principal: &Principal) -> String {
    match principal {
        Principal::Loopback => "loopback".to_owned(),
        Principal::Key { id } => format!("key:{id}"),
        Principal::Device { id } => format!("device:{id}"),
    }
}

#[derive(Debug, Default)]
struct Recent {
    ids: HashSet<ExchangeId>,
    order: VecDeque<ExchangeId>,
}

impl Recent {
    fn insert(&mut self, id: ExchangeId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > RECENT_IDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    recent: Recent,
    senders: HashMap<String, HashMap<Uuid, Spool>>,
    changed: BTreeSet<(String, Uuid)>,
    spools: u64,
    missing: u64,
}

impl Inner {
    /// The spool of a sender, made if need be; the one that was silent longest makes room.
    fn spool(&mut self, sender: &str, id: Uuid) -> &mut Spool {
        let spools = self.senders.entry(sender.to_owned()).or_default();
        if !spools.contains_key(&id) {
            self.spools += 1;
            let oldest = spools.iter().min_by_key(|(_, spool)| spool.received).map(|(oldest, _)| *oldest);
            if let Some(oldest) = oldest.filter(|_| spools.len() >= SPOOLS_MAX)
                && let Some(forgotten) = spools.remove(&oldest)
            {
                self.spools -= 1;
                self.missing = self.missing.saturating_sub(forgotten.missing());
                self.changed.insert((sender.to_owned(), oldest));
            }
        }
        spools.entry(id).or_default()
    }

    fn note(&mut self, sender: &str, spool: Uuid, seq: u64) {
        let found = self.spool(sender, spool);
        let before = found.missing();
        found.insert(seq);
        let after = found.missing();
        self.missing = self.missing.saturating_sub(before).saturating_add(after);
        self.changed.insert((sender.to_owned(), spool));
    }
}

/// See the module. Cheap calls behind one lock.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was kept.
    pub fn restore(&self, rows: impl IntoIterator<Item = SpoolRow>) {
        let mut inner = self.lock();
        for row in rows {
            let Some(state) = row.state else { continue };
            inner.spools += 1;
            inner.missing = inner.missing.saturating_add(state.missing());
            inner.senders.entry(row.sender).or_default().insert(row.spool, state);
        }
    }

    /// What is known of an envelope.
    pub fn standing(&self, sender: &str, capture: ExchangeId, envelope: &Envelope) -> Standing {
        let inner = self.lock();
        if inner.recent.ids.contains(&capture) {
            return Standing::Known;
        }
        let spools = inner.senders.get(sender);
        // Without a spool many senders may count alike.
        let spool = spools.zip(envelope.meta.spool).and_then(|(spools, id)| spools.get(&id));
        match (spool, envelope.seq) {
            (Some(spool), Some(seq)) if spool.has(seq) => Standing::KnownSeq,
            _ => Standing::New,
        }
    }

    /// When an envelope was seen, see [`Spool::time`].
    pub fn time(
        &self,
        sender: &str,
        envelope: &Envelope,
        received: Timestamp,
        ahead: Option<i64>,
    ) -> (Timestamp, bool) {
        if envelope.seq.is_none() {
            return Spool::default().time(None, envelope.at, received, ahead);
        }
        let mut inner = self.lock();
        let spool = inner.spool(sender, envelope.meta.spool.unwrap_or_default());
        spool.received = spool.received.max(received);
        spool.time(envelope.seq, envelope.at, received, ahead)
    }

    /// An envelope is durable.
    pub fn note(&self, sender: &str, capture: ExchangeId, envelope: &Envelope) {
        self.note_parts(sender, capture, envelope.meta.spool, envelope.seq);
    }

    /// An envelope was found in the journal, at a start.
    pub fn found(&self, received: &ReceivedEnvelope) {
        let sender = sender_of(&received.principal);
        self.note(&sender, received.capture_id(), &received.envelope);
    }

    fn note_parts(&self, sender: &str, capture: ExchangeId, spool: Option<Uuid>, seq: Option<u64>) {
        let mut inner = self.lock();
        inner.recent.insert(capture);
        if let Some(seq) = seq {
            inner.note(sender, spool.unwrap_or_default(), seq);
        }
    }

    /// Spools that changed since the last asking, to be kept.
    pub fn take_changed(&self) -> Vec<SpoolRow> {
        let mut inner = self.lock();
        let changed = std::mem::take(&mut inner.changed);
        let state = |sender: &String, spool: &Uuid| inner.senders.get(sender)?.get(spool).cloned();
        changed.into_iter().map(|(sender, spool)| SpoolRow { state: state(&sender, &spool), sender, spool }).collect()
    }

    /// What could not be kept is told again at the next asking.
    pub fn put_back(&self, rows: &[SpoolRow]) {
        self.lock().changed.extend(rows.iter().map(|row| (row.sender.clone(), row.spool)));
    }

    /// Envelopes that are missing, by sender ([`sender_of`]): those that miss some, the worst [`MISSING_SENDERS_MAX`].
    pub fn missing(&self) -> BTreeMap<String, u64> {
        let inner = self.lock();
        let missing = |spools: &HashMap<Uuid, Spool>| spools.values().map(Spool::missing).fold(0, u64::saturating_add);
        let mut senders: Vec<_> = inner
            .senders
            .iter()
            .map(|(sender, spools)| (missing(spools), sender))
            .filter(|(missing, _)| *missing > 0)
            .collect();
        senders.sort_unstable_by(|(one, first), (other, second)| other.cmp(one).then(first.cmp(second)));
        senders.truncate(MISSING_SENDERS_MAX);
        senders.into_iter().map(|(missing, sender)| (sender.clone(), missing)).collect()
    }

    /// Spools, and envelopes that are missing in them.
    pub fn totals(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.spools, inner.missing)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn envelope(spool: u128, seq: Option<u64>) -> Envelope {
        let line = r#"{"id":"6a0f3a52-9a53-4a59-8d5e-1d7a5f2f9a01","channel":"hook","source":"codex",
            "at":"2026-11-23T08:00:00Z","body":1}"#;
        let mut envelope: Envelope = serde_json::from_str(line).unwrap();
        envelope.meta.spool = Some(Uuid::from_u128(spool));
        envelope.seq = seq;
        envelope
    }

    fn capture(n: u32) -> ExchangeId {
        ExchangeId(ursa_model::ids::hash_parts("test", &[&n.to_le_bytes()]))
    }

    #[test]
    fn known_by_id_then_by_seq() {
        let ledger = Ledger::default();
        let one = envelope(1, Some(1));
        assert_eq!(ledger.standing("a", capture(1), &one), Standing::New);
        ledger.note("a", capture(1), &one);
        assert_eq!(ledger.standing("a", capture(1), &one), Standing::Known);
        assert_eq!(ledger.standing("a", capture(2), &one), Standing::KnownSeq);
        assert_eq!(ledger.standing("b", capture(2), &one), Standing::New);
        assert_eq!(ledger.standing("a", capture(2), &envelope(2, Some(1))), Standing::New);
        assert_eq!(ledger.standing("a", capture(2), &envelope(1, None)), Standing::New);
        let mut alone = envelope(0, Some(1));
        alone.meta.spool = None;
        ledger.note("a", capture(3), &alone);
        assert_eq!(ledger.standing("a", capture(3), &alone), Standing::Known);
        assert_eq!(ledger.standing("a", capture(4), &alone), Standing::New, "another script that counts from 1");
    }

    #[test]
    fn what_is_kept_is_what_is_known() {
        let ledger = Ledger::default();
        for seq in [1, 2, 5] {
            ledger.note("a", capture(seq), &envelope(1, Some(u64::from(seq))));
        }
        let rows = ledger.take_changed();
        assert_eq!((rows.len(), ledger.take_changed().len(), ledger.totals()), (1, 0, (1, 2)));
        ledger.put_back(&rows);
        assert_eq!(ledger.take_changed(), rows);
        let again = Ledger::default();
        again.restore(rows);
        assert_eq!(again.totals(), (1, 2));
        assert_eq!(again.standing("a", capture(9), &envelope(1, Some(5))), Standing::KnownSeq);
        again.note("a", capture(3), &envelope(1, Some(3)));
        again.note("a", capture(4), &envelope(1, Some(4)));
        assert_eq!(again.totals(), (1, 0));
    }

    #[test]
    fn what_is_missing_is_told_of_each_sender_until_it_is_there() {
        let ledger = Ledger::default();
        for (sender, spool, seq) in [("a", 1, 3), ("a", 2, 2), ("b", 1, 1), ("c", 1, 9)] {
            ledger.note(sender, capture(seq), &envelope(spool, Some(u64::from(seq))));
        }
        assert_eq!(ledger.missing(), BTreeMap::from([("a".to_owned(), 3), ("c".to_owned(), 8)]));
        for (spool, seq) in [(2, 1), (1, 2), (1, 1)] {
            ledger.note("a", capture(seq), &envelope(spool, Some(u64::from(seq))));
        }
        assert_eq!(ledger.missing(), BTreeMap::from([("c".to_owned(), 8)]));
        for n in 0..MISSING_SENDERS_MAX {
            ledger.note(&format!("d{n}"), capture(2), &envelope(1, Some(2)));
        }
        let missing = ledger.missing();
        assert_eq!((missing.len(), missing.get("c")), (MISSING_SENDERS_MAX, Some(&8)), "the worst are told");
    }

    #[test]
    fn ids_and_spools_are_bounded() {
        let ledger = Ledger::default();
        for n in 0..=u32::try_from(RECENT_IDS_MAX).unwrap() {
            ledger.note("a", capture(n), &envelope(1, None));
        }
        assert_eq!(ledger.standing("a", capture(0), &envelope(1, None)), Standing::New);
        assert_eq!(ledger.standing("a", capture(1), &envelope(1, None)), Standing::Known);
        for n in 0..SPOOLS_MAX as u128 + 5 {
            let one = envelope(n, Some(3));
            ledger.time("a", &one, Timestamp(i64::try_from(n).unwrap()), None);
            ledger.note("a", capture(0), &one);
        }
        assert_eq!(ledger.totals(), (SPOOLS_MAX as u64, 2 * SPOOLS_MAX as u64));
        let forgotten = ledger.take_changed().into_iter().filter(|row| row.state.is_none()).count();
        assert_eq!(forgotten, 5);
    }
}
