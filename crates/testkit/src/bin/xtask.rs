//! Tasks of the project: `cargo xtask transparency`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is this program's output")]

use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::transparency::{Edge, Row, Stage, generated, recorded, run, table};

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
    let options = ServerOptions::for_upstream(&folder.path().join("data"), &format!("http://{}", stage.addr()));
    let mut server = runtime.block_on(UrsaServer::start(options))?;
    let edge = Edge { addr: server.address()?, prefix: "/edge/openai".to_owned() };
    let mut rows = Vec::new();
    for case in recorded()?.into_iter().chain(generated()) {
        let verdict = run(&case, &stage, &edge).with_context(|| case.name.clone())?;
        Row::add(&mut rows, &case, verdict);
    }
    runtime.block_on(server.terminate())?;
    print!("{}", table(&rows));
    let differences: Vec<String> = rows.iter().flat_map(Row::differences).collect();
    for difference in &differences {
        eprintln!("{difference}");
    }
    Ok(differences.is_empty())
}
