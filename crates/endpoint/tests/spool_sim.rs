//! The spool on a simulated disk: power losses, failing calls, a full disk, at places that a seed chooses. With
//! `URSA_SIM_SEEDS` more seeds are run; a failure names its seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use ursa_endpoint::line::{self, Head};
use ursa_endpoint::spool::{self, Limits, Spool, SpoolError};
use ursa_journal::sim::{Call, SimDisk};
use ursa_model::capture::{Channel, Frame};
use ursa_model::envelope::{Dropped, ENDPOINT_SOURCE, Envelope, EnvelopeMeta};
use ursa_model::time::Timestamp;
use uuid::Uuid;

const AT: Timestamp = Timestamp::from_micros(1_795_392_000_000_000);

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// `URSA_SIM_SEEDS=n` runs n seeds; `URSA_SIM_SEED=s` runs that one.
fn seeds() -> std::ops::Range<u64> {
    let variable = |name: &str| std::env::var(name).ok().and_then(|seeds| seeds.parse::<u64>().ok());
    let one = variable("URSA_SIM_SEED").map(|seed| seed..seed + 1);
    one.unwrap_or_else(|| 0..variable("URSA_SIM_SEEDS").unwrap_or(60))
}

fn record(id: Uuid, source: &str, body: &str) -> Frame {
    let meta = EnvelopeMeta::default();
    let event = (source == ENDPOINT_SOURCE).then_some("dropped");
    let head = Head { id, channel: Channel::Hook, source, event, at: AT, meta };
    spool::record(id, AT, line::line(&head, body.as_bytes().to_vec()).unwrap())
}

fn body(id: Uuid, bytes: usize) -> String {
    format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "x".repeat(bytes))
}

/// What the server has, and what a hook was told.
#[derive(Default)]
struct Truth {
    sizes: BTreeMap<Uuid, usize>,
    acknowledged: BTreeSet<Uuid>,
    /// By number: a number is one record for ever.
    delivered: BTreeMap<u64, Uuid>,
    thinned: BTreeSet<Uuid>,
    reported: BTreeMap<Uuid, u64>,
    /// Sent without the spool learning of it: what is dropped after that is told although it arrived.
    unsettled: u64,
}

impl Truth {
    fn append(&mut self, spool: &Spool<'_>, random: &mut Random) -> Result<(), SpoolError> {
        let id = Uuid::from_u128(u128::from(self.sizes.len() as u64) << 64 | u128::from(random.below(u64::MAX)));
        let bytes = if random.below(10) == 0 { random.below(9000) } else { random.below(600) } as usize;
        self.sizes.insert(id, bytes);
        spool.append(record(id, "claude-code", &body(id, bytes)))?.sync()?;
        self.acknowledged.insert(id);
        Ok(())
    }

    /// One round of delivery; false when there was nothing.
    fn deliver(&mut self, spool: &Spool<'_>, lines: usize, seed: u64) -> Result<bool, SpoolError> {
        spool.adopt(AT)?;
        spool.report(|id, reason, dropped| {
            let body = Dropped { count: dropped.count, bytes: dropped.bytes, reason: reason.as_str().to_owned() };
            record(id, ENDPOINT_SOURCE, &serde_json::to_string(&body).unwrap())
        })?;
        let batch = spool.read(lines, 20_000)?;
        assert!(spool.is_current(&batch)?, "nothing else ran");
        for sent in &batch.lines {
            let envelope: Envelope = serde_json::from_slice(&sent.bytes).unwrap();
            assert_eq!(envelope.id, sent.id);
            let before = self.delivered.insert(sent.seq, sent.id);
            assert!(before.is_none_or(|before| before == sent.id), "seed {seed}: number {} twice", sent.seq);
            if envelope.source == ENDPOINT_SOURCE {
                let dropped: Dropped = serde_json::from_str(envelope.body.get()).unwrap();
                self.reported.insert(envelope.id, dropped.count);
            } else if envelope.meta.truncated.is_some() {
                self.thinned.insert(sent.id);
            } else {
                assert_eq!(envelope.body.get(), body(sent.id, self.sizes[&sent.id]), "seed {seed}");
            }
        }
        let settled = spool.settle(&batch);
        if settled.is_err() {
            let told = batch.lines.iter().filter_map(|sent| self.reported.get(&sent.id));
            self.unsettled += told.sum::<u64>() + batch.lines.len() as u64;
        }
        settled?;
        Ok(!batch.lines.is_empty())
    }

    fn delivered_ids(&self) -> BTreeSet<Uuid> {
        self.delivered.values().copied().collect()
    }
}

fn open(disk: &SimDisk, limits: Limits) -> Option<Spool<'_>> {
    Spool::open(disk, limits, || Some("ada".to_owned())).ok()
}

fn finish(disk: &SimDisk, limits: Limits, truth: &mut Truth, seed: u64) {
    disk.restore_power();
    disk.clear_faults();
    disk.set_capacity(None);
    let spool = open(disk, limits).unwrap();
    // The spool goes on.
    truth.append(&spool, &mut Random(seed)).unwrap();
    while truth.deliver(&spool, 50, seed).unwrap() {}
}

#[test]
fn no_acknowledged_record_is_lost_by_power_losses_and_failing_calls() {
    for seed in seeds() {
        let disk = SimDisk::new(seed);
        let mut random = Random(seed ^ 0x5eed);
        let limits = Limits { size_bytes: 1 << 40, segment_bytes: 4096, sync: true, ..Limits::default() };
        let mut truth = Truth::default();
        for _ in 0..40 {
            disk.restore_power();
            match random.below(6) {
                0 => {}
                1 => disk.fail_nth(Call::Write, 1 + random.below(20), io::ErrorKind::Other),
                2 => disk.fail_nth(Call::Folder, 1 + random.below(6), io::ErrorKind::Other),
                3 => disk.set_capacity(Some(1 << 16)),
                _ => disk.lose_power_after(1 + random.below(60)),
            }
            for _ in 0..random.below(12) {
                let Some(spool) = open(&disk, limits) else { break };
                // A failed call is one process that gave up; a lost power ends this life.
                let _ = if random.below(4) == 0 {
                    truth.deliver(&spool, 1 + random.below(9) as usize, seed).map(drop)
                } else if random.below(8) == 0 {
                    late(&disk, limits, &mut truth, &mut random)
                } else {
                    truth.append(&spool, &mut random)
                };
                if !disk.is_powered() {
                    break;
                }
            }
            disk.clear_faults();
            disk.set_capacity(None);
        }
        finish(&disk, limits, &mut truth, seed);
        let delivered = truth.delivered_ids();
        let lost: Vec<_> = truth.acknowledged.difference(&delivered).collect();
        assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
        assert_eq!(delivered.len(), truth.delivered.len(), "seed {seed}: a record with two numbers");
        assert!(truth.thinned.is_empty(), "seed {seed}");
    }
}

fn late(disk: &SimDisk, limits: Limits, truth: &mut Truth, random: &mut Random) -> Result<(), SpoolError> {
    let id = Uuid::from_u128(u128::from(truth.sizes.len() as u64) << 64 | u128::from(random.below(u64::MAX)));
    truth.sizes.insert(id, 10);
    spool::write_late(disk, limits, &record(id, "claude-code", &body(id, 10)))?.sync()?;
    truth.acknowledged.insert(id);
    Ok(())
}

/// F19, the spool's part: above the bound the oldest content goes first, then the oldest records, counted to the last.
#[test]
fn f19_a_full_spool_drops_the_oldest_and_counts_them() {
    let limits = Limits {
        size_bytes: spool::LINE_BYTES_MAX as u64 + 60_000,
        segment_bytes: 4096,
        sync: false,
        ..Limits::default()
    };
    for (bytes, content_only) in [(3000, true), (300, false)] {
        let disk = SimDisk::new(bytes as u64);
        let spool = open(&disk, limits).unwrap();
        let mut truth = Truth::default();
        let ids: Vec<Uuid> = (1..=300_u128).map(Uuid::from_u128).collect();
        for id in ids.iter().take(if content_only { 60 } else { 300 }) {
            truth.sizes.insert(*id, bytes);
            spool.append(record(*id, "claude-code", &body(*id, bytes))).unwrap();
        }
        while truth.deliver(&spool, 1000, 0).unwrap() {}
        let delivered = truth.delivered_ids();
        let kept: Vec<_> = truth.sizes.keys().filter(|id| delivered.contains(id)).copied().collect();
        let gone = truth.sizes.len() - kept.len();
        assert_eq!(truth.reported.values().sum::<u64>(), gone as u64);
        if content_only {
            assert_eq!(gone, 0, "cutting content was enough");
            let thinned: Vec<_> = truth.thinned.iter().copied().collect();
            assert!(!thinned.is_empty() && thinned.len() < 60);
            assert_eq!(thinned, kept[..thinned.len()], "the oldest content went first");
        } else {
            assert!(gone > 100);
            let newest: Vec<_> = truth.sizes.keys().skip(gone).copied().collect();
            assert_eq!(kept, newest, "the oldest records went first");
        }
    }
}

#[test]
fn what_is_counted_is_exact_over_power_losses() {
    let mut certain = 0;
    for seed in seeds() {
        let disk = SimDisk::new(seed);
        let mut random = Random(seed ^ 0xd20);
        let size_bytes = spool::LINE_BYTES_MAX as u64 + 30_000;
        let limits = Limits { size_bytes, segment_bytes: 2048, sync: true, ..Limits::default() };
        let mut truth = Truth::default();
        for _ in 0..12 {
            disk.restore_power();
            disk.lose_power_after(40 + random.below(400));
            for _ in 0..40 {
                let Some(spool) = open(&disk, limits) else { break };
                let _ = truth.append(&spool, &mut random);
                if random.below(60) == 0 {
                    let _ = truth.deliver(&spool, 20, seed);
                }
                if !disk.is_powered() {
                    break;
                }
            }
        }
        finish(&disk, limits, &mut truth, seed);
        // Records that were written and not acknowledged may be among the dropped, never the other way round.
        let delivered = truth.delivered_ids();
        let gone = truth.acknowledged.difference(&delivered).count() as u64;
        let reported: u64 = truth.reported.values().sum();
        assert!(reported >= gone, "seed {seed}: {gone} gone, {reported} told");
        let unsure = (truth.sizes.len() - truth.acknowledged.len()) as u64;
        certain += u64::from(truth.unsettled == 0);
        assert!(
            reported <= gone + unsure + truth.unsettled,
            "seed {seed}: {gone} gone, {unsure} unsure, {reported} told"
        );
    }
    assert!(certain > 0, "every seed lost a receipt");
}

#[test]
fn what_is_too_old_is_dropped_and_counted() {
    let disk = SimDisk::new(1);
    let spool = open(&disk, Limits::default()).unwrap();
    let mut truth = Truth::default();
    let mut random = Random(1);
    for _ in 0..10 {
        truth.append(&spool, &mut random).unwrap();
    }
    let day = 86_400_000_000;
    spool.expire(AT.plus_micros(29 * day)).unwrap();
    assert!(spool.unread().unwrap());
    spool.expire(AT.plus_micros(31 * day)).unwrap();
    assert!(!spool.unread().unwrap());
    truth.append(&spool, &mut random).unwrap();
    while truth.deliver(&spool, 100, 0).unwrap() {}
    assert_eq!(truth.reported.values().collect::<Vec<_>>(), [&10]);
    assert_eq!(truth.delivered.keys().copied().collect::<Vec<_>>(), [11, 12]);
}

#[test]
fn damage_costs_what_it_hits_and_is_counted() {
    for at in [0_usize, 700, 1024, 1100, 1500, 2600] {
        let disk = SimDisk::new(1);
        let limits = Limits { segment_bytes: 2048, ..Limits::default() };
        let spool = open(&disk, limits).unwrap();
        let mut truth = Truth::default();
        let mut random = Random(7);
        for _ in 0..20 {
            truth.append(&spool, &mut random).unwrap();
        }
        let name = "seg-0000000000000001.ujl";
        let mut bytes = disk.content(name).unwrap();
        if at < bytes.len() {
            bytes[at] ^= 1;
            disk.put(name, bytes);
        }
        while truth.deliver(&spool, 100, 0).unwrap() {}
        let delivered = truth.delivered_ids();
        let lost = truth.acknowledged.difference(&delivered).count() as u64;
        assert_eq!(truth.reported.values().sum::<u64>(), lost, "byte {at}");
        assert!(lost <= 1, "byte {at}: {lost} lost");
    }
}
