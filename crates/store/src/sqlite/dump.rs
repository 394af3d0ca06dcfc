//! The store as text, for comparison: of two stores with the same record it is the same.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use ursa_model::ids::hex;

use super::coding::day_name;
use super::{SqliteStore, content, packs};
use crate::StoreError;
use crate::record::ContentId;

/// Tables of a day's file whose rows are the record.
const DAY_TABLES: &[&str] = &[
    "state",
    "cursor",
    "dropped",
    "applied",
    "facts",
    "fact_ids",
    "replaced",
    "events",
    "event_aliases",
    "sessions",
    "session_aliases",
    "marks",
    "tombstones",
];

/// Tables of `meta.db` that follow from the day files.
pub(super) const DERIVED_TABLES: &[&str] = &[
    "days",
    "dropped",
    "fact_days",
    "scope_days",
    "event_index",
    "session_days",
    "session_attributes",
    "session_aliases",
    "sessions",
    "session_values",
    "marks",
    "tombstones",
];

impl SqliteStore {
    /// Every row of the record, of what follows from it, and all content, as lines of text.
    #[doc(hidden)]
    pub fn dump(&self) -> Result<String, StoreError> {
        let _files = self.hold_files();
        let mut text = String::new();
        for day in self.days.on_disk()? {
            let file = self.days.get(day)?;
            for table in DAY_TABLES {
                file.read(|db| add_lines(db, &format!("{} {table}", day_name(day)), table, &mut text))?;
            }
        }
        for table in DERIVED_TABLES {
            self.meta.read(|db| add_lines(db, table, table, &mut text))?;
        }
        self.add_content(&mut text)?;
        Ok(text)
    }

    fn add_content(&self, text: &mut String) -> Result<(), StoreError> {
        let ids: Vec<ContentId> = self.meta.read(|meta| {
            let mut statement = meta.prepare("SELECT id FROM content ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok(ContentId(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        for id in ids {
            if let Some(place) = self.meta.read(|meta| content::place(meta, id))? {
                let bytes = packs::read(&self.dir, &place, &self.keys)?;
                text.extend(["content|", &id.to_string(), "|", &place.day.to_string(), "|"]);
                text.extend([&hex(&bytes.unwrap_or_default()), "\n"]);
            }
        }
        Ok(())
    }
}

/// A table's rows as sorted lines. Sizes in bytes depend on how a file came to be, row numbers on the order of arrival.
pub(super) fn add_lines(db: &Connection, name: &str, table: &str, text: &mut String) -> Result<(), StoreError> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table}"))?;
    let skipped: Vec<bool> =
        statement.column_names().into_iter().map(|column| column == "bytes" || column == "n").collect();
    let mut lines = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut line = name.to_owned();
        for (column, skipped) in skipped.iter().enumerate() {
            if !skipped {
                line.push('|');
                line.push_str(&shown(row.get_ref(column)?));
            }
        }
        line.push('\n');
        lines.push(line);
    }
    lines.sort_unstable();
    text.extend(lines);
    Ok(())
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => hex(bytes),
    }
}
