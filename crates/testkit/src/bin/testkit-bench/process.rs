//! Processor time, by thread, and memory of a process with its children, from `/proc`.

use std::collections::HashMap;

/// `USER_HZ`: the unit of `/proc/PID/stat`, 100 on every Linux that runs this.
const TICKS_PER_SECOND: u64 = 100;

/// How the threads of Ursa begin that have no part in forwarding and in the journal.
const BEHIND_THE_JOURNAL: [&str; 5] = ["pipeline", "store", "retention", "api", "index"];

/// Processor time so far and resident memory now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Microseconds, user and system.
    pub(crate) cpu_us: u64,
    /// Those of threads that work behind the journal. What is left forwards and records; threads that have ended
    /// count there, too, since segments of the journal are made by such.
    pub(crate) behind_us: u64,
    /// Kilobytes.
    pub(crate) rss_kb: u64,
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// Of a process and all below it; zero for what is gone.
pub(crate) fn usage(pid: u32) -> Usage {
    let stats: HashMap<u32, Stat> = numbers("/proc").filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let mut total = Usage::default();
    for (candidate, stat) in &stats {
        if is_below(*candidate, pid, &stats) {
            total.cpu_us += stat.ticks * 1_000_000 / TICKS_PER_SECOND;
            total.rss_kb += rss_kb(*candidate).unwrap_or_default();
        }
    }
    for (name, cpu_us) in threads(pid) {
        if BEHIND_THE_JOURNAL.iter().any(|prefix| name.starts_with(prefix)) {
            total.behind_us += cpu_us;
        }
    }
    total
}

/// The threads of one process by name, with their processor time in microseconds.
pub(crate) fn threads(pid: u32) -> Vec<(String, u64)> {
    let tasks = format!("/proc/{pid}/task");
    let thread = |id: u32| {
        let name = std::fs::read_to_string(format!("{tasks}/{id}/comm")).ok()?;
        let times = std::fs::read_to_string(format!("{tasks}/{id}/schedstat")).ok()?;
        let nanos: u64 = times.split_whitespace().next()?.parse().ok()?;
        Some((name.trim_end().to_owned(), nanos / 1_000))
    };
    numbers(&tasks).filter_map(thread).collect()
}

fn numbers(folder: &str) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Fields 4, 14 and 15, counted behind the command's name, which may hold blanks.
fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks: number(11)? + number(12)? })
}

fn is_below(pid: u32, root: u32, stats: &HashMap<u32, Stat>) -> bool {
    let mut current = pid;
    while current != root {
        match stats.get(&current) {
            Some(stat) if stat.parent != 0 => current = stat.parent,
            _ => return false,
        }
    }
    true
}

fn rss_kb(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}
