//! `ursa-endpoint`: see the crate's documentation.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ursa_endpoint::args::{Cli, Command, DaemonArgs, EnrollArgs, InstallArgs, UninstallArgs};
use ursa_endpoint::deliver::DeliverError;
use ursa_endpoint::install::{self, InstallError, Report};
use ursa_endpoint::state::StateDir;
use ursa_endpoint::{deliver, enroll, exit, hook};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // An agent waits for this one: nothing else is made before it.
    if arguments.next().is_some_and(|command| command == "hook") {
        return hook::run(hook::Call::parse(arguments));
    }
    let Cli { command, state_dir } = Cli::parse();
    match command {
        Command::Hook { agent, event } => hook::run(hook::Call { agent, event, state_dir }),
        Command::Enroll(arguments) => with_state(state_dir, |state| enrolled(state, &arguments)),
        Command::Flush(arguments) if arguments.detached => with_state(state_dir, |state| {
            // Nobody listens; what went wrong stands in the state directory.
            deliver::linger(state).map_or_else(|error| ExitCode::from(error.code()), |()| ExitCode::SUCCESS)
        }),
        Command::Flush(_) => with_state(state_dir, flushed),
        Command::Daemon(arguments) => with_state(state_dir, |state| match daemon(state, &arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, error.code()),
        }),
        #[cfg(unix)]
        Command::Relay => with_state(state_dir, |state| {
            // Nobody listens; what went wrong stands in the state directory.
            deliver::machine::relayed(state).map_or_else(|error| ExitCode::from(error.code()), |()| ExitCode::SUCCESS)
        }),
        Command::Install(arguments) => {
            let arguments = InstallArgs { state_dir, ..arguments };
            reported(install::run(&arguments), arguments.json)
        }
        Command::Uninstall(arguments) => {
            let arguments = UninstallArgs { state_dir, ..arguments };
            reported(install::uninstall(&arguments), arguments.json)
        }
    }
}

fn with_state(named: Option<PathBuf>, act: impl FnOnce(&StateDir) -> ExitCode) -> ExitCode {
    match StateDir::resolve(named) {
        Ok(state) => act(&state),
        Err(error) => failed(&error, exit::STATE),
    }
}

fn enrolled(state: &StateDir, arguments: &EnrollArgs) -> ExitCode {
    match enroll::enroll(state, arguments) {
        Ok(done) => {
            let code = said(&format!("enrolled as device {}; state in {}", done.device_id, state.root().display()));
            for path in &done.outdated {
                said(&format!(
                    "{} holds the key until now, which ends: run `ursa-endpoint install --channels hooks,edge` again",
                    path.display()
                ));
            }
            code
        }
        Err(error) => failed(&error, error.code()),
    }
}

fn daemon(state: &StateDir, arguments: &DaemonArgs) -> Result<(), DeliverError> {
    #[cfg(unix)]
    if arguments.all_users {
        return deliver::machine::daemon(state, &std::env::current_exe()?, |error| tell(error));
    }
    deliver::daemon(state, |error| tell(error))
}

fn flushed(state: &StateDir) -> ExitCode {
    match deliver::flush(state) {
        Ok(sent) if sent.rejected == 0 => said(&format!("{} records delivered", sent.delivered)),
        Ok(sent) => said(&format!(
            "{} records delivered, {} refused by the server and kept in {}",
            sent.delivered,
            sent.rejected,
            state.path("rejected").display()
        )),
        Err(error) => failed(&error, error.code()),
    }
}

fn reported(done: Result<Report, InstallError>, json: bool) -> ExitCode {
    match done {
        Ok(report) => {
            said(if json { report.json() } else { report.text() }.trim_end());
            ExitCode::from(if report.failed() { exit::INSTALL } else { exit::OK })
        }
        Err(error) => failed(&error, exit::INSTALL),
    }
}

/// A line for the person who asked. That nobody reads it changes nothing.
fn said(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn failed(error: &dyn Display, code: u8) -> ExitCode {
    tell(error);
    ExitCode::from(code)
}

fn tell(error: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "ursa-endpoint: {error}");
}
