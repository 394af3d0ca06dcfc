//! Making good what a kill left half done: at every opening, and after an append that failed half-way.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::OptionalExtension;
use ursa_model::ids::FactId;

use super::append::{Writer, remove_from};
use super::day_write::Removals;
use super::packs::{PackWriter, pack_days, pack_path};
use super::{SqliteStore, content, lookups};
use crate::StoreError;

/// Ending of a file that is being made and not yet in place.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Brings everything up to what the day files and packs say.
pub(super) fn sync(store: &SqliteStore, writer: &mut Writer) -> Result<(), StoreError> {
    writer.pack = None;
    remove_unfinished(store)?;
    let stale = stale_days(store)?;
    finish_removals(store, &stale)?;
    let cursor = newer_cursor(store, &stale)?;
    derive(store, &stale, cursor.as_deref())?;
    index_packs(store)?;
    super::purge::finish_if_begun(store)?;
    let last = |column: &str| {
        store.meta.read(|meta| {
            Ok(meta.query_row(&format!("SELECT coalesce(max({column}), 0) FROM days"), [], |row| row.get(0))?)
        })
    };
    writer.last_rev = last("last_rev")?;
    writer.last_seq = last("seq")?;
    writer.is_half_done = false;
    Ok(())
}

fn remove_unfinished(store: &SqliteStore) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(&store.dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.contains(UNFINISHED)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Days whose file is newer than what `meta.db` tells of it, with the number up to which that goes; days whose file
/// is gone, too.
fn stale_days(store: &SqliteStore) -> Result<Vec<(i64, i64)>, StoreError> {
    let known = store.meta.read(|meta| {
        let mut statement = meta.prepare("SELECT day, seq FROM days")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok(rows.collect::<Result<BTreeMap<_, _>, _>>()?)
    })?;
    let on_disk: BTreeSet<i64> = store.days.on_disk()?.into_iter().collect();
    if let Some(missing) = known.keys().find(|day| !on_disk.contains(day)) {
        return Err(StoreError::Damaged(format!("the file of {} is missing", super::coding::day_name(*missing))));
    }
    let mut stale = Vec::new();
    for day in on_disk {
        let seq: i64 =
            store.days.get(day)?.read(|db| Ok(db.query_row("SELECT seq FROM state", [], |row| row.get(0))?))?;
        match known.get(&day) {
            Some(known) if *known == seq => {}
            known => stale.push((day, known.copied().unwrap_or(-1))),
        }
    }
    Ok(stale)
}

/// Removes facts from the files that they moved away from, where only the new place was committed.
fn finish_removals(store: &SqliteStore, stale: &[(i64, i64)]) -> Result<(), StoreError> {
    for (day, known) in stale {
        let replaced: Vec<(FactId, i64)> = store.days.get(*day)?.read(|db| {
            let mut statement = db.prepare("SELECT fact, seq FROM replaced WHERE seq > ?")?;
            let rows = statement.query_map([known], |row| Ok((FactId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        if replaced.is_empty() {
            continue;
        }
        for other in store.days.on_disk()?.into_iter().filter(|other| other != day) {
            remove_facts(store, other, &replaced)?;
        }
    }
    Ok(())
}

fn remove_facts(store: &SqliteStore, day: i64, replaced: &[(FactId, i64)]) -> Result<(), StoreError> {
    let file = store.days.get(day)?;
    let mut left = Removals::default();
    let mut seq = 0;
    file.read(|db| {
        let mut stored = db.prepare("SELECT 1 FROM facts WHERE id = ?")?;
        for (fact, replaced_by) in replaced {
            if stored.exists([fact.0])? {
                left.facts.push(*fact);
                seq = seq.max(*replaced_by);
            }
        }
        Ok(())
    })?;
    if left.facts.is_empty() {
        return Ok(());
    }
    let touched = remove_from(store, day, &left, seq)?.touched;
    store.meta.write(|meta| {
        file.read(|day_file| lookups::update(meta, day_file, day, &touched))?;
        lookups::refresh_sessions(meta, touched.sessions)
    })
}

/// The place in the journal of the last append that `meta.db` does not know of, if there is one.
fn newer_cursor(store: &SqliteStore, stale: &[(i64, i64)]) -> Result<Option<String>, StoreError> {
    let mut newest: Option<(i64, String)> = None;
    for (day, known) in stale {
        let kept: Option<(i64, String)> = store.days.get(*day)?.read(|db| {
            let mut kept = db.prepare("SELECT seq, value FROM cursor WHERE seq > ?")?;
            Ok(kept.query_row([known], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        })?;
        newest = newest.max(kept);
    }
    Ok(newest.map(|(_, cursor)| cursor))
}

fn derive(store: &SqliteStore, stale: &[(i64, i64)], cursor: Option<&str>) -> Result<(), StoreError> {
    if stale.is_empty() {
        return Ok(());
    }
    let days: Vec<i64> = stale.iter().map(|(day, _)| *day).collect();
    store.meta.write(|meta| {
        lookups::derive(meta, &store.days, &days)?;
        cursor.map_or(Ok(()), |cursor| lookups::keep_cursor(meta, cursor))
    })
}

/// Indexes what packs hold behind the known end, and cuts torn tails.
fn index_packs(store: &SqliteStore) -> Result<(), StoreError> {
    for day in pack_days(&store.dir)? {
        let (known, purged): (u64, bool) = store.meta.read(|meta| {
            let mut purged = meta.prepare("SELECT 1 FROM days WHERE day = ? AND purged > 0")?;
            Ok((content::indexed_in(meta, day)?, purged.exists([day])?))
        })?;
        // The pack of a purged day is the purge's to unlink.
        if !purged && std::fs::metadata(pack_path(&store.dir, day))?.len() != known {
            let (_, places) = PackWriter::open(&store.dir, day, known)?;
            store.meta.write(|meta| content::index(meta, &places))?;
        }
    }
    Ok(())
}
