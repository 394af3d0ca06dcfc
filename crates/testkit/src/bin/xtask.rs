//! Tasks of the project: `cargo xtask transparency`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is this program's output")]

use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::transparency::{Row, Stage, UPSTREAMS, generated, recorded, run, table};

/// Tasks of the project.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The same traffic directly and through a recording `ursa`, compared byte for byte; prints docs/TRANSPARENCY.md's
    /// table.
    Transparency,
}

fn main() -> ExitCode {
    let Arguments { task: Task::Transparency } = Arguments::parse();
    match transparency() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False when something differs that must not.
fn transparency() -> anyhow::Result<bool> {
    if std::env::var_os("URSA_BIN").is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--quiet", "--package", "ursa", "--bin", "ursa"]).status()?;
        anyhow::ensure!(built.success(), "`ursa` does not build");
    }
    let stage = Stage::new()?;
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let upstreams = UPSTREAMS.map(|name| format!("{name}=http://{}", stage.addr()));
    let options =
        ServerOptions { upstreams: upstreams.into(), ..ServerOptions::for_upstream(&folder.path().join("data"), "") };
    let mut server = runtime.block_on(UrsaServer::start(options))?;
    let edge = server.address()?;
    let (mut rows, mut exchanges) = (Vec::new(), 0);
    for case in recorded()?.into_iter().chain(generated()) {
        let verdict = run(&case, &stage, edge).with_context(|| case.name.clone())?;
        exchanges += case.exchanges + usize::from(verdict.http2.is_some());
        Row::add(&mut rows, &case, verdict);
    }
    let stats = runtime.block_on(async { server.api().await?.get("/api/v1/stats").await })?;
    runtime.block_on(server.terminate())?;
    anyhow::ensure!(stats["edge"]["requests"] == exchanges, "not {exchanges} exchanges through ursa: {stats}");
    let counters = ["edge", "journal"].map(|part| stats[part].as_object().cloned().unwrap_or_default());
    let dropped = counters.iter().flatten().filter(|(name, count)| name.starts_with("dropped_") && **count != 0);
    anyhow::ensure!(dropped.count() == 0, "not all was recorded: {stats}");
    print!("{}", table(&rows));
    println!("{exchanges} exchanges went through Ursa; nothing of them was dropped from the record.");
    let differences: Vec<String> = rows.iter().flat_map(Row::differences).collect();
    for difference in &differences {
        eprintln!("{difference}");
    }
    Ok(differences.is_empty())
}
