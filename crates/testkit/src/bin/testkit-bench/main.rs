//! The benchmark: one load, several ways in turn (directly, through plain nginx, through Ursa with recording, through
//! other proxies when asked for), several rounds, medians and ratios. Everything runs on this machine, so absolute
//! numbers say little and ratios much.
#![allow(clippy::print_stdout, reason = "the table is this program's output")]

mod cases;
mod client;
mod peers;
mod process;
mod report;
mod trouble;
mod upstream;
mod ways;

use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use cases::Case;
use report::{Report, percentile_signed};
use ways::{Way, Ways};

/// Compares Ursa with plain nginx and with no proxy.
#[derive(Parser)]
struct Arguments {
    /// Rounds; each runs every case in every way. Medians are over rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load for each case, way and round.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Which cases, by their letters; t is the time added to the first byte on an idle machine.
    #[arg(long, default_value = "a,b,c,d,t")]
    cases: String,
    /// Which ways: direct, nginx, haproxy, portkey, litellm, ursa, ursa-strict, ursa-edge (no pipeline), ursa-full and
    /// ursa-stuck (a disk that is full or hangs; needs the rights to mount).
    #[arg(long, default_value = "direct,nginx,ursa")]
    ways: String,
}

/// After a case, Ursa may still be working off its journal; that work is charged to it.
const SETTLE_LIMIT: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let letters: Vec<&str> = arguments.cases.split(',').map(str::trim).collect();
    let cases: Vec<Case> = cases::all().into_iter().filter(|case| letters.contains(&case.letter)).collect();
    let idle = letters.contains(&cases::idle().letter);
    anyhow::ensure!(!cases.is_empty() || idle, "no case {:?}: a, b, c, d, t", arguments.cases);
    let upstream = upstream::BenchUpstream::start()?;
    let names: Vec<&str> = arguments.ways.split(',').map(str::trim).collect();
    let ways = Ways::start(upstream.address(), &names).await?;
    let mut report = Report::default();
    let mut outcome = Ok(());
    for round in 1..=arguments.rounds {
        outcome = measure(&ways, &cases, idle, round, Duration::from_secs(arguments.seconds), &mut report).await;
        if outcome.is_err() {
            break;
        }
    }
    ways.stop().await?;
    outcome?;
    println!("\n{}", report.table());
    Ok(())
}

async fn measure(
    ways: &Ways,
    cases: &[Case],
    idle: bool,
    round: usize,
    length: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    for case in cases {
        // The ways of a case follow each other, so that a busy neighbour hits all of them alike.
        for way in ways.all() {
            match ways.measure(way, case, length, SETTLE_LIMIT).await {
                Ok(sample) => {
                    println!("round {round}  {:<34} {:<11} {}", case.name, way.name, sample.line());
                    report.add(case.name, &way.name, sample);
                }
                Err(error) => failed(way, case, error)?,
            }
        }
    }
    for way in ways.all().filter(|way| idle && way.name != "direct") {
        let case = cases::idle();
        match ways.added(way).await {
            Ok(mut added) => {
                let (p50, p99) = (percentile_signed(&mut added, 50), percentile_signed(&mut added, 99));
                println!(
                    "round {round}  {:<34} {:<11} added to the first byte: p50 {p50} us, p99 {p99} us",
                    case.name, way.name
                );
                report.add_added(&way.name, p50, p99);
            }
            Err(error) => failed(way, &case, error)?,
        }
    }
    Ok(())
}

/// What others cannot do is said and left out; what Ursa cannot do ends the run.
fn failed(way: &Way, case: &Case, error: anyhow::Error) -> anyhow::Result<()> {
    if way.is_ours() {
        return Err(error).with_context(|| format!("{} {}", case.name, way.name));
    }
    println!("{} {}: fails: {error:#}", case.name, way.name);
    Ok(())
}
