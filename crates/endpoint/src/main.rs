//! `ursa-endpoint`: see the crate's documentation.

use std::process::ExitCode;

use clap::Parser;
use ursa_endpoint::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let _ = cli;
    ExitCode::SUCCESS
}
