//! `ursa`: the server program and its admin commands.

// The one program that talks to a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod clock;
mod config;
mod control;
mod demo;
mod devices;
mod ingest;
mod keys;
mod rate;
mod replay;
mod retention;
mod secrets;
mod serve;
mod sink;
mod stats;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use admin::{Expiry, Uses};
use config::{DEFAULTS, Flags};

/// Records what AI agents do: prompts, completions and tool calls, between the agents and the models they talk to.
#[derive(Parser)]
#[command(name = "ursa", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: edge, journal, store, API and pages in one process
    Serve(ServeArgs),
    /// Run the server with simulated agents, to look around: no key, no network
    Demo(DemoArgs),
    /// Tokens for the REST API
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Keys with which agents on other machines use the edge
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Tokens with which devices enrol
    EnrollToken {
        #[command(subcommand)]
        command: EnrollTokenCommand,
    },
    /// Keys of enrolled devices
    DeviceKey {
        #[command(subcommand)]
        command: DeviceKeyCommand,
    },
    /// Run the pipeline again over the captures that are still kept
    Replay(Common),
    /// Check the store's integrity and print what was found
    Verify(Common),
    /// The settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Args)]
struct Common {
    /// Where everything is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A settings file (TOML); see `ursa config show --defaults`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct ServeArgs {
    #[command(flatten)]
    common: Common,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// What this process does
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Option<Vec<String>>,
    /// NAME=URL moves a built-in upstream, NAME=PROTOCOL+URL adds one; repeatable
    #[arg(long = "upstream", value_name = "NAME=URL")]
    upstreams: Vec<String>,
    /// The store: sqlite
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

#[derive(Args)]
struct DemoArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where everything is kept; without it a temporary folder, removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it once, alone on the last line
    Create {
        #[command(flatten)]
        common: Common,
        /// What its bearer may do
        #[arg(long, value_parser = ["admin", "analyst", "viewer", "auditor"])]
        role: String,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make a key for the edge and print it once, alone on the last line
    Create {
        #[command(flatten)]
        common: Common,
        /// A name to know it by
        #[arg(long, default_value = "default")]
        name: String,
    },
}

#[derive(Subcommand)]
enum EnrollTokenCommand {
    /// Make an enrolment token and print it once, alone on the last line
    Create {
        #[command(flatten)]
        common: Common,
        /// How many machines may enrol with it: a number, or `unlimited`
        #[arg(long, value_name = "N", default_value = "1", value_parser = admin::uses)]
        uses: Uses,
        /// When it ends: after `30m`, `12h` or `7d`, at a time such as 2026-12-01T00:00:00Z, or `never`
        #[arg(long, value_name = "D", default_value = "7d", value_parser = admin::expiry)]
        expires: Expiry,
    },
}

#[derive(Subcommand)]
enum DeviceKeyCommand {
    /// End all keys of a device, or one key. The device may enrol again with a valid token
    Revoke {
        #[command(flatten)]
        common: Common,
        /// The device's id (`dev_…`, see `GET /api/v1/devices`), or a key's (`dk_…`, see `GET /api/v1/audit`)
        id: String,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the settings file
    Show {
        /// The documented defaults
        #[arg(long, required = true)]
        defaults: bool,
    },
}

impl Common {
    fn flags(self) -> Flags {
        Flags { data_dir: self.data_dir, config: self.config, ..Flags::default() }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes is printed once, here.
            eprintln!("ursa: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let variables: BTreeMap<String, String> = std::env::vars().filter(|(name, _)| name.starts_with("URSA_")).collect();
    let load = |flags: &Flags| config::load(flags, &variables);
    match cli.command {
        Command::Serve(args) => {
            let mut flags = args.common.flags();
            flags.listen = args.listen;
            flags.roles = args.roles;
            flags.upstreams = args.upstreams;
            flags.store = args.store;
            serve::run(&load(&flags)?)?;
        }
        Command::Demo(args) => demo::run(args.listen, args.data_dir)?,
        Command::Token { command: TokenCommand::Create { common, role } } => {
            println!("{}", admin::create_token(&load(&common.flags())?, &role)?);
        }
        Command::Key { command: KeyCommand::Create { common, name } } => {
            println!("{}", admin::create_key(&load(&common.flags())?, &name)?);
        }
        Command::EnrollToken { command: EnrollTokenCommand::Create { common, uses, expires } } => {
            println!("{}", admin::create_enroll_token(&load(&common.flags())?, uses, expires)?);
        }
        Command::DeviceKey { command: DeviceKeyCommand::Revoke { common, id } } => {
            println!("{}", admin::revoke_device_keys(&load(&common.flags())?, &id)?);
        }
        Command::Replay(common) => println!("{}", admin::replay(&load(&common.flags())?)?),
        Command::Verify(common) => {
            let found = admin::verify(&load(&common.flags())?)?;
            if !found.is_empty() {
                println!("{}", found.join("\n"));
                return Ok(ExitCode::FAILURE);
            }
            println!("ursa: the store is sound");
        }
        Command::Config { command: ConfigCommand::Show { defaults: _ } } => print!("{DEFAULTS}"),
    }
    Ok(ExitCode::SUCCESS)
}
