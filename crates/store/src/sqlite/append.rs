//! Applying a batch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::params;
use ursa_model::ids::{EventId, SessionId};

use super::coding::to_json;
use super::day_write::{Counters, DayPart, DayWriter, Done, Removals, applied_seq};
use super::faults::Step;
use super::packs::{PackWriter, Place};
use super::rows::{self, Stored, Words};
use super::{SqliteStore, content, lookups, summary, sync};
use crate::StoreError;
use crate::record::{AppendReceipt, Batch, FactWrite, SessionWrite};

/// The reason under which facts of purged days are counted.
pub(super) const PAST_RETENTION: &str = "past_retention";

/// What appending knows between two batches.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) last_rev: i64,
    pub(super) last_seq: i64,
    /// The last append stopped half-way: what it left is to be made good first.
    pub(super) is_half_done: bool,
    pub(super) pack: Option<PackWriter>,
}

/// A batch, taken apart by day.
#[derive(Debug, Default)]
struct Plan<'b> {
    parts: BTreeMap<i64, DayPart<'b>>,
    /// Facts and marks that leave other days' files, once what takes their place is committed.
    moved_away: BTreeMap<i64, Removals>,
    /// Events that move to another day's file, as they are stored now.
    before: HashMap<EventId, Stored>,
    past_retention: u64,
}

/// Applies a batch whole; see [`crate::RecordStore::append`].
pub(super) fn append(store: &SqliteStore, batch: &Batch) -> Result<AppendReceipt, StoreError> {
    let mut writer = super::lock_writer(store);
    let _files = store.hold_files();
    if writer.is_half_done {
        sync::sync(store, &mut writer)?;
    }
    writer.is_half_done = true;
    let receipt = apply(store, &mut writer, batch)?;
    writer.is_half_done = false;
    Ok(receipt)
}

fn apply(store: &SqliteStore, writer: &mut Writer, batch: &Batch) -> Result<AppendReceipt, StoreError> {
    let home = home_day(store, batch.received.day_number())?;
    let places = content(store, writer, batch, home)?;
    let plan = plan(store, batch, home)?;
    let seq = sequence_number(store, writer, batch, &plan)?;
    let mut done = BTreeMap::new();
    // The home day is last: where its file has the batch, with the cursor, no other day's part is missing.
    let (last, others): (Vec<_>, Vec<_>) = plan.parts.iter().partition(|(day, _)| **day == home);
    for (day, part) in others.into_iter().chain(last) {
        done.insert(*day, write_day(store, writer, *day, batch, seq, part, &plan)?);
        store.faults.after(Step::DayCommitted)?;
    }
    for (day, removals) in &plan.moved_away {
        let removed = remove_from(store, *day, removals, seq)?;
        store.faults.after(Step::RemovalCommitted)?;
        done.entry(*day).or_insert_with(Done::default).merge(removed);
    }
    write_meta(store, &done, &places, batch)?;
    store.faults.after(Step::MetaCommitted)?;
    let already_applied = done.values().all(|done| done.already_applied) && !done.is_empty();
    Ok(AppendReceipt {
        already_applied,
        inserted: done.values().map(|done| done.inserted).sum(),
        changed: done.values().map(|done| done.changed).sum(),
        last_rev: writer.last_rev.unsigned_abs(),
        past_retention: plan.past_retention,
    })
}

/// The day that takes what is new: that of receipt, or the first one after those that were purged.
fn home_day(store: &SqliteStore, received: i64) -> Result<i64, StoreError> {
    let purged: Option<i64> = store
        .meta
        .look_up(|meta| Ok(meta.query_row("SELECT max(day) FROM days WHERE purged > 0", [], |row| row.get(0))?))?;
    Ok(purged.map_or(received, |purged| received.max(purged + 1)))
}

/// Writes the items that are not stored yet to the home day's pack and syncs it.
fn content(store: &SqliteStore, writer: &mut Writer, batch: &Batch, home: i64) -> Result<Vec<Place>, StoreError> {
    let ids: Vec<_> = batch.items.iter().map(|item| item.get().id).collect();
    let mut stored: BTreeSet<_> = content::has(store, &ids)?.into_iter().collect();
    let mut places = Vec::new();
    store.keys.keep(batch.items.iter().map(|item| &item.get().thread))?;
    for item in batch.items.iter().map(ursa_redact::Redacted::get) {
        if stored.insert(item.id) {
            let pack = pack_of(store, writer, home)?;
            places.push(pack.append(item, &store.keys)?);
        }
    }
    if !places.is_empty() {
        store.faults.after(Step::PackWritten)?;
        if let Some(pack) = &writer.pack {
            pack.sync()?;
        }
        store.faults.after(Step::PackSynced)?;
    }
    Ok(places)
}

fn pack_of<'w>(store: &SqliteStore, writer: &'w mut Writer, day: i64) -> Result<&'w mut PackWriter, StoreError> {
    let pack = match writer.pack.take() {
        Some(pack) if pack.day() == day => pack,
        // What lies behind the known end was indexed when the store was opened, or is a torn tail.
        _ => PackWriter::open(&store.dir, day, content::indexed(store, day)?)?.0,
    };
    Ok(writer.pack.insert(pack))
}

fn plan<'b>(store: &SqliteStore, batch: &'b Batch, home: i64) -> Result<Plan<'b>, StoreError> {
    let mut plan = Plan::default();
    let is_past = home != batch.received.day_number();
    store.meta.look_up(|meta| {
        let mut alive = BTreeSet::new();
        for fact in batch.facts.iter().map(ursa_redact::Redacted::get) {
            match day_of_fact(meta, fact, home, is_past)? {
                Some(day) => {
                    alive.extend(fact.events.iter().map(|event| event.session));
                    plan_fact(store, meta, &mut plan, fact, day)?;
                }
                None => plan.past_retention += 1,
            }
        }
        plan_sessions(meta, &mut plan, batch, home, &alive)?;
        for mark in &batch.marks {
            let known: bool = meta
                .prepare_cached("SELECT 1 FROM marks WHERE key = ? AND scope = ? AND value = ? AND at <= ?")?
                .exists(params![mark.key, mark.scope.as_str(), mark.value, mark.at.as_micros()])?;
            if !known {
                plan.parts.entry(home).or_default().marks.push(mark);
            }
        }
        plan_unmarks(meta, &mut plan, batch, home)
    })?;
    let counters = Counters {
        captures: batch.captures,
        observations: batch.observations,
        duplicates: batch.duplicates,
        unattributed: batch.unattributed,
        dropped: batch.dropped.iter().cloned().chain([(PAST_RETENTION.to_owned(), plan.past_retention)]).collect(),
        cursor: batch.cursor.clone(),
    };
    // The home day notes every batch that says anything, so that one whose other parts are known is known as well.
    if !is_empty(batch, &counters) {
        plan.parts.entry(home).or_default().counters = Some(counters);
    }
    Ok(plan)
}

fn is_empty(batch: &Batch, counters: &Counters) -> bool {
    let counts = [counters.captures, counters.observations, counters.duplicates, counters.unattributed];
    counts.iter().chain(counters.dropped.iter().map(|(_, count)| count)).all(|count| *count == 0)
        && batch.facts.is_empty()
        && batch.sessions.is_empty()
        && batch.session_aliases.is_empty()
        && batch.marks.is_empty()
        && batch.unmarks.is_empty()
        && batch.items.is_empty()
}

/// The day whose file a fact belongs to; `None` when it was purged.
fn day_of_fact(
    meta: &rusqlite::Connection,
    write: &FactWrite,
    home: i64,
    is_past: bool,
) -> Result<Option<i64>, StoreError> {
    if let Some((day, fact)) = lookups::fact(meta, write.fact.id)?
        && fact == write.fact.id
    {
        return Ok(Some(day));
    }
    let mut earliest: Option<i64> = None;
    for replaced in &write.replaces {
        if let Some((day, _)) = lookups::fact(meta, *replaced)? {
            earliest = Some(earliest.map_or(day, |earliest| earliest.min(day)));
        }
    }
    if earliest.is_some() {
        return Ok(earliest);
    }
    let mut is_purged = meta.prepare_cached("SELECT 1 FROM tombstones WHERE id = ?")?;
    for id in write.found_by.iter().chain([&write.fact.id]) {
        if is_purged.exists([id.0])? {
            return Ok(None);
        }
    }
    Ok((!is_past).then_some(home))
}

fn plan_fact<'b>(
    store: &SqliteStore,
    meta: &rusqlite::Connection,
    plan: &mut Plan<'b>,
    write: &'b FactWrite,
    day: i64,
) -> Result<(), StoreError> {
    let part = plan.parts.entry(day).or_default();
    part.facts.push(write);
    for replaced in write.replaces.iter().filter(|replaced| **replaced != write.fact.id) {
        match lookups::fact(meta, *replaced)? {
            Some((other, fact)) if fact == *replaced && other != day => {
                plan.moved_away.entry(other).or_default().facts.push(*replaced);
            }
            // In this very file, or only in this batch.
            _ => part.removals.facts.push(*replaced),
        }
    }
    if plan.moved_away.is_empty() {
        return Ok(());
    }
    for event in &write.events {
        if let Some((other, id)) = lookups::event(meta, event.id)?
            && id == event.id
            && other != day
            && let Some(stored) = store.days.get(other)?.look_up(|db| rows::stored(db, id))?
        {
            plan.before.insert(id, stored);
        }
    }
    Ok(())
}

fn plan_sessions<'b>(
    meta: &rusqlite::Connection,
    plan: &mut Plan<'b>,
    batch: &'b Batch,
    home: i64,
    alive: &BTreeSet<SessionId>,
) -> Result<(), StoreError> {
    for write in batch.sessions.iter().map(ursa_redact::Redacted::get) {
        let is_dead = !alive.contains(&write.id) && is_purged(meta, write.id)?;
        if is_dead || is_stored(meta, write)? {
            continue;
        }
        let attributes = to_json(&write.attributes)?;
        plan.parts.entry(home).or_default().sessions.push((write.id, write, attributes));
    }
    for (old, target) in &batch.session_aliases {
        if old != target && lookups::session_now(meta, *old)? != lookups::session_now(meta, *target)? {
            plan.parts.entry(home).or_default().session_aliases.push((*old, *target));
        }
    }
    Ok(())
}

/// Whether all days of a session were purged: nothing is told of it any more until it has a new event.
fn is_purged(meta: &rusqlite::Connection, session: SessionId) -> Result<bool, StoreError> {
    let known = meta
        .prepare_cached("SELECT 1 FROM tombstones WHERE id = ?1 UNION SELECT 1 FROM session_days WHERE session = ?1")?
        .exists([session.0])?;
    let alive = meta
        .prepare_cached("SELECT 1 FROM session_days JOIN days USING (day) WHERE session = ? AND purged = 0")?
        .exists([session.0])?;
    Ok(known && !alive)
}

fn is_stored(meta: &rusqlite::Connection, write: &SessionWrite) -> Result<bool, StoreError> {
    Ok(summary::attributes(meta, write.id)?.is_some_and(|(_, stored)| stored == write.attributes))
}

fn plan_unmarks(meta: &rusqlite::Connection, plan: &mut Plan<'_>, batch: &Batch, home: i64) -> Result<(), StoreError> {
    let mut days_of = meta.prepare_cached("SELECT DISTINCT day FROM marks WHERE key = ? AND scope = ?")?;
    for (key, scope) in &batch.unmarks {
        let days: Vec<i64> =
            days_of.query_map(params![key, scope.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for day in days.into_iter().filter(|day| *day != home) {
            plan.moved_away.entry(day).or_default().marks.push((*key, scope.clone()));
        }
        // Also a mark of this very batch.
        plan.parts.entry(home).or_default().removals.marks.push((*key, scope.clone()));
    }
    Ok(())
}

/// The number of this append: that of its first try, if a day already took it in.
fn sequence_number(
    store: &SqliteStore,
    writer: &mut Writer,
    batch: &Batch,
    plan: &Plan<'_>,
) -> Result<i64, StoreError> {
    for day in plan.parts.keys() {
        if let Some(seq) = store.days.get(*day)?.look_up(|db| applied_seq(db, batch.id))? {
            return Ok(seq);
        }
    }
    writer.last_seq += 1;
    Ok(writer.last_seq)
}

/// Takes facts and marks out of a day's file, now that what takes their place is committed. Not noted as applied: once
/// done, the same batch finds nothing to remove.
pub(super) fn remove_from(store: &SqliteStore, day: i64, removals: &Removals, seq: i64) -> Result<Done, StoreError> {
    store.days.get(day)?.write(|tx| {
        let mut writer = DayWriter { tx, seq, last_rev: &mut 0, done: Done::default(), words: Words::default() };
        writer.removals(removals)?;
        writer.stamp()?;
        Ok(writer.done)
    })
}

fn write_day(
    store: &SqliteStore,
    writer: &mut Writer,
    day: i64,
    batch: &Batch,
    seq: i64,
    part: &DayPart<'_>,
    plan: &Plan<'_>,
) -> Result<Done, StoreError> {
    let mut last_rev = writer.last_rev;
    let done = store.days.get(day)?.write(|tx| {
        if applied_seq(tx, batch.id)?.is_some() {
            return Ok(Done { already_applied: true, ..Done::default() });
        }
        let mut day_writer =
            DayWriter { tx, seq, last_rev: &mut last_rev, done: Done::default(), words: Words::default() };
        day_writer.apply(part, batch.id, &plan.before)?;
        let done = day_writer.done;
        store.faults.after(Step::DayWritten)?;
        Ok(done)
    })?;
    writer.last_rev = last_rev;
    Ok(done)
}

fn write_meta(
    store: &SqliteStore,
    done: &BTreeMap<i64, Done>,
    places: &[Place],
    batch: &Batch,
) -> Result<(), StoreError> {
    let changed: Vec<_> = done.iter().filter(|(_, done)| !done.already_applied).collect();
    if changed.is_empty() && places.is_empty() && batch.cursor.is_none() {
        return Ok(());
    }
    store.meta.write(|meta| {
        content::index(meta, places)?;
        let mut sessions = BTreeSet::new();
        for (day, done) in &changed {
            store.days.get(**day)?.look_up(|day_file| lookups::update(meta, day_file, **day, &done.touched))?;
            sessions.extend(done.touched.sessions.iter().copied());
        }
        for (day, done) in &changed {
            store.days.get(**day)?.look_up(|day_file| lookups::add_aliases(meta, day_file, **day, &done.touched))?;
        }
        lookups::refresh_sessions(meta, sessions)?;
        if let Some(cursor) = &batch.cursor {
            lookups::keep_cursor(meta, cursor)?;
        }
        store.faults.after(Step::MetaWritten)
    })
}
