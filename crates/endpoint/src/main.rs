//! `ursa-endpoint`: see the crate's documentation.

use std::process::ExitCode;

use clap::Parser;
use ursa_endpoint::args::{Cli, Command};
use ursa_endpoint::hook;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // An agent waits for this one: nothing else is made before it.
    if arguments.next().is_some_and(|command| command == "hook") {
        return hook::run(hook::Call::parse(arguments));
    }
    let cli = Cli::parse();
    match cli.command {
        Command::Hook { agent, event } => hook::run(hook::Call { agent, event, state_dir: cli.state_dir }),
        _ => ExitCode::SUCCESS,
    }
}
