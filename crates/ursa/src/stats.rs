//! The process's counters, for `/stats`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use ursa_api::{RuntimeCounters, RuntimeStats};
use ursa_collect::Collect;
use ursa_edge::Edge;
use ursa_journal::{Health, Journal};

/// Reads them where they are kept.
pub(crate) struct Counters {
    pub(crate) journal: Arc<Journal>,
    pub(crate) edge: Option<Arc<Edge>>,
    pub(crate) collect: Option<Arc<Collect>>,
}

impl RuntimeStats for Counters {
    fn counters(&self) -> RuntimeCounters {
        let stats = self.journal.stats();
        let mut journal = BTreeMap::new();
        flatten(&stats, "", &mut journal);
        journal.insert("failed".to_owned(), u64::from(self.journal.health() != Health::Working));
        let mut edge = BTreeMap::new();
        if let Some(running) = &self.edge {
            flatten(&running.stats(), "", &mut edge);
            // The asking itself is one: it would make an idle server look busy.
            edge.remove("open_connections");
        }
        let mut dropped = BTreeMap::new();
        flatten(&stats.dropped, "journal_", &mut dropped);
        dropped.retain(|_, count| *count > 0);
        let mut collect = BTreeMap::new();
        if let Some(running) = &self.collect {
            flatten(&running.stats(), "", &mut collect);
        }
        RuntimeCounters { pending: self.journal.backlog().pending(), dropped, edge, journal, collect }
    }
}

/// Every number of a plain struct by its name.
fn flatten(stats: &impl Serialize, prefix: &str, into: &mut BTreeMap<String, u64>) {
    fn walk(value: &Value, name: &str, into: &mut BTreeMap<String, u64>) {
        match value {
            Value::Number(number) => {
                into.insert(name.to_owned(), number.as_u64().unwrap_or_default());
            }
            Value::Object(map) => {
                for (key, item) in map {
                    let joint = if name.is_empty() || name.ends_with('_') { "" } else { "_" };
                    walk(item, &format!("{name}{joint}{key}"), into);
                }
            }
            _ => {}
        }
    }
    walk(&serde_json::to_value(stats).unwrap_or_default(), prefix, into);
}
