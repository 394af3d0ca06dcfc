//! Checking a store.

use std::collections::BTreeSet;

use rusqlite::Connection;
use ursa_model::ids::hex;
use ursa_model::observation::ContextRef;

use super::coding::{day_name, decompress, from_json};
use super::database::{Database, Kind};
use super::dump::{DERIVED_TABLES, add_lines};
use super::packs::{self, pack_days};
use super::{SqliteStore, content, lookups, rows};
use crate::StoreError;

/// Context references that are told one by one; more are only counted.
const MISSING_TOLD_MAX: usize = 10;

/// See [`crate::RecordStore::verify`].
pub(super) fn verify(store: &SqliteStore) -> Result<Vec<String>, StoreError> {
    // Nothing may change while the files are held against one another.
    let _writer = super::lock_writer(store);
    let _files = store.hold_files();
    let mut findings = Vec::new();
    check("meta.db", &store.meta, &mut findings)?;
    check("keys.db", store.keys.database(), &mut findings)?;
    for day in store.days.on_disk()? {
        check_day(&format!("events-{}.db", day_name(day)), store.days.get(day)?.as_ref(), &mut findings)?;
    }
    if let Err(error) = check_lookups(store, &mut findings) {
        findings.push(format!("meta.db: what the day files give cannot be told: {error}"));
    }
    check_packs(store, &mut findings)?;
    check_contexts(store, &mut findings)?;
    Ok(findings)
}

fn check_day(name: &str, day_file: &Database, findings: &mut Vec<String>) -> Result<(), StoreError> {
    check(name, day_file, findings)?;
    let (told, counted): (i64, i64) = day_file.read(|db| {
        let query = "SELECT events, (SELECT count(*) FROM events) FROM state";
        Ok(db.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    })?;
    if told != counted {
        findings.push(format!("{name}: it says that it has {told} events, and has {counted}"));
    }
    check_values(name, day_file, findings)
}

/// What events say and facts rest on has a checksum of its own; what filters and sums read beside it is what it says.
fn check_values(name: &str, day_file: &Database, findings: &mut Vec<String>) -> Result<(), StoreError> {
    let (mut unreadable, mut differ) = (0_u64, 0_u64);
    day_file.read(|db| {
        let mut events = db.prepare(&format!("SELECT {} FROM events", rows::DERIVED_COLUMNS))?;
        let mut events = events.query([])?;
        while let Some(row) = events.next()? {
            match rows::columns_hold(row) {
                Ok(hold) => differ += u64::from(!hold),
                Err(_) => unreadable += 1,
            }
        }
        Ok(())
    })?;
    let facts = day_file.read(|db| {
        let mut values = db.prepare("SELECT observations FROM facts")?;
        let mut values = values.query([])?;
        let mut unreadable = 0_u64;
        while let Some(row) = values.next()? {
            unreadable += u64::from(decompress(row.get_ref(0)?.as_blob().unwrap_or_default()).is_err());
        }
        Ok(unreadable)
    })?;
    for (count, what) in [
        (unreadable, "of events cannot be read"),
        (differ, "of events say something else than the columns they are found and counted by"),
        (facts, "of facts cannot be read"),
    ] {
        if count > 0 {
            findings.push(format!("{name}: {count} {what}"));
        }
    }
    Ok(())
}

fn check(name: &str, database: &Database, findings: &mut Vec<String>) -> Result<(), StoreError> {
    let told = database.read(|db| {
        let mut statement = db.prepare("PRAGMA integrity_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    })?;
    findings.extend(told.into_iter().filter(|line| line != "ok").map(|line| format!("{name}: {line}")));
    Ok(())
}

/// Makes the look-ups again in memory and compares.
fn check_lookups(store: &SqliteStore, findings: &mut Vec<String>) -> Result<(), StoreError> {
    let mut fresh = Database::in_memory(Kind::Meta)?;
    let tx = fresh.transaction()?;
    lookups::derive(&tx, &store.days, &store.days.on_disk()?)?;
    for table in DERIVED_TABLES {
        let lines = |db: &Connection| {
            let mut text = String::new();
            add_lines(db, table, table, &mut text)?;
            Ok(text)
        };
        let (stored, derived) = (store.meta.read(lines)?, lines(&tx)?);
        if stored != derived {
            let (stored, derived) = (stored.lines().count(), derived.lines().count());
            findings.push(format!("meta.db: {table} has {stored} rows, the day files give {derived}, or others"));
        }
    }
    Ok(())
}

fn check_packs(store: &SqliteStore, findings: &mut Vec<String>) -> Result<(), StoreError> {
    let days: BTreeSet<i64> = store.meta.read(|meta| {
        let mut statement = meta.prepare("SELECT DISTINCT day FROM content")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })?;
    let on_disk: BTreeSet<i64> = pack_days(&store.dir)?.into_iter().collect();
    for day in days.union(&on_disk) {
        let name = format!("content-{}.pack", day_name(*day));
        if !on_disk.contains(day) {
            findings.push(format!("{name}: missing"));
            continue;
        }
        let whole = packs::check(&store.dir, *day)?;
        if let Some(end) = whole.torn_at {
            findings.push(format!("{name}: damaged at byte {end}"));
        }
        let places: BTreeSet<_> =
            whole.places.into_iter().map(|place| (place.offset, place.id, place.thread)).collect();
        let indexed: Vec<_> = store.meta.read(|meta| content::of_day(meta, *day))?;
        let lost = indexed.iter().filter(|place| !places.contains(&(place.offset, place.id, place.thread))).count();
        if lost > 0 {
            findings.push(format!("{name}: {lost} items of the index are not in it"));
        }
    }
    Ok(())
}

/// What a call's context begins with must be there, unless some day was purged: then it may be gone rightly.
fn check_contexts(store: &SqliteStore, findings: &mut Vec<String>) -> Result<(), StoreError> {
    let any_purged = store.meta.read(|meta| Ok(meta.prepare("SELECT 1 FROM days WHERE purged > 0")?.exists([])?))?;
    if any_purged {
        return Ok(());
    }
    let known: BTreeSet<String> = store.meta.read(|meta| {
        let mut statement = meta.prepare("SELECT id FROM content")?;
        let rows = statement.query_map([], |row| Ok(hex(&row.get::<_, Vec<u8>>(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })?;
    let mut missing = Vec::new();
    for day in store.days.on_disk()? {
        store.days.get(day)?.read(|db| {
            let mut statement = db.prepare("SELECT DISTINCT context FROM events WHERE context IS NOT NULL")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let context: ContextRef = from_json(&row.get::<_, String>(0)?)?;
                missing.extend(context.head.into_iter().chain([context.manifest]).filter(|id| !known.contains(id)));
            }
            Ok(())
        })?;
    }
    if missing.len() > MISSING_TOLD_MAX {
        findings.push(format!("{} items that contexts begin with are not stored", missing.len()));
    } else {
        findings.extend(missing.into_iter().map(|id| format!("content item {id} of a context is not stored")));
    }
    Ok(())
}
