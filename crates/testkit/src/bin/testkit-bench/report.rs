//! Medians over rounds and ratios to nginx.

use std::fmt::Write as _;

/// What one case gave in one way and one round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) requests_per_second: f64,
    pub(crate) whole_p50_us: f64,
    pub(crate) whole_p99_us: f64,
    pub(crate) first_byte_p50_us: f64,
    pub(crate) first_byte_p99_us: f64,
    pub(crate) gap_p50_us: f64,
    pub(crate) gap_p99_us: f64,
    /// Of the proxy's threads that forward and write the journal, until the last answer ended.
    pub(crate) edge_us_per_request: f64,
    /// The same by event of the answers, requests and connections included.
    pub(crate) edge_us_per_event: f64,
    /// Of the threads behind the journal, meanwhile.
    pub(crate) pipeline_us_per_request: f64,
    /// Of all of the proxy, until everything recorded was in the store.
    pub(crate) cpu_us_per_request_settled: f64,
    pub(crate) settle_ms: f64,
    pub(crate) peak_rss_mb: f64,
    pub(crate) rss_kb_per_client: f64,
}

type Field = fn(&Sample) -> f64;

const FIELDS: [(&str, Field); 14] = [
    ("req/s", |sample| sample.requests_per_second),
    ("p50 us", |sample| sample.whole_p50_us),
    ("p99 us", |sample| sample.whole_p99_us),
    ("ttfb p50", |sample| sample.first_byte_p50_us),
    ("ttfb p99", |sample| sample.first_byte_p99_us),
    ("gap p50", |sample| sample.gap_p50_us),
    ("gap p99", |sample| sample.gap_p99_us),
    ("edge us/req", |sample| sample.edge_us_per_request),
    ("edge us/event", |sample| sample.edge_us_per_event),
    ("pipeline us/req", |sample| sample.pipeline_us_per_request),
    ("cpu settled", |sample| sample.cpu_us_per_request_settled),
    ("settle ms", |sample| sample.settle_ms),
    ("rss MB", |sample| sample.peak_rss_mb),
    ("KB/client", |sample| sample.rss_kb_per_client),
];

impl Sample {
    pub(crate) fn line(&self) -> String {
        format!(
            "{:>7.0} req/s  p50 {:>8.0} us  p99 {:>8.0} us  edge {:>6.1} us/req {:>6.1} us/event  pipeline {:>6.0} us/req  {:>5.0} KB/client",
            self.requests_per_second,
            self.whole_p50_us,
            self.whole_p99_us,
            self.edge_us_per_request,
            self.edge_us_per_event,
            self.pipeline_us_per_request,
            self.rss_kb_per_client,
        )
    }
}

/// The value below which so many per cent of the values lie; 0 for none.
pub(crate) fn percentile(values: &mut [u64], percent: usize) -> f64 {
    values.sort_unstable();
    at_percent(values, percent).map_or(0.0, |value| *value as f64)
}

/// As [`percentile`], for differences.
pub(crate) fn percentile_signed(values: &mut [i64], percent: usize) -> f64 {
    values.sort_unstable();
    at_percent(values, percent).map_or(0.0, |value| *value as f64)
}

fn at_percent<T>(sorted: &[T], percent: usize) -> Option<&T> {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[derive(Default)]
pub(crate) struct Report {
    samples: Vec<(&'static str, String, Sample)>,
    /// Time added to the first byte, by way: median and 99th percentile of a round.
    added: Vec<(String, f64, f64)>,
}

impl Report {
    pub(crate) fn add(&mut self, case: &'static str, way: &str, sample: Sample) {
        self.samples.push((case, way.to_owned(), sample));
    }

    pub(crate) fn add_added(&mut self, way: &str, p50: f64, p99: f64) {
        self.added.push((way.to_owned(), p50, p99));
    }

    fn median_of(&self, case: &str, way: &str, field: Field) -> f64 {
        let of_way = self.samples.iter().filter(|(its_case, its_way, _)| *its_case == case && its_way == way);
        median(of_way.map(|(_, _, sample)| field(sample)).collect())
    }

    fn ways(&self, case: &str) -> Vec<&str> {
        distinct(self.samples.iter().filter(|(its_case, ..)| *its_case == case).map(|(_, way, _)| way.as_str()))
    }

    /// Tables in Markdown: a row for each case and way, then the ratios of Ursa's rows to nginx's.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from("Medians over rounds. Times in microseconds.\n");
        if !self.samples.is_empty() {
            self.loads(&mut table);
        }
        if !self.added.is_empty() {
            table.push_str("\n| idle, 200 KB | added to the first byte, p50 us | p99 us |\n|---|--:|--:|");
            for way in distinct(self.added.iter().map(|(way, ..)| way.as_str())) {
                let of_way = || self.added.iter().filter(|(its_way, ..)| its_way == way);
                let (p50, p99) = (of_way().map(|row| row.1).collect(), of_way().map(|row| row.2).collect());
                let _ = write!(table, "\n| {way} | {:.0} | {:.0} |", median(p50), median(p99));
            }
            table.push('\n');
        }
        table
    }

    fn loads(&self, table: &mut String) {
        table.push_str("\n| case | way |");
        for (name, _) in FIELDS {
            let _ = write!(table, " {name} |");
        }
        table.push_str("\n|---|---|");
        table.push_str(&"--:|".repeat(FIELDS.len()));
        for case in distinct(self.samples.iter().map(|(case, ..)| *case)) {
            let ways = self.ways(case);
            for way in &ways {
                let _ = write!(table, "\n| {case} | {way} |");
                for (_, field) in FIELDS {
                    let _ = write!(table, " {:.0} |", self.median_of(case, way, field));
                }
            }
            for ours in ways.iter().filter(|way| way.starts_with("ursa") && ways.contains(&"nginx")) {
                let _ = write!(table, "\n| {case} | {ours} / nginx |");
                for (_, field) in FIELDS {
                    let (ours, theirs) = (self.median_of(case, ours, field), self.median_of(case, "nginx", field));
                    let _ =
                        if theirs > 0.0 { write!(table, " {:.2} |", ours / theirs) } else { write!(table, " – |") };
                }
            }
        }
        table.push('\n');
    }
}

/// Each value once, in the order of its first appearance.
fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}
